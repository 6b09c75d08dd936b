/* storage/src/go_v1_ahead.c - v1 events in final order; their merging on a thread that goes ahead.
 *
 * One thread decodes and merges, the caller's settles, validates and converts: about half of the
 * work each.  The two share only what the scan left, the dictionary (the merging side adds log
 * messages, the giving side only looks up), and the chunks.  Small traces, and callers that want it
 * so, do without the thread.
 * Either side that has to wait does so until half of the chunks are its own: a chunk is too little
 * to be woken for.
 * Invariants  n_taken <= n_filled <= n_taken + V1_N_CHUNKS; chunk i is chunks[i % V1_N_CHUNKS]. */
#include <string.h>

#include "storage/src/go_v1_impl.h"

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
        last = !v1_merge(r, c, V1_CHUNK_EVENTS, &r->merge_fault);
        pthread_mutex_lock(&a->lock);
        a->n_filled++;
        a->over = last;
        if (last || a->n_filled - a->n_taken == V1_N_CHUNKS / 2) pthread_cond_signal(&a->turn);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

static void start_thread(struct go_v1 *r) {
    struct v1_ahead *a = &r->ahead;
    if (pthread_mutex_init(&a->lock, NULL) != 0) return;
    if (pthread_cond_init(&a->turn, NULL) == 0) {
        a->threaded = pthread_create(&a->thread, NULL, order_ahead, r) == 0;
        if (a->threaded) return;
        pthread_cond_destroy(&a->turn);
    }
    pthread_mutex_destroy(&a->lock);
}

static void take_filled(struct v1_ahead *a) {
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
}

/* The next chunk, unless the one before was the last. */
static bool take_chunk(struct go_v1 *r) {
    struct v1_ahead *a = &r->ahead;
    if (a->chunk && a->chunk->last) return false;
    if (a->threaded) {
        take_filled(a);
    } else {
        a->chunk = a->chunks;
        v1_merge(r, a->chunk, V1_FEW_EVENTS, &r->merge_fault);
    }
    a->run = a->chunk->events;
    a->run_end = a->run + a->chunk->n;
    return a->chunk->n > 0;
}

/* ---- settling ---- */

bool v1_ahead_merged(struct go_v1 *r) {
    struct v1_ahead *a = &r->ahead;
    if (a->run != a->run_end) return true;
    bool more = take_chunk(r);
    if (!more && r->merge_fault.code) r->order_fault = r->merge_fault;
    return more;
}

/* A fault of the settling while all is only checked.  Go merges everything before it looks for
 * such, and looks for times that are out of order before exits: what is found later may count. */
static void check_rest(struct go_v1 *r) {
    struct v1_settle *s = &r->settle;
    struct v1_ahead *a = &r->ahead;
    bool sorted = true;
    for (; v1_ahead_merged(r); a->run++) {
        if (sorted && a->run->ts < s->last) {
            sorted = false;
            fault_set(&r->order_fault, PV_ECORRUPT, -1, "time stamps out of order");
        }
        s->last = a->run->ts;
    }
    s->head = s->tail;
    s->n_late = 0;
}

/* Puts one merged event: 1: it is the next one in final order, 0: it is not. */
static int put(struct go_v1 *r, struct v1_event *e) {
    int rc = v1_settle_put(r, e, &r->order_fault);
    if (rc >= 0) return rc;
    if (r->phase == V1_CHECKING) check_rest(r);
    v1_settle_end(&r->settle);
    return 0;
}

struct v1_event *v1_ahead_next(struct go_v1 *r) {
    struct v1_settle *s = &r->settle;
    struct v1_ahead *a = &r->ahead;
    for (;;) {
        struct v1_event *e = s->head != s->tail || s->n_late ? v1_settle_get(r) : NULL;
        if (e || s->ended) return e;
        if (!v1_ahead_merged(r))
            v1_settle_end(s);
        else if (put(r, e = a->run++) == 1)
            return e;
    }
}

/* ---- start and end ---- */

int v1_ahead_start(struct go_v1 *r, struct fault *f) {
    v1_ahead_stop(r);
    r->merge_fault = r->order_fault = (struct fault){0};
    TRY(v1_settle_start(r, f));
    TRY(v1_merge_start(r, f));
    bool threads = !r->single_thread && r->spool.mapped;
    r->ahead.chunks = malloc((threads ? V1_N_CHUNKS : 1) * sizeof *r->ahead.chunks);
    if (!r->ahead.chunks) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    if (threads) start_thread(r);
    return 0;
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
