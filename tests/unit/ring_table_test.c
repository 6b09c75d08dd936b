/* tests/unit/ring_table_test.c - what a ring says of a goroutine whose events it has forgotten: the
 * live table where it waits or is runnable, its thread's batch where it runs.  And that a child's
 * end is none of its parent's threads.
 *
 * One thread of the system plays two of the recording's: one records until the ring has gone round,
 * the other only what the test is about. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/src/reader.h"
#include "tests/unit/check.h"
#include "tracer/format.h"
#include "tracer/parkview.h"

enum { G = 1, NOISE = 2, OBJECT = 0x1234 };

static char path[512];
static struct pv_m *busy, *rare;
static struct pv_g g, noise;
static uint32_t reason;

static void begin(void) {
    struct pv_options o = {.path = path, .ring_bytes = 1};
    CHECK(pv_start(&o) == 0);
    busy = pv_m_open("busy");
    rare = pv_m_open("rare");
    reason = pv_string("chan receive");
    g = (struct pv_g){.id = G};
    noise = (struct pv_g){.id = NOISE};
    pv_proc_start(busy, 0);
    pv_proc_start(rare, 1);
    pv_go_create(busy, &g, 0, 0);
    pv_go_create(busy, &noise, 0, 0);
    pv_go_start(rare, &g);
    pv_go_park(rare, &g, reason, OBJECT, 0, 0);
    pv_go_start(busy, &noise);
}

static void go_round(void) {
    uint64_t until = pv_counts().batches + 10;
    while (pv_counts().batches < until)
        for (int i = 0; i < 1000; i++) {
            pv_go_park(busy, &noise, reason, 0, 0, 0);
            pv_go_unpark(busy, &noise, 0);
            pv_go_start(busy, &noise);
        }
}

static void end(void) {
    CHECK(pv_stop() == 0);
    pv_m_close(busy);
    pv_m_close(rare);
}

/* The state in which g is when it is first heard of; GO_UNDETERMINED: it is not. */
static int first_state(const char *ring, uint64_t *object) {
    struct input *in = NULL;
    struct reader *r = NULL;
    struct ev_batch *b = malloc(sizeof *b);
    int state = GO_UNDETERMINED, rc = input_open(ring, &in, &fault);
    *object = 0;
    if (rc == 0) rc = reader_open(in, &(struct reader_options){.resume = true}, &r, &fault);
    while (rc >= 0 && b && (rc = reader_next(r, b, &fault)) == 1)
        for (uint32_t i = 0; i < b->n; i++) {
            const struct ev *e = &b->ev[i];
            CHECK(e->kind != EV_GAP);
            if (e->kind != EV_GO_TRANSITION || e->id != G || state != GO_UNDETERMINED) continue;
            CHECK(e->from == GO_UNDETERMINED);
            state = e->to;
            *object = e->aux;
        }
    CHECK(rc == 0);
    if (r) CHECK(reader_first_fault(r)->code == 0);
    reader_close(r);
    input_close(in);
    free(b);
    return state;
}

/* G's entry, read or (put) written. */
static void entry(struct pv_ring_slot *slot, bool put) {
    struct pv_ring_header h;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0 && pread(fd, &h, sizeof h, 0) == sizeof h);
    for (uint32_t i = 1; i < h.slots_used; i++) {
        struct pv_ring_slot this;
        off_t at = (off_t)(h.slots_at + i * sizeof this);
        CHECK(pread(fd, &this, sizeof this, at) == sizeof this);
        if (this.id != G) continue;
        if (put)
            CHECK(pwrite(fd, slot, sizeof *slot, at) == sizeof *slot);
        else
            *slot = this;
    }
    close(fd);
}

static void test_waiting(void) {
    uint64_t object;
    begin();
    go_round();
    end();
    CHECK(first_state(path, &object) == GO_WAITING);
    CHECK(object == OBJECT);
}

static void test_runnable(void) {
    uint64_t object;
    struct pv_ring_slot before = {0};
    begin();
    entry(&before, false);
    CHECK((before.word & 15) == PV_WAITING);
    pv_go_unpark(rare, &g, 0);
    go_round();
    end();
    CHECK(first_state(path, &object) == GO_RUNNABLE);
    /* Killed between the record and the entry: it is not taken for one that waits. */
    entry(&before, true);
    CHECK(first_state(path, &object) == GO_UNDETERMINED);
}

static void test_running(bool syscall) {
    uint64_t object;
    begin();
    pv_go_unpark(rare, &g, 0);
    pv_go_start(rare, &g);
    if (syscall) pv_go_syscall(rare, &g, 0);
    go_round();
    end();
    CHECK(first_state(path, &object) == (syscall ? GO_SYSCALL : GO_RUNNING));
}

static void test_snapshot(void) {
    char copy[sizeof path + 8];
    uint64_t object;
    begin();
    go_round();
    snprintf(copy, sizeof copy, "%s.copy", path);
    CHECK(pv_snapshot(copy) == 0);
    pv_go_unpark(rare, &g, 0); /* behind the snapshot */
    CHECK(first_state(copy, &object) == GO_WAITING);
    CHECK(object == OBJECT);
    unlink(copy);
    end();
}

/* A child that tidies up after itself leaves its parent's recording alone. */
static void test_fork(void) {
    struct pv_ring_header h;
    struct pv_ring_thread row;
    begin();
    pid_t child = fork();
    if (child == 0) {
        pv_go_park(rare, &g, reason, 0, 0, 0); /* records nothing */
        pv_m_close(busy);
        pv_m_close(rare);
        _exit(pv_stop() == -ESRCH ? 0 : 1);
    }
    int status, fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    CHECK(fd >= 0 && pread(fd, &h, sizeof h, 0) == sizeof h && h.threads_used == 2);
    for (uint32_t i = 0; i < h.threads_used; i++) {
        off_t at = (off_t)(h.threads_at + i * sizeof row);
        CHECK(pread(fd, &row, sizeof row, at) == sizeof row && row.closed == 0);
    }
    close(fd);
    end();
}

int main(void) {
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/table-%d.ring", folder ? folder : "/tmp", (int)getpid());
    test_waiting();
    test_runnable();
    test_running(false);
    test_running(true);
    test_snapshot();
    test_fork();
    unlink(path);
    puts("ring_table_test: ok");
    return 0;
}
