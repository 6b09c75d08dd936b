/* tests/unit/go_v2_test.c - the event table agrees with itself; a trace made by hand comes out as
 * it should; every way to cut or bend it ends in events or a fault, never in anything else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/src/go_events.h"
#include "storage/src/go_v2_impl.h"
#include "storage/src/reader.h"
#include "tests/unit/check.h"

/* ---- the table ---- */

static bool arg_ends_with(const char *args, unsigned i, const char *end) {
    char copy[64], *rest = copy, *word = NULL;
    snprintf(copy, sizeof copy, "%s", args);
    for (unsigned k = 0; k < i; k++) word = strtok_r(rest, " ", &rest);
    return word && strlen(word) >= strlen(end) &&
           strcmp(word + strlen(word) - strlen(end), end) == 0;
}

static void test_table(void) {
    for (unsigned type = 0; type < GOEV_LIMIT; type++) {
        const struct go_event_spec *s = &go_event_specs[type];
        CHECK(go_event_numbers[type] == (s->timed ? s->n_args : GOEV_NOT_TIMED));
        if (!s->name) continue;
        unsigned words = s->args[0] != 0;
        for (const char *c = s->args; *c; c++) words += *c == ' ';
        CHECK(words == s->n_args);
        CHECK(!s->timed || s->n_args <= GOEV_MAX_ARGS);
        for (unsigned i = 1; i <= words; i++) {
            bool is_stack = i == s->own_stack || i == s->other_stack;
            bool is_string = i == s->string1 || i == s->string2;
            CHECK(is_stack == arg_ends_with(s->args, i, "stack"));
            CHECK(is_string == arg_ends_with(s->args, i, "string"));
        }
        CHECK(!s->start || go_event_specs[s->start].timed);
    }
    CHECK(go_event_numbers[255] == GOEV_NOT_TIMED);
}

/* ---- sorting: the same as Go's, checked against what Go 1.26 printed ---- */

static uint64_t order_hash(uint32_t n, uint64_t times) {
    struct go_timed *a = calloc(n, sizeof *a);
    uint64_t x = 88172645463325252u, hash = 14695981039346656037u;
    for (uint32_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        a[i] = (struct go_timed){.time_ns = (int64_t)(x % times), .index = i};
    }
    go_sort(a, n);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(i == 0 || a[i - 1].time_ns <= a[i].time_ns);
        hash = (hash ^ a[i].index) * 1099511628211u;
    }
    free(a);
    return hash;
}

static void test_sort(void) {
    static const struct {
        uint32_t n;
        uint64_t times, hash;
    } expected[] = {
#include "tests/unit/go_sort_expected.def"
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        CHECK(order_hash(expected[i].n, expected[i].times) == expected[i].hash);
}

/* ---- a trace made by hand ---- */

struct bytes {
    uint8_t data[4096];
    size_t n;
};

static void put_bytes(struct bytes *b, const void *data, size_t n) {
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void put_number(struct bytes *b, uint64_t v) {
    for (; v >= 0x80; v >>= 7) b->data[b->n++] = (uint8_t)(v | 0x80);
    b->data[b->n++] = (uint8_t)v;
}

/* One event or table entry: a type and n numbers. */
static void put_event(struct bytes *b, unsigned type, unsigned n, const uint64_t *numbers) {
    b->data[b->n++] = (uint8_t)type;
    for (unsigned i = 0; i < n; i++) put_number(b, numbers[i]);
}
#define EVENT(b, type, ...)                                                                        \
    put_event(b, type, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),                       \
              (uint64_t[]){__VA_ARGS__})

static void put_batch(struct bytes *trace, uint64_t gen, uint64_t m, uint64_t time,
                      const struct bytes *body) {
    EVENT(trace, GOEV_EVENT_BATCH, gen, m, time, body->n);
    put_bytes(trace, body->data, body->n);
}

static void put_string(struct bytes *b, uint64_t id, const char *text) {
    EVENT(b, GOEV_STRING, id, strlen(text));
    put_bytes(b, text, strlen(text));
}

/* Goroutine 1 runs on P 0 and M 7, creates 2, blocks; 2 starts and unblocks 1. */
static void put_generation(struct bytes *trace, uint64_t gen, bool first) {
    struct bytes sync = {0}, events = {0}, stacks = {0}, strings = {0};
    sync.data[sync.n++] = GOEV_SYNC;
    EVENT(&sync, GOEV_FREQUENCY, 15625000);
    EVENT(&sync, GOEV_CLOCK_SNAPSHOT, 2, 1000, 1700000000, 5);
    put_batch(trace, gen, GO_NO_THREAD, 100 * gen, &sync);
    if (first) {
        EVENT(&events, GOEV_PROC_STATUS, 1, 0, 1);
        EVENT(&events, GOEV_GO_STATUS, 1, 1, 7, 2);
        EVENT(&events, GOEV_GO_CREATE, 1, 2, 1, 1);
        EVENT(&events, GOEV_GO_BLOCK, 1, 3, 1);
        EVENT(&events, GOEV_GO_START, 0, 2, 1);
        EVENT(&events, GOEV_GO_UNBLOCK, 1, 1, 1, 0);
        EVENT(&events, GOEV_SPAN, 1, 300, 2, 1);
    } else {
        EVENT(&events, GOEV_PROC_STATUS, 1, 0, 1);
        EVENT(&events, GOEV_GO_STATUS, 1, 2, 7, 2);
        EVENT(&events, GOEV_GO_STATUS, 1, 1, GO_NO_THREAD, 1);
    }
    put_batch(trace, gen, 7, 100 * gen + 1, &events);
    stacks.data[stacks.n++] = GOEV_STACKS;
    EVENT(&stacks, GOEV_STACK, 1, 2, 0x1000, 1, 2, 10, 0x2000, 4, 2, 20);
    put_batch(trace, gen, GO_NO_THREAD, 100 * gen, &stacks);
    strings.data[strings.n++] = GOEV_STRINGS;
    put_string(&strings, 1, "main.leaf");
    put_string(&strings, 2, "main.go");
    put_string(&strings, 3, "chan receive");
    put_string(&strings, 4, "main.main");
    put_batch(trace, gen, GO_NO_THREAD, 100 * gen, &strings);
    trace->data[trace->n++] = GOEV_END_OF_GENERATION;
}

static void make_trace(struct bytes *trace) {
    trace->n = 0;
    put_bytes(trace, "go 1.26 trace\0\0", 16);
    put_generation(trace, 1, true);
    put_generation(trace, 2, false);
}

struct result {
    uint32_t n, n_gaps;
    int rc;
};

static struct ev_batch batch;

static struct result read_all(const uint8_t *data, size_t n, struct reader_options o) {
    struct result result = {0};
    struct input *in;
    struct reader *r;
    int64_t last_ns = INT64_MIN;
    CHECK(input_open_memory(data, n, &in, &fault) == 0);
    result.rc = reader_open(in, &o, &r, &fault);
    while (result.rc >= 0 && (result.rc = reader_next(r, &batch, &fault)) == 1) {
        for (uint32_t i = 0; i < batch.n; i++) {
            CHECK(batch.ev[i].time_ns > last_ns);
            last_ns = batch.ev[i].time_ns;
            result.n_gaps += batch.ev[i].kind == EV_GAP;
        }
        result.n += batch.n;
    }
    reader_close(r);
    input_close(in);
    return result;
}

static bool string_is(const struct reader *r, uint32_t id, const char *text) {
    struct text t = dict_string(reader_dict(r), id);
    return t.n == strlen(text) && memcmp(t.data, text, t.n) == 0;
}

/* A batch ends where the reader would have to wait: all events of a small trace in `batch`. */
static bool read_whole(struct reader *r) {
    static struct ev_batch part;
    int rc;
    batch.n = batch.n_args = 0;
    while ((rc = reader_next(r, &part, &fault)) == 1) {
        memcpy(batch.ev + batch.n, part.ev, part.n * sizeof *part.ev);
        memcpy(batch.args + batch.n_args, part.args, part.n_args * sizeof *part.args);
        batch.n += part.n;
        batch.n_args += part.n_args;
    }
    return rc == 0;
}

static void test_events(void) {
    struct bytes trace;
    struct input *in;
    struct reader *r;
    make_trace(&trace);
    CHECK(input_open_memory(trace.data, trace.n, &in, &fault) == 0);
    CHECK(reader_open(in, NULL, &r, &fault) == 0 && reader_version(r) == 26);
    CHECK(!reader_is_newer(r));
    CHECK(read_whole(r) && batch.n == 13);
    const struct ev *e = batch.ev;
    CHECK(e[0].kind == EV_SYNC && e[0].time_ns == 6400 && e[0].n_args == 7);
    CHECK(batch.args[0] == 1 && batch.args[1] == 1 && batch.args[2] == 102 * 64);
    CHECK(batch.args[3] == 1000 && batch.args[4] == 1700000000000000005);
    CHECK(e[1].kind == EV_PROC_TRANSITION && e[1].from == PROC_UNDETERMINED);
    CHECK(e[1].to == PROC_RUNNING && e[1].time_ns == 102 * 64 && e[1].p == NO_ID && e[1].m == 7);
    CHECK(e[2].kind == EV_GO_TRANSITION && e[2].p == 0 && e[2].g == NO_ID);
    CHECK(e[3].id == 2 && e[3].from == GO_NOTEXIST && e[3].to == GO_RUNNABLE && e[3].g == 1);
    CHECK(e[3].stack == e[3].tstack && e[3].stack != 0);
    struct stack stack = dict_stack(reader_dict(r), e[3].stack);
    CHECK(stack.n == 2 && stack.frames[0].pc == 0x1000 && stack.frames[1].line == 20);
    CHECK(string_is(r, stack.frames[1].func, "main.main"));
    CHECK(e[4].to == GO_WAITING && string_is(r, e[4].str, "chan receive"));
    CHECK(e[5].id == 2 && e[5].to == GO_RUNNING && e[5].g == NO_ID);
    CHECK(e[5].time_ns == e[4].time_ns + 1); /* the same tick: one nanosecond later */
    CHECK(e[6].id == 1 && e[6].from == GO_WAITING && e[6].g == 2);
    CHECK(e[7].kind == EV_EXPERIMENTAL && e[7].aux == GOEV_SPAN && batch.args[7] == 300);
    CHECK(e[8].kind == EV_SYNC && e[9].from == PROC_RUNNING && e[9].to == PROC_RUNNING);
    CHECK(e[11].id == 1 && e[11].from == GO_RUNNABLE && e[11].to == GO_RUNNABLE);
    CHECK(e[12].kind == EV_SYNC && batch.args[17] == 3 && batch.args[18] == 0);
    CHECK(reader_next(r, &batch, &fault) == 0 && reader_first_fault(r)->code == 0);
    reader_close(r);
    input_close(in);
}

/* A version from the future is read, and says so. */
static void test_newer(void) {
    struct bytes trace;
    make_trace(&trace);
    trace.data[6] = '9';
    struct input *in;
    struct reader *r;
    CHECK(input_open_memory(trace.data, trace.n, &in, &fault) == 0);
    CHECK(reader_open(in, NULL, &r, &fault) == 0);
    CHECK(reader_is_newer(r) && reader_version(r) == 29);
    CHECK(read_whole(r) && batch.n == 13);
    reader_close(r);
    input_close(in);
}

/* Damage in the first generation: with resume the second is read all the same. */
static void test_resume(void) {
    struct bytes trace;
    make_trace(&trace);
    uint8_t *block = memchr(trace.data + 60, GOEV_GO_BLOCK, 40);
    CHECK(block);
    *block = 77; /* no such event */
    struct result strict = read_all(trace.data, trace.n, (struct reader_options){0});
    CHECK(strict.rc == PV_ECORRUPT &&
          strstr(fault.text, "found event without a timestamp: type=77"));
    CHECK(fault.offset == block - trace.data);
    struct result resumed = read_all(trace.data, trace.n, (struct reader_options){.resume = true});
    CHECK(resumed.rc == 0 && resumed.n_gaps == 1 && resumed.n == strict.n + 1 + 5);
}

/* Times at the end of what 63 bits hold: they never go back. */
static void test_time_overflow(void) {
    struct bytes trace = {0}, sync = {0}, events = {0};
    put_bytes(&trace, "go 1.26 trace\0\0", 16);
    sync.data[sync.n++] = GOEV_SYNC;
    EVENT(&sync, GOEV_FREQUENCY, 1000000000);
    EVENT(&sync, GOEV_CLOCK_SNAPSHOT, 0, 0, 0, 0);
    put_batch(&trace, 1, GO_NO_THREAD, 1, &sync);
    EVENT(&events, GOEV_PROC_STATUS, (uint64_t)INT64_MAX - 1023, 0, 1); /* exact as a double */
    EVENT(&events, GOEV_HEAP_GOAL, 1022, 1); /* the last nanosecond that there is */
    EVENT(&events, GOEV_HEAP_GOAL, 5, 1);
    put_batch(&trace, 1, 7, 1, &events);
    trace.data[trace.n++] = GOEV_END_OF_GENERATION;
    for (int resume = 0; resume < 2; resume++) {
        struct result got =
            read_all(trace.data, trace.n, (struct reader_options){.resume = resume});
        CHECK(got.rc == PV_ECORRUPT && got.n == 3 && strstr(fault.text, "2262"));
    }
}

/* Every cut and every flipped bit, strict and with resume, one thread and two. */
static void test_damage(void) {
    struct bytes trace, bent;
    make_trace(&trace);
    for (unsigned mode = 0; mode < 4; mode++) {
        struct reader_options o = {.resume = mode & 1, .single_thread = mode & 2};
        struct result whole = read_all(trace.data, trace.n, o);
        CHECK(whole.rc == 0 && whole.n == 13);
        for (size_t n = 0; n < trace.n; n += mode & 2 ? 1 : 29) {
            struct result cut = read_all(trace.data, n, o);
            CHECK(cut.n <= whole.n + 1);
        }
        for (size_t bit = 16 * 8; bit < trace.n * 8; bit += mode & 2 ? 1 : 97) {
            bent = trace;
            bent.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            read_all(bent.data, bent.n, o);
        }
    }
}

int main(void) {
    test_table();
    test_sort();
    test_events();
    test_newer();
    test_resume();
    test_time_overflow();
    test_damage();
    printf("go_v2_test: ok\n");
    return 0;
}
