/* tests/bench/sql_bench.c - what SQL over a store costs: sql_bench STORE [RUNS].
 *
 * The best of RUNS (default 3) of each query, as milliseconds of processor time and as nanoseconds
 * for each slice or wait that it looks at.  Pairs show ratios: with and without SQLite's sorter,
 * from slices and from sums. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "storage/query.h"

static int64_t processor_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t measure(struct store *s, const char *sql, int runs, int64_t *n_rows) {
    struct query_output out = {NULL, NULL, NULL};
    int64_t best = INT64_MAX;
    for (int i = 0; i < runs; i++) {
        struct query_result result;
        struct fault f = {0};
        int64_t begin = processor_ns();
        if (query_run(s, sql, &(struct query_limits){0}, &out, NULL, &result, &f) < 0) {
            fprintf(stderr, "%s: %s\n", sql, f.text);
            exit(1);
        }
        int64_t ns = processor_ns() - begin;
        if (ns < best) best = ns;
        *n_rows = result.n_rows;
    }
    return best;
}

int main(int argc, char **argv) {
    enum { SLICES, WAITS, NOTHING };
    static const struct {
        int over;
        const char *sql;
    } queries[] = {
        {SLICES, "SELECT count(*) FROM slices"},
        {SLICES, "SELECT count(*), sum(duration_ns) FROM slices"},
        {SLICES, "SELECT count(*) FROM slices WHERE duration_ns > 1e9"},
        {WAITS, "SELECT reason, count(*), sum(duration_ns) FROM waits GROUP BY reason"},
        {WAITS, "SELECT reason, count(*), sum(duration_ns) FROM waits GROUP BY +reason"},
        {WAITS, "SELECT sum_by(reason, duration_ns) FROM waits"},
        {NOTHING, "SELECT * FROM wait_reasons"},
        {NOTHING, "SELECT * FROM wait_reasons_refined(1e6, 5e8)"},
        {NOTHING, "SELECT * FROM slices WHERE g = (SELECT max(g) FROM goroutines)"},
        {NOTHING, "SELECT count(*) FROM slices WHERE start_ns > 1e9 AND start_ns < 1.001e9"},
        {NOTHING, "SELECT 1"},
    };
    struct store *s;
    struct fault f = {0};
    if (argc < 2) {
        fputs("usage: sql_bench STORE [RUNS]\n", stderr);
        return 2;
    }
    if (store_open(argv[1], &s, &f) < 0) {
        fprintf(stderr, "%s: %s\n", argv[1], f.text);
        return 3;
    }
    const struct store_info *info = store_info(s);
    printf("%lld slices, %lld waits\n", (long long)info->n_slices, (long long)info->n_waits);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        int64_t n_rows = 0, ns = measure(s, queries[i].sql, argc > 2 ? atoi(argv[2]) : 3, &n_rows);
        int64_t n = queries[i].over == SLICES ? info->n_slices : info->n_waits;
        printf("%10.2f ms", (double)ns / 1e6);
        if (queries[i].over == NOTHING)
            printf("                  ");
        else
            printf("  %6.1f ns a %s", (double)ns / (double)(n ? n : 1),
                   queries[i].over == SLICES ? "slice" : "wait ");
        printf("  %s  (%lld rows)\n", queries[i].sql, (long long)n_rows);
    }
    store_close(s);
    return 0;
}
