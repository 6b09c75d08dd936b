/* tracer/runtime/src/proc.c - processors and threads: who has which, and who sleeps.
 *
 * Invariants  1. the idle lists belong to sched.lock.  2. a p is either on the idle list, or some
 *                m's, or next_p of an m that was woken for it, or of a thread in a system call
 *                (P_SYSCALL).
 *             3. threads are made when a p has work and none sleeps; they are kept until pv_run
 *                ends. */
#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tracer/runtime/src/rt.h"

enum { MAX_THREADS = 10000, THREAD_STACK = 512 << 10 };

int pv__futex_wait(_Atomic uint32_t *word, uint32_t while_it_is, int64_t timeout_ns) {
    struct timespec t = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    return (int)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, while_it_is,
                        timeout_ns < 0 ? NULL : &t, NULL, 0);
}

void pv__futex_wake(_Atomic uint32_t *word, int n) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

/* ---- processors ---- */

struct p *pv__idle_p_get(void) {
    struct sched *s = &pv__sched;
    struct p *p = s->idle_p;
    if (!p) return NULL;
    s->idle_p = p->idle_next;
    atomic_fetch_sub_explicit(&s->n_idle_p, 1, memory_order_seq_cst);
    return p;
}

void pv__idle_p_put(struct p *p) {
    struct sched *s = &pv__sched;
    p->idle_next = s->idle_p;
    s->idle_p = p;
    atomic_fetch_add_explicit(&s->n_idle_p, 1, memory_order_seq_cst);
}

uint32_t pv__p_change(struct p *p, enum p_status to) {
    uint32_t status = atomic_load_explicit(&p->status, memory_order_relaxed);
    status = (status & ~(uint32_t)P_STATE) + P_CHANGE + to;
    atomic_store_explicit(&p->status, status, memory_order_release);
    return status;
}

void pv__m_get_p(struct m *m, struct p *p) {
    m_set_p(m, p);
    atomic_store_explicit(&p->m, m, memory_order_relaxed);
    pv__p_change(p, P_RUNNING);
    trace_proc_start(m, p);
}

struct p *pv__m_drop_p(struct m *m) {
    struct p *p = m_p(m);
    trace_proc_stop(m);
    m_set_p(m, NULL);
    atomic_store_explicit(&p->m, NULL, memory_order_relaxed);
    pv__p_change(p, P_IDLE);
    return p;
}

/* ---- threads ---- */

void pv__m_run(struct m *m) {
    struct sched *s = &pv__sched;
    pthread_attr_t attr;
    void *lo = NULL;
    size_t n = 0;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstack(&attr, &lo, &n);
        pthread_attr_destroy(&attr);
    }
    m->g0.lo = lo;
    m->g0.hi = m->g0.lo + n;
    m->thread = pthread_self();
    pv__overflow_m_enter(m);
    pv__gc_m_enter(m);
    pv__this_m = m;
    if (!m->rec) m->rec = pv_m_self();
#ifdef PV_TSAN
    m->g0.tsan = __tsan_get_current_fiber();
#endif
    if (m->next_p) {
        pv__m_get_p(m, m->next_p);
        m->next_p = NULL;
    }
    pv__schedule(m);
    if (m_p(m) && m->epoch == atomic_load_explicit(&s->epoch, memory_order_acquire))
        pv__m_drop_p(m);
    pv__this_m = NULL;
    pv__gc_m_leave(m);
    pv__overflow_m_leave(m);
}

static void *thread(void *arg) {
    struct sched *s = &pv__sched;
    struct m *m = arg;
    pv__m_run(m);
    pv__lock(&s->lock);
    bool late = m->epoch != atomic_load_explicit(&s->epoch, memory_order_relaxed);
    uint32_t left = late ? 2 : atomic_fetch_sub_explicit(&s->n_ms, 1, memory_order_acq_rel) - 1;
    pv__unlock(&s->lock);
    if (late) free(m); /* pv_run returned without it */
    if (left == 1) pv__futex_wake(&s->n_ms, 1);
    return NULL;
}

static struct m *new_m(void) {
    static _Atomic uint32_t ids;
    struct m *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->id = atomic_fetch_add_explicit(&ids, 1, memory_order_relaxed);
    m->random = m->id * 2654435761u + 1;
    m->epoch = atomic_load_explicit(&pv__sched.epoch, memory_order_relaxed);
    return m;
}

struct m *pv__m_new(void) {
    struct sched *s = &pv__sched;
    if (atomic_load_explicit(&s->n_ms, memory_order_relaxed) >= MAX_THREADS) return NULL;
    struct m *m = new_m();
    if (!m) return NULL;
    pv__lock(&s->lock);
    m->all_next = s->all_m;
    s->all_m = m;
    atomic_fetch_add_explicit(&s->n_ms, 1, memory_order_relaxed);
    pv__unlock(&s->lock);
    return m;
}

static bool launch(struct m *m) {
    pthread_attr_t attr;
    pthread_t id;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int rc = pv__gc_thread_create(&id, &attr, thread, m);
    pthread_attr_destroy(&attr);
    return rc == 0;
}

static void unlist(struct m *m) {
    struct sched *s = &pv__sched;
    pv__lock(&s->lock);
    for (struct m **at = &s->all_m; *at; at = &(*at)->all_next)
        if (*at == m) {
            *at = m->all_next;
            break;
        }
    atomic_fetch_sub_explicit(&s->n_ms, 1, memory_order_relaxed);
    pv__unlock(&s->lock);
    free(m);
}

static void give(struct m *m, struct p *p, bool spinning) {
    m->spinning = spinning;
    m->next_p = p;
    /* Partner: the exchange in pv__stop_m. */
    atomic_store_explicit(&m->wake, 1, memory_order_release);
    pv__futex_wake(&m->wake, 1);
}

void pv__start_m(struct p *p, bool spinning) {
    struct sched *s = &pv__sched;
    pv__lock(&s->lock);
    if (!p && !atomic_load_explicit(&s->stopping, memory_order_relaxed)) p = pv__idle_p_get();
    struct m *m = p ? s->idle_m : NULL;
    if (m) {
        s->idle_m = m->idle_next;
        atomic_fetch_sub_explicit(&s->n_idle_m, 1, memory_order_relaxed);
    }
    pv__unlock(&s->lock);
    if (m) {
        give(m, p, spinning);
        return;
    }
    if (p && (m = pv__m_new())) {
        m->spinning = spinning;
        m->next_p = p;
        if (launch(m)) return;
        unlist(m);
    }
    if (spinning) atomic_fetch_sub_explicit(&s->n_spinning, 1, memory_order_seq_cst);
    if (!p) return;
    pv__lock(&s->lock); /* no thread to be had: the work waits for those that there are */
    pv__idle_p_put(p);
    pv__unlock(&s->lock);
}

void pv__stop_m(struct m *m) {
    struct sched *s = &pv__sched;
    pv__lock(&s->lock);
    if (atomic_load_explicit(&s->stopping, memory_order_relaxed)) {
        pv__unlock(&s->lock);
        return;
    }
    m->idle_next = s->idle_m;
    s->idle_m = m;
    atomic_fetch_add_explicit(&s->n_idle_m, 1, memory_order_relaxed);
    pv__unlock(&s->lock);
    while (atomic_exchange_explicit(&m->wake, 0, memory_order_acquire) == 0)
        pv__futex_wait(&m->wake, 0, -1);
    if (m->next_p) {
        pv__m_get_p(m, m->next_p);
        m->next_p = NULL;
    }
}

void pv__wake_p(void) {
    struct sched *s = &pv__sched;
    uint32_t none = 0;
    if (atomic_load_explicit(&s->n_spinning, memory_order_seq_cst) != 0 ||
        atomic_load_explicit(&s->n_idle_p, memory_order_seq_cst) == 0)
        return;
    if (atomic_compare_exchange_strong_explicit(&s->n_spinning, &none, 1, memory_order_seq_cst,
                                                memory_order_relaxed))
        pv__start_m(NULL, true);
}

void pv__hand_off(struct p *p) {
    struct sched *s = &pv__sched;
    if (!pv__runq_empty(p) || atomic_load_explicit(&s->n_global, memory_order_seq_cst) > 0) {
        pv__start_m(p, false);
        return;
    }
    pv__lock(&s->lock);
    bool nobody_polls = atomic_load_explicit(&s->n_idle_p, memory_order_relaxed) == s->n_p - 1 &&
                        atomic_load_explicit(&s->last_poll_ns, memory_order_relaxed) != 0;
    bool busy = s->global.n > 0 || nobody_polls;
    if (!busy) pv__idle_p_put(p);
    pv__unlock(&s->lock);
    if (busy)
        pv__start_m(p, false);
    else
        pv__poll_notice(atomic_load_explicit(&p->next_when_ns, memory_order_seq_cst));
}

/* ---- the end ---- */

void pv__stop(int result) {
    struct sched *s = &pv__sched;
    pv__lock(&s->lock);
    bool first = !atomic_exchange_explicit(&s->stopping, 1, memory_order_acq_rel);
    struct m *sleepers = NULL;
    if (first) {
        s->result = result;
        sleepers = s->idle_m;
        s->idle_m = NULL;
        atomic_store_explicit(&s->n_idle_m, 0, memory_order_relaxed);
    }
    pv__unlock(&s->lock);
    for (struct m *m = sleepers, *next; m; m = next) {
        next = m->idle_next;
        give(m, NULL, false);
    }
    if (!first) return;
    for (uint32_t i = 0; i < s->n_p; i++)
        atomic_store_explicit(&s->p[i]->attention, 1, memory_order_relaxed);
    pv__poll_break();
}
