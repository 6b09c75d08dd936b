/* storage/query.h - any question, in SQL: storage/SQL.md says what can be asked.
 *
 *     struct query_limits limits = {.time_ns = 10000000000, .n_rows = 1000, .bytes = 256 << 20};
 *     struct query_output out = {.columns = on_columns, .row = on_row, .arg = table};
 *     struct query_result result;
 *     if (query_run(store, "SELECT * FROM wait_reasons", &limits, &out, NULL, &result, &f) < 0) ...
 *
 * A query can only read, and only what SQL.md lists: it runs on a connection of its own that has no
 * file behind it.  It belongs to the thread of its store. */
#ifndef PARKVIEW_STORAGE_QUERY_H
#define PARKVIEW_STORAGE_QUERY_H

#include <stdatomic.h>

#include "storage/store.h"

struct query_limits { /* 0 = no limit */
    int64_t time_ns;
    int64_t n_rows; /* of the answer; more is not an error: result.truncated */
    int64_t bytes;  /* of memory, beyond what the process had before */
};

enum query_type { QUERY_NULL, QUERY_INT, QUERY_REAL, QUERY_TEXT, QUERY_BLOB };
struct query_value {
    enum query_type type;
    int64_t i;
    double real;
    struct text text; /* QUERY_TEXT: raw bytes, not always valid UTF-8; QUERY_BLOB */
};

struct query_output { /* both borrow what they get; not 0 stops with PV_ECANCELED */
    int (*columns)(void *arg, uint32_t n, const char *const *names);
    int (*row)(void *arg, uint32_t n, const struct query_value *values);
    void *arg;
};

struct query_result {
    int64_t n_rows;
    bool truncated; /* there was at least one row more than limits.n_rows */
    int64_t ns;     /* how long it took */
};

/* query_run - one statement.  *cancel (may be NULL) is looked at many times a second: another
 * thread sets it to stop the query.  PV_EQUERY: the SQL is wrong or forbidden, and f says how;
 * PV_ELIMIT, PV_ECANCELED, PV_ENOMEM, PV_ECORRUPT (the store is damaged), PV_EIO. */
int query_run(struct store *s, const char *sql, const struct query_limits *limits,
              const struct query_output *out, const atomic_int *cancel, struct query_result *result,
              struct fault *f);

/* query_reference - the tables, views and functions as Markdown: the reference part of SQL.md. */
int query_reference(int (*write)(void *arg, const char *text, size_t n), void *arg);

#endif
