/* storage/src/sqltables.h - the tables that SQL shows, from tables.def and sqltables.def. */
#ifndef PARKVIEW_STORAGE_SQLTABLES_H
#define PARKVIEW_STORAGE_SQLTABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first N_COLTABS are the column tables, with the same numbers. */
enum sql_table {
#define TABLE(id, sql, doc) SQL_##id,
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
    N_SQL_TABLES
};

/* Column numbers of the tables of sqltables.def: SQLCOL_SLICES_START, ... */
#define TABLE(id, sql, doc) }; enum { SQLCOL_##id##_BEGIN = -1,
#define COL(table, id, sql, type, doc) SQLCOL_##table##_##id,
#define HIDDEN(table, id, sql, type, doc) SQLCOL_##table##_##id,
enum {
    SQLCOL_UNUSED
#include "storage/src/sqltables.def"
};
#undef TABLE
#undef COL
#undef HIDDEN
#undef SUM
#undef DIFFERENCE
#undef VIEW
#undef FUNCTION

enum sql_type { /* of a cell, as it is kept; SQL sees numbers, texts and nulls */
    TYPE_NS,
    TYPE_INT,
    TYPE_ID,
    TYPE_STR,
    TYPE_FUNC,
    TYPE_STACK,
    TYPE_BOOL,
    TYPE_STATE,
    TYPE_SCOPE,
    TYPE_TEXT,
    TYPE_REAL,
    TYPE_ANY /* number or text */
};
enum sql_derived { NOT_DERIVED, DERIVED_SUM, DERIVED_DIFFERENCE };

enum { SQL_MAX_COLS = 24 };
struct sql_column {
    const char *name, *doc;
    uint8_t type, derived, a, b; /* derived: from columns a and b */
    bool hidden;
};
struct sql_schema {
    const char *name, *doc;
    uint32_t n_columns;
    struct sql_column columns[SQL_MAX_COLS];
};
void sql_schema(enum sql_table t, struct sql_schema *out);
/* sql_type_is_text - how SQL sees the type. */
bool sql_type_is_text(uint8_t type);
/* sql_schema_create - the CREATE TABLE that SQLite wants to know; false where out is too small. */
bool sql_schema_create(const struct sql_schema *s, char *out, size_t n);

struct sql_view {
    const char *name, *doc, *select;
};
extern const struct sql_view sql_views[];
extern const size_t n_sql_views;

struct sql_function {
    const char *call, *doc;
};
extern const struct sql_function sql_functions[];
extern const size_t n_sql_functions;

#endif
