/* tests/unit/ring_stress_test.c - threads record as fast as they can while the ring is overwritten;
 * snapshots by the program itself, and the live file read by a reader, never hold a wrong record.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/ring_workload.h"

#if defined __SANITIZE_THREAD__ || defined __SANITIZE_ADDRESS__
enum { ROUNDS = 2, RESTARTS = 2 }; /* many times slower, and many times over */
#else
enum { ROUNDS = 8, RESTARTS = 6 };
#endif

static int n_passed, n_failed;

static void check(bool ok, const char *what, const struct work_seen *seen, const struct fault *f) {
    if (ok) {
        n_passed++;
        return;
    }
    n_failed++;
    printf("failed: %s: %s; fault %d \"%s\"; %llu events, %llu gaps\n", what, seen->wrong, f->code,
           f->text, (unsigned long long)seen->events, (unsigned long long)seen->gaps);
}

static const char *in_folder(const char *name) {
    static char paths[4][512];
    static int i;
    const char *folder = getenv("TMPDIR");
    i = (i + 1) % 4;
    snprintf(paths[i], sizeof paths[i], "%s/%s", folder ? folder : "/tmp", name);
    return paths[i];
}

static void check_ring(const char *path, const char *what, bool may_gap) {
    struct work_seen seen;
    struct fault f;
    work_check(path, &seen, &f);
    bool sound = may_gap || (f.code == 0 && seen.gaps == 0);
    check(!seen.wrong[0] && sound && seen.events > 0, what, &seen, &f);
}

static void nap(int ms) {
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static void test_overwriting(size_t ring_bytes, bool marks) {
    const char *ring = in_folder("stress.ring"), *copy = in_folder("copy.ring");
    struct pv_options o = {.path = ring, .ring_bytes = ring_bytes};
    int rc = pv_start(&o);
    if (rc < 0) {
        printf("failed: pv_start: %s\n", strerror(-rc));
        n_failed++;
        return;
    }
    work_begin(WORK_THREADS, marks);
    for (int i = 0; i < ROUNDS; i++) {
        nap(10);
        rc = i % 2 ? pv_snapshot(copy) : pv_snapshot_of(ring, copy);
        struct work_seen none = {0};
        struct fault f = {.code = rc};
        check(rc == 0, "a snapshot", &none, &f);
        check_ring(copy, "what the snapshot holds", false);
        check_ring(ring, "the live file", false);
    }
    struct pv_counts counts = pv_counts();
    rc = pv_stop();
    work_end(WORK_THREADS);
    check_ring(ring, "the stopped file", false);
    if (counts.lost) printf("%llu events lost\n", (unsigned long long)counts.lost);
    n_failed += counts.lost != 0 || rc != 0;
    unlink(ring);
    unlink(copy);
}

static void test_stop_when_full(void) {
    const char *ring = in_folder("full.ring");
    struct pv_options o = {.path = ring, .ring_bytes = 1 << 20, .stop_when_full = true};
    struct work_seen seen;
    struct fault f;
    if (pv_start(&o) < 0) n_failed++;
    work_begin(WORK_THREADS, false);
    for (int i = 0; i < 6000 && pv_counts().lost == 0; i++) nap(10); /* slow under TSan */
    struct pv_counts counts = pv_counts();
    pv_stop();
    work_end(WORK_THREADS);
    work_check(ring, &seen, &f);
    check(counts.lost > 0 && seen.gaps == 1 && f.code == PV_ECORRUPT, "loss is a gap", &seen, &f);
    check(!seen.wrong[0] && seen.events > 10000, "all before the loss is there", &seen, &f);
    unlink(ring);
}

/* Recordings begin and end under running threads. */
static void test_restarts(void) {
    const char *ring = in_folder("restart.ring");
    work_begin(WORK_THREADS, true);
    for (int i = 0; i < RESTARTS; i++) {
        struct pv_options o = {.path = ring, .ring_bytes = 1 << 20};
        struct work_seen seen;
        struct fault f;
        int rc = pv_start(&o);
        for (int k = 0; k < 100 && pv_counts().batches == 0; k++) nap(10);
        nap(10);
        rc |= pv_stop();
        work_check(ring, &seen, &f);
        check(rc == 0 && !seen.wrong[0] && seen.transitions > 0, "a recording in between", &seen,
              &f);
    }
    work_end(WORK_THREADS);
    unlink(ring);
}

int main(void) {
    test_overwriting(1 << 20, false);
    test_overwriting(4 << 20, true);
    test_stop_when_full();
    test_restarts();
    printf("%d passed, %d failed\n", n_passed, n_failed);
    return n_failed != 0;
}
