/* server/src/imports.c - traces of the running server, and the threads that make their stores.
 *
 * Invariants  1. A trace's state only goes importing -> ready or importing -> failed.
 *             2. At most MAX_IMPORTS_AT_ONCE threads read; the others wait for their turn.
 *             3. The page hears of progress at most 10 times a second for each trace, of new
 *                contents at most 4 times; of a change of state always.
 * Not here    the cache and what a fault of the cache means (cached.c). */
#include "server/src/cached.h"
#include "server/src/json.h"
#include "server/src/report.h"
#include "server/src/server.h"
#include "server/src/trace.h"
#include "server/src/upload.h"
#include "server/src/workers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PROGRESS_NS = 100000000, INFO_NS = 250000000, TURN_NS = 20000000, JOIN_SECONDS = 2 };

static struct text text_of(const char *s) {
    return (struct text){s, strlen(s)};
}

cJSON *trace_json(struct trace *t) {
    static const char *const states[] = {"importing", "ready", "failed"};
    cJSON *o = cJSON_CreateObject();
    pthread_mutex_lock(&t->lock);
    const struct store_progress *p = &t->progress;
    int64_t until = t->finished_ns ? t->finished_ns : monotonic_ns();
    double seconds = (double)(until - t->started_ns) / 1e9;
    double rate = seconds > 0 ? (double)p->bytes_done / seconds : 0;
    json_add_int(o, "trace", t->number);
    json_add_text(o, "name", text_of(t->name));
    json_add_int(o, "bytes", (int64_t)p->bytes_total);
    cJSON_AddStringToObject(o, "state", states[t->state]);
    cJSON *progress = cJSON_AddObjectToObject(o, "progress");
    json_add_int(progress, "done", (int64_t)p->bytes_done);
    json_add_int(progress, "total", (int64_t)p->bytes_total);
    json_add_int(progress, "events", (int64_t)p->n_events);
    json_add_int(progress, "duration", p->duration_ns);
    cJSON_AddNumberToObject(progress, "rate", rate);
    if (rate > 0 && p->bytes_total >= p->bytes_done)
        cJSON_AddNumberToObject(progress, "eta_s", (double)(p->bytes_total - p->bytes_done) / rate);
    else
        cJSON_AddNullToObject(progress, "eta_s");
    if (t->fault.code) {
        cJSON *fault = cJSON_AddObjectToObject(o, "fault");
        cJSON_AddStringToObject(fault, "text", t->fault.text);
        if (t->fault.offset >= 0)
            json_add_int(fault, "offset", t->fault.offset);
        else
            cJSON_AddNullToObject(fault, "offset");
    } else {
        cJSON_AddNullToObject(o, "fault");
    }
    pthread_mutex_unlock(&t->lock);
    return o;
}

static void push(struct trace *t) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "push", "trace");
    cJSON_AddItemToObject(o, "trace", trace_json(t));
    char *text = cJSON_PrintUnformatted(o);
    server_post(t->server, message_text(EVERYBODY, text));
    cJSON_free(text);
    cJSON_Delete(o);
}

static int on_progress(void *arg, const struct store_progress *p) {
    struct trace *t = arg;
    int64_t now = monotonic_ns();
    pthread_mutex_lock(&t->lock);
    t->progress = *p;
    if (p->readable && !t->store_path[0]) {
        store_partial_path(t->slot.store, t->store_path, sizeof t->store_path);
        t->growing = true;
        t->epoch++;
    }
    bool tell = now - t->pushed_ns >= PROGRESS_NS;
    bool tell_info = p->readable && now - t->info_pushed_ns >= INFO_NS;
    if (tell) t->pushed_ns = now;
    if (tell_info) t->info_pushed_ns = now;
    pthread_mutex_unlock(&t->lock);
    if (tell) push(t);
    if (tell_info) workers_push_info(t->server, t);
    return atomic_load_explicit(&t->stop, memory_order_relaxed);
}

/* rc and f as import_cached gives them; path: of the store that is ready. */
static void finish(struct trace *t, int rc, const struct fault *f, const char *path) {
    pthread_mutex_lock(&t->lock);
    t->state = rc < 0 ? TRACE_FAILED : TRACE_READY;
    t->finished_ns = monotonic_ns();
    if (rc != 0) t->fault = *f;
    snprintf(t->store_path, sizeof t->store_path, "%s", rc < 0 ? "" : path);
    t->growing = false;
    t->epoch++;
    pthread_mutex_unlock(&t->lock);
    if (rc < 0 && rc != PV_ECANCELED) report_fault(t->file, f);
    if (rc > 0) report_damage(t->file, f);
    push(t);
    if (rc >= 0) workers_push_info(t->server, t);
    if (t->remove_file) upload_remove(t->file);
}

/* A store is ready as it is; what it says about its trace takes the place of progress. */
static int take_store(struct trace *t, const char *path, struct fault *f) {
    struct store *s;
    TRY(store_open(path, &s, f));
    const struct store_info *info = store_info(s);
    pthread_mutex_lock(&t->lock);
    t->progress.bytes_done = t->progress.bytes_total = info->trace_bytes;
    t->progress.n_events = (uint64_t)info->n_events;
    t->progress.n_slices = (uint64_t)info->n_slices;
    t->progress.duration_ns = info->duration_ns;
    t->progress.readable = true;
    pthread_mutex_unlock(&t->lock);
    int rc = fault_of_gaps(s, f);
    store_close(s);
    return rc;
}

static bool take_turn(struct trace *t) {
    struct trace_list *list = &t->server->traces;
    for (;;) {
        if (atomic_load_explicit(&t->stop, memory_order_relaxed)) return false;
        pthread_mutex_lock(&list->lock);
        bool mine = list->running < MAX_IMPORTS_AT_ONCE;
        list->running += mine;
        pthread_mutex_unlock(&list->lock);
        if (mine) return true;
        nanosleep(&(struct timespec){0, TURN_NS}, NULL);
    }
}

static void give_turn(struct trace *t) {
    pthread_mutex_lock(&t->server->traces.lock);
    t->server->traces.running--;
    pthread_mutex_unlock(&t->server->traces.lock);
}

static void *import_thread(void *arg) {
    struct trace *t = arg;
    struct fault f = {.offset = -1};
    int rc;
    if (t->slot.lock >= 0 || file_is_store(t->file)) {
        const char *path = t->slot.lock >= 0 ? t->slot.store : t->file;
        rc = take_store(t, path, &f);
        finish(t, rc, &f, path);
        return NULL;
    }
    if (!take_turn(t)) {
        rc = fault_set(&f, PV_ECANCELED, -1, "the import was stopped");
    } else {
        const struct store_import_options how = {.trace = t->file,
                                                 .strict = t->strict,
                                                 .growing = true,
                                                 .progress = on_progress,
                                                 .progress_arg = t};
        rc = import_cached(&how, &t->slot, &f);
        give_turn(t);
    }
    struct fault opening = {.offset = -1};
    if (rc >= 0 && take_store(t, t->slot.store, &opening) < 0) {
        rc = opening.code;
        f = opening;
    }
    finish(t, rc, &f, t->slot.store);
    return NULL;
}

static void set_name(struct trace *t, const char *name) {
    if (!name) {
        const char *slash = strrchr(t->file, '/');
        name = strcmp(t->file, "-") == 0 ? "standard input" : slash ? slash + 1 : t->file;
    }
    snprintf(t->name, sizeof t->name, "%.255s", name);
}

struct trace *trace_add(struct server *s, const char *file, const struct trace_options *o) {
    static const struct trace_options usual = {0};
    struct trace_list *list = &s->traces;
    struct trace *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    if (!o) o = &usual;
    t->server = s;
    t->strict = o->strict;
    t->remove_file = o->remove_file;
    t->slot.lock = -1;
    t->started_ns = monotonic_ns();
    snprintf(t->file, sizeof t->file, "%s", file);
    set_name(t, o->name);
    pthread_mutex_init(&t->lock, NULL);
    pthread_mutex_init(&t->making_sets, NULL);
    if (o->slot) t->slot = *o->slot;
    pthread_mutex_lock(&list->lock);
    int n = atomic_load(&list->n);
    t->number = n;
    bool ok = n < MAX_TRACES && pthread_create(&t->thread, NULL, import_thread, t) == 0;
    if (ok) {
        list->all[n] = t;
        atomic_store_explicit(&list->n, n + 1, memory_order_release); /* with trace_get */
    }
    pthread_mutex_unlock(&list->lock);
    if (ok) return t;
    pthread_mutex_destroy(&t->making_sets);
    pthread_mutex_destroy(&t->lock);
    cache_release(&t->slot);
    free(t);
    return NULL;
}

struct trace *trace_get(struct server *s, int number) {
    int n = atomic_load_explicit(&s->traces.n, memory_order_acquire); /* with trace_add */
    return number >= 0 && number < n ? s->traces.all[number] : NULL;
}

void trace_stop(struct trace *t) {
    atomic_store_explicit(&t->stop, true, memory_order_relaxed);
}

enum trace_state trace_first_word(struct trace *t, int ms) {
    for (int64_t until = monotonic_ns() + (int64_t)ms * 1000000;;) {
        pthread_mutex_lock(&t->lock);
        enum trace_state state = t->state;
        bool something = t->progress.bytes_done > 0; /* it has the header of a trace */
        pthread_mutex_unlock(&t->lock);
        if (state != TRACE_IMPORTING || something || monotonic_ns() > until) return state;
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
}

/* An import that waits for a pipe cannot be woken; what it has written is removed for it. */
static bool join(struct trace *t) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += JOIN_SECONDS;
    if (pthread_timedjoin_np(t->thread, NULL, &until) == 0) return true;
    char partial[PATH_MAX];
    store_partial_path(t->slot.store, partial, sizeof partial);
    unlink(partial);
    return false;
}

bool traces_stop(struct server *s) {
    bool all = true;
    int n = atomic_load(&s->traces.n);
    for (int i = 0; i < n; i++) trace_stop(s->traces.all[i]);
    for (int i = 0; i < n; i++) all &= join(s->traces.all[i]);
    return all;
}

void traces_free(struct server *s) {
    int n = atomic_load(&s->traces.n);
    atomic_store(&s->traces.n, 0);
    for (int i = 0; i < n; i++) {
        struct trace *t = s->traces.all[i];
        cache_release(&t->slot);
        for (int by = 0; by < N_SETS_BY; by++) store_sets_free(t->sets[by]);
        pthread_mutex_destroy(&t->making_sets);
        pthread_mutex_destroy(&t->lock);
        free(t);
    }
    pthread_mutex_destroy(&s->traces.lock);
}
