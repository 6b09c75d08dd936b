/* tests/unit/check.h - what most unit tests begin with: a fault to be filled, and CHECK, which ends
 * the test with the condition that failed and the fault's text. */
#ifndef PARKVIEW_TESTS_UNIT_CHECK_H
#define PARKVIEW_TESTS_UNIT_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "storage/fault.h"

static struct fault fault;

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            printf("%s:%d: failed: %s (%s)\n", __FILE__, __LINE__, #x, fault.text);                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#endif
