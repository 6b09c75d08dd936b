/* storage/src/palette.c - codes for what a page has few different ones of.
 *
 * Layout      varint number of entries, 1 … PALETTE_MAX; per column: width w in bits; per column:
 *             the entries' numbers, w bits each, lowest first, up to a whole byte; the codes as
 *             bits.h writes them.
 * Why         what a goroutine does repeats: of the 2,048 rows of a page some ninety differ in
 *             class, place, waker's place and waker's stack together.  One code of five bits for
 *             the four of them takes two thirds of what four codes would, is made by one look-up in
 *             a table, and any row is read without those before it. */
#include "storage/src/palette.h"

#include "storage/src/bits.h"
#include "storage/src/varint.h"

_Static_assert(PALETTE_MAX <= UINT16_MAX, "a slot holds a code");

static uint64_t number_of(const struct palette_entry *e, uint32_t column, uint32_t n_columns) {
    if (n_columns == 1) return e->a;
    return (uint32_t)((column & 2 ? e->b : e->a) >> (column & 1 ? 32 : 0));
}

static uint32_t width_of(const struct palette *p, uint32_t column, uint32_t n_columns) {
    uint64_t any = 0;
    for (uint32_t i = 0; i < p->n; i++) any |= number_of(&p->entry[i], column, n_columns);
    return bits_of(any);
}

bool palette_put(struct buffer *out, const struct palette *p, uint32_t n_columns,
                 const uint64_t *codes, uint32_t n) {
    uint64_t column[PALETTE_MAX];
    uint32_t width[PALETTE_COLUMNS];
    size_t bytes = 10 + n_columns + BITS_SLACK;
    for (uint32_t k = 0; k < n_columns; k++) {
        width[k] = width_of(p, k, n_columns);
        if (width[k] > BITS_MAX_WIDTH) return false;
        bytes += bits_packed(p->n, width[k]);
    }
    if (!buffer_reserve(out, bytes)) return true;
    buffer_varint(out, p->n);
    for (uint32_t k = 0; k < n_columns; k++) out->data[out->n++] = (uint8_t)width[k];
    for (uint32_t k = 0; k < n_columns; k++) {
        for (uint32_t i = 0; i < p->n; i++) column[i] = number_of(&p->entry[i], k, n_columns);
        bits_put_even(out->data + out->n, column, p->n, width[k]);
        out->n += bits_packed(p->n, width[k]);
    }
    bits_put(out, codes, n);
    return true;
}

/* The numbers of n codes.  Reading looks at BITS_SLACK bytes more than `packed` are. */
static void get_column(const uint8_t *packed, uint32_t width, bool slack, size_t bytes,
                       const uint64_t *codes, uint64_t *out, uint32_t n) {
    uint8_t padded[PALETTE_MAX * BITS_MAX_WIDTH / 8 + BITS_SLACK];
    if (!slack) {
        memcpy(padded, packed, bytes);
        memset(padded + bytes, 0, BITS_SLACK);
        packed = padded;
    }
    for (uint32_t i = 0; i < n; i++) out[i] = bits_at(packed, (uint32_t)codes[i], width);
}

bool palette_get(struct cursor in, uint64_t *const *out, uint32_t n_columns, uint64_t *codes,
                 struct column_part rows) {
    uint64_t n = cursor_varint(&in), any = 0;
    const uint8_t *width = cursor_bytes(&in, n_columns), *packed[PALETTE_COLUMNS];
    if (!width || n < 1 || n > PALETTE_MAX) return false;
    for (uint32_t k = 0; k < n_columns; k++) {
        if (width[k] > BITS_MAX_WIDTH) return false;
        packed[k] = cursor_bytes(&in, bits_packed((uint32_t)n, width[k]));
        if (!packed[k]) return false;
    }
    if (!bits_get(in.p, (size_t)(in.end - in.p), codes, rows.all, rows.first, rows.n)) return false;
    for (uint32_t i = 0; i < rows.n; i++) any |= (uint64_t)(codes[i] >= n);
    if (any) return false;
    for (uint32_t k = 0; k < n_columns; k++) {
        if (!out[k]) continue;
        size_t bytes = bits_packed((uint32_t)n, width[k]);
        bool slack = (size_t)(in.end - packed[k]) >= bytes + BITS_SLACK;
        get_column(packed[k], width[k], slack, bytes, codes, out[k], rows.n);
    }
    return true;
}
