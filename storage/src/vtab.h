/* storage/src/vtab.h - what the virtual tables of one query share.  Private to query.c, vtab_*.c
 * and sql_functions.c. */
#ifndef PARKVIEW_STORAGE_VTAB_H
#define PARKVIEW_STORAGE_VTAB_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "storage/query.h"
#include "storage/src/coltab.h"
#include "storage/src/slices.h"
#include "storage/src/sqltables.h"

/* One query: its connection, its limits, and what its tables load on demand. */
struct query {
    sqlite3 *db; /* in memory: views and virtual tables only */
    struct store *store;
    const atomic_int *cancel;
    int64_t deadline_ns; /* on the monotonic clock; INT64_MAX = none */
    int64_t time_ns, bytes_max, bytes_before;
    int64_t bytes_own; /* what tables hold outside of SQLite */
    struct fault stop; /* why it was stopped: limit, cancel, damage; code 0 = it was not */
    bool declaring;    /* a virtual table is being declared */
    char denied[128];  /* what the authorizer refused first */

    struct slice_names *names; /* slice_names.c */
    struct row_index *indexes; /* vtab_coltab.c */
};

/* query__check - SQLITE_OK, or SQLITE_INTERRUPT where time, memory or patience is at its end.  To
 * be called at least every few thousand rows. */
int query__check(struct query *q);
/* query__spend - counts memory (negative: given back). */
void query__spend(struct query *q, int64_t bytes);
/* query__fail - a fault of storage as SQLite's code; keeps the fault for query_run. */
int query__fail(struct query *q, const struct fault *f);
/* query__coltab - the store's own. */
int query__coltab(struct query *q, enum coltab_table t, struct coltab **out);

/* Cells. */
void result_text(sqlite3_context *c, struct text t); /* borrowed from the store */
void result_stored(sqlite3_context *c, struct store *s, uint8_t type, int64_t value);
/* result_stack - at most max_frames function names, innermost first; null for stack 0. */
void result_stack(sqlite3_context *c, struct store *s, int64_t id, uint32_t max_frames);
const char *sql_state_name(int64_t state); /* NULL where there is no such state */

/* Sums of numbers that a damaged store may hold: they wrap and do not overflow. */
static inline int64_t wrap_add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static inline int64_t wrap_sub(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static inline int64_t slice_end(const struct slice *s) {
    return wrap_add(s->start_ns, s->dur_ns);
}

/* number_bounds - the whole numbers that can satisfy `column OP value`, as a range that may be too
 * wide but never too narrow; false where value is no number. */
bool number_bounds(unsigned char op, sqlite3_value *value, int64_t *min, int64_t *max);

/* A table as SQLite holds it while a query runs. */
struct vtab {
    sqlite3_vtab base; /* first: SQLite has a pointer to it */
    struct query *q;
    enum sql_table table;
    struct sql_schema schema;
};
/* vtab__connect, vtab__disconnect - what every module of vtab__register has. */
int vtab__connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                  char **error);
int vtab__disconnect(sqlite3_vtab *t);
/* vtab__cursor_new - of size bytes, the first of them SQLite's, and all zero; sqlite3_free. */
int vtab__cursor_new(size_t size, sqlite3_vtab_cursor **out);
/* VTAB_MODULE - of a file whose functions have these names. */
#define VTAB_MODULE                                                                                \
    {                                                                                              \
        .xConnect = vtab__connect, .xBestIndex = table_best_index,                                 \
        .xDisconnect = vtab__disconnect, .xOpen = cursor_open, .xClose = cursor_close,             \
        .xFilter = cursor_filter, .xNext = cursor_next, .xEof = cursor_eof,                        \
        .xColumn = cursor_column, .xRowid = cursor_rowid                                           \
    }
/* vtab__register - the table under its name. */
int vtab__register(struct query *q, enum sql_table table, const sqlite3_module *module);
/* vtab__operator - = < > and [ ] for <= >= ; 0 for what is not a comparison. */
char vtab__operator(unsigned char op);

/* Each registers its modules. */
int vtab_coltab_register(struct query *q);
void vtab_coltab_free(struct query *q);
int vtab_slices_register(struct query *q);
int vtab_lists_register(struct query *q);
int vtab_stacks_register(struct query *q);
int sql_functions_register(struct query *q);

#endif
