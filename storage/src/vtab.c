/* storage/src/vtab.c - what all virtual tables do alike: their module, a cell, a
 * constraint into a range. */
#include "storage/src/vtab.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the module ---- */

struct module { /* what SQLite keeps for one */
    struct query *q;
    enum sql_table table;
};

static int declare(struct vtab *t) {
    char sql[4096];
    sql_schema(t->table, &t->schema);
    if (!sql_schema_create(&t->schema, sql, sizeof sql)) return SQLITE_ERROR;
    t->q->declaring = true; /* SQLite asks the authorizer about its own bookkeeping */
    int rc = sqlite3_declare_vtab(t->q->db, sql);
    t->q->declaring = false;
    return rc;
}

int vtab__connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out,
                  char **error) {
    (void)db, (void)argc, (void)argv, (void)error;
    const struct module *m = aux;
    struct vtab *t = sqlite3_malloc(sizeof *t);
    if (!t) return SQLITE_NOMEM;
    *t = (struct vtab){.q = m->q, .table = m->table};
    int rc = declare(t);
    if (rc != SQLITE_OK)
        sqlite3_free(t);
    else
        *out = &t->base;
    return rc;
}

int vtab__disconnect(sqlite3_vtab *t) {
    sqlite3_free(t);
    return SQLITE_OK;
}

int vtab__cursor_new(size_t size, sqlite3_vtab_cursor **out) {
    *out = sqlite3_malloc64(size);
    if (!*out) return SQLITE_NOMEM;
    memset(*out, 0, size);
    return SQLITE_OK;
}

int vtab__register(struct query *q, enum sql_table table, const sqlite3_module *module) {
    struct sql_schema schema;
    struct module *m = malloc(sizeof *m);
    if (!m) return SQLITE_NOMEM;
    *m = (struct module){q, table};
    sql_schema(table, &schema);
    return sqlite3_create_module_v2(q->db, schema.name, module, m, free); /* frees it if it fails */
}

char vtab__operator(unsigned char op) {
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        return '=';
    case SQLITE_INDEX_CONSTRAINT_LT:
        return '<';
    case SQLITE_INDEX_CONSTRAINT_LE:
        return '[';
    case SQLITE_INDEX_CONSTRAINT_GT:
        return '>';
    case SQLITE_INDEX_CONSTRAINT_GE:
        return ']';
    default:
        return 0;
    }
}

/* ---- cells ---- */

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

/* ---- constraints ---- */

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
