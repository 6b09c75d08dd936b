/* tests/bench/reader_bench.c - how fast a trace is read, events discarded.
 *
 *     reader_bench FILE [RUNS] [threads]
 * One line a run, in the words of Go's own reader's benchmark.  One thread unless "threads". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "storage/src/reader.h"

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run(const char *path, bool threads, struct ev_batch *batch) {
    struct input *in = NULL;
    struct reader *r = NULL;
    struct fault f = {0};
    struct reader_options options = {.single_thread = !threads, .early = true};
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), first = 0;
    uint64_t n = 0, kinds[EV_GAP + 1] = {0};
    int rc = input_open(path, &in, &f);
    if (rc == 0) rc = reader_open(in, &options, &r, &f);
    while (rc >= 0 && (rc = reader_next(r, batch, &f)) == 1) {
        if (n == 0) first = seconds(CLOCK_MONOTONIC) - wall;
        for (uint32_t i = 0; i < batch->n; i++) kinds[batch->ev[i].kind]++;
        n += batch->n;
    }
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    uint64_t done = 0, total = 0;
    if (in) input_progress(in, &done, &total);
    reader_close(r);
    input_close(in);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    if (rc < 0) {
        printf("%s: %s at byte %lld: %s\n", path, fault_name(f.code), (long long)f.offset, f.text);
        return 1;
    }
    printf("bytes=%llu events=%llu wall=%.3fs cpu=%.3fs first_event=%.3fs Mev/s=%.3f MB/s=%.1f "
           "ns/ev=%.2f maxrssMB=%ld transitions=%llu\n",
           (unsigned long long)done, (unsigned long long)n, wall, cpu, first,
           (double)n / wall / 1e6, (double)done / wall / 1e6, wall * 1e9 / (double)n,
           usage.ru_maxrss / 1024,
           (unsigned long long)(kinds[EV_GO_TRANSITION] + kinds[EV_PROC_TRANSITION]));
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: reader_bench FILE [RUNS] [threads]\n");
        return 2;
    }
    int runs = argc > 2 ? atoi(argv[2]) : 1;
    struct ev_batch *batch = malloc(sizeof *batch);
    if (!batch) return 1;
    int failed = 0;
    for (int i = 0; i < runs && !failed; i++)
        failed = run(argv[1], argc > 3 && strcmp(argv[3], "threads") == 0, batch);
    free(batch);
    return failed;
}
