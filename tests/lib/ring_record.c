/* tests/lib/ring_record.c - records a ring file for the tests that are no C programs:
 *
 *     ring_record FILE MILLISECONDS RING_BYTES [marks]
 *
 * and, for those that kill it: prints a line once it records, and goes on for so long. */
#include <time.h>

#include "tests/lib/ring_workload.h"

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    struct pv_options o = {.path = argv[1], .ring_bytes = strtoull(argv[3], NULL, 10)};
    long ms = strtol(argv[2], NULL, 10);
    int rc = pv_start(&o);
    if (rc < 0) {
        fprintf(stderr, "pv_start: %s\n", strerror(-rc));
        return 1;
    }
    work_begin(WORK_THREADS, argc > 4);
    puts("recording");
    fflush(stdout);
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
    work_end(WORK_THREADS);
    return pv_stop() < 0;
}
