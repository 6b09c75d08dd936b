/* tests/fuzz/promise.h - what has to hold whatever the input is.  A broken promise is a bug of
 * ours. */
#ifndef PARKVIEW_TESTS_FUZZ_PROMISE_H
#define PARKVIEW_TESTS_FUZZ_PROMISE_H

#include <stdio.h>
#include <stdlib.h>

#define PROMISE(x)                                                                                 \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #x);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
