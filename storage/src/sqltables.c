/* storage/src/sqltables.c - the tables that SQL shows, from tables.def and sqltables.def. */
#include "storage/src/sqltables.h"

#include <stdio.h>
#include <string.h>

#include "storage/src/coltab.h"

static const struct {
    const char *name, *doc;
} tables[] = {
#define TABLE(id, sql, doc) {sql, doc},
#define COL(table, id, sql, type, doc)
#define HIDDEN(table, id, sql, type, doc)
#define SUM(table, id, sql, type, doc, a, b)
#define DIFFERENCE(table, id, sql, type, doc, a, b)
#define VIEW(name, doc, select)
#define FUNCTION(call, doc)
#include "storage/src/tables.def"
#include "storage/src/sqltables.def"
#undef TABLE
#undef COL
#undef HIDDEN
#undef SUM
#undef DIFFERENCE
};

static const struct {
    uint8_t table;
    struct sql_column column;
} columns[] = {
#define TABLE(id, sql, doc)
#define COL(table, id, sql, type, doc)                                                             \
    {SQL_##table, {sql, doc, TYPE_##type, NOT_DERIVED, 0, 0, false}},
#define HIDDEN(table, id, sql, type, doc)                                                          \
    {SQL_##table, {sql, doc, TYPE_##type, NOT_DERIVED, 0, 0, true}},
#define SUM(table, id, sql, type, doc, a, b)                                                       \
    {SQL_##table,                                                                                  \
     {sql, doc, TYPE_##type, DERIVED_SUM, COL_##table##_##a, COL_##table##_##b, false}},
#define DIFFERENCE(table, id, sql, type, doc, a, b)                                                \
    {SQL_##table,                                                                                  \
     {sql, doc, TYPE_##type, DERIVED_DIFFERENCE, COL_##table##_##a, COL_##table##_##b, false}},
#include "storage/src/tables.def"
#include "storage/src/sqltables.def"
#undef TABLE
#undef COL
#undef HIDDEN
#undef SUM
#undef DIFFERENCE
#undef VIEW
#undef FUNCTION
};

#define TABLE(id, sql, doc)
#define COL(table, id, sql, type, doc)
#define HIDDEN(table, id, sql, type, doc)
#define SUM(table, id, sql, type, doc, a, b)
#define DIFFERENCE(table, id, sql, type, doc, a, b)
#define VIEW(name, doc, select) {name, doc, select},
#define FUNCTION(call, doc)
const struct sql_view sql_views[] = {
#include "storage/src/sqltables.def"
};
#undef VIEW
#undef FUNCTION
const size_t n_sql_views = sizeof sql_views / sizeof *sql_views;

#define VIEW(name, doc, select)
#define FUNCTION(call, doc) {call, doc},
const struct sql_function sql_functions[] = {
#include "storage/src/sqltables.def"
};
const size_t n_sql_functions = sizeof sql_functions / sizeof *sql_functions;

void sql_schema(enum sql_table t, struct sql_schema *out) {
    *out = (struct sql_schema){.name = tables[t].name, .doc = tables[t].doc};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (columns[i].table == t) out->columns[out->n_columns++] = columns[i].column;
}

bool sql_type_is_text(uint8_t type) {
    return type == TYPE_STR || type == TYPE_FUNC || type == TYPE_STATE || type == TYPE_SCOPE ||
           type == TYPE_TEXT;
}

static const char *declared(uint8_t type) {
    if (type == TYPE_ANY) return ""; /* no affinity: compared as what it is */
    return sql_type_is_text(type) ? "TEXT" : type == TYPE_REAL ? "REAL" : "INTEGER";
}

bool sql_schema_create(const struct sql_schema *s, char *out, size_t n) {
    size_t at = (size_t)snprintf(out, n, "CREATE TABLE x(");
    for (uint32_t i = 0; i < s->n_columns && at < n; i++)
        at += (size_t)snprintf(out + at, n - at, "%s\"%s\" %s%s", i ? ", " : "", s->columns[i].name,
                               declared(s->columns[i].type), s->columns[i].hidden ? " HIDDEN" : "");
    if (at < n) at += (size_t)snprintf(out + at, n - at, ")");
    return at < n;
}
