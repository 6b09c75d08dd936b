/* tests/fuzz/go_v2_fuzz.c - the reader of traces of Go 1.22 and newer. */
#include "tests/fuzz/read_all.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char versions[][3] = {"22", "23", "25", "26"};
    return read_version(data, n, versions, sizeof versions / sizeof *versions);
}
