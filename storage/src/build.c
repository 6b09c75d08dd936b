/* storage/src/build.c - events in, a store's tables out: everything but goroutines (build_go.c).
 *
 * One pass, no event is kept.  What is open (ranges, regions, tasks) lives in pools and is written
 * when it ends, so rows stand in the order of their ends. */
#include <string.h>

#include "storage/src/build_impl.h"
#include "storage/src/db.h"

enum { LIVE_MAX = 50000 };

int build_no_memory(struct fault *f) {
    return fault_set(f, PV_ENOMEM, -1, "out of memory while importing");
}

uint32_t pool_take(struct pool *p, size_t size) {
    if (p->free) {
        uint32_t i = p->free - 1;
        memcpy(&p->free, (char *)p->rows + i * size, sizeof p->free);
        return i;
    }
    if (p->n == p->cap) {
        uint32_t cap = p->cap ? p->cap * 2 : 64;
        void *rows = realloc(p->rows, cap * size);
        if (!rows) return MAP_NONE;
        p->rows = rows;
        p->cap = cap;
    }
    return p->n++;
}

void pool_give(struct pool *p, size_t size, uint32_t i) {
    memcpy((char *)p->rows + i * size, &p->free, sizeof p->free);
    p->free = i + 1;
}

int build_create(sqlite3 *db, struct fault *f) {
    TRY(db_exec(db,
                "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
                "CREATE TABLE ids(kind TEXT, id INTEGER, PRIMARY KEY(kind, id)) WITHOUT ROWID;"
                "CREATE TABLE live(g INTEGER PRIMARY KEY, func, start, end, created, ended, parent,"
                " running, runnable, syscall, waiting, slices, last_state)",
                f));
    TRY(seq_create(db, f));
    TRY(coltab_create(db, f));
    return names_create(db, f);
}

struct builder *build_new(sqlite3 *db, const struct dict *d, bool threads) {
    struct builder *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    b->db = db;
    b->dict = d;
    b->threads_reliable = threads;
    b->free_go = MAP_NONE;
    b->names = names_new(db, d);
    b->sums = sums_writer_new();
    b->slices = seq_writer_new(db, seq_series(SEQ_SLICES, 0), SEQ_MAX_COLS, SEQ_CHUNK_ROWS,
                               build_on_seal, b);
    b->lod_g = lod_go_new(db);
    b->lod_p = lod_writer_new(db, SEQ_LOD_P);
    b->lod_m = lod_writer_new(db, SEQ_LOD_M);
    b->lod_group = lod_writer_new(db, SEQ_LOD_GROUP);
    b->steps = b->lod_group ? steps_new(b->lod_group) : NULL;
    b->crew = crew_new();
    bool ok =
        b->crew && b->names && b->sums && b->slices && b->lod_g && b->lod_p && b->lod_m && b->steps;
    for (int t = 0; ok && t < N_COLTABS; t++) {
        b->tabs[t] = coltab_writer_new(db, (enum coltab_table)t);
        ok = b->tabs[t] != NULL;
    }
    if (!ok) {
        build_free(b);
        return NULL;
    }
    lod_seal_beside(b->lod_p, b->crew);
    lod_seal_beside(b->lod_m, b->crew);
    lod_seal_beside(b->lod_group, b->crew);
    seq_seal_beside(b->slices, b->crew);
    return b;
}

void build_free(struct builder *b) {
    if (!b) return;
    for (uint32_t i = 0; i < b->n_gos; i++) free(b->gos[i].pending);
    free(b->gos);
    free(b->procs);
    free(b->threads);
    free(b->sites);
    free(b->ranges.rows);
    free(b->tasks.rows);
    free(b->regions.rows);
    map_free(&b->lived);
    map_free(&b->go_map);
    map_free(&b->proc_map);
    map_free(&b->thread_map);
    map_free(&b->range_map);
    map_free(&b->task_map);
    seq_writer_free(b->slices);
    sums_writer_free(b->sums);
    lod_go_free(b->lod_g);
    lod_writer_free(b->lod_p);
    lod_writer_free(b->lod_m);
    lod_writer_free(b->lod_group);
    steps_free(b->steps);
    for (int t = 0; t < N_COLTABS; t++) coltab_writer_free(b->tabs[t]);
    names_free(b->names);
    crew_free(b->crew);
    free(b);
}

static int64_t or_null(int64_t id) {
    return id == NO_ID ? COLTAB_NULL : id;
}

static int append(struct builder *b, enum coltab_table t, const int64_t *row, struct fault *f) {
    return coltab_append(b->tabs[t], row, f);
}

/* ---- ranges ---- */

static uint64_t range_hash(uint32_t name, uint8_t scope, uint64_t id) {
    return (id << 2 | scope) * 0x2545f4914f6cdd1du ^ name;
}

/* The open range of that name and scope; *before is the one whose next it is. */
static uint32_t find_range(const struct builder *b, const struct ev *e, uint32_t *before) {
    const struct open_range *rows = b->ranges.rows;
    *before = MAP_NONE;
    uint32_t i = map_get(&b->range_map, range_hash(e->str, e->scope, e->id));
    while (i != MAP_NONE &&
           (rows[i].name != e->str || rows[i].scope != e->scope || rows[i].id != e->id)) {
        *before = i;
        i = rows[i].next;
    }
    return i;
}

static int begin_range(struct builder *b, const struct ev *e, int64_t start, struct fault *f) {
    uint32_t before;
    if (find_range(b, e, &before) != MAP_NONE) return 0;
    uint64_t hash = range_hash(e->str, e->scope, e->id);
    uint32_t first = map_get(&b->range_map, hash);
    uint32_t i = pool_take(&b->ranges, sizeof(struct open_range));
    if (i == MAP_NONE || !map_put(&b->range_map, hash, i)) return build_no_memory(f);
    ((struct open_range *)b->ranges.rows)[i] =
        (struct open_range){start, e->g, e->p, e->id, e->str, e->stack, first, e->scope};
    names_see_string(b->names, e->str);
    names_see_stack(b->names, e->stack);
    return 0;
}

static int write_range(struct builder *b, const struct open_range *r, struct fault *f) {
    int64_t row[COLTAB_MAX_COLS] = {[COL_RANGES_START] = r->start,
                                    [COL_RANGES_DUR] = b->now - r->start,
                                    [COL_RANGES_NAME] = r->name,
                                    [COL_RANGES_SCOPE] = r->scope,
                                    [COL_RANGES_SCOPE_ID] =
                                        r->scope == SCOPE_NONE ? COLTAB_NULL : (int64_t)r->id,
                                    [COL_RANGES_G] = or_null(r->g),
                                    [COL_RANGES_P] = or_null(r->p),
                                    [COL_RANGES_STACK] = r->stack};
    return append(b, TAB_RANGES, row, f);
}

static int end_range(struct builder *b, const struct ev *e, struct fault *f) {
    uint32_t before, i = find_range(b, e, &before);
    if (i == MAP_NONE) return 0;
    struct open_range *rows = b->ranges.rows;
    uint64_t hash = range_hash(e->str, e->scope, e->id);
    TRY(write_range(b, &rows[i], f));
    uint32_t next = rows[i].next;
    if (before != MAP_NONE)
        rows[before].next = next;
    else if (next == MAP_NONE)
        map_remove(&b->range_map, hash);
    else if (!map_put(&b->range_map, hash, next))
        return build_no_memory(f);
    rows[i].scope = UINT8_MAX; /* free: what is open is found by this at the end */
    pool_give(&b->ranges, sizeof *rows, i);
    return 0;
}

/* ---- regions: a stack for each goroutine ---- */

static int begin_region(struct builder *b, const struct ev *e, struct fault *f) {
    struct go *g = build_find_go(b, e->g);
    if (!g) return 0;
    uint32_t i = pool_take(&b->regions, sizeof(struct open_region));
    if (i == MAP_NONE) return build_no_memory(f);
    ((struct open_region *)b->regions.rows)[i] =
        (struct open_region){g->regions, e->str, e->stack, b->now, e->id};
    g->regions = i;
    names_see_string(b->names, e->str);
    names_see_stack(b->names, e->stack);
    return 0;
}

static int end_region(struct builder *b, struct go *g, bool open, struct fault *f) {
    uint32_t i = g->regions;
    struct open_region *r = &((struct open_region *)b->regions.rows)[i];
    int64_t row[COLTAB_MAX_COLS] = {
        [COL_REGIONS_START] = r->start, [COL_REGIONS_DUR] = b->now - r->start,
        [COL_REGIONS_G] = g->id,        [COL_REGIONS_TASK] = (int64_t)r->task,
        [COL_REGIONS_TYPE] = r->type,   [COL_REGIONS_OPEN] = open,
        [COL_REGIONS_STACK] = r->stack};
    g->regions = r->next;
    pool_give(&b->regions, sizeof *r, i);
    return append(b, TAB_REGIONS, row, f);
}

int build_close_regions(struct builder *b, struct go *g, struct fault *f) {
    while (g->regions != MAP_NONE) TRY(end_region(b, g, true, f));
    return 0;
}

/* ---- tasks ---- */

static int write_task(struct builder *b, const struct open_task *t, int64_t end, struct fault *f) {
    int64_t row[COLTAB_MAX_COLS] = {[COL_TASKS_ID] = (int64_t)t->id,
                                    [COL_TASKS_PARENT] =
                                        t->parent == UINT64_MAX ? COLTAB_NULL : (int64_t)t->parent,
                                    [COL_TASKS_TYPE] = t->type,
                                    [COL_TASKS_START] = t->start,
                                    [COL_TASKS_END] = end,
                                    [COL_TASKS_G] = or_null(t->g)};
    return append(b, TAB_TASKS, row, f);
}

static int begin_task(struct builder *b, const struct ev *e, struct fault *f) {
    uint32_t before = map_get(&b->task_map, e->id);
    uint32_t i = pool_take(&b->tasks, sizeof(struct open_task));
    if (i == MAP_NONE) return build_no_memory(f);
    struct open_task *rows = b->tasks.rows;
    if (before != MAP_NONE) TRY(write_task(b, &rows[before], COLTAB_NULL, f));
    if (before != MAP_NONE) rows[before].next = MAP_NONE - 1; /* written, dead */
    rows[i] = (struct open_task){e->id, e->aux, b->now, e->g, e->str, MAP_NONE};
    names_see_string(b->names, e->str);
    return map_put(&b->task_map, e->id, i) ? 0 : build_no_memory(f);
}

static int end_task(struct builder *b, const struct ev *e, struct fault *f) {
    uint32_t i = map_get(&b->task_map, e->id);
    names_see_string(b->names, e->str);
    if (i == MAP_NONE) {
        struct open_task t = {e->id, e->aux, COLTAB_NULL, e->g, e->str, 0};
        return write_task(b, &t, b->now, f);
    }
    struct open_task *rows = b->tasks.rows;
    TRY(write_task(b, &rows[i], b->now, f));
    rows[i].next = MAP_NONE - 1;
    map_remove(&b->task_map, e->id);
    pool_give(&b->tasks, sizeof *rows, i);
    return 0;
}

/* ---- moments ---- */

static int put_log(struct builder *b, const struct ev *e, struct fault *f) {
    names_see_string(b->names, e->str);
    names_see_string(b->names, (uint32_t)e->aux);
    names_see_stack(b->names, e->stack);
    int64_t row[COLTAB_MAX_COLS] = {
        [COL_LOGS_TIME] = b->now,     [COL_LOGS_G] = or_null(e->g),
        [COL_LOGS_P] = or_null(e->p), [COL_LOGS_TASK] = (int64_t)e->id,
        [COL_LOGS_CATEGORY] = e->str, [COL_LOGS_MESSAGE] = (int64_t)e->aux,
        [COL_LOGS_STACK] = e->stack};
    return append(b, TAB_LOGS, row, f);
}

static int put_sample(struct builder *b, const struct ev *e, struct fault *f) {
    names_see_stack(b->names, e->stack);
    int64_t row[COLTAB_MAX_COLS] = {[COL_SAMPLES_TIME] = b->now,
                                    [COL_SAMPLES_G] = or_null(e->g),
                                    [COL_SAMPLES_P] = or_null(e->p),
                                    [COL_SAMPLES_M] = or_null(e->m),
                                    [COL_SAMPLES_STACK] = e->stack};
    return append(b, TAB_SAMPLES, row, f);
}

static int put_metric(struct builder *b, const struct ev *e, struct fault *f) {
    names_see_string(b->names, e->str);
    return append(b, TAB_METRICS, (int64_t[]){b->now, e->str, (int64_t)e->id}, f);
}

static int put_label(struct builder *b, const struct ev *e, struct fault *f) {
    names_see_string(b->names, e->str);
    return append(b, TAB_LABELS, (int64_t[]){b->now, (int64_t)e->id, e->str}, f);
}

static int put_alloc(struct builder *b, const struct ev *e, const uint64_t *args, struct fault *f) {
    int64_t row[COLTAB_MAX_COLS] = {
        [COL_ALLOCS_TIME] = b->now,
        [COL_ALLOCS_KIND] = (int64_t)e->aux,
        [COL_ALLOCS_ADDRESS_ID] = e->n_args > 0 ? (int64_t)args[0] : COLTAB_NULL,
        [COL_ALLOCS_TYPE] = e->n_args > 1 ? (int64_t)args[1] : COLTAB_NULL,
        [COL_ALLOCS_G] = or_null(e->g)};
    return append(b, TAB_ALLOCS, row, f);
}

/* ---- time, gaps, the end ---- */

static void on_sync(struct builder *b, const struct ev *e, const uint64_t *args) {
    b->sync = b->now;
    if (e->n_args < 5 || !args[1] || b->counts.wall_unix_ns) return;
    int64_t since_start = (int64_t)args[2] - b->first_ts;
    b->counts.wall_unix_ns = (int64_t)args[4] - since_start;
}

static int close_everything(struct builder *b, struct fault *f) {
    TRY(build_close_all(b, f));
    struct open_range *ranges = b->ranges.rows;
    for (uint32_t i = 0; i < b->ranges.n; i++)
        if (ranges[i].scope != UINT8_MAX) TRY(write_range(b, &ranges[i], f));
    struct open_task *tasks = b->tasks.rows;
    for (uint32_t i = 0; i < b->tasks.n; i++)
        if (tasks[i].next == MAP_NONE) TRY(write_task(b, &tasks[i], COLTAB_NULL, f));
    b->ranges.n = b->ranges.free = b->tasks.n = b->tasks.free = 0;
    map_free(&b->range_map);
    map_free(&b->task_map);
    return 0;
}

static int begin_gap(struct builder *b, const struct ev *e, struct fault *f) {
    TRY(close_everything(b, f));
    names_see_string(b->names, e->str);
    b->gap_row[COL_GAPS_FROM] = b->gap_row[COL_GAPS_TO] = b->now;
    b->gap_row[COL_GAPS_OFFSET] = (int64_t)e->id;
    b->gap_row[COL_GAPS_CAUSE] = e->str;
    b->after_gap = true;
    b->counts.n_gaps++;
    return 0;
}

static int end_gap(struct builder *b, struct fault *f) {
    b->after_gap = false;
    b->gap_row[COL_GAPS_TO] = b->now;
    return append(b, TAB_GAPS, b->gap_row, f);
}

static int on_event(struct builder *b, const struct ev *e, const uint64_t *args, struct fault *f) {
    if (!b->started) {
        b->started = true;
        b->first_ts = b->counts.first_ts = e->time_ns;
    }
    if (e->kind == EV_GAP) return b->after_gap ? 0 : begin_gap(b, e, f);
    b->now = e->time_ns - b->first_ts;
    if (b->after_gap) TRY(end_gap(b, f));
    b->counts.n_events++;
    switch ((enum ev_kind)e->kind) {
    case EV_SYNC:
        on_sync(b, e, args);
        return 0;
    case EV_GO_TRANSITION:
        return build_go_transition(b, e, args, f);
    case EV_PROC_TRANSITION:
        return build_proc_transition(b, e, f);
    case EV_METRIC:
        return put_metric(b, e, f);
    case EV_LABEL:
        return put_label(b, e, f);
    case EV_STACK_SAMPLE:
        return put_sample(b, e, f);
    case EV_RANGE_BEGIN:
        return begin_range(b, e, b->now, f);
    case EV_RANGE_ACTIVE:
        return begin_range(b, e, b->sync, f);
    case EV_RANGE_END:
        return end_range(b, e, f);
    case EV_TASK_BEGIN:
        return begin_task(b, e, f);
    case EV_TASK_END:
        return end_task(b, e, f);
    case EV_REGION_BEGIN:
        return begin_region(b, e, f);
    case EV_REGION_END: {
        struct go *g = build_find_go(b, e->g);
        return g && g->regions != MAP_NONE ? end_region(b, g, false, f) : 0;
    }
    case EV_LOG:
        return put_log(b, e, f);
    case EV_EXPERIMENTAL:
        return put_alloc(b, e, args, f);
    case EV_GAP:
        break;
    }
    return 0;
}

int build_batch(struct builder *b, const struct ev_batch *batch, struct fault *f) {
    const uint64_t *args = batch->args;
    for (uint32_t i = 0; i < batch->n; i++) {
        TRY(on_event(b, &batch->ev[i], args, f));
        args += batch->ev[i].n_args;
    }
    b->counts.duration_ns = b->now;
    return 0;
}

/* ---- everything becomes readable ---- */

/* What stands in the levels of a kind of lane: a line of the crew with one unit. */
struct sealing {
    struct crew_line line;
    struct lod_writer *lod;
    struct fault fault;
};

static bool seal_levels(void *arg) {
    struct sealing *s = arg;
    return lod_seal(s->lod, &s->fault) == 0;
}

/* The levels of lanes side by side; those of goroutines here, as soon as the slices are sealed. */
static int seal_side_by_side(struct builder *b, struct fault *f) {
    struct sealing lanes[] = {{.lod = b->lod_group}, {.lod = b->lod_p}, {.lod = b->lod_m}};
    size_t n = 0;
    int rc = 0;
    for (; rc == 0 && n < sizeof lanes / sizeof *lanes; n++) {
        struct sealing *s = &lanes[n];
        s->line = (struct crew_line){.work = seal_levels, .arg = s};
        crew_add(b->crew, &s->line);
        rc = seq_seal(lod_first(s->lod), f);
        if (rc == 0) crew_give(b->crew, &s->line, 1);
    }
    if (rc == 0) rc = seq_seal(b->slices, f);
    if (rc == 0) rc = lod_go_seal(b->lod_g, f);
    for (size_t i = 0; i < n; i++) {
        struct sealing *s = &lanes[i];
        if (rc == 0 && crew_wait(b->crew, &s->line, 1, -1) == CREW_OVER) {
            *f = s->fault;
            rc = f->code;
        }
        crew_remove(b->crew, &s->line);
    }
    return rc;
}

int build_publish(struct builder *b, struct fault *f) {
    TRY(seq_hand_over(b->slices, f));
    TRY(seq_hand_over(lod_first(b->lod_group), f));
    TRY(seq_hand_over(lod_first(b->lod_p), f));
    TRY(seq_hand_over(lod_first(b->lod_m), f));
    for (int t = 0; t < N_COLTABS; t++) TRY(coltab_flush(b->tabs[t], f));
    TRY(names_write(b->names, f));
    return seal_side_by_side(b, f);
}

int build_finish(struct builder *b, const struct fault *damage, struct fault *f) {
    TRY(close_everything(b, f));
    TRY(steps_finish(b->steps, b->now, f));
    if (b->after_gap) {
        TRY(append(b, TAB_GAPS, b->gap_row, f));
    } else if (damage) {
        sqlite3_stmt *s;
        TRY(db_prepare(b->db, "INSERT INTO meta VALUES('damage_text',?1),('damage_offset',?2)", &s,
                       f));
        sqlite3_bind_text(s, 1, damage->text, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, damage->offset);
        int rc = db_run(b->db, s, f);
        sqlite3_finalize(s);
        TRY(rc);
    }
    return build_publish(b, f);
}

/* Goroutines that are alive, for those who read while the store grows. */
static int write_live(struct builder *b, struct fault *f) {
    sqlite3_stmt *s;
    TRY(db_exec(b->db, "DELETE FROM live", f));
    TRY(db_prepare(b->db, "INSERT INTO live VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)", &s,
                   f));
    int rc = 0;
    for (uint32_t i = 0, n = 0; rc == 0 && i < b->n_gos && n < LIVE_MAX; i++) {
        if (b->gos[i].state == GO_NOTEXIST) continue;
        int64_t row[COLTAB_MAX_COLS];
        build_go_row(b, &b->gos[i], false, row);
        for (int c = 0; c < 13; c++) sqlite3_bind_int64(s, c + 1, row[c]);
        rc = db_run(b->db, s, f);
        n++;
    }
    sqlite3_finalize(s);
    return rc;
}

int build_write_ids(struct builder *b, struct fault *f) {
    TRY(write_live(b, f));
    sqlite3_stmt *s;
    TRY(db_prepare(b->db, "INSERT OR IGNORE INTO ids VALUES(?1,?2)", &s, f));
    int rc = 0;
    sqlite3_bind_text(s, 1, "p", 1, SQLITE_STATIC);
    for (uint32_t i = 0; rc == 0 && i < b->n_procs; i++) {
        sqlite3_bind_int64(s, 2, b->procs[i].id);
        if (b->procs[i].id >= 0) rc = db_run(b->db, s, f);
    }
    sqlite3_bind_text(s, 1, "m", 1, SQLITE_STATIC);
    for (uint32_t i = 0; rc == 0 && i < b->n_threads; i++) {
        sqlite3_bind_int64(s, 2, b->threads[i].id);
        rc = db_run(b->db, s, f);
    }
    sqlite3_finalize(s);
    return rc;
}

void build_set_wall(struct builder *b, int64_t unix_ns) {
    b->counts.wall_unix_ns = unix_ns;
}

struct crew *build_crew(struct builder *b) {
    return b->crew;
}

struct build_counts build_counts(const struct builder *b) {
    return b->counts;
}
