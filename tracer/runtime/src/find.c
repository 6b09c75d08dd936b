/* tracer/runtime/src/find.c - a thread looks for something to run, and sleeps when there is
 * nothing.
 *
 * Invariants  1. who makes a goroutine runnable looks at n_spinning after it is in a queue; who
 *                stops spinning takes itself out of n_spinning before it looks at the queues once
 *                more.  Both are sequentially consistent, so one of the two sees the other: work
 *                is not left lying while a thread goes to sleep.
 *             2. a p on the idle list has empty queues (but perhaps timers).
 *             3. one thread at a time waits in the poller; last_poll_ns is 0 meanwhile.
 * Source      Go's runtime/proc.go, findRunnable, describes the same dance. */
#include "tracer/runtime/src/rt.h"

#include <errno.h>

/* How long a thread looks before it sleeps, and how long the goroutine in runnext is left to the
 * one that made it runnable, who usually is about to wait: taking it would only move it between
 * caches. */
enum { SPIN_NS = 8000, LEAVE_NEXT_NS = 3000 };

static uint32_t next_random(struct m *m) {
    uint32_t x = m->random; /* xorshift */
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return m->random = x;
}

uint32_t pv__random(struct m *m) {
    return next_random(m);
}

static struct g *from_global(struct p *p, uint32_t max) {
    struct sched *s = &pv__sched;
    if (atomic_load_explicit(&s->n_global, memory_order_seq_cst) == 0) return NULL;
    pv__lock(&s->lock);
    struct g *g = pv__global_get(p, max);
    pv__unlock(&s->lock);
    return g;
}

/* Ready ones of the poller: one to run, the others into the queue. */
static struct g *take_first(struct g_list *ready) {
    struct g *g = ready->first;
    if (!g) return NULL;
    pv__ready_list(ready);
    return pv__runq_get(m_p(m_self()));
}

static struct g *from_poller(struct m *m) {
    struct sched *s = &pv__sched;
    struct g_list ready = {0};
    (void)m;
    if (pv__poll_waiters() == 0 ||
        atomic_load_explicit(&s->last_poll_ns, memory_order_relaxed) == 0)
        return NULL;
    pv__poll(0, &ready);
    return take_first(&ready);
}

static void run_due(struct p *p) {
    int64_t when = atomic_load_explicit(&p->next_when_ns, memory_order_relaxed);
    if (when == 0) return;
    int64_t now = pv_nanotime();
    if (now >= when) pv__timers_run(p, now);
}

/* Also those of a p whose thread the kernel has taken off its CPU: without this the others would
 * wait for it in turn, awake. */
static struct g *from_any_timer(struct p *p) {
    struct sched *s = &pv__sched;
    int64_t when = pv__timers_next();
    if (when == 0 || when > pv_nanotime()) return NULL;
    for (uint32_t i = 0; i < s->n_p; i++) run_due(s->p[i]);
    return pv__runq_get(p);
}

/* ---- stealing ---- */

static struct g *steal_from(struct p *p, struct p *victim, bool also_next) {
    struct g *g = NULL;
    if (pv__runq_steal(p, victim, &g)) return g;
    if (!also_next) return NULL;
    g = atomic_load_explicit(&victim->runnext, memory_order_relaxed);
    if (g && atomic_compare_exchange_strong_explicit(&victim->runnext, &g, NULL,
                                                     memory_order_acq_rel, memory_order_relaxed))
        return g;
    return NULL;
}

static struct g *steal(struct m *m, struct p *p) {
    struct sched *s = &pv__sched;
    uint32_t seen[MAX_PROCS];
    int64_t begun = pv_nanotime(), now = begun;
    for (uint32_t i = 0; i < s->n_p; i++)
        seen[i] = atomic_load_explicit(&s->p[i]->tick, memory_order_relaxed);
    do {
        bool long_enough = now - begun >= LEAVE_NEXT_NS;
        uint32_t from = next_random(m) % s->n_p;
        for (uint32_t i = 0; i < s->n_p; i++) {
            struct p *victim = s->p[(from + i) % s->n_p];
            if (victim == p) continue;
            bool stuck =
                seen[victim->id] == atomic_load_explicit(&victim->tick, memory_order_relaxed);
            struct g *g = steal_from(p, victim, long_enough && stuck);
            if (g) return g;
            run_due(victim);
        }
        struct g *g = pv__runq_get(p); /* a timer may have made some ready */
        if (!g) g = from_global(p, RUNQ / 2);
        if (!g) g = from_poller(m);
        if (g) return g;
        if (atomic_load_explicit(&s->stopping, memory_order_relaxed)) return NULL;
        for (int i = 0; i < 30; i++) pv__pause();
        now = pv_nanotime();
    } while (now - begun < SPIN_NS);
    return NULL;
}

/* ---- nothing to do ---- */

static void start_spinning(struct m *m) {
    m->spinning = true;
    atomic_fetch_add_explicit(&pv__sched.n_spinning, 1, memory_order_seq_cst);
}

static void stop_spinning(struct m *m) {
    m->spinning = false;
    atomic_fetch_sub_explicit(&pv__sched.n_spinning, 1, memory_order_seq_cst);
}

/* Takes any idle p.  False: none. */
static bool take_p(struct m *m) {
    pv__lock(&pv__sched.lock);
    struct p *p = pv__idle_p_get();
    pv__unlock(&pv__sched.lock);
    if (p) pv__m_get_p(m, p);
    return p != NULL;
}

/* After giving up the p: is there anything after all?  (Invariant 1.) */
static bool look_again(struct m *m) {
    struct sched *s = &pv__sched;
    bool work = atomic_load_explicit(&s->n_global, memory_order_seq_cst) > 0;
    for (uint32_t i = 0; i < s->n_p && !work; i++) work = !pv__runq_empty(s->p[i]);
    if (!work || !take_p(m)) return false;
    start_spinning(m);
    return true;
}

/* The caller holds sched.lock. */
static bool is_deadlock(void) {
    struct sched *s = &pv__sched;
    return atomic_load_explicit(&s->n_idle_p, memory_order_relaxed) == s->n_p && s->global.n == 0 &&
           atomic_load_explicit(&s->n_away, memory_order_relaxed) == 0 &&
           atomic_load_explicit(&s->n_pollers, memory_order_relaxed) == 0 &&
           atomic_load_explicit(&s->n_spinning, memory_order_relaxed) == 0 &&
           pv__poll_waiters() == 0 && pv__timers_next() == 0;
}

static void sleep_or_end(struct m *m) {
    struct sched *s = &pv__sched;
    pv__lock(&s->lock);
    bool dead = is_deadlock();
    pv__unlock(&s->lock);
    if (dead)
        pv__stop(-EDEADLK);
    else
        pv__stop_m(m);
}

/* Waits for the network or the next timer, if nobody else does.  True: m has a p again. */
static bool wait_in_poller(struct m *m, struct g **got) {
    struct sched *s = &pv__sched;
    *got = NULL;
    if (pv__poll_waiters() == 0 && pv__timers_next() == 0) return false;
    atomic_fetch_add_explicit(&s->n_pollers, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&s->last_poll_ns, memory_order_relaxed) == 0 ||
        atomic_exchange_explicit(&s->last_poll_ns, 0, memory_order_seq_cst) == 0) {
        atomic_fetch_sub_explicit(&s->n_pollers, 1, memory_order_seq_cst);
        pv__poll_notice(pv__timers_next()); /* who waits there may wait for too long */
        return false;
    }
    /* Partner: pv__poll_notice, which reads last_poll_ns after it stored a timer. */
    int64_t when = pv__timers_next();
    atomic_store_explicit(&s->poll_until_ns, when, memory_order_seq_cst);
    int64_t now = pv_nanotime();
    struct g_list ready = {0};
    pv__poll(atomic_load_explicit(&s->stopping, memory_order_seq_cst) ? 0
             : when == 0                                              ? -1
             : when > now                                             ? when - now
                                                                      : 0,
             &ready);
    atomic_store_explicit(&s->poll_until_ns, -1, memory_order_seq_cst);
    atomic_store_explicit(&s->last_poll_ns, pv_nanotime(), memory_order_seq_cst);
    bool has_p = take_p(m);
    if (has_p)
        *got = take_first(&ready);
    else
        pv__ready_list(&ready);
    atomic_fetch_sub_explicit(&s->n_pollers, 1, memory_order_seq_cst);
    return has_p;
}

static struct g *at_hand(struct m *m, struct p *p) {
    uint32_t tick = atomic_load_explicit(&p->tick, memory_order_relaxed) + 1;
    struct g *g = NULL;
    run_due(p);
    bool asked = atomic_exchange_explicit(&p->attention, 0, memory_order_relaxed);
    if (asked || tick % 61 == 0) { /* two that wake one another shall not starve the queue */
        g = from_global(p, 1);
        if (!g) g = pv__runq_get_ring(p);
    }
    if (!g) g = pv__runq_get(p);
    if (!g) g = from_global(p, RUNQ / 2);
    if (!g) g = from_poller(m);
    if (!g) g = from_any_timer(p);
    return g;
}

/* Whether m may look at other ps' queues: half of those that are busy may at once. */
static bool may_spin(struct m *m) {
    struct sched *s = &pv__sched;
    if (m->spinning) return true;
    uint32_t busy = s->n_p - atomic_load_explicit(&s->n_idle_p, memory_order_relaxed);
    if (s->n_p == 1 || 2 * atomic_load_explicit(&s->n_spinning, memory_order_relaxed) >= busy)
        return false;
    start_spinning(m);
    return true;
}

struct g *pv__find_runnable(struct m *m) {
    struct sched *s = &pv__sched;
    struct g *g;
    for (;;) {
        if (m->epoch != atomic_load_explicit(&s->epoch, memory_order_acquire)) return NULL;
        if (atomic_load_explicit(&s->stopping, memory_order_acquire)) break;
        if (!m_p(m)) { /* came back from a system call without one */
            pv__stop_m(m);
            continue;
        }
        g = at_hand(m, m_p(m));
        if (!g && may_spin(m)) g = steal(m, m_p(m));
        if (g) goto found;
        pv__lock(&s->lock);
        g = pv__global_get(m_p(m), RUNQ / 2);
        if (!g) pv__idle_p_put(pv__m_drop_p(m));
        pv__unlock(&s->lock);
        if (g) goto found;
        if (m->spinning) {
            stop_spinning(m);
            if (look_again(m)) continue;
        }
        if (wait_in_poller(m, &g)) {
            if (g) goto found;
            continue;
        }
        sleep_or_end(m);
    }
    if (m->spinning) stop_spinning(m);
    return NULL;
found:
    if (m->spinning) {
        stop_spinning(m);
        pv__wake_p(); /* there may be more where this came from */
    }
    return g;
}
