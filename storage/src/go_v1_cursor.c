/* storage/src/go_v1_cursor.c - one P's batches -> its events, a few at a time.
 *
 * Some dozens are decoded at once: the loop stays in one P's rhythm, and what follows a system call
 * is mostly at hand.  The bytes were checked by go_v1_scan.c; nothing is checked twice here.
 * Invariants  1. who[V1_RUNS] is the goroutine that runs on the P, over batch borders too.
 *             2. times within a batch are sums of differences, and wrap as Go's do.
 * Source      go1.26 src/internal/trace/internal/tracev1/parser.go (loadBatch, parseEvent),
 *             order.go */
#include <string.h>

#include "storage/src/go_v1_impl.h"
#include "storage/src/varint.h"

#define ALL UINT64_MAX
const struct v1_rule v1_rules[V1_N_ORDERS] = {
    [V1_FREE] = {0, ALL, .need_status = V1_DEAD, .next_status = V1_DEAD},
    [V1_CREATE] = {.need = 0, .add = 1, .need_status = V1_DEAD, .next_status = V1_RUNNABLE},
    [V1_WAITING] = {.need = 1, .add = 1, .need_status = V1_RUNNABLE, .next_status = V1_BLOCKED},
    [V1_START] = {ALL, .add = 1, .arg = 1, .need_status = V1_RUNNABLE, .next_status = V1_RUNNING},
    [V1_START_LOCAL] = {0, ALL, .add = 1, .need_status = V1_RUNNABLE, .next_status = V1_RUNNING},
    [V1_BLOCK] = {0, ALL, .need_status = V1_RUNNING, .next_status = V1_BLOCKED},
    [V1_YIELD] = {0, ALL, .need_status = V1_RUNNING, .next_status = V1_RUNNABLE},
    [V1_UNBLOCK] = {ALL, .add = 1, .arg = 1, .need_status = V1_BLOCKED, .next_status = V1_RUNNABLE},
    [V1_UNBLOCK_LOCAL] = {0, ALL, .add = 1, .need_status = V1_BLOCKED, .next_status = V1_RUNNABLE},
    [V1_GC] = {ALL, .add = 1, .arg = 0, .need_status = V1_DEAD, .next_status = V1_DEAD},
};
#undef ALL

/* What is no event of the merge. */
static const uint64_t structure = 1ull << V1_STRING | 1ull << V1_STACK | 1ull << V1_FREQUENCY |
                                  1ull << V1_TIMER_GOROUTINE | 1ull << V1_CPU_SAMPLE;

/* ---- goroutines ---- */

uint32_t v1_go_add(struct v1_merge *m, uint64_t g) {
    if (v1_grow(&m->gos, m->n_gos, &m->cap_gos, sizeof *m->gos) < 0) return UINT32_MAX;
    m->gos[m->n_gos] = (struct v1_go){0};
    if (v1_refs_set(&m->slots, g, ++m->n_gos) < 0) return UINT32_MAX;
    return m->n_gos - 1;
}

/* Slot of goroutine g, made if need be; UINT32_MAX without memory. */
static inline uint32_t go_slot(struct v1_merge *m, uint64_t g) {
    uint32_t have = v1_refs_get(&m->slots, g);
    return have ? have - 1 : v1_go_add(m, g);
}

/* ---- batches ---- */

static int load_batch(struct go_v1 *r, struct v1_cursor *c, struct fault *f) {
    struct v1_index *x = &r->index;
    if (c->proc == UINT32_MAX || x->procs[c->proc].next_batch == UINT32_MAX) return 0;
    struct v1_proc *proc = &x->procs[c->proc];
    uint32_t i = proc->next_batch;
    const struct v1_batch *batch = &x->batches[i];
    if (batch->bad && !r->resume) return v1_bad_fault(&x->bads[batch->bad - 1], f);
    proc->next_batch = batch->next;
    uint64_t end = i + 1 < x->n_batches ? x->batches[i + 1].off : x->end;
    c->bad = batch->bad;
    if (c->bad) end = x->bads[c->bad - 1].off;
    uint64_t skip = 0;
    c->at = uvarint_fast(uvarint_fast(r->spool.data + batch->off + 1, &skip), &skip);
    c->ts = (int64_t)skip;
    c->batch = r->spool.data + batch->off;
    c->batch_end = r->spool.data + end;
    return 1;
}

/* The batch's bytes are not needed any more. */
static void leave_batch(struct go_v1 *r, const struct v1_cursor *c) {
    v1_spool_drop(&r->spool, (uint64_t)(c->batch - r->spool.data),
                  (uint64_t)(c->batch_end - r->spool.data));
}

/* A STRING at at: past it. */
static const uint8_t *skip_string(const uint8_t *at) {
    uint64_t n = 0;
    at = uvarint_fast(uvarint_fast(at, &n), &n);
    return at + n;
}

/* STACK, FREQUENCY, TIMER_GOROUTINE, CPU_SAMPLE: past it. */
static const uint8_t *skip_args(const uint8_t *at, uint8_t head) {
    uint64_t n = 0;
    if (head >> 6 == 3) {
        at = uvarint_fast(at, &n);
        return at + n;
    }
    for (int i = 0; i <= head >> 6; i++) at = uvarint_fast(at, &n);
    return at;
}

/* STRING and what was read by the scan: past it. */
static const uint8_t *skip_structure(const uint8_t *at, uint8_t head) {
    return (head & 63) == V1_STRING ? skip_string(at) : skip_args(at, head);
}

static const uint8_t *decode_log_text(struct go_v1 *r, const uint8_t *at, struct v1_event *e) {
    uint64_t n = 0;
    at = uvarint_fast(at, &n);
    e->args[2] = 0;
    if (r->phase == V1_GIVING) e->args[2] = dict_add_string(r->dict, (const char *)at, (size_t)n);
    return at + n;
}

/* ---- numbers ----
 * They mostly lie within eight bytes, and have up to four each: then they are cut out of one word,
 * without a branch on the length of each. */

static struct v1_cut cut(uint32_t ends, uint32_t n) {
    struct v1_cut c = {0};
    uint32_t from = 0, i = 0;
    for (uint32_t bit = 0; bit < 8 && i < n; bit++) {
        if (!(ends >> bit & 1)) continue;
        uint32_t bytes = bit + 1 - from;
        if (bytes > 4) break;
        c.shift[i] = (uint8_t)(8 * from);
        c.mask[i++] = 0x7f7f7f7f >> (8 * (4 - bytes));
        from = bit + 1;
    }
    return i == n ? c.past = (uint8_t)from, c : (struct v1_cut){0};
}

void v1_cut_all(struct v1_cuts *cuts) {
    for (uint32_t row = 0; row < 4; row++)
        for (uint32_t ends = 0; ends < 256; ends++)
            cuts->at[row][ends] = row < V1_NOT_CUT ? cut(ends, row + 1) : (struct v1_cut){0};
    for (uint32_t head = 0; head < 256; head++) {
        bool is_cut = head >> 6 < V1_NOT_CUT && !(structure >> (head & 63) & 1);
        cuts->row[head] = is_cut ? (uint8_t)(head >> 6) : V1_NOT_CUT;
    }
}

/* Two numbers of up to four bytes, in the halves of x. */
static inline uint64_t squeeze_both(uint64_t x) {
    x = (x & 0x007f007f007f007f) | (x & 0x7f007f007f007f00) >> 1;
    return (x & 0x00003fff00003fff) | (x & 0x3fff00003fff0000) >> 2;
}

/* The numbers of an event: past them.  NULL: there are more than three, or they are too long for
 * this. */
static inline const uint8_t *decode_short(const struct v1_cut cuts[256], const uint8_t *at,
                                          struct v1_event *e, const struct v1_spec *spec,
                                          uint64_t *dt) {
    uint64_t w = load_u64le(at), ends = (~w & 0x8080808080808080) >> 7;
    const struct v1_cut *cut = &cuts[ends * 0x0102040810204080 >> 56];
    if (__builtin_expect(cut->past == 0, 0)) return NULL;
    uint64_t a = squeeze_both((w & cut->mask[0]) | (w >> cut->shift[1] & cut->mask[1]) << 32);
    uint64_t b = a >> 32, c = squeeze_both(w >> cut->shift[2] & cut->mask[2]);
    *dt = (uint32_t)a;
    e->args[0] = b;
    e->args[1] = c;
    e->args[2] = 0;
    e->stack = (uint32_t)((b & spec->first_stack) | (c & spec->second_stack));
    return at + cut->past;
}

struct numbers {
    const uint8_t *at;
    uint64_t inverted; /* what is left of the word at at; ones came in from the left as zeros */
};

static inline struct numbers numbers_at(const uint8_t *at) {
    return (struct numbers){at, ~load_u64le(at)};
}

static inline uint64_t next_number(struct numbers *s) {
    uint64_t v = 0;
    uint32_t stops = (uint32_t)s->inverted & 0x80808080;
    if (__builtin_expect(stops == 0, 0)) {
        *s = numbers_at(uvarint_fast(s->at, &v));
        return v;
    }
    unsigned bits = (unsigned)__builtin_ctz(stops) + 1;
    uint32_t w = ~(uint32_t)s->inverted & (stops ^ (stops - 1)) & 0x7f7f7f7f;
    w = (w & 0x007f007f) | (w & 0x7f007f00) >> 1;
    v = (w & 0x3fff) | (w >> 2 & 0x0fffc000);
    s->inverted >>= bits;
    s->at += bits / 8;
    return v;
}

/* Any event's numbers, and the text of a LOG: past them; NULL without memory. */
static const uint8_t *decode_long(struct go_v1 *r, const uint8_t *at, uint8_t head,
                                  struct v1_event *e, const struct v1_spec *spec, uint64_t *dt) {
    uint64_t n_bytes;
    if (head >> 6 == 3) at = uvarint_fast(at, &n_bytes);
    struct numbers s = numbers_at(at);
    *dt = next_number(&s);
    e->args[0] = e->args[1] = e->args[2] = 0;
    uint32_t n = spec->n_args - 1u - spec->stack;
    if (n > 0) e->args[0] = next_number(&s);
    if (n > 1) {
        s = numbers_at(s.at);
        e->args[1] = next_number(&s);
        if (n > 2) e->args[2] = next_number(&s);
    }
    e->stack = spec->stack ? (uint32_t)next_number(&s) : 0;
    if ((head & 63) != V1_LOG) return s.at;
    at = decode_log_text(r, s.at, e);
    return e->args[2] == UINT32_MAX ? NULL : at;
}

/* ---- events ---- */

/* Which goroutines the event is about, and what it waits for. */
static inline int attribute(struct v1_merge *m, struct v1_cursor *c, struct v1_event *e,
                            const struct v1_spec *spec) {
    const struct v1_refs *slots = &m->slots;
    uint64_t named = e->args[0] & spec->names;
    uint32_t target = named < slots->n_dense ? slots->dense[named] : 0;
    if (__builtin_expect(target-- == 0, 0)) {
        target = go_slot(m, named);
        if (target == UINT32_MAX) return PV_ENOMEM;
    }
    c->who[V1_NAMED].g = named;
    c->who[V1_NAMED].slot = e->target = target;
    e->g = c->who[spec->owner].g;
    e->slot = c->who[spec->owner].slot;
    uint32_t key = e->key = c->who[spec->waits].slot;
    /* The slot also stands for a goroutine whose id is V1_FREE_GO. */
    e->whole = c->whole | spec->kind[key == V1_SLOT_FREE].whole;
    c->who[V1_RUNS] = c->who[spec->next];
    __builtin_prefetch(&m->gos[key], 1);
    return 0;
}

/* Decodes on from c->at behind the items that there are, as far as there is room.  0, PV_ENOMEM. */
static int decode(struct go_v1 *r, struct v1_cursor *c) {
    const struct v1_cuts *cuts = &r->merge.cuts;
    const uint8_t *at = c->at, *end = c->batch_end;
    struct v1_event *e = c->end, *room_end = c->items + c->n_items;
    while (at < end && e < room_end) {
        uint8_t head = *at++;
        const struct v1_spec *spec = &v1_specs[head & 63];
        uint64_t dt = 0;
        const uint8_t *past = decode_short(cuts->at[cuts->row[head]], at, e, spec, &dt);
        if (!past && structure >> (head & 63) & 1) {
            at = skip_structure(at, head);
            continue;
        }
        if (!past) past = decode_long(r, at, head, e, spec, &dt);
        if (!past) return PV_ENOMEM;
        at = past;
        e->ts = c->ts = (int64_t)((uint64_t)c->ts + dt);
        TRY(attribute(&r->merge, c, e++, spec));
    }
    c->at = at;
    c->end = e;
    return 0;
}

/* A system call blocks if the goroutine's next event says so: looks for it.  The events from the
 * first call on whose answer is not decoded yet are held for the next time. */
static void answer_calls(struct go_v1 *r, struct v1_cursor *c, bool more) {
    bool samples = r->index.n_samples > 0;
    c->held = c->held_end = c->end;
    for (struct v1_event *e = c->next; e < c->end; e++) {
        if (e->type != V1_GO_SYSCALL) continue;
        const struct v1_event *after = e + 1;
        while (after < c->end && after->slot != e->slot) after++;
        if (after == c->end && more && e > c->items) {
            c->end = c->held = e;
            return;
        }
        e->args[V1_BLOCKS] = after < c->end && after->type == V1_GO_SYS_BLOCK;
        e->args[V1_PENDING] = samples && e->args[V1_BLOCKS];
    }
}

static int decode_samples(struct go_v1 *r, struct v1_cursor *c) {
    struct v1_event *e = c->items;
    while (e < c->items + c->n_items && c->next_sample < c->n_samples) {
        const struct v1_sample *s = &r->index.samples[c->next_sample++];
        *e = (struct v1_event){
            .ts = s->ts, .g = s->g, .stack = s->stack, .p = s->p, .type = V1_CPU_SAMPLE};
        e->slot = go_slot(&r->merge, s->g);
        if (e->slot == UINT32_MAX) return PV_ENOMEM;
        e++->key = V1_SLOT_FREE;
    }
    c->next = c->items;
    c->end = e;
    return 0;
}

/* Items that were held come first again. */
static void start_anew(struct v1_cursor *c) {
    size_t n = (size_t)(c->held_end - c->held);
    if (n) memmove(c->items, c->held, n * sizeof *c->items);
    c->next = c->items;
    c->end = c->items + n;
    c->held = c->held_end = c->items;
}

/* The next batch, once the present one is decoded: 1, 0 = there is none, < 0. */
static int next_batch(struct go_v1 *r, struct v1_cursor *c, struct fault *f) {
    if (c->batch) leave_batch(r, c);
    c->batch = NULL;
    if (c->bad) return 0;
    return load_batch(r, c, f);
}

int v1_cursor_fill(struct go_v1 *r, struct v1_cursor *c, struct fault *f) {
    int rc = 0;
    start_anew(c);
    if (c->next_sample < c->n_samples) {
        rc = decode_samples(r, c);
        return rc < 0 ? fault_set(f, rc, -1, "out of memory") : 1;
    }
    bool more = true;
    while (more && c->end < c->items + c->n_items) {
        if (c->at == c->batch_end) {
            /* Go looks at a batch when the one before it is used up. */
            if (c->next != c->end && c->end[-1].type != V1_GO_SYSCALL) break;
            rc = next_batch(r, c, f);
            if (rc < 0) return rc;
            more = rc == 1;
        }
        if (more && decode(r, c) < 0) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    }
    if (r->phase == V1_GIVING) answer_calls(r, c, more);
    if (c->next != c->end) return 1;
    return c->bad ? v1_bad_fault(&r->index.bads[c->bad - 1], f) : 0;
}
