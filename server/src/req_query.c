/* server/src/req_query.c - SQL from the page.
 * Not here    what SQL may do, and its limits' enforcement (storage/query.h). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "server/src/json.h"
#include "server/src/requests.h"
#include "storage/query.h"

enum {
    MAX_ROWS = 20000,
    MAX_ANSWER_BYTES = 32 << 20,
    MAX_TEXT_BYTES = 64 << 10, /* of one value; the rest is not shown */
    MAX_BLOB_BYTES = 32,
    EXACT_BITS = 53
};
static const int64_t time_limit_ns = INT64_C(60) * 1000000000, memory_limit_bytes = 512 << 20;

struct table {
    cJSON *columns, *rows;
    size_t bytes; /* of what the rows will take, roughly */
    bool full;
};

static int on_columns(void *arg, uint32_t n, const char *const *names) {
    struct table *t = arg;
    for (uint32_t i = 0; i < n; i++)
        cJSON_AddItemToArray(t->columns, json_text((struct text){names[i], strlen(names[i])}));
    return 0;
}

static cJSON *int_json(int64_t v) {
    char digits[24];
    const int64_t most = INT64_C(1) << EXACT_BITS;
    snprintf(digits, sizeof digits, "%" PRId64, v);
    return v >= -most && v <= most ? cJSON_CreateRaw(digits) : cJSON_CreateString(digits);
}

static cJSON *blob_json(struct text blob) {
    char text[MAX_BLOB_BYTES * 2 + 8], *c = text;
    c += sprintf(c, "x'");
    for (size_t i = 0; i < blob.n && i < MAX_BLOB_BYTES; i++)
        c += sprintf(c, "%02x", (unsigned char)blob.data[i]);
    sprintf(c, blob.n > MAX_BLOB_BYTES ? "..." : "'");
    return cJSON_CreateString(text);
}

static cJSON *value_json(const struct query_value *v, size_t *bytes) {
    *bytes += 24;
    switch (v->type) {
    case QUERY_INT:
        return int_json(v->i);
    case QUERY_REAL:
        return isfinite(v->real) ? cJSON_CreateNumber(v->real) : cJSON_CreateNull();
    case QUERY_TEXT: {
        struct text t = v->text;
        if (t.n > MAX_TEXT_BYTES) t.n = MAX_TEXT_BYTES;
        *bytes += t.n;
        return json_text(t);
    }
    case QUERY_BLOB:
        return blob_json(v->text);
    case QUERY_NULL:
        break;
    }
    return cJSON_CreateNull();
}

static int on_row(void *arg, uint32_t n, const struct query_value *values) {
    struct table *t = arg;
    if (t->bytes > MAX_ANSWER_BYTES) {
        t->full = true;
        return 1;
    }
    cJSON *row = cJSON_CreateArray();
    for (uint32_t i = 0; i < n; i++) cJSON_AddItemToArray(row, value_json(&values[i], &t->bytes));
    cJSON_AddItemToArray(t->rows, row);
    return 0;
}

int req_query(struct job *j, struct answer *a, struct fault *f) {
    const char *sql = "";
    int64_t limit = 1000;
    TRY(arg_text(j->request, "sql", &sql, f));
    TRY(arg_int_or(j->request, "limit", 1, MAX_ROWS, &limit, f));
    a->ok = cJSON_CreateObject();
    struct table t = {.columns = cJSON_AddArrayToObject(a->ok, "columns"),
                      .rows = cJSON_AddArrayToObject(a->ok, "rows")};
    const struct query_limits limits = {
        .time_ns = time_limit_ns, .n_rows = limit, .bytes = memory_limit_bytes};
    const struct query_output out = {.columns = on_columns, .row = on_row, .arg = &t};
    struct query_result result = {0};
    int rc = query_run(j->store, sql, &limits, &out, &j->canceled, &result, f);
    if (rc < 0 && !(rc == PV_ECANCELED && t.full)) return rc;
    cJSON_AddBoolToObject(a->ok, "truncated", result.truncated || t.full);
    cJSON_AddNumberToObject(a->ok, "ms", (double)result.ns / 1e6);
    return 0;
}
