/* samples/gc-pressure.c - requests that allocate, and the collector that stops them.
 *
 *     gc-pressure [RING]         needs the runtime built with libgc
 *
 * Each request builds a tree and drops it, while a cache of some megabytes stays.  Marking happens
 * with the world stopped: on the lanes all goroutines stand still together, for as long as the live
 * heap takes to mark.  A smaller cache makes the pauses shorter, fewer allocations make them fewer.
 */
#include <errno.h>
#include <stdio.h>

#include "tracer/parkview.h"
#include "tracer/runtime/goroutine.h"

enum { WORKERS = 4, REQUESTS = 40, DEPTH = 11, CACHE = 16, CACHE_DEPTH = 13 };

struct tree {
    struct tree *left, *right;
    int64_t value;
};

static struct tree *cache[CACHE];
static struct pv_waitgroup workers;
static _Atomic int64_t sum;

static struct tree *build(int depth) {
    struct tree *t = pv_alloc(sizeof *t);
    if (!t) return NULL;
    t->value = 1;
    if (depth > 0) {
        t->left = build(depth - 1);
        t->right = build(depth - 1);
    }
    return t;
}

static int64_t add_up(const struct tree *t) {
    return t ? t->value + add_up(t->left) + add_up(t->right) : 0;
}

static void serve(void *arg) {
    uint64_t worker = (uint64_t)(uintptr_t)arg;
    uint32_t name = pv_string("request");
    for (uint64_t i = 0; i < REQUESTS; i++) {
        uint64_t task = 1 + worker * REQUESTS + i;
        pv_task_begin(pv_m_self(), pv_g_self(), task, 0, name);
        atomic_fetch_add(&sum, add_up(build(DEPTH)) + cache[i % CACHE]->value);
        pv_task_end(pv_m_self(), pv_g_self(), task);
        pv_sleep(300000);
    }
    pv_waitgroup_done(&workers);
}

static void start(void *arg) {
    struct pv_gc_stats stats;
    (void)arg;
    for (int i = 0; i < CACHE; i++) cache[i] = build(CACHE_DEPTH);
    pv_waitgroup_add(&workers, WORKERS);
    for (uintptr_t i = 0; i < WORKERS; i++) pv_go(serve, (void *)i);
    pv_waitgroup_wait(&workers);
    pv_gc_stats(&stats);
    printf("%lld nodes; %llu collections, the longest pause %.2f ms, %llu MB live\n",
           (long long)sum, (unsigned long long)stats.n_collections,
           (double)stats.pause_max_ns / 1e6, (unsigned long long)stats.live_bytes >> 20);
}

int main(int argc, char **argv) {
    struct pv_options ring = {
        .path = argc > 1 ? argv[1] : NULL, .ring_bytes = 1 << 20, .max_goroutines = 1024};
    struct pv_run_options o = {.maxprocs = 4, .collect = true, .record = ring.path ? &ring : NULL};
    int rc = pv_run(&o, start, NULL);
    if (rc == -ENOSYS) fputs("gc-pressure: this runtime was built without libgc\n", stderr);
    return rc < 0;
}
