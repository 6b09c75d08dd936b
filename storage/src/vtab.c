/* storage/src/vtab.c - what all virtual tables do alike: declare themselves, show a cell, turn a
 * constraint into a range. */
#include "storage/src/vtab.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int vtab__declare(struct query *q, enum sql_table t, struct sql_schema *schema) {
    char sql[4096];
    sql_schema(t, schema);
    if (!sql_schema_create(schema, sql, sizeof sql)) return SQLITE_ERROR;
    q->declaring = true; /* SQLite asks the authorizer about its own bookkeeping */
    int rc = sqlite3_declare_vtab(q->db, sql);
    q->declaring = false;
    return rc;
}

void result_text(sqlite3_context *c, struct text t) {
    sqlite3_result_text64(c, t.data ? t.data : "", t.n, SQLITE_STATIC, SQLITE_UTF8);
}

const char *sql_state_name(int64_t state) {
    switch (state) {
    case GO_UNDETERMINED:
        return "unknown";
    case GO_NOTEXIST:
        return "ended";
    case GO_RUNNABLE:
        return "runnable";
    case GO_RUNNING:
        return "running";
    case GO_WAITING:
        return "waiting";
    case GO_SYSCALL:
        return "syscall";
    default:
        return NULL;
    }
}

static const char *scope_name(int64_t scope) {
    switch (scope) {
    case SCOPE_NONE:
        return "program";
    case SCOPE_GO:
        return "goroutine";
    case SCOPE_PROC:
        return "processor";
    case SCOPE_THREAD:
        return "thread";
    default:
        return NULL;
    }
}

static void result_string(sqlite3_context *c, struct store *s, int64_t id, bool null_if_empty) {
    struct text t = {0};
    if (id > 0 && id <= UINT32_MAX) t = store_string(s, (uint32_t)id);
    if (t.n || !null_if_empty) result_text(c, t);
}

void result_stored(sqlite3_context *c, struct store *s, uint8_t type, int64_t value) {
    if (value == COLTAB_NULL) return; /* SQLite's default result is null */
    switch (type) {
    case TYPE_ID:
        if (value != NO_ID) sqlite3_result_int64(c, value);
        break;
    case TYPE_STACK:
        if (value != 0) sqlite3_result_int64(c, value);
        break;
    case TYPE_STR:
        result_string(c, s, value, false);
        break;
    case TYPE_FUNC:
        result_string(c, s, value, true);
        break;
    case TYPE_STATE:
        sqlite3_result_text(c, sql_state_name(value), -1, SQLITE_STATIC);
        break;
    case TYPE_SCOPE:
        sqlite3_result_text(c, scope_name(value), -1, SQLITE_STATIC);
        break;
    default:
        sqlite3_result_int64(c, value);
        break;
    }
}

/* Bounds of a real number: what lies beyond int64 is clamped. */
static int64_t floor_int64(double d) {
    if (d >= 9223372036854775807.0) return INT64_MAX;
    return d <= -9223372036854775808.0 ? INT64_MIN : (int64_t)floor(d);
}

static int64_t ceil_int64(double d) {
    if (d >= 9223372036854775807.0) return INT64_MAX;
    return d <= -9223372036854775808.0 ? INT64_MIN : (int64_t)ceil(d);
}

bool number_bounds(unsigned char op, sqlite3_value *value, int64_t *min, int64_t *max) {
    int64_t low, high; /* the value lies in [low, high] */
    int type = sqlite3_value_type(value);
    *min = INT64_MIN;
    *max = INT64_MAX;
    if (type == SQLITE_INTEGER) {
        low = high = sqlite3_value_int64(value);
    } else if (type == SQLITE_FLOAT) {
        low = floor_int64(sqlite3_value_double(value));
        high = ceil_int64(sqlite3_value_double(value));
    } else {
        return false;
    }
    if (op == '=' || op == '<' || op == '[') *max = high;
    if (op == '=' || op == '>' || op == ']') *min = low;
    bool whole = type == SQLITE_INTEGER;
    if (op == '<' && whole && high > INT64_MIN) *max = high - 1;
    if (op == '>' && whole && low < INT64_MAX) *min = low + 1;
    return true;
}
