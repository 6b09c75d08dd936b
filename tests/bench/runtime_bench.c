/* tests/bench/runtime_bench.c - what the goroutine runtime costs; tests/bench/go/runtime_bench.go
 * does the same in Go.
 *
 *     runtime_bench switch N             one processor, two goroutines that yield: ns a switch
 *     runtime_bench pingpong N P PAIRS   PAIRS of goroutines over two unbuffered channels each, on
 * P processors: ns a round trip (of all pairs together) runtime_bench many N               N
 * goroutines created and parked, then woken: ns and bytes each A last argument FILE: recorded into
 * that ring meanwhile.  Time is the wall's; the processor time of the whole process stands beside
 * it.  One line: "ns cpu_ns ..." */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tracer/parkview.h"
#include "tracer/runtime/goroutine.h"

static long n_rounds, n_pairs;
static struct pv_waitgroup done;

static int64_t cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static long resident_bytes(void) {
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f) return 0;
    if (fscanf(f, "%ld %ld", &pages, &resident) != 2) resident = 0;
    fclose(f);
    return resident * 4096;
}

struct stopwatch {
    int64_t wall, cpu;
};

static struct stopwatch start_watch(void) {
    return (struct stopwatch){pv_nanotime(), cpu_ns()};
}

static void print_per(struct stopwatch from, double n) {
    printf("%.2f %.2f", (double)(pv_nanotime() - from.wall) / n, (double)(cpu_ns() - from.cpu) / n);
}

/* ---- switch ---- */

static void yield_often(void *arg) {
    (void)arg;
    for (long i = 0; i < n_rounds; i++) pv_yield();
    pv_waitgroup_done(&done);
}

static void bench_switch(void *arg) {
    (void)arg;
    struct stopwatch w = start_watch();
    pv_waitgroup_add(&done, 2);
    pv_go(yield_often, NULL);
    pv_go(yield_often, NULL);
    pv_waitgroup_wait(&done);
    print_per(w, 2 * (double)n_rounds);
}

/* ---- ping-pong ---- */

struct pair {
    struct pv_chan *there, *back;
};

static void answer(void *arg) {
    struct pair *pair = arg;
    int64_t v;
    while (pv_chan_recv(pair->there, &v) == 1) pv_chan_send(pair->back, &v);
}

static void ask(void *arg) {
    struct pair *pair = arg;
    for (int64_t i = 0; i < n_rounds; i++) {
        int64_t v = i;
        pv_chan_send(pair->there, &v);
        pv_chan_recv(pair->back, &v);
        if (v != i) abort();
    }
    pv_chan_close(pair->there);
    pv_waitgroup_done(&done);
}

static void bench_pingpong(void *arg) {
    (void)arg;
    struct pair *pairs = calloc((size_t)n_pairs, sizeof *pairs);
    struct stopwatch w = start_watch();
    pv_waitgroup_add(&done, n_pairs);
    for (long i = 0; i < n_pairs; i++) {
        pairs[i] =
            (struct pair){pv_chan_make(sizeof(int64_t), 0), pv_chan_make(sizeof(int64_t), 0)};
        pv_go(answer, &pairs[i]);
        pv_go(ask, &pairs[i]);
    }
    pv_waitgroup_wait(&done);
    print_per(w, (double)n_rounds * (double)n_pairs);
}

/* ---- many ---- */

static struct pv_chan *gate;

static void wait_at_gate(void *arg) {
    (void)arg;
    pv_chan_recv(gate, NULL);
    pv_waitgroup_done(&done);
}

static void bench_many(void *arg) {
    (void)arg;
    gate = pv_chan_make(0, 0);
    long before = resident_bytes();
    struct stopwatch w = start_watch();
    pv_waitgroup_add(&done, n_rounds);
    for (long i = 0; i < n_rounds; i++)
        if (pv_go(wait_at_gate, NULL) < 0) exit(3);
    while (pv_chan_try_send(gate, NULL) != 0) pv_yield(); /* until one is there ... */
    for (int i = 0; i < 1000; i++) pv_yield();
    pv_sleep(20000000); /* ... and all are */
    print_per((struct stopwatch){w.wall + 20000000, w.cpu}, (double)n_rounds);
    printf(" %.0f ", (double)(resident_bytes() - before) / (double)n_rounds);
    w = start_watch();
    pv_chan_close(gate);
    pv_waitgroup_wait(&done);
    print_per(w, (double)n_rounds);
}

int main(int argc, char **argv) {
    const char *what = argc > 2 ? argv[1] : "";
    struct pv_run_options o = {.maxprocs = 1};
    pv_fn *fn = bench_switch;
    int next = 3;
    n_rounds = argc > 2 ? atol(argv[2]) : 0;
    if (!strcmp(what, "pingpong") && argc > 4) {
        fn = bench_pingpong;
        o.maxprocs = atoi(argv[3]);
        n_pairs = atol(argv[4]);
        next = 5;
    } else if (!strcmp(what, "many")) {
        fn = bench_many;
        o.maxprocs = 0;
    } else if (strcmp(what, "switch") != 0) {
        fputs("usage: runtime_bench switch N | pingpong N P PAIRS | many N  [RING]\n", stderr);
        return 2;
    }
    struct pv_options trace = {.path = argc > next ? argv[next] : NULL};
    if (trace.path) o.record = &trace;
    int rc = pv_run(&o, fn, NULL);
    puts("");
    return rc < 0 ? 3 : 0;
}
