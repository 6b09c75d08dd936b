/* tracer/runtime/src/sched.c - a goroutine's life: made, run, parked, woken, gone.
 *
 * Whoever leaves a processor's thread picks its successor itself and switches to it directly, stack
 * to stack; only where there is none at hand (or on every FAIR-th switch, or when asked to look
 * around) it goes over the thread's own stack, where find.c searches on.  What has to happen to the
 * one that left (a lock released, a place in a queue) happens on the next stack: pv__after_switch.
 *
 * Invariants  1. a g is in at most one queue, and not in one while its stack is in use.
 *             2. a change of state is recorded before anyone else can act on it. */
#include <errno.h>
#include <string.h>

#include "tracer/runtime/src/rt.h"

enum { FAIR = 61, GOID_BATCH = 64 };

_Thread_local struct m *pv__this_m;
struct sched pv__sched;

#if !(defined(__x86_64__) && defined(__linux__))
__attribute__((noinline)) struct m *pv__m_self(void) {
    __asm__ volatile("");
    return pv__this_m;
}
#endif

static inline void set_status(struct g *g, enum g_status status) {
    atomic_store_explicit(&g->status, status, memory_order_relaxed);
}

/* ---- switching ---- */

void pv__after_switch(struct m *m) {
    enum after after = m->after;
    if (after == AFTER_NOTHING) return;
    m->after = AFTER_NOTHING;
    if (after == AFTER_UNLOCK)
        pv__unlock(m->after_lock);
    else if (after == AFTER_YIELD)
        pv__runq_put(m_p(m), m->after_g);
    else if (after == AFTER_DEAD)
        pv__g_free(m_p(m), m->after_g);
    else
        m->after_call(m->after_g, m->after_arg);
}

static inline void start(struct m *m, struct p *p, struct g *g, uint32_t tick) {
    m_set_g(m, g);
    atomic_store_explicit(&g->m, m, memory_order_relaxed);
    set_status(g, G_RUNNING);
    atomic_store_explicit(&p->tick, tick, memory_order_relaxed);
    if (atomic_load_explicit(&p->preempt, memory_order_relaxed))
        atomic_store_explicit(&p->preempt, 0, memory_order_relaxed);
}

/* Who runs next, if that is at hand; now and then nobody, so that the loop looks around. */
static inline struct g *at_hand(struct p *p, uint32_t tick) {
    if (__builtin_expect(
            tick % FAIR == 0 || atomic_load_explicit(&p->attention, memory_order_relaxed), 0))
        return NULL;
    return pv__runq_get(p);
}

static inline uint32_t next_tick(struct p *p) {
    return atomic_load_explicit(&p->tick, memory_order_relaxed) + 1;
}

/* Away from g, whose state and m->after are set and recorded, to next or (NULL) to the thread's own
 * stack. */
static inline void leave(struct m *m, struct g *g, struct g *next, uint32_t tick, bool dying) {
    if (__builtin_expect(next != NULL, 1)) {
        start(m, m_p(m), next, tick);
        fiber_switch(&g->fiber, &next->fiber, dying);
    } else {
        m_set_g(m, NULL);
        fiber_switch(&g->fiber, &m->g0, dying);
    }
    pv__after_switch(m_self()); /* by now perhaps another thread */
}

void pv__schedule(struct m *m) {
    for (;;) {
        struct g *g = m->resume;
        m->resume = NULL;
        if (!g) {
            g = pv__find_runnable(m);
            if (!g) return;
            start(m, m_p(m), g, next_tick(m_p(m)));
            trace_go_start(m, g);
        }
        fiber_switch(&m->g0, &g->fiber, false);
        pv__after_switch(m);
    }
}

void pv__call_on_g0(struct g *g, void (*call)(struct g *g, void *arg), void *arg) {
    struct m *m = g_m(g);
    m->after = AFTER_CALL;
    m->after_g = g;
    m->after_call = call;
    m->after_arg = arg;
    fiber_switch(&g->fiber, &m->g0, false);
}

/* ---- waiting and waking ---- */

static inline void pv__park_as(struct m *m, struct g *g, enum pv_reason reason, const void *object,
                               uint64_t holder) {
    atomic_store_explicit(&g->reason, reason, memory_order_relaxed);
    set_status(g, G_WAITING);
    m->after_g = g;
    uint32_t tick = next_tick(m_p(m));
    struct g *next = at_hand(m_p(m), tick);
    trace_go_park(m, g, reason, object, holder, next);
    leave(m, g, next, tick, false);
}

void pv__park(struct g *g, enum pv_reason reason, const void *object, uint64_t holder,
              _Atomic uint32_t *lock) {
    struct m *m = g_m(g);
    m->after = AFTER_UNLOCK;
    m->after_lock = lock;
    pv__park_as(m, g, reason, object, holder);
}

void pv__park_call(struct g *g, enum pv_reason reason, const void *object,
                   void (*call)(struct g *g, void *arg), void *arg) {
    struct m *m = g_m(g);
    m->after = AFTER_CALL;
    m->after_call = call;
    m->after_arg = arg;
    pv__park_as(m, g, reason, object, 0);
}

void pv__ready(struct g *g) {
    struct m *m = m_self();
    trace_go_unpark(m, g);
    set_status(g, G_RUNNABLE);
    if (m && m_p(m)) {
        pv__runq_put_next(m_p(m), g);
    } else {
        struct g_list one = {0};
        g_list_push(&one, g);
        pv__lock(&pv__sched.lock);
        pv__global_put(&one);
        pv__unlock(&pv__sched.lock);
    }
    pv__wake_p();
}

void pv__ready_list(struct g_list *gs) {
    struct m *m = m_self();
    uint32_t n = gs->n;
    if (n == 0) return;
    for (struct g *g = gs->first; g; g = g->next) {
        trace_go_unpark(m, g);
        set_status(g, G_RUNNABLE);
    }
    if (m && m_p(m)) {
        for (struct g *g = gs->first, *next; g; g = next) {
            next = g->next;
            pv__runq_put(m_p(m), g);
        }
        *gs = (struct g_list){0};
        /* The queue's tail was a release store; the look at n_spinning must come after it. */
        atomic_fetch_add_explicit(&pv__sched.n_spinning, 0, memory_order_seq_cst);
    } else {
        pv__lock(&pv__sched.lock);
        pv__global_put(gs);
        pv__unlock(&pv__sched.lock);
    }
    pv__wake_p();
}

/* ---- new ones, and the end of them ---- */

static void ended(struct m *m, struct g *g) {
    uint32_t tick = next_tick(m_p(m));
    struct g *next = at_hand(m_p(m), tick);
    trace_go_exit(m, g, next);
    set_status(g, G_DEAD);
    atomic_fetch_sub_explicit(&pv__sched.n_g, 1, memory_order_relaxed);
    if (g == pv__sched.main_g) pv__stop(0);
    m->after = AFTER_DEAD;
    m->after_g = g;
    leave(m, g, next, tick, true);
    __builtin_unreachable();
}

static void pv__goroutine(void) {
    fiber_entered();
    struct m *m = m_self();
    pv__after_switch(m);
    struct g *g = m_g(m);
    g->fn(g->arg);
    ended(m_self(), g);
}

static uint64_t new_goid(struct p *p) {
    if (p->next_goid == p->end_goid) {
        p->next_goid =
            atomic_fetch_add_explicit(&pv__sched.next_goid, GOID_BATCH, memory_order_relaxed);
        p->end_goid = p->next_goid + GOID_BATCH;
    }
    return p->next_goid++;
}

struct g *pv__g_start(struct m *m, pv_fn *fn, void *arg) {
    struct p *p = m_p(m);
    struct g *g = pv__g_new(p);
    if (!g) return NULL;
    g->fn = fn;
    g->arg = arg;
    g->rec = (struct pv_g){.id = new_goid(p)};
    g->fiber.sp = pv__stack_prepare(g->fiber.lo, g->fiber.hi, pv__goroutine);
    set_status(g, G_RUNNABLE);
    atomic_fetch_add_explicit(&pv__sched.n_g, 1, memory_order_relaxed);
    trace_go_create(m, g);
    pv__runq_put_next(p, g);
    return g;
}

int pv_go(pv_fn *fn, void *arg) {
    struct m *m = m_self();
    if (!m || !m_g(m)) return -EPERM;
    if (!pv__g_start(m, fn, arg)) return -ENOMEM;
    pv__wake_p();
    return 0;
}

void pv_goexit(void) {
    struct m *m = m_self();
    ended(m, m_g(m));
    __builtin_unreachable();
}

/* ---- giving way ---- */

static void pv__give_way(struct m *m, struct g *g, bool asked) {
    struct p *p = m_p(m);
    uint32_t tick = next_tick(p);
    /* The global queue is where those wait who came back from system calls: they get their turn. */
    if (atomic_load_explicit(&pv__sched.n_global, memory_order_relaxed) > 0)
        atomic_store_explicit(&p->attention, 1, memory_order_relaxed);
    struct g *next = at_hand(p, tick);
    if (!next && tick % FAIR != 0 && !atomic_load_explicit(&p->attention, memory_order_relaxed))
        return; /* nobody else wants it */
    set_status(g, G_RUNNABLE);
    trace_go_stop(m, g, asked, next);
    m->after = AFTER_YIELD;
    m->after_g = g;
    leave(m, g, next, tick, false);
}

void pv_yield(void) {
    struct m *m = m_self();
    if (m && m_p(m) && m_g(m)) pv__give_way(m, m_g(m), false);
}

void pv_checkpoint(void) {
    struct m *m = m_self();
    if (!m || !m_p(m) || !m_g(m) || !atomic_load_explicit(&m_p(m)->preempt, memory_order_relaxed))
        return;
    atomic_store_explicit(&m_p(m)->preempt, 0, memory_order_relaxed);
    pv__give_way(m, m_g(m), true);
}

/* ---- asking ---- */

uint64_t pv_goid(void) {
    struct g *g = g_self();
    return g ? g->rec.id : 0;
}

struct pv_g *pv_g_self(void) {
    struct g *g = g_self();
    return g ? &g->rec : NULL;
}

int64_t pv_num_goroutine(void) {
    return atomic_load_explicit(&pv__sched.n_g, memory_order_relaxed);
}

int pv_num_proc(void) {
    return (int)pv__sched.n_p;
}
