/* storage/src/import.c - a trace becomes a store: this thread builds, its crew does the rest.
 *
 * A growing store is in WAL mode, so that readers see each publication whole. */
#include <string.h>
#include <time.h>

#include "storage/src/build.h"
#include "storage/src/db.h"
#include "storage/src/reader.h"
#include "storage/src/store_file.h"
#include "storage/store.h"

enum {
    N_BATCHES = 16,
    GIVE_BACK = N_BATCHES / 2,
    PROGRESS_MS = 50,
    PUBLISH_FIRST_MS = 40,
    PUBLISH_MAX_MS = 1000
};

/* Batches go round: a line of the crew fills them, the builder empties them.  There are enough that
 * the builder goes on while whoever reads has a chunk to seal; and emptied ones are given back some
 * at a time, so that nobody is called for one of them. */
struct reading {
    struct crew_line line; /* a unit is a batch */
    struct reader *reader;
    struct ev_batch *batches;
    uint64_t taken; /* by the builder */
    int rc;         /* final once the line is over, as is fault */
    struct fault fault;
};

struct import {
    const struct store_import_options *o;
    struct input *input;
    struct reader *reader;
    struct store_file file;
    struct builder *builder;
    struct reading reading;
    int64_t progress_ms, publish_ms, publish_every_ms;
    uint64_t n_published; /* events */
    bool readable;
};

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool read_batch(void *arg) {
    struct reading *r = arg;
    r->rc = reader_next(r->reader, &r->batches[r->line.done % N_BATCHES], &r->fault);
    return r->rc == 1;
}

static bool would_wait(void *arg) {
    const struct reading *r = arg;
    return !reader_ready(r->reader);
}

/* After the builder is done with a batch. */
static void batch_done(struct reading *r, struct crew *crew) {
    if (++r->taken % GIVE_BACK == 0) crew_give(crew, &r->line, GIVE_BACK);
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
    struct reading *r = &im->reading;
    struct crew *crew = build_crew(im->builder);
    for (;;) {
        int64_t deadline = im->progress_ms + PROGRESS_MS;
        enum crew_answer answer = crew_wait(crew, &r->line, r->taken + 1, deadline);
        if (answer == CREW_OVER) return 0;
        if (answer == CREW_DONE) {
            TRY(build_batch(im->builder, &r->batches[r->taken % N_BATCHES], f));
            batch_done(r, crew);
        }
        TRY(tick(im, f));
    }
}

/* On return nobody reads any more. */
static int run_pipeline(struct import *im, struct fault *f) {
    struct reading *r = &im->reading;
    struct crew *crew = build_crew(im->builder);
    r->reader = im->reader;
    r->batches = malloc(N_BATCHES * sizeof *r->batches);
    if (!r->batches) return fault_set(f, PV_ENOMEM, -1, "out of memory while importing");
    r->line = (struct crew_line){.work = read_batch, .waits = would_wait, .arg = r};
    crew_add(crew, &r->line);
    crew_give(crew, &r->line, N_BATCHES);
    int rc = build_all(im, f);
    if (rc < 0) input_cancel(im->input);
    crew_remove(crew, &r->line);
    free(r->batches);
    return rc;
}

static int import_events(struct import *im, struct fault *f) {
    TRY(run_pipeline(im, f));
    const struct fault *damage = im->reading.rc < 0 ? &im->reading.fault : NULL;
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
