/* storage/src/go_ahead.c - a second thread finds the next generation while this one is ordered.
 *
 * Invariants  1. Two generations exist; one belongs to the thread, one to the reader, and they
 *                change hands under the lock.
 *             2. Without a thread the same calls read at once, into one generation.
 * Not here    what is read (go_batch.c). */
#include "storage/src/go_ahead.h"

static void *read_on(void *arg) {
    struct go_ahead *a = arg;
    for (unsigned i = 0;; i ^= 1) {
        struct go_ahead_slot *slot = &a->slots[i];
        pthread_mutex_lock(&a->lock);
        while (!a->stop && slot->ready) pthread_cond_wait(&a->turn, &a->lock);
        bool stop = a->stop;
        pthread_mutex_unlock(&a->lock);
        if (stop) return NULL;
        int rc = go_source_next(a->source, &slot->gen, &slot->fault);
        bool over = rc < 0 || (slot->gen.end != GO_END_NEXT && !a->source->resume);
        pthread_mutex_lock(&a->lock);
        slot->rc = rc;
        slot->ready = true;
        a->over = over;
        pthread_cond_broadcast(&a->turn);
        pthread_mutex_unlock(&a->lock);
        if (over) return NULL;
    }
}

void go_ahead_start(struct go_ahead *a, struct go_source *source, bool threaded) {
    a->source = source;
    if (!threaded) return;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->turn, NULL);
    a->threaded = true;
    if (pthread_create(&a->thread, NULL, read_on, a) == 0) return;
    pthread_cond_destroy(&a->turn); /* no thread to be had: it works without one too */
    pthread_mutex_destroy(&a->lock);
    a->threaded = false;
}

int go_ahead_next(struct go_ahead *a, struct go_gen **out, struct fault *f) {
    if (!a->threaded) {
        *out = &a->slots[0].gen;
        return go_source_next(a->source, *out, f);
    }
    pthread_mutex_lock(&a->lock);
    if (a->holds) a->slots[a->current].ready = false;
    if (a->holds) a->current ^= 1;
    a->holds = false;
    struct go_ahead_slot *slot = &a->slots[a->current];
    pthread_cond_broadcast(&a->turn);
    while (!slot->ready && !a->over) pthread_cond_wait(&a->turn, &a->lock);
    if (!slot->ready) {
        pthread_mutex_unlock(&a->lock);
        return fault_set(f, PV_ECANCELED, -1, "the trace was read to its end before");
    }
    a->holds = true;
    pthread_mutex_unlock(&a->lock);
    *out = &slot->gen;
    if (slot->rc < 0) *f = slot->fault;
    return slot->rc;
}

bool go_ahead_ready(struct go_ahead *a) {
    if (!a->threaded) return false;
    pthread_mutex_lock(&a->lock);
    bool ready = a->over || a->slots[a->holds ? a->current ^ 1 : a->current].ready;
    pthread_mutex_unlock(&a->lock);
    return ready;
}

void go_ahead_stop(struct go_ahead *a) {
    if (a->threaded) {
        pthread_mutex_lock(&a->lock);
        a->stop = true;
        pthread_cond_broadcast(&a->turn);
        pthread_mutex_unlock(&a->lock);
        input_cancel(a->source->bytes.in);
        pthread_join(a->thread, NULL);
        pthread_cond_destroy(&a->turn);
        pthread_mutex_destroy(&a->lock);
    }
    go_gen_free(&a->slots[0].gen);
    go_gen_free(&a->slots[1].gen);
    *a = (struct go_ahead){0};
}
