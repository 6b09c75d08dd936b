/* samples/flight-recorder.c - a server that keeps its own last moments when a request was slow.
 *
 *     flight-recorder RING SNAPSHOT
 *
 * The ring is always on and forgets what is old.  When a request took longer than the limit, the
 * ring is copied to SNAPSHOT: it holds what led to it.  Here one request in 300 meets a lock whose
 * holder is asleep; the snapshot shows that wait, its holder, and the holder's sleep. */
#include <stdio.h>

#include "tracer/parkview.h"
#include "tracer/runtime/goroutine.h"

enum { CLIENTS = 6, REQUESTS = 200 };
static const int64_t LIMIT_NS = 20000000;

static const char *snapshot_path;
static struct pv_mutex table;
static struct pv_once copied;
static struct pv_waitgroup clients;
static _Atomic int n_requests;

static void copy_ring(void *arg) {
    int rc = 0;
    pv_syscall_begin(); /* it writes a file */
    rc = pv_snapshot(snapshot_path);
    pv_syscall_end();
    printf("a request took %.1f ms: snapshot %s\n", (double)*(int64_t *)arg / 1e6,
           rc < 0 ? "failed" : "taken");
}

static void look_up(int n) {
    pv_mutex_lock(&table);
    if (n % 300 == 299) pv_sleep(30000000); /* somebody compacts the table, holding its lock */
    pv_mutex_unlock(&table);
}

static void serve(uint64_t id) {
    int64_t begun = pv_nanotime();
    uint32_t name = pv_string("request");
    pv_task_begin(pv_m_self(), pv_g_self(), id + 1, 0, name);
    look_up((int)id);
    pv_sleep(100000);
    pv_task_end(pv_m_self(), pv_g_self(), id + 1);
    int64_t took = pv_nanotime() - begun;
    if (took > LIMIT_NS) pv_once_do(&copied, copy_ring, &took);
}

static void be_client(void *arg) {
    (void)arg;
    for (int i = 0; i < REQUESTS; i++) serve((uint64_t)atomic_fetch_add(&n_requests, 1));
    pv_waitgroup_done(&clients);
}

static void start(void *arg) {
    (void)arg;
    pv_waitgroup_add(&clients, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) pv_go(be_client, NULL);
    pv_waitgroup_wait(&clients);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fputs("usage: flight-recorder RING SNAPSHOT\n", stderr);
        return 2;
    }
    struct pv_options ring = {.path = argv[1], .ring_bytes = 1 << 18, .max_goroutines = 1024};
    struct pv_run_options o = {.maxprocs = 2, .record = &ring};
    snapshot_path = argv[2];
    return pv_run(&o, start, NULL) < 0;
}
