/* storage/src/query_reference.c - the tables, views and functions of the SQL surface as Markdown:
 * what SQL.md holds and `parkview query --tables` prints. */
#include <stdio.h>
#include <string.h>

#include "storage/query.h"
#include "storage/src/sqltables.h"

struct out {
    int (*write)(void *arg, const char *text, size_t n);
    void *arg;
    int rc;
};

static void put(struct out *o, const char *text) {
    if (o->rc == 0 && o->write(o->arg, text, strlen(text))) o->rc = PV_EIO;
}

/* In a cell of a Markdown table a bar would end the cell. */
static void put_cell(struct out *o, const char *text) {
    for (; *text; text++) {
        char one[3] = {*text, 0, 0};
        if (*text == '|') one[0] = '\\', one[1] = '|';
        put(o, one);
    }
}

static const char *shown_type(uint8_t type) {
    switch (type) {
    case TYPE_NS:
        return "ns";
    case TYPE_ID:
        return "id";
    case TYPE_STACK:
        return "stack";
    case TYPE_BOOL:
        return "0, 1";
    case TYPE_INT:
        return "number";
    case TYPE_REAL:
        return "real";
    default:
        return "text";
    }
}

static void put_table(struct out *o, enum sql_table t) {
    struct sql_schema s;
    sql_schema(t, &s);
    put(o, "### `");
    put(o, s.name);
    put(o, "`\nA row is ");
    put(o, s.doc);
    put(o, ".\n\n| column | | |\n|---|---|---|\n");
    for (uint32_t i = 0; i < s.n_columns; i++) {
        put(o, "| `");
        put(o, s.columns[i].name);
        put(o, s.columns[i].hidden ? "` (argument) | " : "` | ");
        put(o, shown_type(s.columns[i].type));
        put(o, " | ");
        put_cell(o, s.columns[i].doc);
        put(o, " |\n");
    }
    put(o, "\n");
}

int query_reference(int (*write)(void *arg, const char *text, size_t n), void *arg) {
    struct out o = {write, arg, 0};
    /* What people ask for first comes first; N_SQL_TABLES ends with the wait tables. */
    for (int t = SQL_SLICES; t <= SQL_WAITS; t++) put_table(&o, (enum sql_table)t);
    for (int t = SQL_WAIT_REASONS; t < N_SQL_TABLES; t++) put_table(&o, (enum sql_table)t);
    for (int t = 0; t < SQL_SLICES; t++) put_table(&o, (enum sql_table)t);
    for (int t = SQL_WAITS + 1; t < SQL_WAIT_REASONS; t++) put_table(&o, (enum sql_table)t);
    put(&o, "### Views\n\n| view | a row is | it stands for |\n|---|---|---|\n");
    for (size_t i = 0; i < n_sql_views; i++) {
        put(&o, "| `");
        put(&o, sql_views[i].name);
        put(&o, "` | ");
        put_cell(&o, sql_views[i].doc);
        put(&o, " | `");
        put_cell(&o, sql_views[i].select);
        put(&o, "` |\n");
    }
    put(&o, "\n### Functions\n\n| function | |\n|---|---|\n");
    for (size_t i = 0; i < n_sql_functions; i++) {
        put(&o, "| `");
        put(&o, sql_functions[i].call);
        put(&o, "` | ");
        put_cell(&o, sql_functions[i].doc);
        put(&o, " |\n");
    }
    return o.rc;
}
