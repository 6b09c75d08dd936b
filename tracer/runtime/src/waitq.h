/* tracer/runtime/src/waitq.h - the queue inside of locks: who waits, oldest first.  All of it under
 * the queue's lock, but for making ready those who were taken out. */
#ifndef PARKVIEW_TRACER_RUNTIME_WAITQ_H
#define PARKVIEW_TRACER_RUNTIME_WAITQ_H

#include "tracer/runtime/src/rt.h"

static inline void pv__q_push(struct pv_waitq *q, struct pv_waiter *w, bool at_end) {
    w->queued = true;
    w->next = NULL;
    if (!q->first) {
        q->first = q->last = w;
    } else if (at_end) {
        q->last->next = w;
        q->last = w;
    } else {
        w->next = q->first;
        q->first = w;
    }
}

static inline struct pv_waiter *pv__q_pop(struct pv_waitq *q) {
    struct pv_waiter *w = q->first;
    if (!w) return NULL;
    q->first = w->next;
    if (!q->first) q->last = NULL;
    w->queued = false;
    return w;
}

static inline struct pv_waiter *pv__q_take_all(struct pv_waitq *q) {
    struct pv_waiter *all = q->first;
    for (struct pv_waiter *w = all; w; w = w->next) w->queued = false;
    q->first = q->last = NULL;
    return all;
}

/* Those in a list by next.  A waiter is gone once its goroutine runs. */
static inline void pv__ready_all(struct pv_waiter *all) {
    struct g_list ready = {0};
    for (struct pv_waiter *w = all; w; w = w->next) g_list_push(&ready, w->g);
    pv__ready_list(&ready);
}

#endif
