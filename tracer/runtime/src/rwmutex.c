/* tracer/runtime/src/rwmutex.c - many readers or one writer.
 *
 * Invariants  1. a writer that waits keeps later readers out; when a writer is done, the readers
 *                that waited get in first, all at once.  So neither starves the other.
 *             2. whoever leaves lets the next ones in: they own the lock when they are made ready.
 */
#include <errno.h>

#include "tracer/runtime/src/waitq.h"

enum { READER, WRITER };

/* Takes waiters of one kind out of the queue, at most max, and gives them the lock. */
static struct pv_waiter *let_in(struct pv_rwmutex *rw, uint8_t kind, uint32_t max) {
    struct pv_waiter *in = NULL, **end = &in, *last = NULL;
    for (struct pv_waiter **at = &rw->q.first; *at;) {
        struct pv_waiter *w = *at;
        if (w->kind != kind || max == 0) {
            last = w;
            at = &w->next;
            continue;
        }
        max--;
        *at = w->next;
        w->next = NULL;
        *end = w;
        end = &w->next;
        if (kind == READER) {
            rw->n_readers++;
            rw->last_reader = w->g->rec.id;
        } else {
            rw->writer = w->g->rec.id;
            rw->n_waiting_writers--;
        }
    }
    rw->q.last = last;
    return in;
}

int pv_rwmutex_rlock(struct pv_rwmutex *rw) {
    struct g *g = g_self();
    if (!g) return -EPERM;
    pv__lock(&rw->q.lock);
    if (rw->writer == g->rec.id) {
        pv__unlock(&rw->q.lock);
        return -EDEADLK;
    }
    if (rw->writer == 0 && rw->n_waiting_writers == 0) {
        rw->n_readers++;
        rw->last_reader = g->rec.id;
        pv__unlock(&rw->q.lock);
        return 0;
    }
    struct pv_waiter w = {.g = g, .kind = READER};
    pv__q_push(&rw->q, &w, true);
    pv__park(g, R_RWMUTEX_RLOCK, rw, rw->writer ? rw->writer : rw->last_reader, &rw->q.lock);
    return 0;
}

int pv_rwmutex_runlock(struct pv_rwmutex *rw) {
    struct pv_waiter *in = NULL;
    if (!g_self()) return -EPERM;
    pv__lock(&rw->q.lock);
    if (rw->n_readers == 0) {
        pv__unlock(&rw->q.lock);
        return -EPERM;
    }
    if (--rw->n_readers == 0) in = let_in(rw, WRITER, 1);
    pv__unlock(&rw->q.lock);
    pv__ready_all(in);
    return 0;
}

int pv_rwmutex_lock(struct pv_rwmutex *rw) {
    struct g *g = g_self();
    if (!g) return -EPERM;
    pv__lock(&rw->q.lock);
    if (rw->writer == g->rec.id) {
        pv__unlock(&rw->q.lock);
        return -EDEADLK;
    }
    if (rw->writer == 0 && rw->n_readers == 0) {
        rw->writer = g->rec.id;
        pv__unlock(&rw->q.lock);
        return 0;
    }
    struct pv_waiter w = {.g = g, .kind = WRITER};
    rw->n_waiting_writers++;
    pv__q_push(&rw->q, &w, true);
    pv__park(g, R_RWMUTEX_LOCK, rw, rw->writer ? rw->writer : rw->last_reader, &rw->q.lock);
    return 0;
}

int pv_rwmutex_unlock(struct pv_rwmutex *rw) {
    struct g *g = g_self();
    if (!g) return -EPERM;
    pv__lock(&rw->q.lock);
    if (rw->writer != g->rec.id) {
        pv__unlock(&rw->q.lock);
        return -EPERM;
    }
    rw->writer = 0;
    struct pv_waiter *in = let_in(rw, READER, UINT32_MAX);
    if (!in) in = let_in(rw, WRITER, 1);
    pv__unlock(&rw->q.lock);
    pv__ready_all(in);
    return 0;
}
