/* storage/src/db.h - the few things that every writer and reader of the store asks of SQLite. */
#ifndef PARKVIEW_STORAGE_DB_H
#define PARKVIEW_STORAGE_DB_H

#include <sqlite3.h>

#include "storage/src/sql_fault.h"

/* db_exec - one or more statements without results. */
int db_exec(sqlite3 *db, const char *sql, struct fault *f);

int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct fault *f);

/* db_run - steps a prepared INSERT or UPDATE to its end and resets it. */
int db_run(sqlite3 *db, sqlite3_stmt *stmt, struct fault *f);

#endif
