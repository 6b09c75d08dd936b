/* tests/bench/tracer_bench.c - what a recorded event costs, beside the clock that it reads.
 *
 *     tracer_bench          all; a line of key=value each
 *
 * Events and readings of the TSC take turns in short rounds, so that a busy machine slows both; the
 * figure is the median of the rounds.  An event is one of park, unpark, start by turns, on its own
 * goroutine per thread, with reason and wait object: what a switch of goroutines records. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tracer/format.h"
#include "tracer/parkview.h"

enum { ROUNDS = 201, TURNS = 3000, EVENTS = 3 * TURNS, MOST_THREADS = 2, SNAPSHOTS = 200 };

static const char *path;
static _Atomic bool stop;

static double now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double cpu_ns(void) {
    return now_ns(CLOCK_THREAD_CPUTIME_ID);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double at_share(double *list, int n, double share) {
    qsort(list, (size_t)n, sizeof *list, by_value);
    return list[(int)((n - 1) * share)];
}

/* ---- events ---- */

struct side { /* one thread's figures */
    double tsc[ROUNDS], event[ROUNDS], ratio[ROUNDS];
    uint64_t id;
    uint32_t reason;
    pthread_barrier_t *together;
};

static void record(struct pv_m *m, struct pv_g *g, uint32_t reason, int turns) {
    for (int i = 0; i < turns; i++) {
        pv_go_park(m, g, reason, 0x7f0000001000u + (unsigned)(i & 1) * 64, 0, 0);
        pv_go_unpark(m, g, 0);
        pv_go_start(m, g);
    }
}

static double read_tsc(void) {
    volatile uint64_t sum = 0;
    double from = cpu_ns();
    for (int i = 0; i < EVENTS; i++) sum += pv_ticks();
    return (cpu_ns() - from) / EVENTS;
}

static void *measure(void *arg) {
    struct side *s = arg;
    struct pv_m *m = pv_m_open("bench");
    struct pv_g g = {.id = s->id};
    pv_proc_start(m, (int32_t)s->id);
    pv_go_create(m, &g, 0, 0);
    pv_go_start(m, &g);
    pthread_barrier_wait(s->together);
    for (int i = 0; i < ROUNDS; i++) {
        s->tsc[i] = read_tsc();
        double from = cpu_ns();
        record(m, &g, s->reason, TURNS);
        s->event[i] = (cpu_ns() - from) / EVENTS;
        s->ratio[i] = s->event[i] / s->tsc[i];
    }
    pv_m_close(m);
    return NULL;
}

static void active(int n_threads) {
    static struct side sides[MOST_THREADS];
    pthread_t threads[MOST_THREADS];
    pthread_barrier_t together;
    struct pv_options o = {.path = path, .ring_bytes = 16 << 20};
    if (pv_start(&o) < 0) exit(1);
    pthread_barrier_init(&together, NULL, (unsigned)n_threads);
    for (int i = 0; i < n_threads; i++) {
        sides[i] = (struct side){.id = (uint64_t)i + 1, .together = &together};
        sides[i].reason = pv_string("chan receive");
        pthread_create(&threads[i], NULL, measure, &sides[i]);
    }
    for (int i = 0; i < n_threads; i++) pthread_join(threads[i], NULL);
    double tsc = 0, event = 0, ratio = 0;
    for (int i = 0; i < n_threads; i++) {
        tsc += at_share(sides[i].tsc, ROUNDS, 0.5) / n_threads;
        event += at_share(sides[i].event, ROUNDS, 0.5) / n_threads;
        ratio += at_share(sides[i].ratio, ROUNDS, 0.5) / n_threads;
    }
    struct pv_counts c = pv_counts();
    pv_stop();
    double per = (double)c.batches * PV_BATCH_BYTES / ((double)n_threads * ROUNDS * EVENTS);
    printf("active threads=%d tsc_ns=%.2f event_ns=%.2f ratio=%.3f bytes=%.2f lost=%llu\n",
           n_threads, tsc, event, ratio, per, (unsigned long long)c.lost);
}

/* ---- off ---- */

static void disabled(void) {
    static double with[ROUNDS], without[ROUNDS];
    struct pv_m *m = pv_m_open("bench");
    struct pv_g g = {.id = 1};
    for (int r = 0; r < ROUNDS; r++) {
        double from = cpu_ns();
        for (int i = 0; i < EVENTS; i++) {
            __asm__ volatile("" ::: "memory");
            pv_go_start(m, &g);
        }
        with[r] = (cpu_ns() - from) / EVENTS;
        from = cpu_ns();
        for (int i = 0; i < EVENTS; i++) __asm__ volatile("" ::: "memory");
        without[r] = (cpu_ns() - from) / EVENTS;
    }
    double a = at_share(with, ROUNDS, 0.5), b = at_share(without, ROUNDS, 0.5);
    printf("disabled event_ns=%.3f loop_ns=%.3f\n", a - b, b);
    pv_m_close(m);
}

/* ---- snapshots ---- */

static void *load(void *arg) {
    struct pv_m *m = pv_m_open("load");
    struct pv_g g = {.id = (uint64_t)(uintptr_t)arg};
    uint32_t reason = pv_string("chan receive");
    pv_proc_start(m, (int32_t)g.id);
    pv_go_create(m, &g, 0, 0);
    pv_go_start(m, &g);
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) record(m, &g, reason, 100);
    pv_m_close(m);
    return NULL;
}

static void snapshots(void) {
    static double wall[SNAPSHOTS], cpu[SNAPSHOTS], file[SNAPSHOTS];
    char copy[512];
    pthread_t threads[MOST_THREADS];
    struct pv_options o = {.path = path, .ring_bytes = 4 << 20};
    if (pv_start(&o) < 0) exit(1);
    snprintf(copy, sizeof copy, "%s.copy", path);
    for (uintptr_t i = 0; i < MOST_THREADS; i++)
        pthread_create(&threads[i], NULL, load, (void *)(i + 1));
    while (pv_counts().batches < 128) usleep(1000);
    for (int i = 0; i < SNAPSHOTS; i++) {
        double from = now_ns(CLOCK_MONOTONIC), used = cpu_ns();
        if (pv_snapshot_take() < 0) exit(1);
        cpu[i] = (cpu_ns() - used) / 1e6;
        wall[i] = (now_ns(CLOCK_MONOTONIC) - from) / 1e6;
        used = cpu_ns();
        if (pv_snapshot_write(copy) < 0) exit(1);
        file[i] = (cpu_ns() - used) / 1e6;
    }
    atomic_store_explicit(&stop, true, memory_order_relaxed);
    for (int i = 0; i < MOST_THREADS; i++) pthread_join(threads[i], NULL);
    pv_stop();
    printf("snapshot ms_p50=%.3f ms_p99=%.3f ms_wall_p50=%.3f ms_wall_p99=%.3f ms_file_p50=%.3f\n",
           at_share(cpu, SNAPSHOTS, 0.5), at_share(cpu, SNAPSHOTS, 0.99),
           at_share(wall, SNAPSHOTS, 0.5), at_share(wall, SNAPSHOTS, 0.99),
           at_share(file, SNAPSHOTS, 0.5));
    unlink(copy);
}

int main(void) {
    const char *folder = getenv("TMPDIR");
    char ring[400];
    if (!folder) folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(ring, sizeof ring, "%s/tracer-bench-%d.ring", folder, (int)getpid());
    path = ring;
    disabled();
    active(1);
    active(2);
    snapshots();
    unlink(path);
    return 0;
}
