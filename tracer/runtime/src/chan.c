/* tracer/runtime/src/chan.c - channels.
 *
 * Invariants  1. of an open channel, one of senders and receivers is empty (but for one select that
 *                waits for both); receivers wait only where the ring is empty, senders only where
 *                it is full.
 *             2. an element goes straight from the sender to a receiver that waits, into its stack;
 *                whoever takes a waiter from its queue, under the lock, does that copy and then
 *                wakes it.
 *             3. a waiter lies on the stack of who waits, and is in the queue until somebody takes
 *                it. */
#include "tracer/runtime/src/chan.h"

#include <errno.h>

struct pv_chan *pv_chan_make(size_t elem_bytes, size_t capacity) {
    size_t ring, all;
    if (__builtin_mul_overflow(elem_bytes, capacity, &ring) ||
        __builtin_add_overflow(ring, sizeof(struct pv_chan), &all) || all > PTRDIFF_MAX)
        return NULL;
    bool collected;
    struct pv_chan *c = pv__scanned_alloc(all, &collected);
    if (!c) return NULL;
    c->collected = collected;
    c->elem_bytes = elem_bytes;
    c->cap = capacity;
    c->ring = (char *)(c + 1);
    return c;
}

void pv_chan_free(struct pv_chan *chan) {
    if (chan) pv__scanned_free(chan, chan->collected);
}

/* ---- who waits ---- */

void pv__waitq_push(struct waitq *q, struct pv_waiter *w) {
    w->next = NULL;
    w->prev = q->last;
    if (q->last)
        q->last->next = w;
    else
        q->first = w;
    q->last = w;
    w->queued = true;
}

void pv__waitq_remove(struct waitq *q, struct pv_waiter *w) {
    if (!w->queued) return;
    if (w->prev)
        w->prev->next = w->next;
    else
        q->first = w->next;
    if (w->next)
        w->next->prev = w->prev;
    else
        q->last = w->prev;
    w->queued = false;
}

struct pv_waiter *pv__waitq_pop(struct waitq *q) {
    for (;;) {
        struct pv_waiter *w = q->first;
        if (!w) return NULL;
        q->first = w->next;
        if (q->first)
            q->first->prev = NULL;
        else
            q->last = NULL;
        w->queued = false;
        if (!w->in_select) return w;
        uint32_t not_yet = 0; /* Partner: the others who pop one of the same select */
        if (atomic_compare_exchange_strong_explicit(&w->g->select_done, &not_yet, 1,
                                                    memory_order_acq_rel, memory_order_relaxed))
            return w;
    }
}

static void wake(struct pv_waiter *w) {
    if (!w) return;
    struct g *g = w->g; /* w is gone when g runs */
    g->woken_by = w;
    pv__ready(g);
}

/* ---- without waiting, under the lock ---- */

static void *slot(struct pv_chan *c, size_t i) {
    return c->ring + i * c->elem_bytes;
}

static size_t next(const struct pv_chan *c, size_t i) {
    return i + 1 == c->cap ? 0 : i + 1;
}

int pv__chan_send_now(struct pv_chan *c, const void *elem, struct pv_waiter **woken) {
    if (c->closed) return -EPIPE;
    struct pv_waiter *w = pv__waitq_pop(&c->receivers);
    if (w) {
        copy_elem(c, w->elem, elem);
        w->ok = true;
        *woken = w;
        return 1;
    }
    if (c->n == c->cap) return 0;
    copy_elem(c, slot(c, c->i_send), elem);
    c->i_send = next(c, c->i_send);
    c->n++;
    return 1;
}

int pv__chan_recv_now(struct pv_chan *c, void *elem, int *result, struct pv_waiter **woken) {
    struct pv_waiter *w;
    *result = 1;
    if (c->n > 0) {
        copy_elem(c, elem, slot(c, c->i_recv));
        if (c->collected) memset(slot(c, c->i_recv), 0, c->elem_bytes); /* it held memory */
        c->i_recv = next(c, c->i_recv);
        c->n--;
        w = pv__waitq_pop(&c->senders); /* it waited because the ring was full */
        if (w) {
            copy_elem(c, slot(c, c->i_send), w->elem);
            c->i_send = next(c, c->i_send);
            c->n++;
            w->ok = true;
            *woken = w;
        }
        return 1;
    }
    if (c->closed) {
        if (elem) memset(elem, 0, c->elem_bytes);
        *result = 0;
        return 1;
    }
    w = pv__waitq_pop(&c->senders);
    if (!w) return 0;
    copy_elem(c, elem, w->elem);
    w->ok = true;
    *woken = w;
    return 1;
}

/* ---- sending ---- */

/* A NULL channel: nobody will ever come. */
static _Noreturn void pv__wait_for_ever(struct g *g, enum pv_reason reason) {
    static _Atomic uint32_t nobodys;
    for (;;) {
        pv__lock(&nobodys);
        pv__park(g, reason, NULL, 0, &nobodys);
    }
}

int pv_chan_send(struct pv_chan *chan, const void *elem) {
    struct g *g = g_self();
    struct pv_waiter *woken = NULL;
    if (!g) return -EPERM;
    if (!chan) pv__wait_for_ever(g, R_CHAN_SEND_NIL);
    pv__lock(&chan->lock);
    int rc = pv__chan_send_now(chan, elem, &woken);
    if (rc != 0) {
        pv__unlock(&chan->lock);
        wake(woken);
        return rc < 0 ? rc : 0;
    }
    union {
        const void *in;
        void *elem;
    } from = {elem};
    struct pv_waiter w = {.g = g, .elem = from.elem, .chan = chan};
    pv__waitq_push(&chan->senders, &w);
    pv__park(g, R_CHAN_SEND, chan, 0, &chan->lock);
    return w.ok ? 0 : -EPIPE;
}

int pv_chan_try_send(struct pv_chan *chan, const void *elem) {
    struct pv_waiter *woken = NULL;
    if (!chan) return -EAGAIN;
    pv__lock(&chan->lock);
    int rc = pv__chan_send_now(chan, elem, &woken);
    pv__unlock(&chan->lock);
    wake(woken);
    return rc == 0 ? -EAGAIN : rc < 0 ? rc : 0;
}

/* ---- receiving ---- */

int pv_chan_recv(struct pv_chan *chan, void *elem) {
    struct g *g = g_self();
    struct pv_waiter *woken = NULL;
    int result;
    if (!g) return -EPERM;
    if (!chan) pv__wait_for_ever(g, R_CHAN_RECV_NIL);
    pv__lock(&chan->lock);
    if (pv__chan_recv_now(chan, elem, &result, &woken)) {
        pv__unlock(&chan->lock);
        wake(woken);
        return result;
    }
    struct pv_waiter w = {.g = g, .elem = elem, .chan = chan};
    pv__waitq_push(&chan->receivers, &w);
    pv__park(g, R_CHAN_RECV, chan, 0, &chan->lock);
    return w.ok ? 1 : 0; /* closing zeroed elem */
}

int pv_chan_try_recv(struct pv_chan *chan, void *elem) {
    struct pv_waiter *woken = NULL;
    int result;
    if (!chan) return -EAGAIN;
    pv__lock(&chan->lock);
    int rc = pv__chan_recv_now(chan, elem, &result, &woken);
    pv__unlock(&chan->lock);
    wake(woken);
    return rc == 0 ? -EAGAIN : result;
}

/* ---- closing, looking ---- */

int pv_chan_close(struct pv_chan *chan) {
    struct pv_waiter *w, *all = NULL;
    if (!chan) return -EINVAL;
    pv__lock(&chan->lock);
    if (chan->closed) {
        pv__unlock(&chan->lock);
        return -EPIPE;
    }
    chan->closed = true;
    while ((w = pv__waitq_pop(&chan->receivers))) {
        if (w->elem) memset(w->elem, 0, chan->elem_bytes);
        w->next = all;
        all = w;
    }
    while ((w = pv__waitq_pop(&chan->senders))) {
        w->next = all;
        all = w;
    }
    pv__unlock(&chan->lock);
    while ((w = all)) {
        all = w->next;
        w->ok = false;
        wake(w);
    }
    return 0;
}

size_t pv_chan_len(struct pv_chan *chan) {
    if (!chan) return 0;
    pv__lock(&chan->lock);
    size_t n = chan->n;
    pv__unlock(&chan->lock);
    return n;
}

size_t pv_chan_cap(struct pv_chan *chan) {
    return chan ? chan->cap : 0;
}
