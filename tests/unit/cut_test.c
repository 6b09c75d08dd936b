/* tests/unit/cut_test.c - a cut has everything that its source has of the window: every table of
 * SQL.md, row by row, compared with the source's rows clipped by SQL that a person can read.
 *
 * Traces of the corpus and a ring that is recorded here; windows are random, PARKVIEW_SEED repeats
 * them.  Other traces and rings as arguments.  In the questions $F and $T are the window's edges.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "storage/area.h"
#include "storage/query.h"
#include "tests/lib/ring_workload.h"
#include "tests/unit/check.h"
#include "tests/unit/random.h"

/* ---- what a cut must have ---- */

#define CLIP    "max(start_ns, $F) - $F, min(end_ns, $T) - $F"
#define TOUCHES "start_ns < $T AND (end_ns > $F OR start_ns >= $F)"
#define IN_TIME "time_ns >= $F AND time_ns < $T"
#define WHY                                                                                        \
    "g, reason, refined, family, user_function, start_function, stack(stack), p, m, waker_g, "     \
    "waker_function, waker_p, waker_m, stack(waker_stack)"
#define WHY_BEFORE_END                                                                             \
    "g, reason, refined, family, user_function, start_function, stack(stack), p, m, "              \
    "iif(end_ns < $T, waker_g, NULL), iif(end_ns < $T, waker_function, NULL), "                    \
    "iif(end_ns < $T, waker_p, NULL), iif(end_ns < $T, waker_m, NULL), "                           \
    "iif(end_ns < $T, stack(waker_stack), NULL)"
#define CLIPPED_SLICES                                                                             \
    "(SELECT *, CASE WHEN reason = 'forever' THEN 0 ELSE min(end_ns, $T) - max(start_ns, $F) END " \
    "AS d FROM slices WHERE start_ns < $T AND end_ns > $F)"
#define STATE_SUM(state) "sum(iif(state = '" state "', d, 0))"
#define USED_STACKS                                                                                \
    "(SELECT stack FROM slices WHERE " TOUCHES " UNION SELECT waker_stack FROM slices WHERE "      \
    "end_ns > $F AND end_ns < $T UNION SELECT stack FROM ranges WHERE " TOUCHES                    \
    " UNION SELECT stack FROM regions WHERE " TOUCHES                                              \
    " UNION SELECT stack FROM logs WHERE " IN_TIME                                                 \
    " UNION SELECT stack FROM samples WHERE " IN_TIME ")"

static const struct {
    const char *what, *of_source, *of_cut;
} questions[] = {
    {"slices",
     "SELECT " CLIP ", state, open OR end_ns >= $T, " WHY_BEFORE_END " FROM slices WHERE " TOUCHES,
     "SELECT start_ns, end_ns, state, open, " WHY " FROM slices"},
    {"waits", "SELECT " CLIP ", open OR end_ns >= $T, " WHY_BEFORE_END " FROM waits WHERE " TOUCHES,
     "SELECT start_ns, end_ns, open, " WHY " FROM waits"},
    {"wait_reasons", "SELECT reason, count, total_ns FROM wait_reasons($F, $T)",
     "SELECT reason, count, total_ns FROM wait_reasons"},
    {"wait_reasons, by hand",
     "SELECT reason, count(*), sum(d), max(d) FROM " CLIPPED_SLICES
     " WHERE state = 'waiting' GROUP BY reason",
     "SELECT reason, count, total_ns, iif(reason = 'forever', 0, max_ns) FROM wait_reasons"},
    {"wait_reasons_refined",
     "SELECT refined, count, total_ns FROM wait_reasons_refined($F, $T)",
     "SELECT refined, count, total_ns FROM wait_reasons_refined"},
    {"wait_functions", "SELECT user_function, count, total_ns FROM wait_functions($F, $T)",
     "SELECT user_function, count, total_ns FROM wait_functions"},
    {"wait_stacks", "SELECT leaf, count, total_ns, stack(stack) FROM wait_stacks($F, $T)",
     "SELECT leaf, count, total_ns, stack(stack) FROM wait_stacks"},
    {"goroutines",
     "SELECT g, start_function, " CLIP ", parent_g, created AND start_ns >= $F, ended AND end_ns < "
     "$T FROM goroutines WHERE " TOUCHES,
     "SELECT g, start_function, start_ns, end_ns, parent_g, created, ended FROM goroutines"},
    {"goroutines, their time",
     "SELECT g, " STATE_SUM("running") ", " STATE_SUM("runnable") ", " STATE_SUM(
         "syscall") ", " STATE_SUM("waiting") ", count(*) FROM " CLIPPED_SLICES " GROUP BY g",
     "SELECT g, sum(running_ns), sum(runnable_ns), sum(syscall_ns), sum(waiting_ns), sum(slices) "
     "FROM goroutines WHERE slices > 0 GROUP BY g"},
    {"goroutines, their last state",
     "SELECT g, state FROM slices WHERE start_ns < $T AND end_ns >= $T",
     "SELECT g, last_state FROM goroutines WHERE slices > 0 AND end_ns = $T - $F AND "
     "last_state <> 'ended'"},
    {"time_by_state", "SELECT state, sum(d) FROM " CLIPPED_SLICES " GROUP BY state",
     "SELECT state, total_ns FROM time_by_state WHERE total_ns > 0 OR state IN (SELECT state FROM "
     "slices)"},
    {"start_functions",
     "SELECT start_function, count(*) FROM goroutines WHERE " TOUCHES " GROUP BY start_function",
     "SELECT start_function, goroutines FROM start_functions"},
    {"processors",
     "SELECT p, (SELECT total(d) FROM " CLIPPED_SLICES " AS s WHERE s.p = o.p AND state = "
     "'running'), (SELECT total(d) FROM " CLIPPED_SLICES " AS s WHERE s.p = o.p AND state = "
     "'syscall'), (SELECT count(*) FROM " CLIPPED_SLICES " AS s WHERE s.p = o.p AND state = "
     "'running'), (SELECT total(min(end_ns, $T) - max(start_ns, $F)) FROM proc_slices AS s WHERE "
     "s.p = o.p AND " TOUCHES
     "), (SELECT count(*) FROM proc_slices AS s WHERE s.p = o.p AND " TOUCHES
     ") FROM processors AS o",
     "SELECT p, running_ns * 1.0, syscall_ns * 1.0, slices, held_ns * 1.0, acquisitions FROM "
     "processors"},
    {"processors, idle", "SELECT p, $T - $F FROM processors",
     "SELECT p, held_ns + idle_ns FROM processors"},
    {"threads",
     "SELECT m, sum(r), sum(s), sum(h) FROM (SELECT m, iif(state = 'running', d, 0) AS r, "
     "iif(state "
     "= 'syscall', d, 0) AS s, 0 AS h FROM " CLIPPED_SLICES " WHERE state IN ('running', "
     "'syscall') UNION ALL SELECT m, 0, 0, min(end_ns, $T) - max(start_ns, $F) FROM proc_slices "
     "WHERE " TOUCHES ") WHERE m IS NOT NULL AND EXISTS (SELECT 1 FROM threads) GROUP BY m",
     "SELECT m, running_ns, syscall_ns, held_ns FROM threads"},
    {"proc_slices", "SELECT " CLIP ", p, m FROM proc_slices WHERE " TOUCHES,
     "SELECT start_ns, end_ns, p, m FROM proc_slices"},
    {"ranges",
     "SELECT " CLIP ", name, scope, scope_id, g, p, stack(stack) FROM ranges WHERE " TOUCHES,
     "SELECT start_ns, end_ns, name, scope, scope_id, g, p, stack(stack) FROM ranges"},
    {"metrics", "SELECT time_ns - $F, name, value FROM metrics WHERE " IN_TIME,
     "SELECT time_ns, name, value FROM metrics"},
    {"tasks", /* a gap ends what is known of a task */
     "SELECT id, parent_id, type, g, iif(start_ns IS NULL AND end_ns < $T, NULL, max(a, $F) - $F), "
     "iif(end_ns < $T, end_ns - $F, NULL) FROM (SELECT *, coalesce(start_ns, (SELECT max(to_ns) "
     "FROM gaps WHERE to_ns <= tasks.end_ns), -1) AS a, coalesce(end_ns, (SELECT min(from_ns) FROM "
     "gaps WHERE from_ns >= tasks.start_ns), 1 << 60) AS b FROM tasks) WHERE a < $T AND (b > $F OR "
     "a >= $F)",
     "SELECT id, parent_id, type, g, start_ns, end_ns FROM tasks"},
    {"regions",
     "SELECT " CLIP
     ", g, task_id, type, open OR end_ns >= $T, stack(stack) FROM regions WHERE " TOUCHES,
     "SELECT start_ns, end_ns, g, task_id, type, open, stack(stack) FROM regions"},
    {"logs",
     "SELECT time_ns - $F, g, p, task_id, category, message, stack(stack) FROM logs WHERE " IN_TIME,
     "SELECT time_ns, g, p, task_id, category, message, stack(stack) FROM logs"},
    {"labels", "SELECT time_ns - $F, g, label FROM labels WHERE " IN_TIME,
     "SELECT time_ns, g, label FROM labels"},
    {"samples", "SELECT time_ns - $F, g, p, m, stack(stack) FROM samples WHERE " IN_TIME,
     "SELECT time_ns, g, p, m, stack(stack) FROM samples"},
    {"gaps",
     "SELECT max(from_ns, $F) - $F, min(to_ns, $T) - $F, byte_offset, cause FROM gaps WHERE "
     "(from_ns < $T AND to_ns > $F) OR (from_ns = to_ns AND from_ns <= $T)",
     "SELECT from_ns, to_ns, byte_offset, cause FROM gaps"},
    {"allocs", "SELECT time_ns - $F, kind, address_id, type_id, g FROM allocs WHERE " IN_TIME,
     "SELECT time_ns, kind, address_id, type_id, g FROM allocs"},
    {"wait_objects",
     "SELECT max(start_ns, $F) - $F, min(start_ns + duration_ns, $T) - max(start_ns, $F), g, "
     "reason, "
     "object, holder_g FROM wait_objects WHERE start_ns < $T AND start_ns + duration_ns > $F",
     "SELECT start_ns, duration_ns, g, reason, object, holder_g FROM wait_objects"},
    {"stacks",
     "SELECT DISTINCT s.depth, s.leaf, s.root, s.text FROM stacks AS s JOIN " USED_STACKS
     " AS u ON s.id = u.stack",
     "SELECT DISTINCT depth, leaf, root, text FROM stacks WHERE depth > 0"},
    {"frames",
     "SELECT DISTINCT f.depth, f.function, f.file, f.line, f.library FROM frames AS f "
     "JOIN " USED_STACKS " AS u ON f.stack = u.stack",
     "SELECT DISTINCT depth, function, file, line, library FROM frames"},
    {"meta",
     "SELECT key, CASE key WHEN 'duration_ns' THEN $T - $F ELSE value END FROM meta WHERE key IN "
     "('duration_ns', 'go_version', 'source_name', 'threads_reliable', 'complete', 'trace_bytes')",
     "SELECT key, value FROM meta WHERE key IN ('duration_ns', 'go_version', 'source_name', "
     "'threads_reliable', 'complete', 'trace_bytes')"},
};

/* ---- asking ---- */

struct lines {
    char **rows;
    size_t n, cap;
};

static int on_row(void *arg, uint32_t n, const struct query_value *v) {
    static FILE *out; /* one for all rows: each has a buffer of 8 KB */
    static char *text;
    static size_t size;
    struct lines *l = arg;
    if (!out) out = open_memstream(&text, &size);
    rewind(out);
    for (uint32_t i = 0; i < n; i++) {
        if (v[i].type == QUERY_NULL)
            fputs("NULL|", out);
        else if (v[i].type == QUERY_INT)
            fprintf(out, "%lld|", (long long)v[i].i);
        else if (v[i].type == QUERY_REAL)
            fprintf(out, "%.0f|", v[i].real);
        else
            fprintf(out, "%.*s|", (int)v[i].text.n, v[i].text.data);
    }
    fputc(0, out);
    fflush(out);
    if (l->n == l->cap) l->rows = realloc(l->rows, (l->cap = l->cap * 2 + 64) * sizeof *l->rows);
    l->rows[l->n++] = strdup(text);
    return 0;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct lines ask(struct store *s, const char *question, int64_t from, int64_t to) {
    char sql[4096];
    size_t n = 0;
    for (const char *c = question; *c; c++) {
        CHECK(n + 24 < sizeof sql);
        if (*c == '$')
            n += (size_t)sprintf(sql + n, "%lld", (long long)(*++c == 'F' ? from : to));
        else
            sql[n++] = *c;
    }
    sql[n] = 0;
    struct lines l = {0};
    struct query_result result;
    int rc = query_run(s, sql, &(struct query_limits){0}, &(struct query_output){NULL, on_row, &l},
                       NULL, &result, &fault);
    if (rc < 0) printf("%s\n", sql);
    CHECK(rc == 0);
    if (l.n) qsort(l.rows, l.n, sizeof *l.rows, by_text);
    return l;
}

static void free_lines(struct lines *l) {
    for (size_t i = 0; i < l->n; i++) free(l->rows[i]);
    free(l->rows);
}

/* ---- comparing ---- */

static long n_rows[sizeof questions / sizeof *questions];

static void compare(struct store *s, struct store *cut, size_t q, int64_t from, int64_t to) {
    struct lines want = ask(s, questions[q].of_source, from, to);
    struct lines have = ask(cut, questions[q].of_cut, from, to);
    size_t i = 0;
    while (i < want.n && i < have.n && !strcmp(want.rows[i], have.rows[i])) i++;
    if (i < want.n || i < have.n) {
        printf("%s of [%lld, %lld): %zu rows, should be %zu; the first that differ:\n"
               "  has       %s\n  should be %s\n",
               questions[q].what, (long long)from, (long long)to, have.n, want.n,
               i < have.n ? have.rows[i] : "none", i < want.n ? want.rows[i] : "none");
        exit(1);
    }
    n_rows[q] += (long)want.n;
    free_lines(&want);
    free_lines(&have);
}

/* Lanes of processors: a system call fills its lane only as long as it keeps the processor. */
static void compare_lanes(struct store *s, struct store *cut, int64_t from, int64_t to) {
    const struct store_info *info = store_info(s);
    for (uint32_t i = 0; i < info->n_procs; i++) {
        struct lane lane = {LANE_P, info->procs[i]};
        struct store_area a = {.lanes = &lane, .n_lanes = 1, .from_ns = from, .to_ns = to};
        struct store_area b = {.lanes = &lane, .n_lanes = 1, .from_ns = 0, .to_ns = to - from};
        struct store_figures x, y;
        CHECK(store_figures(s, &a, FIGURE_BY_STATE, &x, &fault) == 0);
        CHECK(store_figures(cut, &b, FIGURE_BY_STATE, &y, &fault) == 0);
        if (x.count != y.count || x.total_ns != y.total_ns) {
            printf("P%lld of [%lld, %lld): %lld slices of %lld ns, should be %lld of %lld\n",
                   (long long)lane.id, (long long)from, (long long)to, (long long)y.count,
                   (long long)y.total_ns, (long long)x.count, (long long)x.total_ns);
            exit(1);
        }
        store_figures_free(&x);
        store_figures_free(&y);
    }
}

static void check_window(struct store *s, const char *path, int64_t from, int64_t to) {
    struct store *cut;
    CHECK(store_cut(s, from, to, path, &fault) == 0);
    CHECK(store_open(path, &cut, &fault) == 0);
    unlink(path);
    for (size_t q = 0; q < sizeof questions / sizeof *questions; q++) compare(s, cut, q, from, to);
    compare_lanes(s, cut, from, to);
    CHECK(!store_info(s)->wall_unix_ns ||
          store_info(cut)->wall_unix_ns == store_info(s)->wall_unix_ns + from);
    bool to_end = to == store_info(s)->duration_ns;
    const struct store_info *a = store_info(s), *b = store_info(cut);
    if (to_end && a->n_gaps) /* damaged at its end: so is the cut */
        CHECK(b->n_gaps && b->gaps[b->n_gaps - 1].offset == a->gaps[a->n_gaps - 1].offset);
    store_close(cut);
}

static void check_file(const char *path, int n_windows) {
    const int64_t many = n_windows > 1 ? INT64_MAX : 40000; /* slices, of a quick run */
    const char *tmp = getenv("TMPDIR");
    char store_path[512], cut_path[520];
    snprintf(store_path, sizeof store_path, "%s/cut_test.%d", tmp ? tmp : "/tmp", (int)getpid());
    snprintf(cut_path, sizeof cut_path, "%s.cut", store_path);
    struct store_import_options o = {.trace = path, .store = store_path};
    CHECK(store_import(&o, &fault) >= 0);
    struct store *s;
    CHECK(store_open(store_path, &s, &fault) == 0);
    unlink(store_path);
    int64_t duration = store_info(s)->duration_ns;
    printf("%s: %lld slices\n", path, (long long)store_info(s)->n_slices);
    if (store_info(s)->n_slices < many) check_window(s, cut_path, 0, duration);
    for (int i = 0; i < n_windows; i++) {
        int64_t from = (int64_t)(random64() % (uint64_t)duration), rest = duration - from;
        int64_t most = i & 1 ? rest : rest / 10 + 1;
        int64_t n = 1 + (int64_t)(random64() % (uint64_t)most);
        check_window(s, cut_path, from, i % 4 == 3 ? duration : from + n);
    }
    store_close(s);
}

static void check_ring(int n_windows) {
    const char *tmp = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/cut_test.%d.ring", tmp ? tmp : "/tmp", (int)getpid());
    CHECK(pv_start(&(struct pv_options){.path = path, .ring_bytes = 1 << 20}) == 0);
    work_begin(WORK_THREADS, true);
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    work_end(WORK_THREADS);
    CHECK(pv_stop() == 0);
    check_file(path, n_windows);
    unlink(path);
}

int main(int argc, char **argv) {
    static const char *const traces[] = {"go1.26-http-p4.trace.zst",
                                         "go1.26-tasks.damaged-hole.trace",
                                         "go1.22-leak.trace",
                                         "go1.26-g10000.trace.zst",
                                         "go1.26-testprog-cgo-callback.trace",
                                         "go1.23-testprog-iter-pull.trace",
                                         "go1.23-allocfree-http.trace.zst",
                                         "go1.23-http-cpusamples.trace.zst",
                                         "go1.26-testprog-annotations-stress.trace",
                                         "go1.19-http-p2.trace.zst",
                                         "go1.19-testprog-annotations.trace",
                                         "go1.19-syscalls.trace",
                                         "go1.26-syscalls.trace",
                                         "go1.26-log-gctrace.trace.zst",
                                         "go1.26-flightrecorder.damaged-zeros.trace.zst",
                                         "go1.22-mix.damaged-trunc-last1.trace.zst",
                                         "go1.24-http-p2.damaged-generations-swapped.trace.zst"};
    if (getenv("PARKVIEW_SEED")) seed = strtoull(getenv("PARKVIEW_SEED"), NULL, 10);
    int n_windows = getenv("PARKVIEW_QUICK") && *getenv("PARKVIEW_QUICK") ? 1 : 4;
    for (int i = 1; i < argc; i++) check_file(argv[i], 10);
    if (argc > 1) return 0;
    for (size_t i = 0; i < sizeof traces / sizeof *traces; i++) {
        char path[256];
        snprintf(path, sizeof path, "tests/corpus/%s", traces[i]);
        check_file(path, n_windows);
    }
    check_ring(n_windows);
    for (size_t q = 0; q < sizeof questions / sizeof *questions; q++) {
        printf("%s: %ld rows\n", questions[q].what, n_rows[q]);
        CHECK(n_rows[q] > 0); /* what was never there was not compared */
    }
    printf("%zu passed, 0 failed\n", sizeof traces / sizeof *traces + 1);
    return 0;
}
