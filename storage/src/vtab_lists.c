/* storage/src/vtab_lists.c - tables that are short: filled whole when they are asked, then read.
 *
 * wait_reasons and its like come from block sums (store_waits), processors and threads from one
 * pass over running slices, meta and columns from what is known anyway. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/src/vtab.h"

struct cell {
    uint8_t kind; /* CELL_* */
    int64_t number;
    char *text;
    size_t n;
};
enum { CELL_NULL, CELL_NUMBER, CELL_TEXT };

struct list {
    struct query *q;
    uint32_t n_columns;
    struct cell *cells; /* row after row */
    size_t n, capacity;
    bool failed; /* out of memory */
};

struct arguments { /* of wait_reasons(from_ns, to_ns, only_g) */
    bool has[3];
    int64_t value[3];
};

struct kind {
    enum sql_table table;
    int first_hidden; /* column of the first argument; -1 = takes none */
    int by;           /* enum wait_key */
    int (*fill)(struct query *q, const struct kind *k, const struct arguments *a, struct list *out);
};

/* ---- cells --------------------------------------------------------------------------------- */

static struct cell *add_cell(struct list *l) {
    static struct cell lost;
    if (l->n == l->capacity) {
        size_t more = l->capacity ? 2 * l->capacity : 256;
        struct cell *cells = realloc(l->cells, more * sizeof *cells);
        if (!cells) {
            l->failed = true;
            return &lost;
        }
        l->cells = cells;
        l->capacity = more;
    }
    l->cells[l->n] = (struct cell){.kind = CELL_NULL};
    return &l->cells[l->n++];
}

static void add_number(struct list *l, int64_t v) {
    struct cell *c = add_cell(l);
    c->kind = CELL_NUMBER;
    c->number = v;
}

static void add_text(struct list *l, const char *data, size_t n) {
    char *copy = malloc(n + 1);
    struct cell *c = add_cell(l);
    if (l->failed || !copy) {
        l->failed = true;
        free(copy);
        return;
    }
    if (n) memcpy(copy, data, n);
    copy[n] = 0;
    *c = (struct cell){.kind = CELL_TEXT, .text = copy, .n = n};
}

static void add_string(struct list *l, const char *text) {
    add_text(l, text, strlen(text));
}

static void list_clear(struct list *l) {
    for (size_t i = 0; i < l->n; i++)
        if (l->cells[i].kind == CELL_TEXT) free(l->cells[i].text);
    free(l->cells);
    l->cells = NULL;
    l->n = l->capacity = 0;
    l->failed = false;
}

/* ---- waits --------------------------------------------------------------------------------- */

static const char *const family_tokens[N_FAMILIES] = {
#define X(name, token, legend) [FAMILY_##name] = token,
#include "storage/src/families.def"
#undef X
};

static void add_wait(struct list *l, const struct store_wait *w, int by) {
    add_text(l, w->key.data, w->key.n);
    if (by == WAIT_BY_REFINED) add_text(l, w->reason.data, w->reason.n);
    add_string(l, w->family < N_FAMILIES ? family_tokens[w->family] : "sys");
    add_number(l, w->count);
    add_number(l, w->total_ns);
    add_number(l, w->mean_ns);
    add_number(l, w->p50_ns);
    add_number(l, w->p99_ns);
    add_number(l, w->max_ns);
    if (w->stack)
        add_number(l, w->stack);
    else
        add_cell(l);
}

static int fill_waits(struct query *q, const struct kind *k, const struct arguments *a,
                      struct list *out) {
    struct store_wait_query ask = {.from_ns = a->has[0] ? a->value[0] : 0,
                                   .to_ns =
                                       a->has[1] ? a->value[1] : store_info(q->store)->duration_ns,
                                   .one_g = a->has[2],
                                   .g = a->value[2],
                                   .by = (enum wait_key)k->by};
    struct store_waits waits;
    struct fault f;
    if (ask.to_ns <= ask.from_ns) return SQLITE_OK;
    if (store_waits(q->store, &ask, &waits, &f) < 0) return query__fail(q, &f);
    for (uint32_t i = 0; i < waits.n; i++) {
        add_wait(out, &waits.rows[i], k->by);
        for (int h = 0; h < 3; h++) /* the arguments read as what they were */
            if (h == 0 || h == 1 || ask.one_g)
                add_number(out, h == 0 ? ask.from_ns : h == 1 ? ask.to_ns : ask.g);
            else
                add_cell(out);
    }
    return SQLITE_OK;
}

/* ---- processors, threads ------------------------------------------------------------------- */

struct place_sum {
    int64_t id, running_ns, syscall_ns, held_ns, slices, acquisitions;
};
struct place_sums {
    struct place_sum *sums;
    size_t n, capacity, last;
};

/* place_of - few ids, and neighbours are often alike. */
static struct place_sum *place_of(struct place_sums *p, int64_t id) {
    if (p->n && p->sums[p->last].id == id) return &p->sums[p->last];
    for (size_t i = 0; i < p->n; i++)
        if (p->sums[i].id == id) return &p->sums[p->last = i];
    if (p->n == p->capacity) {
        size_t more = p->capacity ? 2 * p->capacity : 64;
        struct place_sum *sums = realloc(p->sums, more * sizeof *sums);
        if (!sums) return NULL;
        p->sums = sums;
        p->capacity = more;
    }
    p->sums[p->n] = (struct place_sum){.id = id};
    return &p->sums[p->last = p->n++];
}

static int sum_slices(struct query *q, bool threads, struct place_sums *sums) {
    struct slice_filter filter = {.from_ns = INT64_MIN,
                                  .to_ns = INT64_MAX,
                                  .g_min = INT64_MIN,
                                  .g_max = INT64_MAX,
                                  .states = 1u << GO_RUNNING | 1u << GO_SYSCALL};
    struct slice_scan *scan;
    struct slice slice;
    struct fault f;
    uint32_t n_seen = 0;
    int rc, result = SQLITE_OK;
    if (slice_scan_open(q->store, &filter, &scan, &f) < 0) return query__fail(q, &f);
    while ((rc = slice_scan_next(scan, &slice, &f)) == 1 && result == SQLITE_OK) {
        int64_t id = threads ? slice.m : slice.p;
        if (++n_seen % 4096 == 0) result = query__check(q);
        if (id == NO_ID) continue;
        struct place_sum *sum = place_of(sums, id);
        if (!sum) {
            result = SQLITE_NOMEM;
        } else if (slices_class(q->store, slice.class_id).state == GO_RUNNING) {
            sum->running_ns = wrap_add(sum->running_ns, slice.dur_ns);
            sum->slices++;
        } else {
            sum->syscall_ns = wrap_add(sum->syscall_ns, slice.dur_ns);
        }
    }
    slice_scan_close(scan);
    return rc < 0 ? query__fail(q, &f) : result;
}

static int sum_held(struct query *q, bool threads, struct place_sums *sums) {
    struct coltab *t;
    struct coltab_scan *scan;
    const int64_t *row;
    struct fault f;
    int got, rc = query__coltab(q, TAB_PROC_SLICES, &t);
    if (rc != SQLITE_OK) return rc;
    if (coltab_scan_open(t, &scan, &f) < 0) return query__fail(q, &f);
    while ((got = coltab_scan_next(scan, &row, &f)) == 1) {
        int64_t id = row[threads ? COL_PROC_SLICES_M : COL_PROC_SLICES_P];
        if (id == NO_ID || id == COLTAB_NULL) continue;
        struct place_sum *sum = place_of(sums, id);
        if (!sum) break;
        sum->held_ns = wrap_add(sum->held_ns, row[COL_PROC_SLICES_DUR]);
        sum->acquisitions++;
    }
    coltab_scan_close(scan);
    return got < 0 ? query__fail(q, &f) : got ? SQLITE_NOMEM : SQLITE_OK;
}

static int by_id(const void *a, const void *b) {
    const struct place_sum *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static int fill_places(struct query *q, const struct kind *k, const struct arguments *a,
                       struct list *out) {
    (void)a;
    bool threads = k->table == SQL_THREADS;
    const struct store_info *info = store_info(q->store);
    struct place_sums sums = {0};
    int rc = SQLITE_OK;
    for (uint32_t i = 0; i < (threads ? info->n_threads : info->n_procs); i++)
        if (!place_of(&sums, threads ? info->threads[i] : info->procs[i])) rc = SQLITE_NOMEM;
    if (rc == SQLITE_OK) rc = sum_slices(q, threads, &sums);
    if (rc == SQLITE_OK) rc = sum_held(q, threads, &sums);
    if (sums.n) qsort(sums.sums, sums.n, sizeof *sums.sums, by_id);
    for (size_t i = 0; i < sums.n && rc == SQLITE_OK; i++) {
        const struct place_sum *s = &sums.sums[i];
        add_number(out, s->id);
        add_number(out, s->running_ns);
        add_number(out, s->syscall_ns);
        add_number(out, s->held_ns);
        if (!threads) add_number(out, wrap_sub(info->duration_ns, s->held_ns));
        add_number(out, s->slices);
        add_number(out, s->acquisitions);
    }
    free(sums.sums);
    return rc;
}

/* ---- meta, columns ------------------------------------------------------------------------- */

static void add_fact(struct list *l, const char *key, int64_t value) {
    add_string(l, key);
    add_number(l, value);
}

static int fill_meta(struct query *q, const struct kind *k, const struct arguments *a,
                     struct list *out) {
    (void)k, (void)a;
    const struct store_info *i = store_info(q->store);
    char version[32];
    bool is_ring = i->format_version == FORMAT_RING;
    snprintf(version, sizeof version, "1.%d", i->format_version);
    add_string(out, is_ring ? "format" : "go_version");
    add_string(out, is_ring ? "ring" : version);
    add_string(out, "source_name");
    add_string(out, i->source_name ? i->source_name : "");
    add_fact(out, "trace_bytes", (int64_t)i->trace_bytes);
    add_fact(out, "duration_ns", i->duration_ns);
    add_fact(out, "first_ts", i->first_ts);
    if (i->wall_unix_ns) add_fact(out, "wall_unix_ns", i->wall_unix_ns);
    add_fact(out, "complete", i->complete);
    add_fact(out, "events", i->n_events);
    add_fact(out, "slices", i->n_slices);
    add_fact(out, "goroutines", i->n_goroutines);
    add_fact(out, "processors", i->n_procs);
    add_fact(out, "threads", i->n_threads);
    add_fact(out, "threads_reliable", i->threads_reliable);
    add_fact(out, "waits", i->n_waits);
    add_fact(out, "wait_ns", i->wait_ns);
    add_fact(out, "gaps", i->n_gaps);
    return SQLITE_OK;
}

/* Not from the column table of gaps: that does not hold the fault with which a trace ends. */
static int fill_gaps(struct query *q, const struct kind *k, const struct arguments *a,
                     struct list *out) {
    (void)k, (void)a;
    const struct store_info *info = store_info(q->store);
    for (uint32_t i = 0; i < info->n_gaps; i++) {
        const struct store_gap *g = &info->gaps[i];
        add_number(out, g->from_ns);
        add_number(out, g->to_ns);
        add_number(out, g->offset);
        add_text(out, g->cause.data, g->cause.n);
        add_number(out, wrap_sub(g->to_ns, g->from_ns));
    }
    return SQLITE_OK;
}

/* The columns of a view are what SQLite makes of its SELECT. */
static int add_view_columns(struct query *q, const struct sql_view *view, struct list *out) {
    sqlite3_stmt *stmt;
    char *sql = sqlite3_mprintf("SELECT * FROM %s", view->name);
    int rc = sql ? sqlite3_prepare_v2(q->db, sql, -1, &stmt, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    if (rc != SQLITE_OK) return rc;
    for (int c = 0; c < sqlite3_column_count(stmt); c++) {
        const char *type = sqlite3_column_decltype(stmt, c);
        add_string(out, view->name);
        add_string(out, sqlite3_column_name(stmt, c));
        add_string(out, type ? type : "");
        add_string(out, "of a view");
    }
    sqlite3_finalize(stmt);
    return SQLITE_OK;
}

static int fill_columns(struct query *q, const struct kind *k, const struct arguments *a,
                        struct list *out) {
    (void)k, (void)a;
    int rc = SQLITE_OK;
    for (int t = 0; t < N_SQL_TABLES; t++) {
        struct sql_schema s;
        sql_schema((enum sql_table)t, &s);
        for (uint32_t c = 0; c < s.n_columns; c++) {
            add_string(out, s.name);
            add_string(out, s.columns[c].name);
            add_string(out, sql_type_is_text(s.columns[c].type) ? "TEXT" : "INTEGER");
            add_string(out, s.columns[c].doc);
        }
    }
    for (size_t i = 0; i < n_sql_views && rc == SQLITE_OK; i++)
        rc = add_view_columns(q, &sql_views[i], out);
    return rc;
}

static const struct kind kinds[] = {
    {SQL_WAIT_REASONS, SQLCOL_WAIT_REASONS_FROM, WAIT_BY_REASON, fill_waits},
    {SQL_WAIT_REFINED, SQLCOL_WAIT_REFINED_FROM, WAIT_BY_REFINED, fill_waits},
    {SQL_WAIT_FUNCTIONS, SQLCOL_WAIT_FUNCTIONS_FROM, WAIT_BY_FUNCTION, fill_waits},
    {SQL_WAIT_STACKS, SQLCOL_WAIT_STACKS_FROM, WAIT_BY_STACK, fill_waits},
    {SQL_PROCESSORS, -1, 0, fill_places},
    {SQL_THREADS, -1, 0, fill_places},
    {SQL_META, -1, 0, fill_meta},
    {SQL_GAPS, -1, 0, fill_gaps},
    {SQL_COLUMNS, -1, 0, fill_columns},
};

/* ---- the module ---------------------------------------------------------------------------- */

struct cursor {
    sqlite3_vtab_cursor base;
    struct list list;
    size_t at; /* the row's first cell */
};

static const struct kind *kind_of(const struct vtab *t) {
    const struct kind *k = kinds;
    while (k->table != t->table) k++;
    return k;
}

/* Arguments are equalities on hidden columns; idxNum says which of the three are there. */
static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
    const struct kind *k = kind_of((const struct vtab *)base);
    int hidden = k->first_hidden, constraint[3] = {-1, -1, -1};
    for (int i = 0; i < info->nConstraint && hidden >= 0; i++) {
        int which = info->aConstraint[i].iColumn - hidden;
        if (which < 0 || which > 2 || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        if (!info->aConstraint[i].usable) return SQLITE_CONSTRAINT; /* not in this join order */
        constraint[which] = i;
    }
    int n_args = 0;
    for (int which = 0; which < 3; which++) {
        if (constraint[which] < 0) continue;
        info->idxNum |= 1 << which;
        info->aConstraintUsage[constraint[which]].argvIndex = ++n_args;
        info->aConstraintUsage[constraint[which]].omit = 1;
    }
    info->estimatedCost = k->fill == fill_places ? 100000 : 1000;
    info->estimatedRows = 50;
    return SQLITE_OK;
}

static int cursor_open(sqlite3_vtab *t, sqlite3_vtab_cursor **out) {
    struct vtab *table = (struct vtab *)t;
    int rc = vtab__cursor_new(sizeof(struct cursor), out);
    if (rc == SQLITE_OK)
        ((struct cursor *)*out)->list =
            (struct list){.q = table->q, .n_columns = table->schema.n_columns};
    return rc;
}

static int cursor_close(sqlite3_vtab_cursor *base) {
    list_clear(&((struct cursor *)base)->list);
    sqlite3_free(base);
    return SQLITE_OK;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int given, const char *text, int argc,
                         sqlite3_value **argv) {
    (void)text, (void)argc;
    struct cursor *c = (struct cursor *)base;
    const struct vtab *t = (const struct vtab *)base->pVtab;
    struct arguments a = {0};
    int n = 0;
    list_clear(&c->list);
    c->at = 0;
    for (int which = 0; which < 3; which++) {
        if (!(given & 1 << which)) continue;
        sqlite3_value *v = argv[n++];
        if (sqlite3_value_type(v) == SQLITE_NULL && which < 2) continue; /* as if not given */
        if (sqlite3_value_type(v) == SQLITE_NULL) return SQLITE_OK;      /* waits of nobody */
        a.has[which] = true;
        a.value[which] = sqlite3_value_int64(v);
    }
    const struct kind *k = kind_of(t);
    int rc = k->fill(t->q, k, &a, &c->list);
    return rc == SQLITE_OK && c->list.failed ? SQLITE_NOMEM : rc;
}

static int cursor_next(sqlite3_vtab_cursor *base) {
    struct cursor *c = (struct cursor *)base;
    c->at += c->list.n_columns;
    return SQLITE_OK;
}

static int cursor_eof(sqlite3_vtab_cursor *base) {
    const struct cursor *c = (const struct cursor *)base;
    return c->at + c->list.n_columns > c->list.n;
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *out, int i) {
    const struct cursor *c = (const struct cursor *)base;
    const struct cell *cell = &c->list.cells[c->at + (size_t)i];
    if (cell->kind == CELL_NUMBER) sqlite3_result_int64(out, cell->number);
    if (cell->kind == CELL_TEXT)
        sqlite3_result_text64(out, cell->text, cell->n, SQLITE_TRANSIENT, SQLITE_UTF8);
    return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id) {
    const struct cursor *c = (const struct cursor *)base;
    *id = (sqlite3_int64)(c->at / c->list.n_columns) + 1;
    return SQLITE_OK;
}

static const sqlite3_module list_module = VTAB_MODULE;

int vtab_lists_register(struct query *q) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        int rc = vtab__register(q, kinds[i].table, &list_module);
        if (rc != SQLITE_OK) return rc;
    }
    return SQLITE_OK;
}
