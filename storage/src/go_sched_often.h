/* storage/src/go_sched_often.h - the scheduler's rules for the events that are nine of ten, and the
 * choice among all rules.
 *
 * They stand here to become part of the merge's loop: a call by pointer each costs as much as what
 * the shorter of them do.
 * Not here    the other rules (go_sched.c, go_ranges.c).
 * Source      go1.26 src/internal/trace/order.go */
#ifndef PARKVIEW_STORAGE_GO_SCHED_OFTEN_H
#define PARKVIEW_STORAGE_GO_SCHED_OFTEN_H

#include "storage/src/go_order_impl.h"

#define COLD   __attribute__((cold, noinline)) /* keeps the common ways through the rules short */
#define INLINE inline __attribute__((always_inline))

/* Faults. */
COLD int go_no_goroutine(struct go_order *o, const struct go_cursor *c, const struct go_m *m);
COLD int go_not_in_state(struct go_order *o, const struct go_cursor *c, const char *state);
COLD int go_unknown_proc(struct go_order *o, const struct go_cursor *c, const struct go_m *m);
COLD int go_bad_sequence(struct go_order *o, const struct go_cursor *c, const struct go_p *p);
COLD int go_not_in_syscall(struct go_order *o, const struct go_cursor *c, const struct go_p *p);

static inline bool g_succeeds(const struct go_order *o, const struct go_g *g, uint64_t seq) {
    return g->seq_gen == o->gen_number && seq == g->seq + 1;
}

static inline bool p_succeeds(const struct go_order *o, const struct go_p *p, uint64_t seq) {
    return p->seq_gen == o->gen_number && seq == p->seq + 1;
}

static inline void put_go(struct go_order *o, const struct go_cursor *c, const struct go_m *m,
                          uint64_t id, enum go_state from, enum go_state to, uint32_t stack,
                          uint32_t tstack, uint32_t reason) {
    int64_t time_ns = c->time_ns;
    if (time_ns <= o->last_ns) time_ns = (int64_t)((uint64_t)o->last_ns + 1);
    o->last_ns = time_ns;
    *o->next++ = (struct ev){.time_ns = time_ns,
                             .g = m->g,
                             .p = m->p,
                             .m = (int64_t)m->id,
                             .id = id,
                             .stack = stack,
                             .tstack = tstack,
                             .str = reason,
                             .kind = EV_GO_TRANSITION,
                             .from = (uint8_t)from,
                             .to = (uint8_t)to};
}

/* The M's goroutine, which must be running.  NULL: fault in *rc. */
static inline struct go_g *running_g(struct go_order *o, struct go_cursor *c, struct go_m *m,
                                     int *rc) {
    *rc = require(o, c, m, MUST, MUST);
    if (*rc < 0) return NULL;
    struct go_g *g = current_g(o, m);
    if (LIKELY(g && g->status == G_RUNNING)) return g;
    *rc = g ? go_not_in_state(o, c, "Running") : go_no_goroutine(o, c, m);
    return NULL;
}

static INLINE int rule_g_stop(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    int rc;
    struct go_g *g = running_g(o, c, m, &rc);
    if (!g) return rc;
    bool blocks = c->type == GOEV_GO_BLOCK;
    g->status = blocks ? G_WAITING : G_RUNNABLE;
    uint32_t stack = stack_id(o, c, c->args[1]), reason = string_id(o, c, c->args[0]);
    put_go(o, c, m, (uint64_t)g->id, GO_RUNNING, blocks ? GO_WAITING : GO_RUNNABLE, stack, stack,
           reason);
    m->g = NO_ID;
    return DONE;
}

static INLINE int rule_g_destroy(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    int rc;
    struct go_g *g = running_g(o, c, m, &rc);
    if (!g) return rc;
    put_go(o, c, m, (uint64_t)g->id, GO_RUNNING, GO_NOTEXIST, 0, 0, 0);
    go_remove_g(o, g);
    m->g = NO_ID;
    return DONE;
}

static INLINE int rule_g_start(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    uint32_t gi = idmap_get(&o->g_map, c->args[0]);
    struct go_g *g = &o->gs[gi]; /* gs[0] is in no state */
    if (g->status != G_RUNNABLE || !g_succeeds(o, g, c->args[1])) return WAIT;
    TRY(require(o, c, m, MUST, MUST_NOT));
    g->status = G_RUNNING;
    g->seq = c->args[1];
    put_go(o, c, m, c->args[0], GO_RUNNABLE, GO_RUNNING, 0, 0, 0);
    m->g = (int64_t)c->args[0];
    m->gi = gi;
    return DONE;
}

static INLINE int rule_g_unblock(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    struct go_g *g = &o->gs[idmap_get(&o->g_map, c->args[0])];
    if (g->status != G_WAITING || !g_succeeds(o, g, c->args[1])) return WAIT;
    g->status = G_RUNNABLE;
    g->seq = c->args[1];
    put_go(o, c, m, c->args[0], GO_WAITING, GO_RUNNABLE, stack_id(o, c, c->args[2]), 0, 0);
    return DONE;
}

static INLINE int rule_syscall_begin(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    int rc;
    struct go_g *g = running_g(o, c, m, &rc);
    if (!g) return rc;
    struct go_p *p = current_p(o, m);
    if (!p) return go_unknown_proc(o, c, m);
    if (!p_succeeds(o, p, c->args[0])) return go_bad_sequence(o, c, p);
    g->status = G_SYSCALL;
    p->status = P_SYSCALL;
    p->seq = c->args[0];
    uint32_t stack = stack_id(o, c, c->args[1]);
    put_go(o, c, m, (uint64_t)g->id, GO_RUNNING, GO_SYSCALL, stack, stack, 0);
    return DONE;
}

static INLINE int rule_syscall_end(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    TRY(require(o, c, m, MUST, MUST));
    struct go_g *g = current_g(o, m);
    if (!g) return go_no_goroutine(o, c, m);
    if (g->status != G_SYSCALL) return go_not_in_state(o, c, "Running");
    struct go_p *p = current_p(o, m);
    if (!p) return go_unknown_proc(o, c, m);
    if (p->status != P_SYSCALL) return go_not_in_syscall(o, c, p);
    g->status = G_RUNNING;
    p->status = P_RUNNING;
    put_go(o, c, m, (uint64_t)g->id, GO_SYSCALL, GO_RUNNING, 0, 0, 0);
    return DONE;
}

/* Tries c's present event.  DONE: given out; WAIT: not yet; < 0: the trace is broken.
 * Commonest first, and each by a branch of its own (see CMakeLists.txt), which are foretold better
 * than one jump through a table. */
static INLINE int go_order_advance(struct go_order *o, struct go_cursor *c) {
    struct go_m *m = LIKELY(c->thread) ? &o->ms[c->thread] : go_first_m(o, c);
    if (UNLIKELY(!m)) return go_no_memory(o);
    unsigned type = c->type;
    if (type == GOEV_GO_START) return rule_g_start(o, c, m);
    if (type == GOEV_GO_BLOCK || type == GOEV_GO_STOP) return rule_g_stop(o, c, m);
    if (type == GOEV_GO_UNBLOCK) return rule_g_unblock(o, c, m);
    if (type == GOEV_GO_SYSCALL_BEGIN) return rule_syscall_begin(o, c, m);
    if (type == GOEV_GO_SYSCALL_END) return rule_syscall_end(o, c, m);
    if (type == GOEV_GO_DESTROY) return rule_g_destroy(o, c, m);
    return go_rules[type](o, c, m);
}

#endif
