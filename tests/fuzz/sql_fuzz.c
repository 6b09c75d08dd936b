/* tests/fuzz/sql_fuzz.c - any text as SQL, on a sound store, which it must leave as it was. */
#include <string.h>

#include "storage/query.h"
#include "tests/fuzz/base_store.h"
#include "tests/fuzz/promise.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct store *store;

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    const char *path = base_store_make();
    struct fault fault = {0};
    if (store_open(path, &store, &fault) < 0) exit(2);
    unlink(path); /* a query that could write would have to make a new one */
    return 0;
}

static int on_columns(void *arg, uint32_t n, const char *const *names) {
    (void)arg;
    for (uint32_t i = 0; i < n; i++) PROMISE(strlen(names[i]) < 1 << 20);
    return 0;
}

static int on_row(void *arg, uint32_t n, const struct query_value *values) {
    size_t *n_bytes = arg;
    for (uint32_t i = 0; i < n; i++) {
        PROMISE(values[i].type <= QUERY_BLOB);
        if (values[i].type >= QUERY_TEXT) *n_bytes += values[i].text.n;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char *sql = malloc(n + 1);
    if (!sql) return 0;
    memcpy(sql, data, n);
    sql[n] = 0;
    size_t n_bytes = 0;
    struct query_limits limits = {.time_ns = 300000000, .n_rows = 200, .bytes = 64 << 20};
    struct query_output out = {.columns = on_columns, .row = on_row, .arg = &n_bytes};
    struct query_result result;
    struct fault fault = {0};
    int rc = query_run(store, sql, &limits, &out, NULL, &result, &fault);
    PROMISE(rc == 0 || (rc < 0 && rc == fault.code && fault.text[0]));
    PROMISE(rc < 0 || result.n_rows <= limits.n_rows);
    free(sql);
    return 0;
}
