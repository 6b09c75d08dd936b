/* server/src/summary_json.c - the facts of a trace as JSON, key for key what Go's reader would say.
 *
 * Names hold any bytes, NUL included, and cJSON's keys are C strings: so objects whose keys come
 * from the trace are made as text here and go in as raw items, and so do all numbers, which would
 * lose digits past 2^53.
 * Two names that differ only in invalid bytes become the same key; both are written, in the order
 * of their bytes, as Go does. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "server/src/summary.h"
#include "storage/quote.h"

/* ---- text ----------------------------------------------------------------------------------- */

struct text_out { /* grows; sticky when memory runs out */
    char *at;
    size_t n, cap;
    bool failed;
};

static char *room(struct text_out *t, size_t n) {
    if (!t->failed && t->cap - t->n < n) {
        size_t cap = 2 * t->cap + n + 256;
        char *bigger = realloc(t->at, cap);
        if (bigger) {
            t->at = bigger;
            t->cap = cap;
        }
        t->failed = !bigger;
    }
    return t->failed ? NULL : t->at + t->n;
}

__attribute__((format(printf, 2, 3))) static void print(struct text_out *t, const char *format,
                                                        ...) {
    enum { ROOM = 512 };
    char *p = room(t, ROOM);
    if (!p) return;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(p, ROOM, format, args);
    va_end(args);
    if (n > 0 && n < ROOM) t->n += (size_t)n;
}

static void quote(struct text_out *t, struct text text) {
    char *p = room(t, QUOTE_MAX(text.n));
    if (p) t->n += (size_t)(quote_json(p, text) - p);
}

static void key(struct text_out *t, struct text name) {
    if (t->n && t->at[t->n - 1] != '{') print(t, ",");
    quote(t, name);
    print(t, ":");
}

/* ---- the document --------------------------------------------------------------------------- */

struct document {
    cJSON *root;
    bool failed;
};

static void add_text(struct document *d, const char *name, struct text_out *t) {
    print(t, "%s", ""); /* a NUL at the end, whatever came before */
    if (t->failed || !cJSON_AddRawToObject(d->root, name, t->at)) d->failed = true;
    free(t->at);
}

static void add_int(struct document *d, const char *name, int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    if (!cJSON_AddRawToObject(d->root, name, text)) d->failed = true;
}

static void add_string(struct document *d, const char *name, const char *value) {
    if (!cJSON_AddStringToObject(d->root, name, value)) d->failed = true;
}

enum columns { COUNT, COUNT_TOTAL, COUNT_TOTAL_MAX, TOTAL_ONLY };

static void put_list(struct text_out *t, const struct fact_list *list, enum columns columns) {
    print(t, "{");
    for (uint32_t i = 0; i < list->n; i++) {
        const struct fact *f = &list->at[i];
        key(t, f->name);
        if (columns == COUNT)
            print(t, "%" PRId64, f->count);
        else if (columns == TOTAL_ONLY)
            print(t, "%" PRId64, f->total_ns);
        else if (columns == COUNT_TOTAL)
            print(t, "{\"count\":%" PRId64 ",\"total_ns\":%" PRId64 "}", f->count, f->total_ns);
        else
            print(t, "{\"count\":%" PRId64 ",\"total_ns\":%" PRId64 ",\"max_ns\":%" PRId64 "}",
                  f->count, f->total_ns, f->max_ns);
    }
    print(t, "}");
}

static void add_list(struct document *d, const char *name, const struct fact_list *list,
                     enum columns columns) {
    struct text_out t = {0};
    put_list(&t, list, columns);
    add_text(d, name, &t);
}

static void add_ranges(struct document *d, const char *name, const struct fact_range *ranges,
                       uint32_t n) {
    struct text_out t = {0};
    print(&t, "{");
    for (uint32_t i = 0; i < n; i++) {
        const struct fact_range *r = &ranges[i];
        key(&t, r->name);
        print(&t,
              "{\"count\":%" PRId64 ",\"total_ns\":%" PRId64 ",\"max_ns\":%" PRId64
              ",\"open_at_end\":%" PRId64 ",\"stray_end\":%" PRId64 ",\"active_events\":%" PRId64
              "}",
              r->count, r->total_ns, r->max_ns, r->open_at_end, r->stray_end, r->active_events);
    }
    print(&t, "}");
    add_text(d, name, &t);
}

static void add_metrics(struct document *d, const struct facts *facts) {
    struct text_out t = {0};
    print(&t, "{");
    for (uint32_t i = 0; i < facts->n_metrics; i++) {
        const struct fact_metric *m = &facts->metrics[i];
        key(&t, m->name);
        print(&t,
              "{\"count\":%" PRId64 ",\"min\":%" PRIu64 ",\"max\":%" PRIu64 ",\"first\":%" PRIu64
              ",\"last\":%" PRIu64 "}",
              m->count, m->min, m->max, m->first, m->last);
    }
    print(&t, "}");
    add_text(d, "metrics", &t);
}

static void add_procs(struct document *d, const struct facts *facts) {
    struct text_out t = {0};
    print(&t, "[");
    for (uint32_t i = 0; i < facts->n_per_p; i++) {
        const struct fact_proc *p = &facts->per_p[i];
        print(&t,
              "%s{\"id\":%" PRId64 ",\"running_ns\":%" PRId64 ",\"syscall_ns\":%" PRId64
              ",\"slices\":%" PRId64 ",\"proc_running_ns\":%" PRId64 ",\"proc_starts\":%" PRId64
              "}",
              i ? "," : "", p->id, p->running_ns, p->syscall_ns, p->slices, p->proc_running_ns,
              p->proc_starts);
    }
    print(&t, "]");
    add_text(d, "per_p", &t);
}

static void add_goroutines(struct document *d, const struct facts *facts) {
    struct text_out t = {0};
    print(&t, "[");
    for (uint32_t i = 0; i < facts->n_top_goroutines; i++) {
        const struct fact_go *g = &facts->top_goroutines[i];
        print(&t, "%s{\"id\":%" PRId64 ",\"name\":", i ? "," : "", g->id);
        quote(&t, g->name);
        print(&t,
              ",\"running_ns\":%" PRId64 ",\"runnable_ns\":%" PRId64 ",\"syscall_ns\":%" PRId64
              ",\"waiting_ns\":%" PRId64 ",\"waiting_by_reason\":",
              g->running_ns, g->runnable_ns, g->syscall_ns, g->waiting_ns);
        put_list(&t, &g->waits, TOTAL_ONLY);
        print(&t, ",\"transitions\":%" PRId64 "}", g->transitions);
    }
    print(&t, "]");
    add_text(d, "top_goroutines", &t);
}

static void add_functions(struct document *d, const struct facts *facts) {
    struct text_out t = {0};
    print(&t, "{");
    for (uint32_t i = 0; i < facts->n_by_start_function; i++) {
        const struct fact_function *f = &facts->by_start_function[i];
        key(&t, f->name);
        print(&t, "{\"goroutines\":%" PRId64 ",\"running_ns\":%" PRId64 "}", f->goroutines,
              f->running_ns);
    }
    print(&t, "}");
    add_text(d, "by_start_function", &t);
}

static void put_time(struct text_out *t, bool known, int64_t ns) {
    if (known)
        print(t, "%" PRId64, ns);
    else
        print(t, "null");
}

static void add_tasks(struct document *d, const struct facts *facts) {
    struct text_out t = {0};
    print(&t, "[");
    for (uint32_t i = 0; i < facts->n_tasks; i++) {
        const struct fact_task *task = &facts->tasks[i];
        print(&t, "%s{\"id\":%" PRIu64 ",\"type\":", i ? "," : "", task->id);
        quote(&t, task->type);
        print(&t, ",\"parent\":%" PRId64 ",\"start\":", task->parent);
        put_time(&t, task->has_start, task->start_ns);
        print(&t, ",\"end\":");
        put_time(&t, task->has_end, task->end_ns);
        print(&t, "}");
    }
    print(&t, "]");
    add_text(d, "tasks", &t);
}

static void add_head(struct document *d, const struct facts *facts) {
    const struct fault *f = &facts->fault;
    add_int(d, "format_version", facts->format_version);
    add_string(d, "result", f->code ? "error" : "ok");
    if (f->code) add_string(d, "error", f->text);
    if (f->code && f->offset >= 0) add_int(d, "error_offset", f->offset);
    add_int(d, "events", facts->events);
    add_list(d, "events_by_kind", &facts->kinds, COUNT);
    add_int(d, "first_ts", facts->first_ts);
    add_int(d, "last_ts", facts->last_ts);
    add_int(d, "duration_ns", facts->duration_ns);
    if (facts->wall_unix_ns) add_int(d, "wall_unix_ns", facts->wall_unix_ns);
    add_int(d, "goroutines", facts->goroutines);
    add_int(d, "procs", facts->procs);
    add_int(d, "threads", facts->threads);
}

static void add_sums(struct document *d, const struct facts *facts) {
    add_list(d, "go_transitions", &facts->go_transitions, COUNT);
    add_list(d, "proc_transitions", &facts->proc_transitions, COUNT);
    add_list(d, "go_states", &facts->go_states, COUNT_TOTAL);
    add_list(d, "wait_reasons", &facts->wait_reasons, COUNT_TOTAL_MAX);
    add_list(d, "stop_reasons", &facts->stop_reasons, COUNT);
    add_procs(d, facts);
    add_goroutines(d, facts);
    add_functions(d, facts);
    add_ranges(d, "ranges", facts->ranges, facts->n_ranges);
    add_metrics(d, facts);
    add_int(d, "task_count", facts->task_count);
    add_tasks(d, facts);
    add_ranges(d, "regions", facts->regions, facts->n_regions);
    add_list(d, "logs", &facts->logs, COUNT);
    add_list(d, "labels", &facts->labels, COUNT);
    add_int(d, "stack_samples", facts->stack_samples);
    add_int(d, "distinct_stacks", facts->distinct_stacks);
    add_int(d, "digest_lines", (int64_t)facts->digest_lines);
    add_string(d, "digest", facts->digest);
    add_string(d, "digest_per_goroutine", facts->digest_per_goroutine);
}

char *summary_json(const struct facts *facts) {
    struct document d = {.root = cJSON_CreateObject()};
    if (!d.root) return NULL;
    add_head(&d, facts);
    add_sums(&d, facts);
    char *text = d.failed ? NULL : cJSON_PrintUnformatted(d.root);
    cJSON_Delete(d.root);
    if (!text) return NULL;
    size_t n = strlen(text);
    char *line = realloc(text, n + 2); /* cJSON allocates with malloc here */
    if (!line) {
        free(text);
        return NULL;
    }
    memcpy(line + n, "\n", 2);
    return line;
}
