/* storage/src/go_v1_merge.c - the Ps' batches of a v1 trace -> one order.
 *
 * Each P's events are in order by themselves.  A P's next event enters the frontier (a binary heap
 * by time) as soon as its goroutine is in the state that the event needs; the earliest of the
 * frontier is taken, and its P looks again.  So a wrong clock cannot break causality.
 *
 * Ties of time are broken by the heap's and the list's shape, as in Go: pushes, pops and the swaps
 * in the list of available Ps are the same operations in the same order.
 * The bytes were checked by go_v1_scan.c; nothing is checked twice here.
 * Not here    system call exits that were written late (go_v1_settle.c).
 * Source      go1.26 src/internal/trace/internal/tracev1/parser.go (parseEventBatches), order.go */
#include "storage/src/go_v1_impl.h"
#include "storage/src/varint.h"

#define NO_SEQ  UINT64_MAX       /* as needed: any; as left: the same */
#define SEQ_INC (UINT64_MAX - 1) /* as left: one more */
#define FREE_GO UINT64_MAX       /* "goroutine" of events that need nothing */
#define GC_GO   (UINT64_MAX - 1) /* "goroutine" that counts GC cycles */

/* ---- goroutines ---- */

uint32_t v1_go_slot(struct v1_merge *m, uint64_t g) {
    uint32_t have = idmap_get(&m->slots, g);
    if (have) return have - 1;
    if (v1_grow(&m->gos, m->n_gos, &m->cap_gos, sizeof *m->gos) < 0) return UINT32_MAX;
    m->gos[m->n_gos] = (struct v1_go){.id = g};
    if (idmap_put(&m->slots, g, m->n_gos + 1) < 0) return UINT32_MAX;
    return m->n_gos++;
}

/* ---- a cursor's next event ---- */

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
    c->start = r->spool.data + batch->off;
    c->end = r->spool.data + end;
    return 1;
}

/* The batch's bytes are not needed any more. */
static void leave_batch(struct go_v1 *r, const struct v1_cursor *c) {
    v1_spool_drop(&r->spool, (uint64_t)(c->start - r->spool.data),
                  (uint64_t)(c->end - r->spool.data));
}

static int next_sample(struct go_v1 *r, struct v1_cursor *c, struct fault *f) {
    const struct v1_sample *s = &r->index.samples[c->next_sample++];
    c->event = (struct v1_event){
        .ts = s->ts, .g = s->g, .stack = s->stack, .p = s->p, .type = V1_CPU_SAMPLE};
    c->event.slot = v1_go_slot(&r->merge, s->g);
    if (c->event.slot == UINT32_MAX) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    return 1;
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

static const uint8_t *decode_log_text(struct go_v1 *r, const uint8_t *at, struct v1_event *e) {
    uint64_t n = 0;
    at = uvarint_fast(at, &n);
    e->args[2] = 0;
    if (r->phase == V1_GIVING) e->args[2] = dict_add_string(r->dict, (const char *)at, (size_t)n);
    return at + n;
}

/* Which goroutines the event is about; "...Local" forms become plain ones. */
static int attribute(struct go_v1 *r, struct v1_cursor *c, struct v1_proc *proc) {
    struct v1_event *e = &c->event;
    struct v1_merge *m = &r->merge;
    e->g = proc->last_g;
    e->slot = proc->last_slot;
    switch (e->order) {
    case V1_START:
    case V1_START_LOCAL:
        proc->last_g = e->g = e->args[0];
        proc->last_slot = e->slot = v1_go_slot(m, e->g);
        return e->slot == UINT32_MAX ? PV_ENOMEM : 0;
    case V1_BLOCK:
    case V1_YIELD:
        proc->last_g = proc->last_slot = 0;
        return 0;
    case V1_WAITING:
        e->g = e->args[0];
        e->slot = v1_go_slot(m, e->g);
        return e->slot == UINT32_MAX ? PV_ENOMEM : 0;
    case V1_CREATE:
    case V1_UNBLOCK:
    case V1_UNBLOCK_LOCAL:
        e->target = v1_go_slot(m, e->args[0]);
        if (e->target == UINT32_MAX) return PV_ENOMEM;
        if (e->type != V1_GO_SYS_EXIT) return 0;
        e->g = e->args[0];
        e->slot = e->target;
        return 0;
    default:
        if (e->type == V1_GO_END || e->type == V1_GO_STOP) proc->last_g = proc->last_slot = 0;
        return 0;
    }
}

/* The goroutine that made a system call has its next event: did the call block? */
static void answer_call(struct go_v1 *r, struct v1_cursor *c) {
    const struct v1_event *e = &c->event;
    if (c->has_event && e->slot != r->settle.ring[(c->call - 1) & r->settle.mask].slot) return;
    bool blocks = c->has_event && e->type == V1_GO_SYS_BLOCK;
    if (!blocks || r->index.n_samples == 0) { /* else a CPU sample may still come between */
        uint32_t slot = r->settle.ring[(c->call - 1) & r->settle.mask].slot;
        r->merge.gos[slot].call = 0;
        v1_settle_call(&r->settle, c->call - 1, blocks);
    }
    c->call = 0;
}

/* Decodes the next event of the present batch: 1, 0 = the batch is over, < 0. */
static int decode(struct go_v1 *r, struct v1_cursor *c, struct fault *f) {
    const uint8_t *at = c->at;
    struct v1_event *e = &c->event;
    while (at < c->end) {
        uint8_t head = *at++;
        uint8_t type = head & 63;
        if (type == V1_STRING) {
            at = skip_string(at);
            continue;
        }
        const struct v1_spec *spec = &v1_specs[type];
        if (type == V1_STACK || type == V1_FREQUENCY || type == V1_TIMER_GOROUTINE ||
            type == V1_CPU_SAMPLE) {
            at = skip_args(at, head);
            continue;
        }
        uint64_t args[5] = {0}, n;
        if (head >> 6 == 3) at = uvarint_fast(at, &n);
        for (uint32_t i = 0; i < spec->n_args; i++) at = uvarint_fast(at, &args[i]);
        c->ts = (int64_t)((uint64_t)c->ts + args[0]);
        struct v1_proc *proc = &r->index.procs[c->proc];
        *e = (struct v1_event){.ts = c->ts, .type = type, .order = spec->order, .proc = c->proc};
        e->p = proc->id;
        e->args[0] = args[1];
        e->args[1] = args[2];
        e->args[2] = args[3];
        if (spec->stack) {
            e->stack = (uint32_t)args[spec->n_args - 1];
            if (spec->n_args < 5) e->args[spec->n_args - 2] = 0;
        }
        if (type == V1_LOG) at = decode_log_text(r, at, e);
        c->at = at;
        if (attribute(r, c, proc) < 0 || (type == V1_LOG && e->args[2] == UINT32_MAX))
            return fault_set(f, PV_ENOMEM, -1, "out of memory");
        return 1;
    }
    c->at = at;
    return 0;
}

/* 1: c->event is its next one.  0: it has no more.  < 0. */
static int advance(struct go_v1 *r, struct v1_cursor *c, struct fault *f) {
    if (c->next_sample < c->n_samples) {
        c->has_event = true;
        return next_sample(r, c, f);
    }
    int rc = 0;
    while (c->end == NULL || (rc = decode(r, c, f)) == 0) {
        if (c->end) leave_batch(r, c);
        if (c->bad) return v1_bad_fault(&r->index.bads[c->bad - 1], f);
        rc = load_batch(r, c, f);
        if (rc <= 0) break;
    }
    c->has_event = rc == 1;
    if (c->call && rc >= 0) answer_call(r, c);
    return rc;
}

/* ---- order ---- */

static bool ready_at(const struct v1_go *g, uint64_t seq, enum v1_go_status status) {
    return g->id == FREE_GO || ((seq == NO_SEQ || seq == g->seq) && g->status == status);
}

static bool is_ready(const struct v1_merge *m, const struct v1_event *e) {
    switch ((enum v1_order)e->order) {
    case V1_FREE:
        return true;
    case V1_CREATE:
        return ready_at(&m->gos[e->target], 0, V1_DEAD);
    case V1_WAITING:
        return ready_at(&m->gos[e->slot], 1, V1_RUNNABLE);
    case V1_START:
        return ready_at(&m->gos[e->slot], e->args[1], V1_RUNNABLE);
    case V1_START_LOCAL:
        return ready_at(&m->gos[e->slot], NO_SEQ, V1_RUNNABLE);
    case V1_BLOCK:
    case V1_YIELD:
        return ready_at(&m->gos[e->slot], NO_SEQ, V1_RUNNING);
    case V1_UNBLOCK:
        return ready_at(&m->gos[e->target], e->args[1], V1_BLOCKED);
    case V1_UNBLOCK_LOCAL:
        return ready_at(&m->gos[e->target], NO_SEQ, V1_BLOCKED);
    case V1_GC:
        return ready_at(&m->gos[1], e->args[0], V1_DEAD);
    }
    return true;
}

static void leave_at(struct v1_go *g, uint64_t seq, enum v1_go_status status) {
    if (g->id == FREE_GO) return;
    if (seq == SEQ_INC)
        g->seq++;
    else if (seq != NO_SEQ)
        g->seq = seq;
    g->status = (uint8_t)status;
}

static void apply(struct v1_merge *m, const struct v1_event *e) {
    switch ((enum v1_order)e->order) {
    case V1_FREE:
        return;
    case V1_CREATE:
        leave_at(&m->gos[e->target], 1, V1_RUNNABLE);
        return;
    case V1_WAITING:
        leave_at(&m->gos[e->slot], 2, V1_BLOCKED);
        return;
    case V1_START:
        leave_at(&m->gos[e->slot], e->args[1] + 1, V1_RUNNING);
        return;
    case V1_START_LOCAL:
        leave_at(&m->gos[e->slot], SEQ_INC, V1_RUNNING);
        return;
    case V1_BLOCK:
        leave_at(&m->gos[e->slot], NO_SEQ, V1_BLOCKED);
        return;
    case V1_YIELD:
        leave_at(&m->gos[e->slot], NO_SEQ, V1_RUNNABLE);
        return;
    case V1_UNBLOCK:
        leave_at(&m->gos[e->target], e->args[1] + 1, V1_RUNNABLE);
        return;
    case V1_UNBLOCK_LOCAL:
        leave_at(&m->gos[e->target], SEQ_INC, V1_RUNNABLE);
        return;
    case V1_GC:
        leave_at(&m->gos[1], e->args[0] + 1, V1_DEAD);
        return;
    }
}

/* ---- frontier ---- */

static void push(struct v1_merge *m, uint32_t cursor, int64_t ts) {
    struct v1_frontier *h = m->frontier;
    uint32_t j = m->n_frontier++;
    while (j > 0) {
        uint32_t i = (j - 1) / 2;
        if (ts >= h[i].ts) break;
        h[j] = h[i];
        j = i;
    }
    h[j] = (struct v1_frontier){.ts = ts, .cursor = cursor};
}

static uint32_t pop(struct v1_merge *m) {
    struct v1_frontier *h = m->frontier;
    uint32_t top = h[0].cursor;
    uint32_t n = --m->n_frontier;
    struct v1_frontier sink = h[n];
    uint32_t i = 0;
    for (uint32_t j = 1; j < n; j = 2 * i + 1) {
        if (j + 1 < n && h[j + 1].ts < h[j].ts) j++;
        if (h[j].ts >= sink.ts) break;
        h[i] = h[j];
        i = j;
    }
    h[i] = sink;
    return top;
}

/* Moves every available P whose next event is ready to the frontier. */
static int fill_frontier(struct go_v1 *r, struct fault *f) {
    struct v1_merge *m = &r->merge;
    for (uint32_t i = 0; i < m->n_available;) {
        uint32_t k = m->available[i];
        struct v1_cursor *c = &m->cursors[k];
        if (!c->has_event) {
            int rc = advance(r, c, f);
            if (rc < 0) return rc;
            c->done = rc == 0;
        }
        if (!c->done) {
            if (!is_ready(m, &c->event)) {
                i++;
                continue;
            }
            push(m, k, c->event.ts);
        }
        m->available[i] = m->available[--m->n_available];
    }
    return 0;
}

/* Nothing can be taken: fine if all Ps have come to their end. */
static int at_end(struct go_v1 *r, struct fault *f) {
    const struct v1_merge *m = &r->merge;
    const struct v1_cursor *stuck = NULL;
    for (uint32_t i = 0; i < m->n_cursors; i++) {
        const struct v1_cursor *c = &m->cursors[i];
        if (!c->done && (!stuck || c->event.ts < stuck->event.ts)) stuck = c;
    }
    if (!stuck) return 0;
    int64_t off = stuck->at ? stuck->at - r->spool.data + V1_HEADER_BYTES : -1;
    return fault_set(
        f, PV_ECORRUPT, off,
        "no consistent ordering of events possible (%s of goroutine %llu on P %d waits "
        "for an event that does not come)",
        v1_specs[stuck->event.type].name,
        (unsigned long long)(stuck->event.order == V1_UNBLOCK ? stuck->event.args[0]
                                                              : stuck->event.g),
        stuck->event.p);
}

int v1_merge_next(struct go_v1 *r, struct v1_event *out, struct fault *f) {
    struct v1_merge *m = &r->merge;
    TRY(fill_frontier(r, f));
    if (m->n_frontier == 0) return at_end(r, f);
    uint32_t k = pop(m);
    struct v1_cursor *c = &m->cursors[k];
    if (!is_ready(m, &c->event)) /* it was, when it entered: two Ps claim one goroutine */
        return fault_set(f, PV_ECORRUPT, c->at ? c->at - r->spool.data + V1_HEADER_BYTES : -1,
                         "encountered impossible goroutine state transition");
    apply(m, &c->event);
    *out = c->event;
    if (out->type == V1_GO_START_LOCAL) out->type = V1_GO_START;
    if (out->type == V1_GO_UNBLOCK_LOCAL) out->type = V1_GO_UNBLOCK;
    if (out->type == V1_GO_SYS_EXIT_LOCAL) out->type = V1_GO_SYS_EXIT;
    if (out->type == V1_GO_SYSCALL && r->phase == V1_GIVING) c->call = r->settle.tail + 1;
    c->has_event = false;
    m->available[m->n_available++] = k;
    return 1;
}

/* ---- start and end ---- */

static int allocate(struct v1_merge *m, uint32_t n) {
    m->cursors = calloc(n, sizeof *m->cursors);
    m->available = calloc(n, sizeof *m->available);
    m->frontier = calloc(n, sizeof *m->frontier);
    return m->cursors && m->available && m->frontier ? 0 : PV_ENOMEM;
}

int v1_merge_start(struct go_v1 *r, struct fault *f) {
    struct v1_merge *m = &r->merge;
    struct v1_index *x = &r->index;
    v1_merge_free(m);
    /* Slot 0 is "no goroutine", slot 1 counts the GC cycles. */
    if (allocate(m, x->n_procs + 1) < 0 || v1_go_slot(m, 0) != 0 || v1_go_slot(m, GC_GO) != 1)
        return fault_set(f, PV_ENOMEM, -1, "out of memory");
    m->gos[0].known = true;
    m->gos[0].valid = V1_RUNNING;
    for (uint32_t i = 0; i < x->n_procs; i++) {
        struct v1_proc *p = &x->procs[i];
        p->next_batch = p->first;
        p->last_g = p->g = 0;
        p->last_slot = 0;
        p->has_m = p->seen = p->running = p->sweeping = false;
        if (p->first == UINT32_MAX) continue; /* a fake one */
        m->cursors[m->n_cursors++].proc = i;
    }
    const struct v1_proc *profile = v1_proc_find(x, V1_PROFILE_P);
    struct v1_cursor *samples = &m->cursors[m->n_cursors++];
    samples->n_samples = x->n_samples;
    samples->proc = profile ? (uint32_t)(profile - x->procs) : UINT32_MAX;
    for (uint32_t i = 0; i < m->n_cursors; i++) m->available[m->n_available++] = i;
    return 0;
}

void v1_merge_free(struct v1_merge *m) {
    free(m->cursors);
    free(m->available);
    free(m->frontier);
    free(m->gos);
    idmap_free(&m->slots);
    *m = (struct v1_merge){0};
}
