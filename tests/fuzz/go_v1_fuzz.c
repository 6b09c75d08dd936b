/* tests/fuzz/go_v1_fuzz.c - the reader of traces of Go 1.11 to 1.21. */
#include "tests/fuzz/read_all.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char versions[][3] = {"11", "19", "21"};
    return read_version(data, n, versions, sizeof versions / sizeof *versions);
}
