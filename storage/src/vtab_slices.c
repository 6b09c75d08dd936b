/* storage/src/vtab_slices.c - the tables slices and waits.
 *
 * Pushed down Times become the scan's window, g its goroutine range, duration its least length,
 *             state, reason, refined, family, user_function and stack a set of classes, and p, m
 *             and wakers a test of the row.  SQLite tests every row again, so that a condition
 *             may be taken as wider than it is, never as narrower.
 * Order       GROUP BY, DISTINCT and ORDER BY of columns with few values are answered by a spool
 *             (slice_spool.h) in place of SQLite's sorter; "one g by start_ns" is the scan's own
 *             order.
 * Plan        idxStr = pairs of column and operator, one for each argument, then '|', then the
 *             keys of the spool: pairs of column and '+' or '-'.  idxNum = enum plan_bits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/src/slice_spool.h"
#include "storage/src/store_impl.h"
#include "storage/src/vtab.h"

enum { COLUMN_CHAR = 'A', MAX_ARGS = 32 };
enum plan_bits {
    PLAN_USED = (1 << SQL_MAX_COLS) - 1,
    PLAN_SORTED = 1 << 24,
    PLAN_DISTINCT = 1 << 25
};

/* waits has the columns of slices but for the state. */
_Static_assert((int)SQLCOL_WAITS_G == (int)SQLCOL_SLICES_STATE - 1, "waits: columns before state");
_Static_assert((int)SQLCOL_WAITS_OPEN == (int)SQLCOL_SLICES_OPEN - 1, "waits: columns after it");

struct range {
    int64_t min, max;
};
enum range_of { R_START, R_END, R_DUR, R_P, R_M, R_WAKER_G, R_WAKER_P, R_WAKER_M, N_RANGES };

struct cursor {
    sqlite3_vtab_cursor base;
    struct slice_names *names;
    struct slice_scan *scan;
    struct spool *spool;
    struct slice_filter filter;
    struct range ranges[N_RANGES];
    uint32_t n_tests;
    uint8_t tests[N_RANGES]; /* ranges that are not everything */
    uint8_t *classes;        /* by class: 1 = may pass; NULL = all */
    uint32_t group;          /* whose start function is asked for */
    bool by_group, nothing, eof;
    struct slice slice;
    int64_t n_rows;
    uint32_t n_seen;
};

static bool is_waits(const struct vtab *t) {
    return t->table == SQL_WAITS;
}

static int column_of(const struct vtab *t, int column) {
    return is_waits(t) && column >= SQLCOL_SLICES_STATE ? column + 1 : column;
}

/* ---- planning ------------------------------------------------------------------------------ */

/* can_push - texts only for equality under the collation that memcmp is. */
static bool can_push(sqlite3_index_info *info, int i, const struct sql_column *c) {
    char op = vtab__operator(info->aConstraint[i].op);
    if (!info->aConstraint[i].usable || !op) return false;
    if (strcmp(c->name, "waker_function") == 0) return false;
    if (sql_type_is_text(c->type))
        return op == '=' && strcmp(sqlite3_vtab_collation(info, i), "BINARY") == 0 &&
               !sqlite3_vtab_in(info, i, -1);
    return c->type != TYPE_BOOL;
}

/* selectivity - of one condition, roughly.  Only windows, goroutines and states spare reading. */
static void weigh(int column, char op, double *rows, double *cost) {
    switch (column) {
    case SQLCOL_SLICES_G:
        *rows *= op == '=' ? 0.001 : 0.3, *cost *= op == '=' ? 0.002 : 0.3;
        break;
    case SQLCOL_SLICES_START:
    case SQLCOL_SLICES_END:
        *rows *= op == '=' ? 0.0001 : 0.2, *cost *= op == '=' ? 0.01 : 0.2;
        break;
    case SQLCOL_SLICES_STATE:
        *rows *= 0.3, *cost *= 0.6;
        break;
    case SQLCOL_SLICES_DUR:
        *rows *= 0.1;
        break;
    default:
        *rows *= op == '=' ? 0.1 : 0.5;
        break;
    }
}

/* plan_order - the keys of a spool into `plan`; true where the rows will come as SQLite wants. */
static bool plan_order(const struct vtab *t, sqlite3_index_info *info, bool one_g, char *plan,
                       int *idx_num) {
    int mode = sqlite3_vtab_distinct(info), n_keys = 0;
    bool has_g = one_g, exact = mode == 0 || mode == 3;
    *plan = 0;
    if (info->nOrderBy == 0 || info->nOrderBy > SPOOL_MAX_KEYS) return false;
    for (int i = 0; i < info->nOrderBy; i++) {
        if (info->aOrderBy[i].iColumn < 0) return false;
        int c = column_of(t, info->aOrderBy[i].iColumn);
        bool descending = info->aOrderBy[i].desc;
        bool in_time = c == SQLCOL_SLICES_START || c == SQLCOL_SLICES_END;
        if (in_time && has_g && !descending && i == info->nOrderBy - 1) {
            *idx_num |= n_keys ? PLAN_SORTED : 0;
            return true; /* rows of one goroutine come in time order anyway */
        }
        if (!spool_can_group(c)) return false;
        has_g |= c == SQLCOL_SLICES_G;
        if (one_g && c == SQLCOL_SLICES_G) continue;
        plan[2 * n_keys] = (char)(COLUMN_CHAR + c);
        plan[2 * n_keys + 1] = descending ? '-' : '+';
        plan[2 * ++n_keys] = 0;
    }
    *idx_num |= exact ? PLAN_SORTED : 0;
    *idx_num |= mode == 2 || mode == 3 ? PLAN_DISTINCT : 0;
    return true;
}

static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
    struct vtab *t = (struct vtab *)base;
    const struct store_info *about = store_info(t->q->store);
    double n = (double)(is_waits(t) ? about->n_waits : about->n_slices) + 100, cost = n;
    double rows = n;
    char plan[2 * MAX_ARGS + 1 + 2 * SPOOL_MAX_KEYS + 1];
    int n_args = 0;
    bool one_g = false;
    for (int i = 0; i < info->nConstraint && n_args < MAX_ARGS; i++) {
        int c = info->aConstraint[i].iColumn;
        if (c < 0 || !can_push(info, i, &t->schema.columns[c])) continue;
        char op = vtab__operator(info->aConstraint[i].op);
        c = column_of(t, c);
        plan[2 * n_args] = (char)(COLUMN_CHAR + c);
        plan[2 * n_args + 1] = op;
        info->aConstraintUsage[i].argvIndex = ++n_args;
        one_g |= c == SQLCOL_SLICES_G && op == '=';
        weigh(c, op, &rows, &cost);
    }
    plan[2 * n_args] = '|';
    info->idxNum = (int)(info->colUsed & PLAN_USED);
    if (plan_order(t, info, one_g, plan + 2 * n_args + 1, &info->idxNum))
        info->orderByConsumed = 1;
    else
        plan[2 * n_args + 1] = 0;
    info->idxStr = sqlite3_mprintf("%s", plan);
    info->needToFreeIdxStr = 1;
    info->estimatedRows = (sqlite3_int64)rows + 1;
    info->estimatedCost = cost + rows + 50; /* a scan costs something to begin */
    return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

/* ---- conditions ---------------------------------------------------------------------------- */

static int take_classes(struct cursor *c) {
    if (c->classes) return SQLITE_OK;
    c->classes = malloc((size_t)c->names->n_classes + 1);
    if (!c->classes) return SQLITE_NOMEM;
    memset(c->classes, 1, (size_t)c->names->n_classes + 1);
    return SQLITE_OK;
}

static int only_text(struct cursor *c, struct query *q, int column, struct text want) {
    if (column == SQLCOL_SLICES_START_FUNC) {
        int64_t g_min, g_max;
        int rc = slice_names_find(q, want, &c->group, &g_min, &g_max);
        if (rc != SQLITE_OK) return rc;
        c->nothing |= c->group == 0;
        if (g_min > c->filter.g_min) c->filter.g_min = g_min;
        if (g_max < c->filter.g_max) c->filter.g_max = g_max;
        c->by_group = true;
        return SQLITE_OK;
    }
    int rc = take_classes(c);
    if (rc != SQLITE_OK) return rc;
    for (uint32_t i = 0; i < c->names->n_classes; i++) {
        struct text t = slice_names_class(&c->names->classes[i], column);
        c->classes[i] &= t.n == want.n && (t.n == 0 || memcmp(t.data, want.data, t.n) == 0);
    }
    return SQLITE_OK;
}

static int only_stacks(struct cursor *c, struct range r) {
    int rc = take_classes(c);
    if (rc != SQLITE_OK) return rc;
    for (uint32_t i = 0; i < c->names->n_classes; i++) {
        int64_t stack = c->names->classes[i].stack;
        c->classes[i] &= stack != 0 && stack >= r.min && stack <= r.max;
    }
    return SQLITE_OK;
}

static const uint8_t range_columns[N_RANGES] = {[R_START] = SQLCOL_SLICES_START,
                                                [R_END] = SQLCOL_SLICES_END,
                                                [R_DUR] = SQLCOL_SLICES_DUR,
                                                [R_P] = SQLCOL_SLICES_P,
                                                [R_M] = SQLCOL_SLICES_M,
                                                [R_WAKER_G] = SQLCOL_SLICES_WAKER_G,
                                                [R_WAKER_P] = SQLCOL_SLICES_WAKER_P,
                                                [R_WAKER_M] = SQLCOL_SLICES_WAKER_M};

static int range_index(int column) {
    for (int r = 0; r < N_RANGES; r++)
        if (range_columns[r] == column) return r;
    return -1;
}

static void narrow(struct range *a, struct range b) {
    if (b.min > a->min) a->min = b.min;
    if (b.max < a->max) a->max = b.max;
}

static int condition(struct cursor *c, struct query *q, int column, char op, sqlite3_value *value) {
    struct range r;
    int type = sqlite3_value_type(value);
    if (type == SQLITE_NULL) {
        c->nothing = true; /* no comparison with null is true */
        return SQLITE_OK;
    }
    if (column == SQLCOL_SLICES_START_FUNC || column == SQLCOL_SLICES_STATE ||
        (column >= SQLCOL_SLICES_REASON && column <= SQLCOL_SLICES_USER_FUNC)) {
        if (type != SQLITE_TEXT) return SQLITE_OK;
        const char *text = (const char *)sqlite3_value_text(value);
        return only_text(c, q, column, (struct text){text, (size_t)sqlite3_value_bytes(value)});
    }
    if (!number_bounds((unsigned char)op, value, &r.min, &r.max)) return SQLITE_OK;
    if (column == SQLCOL_SLICES_G) {
        if (r.min > c->filter.g_min) c->filter.g_min = r.min;
        if (r.max < c->filter.g_max) c->filter.g_max = r.max;
    } else if (column == SQLCOL_SLICES_STACK) {
        return only_stacks(c, r);
    } else if (range_index(column) >= 0) {
        narrow(&c->ranges[range_index(column)], r);
    }
    return SQLITE_OK;
}

/* settle - what the conditions say together: the window of the scan, its states, its tests.
 * A slice touches [from, to) where start < to and end > from. */
static void settle(struct cursor *c, bool waits) {
    const struct range *start = &c->ranges[R_START], *end = &c->ranges[R_END];
    int64_t to = start->max, from = end->min;
    if (start->min > from) from = start->min; /* end >= start */
    if (end->max < to) to = end->max;
    c->filter.from_ns = from > INT64_MIN ? from - 1 : from;
    c->filter.to_ns = to < INT64_MAX ? to + 1 : to;
    c->filter.dur_min_ns = c->ranges[R_DUR].min > 0 ? c->ranges[R_DUR].min : 0;
    for (uint8_t i = 0; i < N_RANGES; i++) {
        const struct range *r = &c->ranges[i];
        c->nothing |= r->min > r->max;
        if (r->min != INT64_MIN || r->max != INT64_MAX) c->tests[c->n_tests++] = i;
    }
    c->nothing |= c->filter.g_min > c->filter.g_max;
    if (waits) c->filter.states = 1u << GO_WAITING;
    if (!c->classes) return;
    uint32_t states = 0;
    static const uint8_t all[] = {GO_UNDETERMINED, GO_RUNNABLE, GO_RUNNING, GO_WAITING, GO_SYSCALL};
    for (uint32_t i = 0; i < c->names->n_classes; i++)
        for (size_t k = 0; c->classes[i] && k < sizeof all; k++)
            if (c->names->classes[i].state.data == sql_state_name(all[k])) states |= 1u << all[k];
    c->filter.states = c->filter.states ? c->filter.states & states : states;
    c->nothing |= c->filter.states == 0;
}

static int64_t range_value(const struct slice *s, enum range_of r) {
    switch (r) {
    case R_START:
        return s->start_ns;
    case R_END:
        return s->start_ns + s->dur_ns;
    case R_DUR:
        return s->dur_ns;
    case R_P:
        return s->p;
    case R_M:
        return s->m;
    case R_WAKER_G:
        return s->waker_g;
    case R_WAKER_P:
        return s->waker_p;
    default:
        return s->waker_m;
    }
}

static bool passes(const struct cursor *c, const struct slice *s) {
    if (c->classes && !c->classes[s->class_id]) return false;
    for (uint32_t i = 0; i < c->n_tests; i++) {
        int64_t v = range_value(s, c->tests[i]);
        if (v < c->ranges[c->tests[i]].min || v > c->ranges[c->tests[i]].max) return false;
    }
    return !c->by_group || slice_names_group(c->names, s->g, s->start_ns) == c->group;
}

/* ---- the cursor ---------------------------------------------------------------------------- */

static int cursor_open(sqlite3_vtab *t, sqlite3_vtab_cursor **out) {
    (void)t;
    return vtab__cursor_new(sizeof(struct cursor), out);
}

static void cursor_reset(struct cursor *c) {
    slice_scan_close(c->scan);
    spool_free(c->spool);
    free(c->classes);
    sqlite3_vtab_cursor base = c->base;
    *c = (struct cursor){.base = base};
    for (int i = 0; i < N_RANGES; i++) c->ranges[i] = (struct range){INT64_MIN, INT64_MAX};
    c->filter.g_min = INT64_MIN;
    c->filter.g_max = INT64_MAX;
}

static int cursor_close(sqlite3_vtab_cursor *base) {
    cursor_reset((struct cursor *)base);
    sqlite3_free(base);
    return SQLITE_OK;
}

static int scan_next(struct cursor *c, struct query *q) {
    struct fault f;
    int rc;
    while ((rc = slice_scan_next(c->scan, &c->slice, &f)) == 1) {
        if (++c->n_seen % 4096 == 0) {
            int stop = query__check(q);
            if (stop != SQLITE_OK) return stop;
        }
        if (c->slice.class_id >= c->names->n_classes) {
            fault_set(&f, PV_ECORRUPT, -1, "store: a slice of unknown class");
            return query__fail(q, &f);
        }
        if (passes(c, &c->slice)) return SQLITE_OK;
    }
    c->eof = true;
    return rc < 0 ? query__fail(q, &f) : SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *base) {
    struct cursor *c = (struct cursor *)base;
    c->n_rows++;
    if (!c->spool) return scan_next(c, ((struct vtab *)base->pVtab)->q);
    c->eof = !spool_next(c->spool, &c->slice);
    return SQLITE_OK;
}

static int fill_spool(struct cursor *c, struct query *q, const char *keys, int plan,
                      uint64_t used) {
    struct spool_key spool_keys[SPOOL_MAX_KEYS];
    uint32_t n = 0;
    for (; keys[2 * n] && n < SPOOL_MAX_KEYS; n++)
        spool_keys[n] =
            (struct spool_key){(uint8_t)(keys[2 * n] - COLUMN_CHAR), keys[2 * n + 1] == '-'};
    int rc = spool_new(q, c->names, spool_keys, n, used, plan & PLAN_SORTED, plan & PLAN_DISTINCT,
                       &c->spool);
    while (rc == SQLITE_OK) {
        rc = scan_next(c, q);
        if (rc != SQLITE_OK || c->eof) break;
        rc = spool_add(c->spool, &c->slice);
    }
    slice_scan_close(c->scan);
    c->scan = NULL;
    return rc == SQLITE_OK ? spool_seal(c->spool) : rc;
}

/* used_columns - of the answer, of the conditions and of the spool's keys. */
static uint64_t used_columns(const struct vtab *t, int plan, const char *text) {
    uint64_t used = 0;
    for (int i = 0; i < (int)t->schema.n_columns; i++)
        if (plan & 1 << i) used |= 1ull << column_of(t, i);
    for (; *text && *text != '|'; text += 2) used |= 1ull << (*text - COLUMN_CHAR);
    for (text += *text == '|'; *text; text += 2) used |= 1ull << (*text - COLUMN_CHAR);
    return used;
}

/* columns_of - what of the store's rows those columns need. */
static uint32_t columns_of(uint64_t used) {
    static const struct {
        uint8_t column;
        uint32_t needs;
    } needs[] = {{SQLCOL_SLICES_P, SLICE_PLACE},           {SQLCOL_SLICES_M, SLICE_PLACE},
                 {SQLCOL_SLICES_WAKER_G, SLICE_WAKER},     {SQLCOL_SLICES_WAKER_FUNC, SLICE_WAKER},
                 {SQLCOL_SLICES_WAKER_P, SLICE_WAKER},     {SQLCOL_SLICES_WAKER_M, SLICE_WAKER},
                 {SQLCOL_SLICES_WAKER_STACK, SLICE_WAKER}, {SQLCOL_SLICES_OPEN, SLICE_OPEN}};
    uint32_t columns = SLICE_CLASS;
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (used >> needs[i].column & 1) columns |= needs[i].needs;
    return columns;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc,
                         sqlite3_value **argv) {
    struct cursor *c = (struct cursor *)base;
    struct vtab *t = (struct vtab *)base->pVtab;
    struct fault f;
    uint64_t used = used_columns(t, plan, text);
    cursor_reset(c);
    int rc = slice_names_load(t->q, &c->names);
    for (int i = 0; i < argc && rc == SQLITE_OK; i++)
        rc = condition(c, t->q, text[2 * i] - COLUMN_CHAR, text[2 * i + 1], argv[i]);
    if (rc != SQLITE_OK) return rc;
    settle(c, is_waits(t));
    c->eof = c->nothing;
    if (c->nothing) return query__check(t->q);
    c->filter.columns = columns_of(used);
    if (slice_scan_open(t->q->store, &c->filter, &c->scan, &f) < 0) return query__fail(t->q, &f);
    const char *keys = strchr(text, '|') + 1;
    if (!*keys) return scan_next(c, t->q);
    rc = fill_spool(c, t->q, keys, plan, used);
    return rc == SQLITE_OK ? cursor_next(base) : rc;
}

static int cursor_eof(sqlite3_vtab_cursor *base) {
    return ((struct cursor *)base)->eof;
}

static void result_name(sqlite3_context *c, struct text t, bool null_if_empty) {
    if (t.n || !null_if_empty) result_text(c, t);
}

static void result_start(sqlite3_context *c, struct slice_names *n, int64_t g, int64_t at_ns) {
    result_name(c, slice_names_start(n, slice_names_group(n, g, at_ns)), true);
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *out, int i) {
    const struct cursor *c = (const struct cursor *)base;
    const struct vtab *t = (const struct vtab *)base->pVtab;
    const struct slice *s = &c->slice;
    const struct class_names *names = &c->names->classes[s->class_id];
    struct store *store = t->q->store;
    switch (column_of(t, i)) {
    case SQLCOL_SLICES_START:
        sqlite3_result_int64(out, s->start_ns);
        break;
    case SQLCOL_SLICES_DUR:
        sqlite3_result_int64(out, s->dur_ns);
        break;
    case SQLCOL_SLICES_END:
        sqlite3_result_int64(out, slice_end(s));
        break;
    case SQLCOL_SLICES_G:
        sqlite3_result_int64(out, s->g);
        break;
    case SQLCOL_SLICES_STATE:
        result_text(out, names->state);
        break;
    case SQLCOL_SLICES_REASON:
        result_text(out, names->reason);
        break;
    case SQLCOL_SLICES_REFINED:
        result_text(out, names->refined);
        break;
    case SQLCOL_SLICES_FAMILY:
        result_text(out, names->family);
        break;
    case SQLCOL_SLICES_USER_FUNC:
        result_name(out, names->user_func, true);
        break;
    case SQLCOL_SLICES_START_FUNC:
        result_start(out, c->names, s->g, s->start_ns);
        break;
    case SQLCOL_SLICES_STACK:
        result_stored(out, store, TYPE_STACK, names->stack);
        break;
    case SQLCOL_SLICES_P:
        result_stored(out, store, TYPE_ID, s->p);
        break;
    case SQLCOL_SLICES_M:
        result_stored(out, store, TYPE_ID, s->m);
        break;
    case SQLCOL_SLICES_WAKER_G:
        result_stored(out, store, TYPE_ID, s->waker_g);
        break;
    case SQLCOL_SLICES_WAKER_FUNC:
        result_start(out, c->names, s->waker_g, s->start_ns + s->dur_ns);
        break;
    case SQLCOL_SLICES_WAKER_P:
        result_stored(out, store, TYPE_ID, s->waker_p);
        break;
    case SQLCOL_SLICES_WAKER_M:
        result_stored(out, store, TYPE_ID, s->waker_m);
        break;
    case SQLCOL_SLICES_WAKER_STACK:
        result_stored(out, store, TYPE_STACK, s->waker_stack);
        break;
    default:
        sqlite3_result_int(out, s->open);
        break;
    }
    return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id) {
    *id = ((struct cursor *)base)->n_rows;
    return SQLITE_OK;
}

static const sqlite3_module slices_module = VTAB_MODULE;

int vtab_slices_register(struct query *q) {
    int rc = vtab__register(q, SQL_SLICES, &slices_module);
    return rc == SQLITE_OK ? vtab__register(q, SQL_WAITS, &slices_module) : rc;
}
