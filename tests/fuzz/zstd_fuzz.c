/* tests/fuzz/zstd_fuzz.c - input.c's way through zstd, read in pieces of uneven size. */
#include <stdlib.h>
#include <string.h>

#include "storage/src/input.h"
#include "tests/fuzz/promise.h"

/* A small input may unpack to very much: what comes after this is no different. */
enum { ENOUGH_BYTES = 8 << 20, MAGIC_BYTES = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static uint8_t out[70000];
    if (n < MAGIC_BYTES + 1) return -1;
    uint8_t *packed = malloc(n);
    if (!packed) return 0;
    memcpy(packed, data, n);
    memcpy(packed, "\x28\xb5\x2f\xfd", MAGIC_BYTES);
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
