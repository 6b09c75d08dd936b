/* storage/src/go_v1_ahead.c - v1 events in final order, from a thread that goes on ahead.
 *
 * One thread merges and settles, the caller's validates and converts: the two share only what the
 * scan left, the dictionary (the ordering side adds log messages, the giving side only looks up),
 * and the chunks.  Small traces, and callers that want it so, do without the thread.
 * Either side that has to wait does so until half of the chunks are its own: a chunk is too little
 * to be woken for.
 * Invariants  n_taken <= n_filled <= n_taken + V1_N_CHUNKS; chunk i is chunks[i % V1_N_CHUNKS]. */
#include <string.h>

#include "storage/src/go_v1_impl.h"

/* ---- order ---- */

/* A fault of the settling while all is only checked.  Go merges everything before it looks for
 * such, and looks for times that are out of order before exits: what is found later may count. */
static void check_rest(struct go_v1 *r) {
    struct v1_settle *s = &r->settle;
    struct v1_merge *m = &r->merge;
    struct fault later;
    bool sorted = true;
    int rc;
    do {
        for (const struct v1_event *e = m->run; e != m->run_end; e++) {
            if (sorted && e->ts < s->last) {
                sorted = false;
                fault_set(&r->order_fault, PV_ECORRUPT, -1, "time stamps out of order");
            }
            s->last = e->ts;
        }
    } while ((rc = v1_merge_run(r, &later)) == 1);
    if (rc < 0) r->order_fault = later;
    s->head = s->tail;
    s->n_late = 0;
}

/* The next merged events into the settling: how many of those from *from on are the next ones in
 * final order. */
static uint32_t settle_some(struct go_v1 *r, struct v1_event **from) {
    struct v1_merge *m = &r->merge;
    if (m->run == m->run_end && v1_merge_run(r, &r->order_fault) != 1) {
        v1_settle_end(&r->settle);
        return 0;
    }
    *from = m->run;
    uint32_t n = v1_settle_pass(r);
    m->run += n;
    if (n) return n;
    int rc = v1_settle_put(r, m->run++, &r->order_fault);
    if (rc >= 0) return (uint32_t)rc;
    if (r->phase == V1_CHECKING) check_rest(r);
    v1_settle_end(&r->settle);
    return 0;
}

/* The next events in final order from *from on: how many; 0 = there are no more. */
static uint32_t next_settled(struct go_v1 *r, struct v1_event **from) {
    struct v1_settle *s = &r->settle;
    while (!s->ended) {
        if (s->head != s->tail || s->n_late) {
            *from = v1_settle_get(r);
            if (*from) return 1;
        }
        uint32_t n = settle_some(r, from);
        if (n) return n;
    }
    *from = v1_settle_get(r);
    return *from ? 1 : 0;
}

static void fill(struct go_v1 *r, struct v1_chunk *c) {
    struct v1_event *from;
    uint32_t n;
    for (c->n = 0; c->n <= V1_CHUNK_EVENTS - V1_RUN; c->n += n) {
        n = next_settled(r, &from);
        if (n == 0) break;
        memcpy(&c->events[c->n], from, n * sizeof *from);
    }
    c->last = c->n <= V1_CHUNK_EVENTS - V1_RUN;
}

/* ---- threads ---- */

static void *order_ahead(void *arg) {
    struct go_v1 *r = arg;
    struct v1_ahead *a = &r->ahead;
    bool last = false;
    pthread_mutex_lock(&a->lock);
    while (!last) {
        if (a->n_filled - a->n_taken == V1_N_CHUNKS)
            while (!a->stop && a->n_filled - a->n_taken > V1_N_CHUNKS / 2)
                pthread_cond_wait(&a->turn, &a->lock);
        if (a->stop) break;
        struct v1_chunk *c = &a->chunks[a->n_filled % V1_N_CHUNKS];
        pthread_mutex_unlock(&a->lock);
        fill(r, c);
        last = c->last;
        pthread_mutex_lock(&a->lock);
        a->n_filled++;
        a->over = last;
        if (last || a->n_filled - a->n_taken == V1_N_CHUNKS / 2) pthread_cond_signal(&a->turn);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

static int start_thread(struct go_v1 *r, struct fault *f) {
    struct v1_ahead *a = &r->ahead;
    a->chunks = malloc(V1_N_CHUNKS * sizeof *a->chunks);
    if (!a->chunks) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    if (pthread_mutex_init(&a->lock, NULL) != 0) return 0;
    if (pthread_cond_init(&a->turn, NULL) == 0) {
        a->threaded = pthread_create(&a->thread, NULL, order_ahead, r) == 0;
        if (a->threaded) return 0;
        pthread_cond_destroy(&a->turn);
    }
    pthread_mutex_destroy(&a->lock);
    return 0;
}

int v1_ahead_start(struct go_v1 *r, struct fault *f) {
    v1_ahead_stop(r);
    r->order_fault = (struct fault){0};
    TRY(v1_settle_start(r, f));
    TRY(v1_merge_start(r, f));
    return r->single_thread || !r->spool.mapped ? 0 : start_thread(r, f);
}

/* The next chunk, unless the one before was the last. */
static bool take_chunk(struct v1_ahead *a) {
    if (a->chunk && a->chunk->last) return false;
    pthread_mutex_lock(&a->lock);
    if (a->chunk) {
        a->n_taken++;
        if (a->n_filled - a->n_taken == V1_N_CHUNKS / 2) pthread_cond_signal(&a->turn);
    }
    if (a->n_filled == a->n_taken)
        while (!a->over && a->n_filled - a->n_taken < V1_N_CHUNKS / 2)
            pthread_cond_wait(&a->turn, &a->lock);
    a->chunk = &a->chunks[a->n_taken % V1_N_CHUNKS];
    pthread_mutex_unlock(&a->lock);
    a->next = a->chunk->events;
    a->end = a->next + a->chunk->n;
    return a->chunk->n > 0;
}

bool v1_ahead_more(struct go_v1 *r) {
    struct v1_ahead *a = &r->ahead;
    if (a->threaded) return take_chunk(a);
    a->end = a->next;
    uint32_t n = next_settled(r, &a->next);
    a->end = a->next + n;
    return n > 0;
}

void v1_ahead_stop(struct go_v1 *r) {
    struct v1_ahead *a = &r->ahead;
    if (a->threaded) {
        pthread_mutex_lock(&a->lock);
        a->stop = true;
        pthread_cond_signal(&a->turn);
        pthread_mutex_unlock(&a->lock);
        pthread_join(a->thread, NULL);
        pthread_cond_destroy(&a->turn);
        pthread_mutex_destroy(&a->lock);
    }
    free(a->chunks);
    *a = (struct v1_ahead){0};
}
