/* storage/src/vtab_coltab.c - the column tables (goroutines, regions, logs, ...) as SQL tables.
 *
 * Pushed down Numbers (=, <, <=, >, >=) become bounds of the scan, which prunes by block; columns
 *             that are the sum of a start and a length bound the start from above.  SQLite tests
 *             every row again, so bounds need not be exact.
 * Lookups     `id = x` inside a join asks again and again: the second time, the column's rows are
 *             sorted by value once (struct row_index), and a lookup is a binary search.
 * Plan        idxStr is a text of column and operator characters, one pair per argument. */
#include "storage/src/vtab.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMN_CHAR = 'A', SMALL_TABLE = 256 };

struct row_index {
    struct row_index *next;
    enum coltab_table table;
    uint32_t column;
    uint32_t n_asked;
    bool built;
    struct entry {
        int64_t value, row;
    } * entries;
    size_t n;
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct coltab_scan *scan;
    const struct row_index *index; /* rows come from here: entries[at] ... entries[end - 1] */
    size_t at, end;
    const int64_t *row; /* NULL = at the end */
    uint32_t n_seen, want;
};

/* ---- the index ----------------------------------------------------------------------------- */

static int by_value_then_row(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int index_build(struct query *q, struct coltab *t, struct row_index *index) {
    struct fault f;
    struct coltab_scan *scan;
    const int64_t *row;
    size_t capacity = (size_t)coltab_n_rows(t) + 1;
    index->entries = malloc(capacity * sizeof *index->entries);
    if (!index->entries) return SQLITE_NOMEM;
    query__spend(q, (int64_t)(capacity * sizeof *index->entries));
    if (coltab_scan_open(t, &scan, &f) < 0) return query__fail(q, &f);
    coltab_scan_want(scan, 1u << index->column);
    int rc;
    while ((rc = coltab_scan_next(scan, &row, &f)) == 1 && index->n < capacity)
        index->entries[index->n++] = (struct entry){row[index->column], coltab_scan_row(scan)};
    coltab_scan_close(scan);
    if (rc < 0) return query__fail(q, &f);
    qsort(index->entries, index->n, sizeof *index->entries, by_value_then_row);
    index->built = true;
    return query__check(q);
}

/* index_for - NULL where a scan is as good: a small table, or the first time. */
static int index_for(struct query *q, enum coltab_table table, struct coltab *t, uint32_t column,
                     struct row_index **out) {
    struct row_index *index = q->indexes;
    *out = NULL;
    if (coltab_n_rows(t) <= SMALL_TABLE) return SQLITE_OK;
    while (index && (index->table != table || index->column != column)) index = index->next;
    if (!index) {
        index = calloc(1, sizeof *index);
        if (!index) return SQLITE_NOMEM;
        *index = (struct row_index){.next = q->indexes, .table = table, .column = column};
        q->indexes = index;
    }
    if (++index->n_asked < 2) return SQLITE_OK;
    if (!index->built) {
        int rc = index_build(q, t, index);
        if (rc != SQLITE_OK) return rc;
    }
    *out = index;
    return SQLITE_OK;
}

static size_t index_lower_bound(const struct row_index *index, int64_t value) {
    size_t low = 0, high = index->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->entries[middle].value < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void vtab_coltab_free(struct query *q) {
    for (struct row_index *i = q->indexes, *next; i; i = next) {
        next = i->next;
        free(i->entries);
        free(i);
    }
    q->indexes = NULL;
}

/* ---- the table ----------------------------------------------------------------------------- */

static enum coltab_table id_of(const struct vtab *t) {
    return (enum coltab_table)t->table;
}

/* Columns before the derived ones. */
static uint32_t n_stored(const struct vtab *t) {
    return coltab_n_cols(id_of(t));
}

/* A column whose number the block holds as it is, or the sum of a start and a length. */
static bool can_bound(const struct sql_column *c) {
    return (c->type == TYPE_NS || c->type == TYPE_INT || c->type == TYPE_ID ||
            c->type == TYPE_STACK || c->type == TYPE_BOOL) &&
           c->derived != DERIVED_DIFFERENCE;
}

static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
    struct vtab *t = (struct vtab *)base;
    struct coltab *rows;
    int rc = query__coltab(t->q, id_of(t), &rows);
    if (rc != SQLITE_OK) return rc;
    double n = (double)coltab_n_rows(rows) + 1, kept = n;
    bool lookup = false;
    int n_args = 0;
    char *plan = sqlite3_malloc(2 * info->nConstraint + 1);
    if (!plan) return SQLITE_NOMEM;
    for (int i = 0; i < info->nConstraint; i++) {
        char op = vtab__operator(info->aConstraint[i].op);
        int c = info->aConstraint[i].iColumn;
        if (!info->aConstraint[i].usable || !op || c < 0 || !can_bound(&t->schema.columns[c]))
            continue;
        plan[2 * n_args] = (char)(COLUMN_CHAR + c);
        plan[2 * n_args + 1] = op;
        info->aConstraintUsage[i].argvIndex = ++n_args;
        uint8_t type = t->schema.columns[c].type;
        bool id = op == '=' && type == TYPE_ID && c < (int)n_stored(t);
        kept = id ? (kept < 20 ? kept : 20) : op == '=' ? kept / 10 : kept / 3;
        lookup |= id;
    }
    plan[2 * n_args] = 0;
    info->idxStr = plan;
    info->needToFreeIdxStr = 1;
    info->idxNum = (int)(info->colUsed & 0x7fffffff);
    info->estimatedRows = (sqlite3_int64)kept + 1;
    info->estimatedCost = (lookup ? 20 : n * 0.1) + kept;
    return SQLITE_OK;
}

/* ---- the cursor ---------------------------------------------------------------------------- */

static int cursor_open(sqlite3_vtab *t, sqlite3_vtab_cursor **out) {
    (void)t;
    return vtab__cursor_new(sizeof(struct cursor), out);
}

static void cursor_reset(struct cursor *c) {
    coltab_scan_close(c->scan);
    c->scan = NULL;
    c->index = NULL;
    c->row = NULL;
}

static int cursor_close(sqlite3_vtab_cursor *base) {
    cursor_reset((struct cursor *)base);
    sqlite3_free(base);
    return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *base) {
    struct cursor *c = (struct cursor *)base;
    struct query *q = ((struct vtab *)base->pVtab)->q;
    struct fault f;
    int rc;
    if (c->index) {
        rc = c->at == c->end
                 ? 0
                 : coltab_scan_get(c->scan, c->index->entries[c->at++].row, &c->row, &f);
    } else {
        rc = coltab_scan_next(c->scan, &c->row, &f);
    }
    if (rc == 1) return ++c->n_seen % 1024 ? SQLITE_OK : query__check(q);
    c->row = NULL;
    return rc < 0 ? query__fail(q, &f) : SQLITE_OK;
}

/* use_index - rows with value in the column, from the index. */
static void use_index(struct cursor *c, const struct row_index *index, int64_t value) {
    c->index = index;
    c->at = c->end = index_lower_bound(index, value);
    while (c->end < index->n && index->entries[c->end].value == value) c->end++;
}

/* bound - one argument of the plan.  Null, and numbers that no row can have, leave no rows. */
static int bound(struct cursor *c, struct vtab *t, struct coltab *rows, uint32_t column, char op,
                 sqlite3_value *value) {
    const struct sql_column *col = &t->schema.columns[column];
    int64_t min, max;
    struct row_index *index;
    if (sqlite3_value_type(value) == SQLITE_NULL) {
        coltab_scan_bound(c->scan, 0, INT64_MAX, INT64_MIN);
        return SQLITE_OK;
    }
    if (!number_bounds((unsigned char)op, value, &min, &max)) return SQLITE_OK;
    if (col->derived == DERIVED_SUM) { /* start + length <= max: then start <= max */
        coltab_scan_bound(c->scan, col->a, INT64_MIN, max);
        if (min > INT64_MIN) coltab_scan_ends(c->scan, col->a, col->b, min);
        return SQLITE_OK;
    }
    if (op == '=' && col->type == TYPE_ID && min == max && !c->index) {
        int rc = index_for(t->q, id_of(t), rows, column, &index);
        if (rc != SQLITE_OK) return rc;
        if (index) use_index(c, index, min);
        if (index) return SQLITE_OK;
    }
    coltab_scan_bound(c->scan, column, min, max);
    return SQLITE_OK;
}

static uint32_t stored_columns(const struct vtab *t, uint32_t used) {
    uint32_t want = used & ((1u << n_stored(t)) - 1);
    for (uint32_t c = n_stored(t); c < t->schema.n_columns; c++)
        if (used & 1u << c) want |= 1u << t->schema.columns[c].a | 1u << t->schema.columns[c].b;
    return want;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int used, const char *plan, int argc,
                         sqlite3_value **argv) {
    struct cursor *c = (struct cursor *)base;
    struct vtab *t = (struct vtab *)base->pVtab;
    struct coltab *rows;
    struct fault f;
    cursor_reset(c);
    int rc = query__coltab(t->q, id_of(t), &rows);
    if (rc != SQLITE_OK) return rc;
    if (coltab_scan_open(rows, &c->scan, &f) < 0) return query__fail(t->q, &f);
    coltab_scan_want(c->scan, stored_columns(t, (uint32_t)used));
    for (int i = 0; i < argc && rc == SQLITE_OK; i++)
        rc = bound(c, t, rows, (uint32_t)(plan[2 * i] - COLUMN_CHAR), plan[2 * i + 1], argv[i]);
    return rc == SQLITE_OK ? cursor_next(base) : rc;
}

static int cursor_eof(sqlite3_vtab_cursor *base) {
    return !((struct cursor *)base)->row;
}

static int64_t derive(const struct sql_column *col, const int64_t *row) {
    int64_t a = row[col->a], b = row[col->b], result;
    if (a == COLTAB_NULL || b == COLTAB_NULL) return COLTAB_NULL;
    bool overflow = col->derived == DERIVED_SUM ? __builtin_add_overflow(a, b, &result)
                                                : __builtin_sub_overflow(a, b, &result);
    return overflow ? COLTAB_NULL : result;
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int i) {
    const struct cursor *c = (const struct cursor *)base;
    const struct vtab *t = (const struct vtab *)base->pVtab;
    const struct sql_column *col = &t->schema.columns[i];
    int64_t value = col->derived ? derive(col, c->row) : c->row[i];
    result_stored(context, t->q->store, col->type, value);
    return SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id) {
    *id = coltab_scan_row(((struct cursor *)base)->scan) + 1;
    return SQLITE_OK;
}

static const sqlite3_module coltab_module = VTAB_MODULE;

int vtab_coltab_register(struct query *q) {
    for (int t = 0; t < N_COLTABS; t++) {
        if (t == TAB_GAPS) continue; /* vtab_lists.c */
        int rc = vtab__register(q, (enum sql_table)t, &coltab_module);
        if (rc != SQLITE_OK) return rc;
    }
    return SQLITE_OK;
}
