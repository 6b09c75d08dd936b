/* storage/src/cut_tables.c - what a span has of the column tables, as events.
 *
 * Things that last (ranges, regions, tasks, processors' threads) are told when they begin, with
 * their ends; those that began before the window begin with it. */
#include "storage/src/cut_impl.h"

static bool touches(const struct cut *c, int64_t start, int64_t end) {
    return start < c->to && (end > c->from || start >= c->from);
}

/* Where something has both; an end in the window is told, too. */
static void tell_pair(struct cut *c, const struct ev *like, int64_t start, int64_t end,
                      enum ev_kind begin_kind, enum ev_kind end_kind) {
    for (int i = 0; i < 2; i++) {
        enum cut_rank rank = i && end > start ? RANK_END : RANK_BEGIN;
        struct told *t = cut__tell(c, i ? end : start, rank, i ? end_kind : begin_kind);
        struct ev own = t->ev;
        t->ev = *like;
        t->ev.time_ns = own.time_ns;
        t->ev.kind = own.kind;
    }
}

static void tell_proc(struct cut *c, const int64_t *v) {
    int64_t start = v[COL_PROC_SLICES_START], end = cut_end(start, v[COL_PROC_SLICES_DUR]);
    if (!touches(c, start, end)) return;
    struct ev like = {.id = (uint64_t)v[COL_PROC_SLICES_P],
                      .from = PROC_IDLE,
                      .to = PROC_RUNNING,
                      .g = NO_ID,
                      .p = NO_ID,
                      .m = cut_or_none(v[COL_PROC_SLICES_M])};
    tell_pair(c, &like, start, INT64_MAX, EV_PROC_TRANSITION, EV_PROC_TRANSITION);
    struct told *t = cut__tell(c, end, end > start ? RANK_END : RANK_BEGIN, EV_PROC_TRANSITION);
    t->ev.id = like.id;
    t->ev.from = PROC_RUNNING;
    t->ev.to = PROC_IDLE;
}

static void tell_range(struct cut *c, const int64_t *v) {
    int64_t start = v[COL_RANGES_START], end = cut_end(start, v[COL_RANGES_DUR]);
    if (!touches(c, start, end)) return;
    struct ev like = {
        .str = cut__string(c, (uint32_t)v[COL_RANGES_NAME]),
        .id = v[COL_RANGES_SCOPE_ID] == COLTAB_NULL ? 0 : (uint64_t)v[COL_RANGES_SCOPE_ID],
        .scope = (unsigned)v[COL_RANGES_SCOPE] & 3u,
        .g = cut_or_none(v[COL_RANGES_G]),
        .p = cut_or_none(v[COL_RANGES_P]),
        .m = NO_ID,
        .stack = cut__stack(c, (uint32_t)v[COL_RANGES_STACK])};
    tell_pair(c, &like, start, end, EV_RANGE_BEGIN, EV_RANGE_END);
}

/* A region that is still open where it ends, ends with its goroutine or a gap. */
static void tell_region(struct cut *c, const int64_t *v) {
    int64_t start = v[COL_REGIONS_START], end = cut_end(start, v[COL_REGIONS_DUR]);
    if (!touches(c, start, end)) return;
    struct ev like = {.str = cut__string(c, (uint32_t)v[COL_REGIONS_TYPE]),
                      .id = (uint64_t)v[COL_REGIONS_TASK],
                      .g = v[COL_REGIONS_G],
                      .p = NO_ID,
                      .m = NO_ID,
                      .stack = cut__stack(c, (uint32_t)v[COL_REGIONS_STACK])};
    tell_pair(c, &like, start, v[COL_REGIONS_OPEN] ? INT64_MAX : end, EV_REGION_BEGIN,
              EV_REGION_END);
}

/* What is known of a task ends at a gap, and begins anew behind it. */
static int64_t gap_after(const struct cut *c, int64_t t) {
    const struct store_info *i = &c->s->info;
    for (uint32_t k = 0; k < i->n_gaps; k++)
        if (i->gaps[k].from_ns >= t) return i->gaps[k].from_ns;
    return INT64_MAX;
}

static int64_t gap_before(const struct cut *c, int64_t t) {
    const struct store_info *i = &c->s->info;
    int64_t end = INT64_MIN;
    for (uint32_t k = 0; k < i->n_gaps && i->gaps[k].to_ns <= t; k++) end = i->gaps[k].to_ns;
    return end;
}

static void tell_task(struct cut *c, const int64_t *v) {
    int64_t start = v[COL_TASKS_START], end = v[COL_TASKS_END];
    bool no_start = start == COLTAB_NULL, no_end = end == COLTAB_NULL;
    if (no_start ? no_end : c->first && start >= c->b) return; /* later */
    if (no_start) start = gap_before(c, end);
    if (no_end) end = gap_after(c, start);
    if (!touches(c, start, end)) return;
    struct ev like = {.str = cut__string(c, (uint32_t)v[COL_TASKS_TYPE]),
                      .id = (uint64_t)v[COL_TASKS_ID],
                      .aux = v[COL_TASKS_PARENT] == COLTAB_NULL ? UINT64_MAX
                                                                : (uint64_t)v[COL_TASKS_PARENT],
                      .g = cut_or_none(v[COL_TASKS_G]),
                      .p = NO_ID,
                      .m = NO_ID};
    if (no_end) end = INT64_MAX;
    if (no_start && end < c->to) /* whose end is all that there is of it */
        tell_pair(c, &like, INT64_MAX, end, EV_TASK_BEGIN, EV_TASK_END);
    else
        tell_pair(c, &like, start, end, EV_TASK_BEGIN, EV_TASK_END);
}

static void tell_metric(struct cut *c, const int64_t *v) {
    struct ev *e = &cut__tell(c, v[COL_METRICS_TIME], RANK_BEGIN, EV_METRIC)->ev;
    e->str = cut__string(c, (uint32_t)v[COL_METRICS_NAME]);
    e->id = (uint64_t)v[COL_METRICS_VALUE];
}

static void tell_log(struct cut *c, const int64_t *v) {
    struct ev *e = &cut__tell(c, v[COL_LOGS_TIME], RANK_BEGIN, EV_LOG)->ev;
    e->id = (uint64_t)v[COL_LOGS_TASK];
    e->g = cut_or_none(v[COL_LOGS_G]);
    e->p = cut_or_none(v[COL_LOGS_P]);
    e->str = cut__string(c, (uint32_t)v[COL_LOGS_CATEGORY]);
    e->aux = cut__string(c, (uint32_t)v[COL_LOGS_MESSAGE]);
    e->stack = cut__stack(c, (uint32_t)v[COL_LOGS_STACK]);
}

static void tell_label(struct cut *c, const int64_t *v) {
    struct ev *e = &cut__tell(c, v[COL_LABELS_TIME], RANK_BEGIN, EV_LABEL)->ev;
    e->id = (uint64_t)v[COL_LABELS_G];
    e->scope = SCOPE_GO;
    e->str = cut__string(c, (uint32_t)v[COL_LABELS_LABEL]);
}

static void tell_sample(struct cut *c, const int64_t *v) {
    struct ev *e = &cut__tell(c, v[COL_SAMPLES_TIME], RANK_BEGIN, EV_STACK_SAMPLE)->ev;
    e->g = cut_or_none(v[COL_SAMPLES_G]);
    e->p = cut_or_none(v[COL_SAMPLES_P]);
    e->m = cut_or_none(v[COL_SAMPLES_M]);
    e->stack = cut__stack(c, (uint32_t)v[COL_SAMPLES_STACK]);
}

static void tell_alloc(struct cut *c, const int64_t *v) {
    struct told *t = cut__tell(c, v[COL_ALLOCS_TIME], RANK_BEGIN, EV_EXPERIMENTAL);
    t->ev.aux = (uint64_t)v[COL_ALLOCS_KIND];
    t->ev.g = cut_or_none(v[COL_ALLOCS_G]);
    t->args[0] = (uint64_t)v[COL_ALLOCS_ADDRESS_ID];
    t->args[1] = (uint64_t)v[COL_ALLOCS_TYPE];
    t->ev.n_args = v[COL_ALLOCS_ADDRESS_ID] == COLTAB_NULL ? 0
                   : v[COL_ALLOCS_TYPE] == COLTAB_NULL     ? 1
                                                           : 2;
}

/* ---- rows of the span ---- */

/* all: null, too, which no bound lets through. */
static int scan_table(struct cut *c, enum coltab_table table, uint32_t column, int64_t from,
                      bool all, cut_row_fn visit, struct fault *f) {
    struct coltab *t;
    struct coltab_scan *scan;
    TRY(store__tab(c->s, table, &t, f));
    TRY(coltab_scan_open(t, &scan, f));
    if (!all) coltab_scan_bound(scan, column, from, c->b - 1);
    const int64_t *v;
    int rc;
    while ((rc = coltab_scan_next(scan, &v, f)) == 1) visit(c, v);
    coltab_scan_close(scan);
    return rc < 0 ? rc : c->no_memory ? store__no_memory(f) : 0;
}

int cut__begins(struct cut *c, enum coltab_table table, uint32_t start_column, cut_row_fn visit,
                struct fault *f) {
    return scan_table(c, table, start_column, c->first ? INT64_MIN + 1 : c->a, false, visit, f);
}

int cut__tables(struct cut *c, struct fault *f) {
    static const struct {
        enum coltab_table table;
        uint32_t column;
        cut_row_fn tell;
    } lasting[] = {{TAB_PROC_SLICES, COL_PROC_SLICES_START, tell_proc},
                   {TAB_RANGES, COL_RANGES_START, tell_range},
                   {TAB_REGIONS, COL_REGIONS_START, tell_region}},
      moments[] = {{TAB_METRICS, COL_METRICS_TIME, tell_metric},
                   {TAB_LOGS, COL_LOGS_TIME, tell_log},
                   {TAB_LABELS, COL_LABELS_TIME, tell_label},
                   {TAB_SAMPLES, COL_SAMPLES_TIME, tell_sample},
                   {TAB_ALLOCS, COL_ALLOCS_TIME, tell_alloc}};
    for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++)
        TRY(cut__begins(c, lasting[i].table, lasting[i].column, lasting[i].tell, f));
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
        TRY(scan_table(c, moments[i].table, moments[i].column, c->a, false, moments[i].tell, f));
    return scan_table(c, TAB_TASKS, COL_TASKS_START, c->a, c->first, tell_task, f);
}
