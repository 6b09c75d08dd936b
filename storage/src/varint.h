/* storage/src/varint.h - unsigned LEB128, as Go's encoding/binary writes it.
 *
 * At most 10 bytes; a tenth byte above 1 overflows 64 bits and is malformed. */
#ifndef PARKVIEW_STORAGE_VARINT_H
#define PARKVIEW_STORAGE_VARINT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    UVARINT_MAX_BYTES = 10,
    UVARINT_SLACK = 16 /* readable bytes that uvarint_fast needs from p on */
};

enum { UVARINT_SHORT = 0, UVARINT_OVERFLOW = -1 };

/* uvarint_get - careful form: bytes used (> 0), UVARINT_SHORT when n ends first, UVARINT_OVERFLOW.
 */
static inline int uvarint_get(const uint8_t *p, size_t n, uint64_t *out) {
    uint64_t v = 0;
    for (unsigned i = 0; i < UVARINT_MAX_BYTES; i++) {
        if (i == n) return UVARINT_SHORT;
        if (p[i] < 0x80) {
            if (i == UVARINT_MAX_BYTES - 1 && p[i] > 1) return UVARINT_OVERFLOW;
            *out = v | (uint64_t)p[i] << (7 * i);
            return (int)i + 1;
        }
        v |= (uint64_t)(p[i] & 0x7f) << (7 * i);
    }
    return UVARINT_OVERFLOW;
}

/* Squeeze the seven-bit groups of w together: three steps of pairwise joining. */
static inline uint64_t uvarint_squeeze(uint64_t w) {
    w &= 0x7f7f7f7f7f7f7f7f;
    w = (w & 0x007f007f007f007f) | (w & 0x7f007f007f007f00) >> 1;
    w = (w & 0x00003fff00003fff) | (w & 0x3fff00003fff0000) >> 2;
    return (w & 0x000000000fffffff) | (w & 0x0fffffff00000000) >> 4;
}

static inline uint64_t load_u64le(const uint8_t *p) {
    uint64_t w;
    memcpy(&w, p, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    return w;
}

/* uvarint_fast - reads up to UVARINT_SLACK bytes from p whatever the length of the number; the
 * caller makes sure that they exist and compares the result with its end.  NULL = overflow. */
static inline const uint8_t *uvarint_fast(const uint8_t *p, uint64_t *out) {
    if (__builtin_expect(*p < 0x80, 1)) {
        *out = *p;
        return p + 1;
    }
    uint64_t w = load_u64le(p);
    uint64_t stops = ~w & 0x8080808080808080;
    if (__builtin_expect(stops != 0, 1)) {
        *out = uvarint_squeeze(w & (stops ^ (stops - 1)));
        return p + (__builtin_ctzll(stops) >> 3) + 1;
    }
    int n = uvarint_get(p, UVARINT_MAX_BYTES, out);
    return n > 0 ? p + n : NULL;
}

/* uvarint_skip - behind the first n numbers; NULL where there are not so many.  Every number has
 * one byte below 0x80, its last. */
static inline const uint8_t *uvarint_skip(const uint8_t *p, const uint8_t *end, uint32_t n) {
    while (n >= 8 && end - p >= 8) {
        uint64_t ends = (~load_u64le(p) & 0x8080808080808080) >> 7; /* ones, to be counted */
        n -= (uint32_t)((ends * 0x0101010101010101) >> 56);
        p += 8;
    }
    while (n && p < end) n -= *p++ < 0x80;
    return n ? NULL : p;
}

/* uvarint_bytes - of the first 1, 2 or 3 (more = 0, 1, 2) numbers in w; 0: they end behind it. */
static inline uint32_t uvarint_bytes(uint64_t w, uint32_t more) {
    uint64_t ends = ~w & 0x8080808080808080;
    ends &= ends - (more > 0);
    ends &= ends - (more > 1);
    return ends ? ((uint32_t)__builtin_ctzll(ends) >> 3) + 1 : 0;
}

/* Spread seven-bit groups over the bytes: the way back from uvarint_squeeze. */
static inline uint64_t uvarint_spread(uint64_t v) {
    v = (v & 0x000000000fffffff) | (v & 0x00fffffff0000000) << 4;
    v = (v & 0x00003fff00003fff) | (v & 0x0fffc0000fffc000) << 2;
    return (v & 0x007f007f007f007f) | (v & 0x3f803f803f803f80) << 1;
}

static inline void store_u64le(uint8_t *p, uint64_t w) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    memcpy(p, &w, sizeof w);
}

/* uvarint_put_fast - writes v < 2^56 without a branch, and always UVARINT_SLACK / 2 bytes, of which
 * those before the returned address count. */
static inline uint8_t *uvarint_put_fast(uint8_t *p, uint64_t v) {
    unsigned more = (63u - (unsigned)__builtin_clzll(v | 1)) * 37 >> 8; /* by 7 */
    uint64_t go_on = 0x8080808080808080 & ((UINT64_C(1) << 8 * more) - 1);
    store_u64le(p, uvarint_spread(v) | go_on);
    return p + more + 1;
}

/* uvarint_put_two, uvarint_put_four - the same for v < 2^14 and v < 2^28; always 2 or 4 bytes. */
static inline uint8_t *uvarint_put_two(uint8_t *p, uint64_t v) {
    unsigned more = v >= 0x80;
    p[0] = (uint8_t)(v | more << 7);
    p[1] = (uint8_t)(v >> 7);
    return p + 1 + more;
}

static inline uint8_t *uvarint_put_four(uint8_t *p, uint64_t v64) {
    uint32_t v = (uint32_t)v64;
    unsigned more = (31u - (unsigned)__builtin_clz(v | 1)) * 37 >> 8;
    uint32_t go_on = 0x80808080 & ((UINT32_C(1) << 8 * more) - 1);
    v = (v & 0x3fff) | (v & 0xfffc000) << 2;
    v = ((v & 0x007f007f) | (v & 0x3f803f80) << 1) | go_on;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    memcpy(p, &v, sizeof v);
    return p + more + 1;
}

/* uvarint_short - for numbers of at most 8 bytes: longer ones set *bad and give nonsense.  Reads
 * UVARINT_SLACK bytes, as uvarint_fast does.  Up to three bytes, the common cases, go first. */
static inline const uint8_t *uvarint_short(const uint8_t *p, uint64_t *out, uint64_t *bad) {
    uint64_t first = p[0], second = p[1];
    if (__builtin_expect(first < 0x80, 1)) {
        *out = first;
        return p + 1;
    }
    if (second < 0x80) {
        *out = (first & 0x7f) | second << 7;
        return p + 2;
    }
    if (p[2] < 0x80) {
        *out = (first & 0x7f) | (second & 0x7f) << 7 | (uint64_t)p[2] << 14;
        return p + 3;
    }
    uint64_t w = load_u64le(p);
    uint64_t stops = ~w & 0x8080808080808080;
    *bad |= stops == 0;
    *out = uvarint_squeeze(w & (stops ^ (stops - 1)));
    return p + ((unsigned)__builtin_ctzll(stops | (uint64_t)1 << 63) >> 3) + 1;
}

#endif
