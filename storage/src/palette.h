/* storage/src/palette.h - numbers, or rows of a few of them, of which few differ: each as a code,
 * and once what the codes stand for. */
#ifndef PARKVIEW_STORAGE_PALETTE_H
#define PARKVIEW_STORAGE_PALETTE_H

#include "storage/fault.h"
#include "storage/src/buffer.h"

enum { PALETTE_MAX = 512, PALETTE_SLOTS = 2 * PALETTE_MAX, PALETTE_COLUMNS = 4 };
#define PALETTE_FULL UINT32_MAX

struct palette_entry { /* one number: a; or four of 32 bits: two in a, two in b, low ones first */
    uint64_t a, b;
};
struct palette { /* starts as zeros */
    uint32_t n;
    struct palette_entry entry[PALETTE_MAX];
    uint16_t slot[PALETTE_SLOTS]; /* hash of an entry -> its code + 1 */
};
static inline void palette_clear(struct palette *p) {
    p->n = 0;
    memset(p->slot, 0, sizeof p->slot);
}
/* palette_code - PALETTE_FULL where there are too many. */
static inline uint32_t palette_code(struct palette *p, uint64_t a, uint64_t b) {
    uint64_t h = (a ^ (b << 21 | b >> 43)) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t i = (uint32_t)(h >> 54), code;
    while ((code = p->slot[i])) {
        const struct palette_entry *e = &p->entry[code - 1];
        if (e->a == a && e->b == b) return code - 1;
        i = (i + 1) % PALETTE_SLOTS;
    }
    if (p->n == PALETTE_MAX) return PALETTE_FULL;
    p->entry[p->n] = (struct palette_entry){a, b};
    p->slot[i] = (uint16_t)++p->n;
    return p->n - 1;
}
_Static_assert(PALETTE_SLOTS == 1 << (64 - 54), "a hash is a slot");

/* palette_put - appends n codes and what they stand for: entries of 1 or PALETTE_COLUMNS numbers.
 * False, and nothing appended, where a number has too many bits. */
bool palette_put(struct buffer *out, const struct palette *p, uint32_t n_columns,
                 const uint64_t *codes, uint32_t n);
/* palette_get - the columns out[k] that are not NULL, of `n` of `all` rows from `first` on; codes
 * is scratch space for n.  False where the bytes are damaged. */
struct column_part {
    uint32_t all, first, n;
};
bool palette_get(struct cursor in, uint64_t *const *out, uint32_t n_columns, uint64_t *codes,
                 struct column_part rows);

#endif
