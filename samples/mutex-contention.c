/* samples/mutex-contention.c - eight goroutines and one lock, whose holder now and then sleeps.
 *
 *     mutex-contention [RING]
 *
 * Every fortieth time somebody writes to a slow log while holding the lock; all others then stand
 * in "sync.Mutex.Lock".  The trace names the lock and its holder: the holder's own wait at that
 * moment is "sleep", and that is the line to move out of the lock. */
#include <stdio.h>

#include "tracer/parkview.h"
#include "tracer/runtime/goroutine.h"

enum { WORKERS = 8, ROUNDS = 50, SLOW_EVERY = 40 };

static struct pv_mutex lock;
static struct pv_waitgroup workers;
static int64_t pages_served;

static void write_to_log(void) {
    pv_sleep(3000000);
}

static void count_page(void) {
    pv_mutex_lock(&lock);
    if (++pages_served % SLOW_EVERY == 0) write_to_log();
    pv_mutex_unlock(&lock);
}

static void serve_pages(void *arg) {
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        count_page();
        pv_sleep(200000);
    }
    pv_waitgroup_done(&workers);
}

static void start(void *arg) {
    (void)arg;
    pv_waitgroup_add(&workers, WORKERS);
    for (int i = 0; i < WORKERS; i++) pv_go(serve_pages, NULL);
    pv_waitgroup_wait(&workers);
}

int main(int argc, char **argv) {
    struct pv_options ring = {
        .path = argc > 1 ? argv[1] : NULL, .ring_bytes = 1 << 20, .max_goroutines = 1024};
    struct pv_run_options o = {.maxprocs = 4, .record = ring.path ? &ring : NULL};
    int rc = pv_run(&o, start, NULL);
    printf("served %lld pages\n", (long long)pages_served);
    return rc < 0;
}
