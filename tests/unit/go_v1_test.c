/* tests/unit/go_v1_test.c - the reader of Go 1.11 to 1.21, on traces that are written here byte by
 * byte: order over Ps, late system call exits, early goroutines, faults, and the second thread. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/src/go_v1_impl.h"
#include "tests/unit/check.h"

/* ---- writing a trace ---- */

static uint8_t room[8 << 20];
static uint8_t *bytes = room;
static size_t n_bytes;

static void put_byte(uint8_t b) {
    CHECK(n_bytes < sizeof room);
    room[n_bytes++] = b;
}

static bool wide_numbers, wide_lengths; /* with one byte more than they need */

static void put_number(uint64_t v) {
    for (; v >= 0x80; v >>= 7) put_byte((uint8_t)(v | 0x80));
    put_byte((uint8_t)(v | (wide_numbers ? 0x80 : 0)));
    if (wide_numbers) put_byte(0);
}

static void begin_trace(void) {
    static const char header[16] = "go 1.19 trace";
    n_bytes = 0;
    for (size_t i = 0; i < sizeof header; i++) put_byte((uint8_t)header[i]);
}

/* An event of up to three numbers, or as many as there are with their length before them. */
static void put(uint8_t type, int n, const uint64_t *args) {
    if (n <= 3) {
        put_byte((uint8_t)(type | (n - 1) << 6));
        for (int i = 0; i < n; i++) put_number(args[i]);
        return;
    }
    size_t at = n_bytes + 1;
    put_byte((uint8_t)(type | 3 << 6));
    put_byte(0);
    if (wide_lengths) put_byte(0);
    for (int i = 0; i < n; i++) put_number(args[i]);
    room[at] = (uint8_t)(n_bytes - at - 1);
    if (wide_lengths) room[at] = (uint8_t)((room[at] - 1) | 0x80);
}

#define PUT(type, ...)                                                                             \
    put(type, (int)(sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)),                         \
        (uint64_t[]){__VA_ARGS__})

/* One tick is one nanosecond. */
static void put_frequency(void) {
    PUT(V1_FREQUENCY, 1000000000);
}

/* P 0 with goroutine 1 running on it: the way every trace begins. */
static void put_start(void) {
    PUT(V1_BATCH, 0, 1000);
    PUT(V1_PROC_START, 1, 77);
    PUT(V1_GO_CREATE, 1, 1, 0, 0);
    PUT(V1_GO_START, 1, 1, 1);
    PUT(V1_GOMAXPROCS, 1, 2, 0);
}

/* ---- reading it ---- */

static struct ev events[4096];
static uint32_t n_events;

static int read_all(bool resume, bool single_thread) {
    struct reader_options o = {.resume = resume, .single_thread = single_thread};
    static struct ev_batch batch;
    struct input *in;
    struct reader *r;
    n_events = 0;
    fault = (struct fault){0};
    CHECK(input_open_memory(bytes, n_bytes, &in, &fault) == 0);
    CHECK(reader_open(in, &o, &r, &fault) == 0);
    int rc;
    while ((rc = reader_next(r, &batch, &fault)) == 1)
        for (uint32_t i = 0; i < batch.n && n_events < 4096; i++) events[n_events++] = batch.ev[i];
    reader_close(r);
    input_close(in);
    return rc;
}

/* Index of the first transition of goroutine g to this state; -1 = none. */
static int find(uint64_t g, enum go_state to) {
    for (uint32_t i = 0; i < n_events; i++)
        if (events[i].kind == EV_GO_TRANSITION && events[i].id == g && events[i].to == to)
            return (int)i;
    return -1;
}

/* ---- tests ---- */

/* A start on P 1 has the time of the creation on P 0 and stands before it in the file. */
static void causes_come_first(void) {
    begin_trace();
    PUT(V1_BATCH, 1, 1005);
    PUT(V1_PROC_START, 1, 78);
    PUT(V1_GO_START, 5, 2, 1);
    PUT(V1_GO_END, 5);
    put_start();
    PUT(V1_GO_CREATE, 7, 2, 0, 0);
    put_frequency();
    CHECK(read_all(false, false) == 0);
    int created = find(2, GO_RUNNABLE), started = find(2, GO_RUNNING), ended = find(2, GO_NOTEXIST);
    CHECK(created > 0 && created < started && started < ended);
    CHECK(events[created].time_ns == 10 && events[created].p == 0 && events[created].m == 77);
    CHECK(events[started].time_ns == 11 && events[started].p == 1 && events[started].m == 78);
    CHECK(events[0].kind == EV_SYNC && events[0].time_ns == -1);
    CHECK(events[n_events - 1].kind == EV_SYNC &&
          events[n_events - 1].time_ns == events[n_events - 2].time_ns + 1);
}

/* A call without a block lasts 1 ns; one with a block until the time that its exit names. */
static void calls_and_late_exits(void) {
    begin_trace();
    put_start();
    PUT(V1_GO_SYSCALL, 10, 0); /* 1014 */
    PUT(V1_GO_SYSCALL, 10, 0); /* 1024 */
    PUT(V1_GO_SYS_BLOCK, 10);  /* 1034 */
    PUT(V1_HEAP_ALLOC, 10, 1); /* 1044 */
    PUT(V1_HEAP_ALLOC, 10, 2); /* 1054 */
    PUT(V1_GO_SYS_EXIT, 10, 1, 2, 1044);
    PUT(V1_GO_START_LOCAL, 0, 1);
    put_frequency();
    CHECK(read_all(false, false) == 0);
    int quick = find(1, GO_SYSCALL);
    CHECK(quick > 0 && events[quick + 1].to == GO_RUNNING);
    CHECK(events[quick + 1].time_ns == events[quick].time_ns + 1 && events[quick].m == 77);
    CHECK(events[quick + 2].to == GO_SYSCALL && events[quick + 2].from == GO_RUNNING);
    CHECK(events[quick + 3].kind == EV_METRIC && events[quick + 3].id == 1);
    CHECK(events[quick + 4].from == GO_SYSCALL && events[quick + 4].to == GO_RUNNABLE);
    CHECK(events[quick + 4].p == V1_SYSCALL_P && events[quick + 4].time_ns == 44);
    CHECK(events[quick + 5].kind == EV_METRIC && events[quick + 5].id == 2);
}

/* What exists when tracing begins: waiting, in a call, running, or else runnable, by id. */
static void early_goroutines(void) {
    begin_trace();
    PUT(V1_BATCH, 0, 1000);
    PUT(V1_GO_CREATE, 1, 9, 0, 0);
    PUT(V1_GO_CREATE, 1, 4, 0, 0);
    PUT(V1_GO_WAITING, 1, 4);
    PUT(V1_GO_CREATE, 1, 5, 0, 0);
    PUT(V1_GO_IN_SYSCALL, 1, 5);
    PUT(V1_GO_CREATE, 1, 2, 0, 0);
    PUT(V1_PROC_START, 1, 7);
    PUT(V1_GO_CREATE, 1, 1, 0, 0);
    PUT(V1_GO_START, 1, 1, 1);
    PUT(V1_GOMAXPROCS, 1, 2, 0);
    put_frequency();
    CHECK(read_all(false, false) == 0);
    CHECK(find(4, GO_WAITING) > 0 && find(4, GO_RUNNABLE) < 0);
    CHECK(find(5, GO_SYSCALL) > 0 && find(1, GO_RUNNING) > 0 && find(1, GO_RUNNABLE) < 0);
    int two = find(2, GO_RUNNABLE), nine = find(9, GO_RUNNABLE);
    CHECK(two > 0 && nine == two + 1 && events[nine].from == GO_UNDETERMINED);
    CHECK(events[nine].g == NO_ID && events[nine].p == NO_ID && events[nine].m == NO_ID);
    for (uint32_t i = 0; i < n_events; i++) CHECK(events[i].kind != EV_METRIC);
}

/* Go gives out nothing of what it refuses; with resume all before the fault comes. */
static void expect_fault(const char *text) {
    CHECK(read_all(false, false) == PV_ECORRUPT && n_events == 0);
    CHECK(strstr(fault.text, text) != NULL);
    CHECK(read_all(true, false) == PV_ECORRUPT && n_events > 1 && find(1, GO_RUNNING) > 0);
    CHECK(strstr(fault.text, text) != NULL);
}

static void faults(void) {
    begin_trace();
    put_start();
    expect_fault("no EvFrequency event");
    begin_trace();
    put_start();
    put_frequency();
    size_t good = n_bytes;
    put_byte(63);
    expect_fault("unknown event type 63");
    CHECK(fault.offset == (int64_t)good);
    n_bytes = good;
    PUT(V1_GO_START, 1, 99, 1);
    expect_fault("no consistent ordering of events possible");
    n_bytes = good;
    PUT(V1_GC_DONE, 1);
    expect_fault("bogus GC end (time 4)");
    n_bytes = good;
    PUT(V1_PROC_STOP, 1, 2);
    expect_fault("ProcStop has wrong number of arguments: want 1, got 2");
    n_bytes = good;
    PUT(V1_BATCH, 0, 900);
    PUT(V1_HEAP_ALLOC, 0, 1);
    expect_fault("time stamps out of order");
    n_bytes = good;
    PUT(V1_GO_BLOCK, 1, 0);
    PUT(V1_GO_SYS_EXIT, 1, 1, 2, 1002);
    expect_fault("stray syscall exit");
}

/* Every prefix of a trace is an error or a trace; none is read beyond its end. */
static void cuts(void) {
    begin_trace();
    put_start();
    PUT(V1_LOG, 1, 0, 0, 0);
    put_number(3);
    for (int i = 0; i < 3; i++) put_byte('x');
    PUT(V1_STRING, 1);
    put_number(1);
    put_byte('a');
    PUT(V1_STACK, 1, 1, 500, 1, 1, 12);
    put_frequency();
    size_t all = n_bytes;
    CHECK(read_all(false, false) == 0);
    for (size_t n = 16; n < all; n++) {
        bytes = malloc(n); /* of just this size, for the sanitizers */
        CHECK(bytes != NULL);
        memcpy(bytes, room, n);
        n_bytes = n;
        CHECK(read_all(false, false) < 0 && n_events == 0 && fault.text[0]);
        CHECK(read_all(true, false) < 0 && fault.text[0]);
        free(bytes);
    }
    bytes = room;
}

/* ---- a large trace: the second thread, and giving up in the middle ---- */

static void put_large(void) {
    begin_trace();
    put_start();
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t g = 2 + i;
        PUT(V1_GO_CREATE, 3, g, 0, 0);
        PUT(V1_GO_SYSCALL, 2, 0);
        PUT(V1_HEAP_ALLOC, 1, i);
    }
    PUT(V1_BATCH, 1, 1010);
    PUT(V1_PROC_START, 1, 78);
    for (uint64_t i = 0; i < 200000; i++) {
        PUT(V1_GO_START, 3, 2 + i, 1);
        PUT(V1_GO_END, 3);
    }
    put_frequency();
}

static uint64_t hash_all(bool resume, bool single_thread, uint64_t stop_after) {
    struct reader_options o = {.resume = resume, .single_thread = single_thread};
    static struct ev_batch batch;
    struct input *in;
    struct reader *r;
    uint64_t hash = 14695981039346656037u, n = 0;
    fault = (struct fault){0};
    CHECK(input_open_memory(bytes, n_bytes, &in, &fault) == 0);
    CHECK(reader_open(in, &o, &r, &fault) == 0);
    while (n < stop_after && reader_next(r, &batch, &fault) == 1)
        for (uint32_t i = 0; i < batch.n; i++, n++) {
            const struct ev *e = &batch.ev[i];
            uint64_t words[] = {(uint64_t)e->time_ns, (uint64_t)e->p, e->id, e->kind, e->to};
            for (size_t k = 0; k < sizeof words / sizeof *words; k++)
                hash = (hash ^ words[k]) * 1099511628211u;
        }
    reader_close(r);
    input_close(in);
    for (const char *c = fault.text; *c; c++) hash = (hash ^ (uint8_t)*c) * 1099511628211u;
    hash = (hash ^ (uint64_t)fault.offset) * 1099511628211u;
    CHECK(stop_after != UINT64_MAX || fault.code || n > 1200000);
    return hash;
}

static void threads_change_nothing(void) {
    put_large();
    CHECK(n_bytes > 3 << 20);
    uint64_t alone = hash_all(false, true, UINT64_MAX);
    CHECK(hash_all(false, false, UINT64_MAX) == alone);
    CHECK(hash_all(true, false, UINT64_MAX) == alone);
    hash_all(true, false, 1); /* closed while the thread is at work */
    size_t whole = n_bytes;
    for (uint32_t i = 1; i <= 12;
         i++) { /* cut, and of what is copied a number with too many bytes */
        n_bytes = whole - i * (whole / 13) - i;
        CHECK(hash_all(true, false, UINT64_MAX) == hash_all(true, true, UINT64_MAX));
        uint8_t kept[12];
        uint8_t *at = bytes + n_bytes / 2;
        memcpy(kept, at, sizeof kept);
        memset(at, 0xff, sizeof kept);
        CHECK(hash_all(true, false, UINT64_MAX) == hash_all(true, true, UINT64_MAX));
        memcpy(at, kept, sizeof kept);
    }
    n_bytes = whole;
}

/* The same numbers in more bytes, which cannot all be read at once. */
static void widths_change_nothing(void) {
    put_large();
    uint64_t narrow = hash_all(true, true, UINT64_MAX);
    wide_numbers = true;
    put_large();
    CHECK(hash_all(true, true, UINT64_MAX) == narrow);
    wide_numbers = false;
    wide_lengths = true;
    put_large();
    CHECK(hash_all(true, true, UINT64_MAX) == narrow);
    wide_lengths = false;
}

/* ---- the table of exits ---- */

/* The bound is never above the true one, and a stretch's width below at most. */
static void exits_bound(void) {
    enum { N = 5000 };
    static int64_t written[N], real[N];
    struct v1_exits x = {0};
    uint64_t seed = 12345;
    int64_t now = -1000000;
    for (int i = 0; i < N; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        now += (int64_t)(seed >> 33) % (i < 100 ? 50 : 100000);
        written[i] = now;
        real[i] = now - (int64_t)(seed >> 50);
        CHECK(v1_exits_note(&x, written[i], real[i]) == 0);
    }
    v1_exits_finish(&x);
    int64_t truth = INT64_MAX, until;
    CHECK(v1_exits_bound(&x, now + ((int64_t)1 << x.shift), &until) == INT64_MAX);
    for (int i = N; i-- > 0;) {
        if (real[i] < truth) truth = real[i];
        int64_t bound = v1_exits_bound(&x, written[i], &until);
        CHECK(bound <= truth && until > written[i]);
        CHECK(bound >= truth - (1 << 14) - ((int64_t)1 << x.shift));
    }
    CHECK(v1_exits_bound(&x, INT64_MIN, &until) <= truth);
    free(x.min);
}

int main(void) {
    causes_come_first();
    calls_and_late_exits();
    early_goroutines();
    faults();
    cuts();
    threads_change_nothing();
    widths_change_nothing();
    exits_bound();
    printf("go_v1: all is well\n");
    return 0;
}
