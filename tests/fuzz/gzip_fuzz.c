/* tests/fuzz/gzip_fuzz.c - input.c's way through gzip. */
#include "tests/fuzz/read_packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    return read_packed(data, n, "\x1f\x8b\x08", 3);
}
