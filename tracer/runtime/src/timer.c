/* tracer/runtime/src/timer.c - what is due when: a heap of four children a node for each processor.
 *
 * Invariants  1. a heap belongs to its lock; any thread may run any processor's due timers.
 *             2. timers fire under that lock, so once pv__timer_remove returned it is not firing;
 * whom they wake is made ready after it.
 *             3. next_when_ns is the heap's first, for those who only look.
 * A timer on a busy machine may be late by the goroutine that runs, as nobody is interrupted. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "tracer/runtime/src/chan.h"

enum { CHILDREN = 4 };

int64_t pv_nanotime(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void place(struct p *p, uint32_t i, struct rt_timer *timer) {
    p->timers[i] = timer;
    timer->i_heap = i;
}

static void up(struct p *p, uint32_t i, struct rt_timer *timer) {
    while (i > 0) {
        uint32_t parent = (i - 1) / CHILDREN;
        if (p->timers[parent]->when_ns <= timer->when_ns) break;
        place(p, i, p->timers[parent]);
        i = parent;
    }
    place(p, i, timer);
}

static void down(struct p *p, uint32_t i, struct rt_timer *timer) {
    for (;;) {
        uint32_t first = i * CHILDREN + 1, least = first;
        if (first >= p->n_timers) break;
        for (uint32_t c = first + 1; c < first + CHILDREN && c < p->n_timers; c++)
            if (p->timers[c]->when_ns < p->timers[least]->when_ns) least = c;
        if (timer->when_ns <= p->timers[least]->when_ns) break;
        place(p, i, p->timers[least]);
        i = least;
    }
    place(p, i, timer);
}

static void note_first(struct p *p) {
    int64_t when = p->n_timers ? p->timers[0]->when_ns : 0;
    /* Partner: wait_in_poller, which reads it after it took the poller's place. */
    atomic_store_explicit(&p->next_when_ns, when, memory_order_seq_cst);
}

bool pv__timers_lock(struct p *p) {
    struct rt_timer **old;
    for (;;) {
        pv__lock(&p->timers_lock);
        if (p->n_timers < p->cap_timers) return true;
        uint32_t cap = p->cap_timers ? p->cap_timers * 2 : 64;
        pv__unlock(&p->timers_lock);
        struct rt_timer **timers = malloc(cap * sizeof *timers);
        if (!timers) return false;
        pv__lock(&p->timers_lock); /* only the owner adds, so there are not more than before */
        for (uint32_t i = 0; i < p->n_timers; i++) timers[i] = p->timers[i];
        old = p->timers;
        p->timers = timers;
        p->cap_timers = cap;
        pv__unlock(&p->timers_lock);
        free(old);
    }
}

void pv__timer_add(struct p *p, struct rt_timer *timer) {
    if (timer->when_ns <= 0) timer->when_ns = 1;
    timer->p = p;
    up(p, p->n_timers++, timer);
    if (timer->i_heap == 0) note_first(p);
}

static void take_out(struct p *p, struct rt_timer *timer) {
    uint32_t i = timer->i_heap;
    struct rt_timer *last = p->timers[--p->n_timers];
    timer->p = NULL;
    if (last != timer) {
        if (i > 0 && last->when_ns < p->timers[(i - 1) / CHILDREN]->when_ns)
            up(p, i, last);
        else
            down(p, i, last);
    }
    if (i == 0) note_first(p);
}

bool pv__timer_remove(struct p *p, struct rt_timer *timer) {
    pv__lock(&p->timers_lock);
    bool there = timer->p != NULL;
    if (there) take_out(p, timer);
    pv__unlock(&p->timers_lock);
    return there;
}

void pv__timers_run(struct p *p, int64_t now_ns) {
    struct g_list ready = {0};
    pv__lock(&p->timers_lock);
    while (p->n_timers > 0 && p->timers[0]->when_ns <= now_ns) {
        struct rt_timer *timer = p->timers[0];
        if (timer->period_ns > 0) {
            int64_t missed = (now_ns - timer->when_ns) / timer->period_ns;
            timer->when_ns += (missed + 1) * timer->period_ns;
            down(p, 0, timer);
            note_first(p);
        } else {
            take_out(p, timer);
        }
        struct g *g = timer->fire(timer, now_ns);
        if (g) g_list_push(&ready, g);
    }
    pv__unlock(&p->timers_lock);
    pv__ready_list(&ready);
}

int64_t pv__timers_next(void) {
    struct sched *s = &pv__sched;
    int64_t least = 0;
    for (uint32_t i = 0; i < s->n_p; i++) {
        int64_t when = atomic_load_explicit(&s->p[i]->next_when_ns, memory_order_seq_cst);
        if (when != 0 && (least == 0 || when < least)) least = when;
    }
    return least;
}

void pv__timers_close(struct p *p) {
    free(p->timers);
    p->timers = NULL;
    p->n_timers = p->cap_timers = 0;
}

/* ---- sleeping ---- */

static struct g *wake_sleeper(struct rt_timer *timer, int64_t now_ns) {
    (void)now_ns;
    return (struct g *)(void *)((char *)timer - offsetof(struct g, timer));
}

static int64_t after(int64_t ns) {
    int64_t now = pv_nanotime(), when;
    return __builtin_add_overflow(now, ns, &when) ? INT64_MAX : when;
}

/* On the next stack: who waits in the poller may have to wake earlier. */
static void slept(struct g *g, void *arg) {
    struct p *p = arg;
    (void)g; /* runs again, perhaps, from the unlock on */
    pv__unlock(&p->timers_lock);
    pv__poll_notice(atomic_load_explicit(&p->next_when_ns, memory_order_seq_cst));
}

int pv_sleep(int64_t ns) {
    struct g *g = g_self();
    if (!g) return -EPERM;
    if (ns <= 0) {
        pv_yield();
        return 0;
    }
    struct p *p = m_p(g_m(g));
    g->timer = (struct rt_timer){.when_ns = after(ns), .fire = wake_sleeper};
    if (!pv__timers_lock(p)) return -ENOMEM;
    pv__timer_add(p, &g->timer);
    pv__park_call(g, R_SLEEP, NULL, slept, p);
    return 0;
}

/* ---- timers with a channel ---- */

struct pv_timer {
    struct rt_timer timer;
    struct p *home;
    struct pv_chan *chan;
};

static struct g *send_time(struct rt_timer *timer, int64_t now_ns) {
    struct pv_timer *t = (struct pv_timer *)(void *)timer; /* its first member */
    struct pv_waiter *woken = NULL;
    pv__lock(&t->chan->lock);
    pv__chan_send_now(t->chan, &now_ns, &woken);
    pv__unlock(&t->chan->lock);
    if (!woken) return NULL;
    woken->g->woken_by = woken;
    return woken->g;
}

struct pv_timer *pv_timer_start(int64_t after_ns, int64_t period_ns) {
    struct g *g = g_self();
    if (!g || period_ns < 0) return NULL;
    struct p *p = m_p(g_m(g));
    struct pv_timer *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    int64_t when = after(after_ns > 0 ? after_ns : 0);
    t->timer = (struct rt_timer){.when_ns = when, .period_ns = period_ns, .fire = send_time};
    t->chan = pv_chan_make(sizeof(int64_t), 1);
    if (!t->chan || !pv__timers_lock(p)) {
        pv_timer_free(t);
        return NULL;
    }
    t->home = p;
    pv__timer_add(p, &t->timer);
    pv__unlock(&p->timers_lock);
    pv__poll_notice(when);
    return t;
}

struct pv_chan *pv_timer_chan(struct pv_timer *timer) {
    return timer->chan;
}

bool pv_timer_stop(struct pv_timer *timer) {
    return timer->home && pv__timer_remove(timer->home, &timer->timer);
}

void pv_timer_free(struct pv_timer *timer) {
    if (!timer) return;
    pv_timer_stop(timer);
    pv_chan_free(timer->chan);
    free(timer);
}
