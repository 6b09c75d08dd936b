/* tracer/runtime/src/sync.c - mutex, wait group, condition, once.
 *
 * Invariants  1. a mutex's state names its holder, so that who waits can say whom for; its lowest
 *                bit is set while the queue is not empty, changed under the queue's lock only.
 *             2. who is taken from a queue is made ready after the queue's lock was released. */
#include <errno.h>

#include "tracer/runtime/src/waitq.h"

enum { SPINS = 4, SPIN_PAUSES = 30 };
static const int64_t STARVING_NS = 1000000;

/* ---- mutex ---- */

static inline bool take_free(struct pv_mutex *mutex, uint64_t id) {
    uint64_t free = 0;
    return atomic_compare_exchange_strong_explicit(&mutex->state, &free, id << 1,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* Under the queue's lock: true = locked; else marked as waited for, *holder has it. */
static bool take_or_mark(struct pv_mutex *mutex, uint64_t id, uint64_t *holder) {
    uint64_t state = atomic_load_explicit(&mutex->state, memory_order_relaxed);
    for (;;) {
        bool is_free = state >> 1 == 0;
        uint64_t next = is_free ? id << 1 | (state & 1) : state | 1;
        /* Partner: the release in unlock_as. */
        if (atomic_compare_exchange_weak_explicit(&mutex->state, &state, next, memory_order_acquire,
                                                  memory_order_relaxed)) {
            *holder = state >> 1;
            return is_free;
        }
    }
}

/* Worth it while the holder may be running, and nobody else could run here. */
static bool may_spin(struct p *p) {
    struct sched *s = &pv__sched;
    uint32_t idle = atomic_load_explicit(&s->n_idle_p, memory_order_relaxed) +
                    atomic_load_explicit(&s->n_spinning, memory_order_relaxed);
    return s->n_p > idle + 1 && pv__runq_empty(p);
}

static int pv__mutex_lock_slow(struct pv_mutex *mutex, struct g *g) {
    uint64_t id = g->rec.id, holder;
    if (atomic_load_explicit(&mutex->state, memory_order_relaxed) >> 1 == id) return -EDEADLK;
    for (int i = 0; i < SPINS && may_spin(m_p(g_m(g))); i++) {
        for (int k = 0; k < SPIN_PAUSES; k++) pv__pause();
        if (take_free(mutex, id)) return 0;
    }
    struct pv_waiter w = {.g = g};
    for (;;) {
        pv__lock(&mutex->q.lock);
        if (take_or_mark(mutex, id, &holder)) {
            pv__unlock(&mutex->q.lock);
            return 0;
        }
        pv__q_push(&mutex->q, &w, w.since_ns == 0);
        if (w.since_ns == 0) w.since_ns = pv_nanotime();
        pv__park(g, R_MUTEX_LOCK, mutex, holder, &mutex->q.lock);
        if (w.ok) return 0; /* it was handed over */
    }
}

int pv_mutex_lock(struct pv_mutex *mutex) {
    struct g *g = g_self();
    if (!g) return -EPERM;
    return take_free(mutex, g->rec.id) ? 0 : pv__mutex_lock_slow(mutex, g);
}

int pv_mutex_try_lock(struct pv_mutex *mutex) {
    struct g *g = g_self();
    if (!g) return -EPERM;
    return take_free(mutex, g->rec.id) ? 0 : -EBUSY;
}

static int unlock_slow(struct pv_mutex *mutex, uint64_t id) {
    if (atomic_load_explicit(&mutex->state, memory_order_relaxed) >> 1 != id) return -EPERM;
    int64_t now = pv_nanotime();
    pv__lock(&mutex->q.lock);
    struct pv_waiter *w = pv__q_pop(&mutex->q);
    struct g *g = w ? w->g : NULL;
    uint64_t others = mutex->q.first != NULL;
    if (w) w->ok = now - w->since_ns > STARVING_NS;
    uint64_t next = w && w->ok ? g->rec.id << 1 : 0;
    atomic_store_explicit(&mutex->state, next | others, memory_order_release);
    pv__unlock(&mutex->q.lock);
    if (g) pv__ready(g);
    return 0;
}

int pv_mutex_unlock(struct pv_mutex *mutex) {
    struct g *g = g_self();
    if (!g) return -EPERM;
    uint64_t mine = g->rec.id << 1;
    if (atomic_compare_exchange_strong_explicit(&mutex->state, &mine, 0, memory_order_release,
                                                memory_order_relaxed))
        return 0;
    return unlock_slow(mutex, g->rec.id);
}

/* ---- wait group ---- */

int pv_waitgroup_add(struct pv_waitgroup *wg, int64_t n) {
    struct pv_waiter *all = NULL;
    int64_t count;
    pv__lock(&wg->q.lock);
    bool wrong = __builtin_add_overflow(wg->count, n, &count) || count < 0;
    if (!wrong) {
        wg->count = count;
        if (count == 0) all = pv__q_take_all(&wg->q);
    }
    pv__unlock(&wg->q.lock);
    pv__ready_all(all);
    return wrong ? -ERANGE : 0;
}

int pv_waitgroup_done(struct pv_waitgroup *wg) {
    return pv_waitgroup_add(wg, -1);
}

int pv_waitgroup_wait(struct pv_waitgroup *wg) {
    struct g *g = g_self();
    if (!g) return -EPERM;
    pv__lock(&wg->q.lock);
    if (wg->count == 0) {
        pv__unlock(&wg->q.lock);
        return 0;
    }
    struct pv_waiter w = {.g = g};
    pv__q_push(&wg->q, &w, true);
    pv__park(g, R_WAITGROUP_WAIT, wg, 0, &wg->q.lock);
    return 0;
}

/* ---- condition ---- */

int pv_cond_wait(struct pv_cond *cond, struct pv_mutex *mutex) {
    struct g *g = g_self();
    if (!g || atomic_load_explicit(&mutex->state, memory_order_relaxed) >> 1 != g->rec.id)
        return -EPERM;
    struct pv_waiter w = {.g = g};
    pv__lock(&cond->q.lock);
    pv__q_push(&cond->q, &w, true);
    pv__unlock(&cond->q.lock);
    pv_mutex_unlock(mutex);
    pv__lock(&cond->q.lock);
    if (w.queued) {
        w.parked = true;
        pv__park(g, R_COND_WAIT, cond, 0, &cond->q.lock);
    } else { /* signalled between the two locks */
        pv__unlock(&cond->q.lock);
    }
    return pv_mutex_lock(mutex);
}

static void wake_cond(struct pv_cond *cond, bool every) {
    struct pv_waiter *all = NULL, *w;
    pv__lock(&cond->q.lock);
    struct pv_waiter **at = &all;
    while ((w = pv__q_pop(&cond->q))) {
        if (w->parked) { /* the others find out themselves that they are no longer in the queue */
            w->next = NULL;
            *at = w;
            at = &w->next;
        }
        if (!every) break;
    }
    pv__unlock(&cond->q.lock);
    pv__ready_all(all);
}

void pv_cond_signal(struct pv_cond *cond) {
    wake_cond(cond, false);
}

void pv_cond_broadcast(struct pv_cond *cond) {
    wake_cond(cond, true);
}

/* ---- once ---- */

int pv_once_do(struct pv_once *once, pv_fn *fn, void *arg) {
    if (atomic_load_explicit(&once->done, memory_order_acquire)) return g_self() ? 0 : -EPERM;
    int rc = pv_mutex_lock(&once->mutex);
    if (rc < 0) return rc;
    if (!atomic_load_explicit(&once->done, memory_order_relaxed)) {
        fn(arg);
        /* Partner: the acquire above. */
        atomic_store_explicit(&once->done, 1, memory_order_release);
    }
    return pv_mutex_unlock(&once->mutex);
}
