/* storage/src/bits.c - numbers of few bits each, block by block.
 *
 * Layout      per block of 128 numbers (the last may be shorter): width w, number of exceptions e,
 *             the low w bits of every number, lowest first, up to a whole byte; then e times: place
 *             in the block, varint of the bits above w.
 * Why         a number is found without the one before it, so that reading waits for nothing: 1 ns
 *             each, where a varint takes 4.  Few long numbers do not make the others wide. */
#include "storage/src/bits.h"

enum { HEADER = 2, MAX_EACH = BITS_MAX_WIDTH / 8 + 1 + 10 };

/* bits_of in two instructions, of numbers below 2^63: longer ones make widths worse, not wrong. */
static uint32_t fast_bits_of(uint64_t v) {
    return 63 - (uint32_t)__builtin_clzll(2 * v + 1);
}

/* The width at which a block takes least, counted from the widest down: exceptions get more.  An
 * exception of b bits costs 1 + ceil((b - w) / 7) bytes: one bit narrower, those whose bits above w
 * are whole varints already take a byte more, and those of w bits become exceptions of two. */
static uint32_t best_width(const uint64_t *v, uint32_t n, uint64_t any) {
    uint8_t even[64] = {0}, odd[64] = {0}; /* two, lest each addition waits for the one before */
    uint32_t by_rest[7] = {0};             /* exceptions, by their bits modulo 7 */
    for (uint32_t i = 0; i + 1 < n; i += 2) {
        even[fast_bits_of(v[i])]++;
        odd[fast_bits_of(v[i + 1])]++;
    }
    if (n % 2) even[fast_bits_of(v[n - 1])]++;
    uint32_t w = any >> 63 ? 63 : bits_of(any), best_w = 0;
    size_t best = SIZE_MAX, exceptions = 0;
    for (;; w--) {
        size_t bytes = bits_packed(n, w) + exceptions;
        if (w <= BITS_MAX_WIDTH && bytes < best) {
            best = bytes;
            best_w = w;
        } else if (bytes > best + n / 8) { /* it only gets worse */
            break;
        }
        if (!w) break;
        uint32_t of_w = even[w] + odd[w];
        exceptions += by_rest[w % 7] + 2u * of_w;
        by_rest[w % 7] += of_w;
    }
    return best_w;
}

static uint8_t *put_varint(uint8_t *p, uint64_t v) {
    for (; v >= 0x80; v >>= 7) *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

/* Eight numbers are whole bytes, so that no eight wait for those before them; `group` of them at
 * most 56 bits, which are put together first. */
static inline void put_eight(uint8_t *at, const uint64_t *v, uint32_t width, uint32_t group) {
    uint64_t mask = (UINT64_C(1) << width) - 1, held = 0;
    uint32_t n_held = 0;
    for (uint32_t i = 0; i < 8; i += group) {
        uint64_t some = 0;
        for (uint32_t k = 0; k < group; k++) some |= (v[i + k] & mask) << k * width;
        held |= some << n_held;
        n_held += group * width;
        store_u64le(at, held);
        at += n_held >> 3;
        held >>= n_held & ~7u;
        n_held &= 7;
    }
}

static inline void put_eights(uint8_t *out, const uint64_t *values, uint32_t n, uint32_t width,
                              uint32_t group) {
    uint64_t rest[8] = {0};
    uint8_t last[8 * BITS_MAX_WIDTH / 8 + BITS_SLACK];
    for (; n >= 8; n -= 8, values += 8, out += width) put_eight(out, values, width, group);
    if (!n) return;
    memcpy(rest, values, n * sizeof *rest);
    put_eight(last, rest, width, group);
    memcpy(out, last, bits_packed(n, width));
}

void bits_put_even(uint8_t *out, const uint64_t *values, uint32_t n, uint32_t width) {
    if (width <= BITS_MAX_WIDTH / 4)
        put_eights(out, values, n, width, 4);
    else if (width <= BITS_MAX_WIDTH / 2)
        put_eights(out, values, n, width, 2);
    else
        put_eights(out, values, n, width, 1);
}

static uint8_t *put_block(uint8_t *p, const uint64_t *v, uint32_t n) {
    uint64_t any = 0;
    for (uint32_t i = 0; i < n; i++) any |= v[i];
    uint32_t width = best_width(v, n, any), exceptions = 0;
    uint8_t wider[BITS_BLOCK];
    /* Without a branch, as nobody can foresee which. */
    for (uint32_t i = 0; any >> width && i < n; i++) {
        wider[exceptions] = (uint8_t)i;
        exceptions += v[i] >> width != 0;
    }
    p[0] = (uint8_t)width;
    p[1] = (uint8_t)exceptions;
    bits_put_even(p + HEADER, v, n, width);
    p += HEADER + bits_packed(n, width);
    for (uint32_t i = 0; i < exceptions; i++) {
        *p++ = wider[i];
        p = put_varint(p, v[wider[i]] >> width);
    }
    return p;
}

void bits_put(struct buffer *out, const uint64_t *values, uint32_t n) {
    size_t most = BITS_MAX_BLOCKS * HEADER + (size_t)n * MAX_EACH + BITS_SLACK;
    if (!buffer_reserve(out, most)) return;
    uint8_t *p = out->data + out->n;
    for (uint32_t i = 0; i < n; i += BITS_BLOCK)
        p = put_block(p, values + i, n - i < BITS_BLOCK ? n - i : BITS_BLOCK);
    out->n = (size_t)(p - out->data);
}

struct block {
    const uint8_t *packed, *exceptions, *end;
    uint32_t width, n_exceptions;
};

/* The block of n numbers at p. */
static bool find_block(const uint8_t *p, const uint8_t *end, uint32_t n, struct block *b) {
    if (end - p < HEADER || p[0] > BITS_MAX_WIDTH || p[1] > n) return false;
    *b = (struct block){.packed = p + HEADER, .width = p[0], .n_exceptions = p[1]};
    size_t bytes = bits_packed(n, b->width);
    if ((size_t)(end - b->packed) < bytes) return false;
    b->exceptions = b->packed + bytes;
    b->end = uvarint_skip(b->exceptions, end, 2 * b->n_exceptions);
    return b->end;
}

static bool get_block(const struct block *b, const uint8_t *end, uint64_t *out, uint32_t n) {
    uint8_t padded[BITS_BLOCK * BITS_MAX_WIDTH / 8 + BITS_SLACK];
    const uint8_t *p = b->packed;
    if (end - b->exceptions < BITS_SLACK) {
        size_t bytes = bits_packed(n, b->width);
        memcpy(padded, p, bytes);
        memset(padded + bytes, 0, BITS_SLACK);
        p = padded;
    }
    for (uint32_t i = 0; i < n; i++) out[i] = bits_at(p, i, b->width);
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
