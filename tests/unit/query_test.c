/* tests/unit/query_test.c - the SQL surface: what is pushed down into the tables says the same as
 * SQLite's own test of every row, GROUP BY without a sorter the same as with one; a query can only
 * read, stops at its limits, and a damaged store is a fault. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "storage/query.h"
#include "storage/src/slices.h"
#include "storage/src/sqltables.h"
#include "storage/store.h"
#include "tests/unit/random.h"

static struct fault fault;
static const char *doing = "";

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            printf("%s:%d: failed: %s\n  %s\n  %s\n", __FILE__, __LINE__, #x, doing, fault.text);  \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* ---- asking -------------------------------------------------------------------------------- */

struct lines { /* each row as text; hash does not depend on their order */
    uint64_t hash;
    int64_t n;
    char last[4096];
};

static int on_row(void *arg, uint32_t n, const struct query_value *v) {
    struct lines *l = arg;
    size_t at = 0;
    l->last[0] = 0;
    for (uint32_t i = 0; i < n && at + 40 < sizeof l->last; i++) {
        char *p = l->last + at;
        size_t left = sizeof l->last - at;
        const char *tab = i ? "\t" : "";
        switch (v[i].type) {
        case QUERY_INT:
            at += (size_t)snprintf(p, left, "%s%lld", tab, (long long)v[i].i);
            break;
        case QUERY_REAL:
            at += (size_t)snprintf(p, left, "%s%.9g", tab, v[i].real);
            break;
        case QUERY_NULL:
            at += (size_t)snprintf(p, left, "%sNULL", tab);
            break;
        default:
            at += (size_t)snprintf(p, left, "%s%.*s", tab, (int)v[i].text.n, v[i].text.data);
            break;
        }
    }
    uint64_t h = 1469598103934665603u;
    for (const char *c = l->last; *c; c++) h = (h ^ (unsigned char)*c) * 1099511628211u;
    l->hash += h;
    l->n++;
    return 0;
}

static int ask_limits(struct store *s, const char *sql, const struct query_limits *limits,
                      struct lines *l) {
    struct query_result result;
    *l = (struct lines){0};
    doing = sql;
    return query_run(s, sql, limits, &(struct query_output){NULL, on_row, l}, NULL, &result,
                     &fault);
}

static struct lines ask(struct store *s, const char *sql) {
    struct lines l;
    fault.text[0] = 0;
    CHECK(ask_limits(s, sql, &(struct query_limits){0}, &l) == 0);
    return l;
}

static void same(struct store *s, const char *a, const char *b) {
    struct lines x = ask(s, a), y = ask(s, b);
    if (x.n != y.n || x.hash != y.hash) {
        printf("differ:\n  %s\n    %lld rows, last: %s\n  %s\n    %lld rows, last: %s\n", a,
               (long long)x.n, x.last, b, (long long)y.n, y.last);
        exit(1);
    }
}

/* ---- pushed down = not pushed down --------------------------------------------------------- */

/* literal - a value of the column, now and then a little beside it. */
static void literal(struct store *s, const struct sql_schema *t, const struct sql_column *c,
                    int64_t n_rows, char *out, size_t size) {
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT quote(\"%s\") FROM %s LIMIT 1 OFFSET %lld", c->name, t->name,
             (long long)(random64() % (uint64_t)n_rows));
    struct lines l = ask(s, sql);
    const char *beside[] = {"", "", "", "+1", "-1", "+0.5", "*1.5"};
    snprintf(out, size, "%.400s%s",
             l.n == 0               ? "NULL"
             : strlen(l.last) > 400 ? "'long'"
                                    : l.last,
             sql_type_is_text(c->type) ? "" : beside[random64() % 7]);
}

/* conditions - the same twice: `c < 5` may be pushed down, `+c < 5` may not. */
static void conditions(struct store *s, const struct sql_schema *t, int64_t n_rows, char *pushed,
                       char *plain, size_t size) {
    static const char *const operators[] = {"=", "<", "<=", ">", ">=", "<>", "IS"};
    int n = 1 + (int)(random64() % 3);
    size_t at = 0, at2 = 0;
    for (int i = 0; i < n; i++) {
        char value[512];
        const struct sql_column *c = &t->columns[random64() % t->n_columns];
        const char *op = operators[random64() % 7];
        if (c->hidden) c = &t->columns[0];
        if (sql_type_is_text(c->type)) op = random64() % 4 ? "=" : op;
        literal(s, t, c, n_rows, value, sizeof value);
        const char *and = i ? " AND " : "";
        at += (size_t)snprintf(pushed + at, size - at, "%s\"%s\" %s %s", and, c->name, op, value);
        at2 +=
            (size_t)snprintf(plain + at2, size - at2, "%s+\"%s\" %s %s", and, c->name, op, value);
    }
}

static int64_t count_rows(struct store *s, const char *table) {
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    return strtoll(ask(s, sql).last, NULL, 10);
}

/* sums_of - a select list in which every column has its part. */
static void sums_of(const struct sql_schema *t, char *out, size_t size) {
    size_t at = (size_t)snprintf(out, size, "count(*)");
    for (uint32_t i = 0; i < t->n_columns; i++)
        at += (size_t)snprintf(
            out + at, size - at, ", count(\"%s\"), total(%s(\"%s\"))", t->columns[i].name,
            sql_type_is_text(t->columns[i].type) ? "length" : "abs", t->columns[i].name);
}

static void pushing_changes_nothing(struct store *s, enum sql_table table, int rounds) {
    struct sql_schema t;
    char sums[2048], pushed[2048], plain[2048], a[4200], b[4200];
    sql_schema(table, &t);
    sums_of(&t, sums, sizeof sums);
    int64_t n_rows = count_rows(s, t.name);
    if (n_rows == 0) return;
    for (int round = 0; round < rounds; round++) {
        conditions(s, &t, n_rows, pushed, plain, sizeof pushed);
        snprintf(a, sizeof a, "SELECT %s FROM %s WHERE %s", sums, t.name, pushed);
        snprintf(b, sizeof b, "SELECT %s FROM %s WHERE %s", sums, t.name, plain);
        same(s, a, b);
    }
}

/* Looked up row by row, as a join does: the index of vtab_coltab.c. */
static void joins_find_all(struct store *s) {
    static const char rows[] = "SELECT s.g, s.start_ns, g.start_function, g.created FROM"
                               " (SELECT * FROM slices LIMIT 300) s CROSS JOIN goroutines g ON";
    char a[512], b[512];
    snprintf(a, sizeof a, "%s g.g = s.g", rows);
    snprintf(b, sizeof b, "%s +g.g = s.g", rows);
    same(s, a, b);
    same(s, "SELECT count(*) FROM goroutines a JOIN goroutines b ON a.parent_g = b.g",
         "SELECT count(*) FROM goroutines a WHERE parent_g IN (SELECT g FROM goroutines)");
}

/* ---- GROUP BY without a sorter ------------------------------------------------------------- */

static void grouping_changes_nothing(struct store *s, int rounds) {
    static const char *const keys[] = {
        "reason", "refined", "family",  "user_function", "stack", "g",      "start_function",
        "p",      "m",       "waker_g", "waker_stack",   "open",  "waker_p"};
    enum { n_keys = sizeof keys / sizeof *keys };
    static const char *const sums[] = {"count(*)", "count(*), sum(duration_ns)",
                                       "sum(start_ns), max(end_ns), min(g)",
                                       "count(waker_g), sum(p), max(reason), sum(stack)"};
    static const char *const where[] = {"", "WHERE duration_ns > 1000", "WHERE g % 3 = 0",
                                        "WHERE start_ns > 1e6 AND reason <> 'sync'"};
    char a[1024], b[1024];
    for (int round = 0; round < rounds; round++) {
        const char *k1 = keys[round < n_keys ? round : (int)(random64() % n_keys)];
        const char *k2 = keys[random64() % n_keys];
        const char *sum = sums[random64() % 4], *w = where[random64() % 4];
        const char *t = random64() % 2 ? "waits" : "slices";
        snprintf(a, sizeof a, "SELECT %s, %s FROM %s %s GROUP BY %s", k1, sum, t, w, k1);
        snprintf(b, sizeof b, "SELECT %s, %s FROM %s %s GROUP BY +%s", k1, sum, t, w, k1);
        same(s, a, b);
        snprintf(a, sizeof a, "SELECT %s, %s, %s FROM %s %s GROUP BY %s, %s", k1, k2, sum, t, w, k1,
                 k2);
        snprintf(b, sizeof b, "SELECT %s, %s, %s FROM %s %s GROUP BY +%s, +%s", k1, k2, sum, t, w,
                 k1, k2);
        same(s, a, b);
        snprintf(a, sizeof a, "SELECT DISTINCT %s, %s FROM %s %s", k1, k2, t, w);
        snprintf(b, sizeof b, "SELECT DISTINCT +%s, +%s FROM %s %s", k1, k2, t, w);
        same(s, a, b);
        const char *direction = random64() % 2 ? "DESC" : "";
        snprintf(a, sizeof a,
                 "SELECT row_number() OVER (), %s FROM (SELECT %s FROM %s %s ORDER BY %s %s)", k1,
                 k1, t, w, k1, direction);
        snprintf(b, sizeof b,
                 "SELECT row_number() OVER (), %s FROM (SELECT +%s AS %s FROM %s %s ORDER BY +%s"
                 " %s)",
                 k1, k1, k1, t, w, k1, direction);
        same(s, a, b);
    }
    same(s, "SELECT g, start_ns, lag(end_ns) OVER (PARTITION BY g ORDER BY start_ns) FROM slices",
         "SELECT g, start_ns, lag(end_ns) OVER (PARTITION BY +g ORDER BY +start_ns) FROM slices");
}

/* ---- the same as reading without SQL ------------------------------------------------------- */

static void slices_are_all_there(struct store *s) {
    struct slice_filter all = {INT64_MIN, INT64_MAX, INT64_MIN, INT64_MAX, 0, 0, 0};
    struct slice_scan *scan;
    struct slice slice;
    int64_t n = 0, dur = 0, start = 0, waits = 0, wait_ns = 0;
    int rc;
    char expected[256];
    CHECK(slice_scan_open(s, &all, &scan, &fault) == 0);
    while ((rc = slice_scan_next(scan, &slice, &fault)) == 1) {
        n++;
        dur += slice.dur_ns;
        start += slice.start_ns;
        if (slices_class(s, slice.class_id).state != GO_WAITING) continue;
        waits++;
        wait_ns += slice.dur_ns;
    }
    CHECK(rc == 0);
    slice_scan_close(scan);
    snprintf(expected, sizeof expected, "%lld\t%lld\t%lld", (long long)n, (long long)dur,
             (long long)start);
    struct lines l = ask(s, "SELECT count(*), total(duration_ns), total(start_ns) FROM slices");
    CHECK(n == store_info(s)->n_slices);
    l = ask(s, "SELECT count(*), sum(duration_ns), sum(start_ns) FROM slices");
    CHECK(n == 0 || strcmp(l.last, expected) == 0);
    snprintf(expected, sizeof expected, "%lld\t%lld", (long long)waits, (long long)wait_ns);
    l = ask(s, "SELECT count(*), coalesce(sum(duration_ns), 0) FROM waits");
    CHECK(strcmp(l.last, expected) == 0);
}

/* Views that come from sums say what the slices say. */
static void sums_equal_slices(struct store *s) {
    same(s, "SELECT reason, count, total_ns, max_ns FROM wait_reasons",
         "SELECT reason, count(*), sum(duration_ns), max(duration_ns) FROM waits GROUP BY reason");
    same(s,
         "SELECT refined, sum(count), sum(total_ns), max(max_ns) FROM wait_reasons_refined GROUP BY"
         " refined",
         "SELECT refined, count(*), sum(duration_ns), max(duration_ns) FROM waits GROUP BY"
         " refined");
    same(s, "SELECT state, total_ns FROM time_by_state WHERE total_ns > 0",
         "SELECT state, sum(duration_ns) FROM slices GROUP BY state HAVING sum(duration_ns) > 0");
    same(s, "SELECT p, running_ns FROM processors WHERE running_ns > 0",
         "SELECT p, sum(duration_ns) FROM slices WHERE state = 'running' AND p >= 0 GROUP BY p"
         " HAVING sum(duration_ns) > 0");
}

/* ---- functions ----------------------------------------------------------------------------- */

static void says(struct store *s, const char *sql, const char *expected) {
    struct lines l = ask(s, sql);
    if (strcmp(l.last, expected) != 0) {
        printf("%s\n  says     %s\n  expected %s\n", sql, l.last, expected);
        exit(1);
    }
}

static void functions_say(struct store *s) {
    const char *ten =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 10)";
    static const struct {
        const char *select, *expected;
    } cases[] = {
        {"percentile(x, 50) FROM n", "5"},
        {"percentile(x, 0) FROM n", "1"},
        {"percentile(x, 100) FROM n", "10"},
        {"percentile(x, 99) FROM n", "10"},
        {"percentile(x, 51) FROM n", "6"},
        {"percentile(-x, 50) FROM n", "-6"},
        {"percentile(x / 2.0, 50) FROM n", "2.5"},
        {"percentile(NULL, 50) FROM n", "NULL"},
        {"percentile(x, 50) FROM n WHERE x > 99", "NULL"},
        {"log_histogram(x) FROM n", "{\"1\":1,\"2\":2,\"4\":4,\"8\":3}"},
        {"log_histogram(x - 2) FROM n", "{\"0\":2,\"1\":1,\"2\":2,\"4\":4,\"8\":1}"},
        {"log_histogram(x) FROM n WHERE x > 99", "{}"},
        {"sparkline(x) FROM n", "▂▄█▆"},
        {"count_by(x % 3) FROM n", "{\"1\":4,\"0\":3,\"2\":3}"},
        {"sum_by(x % 2, x) FROM n", "{\"0\":30,\"1\":25}"},
        {"sum_by('a\"b', 0.5) FROM n", "{\"a\\\"b\":5.0}"},
        {"count_by(NULL) FROM n", "{\"null\":10}"},
        {"fmt_ns(0)", "0 ns"},
        {"fmt_ns(999)", "999 ns"},
        {"fmt_ns(1000)", "1.00 us"},
        {"fmt_ns(12345)", "12.3 us"},
        {"fmt_ns(999999)", "1.00 ms"},
        {"fmt_ns(123456789)", "123 ms"},
        {"fmt_ns(-1500000)", "-1.50 ms"},
        {"fmt_ns(90e9)", "90.0 s"},
        {"fmt_ns(NULL)", "NULL"},
        {"stack(0)", "NULL"},
        {"stack(NULL)", "NULL"},
        {"stack(99999999999)", "NULL"},
    };
    char sql[512];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(sql, sizeof sql, "%s SELECT %s", ten, cases[i].select);
        says(s, sql, cases[i].expected);
    }
    same(s, "SELECT id, text FROM stacks", "SELECT id, stack(id) FROM stacks");
    same(s, "SELECT id, leaf, depth FROM stacks",
         "SELECT stack, max(function) FILTER (WHERE depth = 0), count(*) FROM frames GROUP BY"
         " stack");
}

/* ---- limits and safety --------------------------------------------------------------------- */

static void refuses(struct store *s, const char *sql, int code, const char *words) {
    struct lines l;
    int64_t time_ns = strstr(words, "memory") ? 0 : 300000000;
    int rc = ask_limits(s, sql, &(struct query_limits){time_ns, 0, 8 << 20}, &l);
    if (rc != code || !strstr(fault.text, words)) {
        printf("%s\n  gives %d, %s\n  expected %d, %s\n", sql, rc, fault.text, code, words);
        exit(1);
    }
}

static void only_reading(struct store *s) {
    static const char *const forbidden[] = {"ATTACH 'x.db' AS x",
                                            "DETACH main",
                                            "PRAGMA user_version",
                                            "PRAGMA user_version = 7",
                                            "CREATE TABLE t(x)",
                                            "CREATE TEMP TABLE t(x)",
                                            "CREATE VIEW v AS SELECT 1",
                                            "CREATE VIRTUAL TABLE t USING fts5(x)",
                                            "INSERT INTO slices VALUES(1)",
                                            "DELETE FROM goroutines",
                                            "UPDATE goroutines SET g = 1",
                                            "DROP VIEW time_by_state",
                                            "BEGIN",
                                            "COMMIT",
                                            "SAVEPOINT x",
                                            "VACUUM",
                                            "VACUUM INTO 'x.db'",
                                            "REINDEX",
                                            "ANALYZE",
                                            "SELECT load_extension('x')",
                                            "SELECT length(randomblob(100000000))",
                                            "SELECT length(zeroblob(1000000))",
                                            "SELECT * FROM pragma_database_list",
                                            "DELETE FROM sqlite_schema",
                                            "SELECT 1; SELECT 2",
                                            "SELECT 1; DROP VIEW time_by_state",
                                            "",
                                            "-- nothing",
                                            "no sql",
                                            "SELECT * FROM coltab",
                                            "SELECT * FROM nothing",
                                            "SELECT percentile(1, 101)",
                                            "SELECT fts3_tokenizer('x')",
                                            "ALTER TABLE slices RENAME TO x"};
    struct lines l;
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        refuses(s, forbidden[i], PV_EQUERY, "");
    refuses(s, "ATTACH 'x.db' AS x", PV_EQUERY, "ATTACH is not allowed here");
    refuses(s, "INSERT INTO slices VALUES(1)", PV_EQUERY, "");
    refuses(s, "SELECT load_extension('x')", PV_EQUERY, "load_extension() is not allowed");
    CHECK(access("x.db", F_OK) != 0);
    CHECK(ask_limits(s, "SELECT 1; -- and a word after it\n ;", &(struct query_limits){0}, &l) ==
          0);
    CHECK(ask_limits(s, "EXPLAIN QUERY PLAN SELECT * FROM slices", &(struct query_limits){0}, &l) ==
          0);
}

static void limits_stop(struct store *s) {
    const char *forever = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
                          " SELECT count(*) FROM n";
    struct lines l;
    struct query_result result;
    refuses(s, forever, PV_ELIMIT, "stopped after 0.3 s");
    refuses(s, "SELECT count(*) FROM slices a, slices b, slices c WHERE a.g + b.g + c.g = -17",
            PV_ELIMIT, "stopped after");
    refuses(s,
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
            " SELECT count(*) FROM (SELECT DISTINCT x, hex(x) || 'some more text' FROM n)",
            PV_ELIMIT, "MB of memory");
    atomic_int cancel = 1;
    CHECK(query_run(s, forever, &(struct query_limits){0}, &(struct query_output){NULL, on_row, &l},
                    &cancel, &result, &fault) == PV_ECANCELED);
    l = (struct lines){0};
    CHECK(query_run(s, "SELECT * FROM columns", &(struct query_limits){.n_rows = 7},
                    &(struct query_output){NULL, on_row, &l}, NULL, &result, &fault) == 0);
    CHECK(l.n == 7 && result.n_rows == 7 && result.truncated);
    CHECK(query_run(s, "SELECT 1", &(struct query_limits){.n_rows = 1},
                    &(struct query_output){NULL, on_row, &l}, NULL, &result, &fault) == 0);
    CHECK(!result.truncated);
}

/* ---- damaged stores ------------------------------------------------------------------------ */

/* Every page of the file in turn gets random bytes: answers or faults, no crash. */
static void garbage_does_not_crash(const char *path) {
    char copy[600];
    FILE *in = fopen(path, "rb");
    snprintf(copy, sizeof copy, "%s.garbage", path);
    CHECK(in);
    fseek(in, 0, SEEK_END);
    size_t n = (size_t)ftell(in);
    uint8_t *bytes = malloc(n), *harmed = malloc(n);
    rewind(in);
    CHECK(fread(bytes, 1, n, in) == n);
    fclose(in);
    static const char *const asks[] = {
        "SELECT count(*), sum(start_ns), max(reason), max(stack(stack)) FROM slices",
        "SELECT count(*), sum(duration_ns), max(refined) FROM waits WHERE g > 5 GROUP BY reason",
        "SELECT max(start_function), sum(start_ns) FROM goroutines",
        "SELECT * FROM wait_stacks",
        "SELECT count(*), max(function), max(file) FROM frames",
        "SELECT * FROM ranges",
        "SELECT * FROM processors",
        "SELECT * FROM metrics",
        "SELECT * FROM meta"};
    for (int round = 0; round < 40; round++) {
        memcpy(harmed, bytes, n);
        size_t page = 100 + random64() % (n - 100);
        for (int i = 0; i < 1 + round % 30; i++)
            harmed[(page + random64() % 4096) % (n - 100) + 100] = (uint8_t)random64();
        FILE *out = fopen(copy, "wb");
        CHECK(out && fwrite(harmed, 1, round % 9 ? n : n / 2 + random64() % (n / 2), out) > 0);
        fclose(out);
        struct store *s;
        struct lines l;
        if (store_open(copy, &s, &fault) < 0) continue;
        for (size_t i = 0; i < sizeof asks / sizeof *asks; i++)
            ask_limits(s, asks[i], &(struct query_limits){.time_ns = 2000000000}, &l);
        store_close(s);
    }
    unlink(copy);
    free(bytes);
    free(harmed);
}

/* A store that is sound as a database, with a reason that names what is not there. */
static void missing_tag_is_a_fault(const char *path) {
    sqlite3 *db;
    struct store *s;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, "UPDATE classes SET tag = 60000 WHERE id = 1", NULL, NULL, NULL) ==
          SQLITE_OK);
    CHECK(sqlite3_changes(db) == 1);
    sqlite3_close(db);
    CHECK(store_open(path, &s, &fault) == PV_ECORRUPT);
}

/* ---- traces -------------------------------------------------------------------------------- */

/* Samples, what the project carries of the corpus, and else the corpus beside it. */
static bool trace_path(const char *name, char *out, size_t n) {
    const char *shared = getenv("PARKVIEW_SHARED"), *end = strstr(__FILE__, "tests/unit/");
    int root = end ? (int)(end - __FILE__) : 0;
    const char *folder = strncmp(name, "samples/", 8) == 0 ? "" : "tests/corpus/";
    snprintf(out, n, "%.*s%s%s", root, __FILE__, folder, name);
    if (access(out, R_OK) == 0 || !folder[0]) return access(out, R_OK) == 0;
    snprintf(out, n, "%s/corpus/real/%s", shared ? shared : "../shared", name);
    return access(out, R_OK) == 0;
}

static void test_trace(const char *trace, const char *store, bool thorough) {
    struct store *s;
    struct store_import_options o = {.trace = trace, .store = store};
    doing = trace;
    CHECK(store_import(&o, &fault) >= 0);
    CHECK(store_open(store, &s, &fault) == 0);
    /* As many rounds as a few seconds of a sanitizer's build allow. */
    int rounds = (int)(200000 / (store_info(s)->n_slices + 1));
    rounds = rounds < 3 ? 3 : rounds > 15 ? 15 : rounds;
    slices_are_all_there(s);
    sums_equal_slices(s);
    functions_say(s);
    for (int t = 0; t < N_SQL_TABLES; t++)
        pushing_changes_nothing(s, (enum sql_table)t,
                                t == SQL_SLICES || t == SQL_WAITS ? 2 * rounds : 4);
    grouping_changes_nothing(s, rounds);
    joins_find_all(s);
    if (thorough) {
        only_reading(s);
        limits_stop(s);
    }
    store_close(s);
    if (thorough) {
        garbage_does_not_crash(store);
        missing_tag_is_a_fault(store);
    }
    unlink(store);
}

int main(void) {
    static const char *const traces[] = {
        "samples/lock-convoy.trace", "samples/gc-assist.trace",        "go1.23-tasks.trace",
        "go1.22-mix.trace",          "go1.22-mix.damaged-zeros.trace", "go1.26-g10000.trace.zst",
        "go1.19-sleep.trace"};
    char store[256], path[512];
    int n = 0;
    const char *folder = getenv("TMPDIR");
    snprintf(store, sizeof store, "%s/query_test.%d.pvstore", folder ? folder : "/tmp",
             (int)getpid());
    const char *hurry = getenv("PARKVIEW_QUICK");
    size_t first = hurry && *hurry ? 1 : 0, end = first ? 2 : sizeof traces / sizeof *traces;
    for (size_t i = first; i < end; i++) {
        if (!trace_path(traces[i], path, sizeof path)) continue;
        test_trace(path, store, i == first);
        n++;
    }
    if (n == 0) {
        printf("skipped: no traces\n");
        return 77;
    }
    printf("query_test: ok, %d traces\n", n);
    return 0;
}
