/* tests/fuzz/read_packed.h - reads packed input through input.c in pieces of uneven size.  Shared
 * by the fuzz targets of the ways to pack. */
#ifndef PARKVIEW_TESTS_FUZZ_READ_PACKED_H
#define PARKVIEW_TESTS_FUZZ_READ_PACKED_H

#include <stdlib.h>
#include <string.h>

#include "storage/src/input.h"
#include "tests/fuzz/promise.h"

/* A small input may unpack to very much: what comes after this is no different. */
enum { ENOUGH_BYTES = 8 << 20 };

/* magic: the first bytes of the packing, which are set so that every input reaches it. */
static int read_packed(const uint8_t *data, size_t n, const char *magic, size_t n_magic) {
    static uint8_t out[70000];
    if (n < n_magic + 1) return -1;
    uint8_t *packed = malloc(n);
    if (!packed) return 0;
    memcpy(packed, data, n);
    memcpy(packed, magic, n_magic);
    struct fault fault = {0};
    struct input *in = NULL;
    if (input_open_memory(packed, n, &in, &fault) == 0) {
        size_t piece = 1 + data[n - 1] * 271u, sum = 0;
        int64_t got = 1;
        while (got > 0 && sum < ENOUGH_BYTES) {
            got = input_read(in, out, piece, &fault);
            PROMISE(got <= (int64_t)piece);
            PROMISE(got >= 0 || (got == fault.code && fault.text[0]));
            if (got > 0) sum += (size_t)got;
        }
        uint64_t done, total;
        input_progress(in, &done, &total);
        PROMISE(done <= total && total == n);
        input_close(in);
    }
    free(packed);
    return 0;
}

#endif
