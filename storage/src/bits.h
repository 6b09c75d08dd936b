/* storage/src/bits.h - numbers of few bits each, and the few that need more. */
#ifndef PARKVIEW_STORAGE_BITS_H
#define PARKVIEW_STORAGE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BITS_BLOCK = 128, BITS_MAX_BLOCKS = 16, BITS_SLACK = 8 };

struct bits_plan { /* how n numbers are written */
    size_t bytes;
    uint8_t width[BITS_MAX_BLOCKS];
};
/* bits_plan - n is at most BITS_BLOCK * BITS_MAX_BLOCKS. */
void bits_plan(const uint64_t *values, uint32_t n, struct bits_plan *out);
/* bits_put - plan->bytes bytes at `out`; writes up to BITS_SLACK more. */
void bits_put(uint8_t *out, const uint64_t *values, uint32_t n, const struct bits_plan *plan);
/* bits_get - n numbers, from number `first` of `all` on; false where the bytes are damaged. */
bool bits_get(const uint8_t *in, size_t bytes, uint64_t *out, uint32_t all, uint32_t first,
              uint32_t n);

#endif
