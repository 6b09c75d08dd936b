/* storage/src/go_v1_scan.c - the first pass over a v1 trace: what is where.
 *
 * Layout      byte: type in the low 6 bits, count in the top 2.  Count 0, 1, 2: that many + 1
 *             numbers follow; 3: the byte length of the numbers, then the numbers.  A STRING is id,
 *             length, bytes; a LOG is followed by length, bytes.  A BATCH names the P of what
 *             follows.
 * Leaves      batches of each P, strings, stacks, frequency, timer goroutines, CPU samples, and the
 *             times of system call exits (v1_exits).
 * Faults      of two ranks, because Go looks twice: what breaks the framing ends the scan
 *             (index.stop); what is wrong inside an event is noted with its batch (index.bads), and
 *             counts when that batch is merged.  All else was checked here: the merge decodes
 *             without looking again.
 * Not here    order and meaning (go_v1_merge.c and on).
 * Source      go1.26 src/internal/trace/internal/tracev1/parser.go */
#include <string.h>

#include "storage/src/go_v1_impl.h"
#include "storage/src/varint.h"

enum {
    MAX_ARG_BYTES = 2048,
    MAX_STRING = 1000000,
    MAX_FRAMES = 1000,
    LOOK_AHEAD = MAX_STRING + 2 * MAX_ARG_BYTES, /* more than is looked at of an event */
    DROP_BYTES = 4 << 20, /* the pass gives back the pages behind it this often */
};

struct pc {
    uint64_t pc, func, file, line;
};

struct stack_at {
    uint64_t off; /* of its frames */
    uint32_t id, n;
};

struct scan {
    struct v1_index *x;
    struct v1_spool *spool;
    struct dict *dict;
    int version;
    const uint8_t *start, *p;
    const uint8_t *known, *end; /* so far is copied; so far it goes */
    bool all;                   /* known is end */
    const uint8_t *event;       /* start of the present one */
    struct idmap proc_of;       /* P + 2 -> index + 1 */
    struct idmap pc_of;         /* program counter -> index + 1 */
    struct pc *pcs;
    uint32_t n_pcs, cap_pcs;
    struct stack_at *stacks;
    uint32_t n_stacks, cap_stacks;
    int64_t ts;
    uint64_t args[5];
    uint32_t n_args;
    const uint8_t *args_at;
    uint8_t plain[256]; /* by an event's first byte */
};

int v1_grow(void *array, uint32_t n, uint32_t *cap, size_t size) {
    if (n < *cap) return 0;
    uint32_t bigger = *cap ? *cap * 2 : 64;
    if (bigger <= *cap) return PV_ENOMEM;
    void *old, *now;
    memcpy(&old, array, sizeof old);
    now = realloc(old, (size_t)bigger * size);
    if (!now) return PV_ENOMEM;
    memcpy(array, &now, sizeof now);
    *cap = bigger;
    return 0;
}

/* ---- numbers ---- */

/* NULL: malformed, or it goes on past end. */
static inline const uint8_t *number(const uint8_t *p, const uint8_t *end, uint64_t *out) {
    const uint8_t *next = uvarint_fast(p, out);
    return next && next <= end ? next : NULL;
}

/* Ends the scan. */
static int stop(struct scan *s, enum v1_bad_what what, uint64_t a, uint64_t b) {
    s->x->stop = (struct v1_bad){
        .off = (uint64_t)(s->event - s->start), .a = a, .b = b, .what = (uint8_t)what};
    return 0;
}

/* Notes a fault inside an event; only the first one of a batch counts.  2, or PV_ENOMEM. */
static int bad(struct scan *s, enum v1_bad_what what, uint64_t a, uint64_t b) {
    struct v1_index *x = s->x;
    if (x->n_batches == 0) return 2;
    struct v1_batch *batch = &x->batches[x->n_batches - 1];
    if (batch->bad) return 2;
    TRY(v1_grow(&x->bads, x->n_bads, &x->cap_bads, sizeof *x->bads));
    x->bads[x->n_bads++] = (struct v1_bad){.off = (uint64_t)(s->event - s->start),
                                           .a = a,
                                           .b = b,
                                           .batch = x->n_batches - 1,
                                           .what = (uint8_t)what};
    batch->bad = x->n_bads;
    return 2;
}

/* ---- structural events: each returns 1 = go on, 2 = go on after a fault,
 * 0 = the scan has ended, < 0 ---- */

static int define_string(struct scan *s, uint64_t id, const uint8_t *data, uint64_t n) {
    if (s->x->n_batches == 0) return 1; /* before all batches: nobody reads it */
    if (id == 0) return bad(s, V1_BAD_STRING_ZERO_ID, 0, 0);
    if (v1_refs_get(&s->x->strings, id)) return bad(s, V1_BAD_STRING_TWICE, id, 0);
    if (n == 0) return bad(s, V1_BAD_STRING_EMPTY, 0, 0);
    if (n > MAX_STRING) return bad(s, V1_BAD_STRING_LENGTH, n, 0);
    uint32_t value = dict_add_string(s->dict, (const char *)data, (size_t)n);
    if (value == UINT32_MAX) return PV_ENOMEM;
    TRY(v1_refs_set(&s->x->strings, id, value));
    if (id > s->x->max_string) s->x->max_string = id;
    return 1;
}

static int scan_string(struct scan *s) {
    uint64_t id, n;
    const uint8_t *p = number(s->p, s->end, &id);
    if (p) p = number(p, s->end, &n);
    if (!p) return stop(s, V1_BAD_VARINT, 0, 0);
    if (n > (uint64_t)(s->end - p)) return stop(s, V1_BAD_EOF, 0, 0);
    s->p = p + n;
    return define_string(s, id, p, n);
}

/* Index of the P with this id, made if need be; UINT32_MAX: there are too many. */
static uint32_t proc_index(struct scan *s, int32_t id, int *rc) {
    uint64_t key = (uint64_t)((int64_t)id + 2);
    uint32_t have = idmap_get(&s->proc_of, key);
    if (have) return have - 1;
    struct v1_index *x = s->x;
    if (x->n_procs == V1_MAX_PROCS) return UINT32_MAX;
    *rc = v1_grow(&x->procs, x->n_procs, &x->cap_procs, sizeof *x->procs);
    if (*rc == 0) *rc = idmap_put(&s->proc_of, key, x->n_procs + 1);
    if (*rc < 0) return UINT32_MAX;
    x->procs[x->n_procs] = (struct v1_proc){.id = id, .first = UINT32_MAX, .last = UINT32_MAX};
    return x->n_procs++;
}

static int add_batch(struct scan *s, int32_t p) {
    struct v1_index *x = s->x;
    int rc = 0;
    uint32_t i = proc_index(s, p, &rc);
    if (rc < 0) return rc;
    if (i == UINT32_MAX) return stop(s, V1_BAD_TOO_MANY_PROCS, 0, 0);
    if (x->n_batches >= UINT32_MAX - 1) return PV_ENOMEM;
    TRY(v1_grow(&x->batches, x->n_batches, &x->cap_batches, sizeof *x->batches));
    x->batches[x->n_batches] =
        (struct v1_batch){.off = (uint64_t)(s->event - s->start), .next = UINT32_MAX};
    struct v1_proc *proc = &x->procs[i];
    if (proc->first == UINT32_MAX)
        proc->first = x->n_batches;
    else
        x->batches[proc->last].next = x->n_batches;
    proc->last = x->n_batches++;
    return 1;
}

static int scan_batch(struct scan *s) {
    uint64_t p_id, ticks;
    uint32_t found = (uint32_t)(*s->event >> 6) + 1;
    if (found != 2) return stop(s, V1_BAD_BATCH_ARGS, found, 0);
    const uint8_t *p = number(s->p, s->end, &p_id);
    if (!p) return stop(s, V1_BAD_VARINT, 0, 0);
    if (p_id != UINT64_MAX && p_id > INT32_MAX) return stop(s, V1_BAD_BATCH_P, p_id, 0);
    p = number(p, s->end, &ticks);
    if (!p) return stop(s, V1_BAD_VARINT, 0, 0);
    s->p = p;
    s->ts = (int64_t)ticks;
    return add_batch(s, p_id == UINT64_MAX ? -1 : (int32_t)p_id);
}

/* A STACK's numbers were counted; its frames begin after the two that are in args. */
static int scan_stack(struct scan *s) {
    if (s->n_args < 2) return bad(s, V1_BAD_STACK_SHORT, s->n_args, 0);
    uint64_t n = s->args[1];
    if (n > MAX_FRAMES) return bad(s, V1_BAD_STACK_FRAMES, n, 0);
    if (s->n_args != 2 + 4 * n) return bad(s, V1_BAD_STACK_ARGS, 2 + 4 * n, s->n_args);
    uint32_t id = (uint32_t)s->args[0];
    if (id == 0 || n == 0) return 1;
    uint64_t skip;
    const uint8_t *p = uvarint_fast(uvarint_fast(s->args_at, &skip), &skip);
    TRY(v1_grow(&s->stacks, s->n_stacks, &s->cap_stacks, sizeof *s->stacks));
    s->stacks[s->n_stacks++] =
        (struct stack_at){.off = (uint64_t)(p - s->start), .id = id, .n = (uint32_t)n};
    for (uint64_t i = 0; i < n; i++) {
        struct pc f;
        p = uvarint_fast(p, &f.pc);
        p = uvarint_fast(p, &f.func);
        p = uvarint_fast(p, &f.file);
        p = uvarint_fast(p, &f.line);
        if (idmap_get(&s->pc_of, f.pc)) continue; /* the first one counts */
        TRY(v1_grow(&s->pcs, s->n_pcs, &s->cap_pcs, sizeof *s->pcs));
        s->pcs[s->n_pcs++] = f;
        TRY(idmap_put(&s->pc_of, f.pc, s->n_pcs));
    }
    return 1;
}

static int scan_sample(struct scan *s) {
    struct v1_index *x = s->x;
    if (s->n_args != v1_specs[V1_CPU_SAMPLE].n_args)
        return stop(s, V1_BAD_SAMPLE_ARGS, s->n_args, 0);
    TRY(v1_grow(&x->samples, x->n_samples, &x->cap_samples, sizeof *x->samples));
    x->samples[x->n_samples++] = (struct v1_sample){.ts = (int64_t)s->args[1],
                                                    .p = (int32_t)s->args[2],
                                                    .g = s->args[3],
                                                    .stack = (uint32_t)s->args[4]};
    return 1;
}

static int scan_frequency(struct scan *s) {
    int64_t frequency = (int64_t)s->args[0];
    if (frequency <= 0) return bad(s, V1_BAD_FREQUENCY, 0, 0);
    s->x->frequency = frequency;
    return 1;
}

/* ---- all other events ---- */

/* Count 3: byte length, then numbers; all of them are counted, five are kept. */
static int scan_long_args(struct scan *s, uint8_t type) {
    uint64_t n;
    const uint8_t *p = number(s->p, s->end, &n);
    if (!p) return stop(s, V1_BAD_ARG, type, 0);
    if (n > MAX_ARG_BYTES) return stop(s, V1_BAD_ARG_BYTES, type, n);
    bool sample = type == V1_CPU_SAMPLE;
    if (p - s->p > 1 && v1_specs[type].n_cut) s->x->wide_lengths = true;
    if (n > (uint64_t)(s->end - p) || (sample && p == s->end))
        return stop(s, sample ? V1_BAD_UNEXPECTED_EOF : V1_BAD_EOF, 0, 0);
    s->p = p + n;
    s->args_at = p;
    s->n_args = 0;
    if (!sample && p == s->end) return bad(s, V1_BAD_UNEXPECTED_EOF, 0, 0);
    while (p < s->p) {
        uint64_t v;
        p = number(p, s->p, &v);
        if (!p) return sample ? stop(s, V1_BAD_VARINT, 0, 0) : bad(s, V1_BAD_VARINT, 0, 0);
        if (s->n_args < 5) s->args[s->n_args] = v;
        s->n_args++;
    }
    return 1;
}

static int scan_log_text(struct scan *s) {
    uint64_t n;
    const uint8_t *p = number(s->p, s->end, &n);
    if (!p) return stop(s, V1_BAD_VARINT, 0, 0);
    if (n > (uint64_t)(s->end - p)) { /* Go takes this for the file's end, at first */
        int rc = bad(s, n > MAX_STRING ? V1_BAD_LOG_LENGTH : V1_BAD_UNEXPECTED_EOF, n, 0);
        return rc < 0 ? rc : 0;
    }
    s->p = p + n;
    return n > MAX_STRING ? bad(s, V1_BAD_LOG_LENGTH, n, 0) : 1;
}

static int scan_args(struct scan *s, uint8_t type) {
    uint32_t n = (uint32_t)(*s->event >> 6) + 1;
    if (n > 3) {
        int rc = scan_long_args(s, type);
        if (rc <= 0 || type != V1_LOG) return rc;
        s->x->has_logs = true;
        int text_rc = scan_log_text(s);
        return text_rc > 0 && rc == 2 ? rc : text_rc;
    }
    s->args_at = s->p;
    s->n_args = n;
    const uint8_t *p = s->p;
    for (uint32_t i = 0; i < n; i++) {
        p = number(p, s->end, &s->args[i]);
        if (!p) return stop(s, V1_BAD_ARG, type, 0);
    }
    s->p = p;
    return 1;
}

static int scan_event(struct scan *s, uint8_t type) {
    int rc = scan_args(s, type);
    if (rc <= 0) return rc;
    if (s->x->n_batches == 0) return stop(s, V1_BAD_NO_BATCH, type, 0);
    if (rc == 2) return 2;
    if (type == V1_STACK) return scan_stack(s);
    if (type == V1_CPU_SAMPLE) {
        if (*s->event >> 6 < 3) s->n_args = 0; /* as Go says it: it has skipped them */
        return scan_sample(s);
    }
    if (s->n_args != v1_specs[type].n_args) return bad(s, V1_BAD_N_ARGS, type, s->n_args);
    if (type == V1_FREQUENCY) return scan_frequency(s);
    if (type == V1_TIMER_GOROUTINE) {
        if (!idmap_get(&s->x->timers, s->args[0])) TRY(idmap_put(&s->x->timers, s->args[0], 1));
        return 1;
    }
    s->ts = (int64_t)((uint64_t)s->ts + s->args[0]);
    if (type == V1_GO_SYS_EXIT && s->args[3])
        TRY(v1_exits_note(&s->x->exits, s->ts, (int64_t)s->args[3]));
    return 1;
}

/* 1 = one event, 0 = the end or a fault in x->stop, < 0. */
static int scan_one(struct scan *s) {
    if (s->p >= s->end) return 0;
    s->event = s->p++;
    uint8_t type = *s->event & 63;
    if (type == V1_NONE || type >= V1_N_TYPES || v1_specs[type].since > s->version)
        return stop(s, V1_BAD_TYPE, type, 0);
    if (type == V1_STRING) return scan_string(s);
    if (type == V1_BATCH) return scan_batch(s);
    return scan_event(s, type);
}

/* ---- many at once ---- */

/* How many numbers an event has that says nothing to the scan but its time; else, and where its
 * first byte says another count, 0. */
static void find_plain(struct scan *s) {
    static const uint64_t looked_at =
        1ull << V1_BATCH | 1ull << V1_FREQUENCY | 1ull << V1_STACK | 1ull << V1_TIMER_GOROUTINE |
        1ull << V1_STRING | 1ull << V1_LOG | 1ull << V1_CPU_SAMPLE | 1ull << V1_GO_SYS_EXIT;
    for (int i = 0; i < V1_N_TYPES; i++)
        if (!(looked_at >> i & 1) && v1_specs[i].since <= s->version) {
            uint8_t n = v1_specs[i].n_args;
            if (n >= 1 && n <= 3) s->plain[(n - 1) << 6 | i] = n;
            s->plain[3 << 6 | i] = n;
        }
}

/* The bytes at p are exactly so many numbers, none of them longer than nine bytes.  bytes <= 16. */
static inline bool are_numbers(const uint8_t *p, uint32_t bytes, uint32_t n) {
    static const uint64_t tops = 0x8080808080808080, ones = 0x0101010101010101;
    if (bytes == 0 || p[bytes - 1] >= 0x80) return false;
    uint64_t low = ~load_u64le(p) & tops, high = ~load_u64le(p + 8) & tops;
    if (bytes < 8) low &= (UINT64_C(1) << 8 * bytes) - 1;
    if (bytes <= 8)
        high = 0;
    else if (low == 0 || __builtin_clzll(low) + __builtin_ctzll(high) > 64)
        return false;
    else
        high = high << (128 - 8 * bytes);
    uint64_t ends = (low >> 7) + (high >> 7);
    return ends * ones >> 56 == n;
}

/* A number that mostly has one or two bytes; which of these is hard to foresee. */
static inline uint64_t first_number(const uint8_t *p) {
    uint64_t v = 0;
    if (__builtin_expect((p[0] & p[1]) < 0x80, 1))
        return (p[0] & 0x7f) | ((uint64_t)p[1] << 7 & -(uint64_t)(p[0] >> 7));
    uvarint_fast(p, &v);
    return v;
}

/* Passes plain events until one comes that must be looked at, or stop is near. */
static inline void scan_plain(struct scan *s, const uint8_t *stop) {
    const uint8_t *p = s->p;
    uint64_t ts = (uint64_t)s->ts;
    while (stop - p >= 32) {
        uint32_t n = s->plain[*p], count = *p >> 6, bytes;
        const uint8_t *at = p + 1;
        if (n == 0) break;
        if (count == 3) {
            bytes = *at++;
            if (bytes > 16 || !are_numbers(at, bytes, n)) break;
        } else {
            bytes = uvarint_bytes(load_u64le(at), count); /* not n, which comes later */
            if (bytes == 0) break;
        }
        ts += first_number(at);
        p = at + bytes;
    }
    s->p = p;
    s->ts = (int64_t)ts;
}

/* ---- after the pass ---- */

static int compare_samples(const void *a, const void *b) {
    const struct v1_sample *x = a, *y = b;
    return x->ts < y->ts ? -1 : x->ts > y->ts;
}

static int compare_procs(const void *a, const void *b) {
    const struct v1_proc *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int finish_procs(struct scan *s) {
    static const int32_t fakes[] = {V1_TIMER_P, V1_NETPOLL_P, V1_SYSCALL_P, V1_GC_P};
    int rc = 0;
    struct v1_index *x = s->x;
    for (size_t i = 0; i < sizeof fakes / sizeof *fakes && rc == 0; i++)
        if (proc_index(s, fakes[i], &rc) == UINT32_MAX && rc == 0)
            return fault_set(NULL, PV_ELIMIT, -1, "too many processors");
    if (rc < 0) return rc;
    qsort(x->procs, x->n_procs, sizeof *x->procs, compare_procs);
    return 0;
}

static int build_stacks(struct scan *s) {
    struct frame frames[MAX_ARG_BYTES / 4];
    for (uint32_t i = 0; i < s->n_stacks; i++) {
        const uint8_t *p = s->start + s->stacks[i].off;
        uint32_t n = s->stacks[i].n;
        for (uint32_t k = 0; k < n; k++) {
            uint64_t pc = 0, skip;
            p = uvarint_fast(p, &pc);
            for (int j = 0; j < 3; j++) p = uvarint_fast(p, &skip);
            const struct pc *def = &s->pcs[idmap_get(&s->pc_of, pc) - 1];
            frames[k] = (struct frame){.pc = pc,
                                       .func = v1_string(s->x, def->func),
                                       .file = v1_string(s->x, def->file),
                                       .line = def->line};
        }
        uint32_t value = dict_add_stack(s->dict, frames, n);
        if (value == UINT32_MAX) return PV_ENOMEM;
        TRY(v1_refs_set(&s->x->stacks, s->stacks[i].id, value));
    }
    return 0;
}

/* So far as one event is looked at, it is copied. */
static void look_ahead(struct scan *s) {
    if (s->all || s->known - s->p >= LOOK_AHEAD) return;
    uint64_t n = (uint64_t)(s->p - s->start) + LOOK_AHEAD;
    s->all = v1_spool_wait(s->spool, &n);
    s->known = s->start + n;
    if (s->all) s->end = s->known;
}

static int scan_all(struct scan *s) {
    const uint8_t *dropped = s->start;
    int rc;
    find_plain(s);
    while (look_ahead(s), (rc = scan_one(s)) > 0) {
        if (s->x->n_batches) scan_plain(s, s->known);
        if (s->p - dropped < DROP_BYTES) continue;
        v1_spool_drop(s->spool, (uint64_t)(dropped - s->start), (uint64_t)(s->p - s->start));
        dropped = s->p;
    }
    if (rc < 0) return rc;
    s->x->end = s->x->stop.what ? s->x->stop.off : (uint64_t)(s->end - s->start);
    for (int i = 0; i < V1_N_WAITS + V1_N_STOPS; i++) {
        s->x->built_in[i] = dict_add_string(s->dict, v1_built_in[i], strlen(v1_built_in[i]));
        if (s->x->built_in[i] == UINT32_MAX) return PV_ENOMEM;
    }
    TRY(finish_procs(s));
    TRY(build_stacks(s));
    if (s->x->n_samples)
        qsort(s->x->samples, s->x->n_samples, sizeof *s->x->samples, compare_samples);
    v1_exits_finish(&s->x->exits);
    return 0;
}

int v1_scan(struct v1_index *x, struct v1_spool *spool, int version, struct dict *d,
            struct fault *f) {
    struct scan s = {.x = x,
                     .spool = spool,
                     .dict = d,
                     .version = version,
                     .start = spool->data,
                     .p = spool->data,
                     .known = spool->data,
                     .end = spool->data + (spool->mapped ? spool->mapped - V1_SLACK : 0)};
    int rc = scan_all(&s);
    idmap_free(&s.proc_of);
    idmap_free(&s.pc_of);
    free(s.pcs);
    free(s.stacks);
    if (rc == PV_ENOMEM) return fault_set(f, rc, -1, "out of memory");
    if (rc < 0) return fault_set(f, rc, -1, "too many processors (the limit is %d)", V1_MAX_PROCS);
    return 0;
}
