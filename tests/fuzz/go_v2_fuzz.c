/* tests/fuzz/go_v2_fuzz.c - the reader of traces of Go 1.22 and newer.
 *
 * The header is set here, so that every input reaches this reader: the byte after "go 1." chooses
 * the version. */
#include <string.h>

#include "tests/fuzz/read_all.h"

enum { HEADER_BYTES = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char *const versions[] = {"22", "23", "25", "26"};
    if (n < HEADER_BYTES) return -1;
    uint8_t *trace = malloc(n);
    if (!trace) return 0;
    memcpy(trace, data, n);
    /* Seeds say "go 1.NN trace": their own version is kept. */
    const char *version = versions[(data[5] + data[6]) % (sizeof versions / sizeof *versions)];
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        if (memcmp(data + 5, versions[i], 2) == 0) version = versions[i];
    memset(trace, 0, HEADER_BYTES);
    memcpy(trace, "go 1.NN trace", 13);
    memcpy(trace + 5, version, 2);
    read_all(trace, n, false);
    read_all(trace, n, true);
    free(trace);
    return 0;
}
