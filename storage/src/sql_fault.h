/* storage/src/sql_fault.h - SQLite's errors as ours. */
#ifndef PARKVIEW_STORAGE_SQL_FAULT_H
#define PARKVIEW_STORAGE_SQL_FAULT_H

#include <sqlite3.h>

#include "storage/fault.h"

/* sql_fault - the connection's last error as a code of errors.def; doing: "writing regions".
 * Full disk, damage, missing memory and interruption keep their own codes; the rest is PV_EIO. */
int sql_fault(struct fault *f, sqlite3 *db, const char *doing);

#endif
