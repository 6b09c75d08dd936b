/* storage/src/go_v1_index.c - what the first pass over a v1 trace leaves: small tables.
 *
 * Also the sentences for what was wrong inside an event, in Go's words. */
#include <stdio.h>
#include <string.h>

#include "storage/src/go_v1_impl.h"

/* Ids below the first are always in the array; above it as long as one in SPARSEST is used. */
enum { DENSE_IDS = 1 << 16, SPARSEST = 8 };

/* ---- ids ---- */

static int grow_dense(struct v1_refs *r, uint64_t id) {
    uint64_t n = r->n_dense ? r->n_dense : 64;
    while (n <= id) n += n / 2;
    uint32_t *dense = n < UINT32_MAX ? realloc(r->dense, n * sizeof *dense) : NULL;
    if (!dense) return PV_ENOMEM;
    memset(dense + r->n_dense, 0, (n - r->n_dense) * sizeof *dense);
    r->dense = dense;
    r->n_dense = (uint32_t)n;
    return 0;
}

int v1_refs_set(struct v1_refs *r, uint64_t id, uint32_t value) {
    uint32_t have = idmap_get(&r->sparse, id);
    if (have) {
        r->values[have - 1] = value;
        return 0;
    }
    if (r->n < UINT32_MAX) r->n++;
    if (id < r->n_dense || id < DENSE_IDS || id / SPARSEST < r->n) {
        if (id >= r->n_dense) TRY(grow_dense(r, id));
        r->dense[id] = value;
        return 0;
    }
    TRY(v1_grow(&r->values, r->n_values, &r->cap_values, sizeof *r->values));
    r->values[r->n_values++] = value;
    return idmap_put(&r->sparse, id, r->n_values);
}

uint32_t v1_refs_get_sparse(const struct v1_refs *r, uint64_t id) {
    uint32_t have = idmap_get(&r->sparse, id);
    return have ? r->values[have - 1] : 0;
}

void v1_refs_free(struct v1_refs *r) {
    free(r->dense);
    free(r->values);
    idmap_free(&r->sparse);
    *r = (struct v1_refs){0};
}

const char *const v1_built_in[V1_N_WAITS + V1_N_STOPS] = {
    "forever",
    "preempted",
    "runtime.Gosched",
    "sleep",
    "chan send",
    "chan receive",
    "network",
    "sync",
    "sync.(*Cond).Wait",
    "select",
    "",
    "GC mark assist wait for work",
    "", /* unknown */
    "GC mark termination",
    "GC sweep termination",
    "write heap dump",
    "goroutine profile",
    "goroutine profile cleanup",
    "all goroutine stack trace",
    "read mem stats",
    "AllThreadsSyscall",
    "GOMAXPROCS",
    "start trace",
    "stop trace",
    "CountPagesInUse (test)",
    "ReadMetricsSlow (test)",
    "ReadMemStatsSlow (test)",
    "PageCachePagesLeaked (test)",
    "ResetDebugLog (test)",
};

/* Go numbers the strings that it adds from the file's largest id on, so an id that the file does
 * not define may still mean one of them.  (With log messages, which it also adds, this is left out:
 * only a damaged file has such ids.) */
uint32_t v1_string(const struct v1_index *x, uint64_t id) {
    uint32_t have = v1_refs_get(&x->strings, id);
    if (have || id <= x->max_string || x->has_logs) return have;
    uint64_t i = id - x->max_string - 1;
    return i < V1_N_WAITS + V1_N_STOPS ? x->built_in[i] : 0;
}

/* ---- exits ---- */

/* Doubles the stretches until ticks lies in the last one or before. */
static void widen(struct v1_exits *x, uint64_t distance) {
    while (distance >> x->shift >= V1_N_STRETCHES) {
        for (uint32_t i = 0; i < V1_N_STRETCHES / 2; i++) {
            int64_t a = x->min[2 * i], b = x->min[2 * i + 1];
            x->min[i] = a < b ? a : b;
        }
        for (uint32_t i = V1_N_STRETCHES / 2; i < V1_N_STRETCHES; i++) x->min[i] = INT64_MAX;
        x->shift++;
    }
}

int v1_exits_note(struct v1_exits *x, int64_t written, int64_t real) {
    if (!x->any) {
        x->min = malloc(V1_N_STRETCHES * sizeof *x->min);
        if (!x->min) return PV_ENOMEM;
        for (uint32_t i = 0; i < V1_N_STRETCHES; i++) x->min[i] = INT64_MAX;
        x->base = written;
        x->any = true;
    }
    uint64_t distance = 0; /* what was written before the base counts to the first stretch */
    if (written > x->base) distance = (uint64_t)written - (uint64_t)x->base;
    widen(x, distance);
    uint64_t i = distance >> x->shift;
    if (real < x->min[i]) x->min[i] = real;
    return 0;
}

void v1_exits_finish(struct v1_exits *x) {
    if (!x->any) return;
    for (uint32_t i = V1_N_STRETCHES - 1; i-- > 0;)
        if (x->min[i + 1] < x->min[i]) x->min[i] = x->min[i + 1];
}

int64_t v1_exits_bound(const struct v1_exits *x, int64_t ticks, int64_t *until) {
    *until = INT64_MAX;
    if (!x->any) return INT64_MAX;
    uint64_t i = 0;
    if (ticks > x->base) i = ((uint64_t)ticks - (uint64_t)x->base) >> x->shift;
    if (i >= V1_N_STRETCHES) return INT64_MAX;
    uint64_t distance = (i + 1) << x->shift; /* below 2^64: shift is at most 48 */
    if (distance <= (uint64_t)INT64_MAX - (uint64_t)x->base)
        *until = (int64_t)((uint64_t)x->base + distance);
    return x->min[i];
}

/* ---- the index ---- */

struct v1_proc *v1_proc_find(const struct v1_index *x, int32_t id) {
    uint32_t from = 0, to = x->n_procs;
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (x->procs[mid].id < id)
            from = mid + 1;
        else
            to = mid;
    }
    return from < x->n_procs && x->procs[from].id == id ? &x->procs[from] : NULL;
}

void v1_index_free(struct v1_index *x) {
    free(x->batches);
    free(x->procs);
    free(x->bads);
    free(x->samples);
    free(x->exits.min);
    v1_refs_free(&x->strings);
    v1_refs_free(&x->stacks);
    idmap_free(&x->timers);
    *x = (struct v1_index){0};
}

int v1_bad_fault(const struct v1_bad *bad, struct fault *f) {
    unsigned long long a = bad->a, b = bad->b;
    int64_t off = (int64_t)bad->off + V1_HEADER_BYTES;
    const struct v1_spec *spec = &v1_specs[bad->a < V1_N_TYPES ? bad->a : 0];
    char text[256];
    switch ((enum v1_bad_what)bad->what) {
#define SAY(what, ...)                                                                             \
    case what:                                                                                     \
        snprintf(text, sizeof text, __VA_ARGS__);                                                  \
        break
        SAY(V1_BAD_NONE, "no fault");
        SAY(V1_BAD_TYPE, "unknown event type %llu", a);
        SAY(V1_BAD_ARG, "failed to read event %llu argument: malformatted base-128 varint", a);
        SAY(V1_BAD_VARINT, "malformatted base-128 varint");
        SAY(V1_BAD_ARG_BYTES,
            "failed to read event %llu argument: length-prefixed argument too big: %llu bytes, "
            "limit is 2048",
            a, b);
        SAY(V1_BAD_EOF, "failed to read trace: EOF");
        SAY(V1_BAD_UNEXPECTED_EOF, "failed to read trace: unexpected EOF");
        SAY(V1_BAD_BATCH_ARGS, "EvBatch has wrong number of arguments: got %llu, want 2", a);
        SAY(V1_BAD_BATCH_P, "processor ID %llu is larger than maximum of 18446744073709551615", a);
        SAY(V1_BAD_NO_BATCH, "read event %llu with current P of 0, but P has no batches yet", a);
        SAY(V1_BAD_SAMPLE_ARGS, "CPU sample has wrong number of arguments: want 5, got %llu", a);
        SAY(V1_BAD_N_ARGS, "%s has wrong number of arguments: want %d, got %llu", spec->name,
            spec->n_args, b);
        SAY(V1_BAD_STACK_SHORT, "EvStack has wrong number of arguments: want at least 2, got %llu",
            a);
        SAY(V1_BAD_STACK_FRAMES, "EvStack has bad number of frames: %llu", a);
        SAY(V1_BAD_STACK_ARGS, "EvStack has wrong number of arguments: want %llu, got %llu", a, b);
        SAY(V1_BAD_STRING_ZERO_ID, "string has invalid id 0");
        SAY(V1_BAD_STRING_TWICE, "string has duplicate id %llu", a);
        SAY(V1_BAD_STRING_EMPTY, "string has invalid length 0");
        SAY(V1_BAD_STRING_LENGTH, "string has too large length %llu", a);
        SAY(V1_BAD_LOG_LENGTH, "string is too large (len=%llu)", a);
        SAY(V1_BAD_FREQUENCY, "time stamps out of order");
        SAY(V1_BAD_TOO_MANY_PROCS, "too many processors (the limit is %d)", V1_MAX_PROCS);
#undef SAY
    }
    return fault_set(f, PV_ECORRUPT, off, "%s", text);
}
