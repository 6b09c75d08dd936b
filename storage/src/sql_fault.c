/* storage/src/sql_fault.c - SQLite's errors as ours. */
#include "storage/src/sql_fault.h"

static int code_of(int rc) {
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return PV_EFULL;
    case SQLITE_NOMEM:
        return PV_ENOMEM;
    case SQLITE_INTERRUPT:
        return PV_ECANCELED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:
        return PV_ECORRUPT;
    default:
        return PV_EIO;
    }
}

int sql_fault(struct fault *f, sqlite3 *db, const char *doing) {
    if (!db) return fault_set(f, PV_ENOMEM, -1, "%s: no memory for SQLite", doing);
    return fault_set(f, code_of(sqlite3_extended_errcode(db)), -1, "%s: %s", doing,
                     sqlite3_errmsg(db));
}
