/* tests/fuzz/read_all.h - reads a trace from memory to its end and holds every event against what
 * event.h promises.  Shared by the fuzz targets of the readers. */
#ifndef PARKVIEW_TESTS_FUZZ_READ_ALL_H
#define PARKVIEW_TESTS_FUZZ_READ_ALL_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storage/src/reader.h"
#include "tests/fuzz/promise.h"

struct promises {
    int64_t last_ns;
    int any;
};

static void check_event(const struct dict *d, const struct ev *e, struct promises *p) {
    PROMISE(e->kind >= EV_SYNC && e->kind <= EV_GAP);
    PROMISE(e->str < dict_n_strings(d));
    PROMISE(e->stack < dict_n_stacks(d) && e->tstack < dict_n_stacks(d));
    /* As Go does, the readers let through ids of any value and the goroutine status "bad" (to is
     * then "undetermined"): who uses events has to live with both. */
    if (e->kind == EV_GO_TRANSITION) PROMISE(e->from <= GO_SYSCALL && e->to <= GO_SYSCALL);
    if (e->kind == EV_PROC_TRANSITION) PROMISE(e->from <= PROC_IDLE && e->to <= PROC_IDLE);
    PROMISE(!p->any || e->time_ns > p->last_ns || e->kind == EV_GAP);
    p->any = 1;
    p->last_ns = e->time_ns;
}

static void check_batch(const struct dict *d, const struct ev_batch *b, struct promises *p) {
    PROMISE(b->n > 0 && b->n <= EV_BATCH_EVENTS && b->n_args <= EV_BATCH_ARGS);
    uint32_t n_args = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        check_event(d, &b->ev[i], p);
        n_args += b->ev[i].n_args;
    }
    PROMISE(n_args == b->n_args);
}

/* All strings and frames are there to be read. */
static void check_dict(const struct dict *d) {
    static volatile char sink;
    for (uint32_t i = 0; i < dict_n_strings(d); i++) {
        struct text t = dict_string(d, i);
        if (t.n) sink = t.data[t.n - 1];
    }
    for (uint32_t i = 0; i < dict_n_stacks(d); i++) {
        struct stack s = dict_stack(d, i);
        for (uint32_t k = 0; k < s.n; k++)
            PROMISE(s.frames[k].func < dict_n_strings(d) && s.frames[k].file < dict_n_strings(d));
    }
    (void)sink;
}

static void read_all(const uint8_t *data, size_t n, bool resume) {
    static struct ev_batch batch;
    struct reader_options options = {.resume = resume, .single_thread = true};
    struct promises promises = {0};
    struct fault fault = {0};
    struct input *in = NULL;
    struct reader *r = NULL;
    if (input_open_memory(data, n, &in, &fault) < 0) return;
    if (reader_open(in, &options, &r, &fault) == 0) {
        int rc;
        while ((rc = reader_next(r, &batch, &fault)) == 1)
            check_batch(reader_dict(r), &batch, &promises);
        PROMISE(rc == 0 || (rc == fault.code && fault.text[0]));
        PROMISE(reader_next(r, &batch, &fault) == rc); /* the end stays the end */
        check_dict(reader_dict(r));
        reader_close(r);
    } else {
        PROMISE(fault.code < 0 && fault.text[0]);
    }
    input_close(in);
}

/* The header is set here, so that every input reaches its reader: the bytes after "go 1." choose
 * the version, and seeds keep their own.  Read twice: with and without resuming after damage. */
static int read_version(const uint8_t *data, size_t n, const char (*versions)[3],
                        size_t n_versions) {
    enum { HEADER_BYTES = 16 };
    if (n < HEADER_BYTES) return -1;
    uint8_t *trace = malloc(n);
    if (!trace) return 0;
    memcpy(trace, data, n);
    const char *version = versions[(data[5] + data[6]) % n_versions];
    for (size_t i = 0; i < n_versions; i++)
        if (memcmp(data + 5, versions[i], 2) == 0) version = versions[i];
    memset(trace, 0, HEADER_BYTES);
    memcpy(trace, "go 1.NN trace", 13);
    memcpy(trace + 5, version, 2);
    read_all(trace, n, false);
    read_all(trace, n, true);
    free(trace);
    return 0;
}

#endif
