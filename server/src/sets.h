/* server/src/sets.h - the sets of goroutines of each trace, made once for all workers. */
#ifndef PARKVIEW_SERVER_SETS_H
#define PARKVIEW_SERVER_SETS_H

#include "server/src/workers.h"
#include "storage/sets.h"

/* sets_take - those of the job's trace, made where there are none yet, or (fresh) where the trace
 * has grown since; *out is the caller's to free.  Whoever does not ask for fresh ones waits only
 * for the first. */
int sets_take(struct job *j, enum sets_by by, bool fresh, struct store_sets **out, struct fault *f);
/* sets_take_for - those that lanes name; NULL where none does.  All of one kind, else PV_EUSAGE. */
int sets_take_for(struct job *j, const struct lane *lanes, uint32_t n, struct store_sets **out,
                  struct fault *f);

#endif
