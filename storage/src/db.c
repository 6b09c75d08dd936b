/* storage/src/db.c - SQLite statements whose failure is a fault. */
#include "storage/src/db.h"

#include <stddef.h>

int db_exec(sqlite3 *db, const char *sql, struct fault *f) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK) return 0;
    return sql_fault(f, db, "writing the store");
}

int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct fault *f) {
    if (sqlite3_prepare_v2(db, sql, -1, out, NULL) == SQLITE_OK) return 0;
    return sql_fault(f, db, "reading the store");
}

int db_run(sqlite3 *db, sqlite3_stmt *stmt, struct fault *f) {
    int rc = sqlite3_step(stmt);
    int code = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : sql_fault(f, db, "writing the store");
    sqlite3_reset(stmt);
    return code;
}
