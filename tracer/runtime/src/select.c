/* tracer/runtime/src/select.c - waiting for the first of several channels.
 *
 * All channels are locked, by address, so that nothing happens between looking at one and the next.
 * Invariants  1. of the waiters that one select has in several queues exactly one is taken: who
 *                pops one sets the goroutine's select_done first (chan.c).
 *             2. the others are still queued when it runs again, and it takes them out itself. */
#include <errno.h>

#include "tracer/runtime/src/chan.h"

/* Locks each channel once, in the order of addresses; order[] has room for n. */
static int lock_all(struct pv_case *cases, int n, struct pv_chan **order) {
    int n_chans = 0;
    for (int i = 0; i < n; i++) {
        struct pv_chan *c = cases[i].chan;
        int at = n_chans;
        if (!c) continue;
        while (at > 0 && (uintptr_t)order[at - 1] > (uintptr_t)c) at--;
        if (at > 0 && order[at - 1] == c) continue;
        for (int k = n_chans; k > at; k--) order[k] = order[k - 1];
        order[at] = c;
        n_chans++;
    }
    for (int i = 0; i < n_chans; i++) pv__lock(&order[i]->lock);
    return n_chans;
}

struct locked {
    struct pv_chan **order;
    int n;
};

static void unlock_all(const struct locked *l) {
    /* Copied: with the last unlock whoever owns *l may run on. */
    struct pv_chan *order[PV_SELECT_MAX];
    int n = l->n;
    for (int i = 0; i < n; i++) order[i] = l->order[i];
    for (int i = n; i-- > 0;) pv__unlock(&order[i]->lock);
}

static void parked(struct g *g, void *arg) {
    (void)g;
    unlock_all(arg);
}

/* The first case that can go on, from a random one on; -1 none. */
static int try_all(struct pv_case *cases, int n, uint32_t from, struct pv_waiter **woken) {
    for (int k = 0; k < n; k++) {
        int i = (int)((from + (uint32_t)k) % (uint32_t)n);
        struct pv_case *c = &cases[i];
        if (!c->chan) continue;
        int result = 0;
        int rc = c->dir == PV_SEND ? pv__chan_send_now(c->chan, c->out_elem, woken)
                                   : pv__chan_recv_now(c->chan, c->elem, &result, woken);
        if (rc == 0) continue;
        c->result = rc < 0 ? rc : result;
        return i;
    }
    return -1;
}

static struct waitq *queue_of(struct pv_case *c) {
    return c->dir == PV_SEND ? &c->chan->senders : &c->chan->receivers;
}

static int pv__select_wait(struct g *g, struct pv_case *cases, int n, struct locked *l) {
    struct pv_waiter waiters[PV_SELECT_MAX];
    const void *object = NULL;
    g->woken_by = NULL;
    atomic_store_explicit(&g->select_done, 0, memory_order_relaxed);
    for (int i = 0; i < n; i++) {
        waiters[i] = (struct pv_waiter){.g = g,
                                        .elem = cases[i].elem,
                                        .chan = cases[i].chan,
                                        .i_case = (uint32_t)i,
                                        .in_select = true};
        if (!cases[i].chan) continue;
        if (!object) object = cases[i].chan;
        pv__waitq_push(queue_of(&cases[i]), &waiters[i]);
    }
    if (l->n == 0)
        pv__park_call(g, R_SELECT_NO_CASES, NULL, parked, l);
    else
        pv__park_call(g, R_SELECT, object, parked, l);
    struct pv_waiter *by = g->woken_by;
    l->n = lock_all(cases, n, l->order);
    for (int i = 0; i < n; i++)
        if (cases[i].chan) pv__waitq_remove(queue_of(&cases[i]), &waiters[i]);
    unlock_all(l);
    struct pv_case *c = &cases[by->i_case];
    c->result = c->dir == PV_SEND ? (by->ok ? 0 : -EPIPE) : by->ok;
    return (int)by->i_case;
}

int pv_select(struct pv_case *cases, int n, bool wait) {
    struct g *g = g_self();
    struct pv_chan *order[PV_SELECT_MAX];
    struct pv_waiter *woken = NULL;
    if (n < 0 || n > PV_SELECT_MAX) return -EINVAL;
    if (!g) return -EPERM;
    struct locked l = {order, lock_all(cases, n, order)};
    int i = n ? try_all(cases, n, pv__random(g_m(g)), &woken) : -1;
    if (i < 0 && wait) return pv__select_wait(g, cases, n, &l);
    unlock_all(&l);
    if (woken) {
        struct g *other = woken->g;
        other->woken_by = woken;
        pv__ready(other);
    }
    return i < 0 ? -EAGAIN : i;
}
