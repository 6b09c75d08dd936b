/* storage/src/cut.c - a window of a store as a store of its own.
 *
 * The window is told again as events, in order of time, and built like a trace: so a cut store has
 * every level of detail, sum and table that any other has, and no second way of making them.
 * What began before the window begins with it; a goroutine seen first inside is created there.
 * Everything of the window is held in memory (about 200 bytes a slice). */
#include <string.h>

#include "storage/src/store_file.h"
#include "storage/src/store_impl.h"

struct timed {
    int64_t when_ns; /* in the old store, before clipping: orders what is clipped together */
    uint32_t order;
    struct ev ev;
};

struct last { /* of a goroutine: the slice before */
    int64_t g, end_ns;
    int64_t waker_g, waker_p, waker_m;
    uint32_t waker_stack;
    uint8_t state;
    bool open;
};

struct cut {
    struct store *s;
    int64_t from, to;
    struct dict *dict;
    struct map strings, stacks, of_g;
    struct timed *events;
    uint32_t n, cap;
    struct last *last;
    uint32_t n_last, cap_last;
};

/* ---- names of the old store in the new one's dictionary ---- */

static uint32_t string_of(struct cut *c, uint32_t id) {
    if (!id) return 0;
    uint32_t known = map_get(&c->strings, id);
    if (known != MAP_NONE) return known;
    struct text t = store_string(c->s, id);
    uint32_t fresh = dict_add_string(c->dict, t.data, t.n);
    map_put(&c->strings, id, fresh);
    return fresh;
}

static uint32_t stack_of(struct cut *c, uint32_t id) {
    if (!id) return 0;
    uint32_t known = map_get(&c->stacks, id);
    if (known != MAP_NONE) return known;
    struct stack st = store_stack(c->s, id);
    struct frame *frames = malloc((st.n + 1) * sizeof *frames);
    if (!frames) return 0;
    for (uint32_t i = 0; i < st.n; i++)
        frames[i] = (struct frame){st.frames[i].pc, string_of(c, st.frames[i].func),
                                   string_of(c, st.frames[i].file), st.frames[i].line};
    uint32_t fresh = st.n ? dict_add_stack(c->dict, frames, st.n) : 0;
    free(frames);
    map_put(&c->stacks, id, fresh);
    return fresh;
}

/* ---- events ---- */

static struct ev *add(struct cut *c, int64_t when, enum ev_kind kind, struct fault *f) {
    if (c->n == c->cap) {
        uint32_t cap = c->cap ? c->cap * 2 : 4096;
        struct timed *grown = realloc(c->events, cap * sizeof *grown);
        if (!grown) {
            store__no_memory(f);
            return NULL;
        }
        c->events = grown;
        c->cap = cap;
    }
    struct timed *t = &c->events[c->n];
    int64_t at = when < c->from ? c->from : when;
    *t = (struct timed){
        .when_ns = when,
        .order = c->n++,
        .ev = {.time_ns = at - c->from, .kind = (uint8_t)kind, .g = NO_ID, .p = NO_ID, .m = NO_ID}};
    return &t->ev;
}

static struct last *last_of(struct cut *c, int64_t g) {
    uint32_t i = map_get(&c->of_g, (uint64_t)g);
    if (i != MAP_NONE) return &c->last[i];
    if (c->n_last == c->cap_last) {
        uint32_t cap = c->cap_last ? c->cap_last * 2 : 256;
        struct last *grown = realloc(c->last, cap * sizeof *grown);
        if (!grown) return NULL;
        c->last = grown;
        c->cap_last = cap;
    }
    c->last[c->n_last] = (struct last){.g = g, .end_ns = -1, .state = GO_NOTEXIST};
    map_put(&c->of_g, (uint64_t)g, c->n_last);
    return &c->last[c->n_last++];
}

static bool after_gap(const struct cut *c, int64_t start) {
    for (uint32_t i = 0; i < c->s->info.n_gaps; i++)
        if (c->s->info.gaps[i].to_ns == start) return true;
    return false;
}

/* A goroutine's name comes from a stack: here one of a single frame, its start function. */
static int tell_name(struct cut *c, const struct slice *x, struct fault *f) {
    uint32_t group = store__group_of(c->s, x->g, x->start_ns);
    struct text func = store_group(c->s, group).func;
    if (!func.n) return 0;
    struct frame frame = {.func = dict_add_string(c->dict, func.data, func.n)};
    struct ev *e = add(c, x->start_ns, EV_GO_TRANSITION, f);
    if (!e) return PV_ENOMEM;
    e->id = (uint64_t)x->g;
    e->from = e->to = GO_UNDETERMINED;
    e->tstack = dict_add_stack(c->dict, &frame, 1);
    return 0;
}

static int tell_slice(struct cut *c, const struct slice *x, struct fault *f) {
    struct slice_class class = slices_class(c->s, x->class_id);
    struct last *l = last_of(c, x->g);
    if (!l) return store__no_memory(f);
    bool goes_on = l->end_ns == x->start_ns && !l->open;
    if (!goes_on) TRY(tell_name(c, x, f));
    struct ev *e = add(c, x->start_ns, EV_GO_TRANSITION, f);
    if (!e) return PV_ENOMEM;
    bool seen_first = x->start_ns <= c->from || x->start_ns == 0 || after_gap(c, x->start_ns);
    e->from = goes_on ? l->state : seen_first ? GO_UNDETERMINED : GO_NOTEXIST;
    e->to = class.state;
    e->id = (uint64_t)x->g;
    e->str = string_of(c, class.reason);
    e->tstack = stack_of(c, class.stack);
    if (class.state == GO_RUNNING || class.state == GO_SYSCALL) {
        e->p = x->p;
        e->m = x->m;
    } else if (goes_on && l->state == GO_WAITING) {
        e->g = l->waker_g;
        e->p = l->waker_p;
        e->m = l->waker_m;
        e->stack = stack_of(c, l->waker_stack);
    }
    *l = (struct last){x->g,       x->start_ns + x->dur_ns, x->waker_g,  x->waker_p,
                       x->waker_m, x->waker_stack,          class.state, x->open};
    return 0;
}

static int tell_slices(struct cut *c, struct fault *f) {
    struct slice_filter w = {
        .from_ns = c->from, .to_ns = c->to, .g_min = INT64_MIN, .g_max = INT64_MAX};
    struct slice_scan *scan;
    TRY(slice_scan_open(c->s, &w, &scan, f));
    struct slice x;
    int rc;
    while ((rc = slice_scan_next(scan, &x, f)) == 1 && (rc = tell_slice(c, &x, f)) == 0) {
    }
    slice_scan_close(scan);
    for (uint32_t i = 0; rc == 0 && i < c->n_last; i++) {
        const struct last *l = &c->last[i];
        if (l->open || l->end_ns >= c->to) continue;
        struct ev *e = add(c, l->end_ns, EV_GO_TRANSITION, f);
        if (!e) return PV_ENOMEM;
        e->id = (uint64_t)l->g;
        e->from = l->state;
        e->to = GO_NOTEXIST;
    }
    return rc;
}

/* ---- column tables ---- */

static int64_t or_none(int64_t v) {
    return v == COLTAB_NULL ? NO_ID : v;
}

typedef int (*tell_fn)(struct cut *c, const int64_t *v, struct fault *f);

static bool inside(const struct cut *c, int64_t t) {
    return t >= c->from && t < c->to;
}

static int tell_proc(struct cut *c, const int64_t *v, struct fault *f) {
    int64_t start = v[COL_PROC_SLICES_START], end = start + v[COL_PROC_SLICES_DUR];
    if (start >= c->to || end <= c->from) return 0;
    struct ev *e = add(c, start, EV_PROC_TRANSITION, f);
    if (!e) return PV_ENOMEM;
    e->id = (uint64_t)v[COL_PROC_SLICES_P];
    e->from = start <= c->from ? PROC_UNDETERMINED : PROC_IDLE;
    e->to = PROC_RUNNING;
    e->m = or_none(v[COL_PROC_SLICES_M]);
    if (end >= c->to) return 0;
    if (!(e = add(c, end, EV_PROC_TRANSITION, f))) return PV_ENOMEM;
    e->id = (uint64_t)v[COL_PROC_SLICES_P];
    e->from = PROC_RUNNING;
    e->to = PROC_IDLE;
    return 0;
}

/* Begin and end of something that has a length. */
static int tell_pair(struct cut *c, const struct ev *like, int64_t start, int64_t end,
                     enum ev_kind begin_kind, enum ev_kind end_kind, struct fault *f) {
    if (start >= c->to || end <= c->from) return 0;
    for (int i = 0; i < 2; i++) {
        if (i && end >= c->to) break;
        struct ev *e = add(c, i ? end : start, i ? end_kind : begin_kind, f);
        if (!e) return PV_ENOMEM;
        struct ev copy = *like;
        copy.time_ns = e->time_ns;
        copy.kind = e->kind;
        *e = copy;
    }
    return 0;
}

static int tell_range(struct cut *c, const int64_t *v, struct fault *f) {
    struct ev like = {
        .str = string_of(c, (uint32_t)v[COL_RANGES_NAME]),
        .id = v[COL_RANGES_SCOPE_ID] == COLTAB_NULL ? 0 : (uint64_t)v[COL_RANGES_SCOPE_ID],
        .scope = (unsigned)v[COL_RANGES_SCOPE] & 3u,
        .g = or_none(v[COL_RANGES_G]),
        .p = or_none(v[COL_RANGES_P]),
        .m = NO_ID,
        .stack = stack_of(c, (uint32_t)v[COL_RANGES_STACK])};
    int64_t start = v[COL_RANGES_START];
    return tell_pair(c, &like, start, start + v[COL_RANGES_DUR], EV_RANGE_BEGIN, EV_RANGE_END, f);
}

static int tell_region(struct cut *c, const int64_t *v, struct fault *f) {
    struct ev like = {.str = string_of(c, (uint32_t)v[COL_REGIONS_TYPE]),
                      .id = (uint64_t)v[COL_REGIONS_TASK],
                      .g = v[COL_REGIONS_G],
                      .p = NO_ID,
                      .m = NO_ID,
                      .stack = stack_of(c, (uint32_t)v[COL_REGIONS_STACK])};
    int64_t start = v[COL_REGIONS_START];
    return tell_pair(c, &like, start, start + v[COL_REGIONS_DUR], EV_REGION_BEGIN, EV_REGION_END,
                     f);
}

static int tell_task(struct cut *c, const int64_t *v, struct fault *f) {
    struct ev like = {.str = string_of(c, (uint32_t)v[COL_TASKS_TYPE]),
                      .id = (uint64_t)v[COL_TASKS_ID],
                      .aux = v[COL_TASKS_PARENT] == COLTAB_NULL ? UINT64_MAX
                                                                : (uint64_t)v[COL_TASKS_PARENT],
                      .g = or_none(v[COL_TASKS_G]),
                      .p = NO_ID,
                      .m = NO_ID};
    int64_t start = v[COL_TASKS_START], end = v[COL_TASKS_END];
    return tell_pair(c, &like, start == COLTAB_NULL ? -1 : start,
                     end == COLTAB_NULL ? INT64_MAX : end, EV_TASK_BEGIN, EV_TASK_END, f);
}

static int tell_metric(struct cut *c, const int64_t *v, struct fault *f) {
    if (!inside(c, v[COL_METRICS_TIME])) return 0;
    struct ev *e = add(c, v[COL_METRICS_TIME], EV_METRIC, f);
    if (!e) return PV_ENOMEM;
    e->str = string_of(c, (uint32_t)v[COL_METRICS_NAME]);
    e->id = (uint64_t)v[COL_METRICS_VALUE];
    return 0;
}

static int tell_log(struct cut *c, const int64_t *v, struct fault *f) {
    if (!inside(c, v[COL_LOGS_TIME])) return 0;
    struct ev *e = add(c, v[COL_LOGS_TIME], EV_LOG, f);
    if (!e) return PV_ENOMEM;
    e->id = (uint64_t)v[COL_LOGS_TASK];
    e->g = or_none(v[COL_LOGS_G]);
    e->p = or_none(v[COL_LOGS_P]);
    e->str = string_of(c, (uint32_t)v[COL_LOGS_CATEGORY]);
    e->aux = string_of(c, (uint32_t)v[COL_LOGS_MESSAGE]);
    e->stack = stack_of(c, (uint32_t)v[COL_LOGS_STACK]);
    return 0;
}

static int tell_label(struct cut *c, const int64_t *v, struct fault *f) {
    if (!inside(c, v[COL_LABELS_TIME])) return 0;
    struct ev *e = add(c, v[COL_LABELS_TIME], EV_LABEL, f);
    if (!e) return PV_ENOMEM;
    e->id = (uint64_t)v[COL_LABELS_G];
    e->scope = SCOPE_GO;
    e->str = string_of(c, (uint32_t)v[COL_LABELS_LABEL]);
    return 0;
}

static int tell_sample(struct cut *c, const int64_t *v, struct fault *f) {
    if (!inside(c, v[COL_SAMPLES_TIME])) return 0;
    struct ev *e = add(c, v[COL_SAMPLES_TIME], EV_STACK_SAMPLE, f);
    if (!e) return PV_ENOMEM;
    e->g = or_none(v[COL_SAMPLES_G]);
    e->p = or_none(v[COL_SAMPLES_P]);
    e->m = or_none(v[COL_SAMPLES_M]);
    e->stack = stack_of(c, (uint32_t)v[COL_SAMPLES_STACK]);
    return 0;
}

static int tell_table(struct cut *c, enum coltab_table table, tell_fn tell, struct fault *f) {
    struct coltab *t;
    struct coltab_scan *scan;
    TRY(store__tab(c->s, table, &t, f));
    TRY(coltab_scan_open(t, &scan, f));
    const int64_t *v;
    int rc;
    while ((rc = coltab_scan_next(scan, &v, f)) == 1 && (rc = tell(c, v, f)) == 0) {
    }
    coltab_scan_close(scan);
    return rc;
}

static int tell_gaps(struct cut *c, struct fault *f) {
    for (uint32_t i = 0; i < c->s->info.n_gaps; i++) {
        const struct store_gap *g = &c->s->info.gaps[i];
        if (g->to_ns <= c->from || g->from_ns >= c->to) continue;
        struct ev *e = add(c, g->from_ns, EV_GAP, f);
        if (!e) return PV_ENOMEM;
        e->id = (uint64_t)g->offset;
        e->str = dict_add_string(c->dict, g->cause.data, g->cause.n);
        if (g->to_ns < c->to && !add(c, g->to_ns, EV_SYNC, f)) return PV_ENOMEM;
    }
    return 0;
}

static int tell_all(struct cut *c, struct fault *f) {
    static const struct {
        enum coltab_table table;
        tell_fn tell;
    } tables[] = {{TAB_PROC_SLICES, tell_proc}, {TAB_RANGES, tell_range},   {TAB_TASKS, tell_task},
                  {TAB_REGIONS, tell_region},   {TAB_METRICS, tell_metric}, {TAB_LOGS, tell_log},
                  {TAB_LABELS, tell_label},     {TAB_SAMPLES, tell_sample}};
    /* Where the window begins; nothing else is so early. */
    if (!add(c, INT64_MIN, EV_SYNC, f)) return PV_ENOMEM;
    TRY(tell_gaps(c, f));
    TRY(tell_slices(c, f));
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        TRY(tell_table(c, tables[i].table, tables[i].tell, f));
    if (!add(c, c->to, EV_SYNC, f)) return PV_ENOMEM; /* and where it ends */
    return 0;
}

static int by_time(const void *a, const void *b) {
    const struct timed *x = a, *y = b;
    if (x->when_ns != y->when_ns) return x->when_ns < y->when_ns ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static int build_from(struct cut *c, struct builder *b, struct fault *f) {
    struct ev_batch *batch = malloc(sizeof *batch);
    if (!batch) return store__no_memory(f);
    int rc = 0;
    batch->n_args = 0;
    for (uint32_t i = 0; rc == 0 && i < c->n;) {
        for (batch->n = 0; batch->n < EV_BATCH_EVENTS && i < c->n; i++)
            batch->ev[batch->n++] = c->events[i].ev;
        rc = build_batch(b, batch, f);
    }
    free(batch);
    return rc == 0 ? build_finish(b, NULL, f) : rc;
}

static int write_store(struct cut *c, const char *path, struct fault *f) {
    const struct store_info *i = &c->s->info;
    struct store_file file;
    struct store_origin origin = {i->format_version, i->newer, i->threads_reliable, i->trace_bytes,
                                  i->source_name};
    int rc = store_file_create(&file, path, false, f);
    struct builder *b = rc == 0 ? build_new(file.db, c->dict, i->threads_reliable) : NULL;
    if (rc == 0 && !b) rc = store__no_memory(f);
    if (rc == 0) {
        if (i->wall_unix_ns) build_set_wall(b, i->wall_unix_ns + c->from);
        rc = build_from(c, b, f);
    }
    if (rc == 0) rc = store_file_meta(&file, b, &origin, true, f);
    build_free(b);
    if (rc == 0) rc = store_file_finish(&file, f);
    store_file_abandon(&file);
    return rc;
}

int store_cut(struct store *s, int64_t from_ns, int64_t to_ns, const char *out, struct fault *f) {
    if (from_ns < 0) from_ns = 0;
    if (to_ns > s->info.duration_ns) to_ns = s->info.duration_ns;
    if (from_ns >= to_ns)
        return fault_set(f, PV_EUSAGE, -1, "the window to cut is empty: the trace lasts %lld ns",
                         (long long)s->info.duration_ns);
    struct cut c = {.s = s, .from = from_ns, .to = to_ns, .dict = dict_new()};
    int rc = c.dict ? tell_all(&c, f) : store__no_memory(f);
    if (rc == 0) {
        qsort(c.events, c.n, sizeof *c.events, by_time);
        rc = write_store(&c, out, f);
    }
    free(c.events);
    free(c.last);
    map_free(&c.strings);
    map_free(&c.stacks);
    map_free(&c.of_g);
    dict_free(c.dict);
    return rc;
}
