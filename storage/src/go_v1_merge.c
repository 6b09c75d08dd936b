/* storage/src/go_v1_merge.c - the Ps' batches of a v1 trace -> one order.
 *
 * Each P's events are in order by themselves.  A P's next event enters the frontier (a binary heap
 * by time) as soon as its goroutine is in the state that the event needs; the earliest of the
 * frontier is taken, and its P looks again.  So a wrong clock cannot break causality.
 *
 * What follows in one P is taken as a run, as long as it is earlier than the frontier and no other
 * P waits for it.  Ties of time are broken by the heap's and the list's shape, as in Go: pushes,
 * pops and the swaps in the list of available Ps come to the same in the same order.
 * Not here    decoding (go_v1_cursor.c); system call exits that were written late (go_v1_settle.c).
 * Source      go1.26 src/internal/trace/internal/tracev1/parser.go (parseEventBatches), order.go */
#include "storage/src/go_v1_impl.h"
#include "storage/src/go_v1_numbers.h"

enum { FEW_ITEMS = 4, MANY_PROCS = 1024 };

/* 1: *c->next is its next event.  0: it has no more.  < 0. */
static inline int look(struct go_v1 *r, struct v1_cursor *c, struct fault *f) {
    return c->next != c->end ? 1 : v1_cursor_fill(r, c, f);
}

/* ---- order ---- */

/* 0: g is as e needs it. */
static inline uint64_t is_not(const struct v1_rule *rule, const struct v1_event *e,
                              const struct v1_go *g) {
    uint64_t seq = (e->args[1] & rule->said) | rule->need;
    return ((seq ^ g->seq) & rule->care) | (uint64_t)(g->status ^ rule->need_status);
}

static inline bool is_ready(const struct v1_merge *m, const struct v1_event *e) {
    return is_not(&v1_rules[e->order], e, &m->gos[e->key]) == 0;
}

/* Applies the event if it is ready.  *calm: no other P waits for a change of its goroutine. */
static inline bool take(struct v1_go *gos, const struct v1_event *e, bool *calm) {
    const struct v1_rule *rule = &v1_rules[e->order];
    struct v1_go *g = &gos[e->key];
    if (is_not(rule, e, g)) return false;
    g->seq = (g->seq & rule->keep) + rule->add;
    g->status = rule->next_status;
    *calm = !g->watched;
    g->watched = false;
    return true;
}

/* ---- frontier ----
 * Who comes before whom is as hard to foresee, so that the ways through the heap go to their ends
 * and choose by values. */

struct v1_waiting { /* a cursor in the frontier */
    int64_t ts;     /* of its next event */
    uint32_t cursor;
};

/* What stands at a place; its two words, which are written apart, must not be read as one: the
 * processor would wait for both to reach the cache. */
static inline struct v1_waiting at_place(const struct v1_merge *m, uint32_t i) {
    return (struct v1_waiting){m->times[i], m->owners[i]};
}

static inline void set_place(struct v1_merge *m, uint32_t i, struct v1_waiting x) {
    m->times[i] = x.ts;
    m->owners[i] = x.cursor;
}

/* Puts x on its way from the root to a place, which is counted from 1: what is later than x moves
 * down by one.  The result is what comes to the place. */
static inline struct v1_waiting lay(struct v1_merge *m, struct v1_waiting x, uint32_t place) {
    struct v1_waiting carry = x;
    for (uint32_t up = 31 - (uint32_t)__builtin_clz(place); up > 0; up--) {
        uint32_t i = (place >> up) - 1;
        struct v1_waiting here = at_place(m, i);
        bool later = x.ts < here.ts;
        m->times[i] = later ? carry.ts : here.ts;
        m->owners[i] = later ? carry.cursor : here.cursor;
        carry.ts = later ? here.ts : carry.ts;
        carry.cursor = later ? here.cursor : carry.cursor;
    }
    return carry;
}

/* Puts x in place of the root: along the earlier children, what is earlier than x moves up. */
static inline void sink(struct v1_merge *m, struct v1_waiting x) {
    uint32_t i = 0;
    for (uint32_t level = 0; level < m->depth; level++) {
        uint32_t j = 2 * i + 1;
        j += m->times[j + 1] < m->times[j];
        struct v1_waiting child = at_place(m, j);
        bool stays = x.ts <= child.ts; /* then the child is put down again, where it was */
        m->times[i] = stays ? x.ts : child.ts;
        m->owners[i] = stays ? x.cursor : child.cursor;
        x.ts = stays ? child.ts : x.ts;
        x.cursor = stays ? child.cursor : x.cursor;
        i = j;
    }
    set_place(m, i, x);
}

static inline void push(struct v1_merge *m, uint32_t cursor, int64_t ts) {
    uint32_t place = ++m->n_frontier;
    set_place(m, place - 1, lay(m, (struct v1_waiting){ts, cursor}, place));
}

static inline uint32_t pop(struct v1_merge *m) {
    uint32_t top = m->owners[0];
    uint32_t last = --m->n_frontier;
    struct v1_waiting x = at_place(m, last);
    m->times[last] = INT64_MAX;
    if (m->n_frontier) sink(m, x);
    return top;
}

/* A push and a pop at once. */
static inline uint32_t swap(struct v1_merge *m, uint32_t cursor, int64_t ts) {
    struct v1_waiting last = lay(m, (struct v1_waiting){ts, cursor}, m->n_frontier + 1);
    uint32_t top = m->owners[0];
    sink(m, last);
    return top;
}

/* A P's event that is earlier than the whole frontier would be pushed and popped at once.  That
 * leaves the heap as it was if no times are equal on the way from the new place to the root. */
static inline bool may_pass(const struct v1_merge *m) {
    const int64_t *t = m->times;
    bool equal = false;
    for (uint32_t i = m->n_frontier; i > 0;) {
        i = (i - 1) / 2;
        equal |= (t[i] == t[2 * i + 1]) | (t[i] == t[2 * i + 2]);
    }
    return !equal;
}

/* Moves every available P whose next event is ready to the frontier.  After a calm event that can
 * only be its own P, the last one: the others wait for goroutines that did not change. */
static __attribute__((noinline)) int fill_frontier(struct go_v1 *r, struct fault *f) {
    struct v1_merge *m = &r->merge;
    uint32_t first = m->calm ? m->n_available - 1 : 0;
    for (uint32_t i = first; i < m->n_available;) {
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
            push(m, k, c->next->ts);
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
        if (!c->done && (!stuck || c->next->ts < stuck->next->ts)) stuck = c;
    }
    if (!stuck) return 0;
    const struct v1_event *e = stuck->next;
    uint64_t g = v1_specs[e->type].waits.named ? e->args[0] : e->g;
    return fault_set(
        f, PV_ECORRUPT, offset_of(r, stuck),
        "no consistent ordering of events possible (%s of goroutine %llu on P %d waits "
        "for an event that does not come)",
        v1_specs[e->type].name, (unsigned long long)g, e->p);
}

/* Whose event is next: 1, 0 = none can be taken, < 0. */
static inline int choose(struct go_v1 *r, uint32_t *chosen, struct fault *f) {
    struct v1_merge *m = &r->merge;
    if (m->last == V1_READY) {
        uint32_t k = m->available[--m->n_available];
        *chosen = swap(m, k, m->cursors[k].next->ts);
        return 1;
    }
    if (m->last == V1_UNKNOWN || m->n_frontier == 0) TRY(fill_frontier(r, f));
    if (m->n_frontier == 0) return 0;
    *chosen = pop(m);
    return 1;
}

/* After an event that changed nothing that another P waits for: where the P of *e stands. */
static inline enum v1_last last_of(struct v1_merge *m, const struct v1_cursor *c) {
    if (c->next == c->end || m->n_frontier == 0) return V1_UNKNOWN;
    if (is_ready(m, c->next)) return V1_READY;
    m->gos[c->next->key].watched = true;
    return V1_WAITS;
}

/* What follows *e in its P, as long as it comes before the whole frontier: to out. */
static inline struct v1_event *follow(struct v1_merge *m, struct v1_cursor *c, bool *calm,
                                      struct v1_event *out) {
    struct v1_event *e = c->next;
    const struct v1_event *end = c->end;
    struct v1_go *gos = m->gos;
    int64_t before = m->times[0];
    if (!*calm || e == end || e->ts >= before || !may_pass(m)) return out;
    while (take(gos, e, calm)) {
        *out++ = *e++;
        if (!*calm || e == end || e->ts >= before) break;
    }
    c->next = e;
    return out;
}

/* A run of events to *out, which is moved behind them: 1, 0 = there are no more, < 0. */
static inline __attribute__((always_inline)) int merge_run(struct go_v1 *r, struct v1_event **out,
                                                           struct fault *f) {
    struct v1_merge *m = &r->merge;
    uint32_t k;
    int rc = choose(r, &k, f);
    if (rc <= 0) return rc < 0 ? rc : at_end(r, f);
    struct v1_cursor *c = &m->cursors[k];
    bool calm = true;
    /* It was ready when it entered: if it is not now, two Ps claim one goroutine. */
    if (!take(m->gos, c->next, &calm))
        return fault_set(f, PV_ECORRUPT, offset_of(r, c),
                         "encountered impossible goroutine state transition");
    m->available[m->n_available++] = k;
    **out = *c->next++;
    *out = follow(m, c, &calm, *out + 1);
    m->calm = calm;
    m->last = (uint8_t)(calm ? last_of(m, c) : V1_UNKNOWN);
    return 1;
}

bool v1_merge(struct go_v1 *r, struct v1_chunk *c, uint32_t n, struct fault *f) {
    struct v1_event *out = c->events;
    const struct v1_event *enough = out + n - V1_RUN;
    int rc = 1;
    while (rc == 1 && out <= enough) rc = merge_run(r, &out, f);
    c->n = (uint32_t)(out - c->events);
    c->last = rc != 1;
    return rc == 1;
}

/* ---- start and end ---- */

static int allocate(struct v1_merge *m, uint32_t n) {
    m->cursors = calloc(n, sizeof *m->cursors);
    m->available = calloc(n, sizeof *m->available);
    m->depth = 31 - (uint32_t)__builtin_clz(n);
    uint32_t places = 4u << m->depth; /* each cursor's has two children */
    m->times = calloc(places, sizeof *m->times);
    m->owners = calloc(places, sizeof *m->owners);
    if (!m->cursors || !m->available || !m->times || !m->owners) return PV_ENOMEM;
    for (uint32_t i = 0; i < places; i++) m->times[i] = INT64_MAX;
    return 0;
}

static int add_cursor(struct v1_merge *m, uint32_t proc, int32_t p, uint32_t n_items) {
    struct v1_cursor *c = &m->cursors[m->n_cursors];
    c->items = malloc(n_items * sizeof *c->items);
    if (!c->items) return PV_ENOMEM;
    c->n_items = n_items;
    c->proc = proc;
    c->whole = (struct v1_event){.p = p, .proc = (uint16_t)proc}.whole;
    m->available[m->n_available++] = m->n_cursors++;
    return 0;
}

static uint32_t n_cursors(const struct v1_index *x) {
    uint32_t n = 1;
    for (uint32_t i = 0; i < x->n_procs; i++) n += x->procs[i].first != UINT32_MAX;
    return n;
}

/* One for each P with batches, ascending, and one for the CPU samples. */
static int add_cursors(struct go_v1 *r) {
    struct v1_index *x = &r->index;
    struct v1_merge *m = &r->merge;
    uint32_t n_items = x->n_procs > MANY_PROCS ? FEW_ITEMS : V1_RUN;
    uint32_t profile = UINT32_MAX;
    for (uint32_t i = 0; i < x->n_procs; i++) {
        struct v1_proc *p = &x->procs[i];
        p->next_batch = p->first;
        p->g = 0;
        p->m = NO_ID;
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
    m->specs = v1_specs;
    if (allocate(m, n_cursors(&r->index)) < 0 || v1_numbers_start(m, &r->index) < 0 ||
        v1_go_add(m, 0) != V1_SLOT_NONE || v1_go_add(m, V1_GC_GO) != V1_SLOT_GC ||
        v1_go_add(m, V1_FREE_GO) != V1_SLOT_ANY || v1_slot_add(m) != V1_SLOT_FREE ||
        add_cursors(r) < 0)
        return fault_set(f, PV_ENOMEM, -1, "out of memory");
    return 0;
}

void v1_merge_free(struct v1_merge *m) {
    for (uint32_t i = 0; m->cursors && i < m->n_cursors; i++) free(m->cursors[i].items);
    free(m->cursors);
    free(m->available);
    free(m->times);
    free(m->owners);
    free(m->gos);
    free(m->cuts);
    v1_refs_free(&m->slots);
    *m = (struct v1_merge){0};
}
