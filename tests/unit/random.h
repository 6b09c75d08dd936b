/* tests/unit/random.h - numbers that look random (xorshift), the same in every run of the same
 * seed. */
#ifndef PARKVIEW_TESTS_UNIT_RANDOM_H
#define PARKVIEW_TESTS_UNIT_RANDOM_H

#include <stdint.h>

static uint64_t seed = 88172645463325252u;

static uint64_t random64(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

#endif
