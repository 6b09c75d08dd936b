/* storage/src/go_ahead.c - a second thread reads the next generation while this one is ordered.
 *
 * Invariants  1. Two generations' bytes exist; one belongs to the thread, one to the reader, and
 *                they change hands under the lock.
 *             2. Together they stay near the size of the larger one: the thread waits while the
 *                reader still holds much, and the reader gives the pages back that it is done with.
 *             3. The thread never waits for room while the reader waits for the generation.
 *             4. Without a thread the same calls read at once, into one generation.
 * Not here    what is read (go_batch.c). */
#include "storage/src/go_ahead.h"

#include <sys/mman.h>
#include <unistd.h>

static const size_t LEAST_BUDGET = (size_t)24 << 20;
static const size_t SLACK = (size_t)3 << 20; /* a few steps of release, lest they go in lockstep */
static const size_t RELEASE_STEP = (size_t)1 << 20;

/* Blocks the thread until want bytes of its generation are within the budget.  False: stop. */
bool go_ahead_admit(struct go_ahead *a, size_t want) {
    pthread_mutex_lock(&a->lock);
    size_t budget = a->largest + SLACK;
    if (budget < LEAST_BUDGET) budget = LEAST_BUDGET;
    while (!a->stop && !a->hungry && a->held + want > budget) pthread_cond_wait(&a->turn, &a->lock);
    bool go_on = !a->stop;
    pthread_mutex_unlock(&a->lock);
    return go_on;
}

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
    source->ahead = a;
    if (pthread_create(&a->thread, NULL, read_on, a) == 0) return;
    pthread_cond_destroy(&a->turn); /* no thread to be had: it works without one too */
    pthread_mutex_destroy(&a->lock);
    a->threaded = false;
    source->ahead = NULL;
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
    a->held = 0;
    a->hungry = true;
    struct go_ahead_slot *slot = &a->slots[a->current];
    pthread_cond_broadcast(&a->turn);
    while (!slot->ready && !a->over) pthread_cond_wait(&a->turn, &a->lock);
    a->hungry = false;
    if (!slot->ready) {
        pthread_mutex_unlock(&a->lock);
        return fault_set(f, PV_ECANCELED, -1, "the trace was read to its end before");
    }
    a->holds = true;
    a->held = slot->gen.n;
    a->released = 0;
    if (a->largest < slot->gen.n) a->largest = slot->gen.n;
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

void go_ahead_release(struct go_ahead *a, size_t upto) {
    if (!a->threaded || upto < a->released + RELEASE_STEP) return;
    struct go_gen *g = &a->slots[a->current].gen;
    if (g->n < LEAST_BUDGET / 2) return; /* both have room, and taking pages again costs time */
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)g->bytes + a->released + page - 1) & ~(page - 1);
    uintptr_t to = ((uintptr_t)g->bytes + upto) & ~(page - 1);
    if (to > from) (void)madvise((void *)from, to - from, MADV_DONTNEED);
    a->released = upto;
    pthread_mutex_lock(&a->lock);
    a->held = g->n - upto;
    pthread_cond_broadcast(&a->turn);
    pthread_mutex_unlock(&a->lock);
}

void go_ahead_stop(struct go_ahead *a) {
    if (a->threaded) {
        pthread_mutex_lock(&a->lock);
        a->stop = true;
        pthread_cond_broadcast(&a->turn);
        pthread_mutex_unlock(&a->lock);
        input_cancel(a->source->in);
        pthread_join(a->thread, NULL);
        pthread_cond_destroy(&a->turn);
        pthread_mutex_destroy(&a->lock);
    }
    go_gen_free(&a->slots[0].gen);
    go_gen_free(&a->slots[1].gen);
    *a = (struct go_ahead){0};
}
