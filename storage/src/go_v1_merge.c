/* storage/src/go_v1_merge.c - the Ps' batches of a v1 trace -> one order.
 *
 * Each P's events are in order by themselves.  A P's next event enters the frontier (a binary heap
 * by time) as soon as its goroutine is in the state that the event needs; the earliest of the
 * frontier is taken, and its P looks again.  So a wrong clock cannot break causality.
 *
 * Ties of time are broken by the heap's and the list's shape, as in Go: pushes, pops and the swaps
 * in the list of available Ps are the same operations in the same order.
 * Not here    decoding (go_v1_cursor.c); system call exits that were written late (go_v1_settle.c).
 * Source      go1.26 src/internal/trace/internal/tracev1/parser.go (parseEventBatches), order.go */
#include "storage/src/go_v1_impl.h"

enum { ITEMS = 64, FEW_ITEMS = 4, MANY_PROCS = 1024 };

/* 1: *c->next is its next event.  0: it has no more.  < 0. */
static inline int look(struct go_v1 *r, struct v1_cursor *c, struct fault *f) {
    return c->next != c->end ? 1 : v1_cursor_fill(r, c, f);
}

/* ---- order ---- */

/* No branches: which events are ready is hard to foresee. */
static inline bool is_ready(const struct v1_merge *m, const struct v1_next *x) {
    const struct v1_go *g = &m->gos[x->key];
    return ((x->need_seq == g->seq) | (x->need_seq == V1_NO_SEQ)) & (x->need_status == g->status);
}

static inline void apply(struct v1_merge *m, const struct v1_next *x) {
    const struct v1_rule *rule = &v1_rules[x->order];
    struct v1_go *g = &m->gos[x->key];
    uint64_t seq = rule->need == V1_SEQ_RULE ? rule->next_seq : x->need_seq + 1;
    seq = seq == V1_NO_SEQ ? g->seq : seq;
    g->seq = seq == V1_SEQ_INC ? g->seq + 1 : seq;
    g->status = rule->next_status;
    m->calm = !g->watched;
    g->watched = false;
}

/* ---- frontier ---- */

static inline void push(struct v1_merge *m, uint32_t cursor, int64_t ts) {
    uint32_t j = m->n_frontier++;
    while (j > 0) {
        uint32_t i = (j - 1) / 2;
        if (ts >= m->times[i]) break;
        m->times[j] = m->times[i];
        m->frontier[j] = m->frontier[i];
        j = i;
    }
    m->times[j] = ts;
    m->frontier[j] = cursor;
}

static inline uint32_t pop(struct v1_merge *m) {
    uint32_t top = m->frontier[0];
    uint32_t n = --m->n_frontier;
    uint32_t sink = m->frontier[n];
    int64_t ts = m->times[n];
    m->times[n] = INT64_MAX; /* no sibling of the last one is earlier */
    uint32_t i = 0;
    for (uint32_t j; (j = 2 * i + 1) < n; i = j) {
        j += m->times[j + 1] < m->times[j];
        if (m->times[j] >= ts) break;
        m->times[i] = m->times[j];
        m->frontier[i] = m->frontier[j];
    }
    m->times[i] = ts;
    m->frontier[i] = sink;
    return top;
}

/* Moves every available P whose next event is ready to the frontier. */
static int fill_frontier(struct go_v1 *r, struct fault *f) {
    struct v1_merge *m = &r->merge;
    for (uint32_t i = 0; i < m->n_available;) {
        uint32_t k = m->available[i];
        struct v1_cursor *c = &m->cursors[k];
        int rc = look(r, c, f);
        if (rc < 0) return rc;
        if (rc == 0) {
            c->done = true;
        } else {
            if (!is_ready(m, c->next)) {
                m->gos[c->next->key].watched = true;
                i++;
                continue;
            }
            push(m, k, c->next->event.ts);
        }
        m->available[i] = m->available[--m->n_available];
    }
    return 0;
}

static int64_t offset_of(const struct go_v1 *r, const struct v1_cursor *c) {
    return c->at ? c->at - r->spool.data + V1_HEADER_BYTES : -1;
}

/* Nothing can be taken: fine if all Ps have come to their end. */
static int at_end(struct go_v1 *r, struct fault *f) {
    const struct v1_merge *m = &r->merge;
    const struct v1_cursor *stuck = NULL;
    for (uint32_t i = 0; i < m->n_cursors; i++) {
        const struct v1_cursor *c = &m->cursors[i];
        if (!c->done && (!stuck || c->next->event.ts < stuck->next->event.ts)) stuck = c;
    }
    if (!stuck) return 0;
    const struct v1_event *e = &stuck->next->event;
    uint64_t g = v1_rules[stuck->next->order].key == V1_KEY_TARGET ? e->args[0] : e->g;
    return fault_set(
        f, PV_ECORRUPT, offset_of(r, stuck),
        "no consistent ordering of events possible (%s of goroutine %llu on P %d waits "
        "for an event that does not come)",
        v1_specs[e->type].name, (unsigned long long)g, e->p);
}

/* A P's event that is earlier than the whole frontier would be pushed and popped at once.  That
 * leaves the heap as it was if no times are equal on the way from the new place to the root. */
static inline bool may_pass(const struct v1_merge *m, int64_t ts) {
    uint32_t n = m->n_frontier;
    const int64_t *t = m->times;
    if (n > 0 && ts >= t[0]) return false;
    for (uint32_t i = n; i > 0;) {
        i = (i - 1) / 2;
        if (2 * i + 1 < n && t[i] == t[2 * i + 1]) return false;
        if (2 * i + 2 < n && t[i] == t[2 * i + 2]) return false;
    }
    return true;
}

/* The P of the last event goes on, and the other ones need not be looked at again: those in the
 * frontier stay there, and those that wait do so for goroutines that did not change. */
static inline struct v1_cursor *same_again(struct v1_merge *m) {
    if (!m->calm) return NULL;
    struct v1_cursor *c = &m->cursors[m->available[m->n_available - 1]];
    if (c->next == c->end || !is_ready(m, c->next)) return NULL;
    return may_pass(m, c->next->event.ts) ? c : NULL;
}

int v1_merge_next(struct go_v1 *r, struct v1_event **out, struct fault *f) {
    struct v1_merge *m = &r->merge;
    struct v1_cursor *c = same_again(m);
    if (!c) {
        TRY(fill_frontier(r, f));
        if (m->n_frontier == 0) return at_end(r, f);
        uint32_t k = pop(m);
        c = &m->cursors[k];
        if (!is_ready(m, c->next)) /* it was, when it entered: two Ps claim one goroutine */
            return fault_set(f, PV_ECORRUPT, offset_of(r, c),
                             "encountered impossible goroutine state transition");
        m->available[m->n_available++] = k;
    }
    apply(m, c->next);
    *out = &c->next++->event;
    return 1;
}

/* ---- start and end ---- */

static int allocate(struct v1_merge *m, uint32_t n) {
    m->cursors = calloc(n, sizeof *m->cursors);
    m->available = calloc(n, sizeof *m->available);
    m->frontier = calloc(n, sizeof *m->frontier);
    m->times = calloc(n + 1, sizeof *m->times); /* pop looks one further */
    return m->cursors && m->available && m->frontier && m->times ? 0 : PV_ENOMEM;
}

static int add_cursor(struct v1_merge *m, uint32_t proc, int32_t p, uint32_t n_items) {
    struct v1_cursor *c = &m->cursors[m->n_cursors];
    c->items = malloc(n_items * sizeof *c->items);
    if (!c->items) return PV_ENOMEM;
    c->n_items = n_items;
    c->proc = proc;
    c->p = p;
    m->available[m->n_available++] = m->n_cursors++;
    return 0;
}

/* One for each P with batches, ascending, and one for the CPU samples. */
static int add_cursors(struct go_v1 *r) {
    struct v1_index *x = &r->index;
    struct v1_merge *m = &r->merge;
    uint32_t n_items = x->n_procs > MANY_PROCS ? FEW_ITEMS : ITEMS;
    uint32_t profile = UINT32_MAX;
    for (uint32_t i = 0; i < x->n_procs; i++) {
        struct v1_proc *p = &x->procs[i];
        p->next_batch = p->first;
        p->g = 0;
        p->has_m = p->seen = p->running = p->sweeping = false;
        if (p->first == UINT32_MAX) continue; /* a fake one */
        if (p->id == V1_PROFILE_P) profile = i;
        TRY(add_cursor(m, i, p->id, n_items));
    }
    TRY(add_cursor(m, profile, V1_PROFILE_P, n_items));
    m->cursors[m->n_cursors - 1].n_samples = x->n_samples;
    return 0;
}

int v1_merge_start(struct go_v1 *r, struct fault *f) {
    struct v1_merge *m = &r->merge;
    v1_merge_free(m);
    if (allocate(m, r->index.n_procs + 1) < 0 || v1_go_add(m, 0) != V1_SLOT_NONE ||
        v1_go_add(m, V1_GC_GO) != V1_SLOT_GC || v1_go_add(m, V1_FREE_GO) != V1_SLOT_FREE ||
        add_cursors(r) < 0)
        return fault_set(f, PV_ENOMEM, -1, "out of memory");
    return 0;
}

void v1_merge_free(struct v1_merge *m) {
    for (uint32_t i = 0; m->cursors && i < m->n_cursors; i++) free(m->cursors[i].items);
    free(m->cursors);
    free(m->available);
    free(m->frontier);
    free(m->times);
    free(m->gos);
    v1_refs_free(&m->slots);
    *m = (struct v1_merge){0};
}
