/* storage/src/steps.h - how many goroutines of each group were in each state, over time.
 *
 * One step function for each (group, tag), fed in the order of the events, written as rows of
 * SEQ_LOD_GROUP: a row for each bucket in which the count changed, one for each run in between. */
#ifndef PARKVIEW_STORAGE_STEPS_H
#define PARKVIEW_STORAGE_STEPS_H

#include "storage/src/lod.h"

struct steps;
struct steps *steps_new(struct lod_writer *out);
void steps_free(struct steps *s);

/* steps_change - from `at` on, one goroutine more (+1) or less (-1) of the group has this tag. */
int steps_change(struct steps *s, uint32_t group, uint32_t tag, int64_t at_ns, int delta,
                 struct fault *f);
/* steps_move - from `at` on, one goroutine of the group that had one tag has the other. */
int steps_move(struct steps *s, uint32_t group, uint32_t from, uint32_t to, int64_t at_ns,
               struct fault *f);
/* steps_late - a goroutine had this tag in [from, to), known only now. */
int steps_late(struct steps *s, uint32_t group, uint32_t tag, int64_t from_ns, int64_t to_ns,
               struct fault *f);
/* steps_finish - all counts end here; the late ones are written. */
int steps_finish(struct steps *s, int64_t end_ns, struct fault *f);

#endif
