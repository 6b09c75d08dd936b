/* tracer/runtime/src/syscall.c - a goroutine leaves for the kernel, and comes back.
 *
 * Going is cheap: the p stays marked P_SYSCALL and is taken back by one compare-exchange when
 * nobody wanted it.  The monitor takes it away when the call lasts and somebody could use it; then
 * who comes back takes an idle p, or puts its goroutine into the global queue and its thread to
 * sleep.
 *
 * Invariants  1. n_away counts the threads whose p was taken away, from the moment of that until
 *                their goroutine is in a queue or has a p: changed only under sched.lock.
 *             2. A theft is recorded under sched.lock, which the thread that lost its p takes
 *                before it goes on: its place in the recording, which the thief looks at, is there
 *                until then. */
#include <errno.h>

#include "tracer/runtime/src/rt.h"

__attribute__((noinline)) int pv__errno(void) {
    return errno;
}

__attribute__((noinline)) void pv__set_errno(int error) {
    errno = error;
}

void pv_syscall_begin(void) {
    struct m *m = m_self();
    struct g *g = m && m_p(m) ? m_g(m) : NULL;
    if (!g) return;
    struct p *p = m_p(m);
    trace_go_syscall(m, g);
    atomic_store_explicit(&g->status, G_SYSCALL, memory_order_relaxed);
    m->old_p = p;
    m_set_p(m, NULL);
    atomic_store_explicit(&p->sys_tick,
                          atomic_load_explicit(&p->sys_tick, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    /* From its release store on the p may be gone, so m has to know the word before. */
    uint32_t status = atomic_load_explicit(&p->status, memory_order_relaxed);
    m->old_status = (status & ~(uint32_t)P_STATE) + P_CHANGE + P_SYSCALL;
    atomic_store_explicit(&p->status, m->old_status, memory_order_release);
}

bool pv__retake(struct p *p) {
    struct sched *s = &pv__sched;
    uint32_t status = atomic_load_explicit(&p->status, memory_order_acquire);
    if ((status & P_STATE) != P_SYSCALL) return false;
    struct m *self = m_self();
    pv__lock(&s->lock);
    struct m *m = atomic_load_explicit(&p->m, memory_order_relaxed);
    bool ok = atomic_compare_exchange_strong_explicit(
        &p->status, &status, (status & ~(uint32_t)P_STATE) + P_CHANGE + P_IDLE,
        memory_order_acq_rel, memory_order_relaxed);
    if (ok) {
        m->away = true;
        atomic_fetch_add_explicit(&s->n_away, 1, memory_order_relaxed);
        atomic_store_explicit(&p->m, NULL, memory_order_relaxed);
        if (self == m)
            trace_proc_stop(m);
        else
            trace_proc_steal(self, p, m);
    }
    pv__unlock(&s->lock);
    return ok;
}

static bool is_late(struct m *m) {
    return m->epoch != atomic_load_explicit(&pv__sched.epoch, memory_order_acquire);
}

static void came_back(struct m *m) { /* the caller holds sched.lock */
    m->away = false;
    atomic_fetch_sub_explicit(&pv__sched.n_away, 1, memory_order_relaxed);
}

static void queue_globally(struct g *g, void *arg) {
    struct sched *s = &pv__sched;
    struct m *m = arg;
    struct g_list one = {0};
    g_list_push(&one, g);
    pv__lock(&s->lock);
    if (!is_late(m)) {
        pv__global_put(&one);
        came_back(m);
    }
    pv__unlock(&s->lock);
    pv__wake_p();
}

/* The p is gone. */
static void come_back_slowly(struct m *m, struct g *g) {
    struct sched *s = &pv__sched;
    struct p *p = NULL;
    pv__lock(&s->lock);
    if (!is_late(m) && !atomic_load_explicit(&s->stopping, memory_order_relaxed) &&
        (p = pv__idle_p_get()))
        came_back(m);
    pv__unlock(&s->lock);
    trace_go_syscall_end(m, g, true);
    if (p) {
        pv__m_get_p(m, p);
        atomic_store_explicit(&g->status, G_RUNNING, memory_order_relaxed);
        trace_go_start(m, g);
        return;
    }
    atomic_store_explicit(&g->status, G_RUNNABLE, memory_order_relaxed);
    m_set_g(m, NULL);
    m->after = AFTER_CALL;
    m->after_g = g;
    m->after_call = queue_globally;
    m->after_arg = m;
    fiber_switch(&g->fiber, &m->g0, false);
    pv__after_switch(m_self());
}

void pv_syscall_end(void) {
    struct m *m = m_self();
    struct g *g = m && !m_p(m) ? m_g(m) : NULL;
    if (!g) return;
    struct p *p = m->old_p;
    uint32_t status = m->old_status;
    int error = pv__errno();
    /* Partner: the exchange in pv__retake. */
    if (!is_late(m) &&
        atomic_compare_exchange_strong_explicit(
            &p->status, &status, (status & ~(uint32_t)P_STATE) + P_CHANGE + P_RUNNING,
            memory_order_acq_rel, memory_order_relaxed)) {
        m_set_p(m, p);
        atomic_store_explicit(&g->status, G_RUNNING, memory_order_relaxed);
        trace_go_syscall_end(m, g, false);
        return;
    }
    come_back_slowly(m, g);
    pv__set_errno(error);
}

int pv_block(pv_fn *fn, void *arg) {
    struct m *m = m_self();
    if (!g_self()) return -EPERM;
    pv_syscall_begin();
    struct p *p = m->old_p;
    if (pv__retake(p)) pv__hand_off(p);
    fn(arg);
    pv_syscall_end();
    return 0;
}
