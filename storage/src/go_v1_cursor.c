/* storage/src/go_v1_cursor.c - one P's batches -> its events, a few at a time.
 *
 * Some dozens are decoded at once: the loop stays in one P's rhythm, and what follows a system call
 * is mostly at hand.  The bytes were checked by go_v1_scan.c; nothing is checked twice here.
 * Invariants  1. a cursor's g is the goroutine that runs on its P, over batch borders too.
 *             2. times within a batch are sums of differences, and wrap as Go's do.
 * Source      go1.26 src/internal/trace/internal/tracev1/parser.go (loadBatch, parseEvent),
 *             order.go */
#include <string.h>

#include "storage/src/go_v1_impl.h"
#include "storage/src/go_v1_numbers.h"

#define ALL              UINT64_MAX
#define ANY              .keep = ALL
#define SAID             .said = ALL, .care = ALL, .keep = ALL, .add = 1
#define EXACT(n)         .need = (n), .care = ALL, .keep = ALL, .add = 1
#define STATUS(from, to) .need_status = (from), .next_status = (to)
const struct v1_rule v1_rules[V1_N_ORDERS] = {
    [V1_FREE] = {ANY, STATUS(V1_DEAD, V1_DEAD)},
    [V1_CREATE] = {EXACT(0), STATUS(V1_DEAD, V1_RUNNABLE)},
    [V1_WAITING] = {EXACT(1), STATUS(V1_RUNNABLE, V1_BLOCKED)},
    [V1_START] = {SAID, STATUS(V1_RUNNABLE, V1_RUNNING)},
    [V1_START_LOCAL] = {ANY, .add = 1, STATUS(V1_RUNNABLE, V1_RUNNING)},
    [V1_BLOCK] = {ANY, STATUS(V1_RUNNING, V1_BLOCKED)},
    [V1_YIELD] = {ANY, STATUS(V1_RUNNING, V1_RUNNABLE)},
    [V1_UNBLOCK] = {SAID, STATUS(V1_BLOCKED, V1_RUNNABLE)},
    [V1_UNBLOCK_LOCAL] = {ANY, .add = 1, STATUS(V1_BLOCKED, V1_RUNNABLE)},
    [V1_GC] = {SAID, STATUS(V1_DEAD, V1_DEAD)},
    [V1_START_ANY] = {STATUS(V1_RUNNABLE, V1_RUNNING)},
    [V1_UNBLOCK_ANY] = {STATUS(V1_BLOCKED, V1_RUNNABLE)},
    [V1_GC_ANY] = {STATUS(V1_DEAD, V1_DEAD)},
};
#undef ALL
#undef ANY
#undef SAID
#undef EXACT
#undef STATUS

/* What is no event of the merge. */
static const uint64_t structure = 1ull << V1_STRING | 1ull << V1_STACK | 1ull << V1_FREQUENCY |
                                  1ull << V1_TIMER_GOROUTINE | 1ull << V1_CPU_SAMPLE;

/* ---- goroutines ---- */

uint32_t v1_slot_add(struct v1_merge *m) {
    if (v1_grow(&m->gos, m->n_gos, &m->cap_gos, sizeof *m->gos) < 0) return UINT32_MAX;
    m->gos[m->n_gos] = (struct v1_go){0};
    return m->n_gos++;
}

uint32_t v1_go_add(struct v1_merge *m, uint64_t g) {
    uint32_t slot = v1_slot_add(m);
    return slot == UINT32_MAX || v1_refs_set(&m->slots, g, slot + 1) < 0 ? UINT32_MAX : slot;
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

/* ---- events ---- */

/* The goroutine that runs on a P: in registers while its events are decoded. */
struct running {
    uint64_t g, slot;
};

/* Of an event that waits for the goroutine of which nobody can know anything, or for any number. */
static uint8_t odd_order(const struct v1_event *e) {
    if (e->key == V1_SLOT_ANY) return V1_FREE;
    if (e->order == V1_START) return V1_START_ANY;
    if (e->order == V1_UNBLOCK) return V1_UNBLOCK_ANY;
    return e->order == V1_GC ? V1_GC_ANY : e->order;
}

/* Which goroutines the event is about, and what it waits for.  first: args[0]. */
static inline int attribute(struct v1_merge *m, struct running *on, struct v1_event *e,
                            const struct v1_spec *spec, uint64_t first, uint64_t whole) {
    uint64_t named = first & spec->waits.named;
    uint64_t target = named < m->slots.n_dense ? m->slots.dense[named] : 0;
    if (__builtin_expect(target-- == 0, 0)) {
        target = go_slot(m, named);
        if (target == UINT32_MAX) return PV_ENOMEM;
    }
    uint64_t key = (on->slot & spec->waits.runs) | (target & spec->waits.named) | spec->else_waits;
    e->g = (on->g & spec->owner.runs) | (named & spec->owner.named);
    e->slot = (uint32_t)((on->slot & spec->owner.runs) | (target & spec->owner.named));
    e->target = (uint32_t)target;
    e->key = (uint32_t)key;
    e->whole = whole | spec->kind.whole;
    if (__builtin_expect((key == V1_SLOT_ANY) | (e->args[1] == V1_NO_SEQ), 0))
        e->order = odd_order(e);
    on->g = (on->g & spec->next.runs) | (named & spec->next.named);
    on->slot = (on->slot & spec->next.runs) | (target & spec->next.named);
    return 0;
}

/* What is not decoded at once. */
struct v1_other {
    const uint8_t *past; /* NULL: without memory */
    struct v1_first first;
    bool is_event; /* of the merge */
};

static __attribute__((noinline)) struct v1_other decode_other(struct go_v1 *r, const uint8_t *at,
                                                              uint8_t head, struct v1_event *e) {
    struct v1_other o = {0};
    uint8_t type = head & 63;
    o.is_event = !(structure >> type & 1);
    if (!o.is_event) {
        o.past = skip_structure(at, head);
        return o;
    }
    o.past = v1_numbers_one_by_one(at, head, &v1_specs[type], e, &o.first);
    if (type == V1_GC_START) e->args[1] = e->args[0];
    if (type != V1_LOG) return o;
    o.past = decode_log_text(r, o.past, e);
    if (e->args[2] == UINT32_MAX) o.past = NULL;
    return o;
}

/* Decodes on from c->at behind the items that there are, as far as there is room.  0, PV_ENOMEM. */
static inline __attribute__((always_inline)) int decode_so(struct go_v1 *r, struct v1_cursor *c,
                                                           bool at_once) {
    struct v1_merge *m = &r->merge;
    const struct v1_cuts *cuts = m->cuts;
    const struct v1_spec *specs = m->specs;
    const uint8_t *at = c->at, *end = c->batch_end;
    struct v1_event *e = c->end, *room_end = c->items + c->n_items;
    struct running on = {c->g, c->slot};
    uint64_t ts = (uint64_t)c->ts, whole = c->whole;
    while (at < end && e < room_end) {
        uint8_t head = *at++;
        const struct v1_spec *spec = &specs[head & 63];
        struct v1_first first;
        const uint8_t *past = at_once ? v1_numbers_at_once(cuts, at, head, spec, e, &first) : NULL;
        if (__builtin_expect(!past, 0)) {
            struct v1_other other = decode_other(r, at, head, e);
            if (!other.past) return PV_ENOMEM;
            at = other.past;
            if (!other.is_event) continue;
            first = other.first;
        } else {
            at = past;
        }
        ts += first.dt;
        e->ts = (int64_t)ts;
        TRY(attribute(m, &on, e++, spec, first.arg, whole));
    }
    c->at = at;
    c->end = e;
    c->ts = (int64_t)ts;
    c->g = on.g;
    c->slot = (uint32_t)on.slot;
    return 0;
}

static V1_SHUFFLES int decode_at_once(struct go_v1 *r, struct v1_cursor *c) {
    return decode_so(r, c, true);
}

static int decode_one_by_one(struct go_v1 *r, struct v1_cursor *c) {
    return decode_so(r, c, false);
}

static int decode(struct go_v1 *r, struct v1_cursor *c) {
    return r->merge.cuts ? decode_at_once(r, c) : decode_one_by_one(r, c);
}

/* Where system calls are among the events from next on: a bit each.  Which event is one is hard to
 * foresee, and so not branched on. */
_Static_assert(V1_RUN <= 64, "a bit for each event of a cursor");
static uint64_t find_calls(const struct v1_cursor *c) {
    uint64_t calls = 0;
    for (const struct v1_event *e = c->end; e != c->next;)
        calls = calls << 1 | ((--e)->type == V1_GO_SYSCALL);
    return calls;
}

/* A system call blocks if the goroutine's next event says so: looks for it.  The events from the
 * first call on whose answer is not decoded yet are held for the next time. */
static void answer_calls(struct go_v1 *r, struct v1_cursor *c, bool more) {
    bool samples = r->index.n_samples > 0;
    c->held = c->held_end = c->end;
    for (uint64_t calls = find_calls(c); calls; calls &= calls - 1) {
        struct v1_event *e = c->next + __builtin_ctzll(calls);
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
