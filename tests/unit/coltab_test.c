/* tests/unit/coltab_test.c - column tables: what goes in comes out, bounds prune without losing
 * rows, and damaged stores are faults, not crashes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "storage/src/coltab.h"
#include "storage/src/coltab_block.h"
#include "tests/unit/check.h"
#include "tests/unit/random.h"

#define TABLE_UNDER_TEST TAB_REGIONS
enum { N_COLS = 7, N_ROWS = 3 * COLTAB_BLOCK_ROWS + 17 };

/* Column by column another kind of data: what traces hold, and what they must not break on. */
static int64_t value_of(uint32_t row, uint32_t col) {
    static const int64_t extremes[] = {INT64_MIN, INT64_MAX, INT64_MIN + 1, -1,
                                       0,         1,         INT64_MAX - 1};
    switch (col) {
    case 0:
        return (int64_t)row * 1000 + (int64_t)(random64() % 900);
    case 1:
        return extremes[random64() % 7];
    case 2:
        return 42;
    case 3:
        return COLTAB_NULL;
    case 4:
        return (int64_t)random64();
    case 5:
        return random64() % 3 ? (int64_t)(random64() % 100) : COLTAB_NULL;
    default:
        return row % 2 ? INT64_MAX : INT64_MIN + 1; /* differences overflow */
    }
}

static int64_t (*make_rows(void))[N_COLS] {
    int64_t(*rows)[N_COLS] = malloc(sizeof(int64_t[N_ROWS][N_COLS]));
    for (uint32_t r = 0; r < N_ROWS; r++)
        for (uint32_t c = 0; c < N_COLS; c++) rows[r][c] = value_of(r, c);
    return rows;
}

static sqlite3 *make_store(int64_t (*rows)[N_COLS], uint32_t n) {
    sqlite3 *db;
    CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK);
    CHECK(coltab_create(db, &fault) == 0);
    struct coltab_writer *w = coltab_writer_new(db, TABLE_UNDER_TEST);
    struct coltab_writer *other = coltab_writer_new(db, TAB_METRICS);
    CHECK(w && other && coltab_n_cols(TABLE_UNDER_TEST) == N_COLS);
    for (uint32_t r = 0; r < n; r++) {
        CHECK(coltab_append(w, rows[r], &fault) == 0);
        if (r % 1000 == 0) CHECK(coltab_append(other, rows[r], &fault) == 0);
        if (r == 100) CHECK(coltab_flush(w, &fault) == 0); /* a short block in the middle */
    }
    CHECK(coltab_flush(w, &fault) == 0 && coltab_flush(w, &fault) == 0);
    CHECK(coltab_flush(other, &fault) == 0);
    CHECK(coltab_n_appended(w) == n);
    coltab_writer_free(w);
    coltab_writer_free(other);
    return db;
}

static void everything_comes_back(void) {
    int64_t(*rows)[N_COLS] = make_rows();
    sqlite3 *db = make_store(rows, N_ROWS);
    struct coltab *t;
    struct coltab_scan *s, *s2;
    const int64_t *row;
    CHECK(coltab_open(db, TABLE_UNDER_TEST, &t, &fault) == 0);
    CHECK(coltab_n_rows(t) == N_ROWS);
    CHECK(coltab_scan_open(t, &s, &fault) == 0 && coltab_scan_open(t, &s2, &fault) == 0);
    for (uint32_t r = 0; r < N_ROWS; r++) {
        CHECK(coltab_scan_next(s, &row, &fault) == 1);
        CHECK(memcmp(row, rows[r], sizeof rows[r]) == 0 && coltab_scan_row(s) == r);
        if (r % 3 == 0) CHECK(coltab_scan_next(s2, &row, &fault) == 1); /* lags behind */
        if (r % 3 == 0) CHECK(memcmp(row, rows[r / 3], sizeof rows[0]) == 0);
    }
    CHECK(coltab_scan_next(s, &row, &fault) == 0);
    for (int i = 0; i < 1000; i++) {
        uint32_t r = (uint32_t)(random64() % N_ROWS);
        CHECK(coltab_scan_get(s2, r, &row, &fault) == 1 && coltab_scan_row(s2) == r);
        CHECK(memcmp(row, rows[r], sizeof rows[r]) == 0);
    }
    CHECK(coltab_scan_get(s2, N_ROWS, &row, &fault) == 0);
    CHECK(coltab_scan_get(s2, -1, &row, &fault) == 0);
    coltab_scan_close(s);
    coltab_scan_close(s2);
    coltab_close(t);

    CHECK(coltab_open(db, TAB_LOGS, &t, &fault) == 0 && coltab_n_rows(t) == 0);
    CHECK(coltab_scan_open(t, &s, &fault) == 0 && coltab_scan_next(s, &row, &fault) == 0);
    coltab_scan_close(s);
    coltab_close(t);
    sqlite3_close(db);
    free(rows);
}

static void bounds_equal_brute_force(void) {
    int64_t(*rows)[N_COLS] = make_rows();
    sqlite3 *db = make_store(rows, N_ROWS);
    struct coltab *t;
    CHECK(coltab_open(db, TABLE_UNDER_TEST, &t, &fault) == 0);
    for (int round = 0; round < 200; round++) {
        int64_t low[N_COLS], high[N_COLS];
        uint32_t bounded = (uint32_t)(random64() % (1 << N_COLS)) & (uint32_t)random64(), want;
        struct coltab_scan *s;
        const int64_t *row;
        CHECK(coltab_scan_open(t, &s, &fault) == 0);
        for (uint32_t c = 0; c < N_COLS; c++) {
            low[c] = rows[random64() % N_ROWS][c];
            high[c] = rows[random64() % N_ROWS][c];
            if (low[c] > high[c] && random64() % 4) high[c] = low[c];
            if (bounded & 1u << c) coltab_scan_bound(s, c, low[c], high[c]);
        }
        want = round % 2 ? (1u << N_COLS) - 1 : (uint32_t)(random64() % (1 << N_COLS));
        coltab_scan_want(s, want);
        for (uint32_t r = 0; r < N_ROWS; r++) {
            int inside = 1;
            for (uint32_t c = 0; c < N_COLS; c++)
                if (bounded & 1u << c)
                    inside &=
                        rows[r][c] != COLTAB_NULL && rows[r][c] >= low[c] && rows[r][c] <= high[c];
            if (!inside) continue;
            CHECK(coltab_scan_next(s, &row, &fault) == 1 && coltab_scan_row(s) == r);
            for (uint32_t c = 0; c < N_COLS; c++)
                CHECK(row[c] == (want & 1u << c ? rows[r][c] : 0));
        }
        CHECK(coltab_scan_next(s, &row, &fault) == 0);
        coltab_scan_close(s);
    }
    coltab_close(t);
    sqlite3_close(db);
    free(rows);
}

static void a_growing_table_is_seen(void) {
    int64_t(*rows)[N_COLS] = make_rows();
    sqlite3 *db = make_store(rows, 0);
    struct coltab_writer *w = coltab_writer_new(db, TABLE_UNDER_TEST);
    struct coltab *t;
    struct coltab_scan *s;
    const int64_t *row;
    CHECK(coltab_open(db, TABLE_UNDER_TEST, &t, &fault) == 0 && coltab_n_rows(t) == 0);
    for (uint32_t r = 0; r < 5000; r++) CHECK(coltab_append(w, rows[r], &fault) == 0);
    CHECK(coltab_reload(t, &fault) == 0 && coltab_n_rows(t) == COLTAB_BLOCK_ROWS);
    CHECK(coltab_scan_open(t, &s, &fault) == 0 && coltab_scan_next(s, &row, &fault) == 1);
    CHECK(coltab_flush(w, &fault) == 0);
    CHECK(coltab_reload(t, &fault) == 0 && coltab_n_rows(t) == 5000);
    for (uint32_t r = 1; r < COLTAB_BLOCK_ROWS; r++)
        CHECK(coltab_scan_next(s, &row, &fault) == 1 && row[0] == rows[r][0]);
    CHECK(coltab_scan_next(s, &row, &fault) == 0);
    coltab_scan_close(s);
    coltab_close(t);
    coltab_writer_free(w);
    sqlite3_close(db);
    free(rows);
}

/* scan_all - reads everything there is; the code of the first fault, or 0. */
static int scan_all(sqlite3 *db) {
    struct coltab *t;
    struct coltab_scan *s;
    const int64_t *row;
    int rc = coltab_open(db, TABLE_UNDER_TEST, &t, &fault);
    if (rc < 0) return rc;
    CHECK(coltab_scan_open(t, &s, &fault) == 0);
    while ((rc = coltab_scan_next(s, &row, &fault)) == 1) continue;
    coltab_scan_close(s);
    coltab_close(t);
    return rc;
}

static void damage_is_a_fault(void) {
    static const char *const harm[] = {"UPDATE coltab SET n_rows = 0",
                                       "UPDATE coltab SET n_rows = 4097",
                                       "UPDATE coltab SET n_rows = -1",
                                       "UPDATE coltab SET n_rows = n_rows + 1",
                                       "UPDATE coltab SET n_rows = 'many'",
                                       "UPDATE coltab SET bounds = x''",
                                       "UPDATE coltab SET bounds = x'0011'",
                                       "UPDATE coltab SET data = x''",
                                       "UPDATE coltab SET data = x'00'",
                                       "UPDATE coltab SET data = x'01'",
                                       "UPDATE coltab SET data = x'02ff'",
                                       "UPDATE coltab SET data = 17",
                                       "UPDATE coltab SET data = substr(data, 1, length(data) / 2)",
                                       "UPDATE coltab SET data = data || x'00'",
                                       "UPDATE coltab SET data = zeroblob(3000000)",
                                       "UPDATE coltab SET id = id + 1 WHERE id % 4096 = 1",
                                       "DROP TABLE coltab"};
    int64_t(*rows)[N_COLS] = make_rows();
    for (size_t i = 0; i < sizeof harm / sizeof *harm; i++) {
        sqlite3 *db = make_store(rows, 200);
        CHECK(scan_all(db) == 0);
        if (strstr(harm[i], "id + 1"))
            CHECK(sqlite3_exec(db, "DELETE FROM coltab WHERE id % 4096 = 0", 0, 0, 0) == SQLITE_OK);
        CHECK(sqlite3_exec(db, harm[i], NULL, NULL, NULL) == SQLITE_OK);
        if (scan_all(db) >= 0) printf("not noticed: %s\n", harm[i]), exit(1);
        sqlite3_close(db);
    }
    free(rows);
}

/* Blocks with random bytes changed: any outcome but a crash (the sanitizers watch). */
static void garbage_does_not_crash(void) {
    int64_t(*rows)[N_COLS] = make_rows();
    int64_t *values = calloc(N_COLS * COLTAB_STRIDE, sizeof *values);
    int64_t *decoded = malloc(COLTAB_BLOCK_ROWS * sizeof *decoded);
    uint8_t *raw = malloc(COLTAB_RAW_MAX(N_COLS, COLTAB_BLOCK_ROWS));
    struct coltab_bounds bounds[N_COLS];
    struct coltab_piece pieces[N_COLS];
    enum { n = 300 };
    for (uint32_t c = 0; c < N_COLS; c++)
        for (uint32_t r = 0; r < n; r++) values[c * COLTAB_STRIDE + r] = rows[r][c];
    size_t size = coltab_encode(values, N_COLS, n, bounds, raw);
    int n_bad = 0;
    for (int round = 0; round < 20000; round++) {
        size_t cut = round % 5 ? size : random64() % size;
        uint8_t *copy = malloc(cut + 1); /* its own end, so that reading past it is seen */
        memcpy(copy, raw, cut);
        for (int i = 0; i < round % 4 && cut; i++) copy[random64() % cut] = (uint8_t)random64();
        if (coltab_split(copy, cut, N_COLS, pieces) < 0) {
            n_bad++;
        } else {
            for (uint32_t c = 0; c < N_COLS; c++)
                n_bad += coltab_decode(&pieces[c], n, decoded) < 0;
        }
        free(copy);
    }
    CHECK(n_bad > 1000);
    free(raw);
    free(decoded);
    free(values);
    free(rows);
}

int main(void) {
    everything_comes_back();
    bounds_equal_brute_force();
    a_growing_table_is_seen();
    damage_is_a_fault();
    garbage_does_not_crash();
    printf("coltab_test: ok\n");
    return 0;
}
