/* storage/src/go_sched.c - the rules of the scheduler: processors, goroutines, system calls.
 *
 * A status event tells what is; all others change it.  Each rule checks what the event needs, gives
 * the event out in the context before it, and changes the states.  Conditions stand in the order in
 * which Go's reader tests them, so that of two reasons for a fault the same one is named.
 * Source      go1.26 src/internal/trace/order.go */
#include "storage/src/go_sched_often.h"

static const char *g_status_name(unsigned status) {
    static const char *const names[] = {"Bad", "Runnable", "Running", "Syscall", "Waiting"};
    return names[status < G_STATUSES ? status : 0];
}

static const char *p_status_name(unsigned status) {
    static const char *const names[] = {"Bad", "Running", "Idle", "Syscall"};
    return names[status <= P_SYSCALL ? status : 0];
}

int go_no_goroutine(struct go_order *o, const struct go_cursor *c, const struct go_m *m) {
    return go_broken(o, c, "event %s for goroutine (%lld) that doesn't exist",
                     go_event_name(o, c->type), (long long)m->g);
}

int go_not_in_state(struct go_order *o, const struct go_cursor *c, const char *state) {
    return go_broken(o, c, "%s event for goroutine that's not %s", go_event_name(o, c->type),
                     state);
}

int go_unknown_proc(struct go_order *o, const struct go_cursor *c, const struct go_m *m) {
    return go_broken(o, c, "uninitialized proc %lld found during %s", (long long)m->p,
                     go_event_name(o, c->type));
}

int go_bad_sequence(struct go_order *o, const struct go_cursor *c, const struct go_p *p) {
    return go_broken(o, c, "failed to advance %s: can't make sequence: %llu (gen=%llu) -> %llu",
                     go_event_name(o, c->type), (unsigned long long)p->seq,
                     (unsigned long long)p->seq_gen, (unsigned long long)c->args[0]);
}

int go_not_in_syscall(struct go_order *o, const struct go_cursor *c, const struct go_p *p) {
    return go_broken(o, c, "expected proc %lld in state Syscall, but got %s instead",
                     (long long)p->id, p_status_name(p->status));
}

static const uint8_t go_state_of[G_STATUSES] = {GO_UNDETERMINED, GO_RUNNABLE, GO_RUNNING,
                                                GO_SYSCALL, GO_WAITING};
static const uint8_t proc_state_of[P_STATUSES] = {PROC_UNDETERMINED, PROC_RUNNING, PROC_IDLE,
                                                  PROC_RUNNING, PROC_IDLE};

static struct ev *put_proc(struct go_order *o, const struct go_cursor *c, const struct go_m *m,
                           uint64_t id, unsigned from, unsigned to) {
    struct ev *ev = put_in(o, c, m, EV_PROC_TRANSITION);
    ev->id = id;
    ev->from = (uint8_t)from;
    ev->to = (uint8_t)to;
    return ev;
}

/* ---- processors ---- */

/* A status "abandoned in a syscall" of a P that we know to be in one comes from another M: the
 * event belongs to the context of the M that holds the P. */
static int put_abandoned_status(struct go_order *o, struct go_cursor *c, uint64_t id) {
    for (uint32_t i = 1; i < o->n_ms; i++) {
        if (o->ms[i].p != (int64_t)id) continue;
        put_proc(o, c, &o->ms[i], id, PROC_RUNNING, PROC_RUNNING);
        return DONE;
    }
    return go_broken(o, c, "failed to find sched context for proc %lld that's about to be stolen",
                     (long long)id);
}

int go_rule_proc_status(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    uint64_t id = c->args[0];
    uint8_t status = (uint8_t)c->args[1];
    if (status >= P_STATUSES)
        return go_broken(o, c, "invalid status for proc %lld: %u", (long long)id, status);
    struct go_p *p = find_p(o, id);
    uint8_t from = proc_state_of[status];
    if (!p) {
        p = go_add_p(o, id, status);
        if (!p) return go_no_memory(o);
        from = o->gen_number == o->initial_gen ? PROC_UNDETERMINED : PROC_NOTEXIST;
    } else if (status == P_ABANDONED && p->status == P_SYSCALL) {
        p->seq = 0;
        p->seq_gen = o->gen_number;
        return put_abandoned_status(o, c, id);
    } else if (p->status != status) {
        return go_broken(o, c, "inconsistent status for proc %lld: old %s vs. new %s",
                         (long long)id, p_status_name(p->status), p_status_name(status));
    }
    p->seq = 0;
    p->seq_gen = o->gen_number;
    put_proc(o, c, m, id, from, proc_state_of[status]);
    if (status == P_RUNNING || status == P_SYSCALL) {
        m->p = (int64_t)id;
        m->pi = (uint32_t)(p - o->ps);
    }
    return DONE;
}

int go_rule_proc_start(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    struct go_p *p = find_p(o, c->args[0]);
    if (!p || p->status != P_IDLE || !p_succeeds(o, p, c->args[1]) || m->p != NO_ID) return WAIT;
    TRY(require(o, c, m, MUST_NOT, MAY));
    p->status = P_RUNNING;
    p->seq = c->args[1];
    put_proc(o, c, m, c->args[0], PROC_IDLE, PROC_RUNNING);
    m->p = p->id;
    m->pi = (uint32_t)(p - o->ps);
    return DONE;
}

int go_rule_proc_stop(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    struct go_p *p = current_p(o, m);
    if (!p)
        return go_broken(o, c, "event %s for proc (%lld) that doesn't exist",
                         go_event_name(o, c->type), (long long)m->p);
    if (p->status != P_RUNNING && p->status != P_SYSCALL)
        return go_broken(o, c, "%s event for proc that's not Running or Syscall",
                         go_event_name(o, c->type));
    TRY(require(o, c, m, MUST, MAY));
    p->status = P_IDLE;
    put_proc(o, c, m, (uint64_t)m->p, PROC_RUNNING, PROC_IDLE);
    m->p = NO_ID;
    return DONE;
}

int go_rule_proc_steal(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    struct go_p *p = find_p(o, c->args[0]);
    if (!p || (p->status != P_SYSCALL && p->status != P_ABANDONED) || !p_succeeds(o, p, c->args[1]))
        return WAIT;
    TRY(require(o, c, m, MAY, MAY));
    bool abandoned = p->status == P_ABANDONED;
    p->status = P_IDLE;
    p->seq = c->args[1];
    put_proc(o, c, m, c->args[0], abandoned ? PROC_IDLE : PROC_RUNNING, PROC_IDLE);
    if (abandoned) return DONE; /* the M that had it may long be elsewhere */
    uint64_t from = c->args[2];
    if (from == m->id) {
        if (m->p != p->id)
            return go_broken(o, c,
                             "tried to self-steal proc %lld (thread %lld), but got proc %lld "
                             "instead",
                             (long long)p->id, (long long)from, (long long)m->p);
        m->p = NO_ID;
        return DONE;
    }
    uint32_t i = idmap_get(&o->m_map, from);
    if (!i) return go_broken(o, c, "stole proc from non-existent thread %lld", (long long)from);
    if (o->ms[i].p != p->id)
        return go_broken(o, c,
                         "tried to steal proc %lld from thread %lld, but got proc %lld instead",
                         (long long)p->id, (long long)from, (long long)o->ms[i].p);
    o->ms[i].p = NO_ID;
    return DONE;
}

/* ---- goroutines ---- */

/* A goroutine in a syscall on thread id, which is not the event's own: the event is put in that
 * thread's context. */
static int status_on_thread(struct go_order *o, struct go_cursor *c, const struct go_m *m,
                            struct go_g *g, struct go_m *context) {
    uint64_t id = c->args[1];
    uint32_t i = idmap_get(&o->m_map, id);
    *context = *m;
    context->id = id;
    if (!i) return go_add_m(o, id, g->id) ? DONE : go_no_memory(o); /* it sat there all the time */
    if (o->ms[i].g != g->id)
        return go_broken(o, c,
                         "inconsistent thread for syscalling goroutine %lld: thread has goroutine "
                         "%lld",
                         (long long)g->id, (long long)o->ms[i].g);
    context->g = g->id;
    return DONE;
}

static int syscall_status(struct go_order *o, struct go_cursor *c, struct go_m *m, struct go_g *g,
                          struct go_m *context) {
    if (c->args[1] == GO_NO_THREAD)
        return go_broken(o, c, "found goroutine %lld in syscall without a thread",
                         (long long)g->id);
    if (c->args[1] != m->id) return status_on_thread(o, c, m, g, context);
    if (o->gen_number != o->initial_gen && m->g != g->id)
        return go_broken(o, c,
                         "inconsistent thread for syscalling goroutine %lld: thread has goroutine "
                         "%lld",
                         (long long)g->id, (long long)m->g);
    *context = *m;
    m->g = g->id;
    return DONE;
}

int go_rule_g_status(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    uint64_t id = c->args[0];
    uint8_t status = (uint8_t)c->args[2];
    if (status >= G_STATUSES)
        return go_broken(o, c, "invalid status for goroutine %lld: %u", (long long)id, status);
    uint8_t from = go_state_of[status];
    struct go_g *g = find_g(o, id);
    if (g) {
        if (g->status != status)
            return go_broken(o, c, "inconsistent status for goroutine %lld: old %s vs. new %s",
                             (long long)id, g_status_name(g->status), g_status_name(status));
        g->seq = 0;
        g->seq_gen = o->gen_number;
    } else {
        if (o->gen_number != o->initial_gen)
            return go_broken(o, c,
                             "found goroutine status for new goroutine after the first "
                             "generation: id=%lld status=%s",
                             (long long)id, g_status_name(status));
        from = GO_UNDETERMINED;
        g = go_add_g(o, id, status);
        if (!g) return go_no_memory(o);
    }
    struct go_m context = *m;
    if (status == G_RUNNING) m->g = (int64_t)id;
    if (status == G_SYSCALL) TRY(syscall_status(o, c, m, g, &context));
    uint32_t stack = c->type == GOEV_GO_STATUS_STACK ? stack_id(o, c, c->args[3]) : 0;
    put_go(o, c, &context, id, from, go_state_of[status], stack, stack, 0);
    return DONE;
}

int go_rule_g_create(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    TRY(require(o, c, m, MUST, MAY));
    const struct go_g *creator = current_g(o, m);
    if (creator && creator->status != G_RUNNING) return go_not_in_state(o, c, "Running");
    if (find_g(o, c->args[0]))
        return go_broken(o, c, "tried to create goroutine (%lld) that already exists",
                         (long long)c->args[0]);
    bool blocked = c->type == GOEV_GO_CREATE_BLOCKED;
    if (!go_add_g(o, c->args[0], blocked ? G_WAITING : G_RUNNABLE)) return go_no_memory(o);
    uint32_t stack = stack_id(o, c, c->args[2]), new_stack = stack_id(o, c, c->args[1]);
    put_go(o, c, m, c->args[0], GO_NOTEXIST, blocked ? GO_WAITING : GO_RUNNABLE, stack, new_stack,
           0);
    return DONE;
}

/* A coroutine switch is three events: the other is unblocked, this one blocks or ends, the other
 * starts. */
int go_rule_g_switch(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    int rc;
    struct go_g *g = running_g(o, c, m, &rc);
    if (!g) return rc;
    struct go_g *next = find_g(o, c->args[0]);
    if (!next || next->status != G_WAITING || !g_succeeds(o, next, c->args[1])) return WAIT;
    put_go(o, c, m, c->args[0], GO_WAITING, GO_RUNNABLE, 0, 0, 0);
    bool ends = c->type == GOEV_GO_SWITCH_DESTROY;
    put_go(o, c, m, (uint64_t)g->id, GO_RUNNING, ends ? GO_NOTEXIST : GO_WAITING, 0, 0, 0);
    if (ends)
        go_remove_g(o, g);
    else
        g->status = G_WAITING;
    next->status = G_RUNNING;
    next->seq = c->args[1];
    m->g = NO_ID;
    put_go(o, c, m, c->args[0], GO_RUNNABLE, GO_RUNNING, 0, 0, 0);
    m->g = next->id;
    m->gi = (uint32_t)(next - o->gs);
    return DONE;
}

/* ---- system calls ---- */

/* Waits for the loss of the P that the event tells of. */
int go_rule_syscall_end_blocked(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    if (m->p != NO_ID) {
        const struct go_p *p = current_p(o, m);
        if (!p) return go_unknown_proc(o, c, m);
        if (p->status == P_SYSCALL) return WAIT;
    }
    TRY(require(o, c, m, MAY, MUST));
    struct go_g *g = current_g(o, m);
    if (!g) return go_no_goroutine(o, c, m);
    if (g->status != G_SYSCALL) return go_not_in_state(o, c, "Running");
    g->status = G_RUNNABLE;
    put_go(o, c, m, (uint64_t)g->id, GO_SYSCALL, GO_RUNNABLE, 0, 0, 0);
    m->g = NO_ID;
    return DONE;
}

/* A C thread calls into Go: its goroutine appears in a syscall. */
int go_rule_create_syscall(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    TRY(require(o, c, m, MAY, MUST_NOT));
    if (find_g(o, c->args[0]))
        return go_broken(o, c, "tried to create goroutine (%lld) in syscall that already exists",
                         (long long)c->args[0]);
    struct go_g *g = go_add_g(o, c->args[0], G_SYSCALL);
    if (!g) return go_no_memory(o);
    put_go(o, c, m, c->args[0], GO_NOTEXIST, GO_SYSCALL, 0, 0, 0);
    m->g = g->id;
    m->gi = (uint32_t)(g - o->gs);
    return DONE;
}

/* ... and disappears.  A P that it still had is as good as lost: the thread's id may be used
 * again, so the P is taken away here, with an event of its own. */
int go_rule_destroy_syscall(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    TRY(require(o, c, m, MAY, MUST));
    struct go_g *g = current_g(o, m);
    if (!g) return go_no_goroutine(o, c, m);
    if (g->status != G_SYSCALL) return go_not_in_state(o, c, "Syscall");
    struct go_m before = *m;
    if (m->p != NO_ID) {
        struct go_p *p = current_p(o, m);
        if (!p)
            return go_broken(o, c, "found invalid proc %lld during %s", (long long)m->p,
                             go_event_name(o, c->type));
        if (p->status != P_SYSCALL)
            return go_broken(o, c, "proc %lld in unexpected state %s during %s", (long long)m->p,
                             p_status_name(p->status), go_event_name(o, c->type));
        p->status = P_ABANDONED;
        put_proc(o, c, &before, (uint64_t)m->p, PROC_RUNNING, PROC_IDLE);
        m->p = NO_ID;
    }
    put_go(o, c, &before, (uint64_t)g->id, GO_SYSCALL, GO_NOTEXIST, 0, 0, 0);
    go_remove_g(o, g);
    m->g = NO_ID;
    return DONE;
}
