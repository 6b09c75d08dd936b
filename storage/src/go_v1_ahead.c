/* storage/src/go_v1_ahead.c - v1 events in final order, from a thread that goes on ahead.
 *
 * One thread merges and settles, the caller's validates and converts: the two share only what the
 * scan left, the dictionary (the ordering side adds log messages, the giving side only looks up),
 * and the chunks.  Small traces, and callers that want it so, do without the thread.
 * Either side that has to wait does so until half of the chunks are its own: a chunk is too little
 * to be woken for.
 * Invariants  n_taken <= n_filled <= n_taken + V1_N_CHUNKS; chunk i is chunks[i % V1_N_CHUNKS]. */
#include "storage/src/go_v1_impl.h"

/* ---- order ---- */

/* A fault of the settling while all is only checked.  Go merges everything before it looks for
 * such, and looks for times that are out of order before exits: what is found later may count. */
static void check_rest(struct go_v1 *r) {
    struct v1_settle *s = &r->settle;
    struct fault later;
    struct v1_event *e;
    bool sorted = true;
    int rc;
    while ((rc = v1_merge_next(r, &e, &later)) == 1) {
        if (sorted && e->ts < s->last) {
            sorted = false;
            fault_set(&r->order_fault, PV_ECORRUPT, -1, "time stamps out of order");
        }
        s->last = e->ts;
    }
    if (rc < 0) r->order_fault = later;
    s->head = s->tail;
    s->n_late = 0;
}

/* The next event in final order; NULL = there are no more. */
static struct v1_event *next_settled(struct go_v1 *r) {
    struct v1_settle *s = &r->settle;
    struct v1_event *e;
    while (!s->ended) {
        if (s->head != s->tail || s->n_late) {
            e = v1_settle_get(r);
            if (e) return e;
        }
        int rc = v1_merge_next(r, &e, &r->order_fault);
        if (rc == 1) {
            rc = v1_settle_put(r, e, &r->order_fault);
            if (rc == 1) return e;
            if (rc == 0) continue;
            if (r->phase == V1_CHECKING) check_rest(r);
        }
        v1_settle_end(s);
    }
    return v1_settle_get(r);
}

static void fill(struct go_v1 *r, struct v1_chunk *c) {
    for (c->n = 0; c->n < V1_CHUNK_EVENTS; c->n++) {
        const struct v1_event *e = next_settled(r);
        if (!e) break;
        c->events[c->n] = *e;
    }
    c->last = c->n < V1_CHUNK_EVENTS;
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
    r->chunk = NULL;
    r->i_event = 0;
    r->order_fault = (struct fault){0};
    TRY(v1_settle_start(r, f));
    TRY(v1_merge_start(r, f));
    return r->single_thread || !r->spool.mapped ? 0 : start_thread(r, f);
}

/* The next chunk, unless the one before was the last. */
static bool take_chunk(struct go_v1 *r) {
    struct v1_ahead *a = &r->ahead;
    if (r->chunk && r->chunk->last) return false;
    pthread_mutex_lock(&a->lock);
    if (r->chunk) {
        a->n_taken++;
        if (a->n_filled - a->n_taken == V1_N_CHUNKS / 2) pthread_cond_signal(&a->turn);
    }
    if (a->n_filled == a->n_taken)
        while (!a->over && a->n_filled - a->n_taken < V1_N_CHUNKS / 2)
            pthread_cond_wait(&a->turn, &a->lock);
    r->chunk = &a->chunks[a->n_taken % V1_N_CHUNKS];
    r->i_event = 0;
    pthread_mutex_unlock(&a->lock);
    return r->chunk->n > 0;
}

struct v1_event *v1_ahead_next(struct go_v1 *r) {
    if (!r->ahead.threaded) return next_settled(r);
    if ((!r->chunk || r->i_event == r->chunk->n) && !take_chunk(r)) return NULL;
    return &r->chunk->events[r->i_event++];
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
