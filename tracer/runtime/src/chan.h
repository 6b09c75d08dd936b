/* tracer/runtime/src/chan.h - a channel's inside, for chan.c and select.c. */
#ifndef PARKVIEW_TRACER_RUNTIME_CHAN_H
#define PARKVIEW_TRACER_RUNTIME_CHAN_H

#include <string.h>

#include "tracer/runtime/src/rt.h"

struct waitq {
    struct pv_waiter *first, *last;
};

struct pv_chan {
    _Atomic uint32_t lock;
    bool closed, collected; /* collected: the collector looks into it */
    size_t elem_bytes, cap;
    size_t n, i_send, i_recv; /* elements in the ring, where the next goes and comes from */
    struct waitq receivers, senders;
    char *ring;
};

static inline void copy_elem(const struct pv_chan *c, void *to, const void *from) {
    if (!to || c->elem_bytes == 0) return;
    if (c->elem_bytes == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t)); /* a single move, no call */
    else
        memcpy(to, from, c->elem_bytes);
}

void pv__waitq_push(struct waitq *q, struct pv_waiter *w);
void pv__waitq_remove(struct waitq *q, struct pv_waiter *w);
/* The first who still waits: of a select's waiters the first to be taken wins. */
struct pv_waiter *pv__waitq_pop(struct waitq *q);

/* The caller holds the lock.  1: done, and *woken is to be made ready after the unlock (NULL:
 * nobody); 0: it would have to wait; -EPIPE (send only). */
int pv__chan_send_now(struct pv_chan *c, const void *elem, struct pv_waiter **woken);
/* The same; *result is then what pv_chan_recv returns. */
int pv__chan_recv_now(struct pv_chan *c, void *elem, int *result, struct pv_waiter **woken);

#endif
