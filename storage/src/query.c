/* storage/src/query.c - one question in SQL: connection, limits, answer.
 *
 * Safety      The connection is an empty database in memory, in which only virtual tables, views
 *             and functions are registered: the store's own tables are not there to be named, and
 *             nothing that is written could reach a file.  An authorizer that knows only reading
 *             is the second wall, and a sentence for who tries.
 * Limits      SQLite calls watch() every few thousand steps, and tables call query__check() in
 *             their own loops: time, memory and the caller's cancel flag are looked at there. */
#include "storage/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "storage/src/slice_names.h"
#include "storage/src/vtab.h"

enum {
    STEPS_BETWEEN_CHECKS = 10000,
    MAX_SQL_BYTES = 256 << 10,
    MAX_VALUE_BYTES = 16 << 20,
    MAX_RESULT_COLUMNS = 500,
    MAX_DEPTH = 200
};

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- limits -------------------------------------------------------------------------------- */

static bool over_limit(struct query *q) {
    if (q->stop.code) return true;
    if (q->cancel && atomic_load_explicit(q->cancel, memory_order_relaxed)) {
        fault_set(&q->stop, PV_ECANCELED, -1, "canceled");
    } else if (now_ns() > q->deadline_ns) {
        fault_set(&q->stop, PV_ELIMIT, -1,
                  "stopped after %.3g s; narrow the window with start_ns, or add LIMIT",
                  (double)q->time_ns / 1e9);
    } else if (q->bytes_max &&
               q->bytes_own + sqlite3_memory_used() - q->bytes_before > q->bytes_max) {
        fault_set(&q->stop, PV_ELIMIT, -1,
                  "stopped: it needs more than %lld MB of memory; narrow the window with start_ns,"
                  " group by fewer columns, or take percentiles from wait_reasons",
                  (long long)(q->bytes_max >> 20));
    }
    return q->stop.code != 0;
}

static int watch(void *q) {
    return over_limit(q);
}

int query__check(struct query *q) {
    return over_limit(q) ? SQLITE_INTERRUPT : SQLITE_OK;
}

void query__spend(struct query *q, int64_t bytes) {
    q->bytes_own += bytes;
}

int query__fail(struct query *q, const struct fault *f) {
    if (!q->stop.code) q->stop = *f;
    return f->code == PV_ENOMEM ? SQLITE_NOMEM : SQLITE_INTERRUPT;
}

int query__coltab(struct query *q, enum coltab_table t, struct coltab **out) {
    struct fault f;
    return store__tab(q->store, t, out, &f) < 0 ? query__fail(q, &f) : SQLITE_OK;
}

/* ---- what is allowed ----------------------------------------------------------------------- */

static const char *forbidden_action(int action) {
    switch (action) {
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
        return "ATTACH";
    case SQLITE_PRAGMA:
        return "PRAGMA";
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
        return "a transaction";
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        return "writing";
    default:
        return "changing tables";
    }
}

/* Functions that serve only to take memory or to reach out of the query. */
static bool function_allowed(const char *name) {
    static const char *const no[] = {"load_extension", "randomblob", "zeroblob", "fts3_tokenizer",
                                     "sqlite_log",     "writefile",  "readfile", "edit"};
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (sqlite3_stricmp(name, no[i]) == 0) return false;
    return true;
}

static int authorize(void *data, int action, const char *a, const char *b, const char *database,
                     const char *trigger) {
    struct query *q = data;
    (void)database, (void)trigger;
    if (q->declaring || action == SQLITE_SELECT || action == SQLITE_READ ||
        action == SQLITE_RECURSIVE)
        return SQLITE_OK;
    if (action == SQLITE_FUNCTION) {
        if (b && function_allowed(b)) return SQLITE_OK;
        if (!q->denied[0])
            snprintf(q->denied, sizeof q->denied, "the function %.60s() is not allowed here",
                     b ? b : "");
        return SQLITE_DENY;
    }
    (void)a;
    if (!q->denied[0])
        snprintf(q->denied, sizeof q->denied,
                 "%s is not allowed here: a query can only read (SELECT or WITH ... SELECT)",
                 forbidden_action(action));
    return SQLITE_DENY;
}

/* ---- the connection ------------------------------------------------------------------------ */

static int create_views(struct query *q) {
    for (size_t i = 0; i < n_sql_views; i++) {
        char *sql = sqlite3_mprintf("CREATE VIEW %s AS %s", sql_views[i].name, sql_views[i].select);
        int rc = sql ? sqlite3_exec(q->db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
        sqlite3_free(sql);
        if (rc != SQLITE_OK) return rc;
    }
    return SQLITE_OK;
}

static void set_limits(sqlite3 *db) {
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES);
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, MAX_SQL_BYTES);
    sqlite3_limit(db, SQLITE_LIMIT_COLUMN, MAX_RESULT_COLUMNS);
    sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, MAX_DEPTH);
    sqlite3_limit(db, SQLITE_LIMIT_COMPOUND_SELECT, 50);
    sqlite3_limit(db, SQLITE_LIMIT_VDBE_OP, 100000);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000);
    sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, 1);
    sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
}

/* What does not fit stays in memory, where the limit sees it: a query writes no temporary files. */
static int connect_query(struct query *q) {
    int rc = sqlite3_open_v2(
        ":memory:", &q->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_exec(q->db, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
    if (rc == SQLITE_OK) rc = vtab_coltab_register(q);
    if (rc == SQLITE_OK) rc = vtab_slices_register(q);
    if (rc == SQLITE_OK) rc = vtab_lists_register(q);
    if (rc == SQLITE_OK) rc = vtab_stacks_register(q);
    if (rc == SQLITE_OK) rc = sql_functions_register(q);
    if (rc == SQLITE_OK) rc = create_views(q);
    /* SQLite's own tables declare themselves when they are first named: before there is an
     * authorizer, which would take that for writing. */
    if (rc == SQLITE_OK)
        rc =
            sqlite3_exec(q->db, "SELECT 1 FROM json_each('[]'), json_tree('[]')", NULL, NULL, NULL);
    if (rc != SQLITE_OK) return rc;
    set_limits(q->db);
    sqlite3_progress_handler(q->db, STEPS_BETWEEN_CHECKS, watch, q);
    return sqlite3_set_authorizer(q->db, authorize, q);
}

static void disconnect_query(struct query *q) {
    sqlite3_close(q->db);
    vtab_coltab_free(q);
    slice_names_free(q->names);
}

/* query_fault - why SQLite stopped, in our words. */
static int query_fault(struct query *q, int rc, struct fault *f) {
    if (q->stop.code) {
        *f = q->stop;
        return f->code;
    }
    if (q->denied[0]) return fault_set(f, PV_EQUERY, -1, "%s", q->denied);
    if (rc == SQLITE_NOMEM || !q->db) return fault_set(f, PV_ENOMEM, -1, "no memory for the query");
    if (rc == SQLITE_TOOBIG)
        return fault_set(f, PV_ELIMIT, -1, "a value, or the SQL, is too long (%d MB, %d KB)",
                         MAX_VALUE_BYTES >> 20, MAX_SQL_BYTES >> 10);
    return fault_set(f, PV_EQUERY, -1, "%s", sqlite3_errmsg(q->db));
}

/* ---- the answer ---------------------------------------------------------------------------- */

static int give_columns(sqlite3_stmt *s, const struct query_output *out, struct fault *f) {
    const char *names[MAX_RESULT_COLUMNS];
    int n = sqlite3_column_count(s);
    for (int i = 0; i < n; i++) {
        names[i] = sqlite3_column_name(s, i);
        if (!names[i]) return fault_set(f, PV_ENOMEM, -1, "no memory for the query");
    }
    if (out->columns && out->columns(out->arg, (uint32_t)n, names))
        return fault_set(f, PV_ECANCELED, -1, "canceled");
    return 0;
}

static struct query_value value_of(sqlite3_stmt *s, int i) {
    struct query_value v = {.type = QUERY_NULL};
    switch (sqlite3_column_type(s, i)) {
    case SQLITE_INTEGER:
        v.type = QUERY_INT;
        v.i = sqlite3_column_int64(s, i);
        break;
    case SQLITE_FLOAT:
        v.type = QUERY_REAL;
        v.real = sqlite3_column_double(s, i);
        break;
    case SQLITE_TEXT:
        v.type = QUERY_TEXT;
        v.text.data = (const char *)sqlite3_column_text(s, i);
        v.text.n = (size_t)sqlite3_column_bytes(s, i);
        break;
    case SQLITE_BLOB:
        v.type = QUERY_BLOB;
        v.text.data = sqlite3_column_blob(s, i);
        v.text.n = (size_t)sqlite3_column_bytes(s, i);
        break;
    default:
        break;
    }
    return v;
}

static int give_rows(struct query *q, sqlite3_stmt *s, int64_t n_max,
                     const struct query_output *out, struct query_result *result, struct fault *f) {
    struct query_value values[MAX_RESULT_COLUMNS];
    int n = sqlite3_column_count(s), rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        if (n_max && result->n_rows == n_max) {
            result->truncated = true;
            return 0;
        }
        for (int i = 0; i < n; i++) values[i] = value_of(s, i);
        if (out->row && out->row(out->arg, (uint32_t)n, values))
            return fault_set(f, PV_ECANCELED, -1, "canceled");
        result->n_rows++;
    }
    return rc == SQLITE_DONE ? 0 : query_fault(q, rc, f);
}

/* only_blanks - true where nothing but space and comments follows the statement. */
static bool only_blanks(struct query *q, const char *rest) {
    sqlite3_stmt *s = NULL;
    while (*rest) {
        const char *next;
        int rc = sqlite3_prepare_v2(q->db, rest, -1, &s, &next);
        if (rc != SQLITE_OK || s) break;
        if (next == rest) return true;
        rest = next;
    }
    bool blank = !*rest && !s;
    sqlite3_finalize(s);
    return blank;
}

static int run(struct query *q, const char *sql, int64_t n_max, const struct query_output *out,
               struct query_result *result, struct fault *f) {
    sqlite3_stmt *s = NULL;
    const char *rest;
    int rc = connect_query(q);
    if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(q->db, sql, -1, &s, &rest);
    if (rc != SQLITE_OK) return query_fault(q, rc, f);
    if (!s) return fault_set(f, PV_EQUERY, -1, "there is no statement in the query");
    if (!only_blanks(q, rest)) {
        rc = fault_set(f, PV_EQUERY, -1, "one statement at a time, please");
    } else if (!sqlite3_stmt_readonly(s) || sqlite3_column_count(s) == 0) {
        rc = fault_set(f, PV_EQUERY, -1, "a query can only read (SELECT or WITH ... SELECT)");
    } else {
        rc = give_columns(s, out, f);
        if (rc == 0) rc = give_rows(q, s, n_max, out, result, f);
    }
    sqlite3_finalize(s);
    return rc;
}

int query_run(struct store *s, const char *sql, const struct query_limits *limits,
              const struct query_output *out, const atomic_int *cancel, struct query_result *result,
              struct fault *f) {
    int64_t begin = now_ns();
    struct query q = {.store = s,
                      .cancel = cancel,
                      .time_ns = limits->time_ns,
                      .deadline_ns = limits->time_ns ? begin + limits->time_ns : INT64_MAX,
                      .bytes_max = limits->bytes,
                      .bytes_before = sqlite3_memory_used()};
    *result = (struct query_result){0};
    int rc = run(&q, sql, limits->n_rows, out, result, f);
    disconnect_query(&q);
    result->ns = now_ns() - begin;
    return rc;
}
