/* server/src/workers.c - a queue of requests and the threads that take from it.
 * Not here    what requests do (req_*.c); how they are read and answers are wrapped (requests.c).
 */
#include "server/src/workers.h"
#include "server/src/report.h"
#include "server/src/requests.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { REFRESH_NS = 50000000, LARGE_BLOCK = 256 << 10 };

struct opened { /* one trace's store in one worker */
    struct store *store;
    unsigned epoch;
    bool growing;
    int64_t refreshed_ns;
};

struct worker {
    pthread_t thread;
    struct workers *pool;
    bool takes_heavy;
    struct job *running;
    struct opened stores[MAX_TRACES];
};

struct workers {
    struct server *server;
    pthread_mutex_t lock; /* guards everything but a worker's stores */
    pthread_cond_t wake;
    struct job *queue, **tail;
    bool ending;
    bool info_queued[MAX_TRACES];
    int n_started;
    struct worker worker[N_WORKERS];
};

int job_canceled(struct job *j, struct fault *f) {
    if (!atomic_load_explicit(&j->canceled, memory_order_relaxed)) return 0;
    return fault_set(f, PV_ECANCELED, -1, "canceled");
}

static void job_free(struct job *j) {
    cJSON_Delete(j->request);
    free(j);
}

/* ---- stores -------------------------------------------------------------------------------- */

static int open_for(struct worker *w, struct trace *t, struct store **out, struct fault *f) {
    struct opened *o = &w->stores[t->number];
    char path[PATH_MAX];
    pthread_mutex_lock(&t->lock);
    memcpy(path, t->store_path, sizeof path);
    unsigned epoch = t->epoch;
    bool growing = t->growing;
    struct fault why = t->fault;
    enum trace_state state = t->state;
    pthread_mutex_unlock(&t->lock);
    if (o->store && o->epoch != epoch) {
        store_close(o->store);
        o->store = NULL;
    }
    if (!path[0] && state == TRACE_FAILED)
        return fault_set(f, why.code ? why.code : PV_EIO, why.offset, "%s", why.text);
    if (!path[0]) return fault_set(f, PV_EINCOMPLETE, -1, "nothing of the trace is read yet");
    if (!o->store) {
        TRY(growing ? store_open_growing(path, &o->store, f) : store_open(path, &o->store, f));
        o->epoch = epoch;
        o->growing = growing;
        o->refreshed_ns = monotonic_ns();
    } else if (o->growing && monotonic_ns() - o->refreshed_ns > REFRESH_NS) {
        TRY(store_refresh(o->store, f));
        o->refreshed_ns = monotonic_ns();
    }
    *out = o->store;
    return 0;
}

/* ---- threads ------------------------------------------------------------------------------- */

/* Pictures before figures: of what this worker takes the first tiles, else the first. */
static struct job *take(struct worker *w) {
    struct job **best = NULL;
    for (struct job **at = &w->pool->queue; *at; at = &(*at)->next) {
        const struct operation *op = (*at)->operation;
        if (op->weight == OP_HEAVY && !w->takes_heavy) continue;
        if (!best || op->weight < (*best)->operation->weight) best = at;
        if (op->weight == OP_PICTURE) break;
    }
    if (!best) return NULL;
    struct job *j = *best;
    *best = j->next;
    if (!*best) w->pool->tail = best;
    return j;
}

static void run(struct worker *w, struct job *j) {
    struct answer a = {0};
    struct fault f = {.offset = -1};
    int rc = job_canceled(j, &f);
    if (rc == 0) rc = open_for(w, j->trace, &j->store, &f);
    if (rc == 0) rc = j->operation->run(j, &a, &f);
    request_answer(j, rc, &a, &f);
}

static void *work(void *arg) {
    struct worker *w = arg;
    struct workers *pool = w->pool;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct job *j = pool->ending ? NULL : take(w);
        if (j) {
            w->running = j;
            if (j->client == EVERYBODY) pool->info_queued[j->trace->number] = false;
            pthread_mutex_unlock(&pool->lock);
            run(w, j);
            pthread_mutex_lock(&pool->lock);
            w->running = NULL;
            job_free(j);
        } else if (pool->ending) {
            break;
        } else {
            pthread_cond_wait(&pool->wake, &pool->lock);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < MAX_TRACES; i++) store_close(w->stores[i].store);
    return NULL;
}

/* What a request took goes back to the system when it is done.  By itself malloc would keep blocks
 * as large as it has ever freed one, in each worker. */
static void return_memory(void) {
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
    mallopt(M_TRIM_THRESHOLD, 4 * LARGE_BLOCK);
}

int workers_start(struct server *s) {
    return_memory();
    struct workers *pool = calloc(1, sizeof *pool);
    if (!pool) return -1;
    s->workers = pool;
    pool->server = s;
    pool->tail = &pool->queue;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    for (int i = 0; i < N_WORKERS; i++) {
        pool->worker[i].pool = pool;
        pool->worker[i].takes_heavy = i == 0;
        if (pthread_create(&pool->worker[i].thread, NULL, work, &pool->worker[i]) != 0) return -1;
        pool->n_started++;
    }
    return 0;
}

void workers_end(struct server *s) {
    struct workers *pool = s->workers;
    if (!pool) return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    for (int i = 0; i < N_WORKERS; i++)
        if (pool->worker[i].running) atomic_store(&pool->worker[i].running->canceled, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->n_started; i++) pthread_join(pool->worker[i].thread, NULL);
    while (pool->queue) {
        struct job *next = pool->queue->next;
        job_free(pool->queue);
        pool->queue = next;
    }
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
    s->workers = NULL;
}

/* ---- the queue ----------------------------------------------------------------------------- */

static void append(struct workers *pool, struct job *j) {
    j->next = NULL;
    *pool->tail = j;
    pool->tail = &j->next;
    pthread_cond_broadcast(&pool->wake);
}

int workers_add(struct server *s, struct job *j) {
    struct workers *pool = s->workers;
    int n = 0;
    pthread_mutex_lock(&pool->lock);
    for (struct job *other = pool->queue; other; other = other->next)
        n += other->client == j->client;
    if (n < MAX_QUEUED_JOBS) append(pool, j);
    pthread_mutex_unlock(&pool->lock);
    return n < MAX_QUEUED_JOBS ? 0 : PV_ELIMIT;
}

/* Marks jobs of a client, those that wait and those that run; id < 0: all of them. */
static void cancel(struct server *s, uint64_t client, int64_t id) {
    struct workers *pool = s->workers;
    if (!pool) return; /* the server ends: its clients go last */
    pthread_mutex_lock(&pool->lock);
    for (struct job *j = pool->queue; j; j = j->next)
        if (j->client == client && (id < 0 || j->id == id)) atomic_store(&j->canceled, 1);
    for (int i = 0; i < N_WORKERS; i++) {
        struct job *j = pool->worker[i].running;
        if (j && j->client == client && (id < 0 || j->id == id)) atomic_store(&j->canceled, 1);
    }
    pthread_mutex_unlock(&pool->lock);
}

void workers_cancel(struct server *s, uint64_t client, uint32_t id) {
    cancel(s, client, id);
}
void workers_cancel_client(struct server *s, uint64_t client) {
    cancel(s, client, -1);
}

void workers_push_info(struct server *s, struct trace *t) {
    struct workers *pool = s->workers;
    struct job *j = calloc(1, sizeof *j);
    if (!j) return;
    j->server = s;
    j->client = EVERYBODY;
    j->operation = request_info_operation();
    j->trace = t;
    pthread_mutex_lock(&pool->lock);
    bool queued = pool->info_queued[t->number];
    pool->info_queued[t->number] = true;
    if (!queued) append(pool, j);
    pthread_mutex_unlock(&pool->lock);
    if (queued) job_free(j);
}
