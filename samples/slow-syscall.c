/* samples/slow-syscall.c - system calls that take long, and processors that change hands around
 * them.
 *
 *     slow-syscall [RING]
 *
 * Four goroutines fsync (here: sleep in the kernel) for 4 ms at a time, on two processors; two
 * others compute.  The monitor takes the processor from a thread that stays in the kernel and gives
 * it to another one, so the computing goes on; without that both processors would stand still most
 * of the time.  On the lanes of the processors: taken, and started on another thread. */
#include <stdio.h>
#include <time.h>

#include "tracer/parkview.h"
#include "tracer/runtime/goroutine.h"

enum { WRITERS = 4, WRITES = 15, COMPUTERS = 2 };

static struct pv_waitgroup writers;
static _Atomic bool enough;
static _Atomic int64_t computed;

static void slow_fsync(void) {
    struct timespec t = {0, 4000000};
    pv_syscall_begin();
    nanosleep(&t, NULL);
    pv_syscall_end();
}

static void write_log(void *arg) {
    (void)arg;
    for (int i = 0; i < WRITES; i++) {
        slow_fsync();
        pv_yield();
    }
    pv_waitgroup_done(&writers);
}

static void compute(void *arg) {
    (void)arg;
    while (!atomic_load(&enough)) {
        int64_t end = pv_nanotime() + 500000;
        while (pv_nanotime() < end) atomic_fetch_add(&computed, 1);
        pv_yield();
    }
}

static void start(void *arg) {
    (void)arg;
    pv_waitgroup_add(&writers, WRITERS);
    for (int i = 0; i < WRITERS; i++) pv_go(write_log, NULL);
    for (int i = 0; i < COMPUTERS; i++) pv_go(compute, NULL);
    pv_waitgroup_wait(&writers);
    atomic_store(&enough, true);
}

int main(int argc, char **argv) {
    struct pv_options ring = {
        .path = argc > 1 ? argv[1] : NULL, .ring_bytes = 1 << 20, .max_goroutines = 1024};
    struct pv_run_options o = {.maxprocs = 2, .record = ring.path ? &ring : NULL};
    int rc = pv_run(&o, start, NULL);
    printf("%d slow writes, %lld steps computed meanwhile\n", WRITERS * WRITES,
           (long long)computed);
    return rc < 0;
}
