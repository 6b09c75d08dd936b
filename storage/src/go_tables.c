/* storage/src/go_tables.c - a generation's strings, stacks, CPU samples and clock.
 *
 * Layout      Strings(4), then String(5) id length bytes, ...
 *             Stacks(2), then Stack(3) id n, n times (pc func file line), ...
 *             CPUSamples(6), then CPUSample(7) time m p g stack, ...
 *             before 1.25: Frequency(8) hz; from then on Sync(50), then Frequency and
 *             ClockSnapshot(51) dt mono sec nsec
 * Invariants  1. Ids are local to the generation; here they become ids of the dictionary.
 *             2. Stacks may come before their strings, so that their frames are only noted at first
 *                and they are made when all batches have been read.
 *             3. A PC means what its first mention in the generation says.
 * Source      go1.26 src/internal/trace/generation.go, base.go */
#include "storage/src/go_v2_impl.h"
#include "storage/src/varint.h"

struct scan { /* over one batch; the first fault sticks */
    const uint8_t *p, *end;
    uint64_t end_at; /* where in the trace end is */
    struct fault *fault;
    int rc;
};

static int64_t scan_offset(const struct scan *s, const uint8_t *p) {
    return (int64_t)(s->end_at - (uint64_t)(s->end - p));
}

static int scan_fault(struct scan *s, const char *text) {
    s->p = s->end;
    return s->rc = fault_set(s->fault, PV_ECORRUPT, scan_offset(s, s->p), "%s", text);
}

static uint64_t scan_number(struct scan *s, const char *what) {
    uint64_t v = 0;
    if (s->rc < 0) return 0;
    int n = uvarint_get(s->p, (size_t)(s->end - s->p), &v);
    if (n > 0) {
        s->p += n;
        return v;
    }
    const char *why = n == UVARINT_OVERFLOW ? "varint overflows a 64-bit integer"
                      : s->p == s->end      ? "EOF"
                                            : "unexpected EOF";
    s->rc = fault_set(s->fault, PV_ECORRUPT, scan_offset(s, s->p), "reading %s: %s", what, why);
    return 0;
}

static int no_memory(struct fault *f) {
    return fault_set(f, PV_ENOMEM, -1, "out of memory for the tables of a generation");
}

/* ---- ids ---- */

enum { DENSE_MIN = 4096 };

static void ids_clear(struct go_ids *ids) {
    if (ids->n_dense) memset(ids->dense, 0, ids->n_dense * sizeof *ids->dense);
    ids->n = 0;
    idmap_clear(&ids->sparse);
}

static bool ids_has(const struct go_ids *ids, uint64_t id) {
    uint32_t ignored;
    return id == 0 || go_ids_get(ids, id, &ignored);
}

/* Ids up to four times the number of entries are looked up by index, others by hash: a hostile id
 * costs no more memory than the bytes that brought it. */
static int ids_set(struct go_ids *ids, uint64_t id, uint32_t value) {
    if (id >= ids->n_dense && id < DENSE_MIN + (uint64_t)ids->n * 4) {
        uint64_t n = DENSE_MIN + (uint64_t)ids->n * 4;
        if (n > UINT32_MAX / 8) return PV_ENOMEM;
        uint32_t *dense = realloc(ids->dense, n * sizeof *dense);
        if (!dense) return PV_ENOMEM;
        memset(dense + ids->n_dense, 0, (n - ids->n_dense) * sizeof *dense);
        for (uint64_t k = ids->n_dense; ids->sparse.n && k < n; k++) {
            dense[k] = idmap_get(&ids->sparse, k);
            idmap_remove(&ids->sparse, k);
        }
        ids->dense = dense;
        ids->n_dense = (uint32_t)n;
    }
    ids->n++;
    if (id >= ids->n_dense) return idmap_put(&ids->sparse, id, value + 1);
    ids->dense[id] = value + 1;
    return 0;
}

/* Gives an id that is already there its final value. */
static void ids_replace(struct go_ids *ids, uint64_t id, uint32_t value) {
    if (id < ids->n_dense) {
        ids->dense[id] = value + 1;
    } else {
        idmap_remove(&ids->sparse, id);
        (void)idmap_put(&ids->sparse, id, value + 1); /* room was just made */
    }
}

/* ---- strings ---- */

static int read_string(struct scan *s, struct go_tables *t, struct dict *d) {
    const uint8_t *start = s->p;
    if (*s->p != GOEV_STRING)
        return fault_set(s->fault, PV_ECORRUPT, scan_offset(s, s->p),
                         "expected string event, got %u", *s->p);
    s->p++;
    uint64_t id = scan_number(s, "a string's id");
    uint64_t n = scan_number(s, "a string's length");
    if (s->rc < 0) return s->rc;
    if (n > GO_MAX_STRING_BYTES)
        return fault_set(s->fault, PV_ECORRUPT, scan_offset(s, start),
                         "invalid string size %llu, maximum is %d", (unsigned long long)n,
                         GO_MAX_STRING_BYTES);
    if (n > (uint64_t)(s->end - s->p))
        return fault_set(s->fault, PV_ECORRUPT, scan_offset(s, s->p),
                         "failed to read full string: read %zu but wanted %llu",
                         (size_t)(s->end - s->p), (unsigned long long)n);
    if (ids_has(&t->strings, id))
        return fault_set(s->fault, PV_ECORRUPT, scan_offset(s, start),
                         "multiple strings with the same ID: id=%llu", (unsigned long long)id);
    uint32_t string = dict_add_string(d, (const char *)s->p, n);
    s->p += n;
    if (string == UINT32_MAX || ids_set(&t->strings, id, string) < 0) return no_memory(s->fault);
    return 0;
}

/* ---- stacks ---- */

/* The frame's index + 1, 0 = out of memory. */
static uint32_t note_frame(struct go_tables *t, const struct go_frame *frame) {
    uint32_t known = idmap_get(&t->pcs, frame->pc);
    if (known) return known;
    if (t->n_frames == t->cap_frames) {
        uint32_t cap = t->cap_frames ? t->cap_frames * 2 : 1024;
        struct go_frame *frames = realloc(t->frames, cap * sizeof *frames);
        if (!frames) return 0;
        t->frames = frames;
        t->cap_frames = cap;
    }
    t->frames[t->n_frames++] = *frame;
    return idmap_put(&t->pcs, frame->pc, t->n_frames) < 0 ? 0 : t->n_frames;
}

/* Room for the frames of one more stack. */
static int reserve_pcs(struct go_tables *t) {
    if (t->cap_stack_pcs - t->n_stack_pcs >= GO_MAX_FRAMES) return 0;
    uint32_t cap = t->cap_stack_pcs ? t->cap_stack_pcs * 2 : 8192;
    uint32_t *pcs = cap > t->cap_stack_pcs ? realloc(t->stack_pcs, cap * sizeof *pcs) : NULL;
    if (!pcs) return PV_ENOMEM;
    t->stack_pcs = pcs;
    t->cap_stack_pcs = cap;
    return 0;
}

static int note_stack(struct go_tables *t, const struct go_stack_ref *ref) {
    if (t->n_refs == t->cap_refs) {
        uint32_t cap = t->cap_refs ? t->cap_refs * 2 : 1024;
        struct go_stack_ref *refs = realloc(t->refs, cap * sizeof *refs);
        if (!refs) return PV_ENOMEM;
        t->refs = refs;
        t->cap_refs = cap;
    }
    t->refs[t->n_refs++] = *ref;
    return ids_set(&t->stacks, ref->id, 0);
}

static int read_stack(struct scan *s, struct go_tables *t) {
    const uint8_t *start = s->p;
    if (*s->p != GOEV_STACK)
        return fault_set(s->fault, PV_ECORRUPT, scan_offset(s, s->p),
                         "expected stack event, got %u", *s->p);
    s->p++;
    uint64_t id = scan_number(s, "a stack's id");
    uint64_t n = scan_number(s, "a stack's number of frames");
    if (s->rc < 0) return s->rc;
    if (n > GO_MAX_FRAMES)
        return fault_set(s->fault, PV_ECORRUPT, scan_offset(s, start),
                         "invalid stack size %llu, maximum is %d", (unsigned long long)n,
                         GO_MAX_FRAMES);
    struct go_stack_ref ref = {
        .id = id, .at = (uint64_t)scan_offset(s, s->p), .pc_at = t->n_stack_pcs, .n = (uint32_t)n};
    if (reserve_pcs(t) < 0) return no_memory(s->fault);
    for (uint64_t i = 0; i < n; i++) {
        struct go_frame frame;
        frame.pc = scan_number(s, "a frame's PC");
        frame.func = scan_number(s, "a frame's funcID");
        frame.file = scan_number(s, "a frame's fileID");
        frame.line = scan_number(s, "a frame's line");
        if (s->rc < 0) return s->rc;
        uint32_t noted = note_frame(t, &frame);
        if (!noted) return no_memory(s->fault);
        t->stack_pcs[t->n_stack_pcs++] = noted - 1;
    }
    if (ids_has(&t->stacks, id))
        return fault_set(s->fault, PV_ECORRUPT, scan_offset(s, start),
                         "multiple trace.stacks with the same ID: id=%llu", (unsigned long long)id);
    return note_stack(t, &ref) < 0 ? no_memory(s->fault) : 0;
}

static int resolve_frame(const struct go_tables *t, const struct go_stack_ref *ref,
                         const struct go_frame *frame, struct frame *out, struct fault *f) {
    const char *what = "func";
    uint64_t id = frame->func;
    *out = (struct frame){.pc = frame->pc, .line = frame->line};
    if (id == 0 || go_ids_get(&t->strings, id, &out->func)) {
        what = "file";
        id = frame->file;
        if (id == 0 || go_ids_get(&t->strings, id, &out->file)) return 0;
    }
    if (t->lenient) return 0;
    return fault_set(f, PV_ECORRUPT, (int64_t)ref->at,
                     "found invalid %s string ID %llu for stack %llu", what, (unsigned long long)id,
                     (unsigned long long)ref->id);
}

static int resolve_stack(const struct go_tables *t, const struct go_stack_ref *ref,
                         struct frame *frames, struct fault *f) {
    for (uint32_t i = 0; i < ref->n; i++)
        TRY(resolve_frame(t, ref, &t->frames[t->stack_pcs[ref->pc_at + i]], &frames[i], f));
    return 0;
}

/* Go names the bad stack with the least id, whatever their order in the file. */
static int bad_stack(const struct go_tables *t, struct fault *f) {
    struct frame frames[GO_MAX_FRAMES];
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < t->n_refs; i++) {
        struct fault candidate;
        if (t->refs[i].id > least || resolve_stack(t, &t->refs[i], frames, &candidate) == 0)
            continue;
        least = t->refs[i].id;
        *f = candidate;
    }
    return f->code;
}

static int make_stacks(struct go_tables *t, struct dict *d, struct fault *f) {
    struct frame frames[GO_MAX_FRAMES];
    for (uint32_t i = 0; i < t->n_refs; i++) {
        const struct go_stack_ref *ref = &t->refs[i];
        if (resolve_stack(t, ref, frames, f) < 0) return bad_stack(t, f);
        uint32_t stack = dict_add_stack(d, frames, ref->n);
        if (stack == UINT32_MAX) return no_memory(f);
        ids_replace(&t->stacks, ref->id, stack);
    }
    return 0;
}

/* ---- CPU samples ---- */

static int read_sample(struct scan *s, struct go_tables *t) {
    struct go_sample sample = {.at = (uint64_t)scan_offset(s, s->p)};
    if (*s->p != GOEV_CPU_SAMPLE)
        return fault_set(s->fault, PV_ECORRUPT, scan_offset(s, s->p),
                         "expected CPU sample event, got %u", *s->p);
    s->p++;
    sample.time = scan_number(s, "a CPU sample's time");
    sample.m = (int64_t)scan_number(s, "a CPU sample's thread");
    sample.p = (int64_t)scan_number(s, "a CPU sample's processor");
    sample.g = (int64_t)scan_number(s, "a CPU sample's goroutine");
    sample.stack = scan_number(s, "a CPU sample's stack");
    if (sample.g == 0) sample.g = NO_ID;
    if (s->rc < 0) return s->rc;
    if (t->n_samples == t->cap_samples) {
        uint32_t cap = t->cap_samples ? t->cap_samples * 2 : 256;
        struct go_sample *samples = realloc(t->samples, cap * sizeof *samples);
        if (samples) t->samples = samples;
        struct go_timed *order = realloc(t->sample_order, cap * sizeof *order);
        if (order) t->sample_order = order;
        if (!samples || !order) return no_memory(s->fault);
        t->cap_samples = cap;
    }
    t->samples[t->n_samples++] = sample;
    return 0;
}

/* ---- clock ---- */

static void set_frequency(struct go_tables *t, uint64_t hz) {
    t->ns_per_tick = 1.0 / ((double)hz / 1e9);
    t->whole_ns = 0;
    for (uint64_t whole = 1; whole <= 4096; whole *= 2) /* exact in a double, whatever the factor */
        if ((double)whole == t->ns_per_tick) t->whole_ns = whole;
}

static int read_snapshot(struct scan *s, struct go_tables *t, uint64_t *last_time) {
    if (t->has_snapshot) return scan_fault(s, "found multiple clock snapshot events");
    t->has_snapshot = true;
    *last_time += scan_number(s, "a clock snapshot's time");
    t->snapshot_time = *last_time;
    t->snapshot_mono = scan_number(s, "a clock snapshot's monotonic time");
    uint64_t sec = scan_number(s, "a clock snapshot's seconds");
    uint64_t nsec = scan_number(s, "a clock snapshot's nanoseconds");
    t->snapshot_wall_ns = sec * 1000000000 + nsec;
    return s->rc;
}

static int read_sync(struct scan *s, struct go_tables *t, const struct go_batch *b, int version) {
    uint64_t last_time = b->time;
    while (s->p < s->end) {
        uint8_t type = *s->p;
        if (type == GOEV_FREQUENCY) {
            if (t->ns_per_tick != 0) return scan_fault(s, "found multiple frequency events");
            s->p++;
            uint64_t hz = scan_number(s, "the frequency");
            if (s->rc < 0) return s->rc;
            set_frequency(t, hz);
        } else if (type == GOEV_CLOCK_SNAPSHOT && version >= 25) {
            s->p++;
            TRY(read_snapshot(s, t, &last_time));
        } else {
            return fault_set(s->fault, PV_ECORRUPT, scan_offset(s, s->p),
                             "expected frequency or clock snapshot event, got %u", type);
        }
    }
    return 0;
}

/* ---- the whole ---- */

static void tables_clear(struct go_tables *t) {
    ids_clear(&t->strings);
    ids_clear(&t->stacks);
    idmap_clear(&t->pcs);
    t->n_refs = t->n_stack_pcs = t->n_frames = t->n_samples = 0;
    t->ns_per_tick = 0;
    t->whole_ns = 0;
    t->has_snapshot = false;
    t->snapshot_time = t->snapshot_mono = t->snapshot_wall_ns = 0;
    t->n_alloc_batches = t->alloc_bytes = 0;
}

static int read_table(struct go_tables *t, const struct go_batch *b, const struct go_bytes *bytes,
                      int version, struct dict *d, struct fault *f) {
    if (!t->batch && !(t->batch = malloc(GO_MAX_BATCH_BYTES))) return no_memory(f);
    TRY(go_bytes_get(bytes, b->at, t->batch, b->size, f));
    struct scan s = {
        .p = t->batch, .end = t->batch + b->size, .end_at = b->at + b->size, .fault = f};
    if (b->class == GO_BATCH_SYNC) {
        if (version >= 25) s.p++;
        return read_sync(&s, t, b, version);
    }
    for (s.p++; s.p < s.end;) {
        int rc = b->class == GO_BATCH_STRINGS  ? read_string(&s, t, d)
                 : b->class == GO_BATCH_STACKS ? read_stack(&s, t)
                                               : read_sample(&s, t);
        if (rc < 0) return rc;
    }
    return 0;
}

int go_tables_read(struct go_tables *t, const struct go_gen *g, const struct go_bytes *bytes,
                   int version, struct dict *d, struct fault *f) {
    int rc;
    tables_clear(t);
    for (uint32_t i = 0; i < g->n_batches; i++) {
        const struct go_batch *b = &g->batches[i];
        switch (b->class) {
        case GO_BATCH_EVENTS:
            break;
        case GO_BATCH_EXPERIMENT:
            t->n_alloc_batches += b->experiment == 1;
            t->alloc_bytes += b->experiment == 1 ? b->size : 0;
            break;
        case GO_BATCH_STRAY_END:
            if (t->lenient) break;
            return fault_set(f, PV_ECORRUPT, (int64_t)b->at,
                             "unexpectedly processing EndOfGeneration; broken trace?");
        default:
            rc = read_table(t, b, bytes, version, d, f);
            if (rc < 0 && (rc != PV_ECORRUPT || !t->lenient)) return rc;
        }
    }
    return 0;
}

int go_tables_finish(struct go_tables *t, const struct go_gen *g, int version, struct dict *d,
                     struct fault *f) {
    int64_t start = (int64_t)g->offset;
    if (t->ns_per_tick == 0) return fault_set(f, PV_ECORRUPT, start, "no frequency event found");
    if (version >= 25 && !t->has_snapshot && !t->lenient)
        return fault_set(f, PV_ECORRUPT, start, "no clock snapshot event found");
    TRY(make_stacks(t, d, f));
    for (uint32_t i = 0; i < t->n_samples; i++)
        t->sample_order[i] =
            (struct go_timed){.time_ns = go_ticks_to_ns(t, t->samples[i].time), .index = i};
    go_sort(t->sample_order, t->n_samples);
    return 0;
}

void go_tables_free(struct go_tables *t) {
    free(t->strings.dense);
    free(t->stacks.dense);
    idmap_free(&t->strings.sparse);
    idmap_free(&t->stacks.sparse);
    idmap_free(&t->pcs);
    free(t->refs);
    free(t->stack_pcs);
    free(t->batch);
    free(t->frames);
    free(t->samples);
    free(t->sample_order);
    *t = (struct go_tables){0};
}
