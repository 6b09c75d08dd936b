/* storage/src/bits.c - numbers of few bits each, block by block.
 *
 * Layout      per block of 128 numbers (the last may be shorter): width w, number of exceptions e,
 *             the low w bits of every number, lowest first, up to a whole byte; then e times: place
 *             in the block, varint of the bits above w.
 * Why         a number is found without the one before it, so that reading waits for nothing: 1 ns
 *             each, where a varint takes 4.  Few long numbers do not make the others wide. */
#include "storage/src/bits.h"

#include <string.h>

#include "storage/src/varint.h"

enum { MAX_WIDTH = 56, HEADER = 2 }; /* so that eight bytes from a number's first hold all of it */

static size_t packed_bytes(uint32_t n, uint32_t width) {
    return ((size_t)n * width + 7) / 8;
}

static uint32_t n_bits(uint64_t v) {
    return 64 - (uint32_t)__builtin_clzll(v | 1) - (v == 0);
}

/* The width at which a block takes least, counted from the widest down: exceptions get more.  An
 * exception of b bits costs 1 + ceil((b - w) / 7) bytes: one bit narrower, those whose bits above w
 * are whole varints already take a byte more, and those of w bits become exceptions of two. */
static size_t plan_block(const uint64_t *v, uint32_t n, uint8_t *width) {
    uint8_t count[65] = {0};
    uint32_t by_rest[7] = {0}; /* exceptions, by their bits modulo 7 */
    for (uint32_t i = 0; i < n; i++) count[n_bits(v[i])]++;
    uint32_t widest = 64;
    while (widest && !count[widest]) widest--;
    size_t best = SIZE_MAX, exceptions = 0;
    uint32_t w = widest;
    for (; w > MAX_WIDTH; w--) {
        exceptions += by_rest[w % 7] + 2u * count[w];
        by_rest[w % 7] += count[w];
    }
    for (;; w--) {
        size_t bytes = HEADER + packed_bytes(n, w) + exceptions;
        if (bytes < best) {
            best = bytes;
            *width = (uint8_t)w;
        } else if (bytes > best + n / 8) { /* it only gets worse */
            break;
        }
        if (!w) break;
        exceptions += by_rest[w % 7] + 2u * count[w];
        by_rest[w % 7] += count[w];
    }
    return best;
}

void bits_plan(const uint64_t *values, uint32_t n, struct bits_plan *out) {
    out->bytes = 0;
    for (uint32_t i = 0; i < n; i += BITS_BLOCK)
        out->bytes += plan_block(values + i, n - i < BITS_BLOCK ? n - i : BITS_BLOCK,
                                 &out->width[i / BITS_BLOCK]);
}

static uint8_t *put_varint(uint8_t *p, uint64_t v) {
    for (; v >= 0x80; v >>= 7) *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

static uint8_t *put_block(uint8_t *p, const uint64_t *v, uint32_t n, uint32_t width) {
    uint64_t mask = (UINT64_C(1) << width) - 1, held = 0;
    uint8_t *header = p, *at = p + HEADER;
    uint32_t n_held = 0;
    for (uint32_t i = 0; i < n; i++) {
        held |= (v[i] & mask) << n_held;
        n_held += width;
        store_u64le(at, held);
        at += n_held >> 3;
        held >>= n_held & ~7u;
        n_held &= 7;
    }
    p = header + HEADER + packed_bytes(n, width);
    uint32_t exceptions = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!(v[i] >> width)) continue;
        *p++ = (uint8_t)i;
        p = put_varint(p, v[i] >> width);
        exceptions++;
    }
    header[0] = (uint8_t)width;
    header[1] = (uint8_t)exceptions;
    return p;
}

void bits_put(uint8_t *out, const uint64_t *values, uint32_t n, const struct bits_plan *plan) {
    for (uint32_t i = 0; i < n; i += BITS_BLOCK)
        out = put_block(out, values + i, n - i < BITS_BLOCK ? n - i : BITS_BLOCK,
                        plan->width[i / BITS_BLOCK]);
}

struct block {
    const uint8_t *packed, *exceptions, *end;
    uint32_t width, n_exceptions;
};

/* The block of n numbers at p. */
static bool find_block(const uint8_t *p, const uint8_t *end, uint32_t n, struct block *b) {
    if (end - p < HEADER || p[0] > MAX_WIDTH || p[1] > n) return false;
    *b = (struct block){.packed = p + HEADER, .width = p[0], .n_exceptions = p[1]};
    size_t bytes = packed_bytes(n, b->width);
    if ((size_t)(end - b->packed) < bytes) return false;
    b->exceptions = b->packed + bytes;
    b->end = uvarint_skip(b->exceptions, end, 2 * b->n_exceptions);
    return b->end;
}

static bool get_block(const struct block *b, const uint8_t *end, uint64_t *out, uint32_t n) {
    uint8_t padded[BITS_BLOCK * MAX_WIDTH / 8 + BITS_SLACK];
    const uint8_t *p = b->packed;
    if (end - b->exceptions < BITS_SLACK) {
        size_t bytes = packed_bytes(n, b->width);
        memcpy(padded, p, bytes);
        memset(padded + bytes, 0, BITS_SLACK);
        p = padded;
    }
    uint64_t mask = (UINT64_C(1) << b->width) - 1;
    for (uint32_t i = 0, bit = 0; i < n; i++, bit += b->width)
        out[i] = load_u64le(p + bit / 8) >> bit % 8 & mask;
    p = b->exceptions;
    for (uint32_t i = 0; i < b->n_exceptions; i++) {
        uint32_t at = *p++;
        uint64_t high;
        int used = uvarint_get(p, (size_t)(b->end - p), &high);
        if (at >= n || used <= 0) return false;
        p += used;
        out[at] |= high << b->width;
    }
    return true;
}

bool bits_get(const uint8_t *in, size_t bytes, uint64_t *out, uint32_t all, uint32_t first,
              uint32_t n) {
    const uint8_t *end = in + bytes;
    uint64_t some[BITS_BLOCK];
    for (uint32_t at = 0, stop = first + n; at < stop; at += BITS_BLOCK) {
        uint32_t n_block = all - at < BITS_BLOCK ? all - at : BITS_BLOCK;
        struct block b;
        if (!find_block(in, end, n_block, &b)) return false;
        in = b.end;
        if (at + n_block <= first) continue;
        bool whole = at >= first && at + n_block <= stop;
        if (!get_block(&b, end, whole ? out + (at - first) : some, n_block)) return false;
        if (whole) continue;
        uint32_t from = at < first ? first - at : 0;
        uint32_t to = stop - at < n_block ? stop - at : n_block;
        memcpy(out + (at + from - first), some + from, (to - from) * sizeof *out);
    }
    return true;
}
