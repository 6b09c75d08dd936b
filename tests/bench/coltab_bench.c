/* tests/bench/coltab_bench.c - what a row of a column table costs to write and to read.
 *
 * Rows are shaped like a trace's regions and metrics: times that rise, few names, few ids. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "storage/src/coltab.h"

static uint64_t seed = 88172645463325252u;

static uint64_t random64(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

enum { N = 2000000, KEPT = 1 << 16 };
static int64_t rows[KEPT][COLTAB_MAX_COLS];

static void fill(enum coltab_table table) {
    int64_t time = 0;
    for (int i = 0; i < KEPT; i++) {
        time += (int64_t)(random64() % 3000);
        int64_t *r = rows[i];
        if (table == TAB_REGIONS) {
            r[COL_REGIONS_START] = time;
            r[COL_REGIONS_DUR] = (int64_t)(random64() % 200000);
            r[COL_REGIONS_G] = (int64_t)(random64() % 1000);
            r[COL_REGIONS_TASK] = i / 3;
            r[COL_REGIONS_TYPE] = (int64_t)(17 + random64() % 4);
            r[COL_REGIONS_OPEN] = 0;
            r[COL_REGIONS_STACK] = (int64_t)(random64() % 90);
        } else {
            r[COL_METRICS_TIME] = time;
            r[COL_METRICS_NAME] = (int64_t)(3 + random64() % 2);
            r[COL_METRICS_VALUE] = 4000000 + (int64_t)(random64() % 100000);
        }
    }
}

static void measure(enum coltab_table table, const char *path) {
    struct fault f;
    sqlite3 *db;
    fill(table);
    remove(path);
    if (sqlite3_open(path, &db) != SQLITE_OK || coltab_create(db, &f) < 0) exit(1);
    sqlite3_exec(db, "PRAGMA journal_mode=off; PRAGMA synchronous=off; BEGIN", 0, 0, 0);
    struct coltab_writer *w = coltab_writer_new(db, table);
    double t0 = now_ns();
    for (int i = 0; i < N; i++)
        if (coltab_append(w, rows[i % KEPT], &f) < 0) exit(1);
    if (coltab_flush(w, &f) < 0) exit(1);
    sqlite3_exec(db, "COMMIT", 0, 0, 0);
    double t1 = now_ns();
    coltab_writer_free(w);
    struct coltab *t;
    struct coltab_scan *s;
    const int64_t *row;
    int64_t sum = 0;
    if (coltab_open(db, table, &t, &f) < 0 || coltab_scan_open(t, &s, &f) < 0) exit(1);
    double t2 = now_ns();
    while (coltab_scan_next(s, &row, &f) == 1) sum += row[0];
    double t3 = now_ns();
    coltab_scan_close(s);
    coltab_close(t);
    sqlite3_close(db);
    FILE *file = fopen(path, "rb");
    fseek(file, 0, SEEK_END);
    printf("%-8s append %5.1f ns a row, scan of all columns %5.1f ns a row, %5.2f bytes a row "
           "(%lld)\n",
           coltab_name(table), (t1 - t0) / N, (t3 - t2) / N, (double)ftell(file) / N,
           (long long)sum);
    fclose(file);
    remove(path);
}

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : "coltab_bench.sqlite";
    measure(TAB_REGIONS, path);
    measure(TAB_METRICS, path);
    return 0;
}
