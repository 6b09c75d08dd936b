/* storage/src/import.c - a trace becomes a store: one thread orders events, this one builds.
 *
 * A growing store is in WAL mode, so that readers see each publication whole. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "storage/src/build.h"
#include "storage/src/db.h"
#include "storage/src/reader.h"
#include "storage/src/store_file.h"
#include "storage/store.h"

enum { N_BATCHES = 16, PROGRESS_MS = 50, PUBLISH_FIRST_MS = 40, PUBLISH_MAX_MS = 1000 };

/* Batches go round: the reader's thread fills them, the builder's empties them.  There are enough
 * that neither waits while the other has lost its processor for some milliseconds; and a reader
 * that has filled all of them sleeps until half are empty, as waking it costs more than it reads.
 */
struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct ev_batch *batches;
    uint64_t filled, emptied;
    bool stop; /* the builder wants no more */
    bool done; /* the reader has no more; rc and fault are final */
    int rc;
    struct fault fault;
    struct reader *reader;
};

struct import {
    const struct store_import_options *o;
    struct input *input;
    struct reader *reader;
    struct store_file file;
    struct builder *builder;
    struct queue queue;
    int64_t progress_ms, publish_ms, publish_every_ms;
    uint64_t n_published; /* events */
    bool readable;
};

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *read_events(void *arg) {
    struct queue *q = arg;
    int rc = 1;
    while (rc == 1) {
        pthread_mutex_lock(&q->lock);
        if (q->filled - q->emptied == N_BATCHES)
            while (q->filled - q->emptied > N_BATCHES / 2 && !q->stop)
                pthread_cond_wait(&q->changed, &q->lock);
        bool stop = q->stop;
        pthread_mutex_unlock(&q->lock);
        if (stop) break;
        struct fault f = {0};
        rc = reader_next(q->reader, &q->batches[q->filled % N_BATCHES], &f);
        pthread_mutex_lock(&q->lock);
        if (rc == 1)
            q->filled++;
        else
            q->fault = f;
        pthread_cond_broadcast(&q->changed);
        pthread_mutex_unlock(&q->lock);
    }
    pthread_mutex_lock(&q->lock);
    q->done = true;
    q->rc = rc;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

/* The next batch, to be given back with batch_done; NULL: there are no more (*over), or none came
 * by the deadline. */
static const struct ev_batch *next_batch(struct queue *q, int64_t deadline_ms, bool *over) {
    struct timespec t = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
    int rc = 0;
    pthread_mutex_lock(&q->lock);
    while (q->filled == q->emptied && !q->done && rc == 0)
        rc = pthread_cond_timedwait(&q->changed, &q->lock, &t);
    bool got = q->filled != q->emptied;
    *over = !got && q->done;
    pthread_mutex_unlock(&q->lock);
    return got ? &q->batches[q->emptied % N_BATCHES] : NULL;
}

static void batch_done(struct queue *q) {
    pthread_mutex_lock(&q->lock);
    q->emptied++;
    if (q->filled - q->emptied == N_BATCHES / 2) pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

static int write_meta(struct import *im, bool complete, struct fault *f) {
    const char *path = im->o->trace, *slash = strrchr(path, '/');
    uint64_t done, total;
    input_progress(im->input, &done, &total);
    struct store_origin origin = {.format_version = reader_version(im->reader),
                                  .newer = reader_is_newer(im->reader),
                                  .threads_reliable = reader_version(im->reader) >= 22,
                                  .trace_bytes = total ? total : done,
                                  .source_name = !strcmp(path, "-") ? "standard input"
                                                 : slash            ? slash + 1
                                                                    : path};
    return store_file_meta(&im->file, im->builder, &origin, complete, f);
}

static int publish(struct import *im, struct fault *f) {
    TRY(build_publish(im->builder, f));
    TRY(write_meta(im, false, f));
    TRY(db_exec(im->file.db, "COMMIT; BEGIN", f));
    im->n_published = build_counts(im->builder).n_events;
    im->readable = true;
    return 0;
}

static int tell_progress(struct import *im, struct fault *f) {
    if (!im->o->progress) return 0;
    struct build_counts c = build_counts(im->builder);
    struct store_progress p = {.n_events = c.n_events,
                               .n_slices = c.n_slices,
                               .duration_ns = c.duration_ns,
                               .readable = im->readable};
    input_progress(im->input, &p.bytes_done, &p.bytes_total);
    if (!im->o->progress(im->o->progress_arg, &p)) return 0;
    return fault_set(f, PV_ECANCELED, -1, "the import was stopped");
}

/* What is due by the clock: word of progress, and a publication. */
static int tick(struct import *im, struct fault *f) {
    int64_t now = now_ms();
    if (now - im->progress_ms >= PROGRESS_MS) {
        im->progress_ms = now;
        TRY(tell_progress(im, f));
    }
    if (!im->o->growing || now - im->publish_ms < im->publish_every_ms) return 0;
    if (im->n_published == build_counts(im->builder).n_events) return 0;
    TRY(publish(im, f));
    im->publish_ms = now_ms();
    if (im->publish_every_ms < PUBLISH_MAX_MS) im->publish_every_ms *= 2;
    return 0;
}

/* Ticks also while a pipe is silent: what has come is shown, and who stops the import is heard. */
static int build_all(struct import *im, struct fault *f) {
    for (;;) {
        bool over;
        const struct ev_batch *batch = next_batch(&im->queue, im->progress_ms + PROGRESS_MS, &over);
        if (over) return 0;
        int rc = batch ? build_batch(im->builder, batch, f) : 0;
        if (batch) batch_done(&im->queue);
        if (rc == 0) rc = tick(im, f);
        if (rc < 0) return rc;
    }
}

/* The reader in its own thread; on return it has stopped. */
static int run_pipeline(struct import *im, struct fault *f) {
    struct queue *q = &im->queue;
    q->reader = im->reader;
    q->batches = malloc(N_BATCHES * sizeof *q->batches);
    if (!q->batches) return fault_set(f, PV_ENOMEM, -1, "out of memory while importing");
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&q->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_t thread;
    int rc = pthread_create(&thread, NULL, read_events, q)
                 ? fault_set(f, PV_ENOMEM, -1, "cannot start the reader's thread")
                 : 0;
    if (rc == 0) {
        rc = build_all(im, f);
        pthread_mutex_lock(&q->lock);
        q->stop = true;
        pthread_cond_broadcast(&q->changed);
        pthread_mutex_unlock(&q->lock);
        if (rc < 0) input_cancel(im->input);
        pthread_join(thread, NULL);
    }
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
    free(q->batches);
    return rc;
}

static int import_events(struct import *im, struct fault *f) {
    TRY(run_pipeline(im, f));
    const struct fault *damage = im->queue.rc < 0 ? &im->queue.fault : NULL;
    if (damage &&
        (damage->code == PV_ENOMEM || damage->code == PV_EIO || damage->code == PV_EFULL)) {
        *f = *damage;
        return damage->code;
    }
    const struct fault *first = damage ? damage : reader_first_fault(im->reader);
    if (first && !first->code) first = NULL;
    if (first && !build_counts(im->builder).n_events) {
        *f = *first;
        return first->code;
    }
    if (first) *f = *first;
    struct fault inner = {0};
    int rc = build_finish(im->builder, damage, &inner);
    if (rc == 0) rc = write_meta(im, true, &inner);
    build_free(im->builder);
    im->builder = NULL;
    if (rc == 0) rc = store_file_finish(&im->file, &inner);
    if (rc == 0) return first ? 1 : 0;
    *f = inner;
    return rc;
}

int store_import(const struct store_import_options *o, struct fault *f) {
    struct import im = {.o = o, .publish_every_ms = PUBLISH_FIRST_MS};
    im.publish_ms = im.progress_ms = now_ms();
    struct reader_options ro = {.resume = !o->strict};
    int rc = input_open(o->trace, &im.input, f);
    if (rc == 0) rc = reader_open(im.input, &ro, &im.reader, f);
    if (rc == 0) rc = store_file_create(&im.file, o->store, o->growing, f);
    if (rc == 0) {
        im.builder = build_new(im.file.db, reader_dict(im.reader), reader_version(im.reader) >= 22);
        rc = im.builder ? import_events(&im, f)
                        : fault_set(f, PV_ENOMEM, -1, "out of memory while importing");
    }
    build_free(im.builder);
    store_file_abandon(&im.file);
    reader_close(im.reader);
    input_close(im.input);
    return rc;
}
