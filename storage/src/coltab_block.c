/* storage/src/coltab_block.c - one block of a column table as bytes.
 *
 * Layout      for each column: u8 mode | LEB128 length | that many bytes.
 *             CONSTANT  one code; all rows have it
 *             PLAIN     a code per row
 *             DELTA     a code per row, of the difference to the last row that was not NULL (0 at
 *                       first)
 * Codes       LEB128 of zigzag(value) + 1 modulo 2^64.  NULL is INT64_MIN, whose zigzag is
 *             2^64 - 1, so that NULL is code 0 and no other value is.
 * Invariants  1. A difference of INT64_MIN would look like NULL: such a column is PLAIN.
 *             2. Decoding reads nothing outside of the given bytes, whatever they hold, and a
 *                column that does not use exactly its bytes is damaged.
 * Not here    compression and where blocks are kept: coltab.c. */
#include "storage/src/coltab_block.h"

#include <stdbool.h>
#include <string.h>

#include "storage/src/coltab.h"

enum mode { CONSTANT, PLAIN, DELTA };

static inline uint64_t zigzag(int64_t v) {
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}
static inline int64_t unzigzag(uint64_t u) {
    return (int64_t)((u >> 1) ^ (0 - (u & 1)));
}
static inline uint64_t difference(int64_t a, int64_t b) {
    return (uint64_t)a - (uint64_t)b;
}

static inline uint8_t *put_leb(uint8_t *p, uint64_t u) {
    while (u >= 0x80) {
        *p++ = (uint8_t)(u | 0x80);
        u >>= 7;
    }
    *p++ = (uint8_t)u;
    return p;
}

/* get_leb - moves *p; false where the number does not end before `end` or exceeds 64 bits. */
static inline bool get_leb(const uint8_t **p, const uint8_t *end, uint64_t *out) {
    const uint8_t *c = *p;
    uint64_t u = 0;
    for (unsigned shift = 0; shift < 64 && c < end; shift += 7) {
        uint64_t b = *c++;
        if (shift == 63 && b > 1) return false;
        u |= (b & 0x7f) << shift;
        if (b < 0x80) {
            *p = c;
            *out = u;
            return true;
        }
    }
    return false;
}

static uint32_t code_bits(uint64_t u) {
    return 64 - (uint32_t)__builtin_clzll(u | 1);
}

static struct coltab_bounds bounds_of(const int64_t *v, uint32_t n, bool *any_null) {
    struct coltab_bounds b = {INT64_MAX, INT64_MIN};
    uint32_t n_null = 0;
    for (uint32_t i = 0; i < n; i++) {
        bool null = v[i] == COLTAB_NULL;
        n_null += null;
        int64_t low = null ? INT64_MAX : v[i];
        if (low < b.min) b.min = low;
        if (v[i] > b.max) b.max = v[i]; /* NULL is the smallest number: it never wins */
    }
    *any_null = n_null > 0;
    return b;
}

/* delta_pays - looks at every 16th pair.  A pair with NULL says nothing. */
static bool delta_pays(const int64_t *v, uint32_t n) {
    uint64_t plain = 0, delta = 0;
    for (uint32_t i = 1; i < n; i += n < 64 ? 1 : 16) {
        if (v[i] == COLTAB_NULL || v[i - 1] == COLTAB_NULL) continue;
        plain += (code_bits(zigzag(v[i]) + 1) + 6) / 7;
        delta += (code_bits(zigzag((int64_t)difference(v[i], v[i - 1])) + 1) + 6) / 7;
    }
    return delta < plain;
}

static uint8_t *put_plain(uint8_t *p, const int64_t *v, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) p = put_leb(p, zigzag(v[i]) + 1);
    return p;
}

/* put_delta - NULL where a difference has no code (invariant 1). */
static uint8_t *put_delta(uint8_t *p, const int64_t *v, uint32_t n) {
    int64_t before = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (v[i] == COLTAB_NULL) {
            *p++ = 0;
            continue;
        }
        uint64_t code = zigzag((int64_t)difference(v[i], before)) + 1;
        if (code == 0) return NULL;
        p = put_leb(p, code);
        before = v[i];
    }
    return p;
}

/* The length stands before the bytes and takes 1 to 3 of its own: they are moved into place. */
static uint8_t *seal_column(uint8_t *at, enum mode mode, uint8_t *body, const uint8_t *end) {
    size_t n = (size_t)(end - body);
    *at++ = (uint8_t)mode;
    at = put_leb(at, n);
    memmove(at, body, n);
    return at + n;
}

static uint8_t *put_column(uint8_t *at, const int64_t *v, uint32_t n,
                           struct coltab_bounds *bounds) {
    bool any_null;
    *bounds = bounds_of(v, n, &any_null);
    uint8_t *body = at + 11;
    bool all_null = bounds->min > bounds->max;
    if (all_null || (!any_null && bounds->min == bounds->max))
        return seal_column(at, CONSTANT, body, put_plain(body, v, 1));
    if (delta_pays(v, n)) {
        uint8_t *end = put_delta(body, v, n);
        if (end) return seal_column(at, DELTA, body, end);
    }
    return seal_column(at, PLAIN, body, put_plain(body, v, n));
}

size_t coltab_encode(const int64_t *values, uint32_t n_cols, uint32_t n_rows,
                     struct coltab_bounds *bounds, uint8_t *out) {
    uint8_t *at = out;
    for (uint32_t c = 0; c < n_cols; c++)
        at = put_column(at, values + (size_t)c * COLTAB_STRIDE, n_rows, &bounds[c]);
    return (size_t)(at - out);
}

int coltab_split(const uint8_t *raw, size_t n, uint32_t n_cols, struct coltab_piece *out) {
    const uint8_t *p = raw, *end = raw + n;
    for (uint32_t c = 0; c < n_cols; c++) {
        uint64_t length;
        if (p == end) return -1;
        uint8_t mode = *p++;
        if (mode > DELTA || !get_leb(&p, end, &length) || length > (uint64_t)(end - p)) return -1;
        out[c] = (struct coltab_piece){p, (size_t)length, mode};
        p += length;
    }
    return p == end ? 0 : -1;
}

int coltab_decode(const struct coltab_piece *piece, uint32_t n_rows, int64_t *out) {
    const uint8_t *p = piece->data, *end = p + piece->n;
    uint64_t code;
    if (piece->mode == CONSTANT) {
        if (!get_leb(&p, end, &code)) return -1;
        for (uint32_t i = 0; i < n_rows; i++) out[i] = unzigzag(code - 1);
    } else if (piece->mode == PLAIN) {
        for (uint32_t i = 0; i < n_rows; i++) {
            if (!get_leb(&p, end, &code)) return -1;
            out[i] = unzigzag(code - 1);
        }
    } else {
        uint64_t before = 0;
        for (uint32_t i = 0; i < n_rows; i++) {
            if (!get_leb(&p, end, &code)) return -1;
            if (code) before += (uint64_t)unzigzag(code - 1);
            out[i] = code ? (int64_t)before : COLTAB_NULL;
        }
    }
    return p == end ? 0 : -1;
}
