/* tests/fuzz/zstd_fuzz.c - input.c's way through zstd. */
#include "tests/fuzz/read_packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    return read_packed(data, n, "\x28\xb5\x2f\xfd", 4);
}
