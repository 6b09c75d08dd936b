/* storage/src/go_order.c - may this event come now?  What does it change?  What is given out?
 *
 * Invariants  1. A rule that answers WAIT has changed nothing (but that the M is now known).
 *             2. An event's context is the M's goroutine and processor before it.
 *             3. The sequence number of a G or P counts within a generation; every generation sets
 *                it to 0 with a status event.
 *             4. gi and pi of an M are guesses that are checked: a goroutine may end elsewhere.
 * Not here    ranges, tasks, regions, metrics (go_ranges.c); whose turn it is (go_merge.c).
 * Source      go1.26 src/internal/trace/order.go, event.go */
#include "storage/src/go_order_impl.h"

#include <stdarg.h>
#include <stdio.h>

#define COLD __attribute__((cold, noinline)) /* keeps the common ways through the rules short */

/* ---- faults ---- */

const char *go_event_name(struct go_order *o, unsigned type) {
    const struct go_event_spec *spec = &go_event_specs[type];
    if (spec->name && spec->since <= o->version) return spec->name;
    snprintf(o->event_name, sizeof o->event_name, "Invalid(%u)", type);
    return o->event_name;
}

int go_broken(struct go_order *o, const struct go_cursor *c, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fault_set(o->fault, PV_ECORRUPT, go_gen_offset(o->gen, c->at), "%s", text);
}

void go_bad_id(struct go_order *o, struct go_cursor *c, const char *what, uint64_t id) {
    if (o->id_fault.code || o->tables->lenient) return;
    c->time_ns = 0; /* keeps go_merge.c from its fast way, so that it sees the fault */
    fault_set(&o->id_fault, PV_ECORRUPT, go_gen_offset(o->gen, c->at),
              "found invalid %s ID %llu for event %s", what, (unsigned long long)id,
              go_event_specs[c->type].name);
}

int go_context_fault(struct go_order *o, const struct go_cursor *c, const struct go_m *m,
                     enum need p, enum need g) {
    const char *text;
    if (m->id == GO_NO_THREAD)
        text = "expected a thread but didn't have one";
    else if (p == MUST && m->p == NO_ID)
        text = "expected a proc but didn't have one";
    else if (p == MUST_NOT && m->p != NO_ID)
        text = "expected no proc but had one";
    else if (g == MUST && m->g == NO_ID)
        text = "expected a goroutine but didn't have one";
    else
        text = "expected no goroutine but had one";
    return go_broken(o, c, "%s (event %s)", text, go_event_name(o, c->type));
}

COLD static int no_goroutine(struct go_order *o, const struct go_cursor *c, const struct go_m *m) {
    return go_broken(o, c, "event %s for goroutine (%lld) that doesn't exist",
                     go_event_name(o, c->type), (long long)m->g);
}

COLD static int not_in_state(struct go_order *o, const struct go_cursor *c, const char *state) {
    return go_broken(o, c, "%s event for goroutine that's not %s", go_event_name(o, c->type),
                     state);
}

COLD static int unknown_proc(struct go_order *o, const struct go_cursor *c, const struct go_m *m) {
    return go_broken(o, c, "uninitialized proc %lld found during %s", (long long)m->p,
                     go_event_name(o, c->type));
}

COLD static int no_memory(struct go_order *o) {
    return fault_set(o->fault, PV_ENOMEM, -1, "out of memory for the state of the scheduler");
}

static const char *g_status_name(unsigned status) {
    static const char *const names[] = {"Bad", "Runnable", "Running", "Syscall", "Waiting"};
    return names[status < G_STATUSES ? status : 0];
}

static const char *p_status_name(unsigned status) {
    static const char *const names[] = {"Bad", "Running", "Idle", "Syscall"};
    return names[status <= P_SYSCALL ? status : 0];
}

static const uint8_t go_state_of[G_STATUSES] = {GO_UNDETERMINED, GO_RUNNABLE, GO_RUNNING,
                                                GO_SYSCALL, GO_WAITING};
static const uint8_t proc_state_of[P_STATUSES] = {PROC_UNDETERMINED, PROC_RUNNING, PROC_IDLE,
                                                  PROC_RUNNING, PROC_IDLE};

/* ---- states ---- */

/* Room for one more of n things of a size each; index 0 stays unused. */
static void *grow(void *things, uint32_t n, uint32_t *cap, size_t size) {
    if (n < *cap) return things;
    uint32_t want = *cap ? *cap * 2 : 64;
    if (want <= *cap) return NULL;
    void *grown = realloc(things, want * size);
    if (!grown) return NULL;
    memset((char *)grown + *cap * size, 0, (want - *cap) * size);
    *cap = want;
    return grown;
}

static struct go_g *add_g(struct go_order *o, uint64_t id, uint8_t status) {
    uint32_t i = o->free_g;
    if (i) {
        o->free_g = o->gs[i].next_free;
    } else {
        struct go_g *gs = grow(o->gs, o->n_gs, &o->cap_gs, sizeof *gs);
        if (!gs) return NULL;
        o->gs = gs;
        i = o->n_gs++;
    }
    if (idmap_put(&o->g_map, id, i) < 0) return NULL;
    o->gs[i] =
        (struct go_g){.id = (int64_t)id, .status = status, .live = true, .seq_gen = o->gen_number};
    return &o->gs[i];
}

static void remove_g(struct go_order *o, struct go_g *g) {
    idmap_remove(&o->g_map, (uint64_t)g->id);
    go_extra_free(g->extra);
    *g = (struct go_g){.next_free = o->free_g};
    o->free_g = (uint32_t)(g - o->gs);
}

static struct go_p *add_p(struct go_order *o, uint64_t id, uint8_t status) {
    struct go_p *ps = grow(o->ps, o->n_ps, &o->cap_ps, sizeof *ps);
    if (!ps) return NULL;
    o->ps = ps;
    if (idmap_put(&o->p_map, id, o->n_ps) < 0) return NULL;
    ps[o->n_ps] = (struct go_p){.id = (int64_t)id, .status = status, .seq_gen = o->gen_number};
    return &ps[o->n_ps++];
}

static uint32_t add_m(struct go_order *o, uint64_t id, int64_t g) {
    struct go_m *ms = grow(o->ms, o->n_ms, &o->cap_ms, sizeof *ms);
    if (!ms) return 0;
    o->ms = ms;
    if (idmap_put(&o->m_map, id, o->n_ms) < 0) return 0;
    ms[o->n_ms] = (struct go_m){.id = id, .g = g, .p = NO_ID};
    return o->n_ms++;
}

struct go_g *go_find_current_g(struct go_order *o, struct go_m *m) {
    m->gi = idmap_get(&o->g_map, (uint64_t)m->g);
    return m->gi ? &o->gs[m->gi] : NULL;
}

static bool g_succeeds(const struct go_order *o, const struct go_g *g, uint64_t seq) {
    return g->seq_gen == o->gen_number && seq == g->seq + 1;
}

static bool p_succeeds(const struct go_order *o, const struct go_p *p, uint64_t seq) {
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

static int proc_status(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    uint64_t id = c->args[0];
    uint8_t status = (uint8_t)c->args[1];
    if (status >= P_STATUSES)
        return go_broken(o, c, "invalid status for proc %lld: %u", (long long)id, status);
    struct go_p *p = find_p(o, id);
    uint8_t from = proc_state_of[status];
    if (!p) {
        p = add_p(o, id, status);
        if (!p) return no_memory(o);
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

static int proc_start(struct go_order *o, struct go_cursor *c, struct go_m *m) {
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

static int proc_stop(struct go_order *o, struct go_cursor *c, struct go_m *m) {
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

static int proc_steal(struct go_order *o, struct go_cursor *c, struct go_m *m) {
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
    if (!i) return add_m(o, id, g->id) ? DONE : no_memory(o); /* it sat there all the time */
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

static int go_status(struct go_order *o, struct go_cursor *c, struct go_m *m) {
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
        g = add_g(o, id, status);
        if (!g) return no_memory(o);
    }
    struct go_m context = *m;
    if (status == G_RUNNING) m->g = (int64_t)id;
    if (status == G_SYSCALL) TRY(syscall_status(o, c, m, g, &context));
    uint32_t stack = c->type == GOEV_GO_STATUS_STACK ? stack_id(o, c, c->args[3]) : 0;
    put_go(o, c, &context, id, from, go_state_of[status], stack, stack, 0);
    return DONE;
}

static int go_create(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    TRY(require(o, c, m, MUST, MAY));
    const struct go_g *creator = current_g(o, m);
    if (creator && creator->status != G_RUNNING) return not_in_state(o, c, "Running");
    if (find_g(o, c->args[0]))
        return go_broken(o, c, "tried to create goroutine (%lld) that already exists",
                         (long long)c->args[0]);
    bool blocked = c->type == GOEV_GO_CREATE_BLOCKED;
    if (!add_g(o, c->args[0], blocked ? G_WAITING : G_RUNNABLE)) return no_memory(o);
    uint32_t stack = stack_id(o, c, c->args[2]), new_stack = stack_id(o, c, c->args[1]);
    put_go(o, c, m, c->args[0], GO_NOTEXIST, blocked ? GO_WAITING : GO_RUNNABLE, stack, new_stack,
           0);
    return DONE;
}

/* The M's goroutine, which must be running.  NULL: fault in *rc. */
static struct go_g *running_g(struct go_order *o, struct go_cursor *c, struct go_m *m, int *rc) {
    *rc = require(o, c, m, MUST, MUST);
    if (*rc < 0) return NULL;
    struct go_g *g = current_g(o, m);
    if (LIKELY(g && g->status == G_RUNNING)) return g;
    *rc = g ? not_in_state(o, c, "Running") : no_goroutine(o, c, m);
    return NULL;
}

static int go_stop(struct go_order *o, struct go_cursor *c, struct go_m *m) {
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

static int go_destroy(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    int rc;
    struct go_g *g = running_g(o, c, m, &rc);
    if (!g) return rc;
    put_go(o, c, m, (uint64_t)g->id, GO_RUNNING, GO_NOTEXIST, 0, 0, 0);
    remove_g(o, g);
    m->g = NO_ID;
    return DONE;
}

static int go_start(struct go_order *o, struct go_cursor *c, struct go_m *m) {
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

static int go_unblock(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    struct go_g *g = &o->gs[idmap_get(&o->g_map, c->args[0])];
    if (g->status != G_WAITING || !g_succeeds(o, g, c->args[1])) return WAIT;
    g->status = G_RUNNABLE;
    g->seq = c->args[1];
    put_go(o, c, m, c->args[0], GO_WAITING, GO_RUNNABLE, stack_id(o, c, c->args[2]), 0, 0);
    return DONE;
}

/* A coroutine switch is three events: the other is unblocked, this one blocks or ends, the other
 * starts. */
static int go_switch(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    int rc;
    struct go_g *g = running_g(o, c, m, &rc);
    if (!g) return rc;
    struct go_g *next = find_g(o, c->args[0]);
    if (!next || next->status != G_WAITING || !g_succeeds(o, next, c->args[1])) return WAIT;
    put_go(o, c, m, c->args[0], GO_WAITING, GO_RUNNABLE, 0, 0, 0);
    bool ends = c->type == GOEV_GO_SWITCH_DESTROY;
    put_go(o, c, m, (uint64_t)g->id, GO_RUNNING, ends ? GO_NOTEXIST : GO_WAITING, 0, 0, 0);
    if (ends)
        remove_g(o, g);
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

static int syscall_begin(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    int rc;
    struct go_g *g = running_g(o, c, m, &rc);
    if (!g) return rc;
    struct go_p *p = current_p(o, m);
    if (!p) return unknown_proc(o, c, m);
    if (!p_succeeds(o, p, c->args[0]))
        return go_broken(o, c, "failed to advance %s: can't make sequence: %llu (gen=%llu) -> %llu",
                         go_event_name(o, c->type), (unsigned long long)p->seq,
                         (unsigned long long)p->seq_gen, (unsigned long long)c->args[0]);
    g->status = G_SYSCALL;
    p->status = P_SYSCALL;
    p->seq = c->args[0];
    uint32_t stack = stack_id(o, c, c->args[1]);
    put_go(o, c, m, (uint64_t)g->id, GO_RUNNING, GO_SYSCALL, stack, stack, 0);
    return DONE;
}

static int syscall_end(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    TRY(require(o, c, m, MUST, MUST));
    struct go_g *g = current_g(o, m);
    if (!g) return no_goroutine(o, c, m);
    if (g->status != G_SYSCALL) return not_in_state(o, c, "Running");
    struct go_p *p = current_p(o, m);
    if (!p) return unknown_proc(o, c, m);
    if (p->status != P_SYSCALL)
        return go_broken(o, c, "expected proc %lld in state Syscall, but got %s instead",
                         (long long)m->p, p_status_name(p->status));
    g->status = G_RUNNING;
    p->status = P_RUNNING;
    put_go(o, c, m, (uint64_t)g->id, GO_SYSCALL, GO_RUNNING, 0, 0, 0);
    return DONE;
}

/* Waits for the loss of the P that the event tells of. */
static int syscall_end_blocked(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    if (m->p != NO_ID) {
        const struct go_p *p = current_p(o, m);
        if (!p) return unknown_proc(o, c, m);
        if (p->status == P_SYSCALL) return WAIT;
    }
    TRY(require(o, c, m, MAY, MUST));
    struct go_g *g = current_g(o, m);
    if (!g) return no_goroutine(o, c, m);
    if (g->status != G_SYSCALL) return not_in_state(o, c, "Running");
    g->status = G_RUNNABLE;
    put_go(o, c, m, (uint64_t)g->id, GO_SYSCALL, GO_RUNNABLE, 0, 0, 0);
    m->g = NO_ID;
    return DONE;
}

/* A C thread calls into Go: its goroutine appears in a syscall. */
static int create_syscall(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    TRY(require(o, c, m, MAY, MUST_NOT));
    if (find_g(o, c->args[0]))
        return go_broken(o, c, "tried to create goroutine (%lld) in syscall that already exists",
                         (long long)c->args[0]);
    struct go_g *g = add_g(o, c->args[0], G_SYSCALL);
    if (!g) return no_memory(o);
    put_go(o, c, m, c->args[0], GO_NOTEXIST, GO_SYSCALL, 0, 0, 0);
    m->g = g->id;
    m->gi = (uint32_t)(g - o->gs);
    return DONE;
}

/* ... and disappears.  A P that it still had is as good as lost: the thread's id may be used
 * again, so the P is taken away here, with an event of its own. */
static int destroy_syscall(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    TRY(require(o, c, m, MAY, MUST));
    struct go_g *g = current_g(o, m);
    if (!g) return no_goroutine(o, c, m);
    if (g->status != G_SYSCALL) return not_in_state(o, c, "Syscall");
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
    remove_g(o, g);
    m->g = NO_ID;
    return DONE;
}

/* ---- the whole ---- */

static int bad_event(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    (void)m;
    return go_broken(o, c, "bad event type found while ordering: %u", c->type);
}

go_rule *const go_rules[GOEV_LIMIT] = {
    [GOEV_CLOCK_SNAPSHOT] = bad_event,
    [GOEV_PROC_START] = proc_start,
    [GOEV_PROC_STOP] = proc_stop,
    [GOEV_PROC_STEAL] = proc_steal,
    [GOEV_PROC_STATUS] = proc_status,
    [GOEV_GO_CREATE] = go_create,
    [GOEV_GO_CREATE_BLOCKED] = go_create,
    [GOEV_GO_CREATE_SYSCALL] = create_syscall,
    [GOEV_GO_START] = go_start,
    [GOEV_GO_DESTROY] = go_destroy,
    [GOEV_GO_DESTROY_SYSCALL] = destroy_syscall,
    [GOEV_GO_STOP] = go_stop,
    [GOEV_GO_BLOCK] = go_stop,
    [GOEV_GO_UNBLOCK] = go_unblock,
    [GOEV_GO_SYSCALL_BEGIN] = syscall_begin,
    [GOEV_GO_SYSCALL_END] = syscall_end,
    [GOEV_GO_SYSCALL_END_BLOCKED] = syscall_end_blocked,
    [GOEV_GO_STATUS] = go_status,
    [GOEV_GO_STATUS_STACK] = go_status,
    [GOEV_GO_SWITCH] = go_switch,
    [GOEV_GO_SWITCH_DESTROY] = go_switch,
    [GOEV_STW_BEGIN] = go_rule_g_range_begin,
    [GOEV_STW_END] = go_rule_g_range_end,
    [GOEV_GC_MARK_ASSIST_BEGIN] = go_rule_g_range_begin,
    [GOEV_GC_MARK_ASSIST_END] = go_rule_g_range_end,
    [GOEV_GC_MARK_ASSIST_ACTIVE] = go_rule_g_range_active,
    [GOEV_GC_ACTIVE] = go_rule_gc_active,
    [GOEV_GC_BEGIN] = go_rule_gc_begin,
    [GOEV_GC_END] = go_rule_gc_end,
    [GOEV_GC_SWEEP_ACTIVE] = go_rule_sweep,
    [GOEV_GC_SWEEP_BEGIN] = go_rule_sweep,
    [GOEV_GC_SWEEP_END] = go_rule_sweep,
    [GOEV_PROCS_CHANGE] = go_rule_metric,
    [GOEV_HEAP_ALLOC] = go_rule_metric,
    [GOEV_HEAP_GOAL] = go_rule_metric,
    [GOEV_GO_LABEL] = go_rule_label,
    [GOEV_USER_TASK_BEGIN] = go_rule_task_begin,
    [GOEV_USER_TASK_END] = go_rule_task_end,
    [GOEV_USER_REGION_BEGIN] = go_rule_region_begin,
    [GOEV_USER_REGION_END] = go_rule_region_end,
    [GOEV_USER_LOG] = go_rule_log,
    [GOEV_SPAN] = go_rule_alloc_free,
    [GOEV_SPAN_ALLOC] = go_rule_alloc_free,
    [GOEV_SPAN_FREE] = go_rule_alloc_free,
    [GOEV_HEAP_OBJECT] = go_rule_alloc_free,
    [GOEV_HEAP_OBJECT_ALLOC] = go_rule_alloc_free,
    [GOEV_HEAP_OBJECT_FREE] = go_rule_alloc_free,
    [GOEV_GOROUTINE_STACK] = go_rule_alloc_free,
    [GOEV_GOROUTINE_STACK_ALLOC] = go_rule_alloc_free,
    [GOEV_GOROUTINE_STACK_FREE] = go_rule_alloc_free,
};

int go_order_advance_first(struct go_order *o, struct go_cursor *c) {
    go_rule *rule = go_rules[c->type];
    if (o->initial_gen == 0) o->initial_gen = o->gen_number;
    if (c->m == GO_NO_THREAD) {
        struct go_m nobody = {.id = GO_NO_THREAD, .g = NO_ID, .p = NO_ID};
        return rule(o, c, &nobody);
    }
    c->thread = idmap_get(&o->m_map, c->m);
    if (!c->thread) c->thread = add_m(o, c->m, NO_ID);
    if (!c->thread) return no_memory(o);
    return rule(o, c, &o->ms[c->thread]);
}

void go_order_sync(struct go_order *o, int64_t time_ns, uint32_t n, bool with_tables) {
    struct ev *ev = put(o, time_ns, NO_ID, NO_ID, GO_NO_THREAD, EV_SYNC);
    const struct go_tables *t = o->tables;
    bool snapshot = with_tables && t->has_snapshot;
    put_arg(o, ev, n);
    put_arg(o, ev, snapshot);
    put_arg(o, ev, snapshot ? (uint64_t)go_ticks_to_ns(t, t->snapshot_time) : 0);
    put_arg(o, ev, snapshot ? t->snapshot_mono : 0);
    put_arg(o, ev, snapshot ? t->snapshot_wall_ns : 0);
    put_arg(o, ev, with_tables ? t->n_alloc_batches : 0);
    put_arg(o, ev, with_tables ? t->alloc_bytes : 0);
}

int go_order_sample(struct go_order *o, const struct go_sample *s, int64_t time_ns) {
    uint32_t stack = 0;
    bool known = s->stack == 0 || go_ids_get(&o->tables->stacks, s->stack, &stack);
    if (!known && o->tables->lenient) stack = 0;
    if (!known && !o->tables->lenient)
        return fault_set(o->fault, PV_ECORRUPT, (int64_t)(o->gen->offset + s->at),
                         "found invalid stack ID %llu for event CPUSample",
                         (unsigned long long)s->stack);
    put(o, time_ns, s->g, s->p, (uint64_t)s->m, EV_STACK_SAMPLE)->stack = stack;
    return 0;
}

int go_order_init(struct go_order *o, int version, struct dict *d, struct fault *f) {
    static const struct {
        const char *name;
        size_t field;
    } names[] = {
        {"/sched/gomaxprocs:threads", offsetof(struct go_order, name_procs)},
        {"/memory/classes/heap/objects:bytes", offsetof(struct go_order, name_heap)},
        {"/gc/heap/goal:bytes", offsetof(struct go_order, name_goal)},
        {"GC concurrent mark phase", offsetof(struct go_order, name_gc)},
        {"GC incremental sweep", offsetof(struct go_order, name_sweep)},
        {"GC mark assist", offsetof(struct go_order, name_assist)},
    };
    *o = (struct go_order){.version = version, .dict = d};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint32_t id = dict_add_string(d, names[i].name, strlen(names[i].name));
        if (id == UINT32_MAX) return fault_set(f, PV_ENOMEM, -1, "out of memory");
        memcpy((char *)o + names[i].field, &id, sizeof id);
    }
    o->gs = grow(NULL, 0, &o->cap_gs, sizeof *o->gs);
    o->ps = grow(NULL, 0, &o->cap_ps, sizeof *o->ps);
    o->ms = grow(NULL, 0, &o->cap_ms, sizeof *o->ms);
    o->tasks = grow(NULL, 0, &o->cap_tasks, sizeof *o->tasks);
    if (!o->gs || !o->ps || !o->ms || !o->tasks)
        return fault_set(f, PV_ENOMEM, -1, "out of memory");
    go_order_reset(o);
    return 0;
}

void go_order_reset(struct go_order *o) {
    for (uint32_t i = 1; i < o->n_gs; i++) go_extra_free(o->gs[i].extra);
    idmap_clear(&o->g_map);
    idmap_clear(&o->p_map);
    idmap_clear(&o->m_map);
    idmap_clear(&o->task_map);
    memset(o->gs, 0, o->cap_gs * sizeof *o->gs);
    o->n_gs = o->n_ps = o->n_ms = o->n_tasks = 1;
    o->free_g = o->free_task = 0;
    o->initial_gen = o->gc_seq = 0;
    o->gc_state = GC_UNDETERMINED;
}

void go_order_free(struct go_order *o) {
    for (uint32_t i = 1; i < o->n_gs; i++) go_extra_free(o->gs[i].extra);
    idmap_free(&o->g_map);
    idmap_free(&o->p_map);
    idmap_free(&o->m_map);
    idmap_free(&o->task_map);
    free(o->gs);
    free(o->ps);
    free(o->ms);
    free(o->tasks);
    *o = (struct go_order){0};
}
