/* storage/src/bits.h - numbers of few bits each, and the few that need more. */
#ifndef PARKVIEW_STORAGE_BITS_H
#define PARKVIEW_STORAGE_BITS_H

#include "storage/src/buffer.h"
#include "storage/src/varint.h"

/* BITS_MAX_WIDTH: so that eight bytes from a number's first hold all of it. */
enum { BITS_BLOCK = 128, BITS_MAX_BLOCKS = 16, BITS_SLACK = 8, BITS_MAX_WIDTH = 56 };

/* bits_put - appends n numbers, at most BITS_BLOCK * BITS_MAX_BLOCKS. */
void bits_put(struct buffer *out, const uint64_t *values, uint32_t n);
/* bits_get - n numbers, from number `first` of `all` on; false where the bytes are damaged. */
bool bits_get(const uint8_t *in, size_t bytes, uint64_t *out, uint32_t all, uint32_t first,
              uint32_t n);

/* Numbers of one width, lowest bits first.  bits_put_even writes up to BITS_SLACK bytes more than
 * bits_packed says, bits_at reads up to so many more; a number's bits above the width are lost. */
static inline size_t bits_packed(uint32_t n, uint32_t width) {
    return ((size_t)n * width + 7) / 8;
}
void bits_put_even(uint8_t *out, const uint64_t *values, uint32_t n, uint32_t width);
static inline uint64_t bits_at(const uint8_t *in, uint32_t i, uint32_t width) {
    uint32_t bit = i * width;
    return load_u64le(in + bit / 8) >> bit % 8 & ((UINT64_C(1) << width) - 1);
}
/* bits_of - how many a number needs; 0 for 0. */
static inline uint32_t bits_of(uint64_t v) {
    return 64 - (uint32_t)__builtin_clzll(v | 1) - (v == 0);
}

#endif
