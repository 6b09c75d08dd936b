/* storage/src/set_steps.h - how many goroutines of each set were in which state, over time.
 *
 * A step function for each (set, tag), fed in any order, in as fine buckets as its room allows:
 * below level `set_steps_level` a picture is painted from slices.  Sums are exact. */
#ifndef PARKVIEW_STORAGE_SET_STEPS_H
#define PARKVIEW_STORAGE_SET_STEPS_H

#include "storage/src/canvas.h"

struct set_steps;
struct set_steps *set_steps_new(int64_t duration_ns); /* NULL = out of memory */
void set_steps_free(struct set_steps *s);
/* set_steps_add - one goroutine of the set had this tag in [from, to). */
int set_steps_add(struct set_steps *s, uint32_t set, uint32_t tag, int64_t from_ns, int64_t to_ns,
                  struct fault *f);
/* set_steps_finish - once, after the last; from then on nothing changes. */
int set_steps_finish(struct set_steps *s, uint32_t n_sets, struct fault *f);

int set_steps_level(const struct set_steps *s);
/* set_steps_paint - a set on a lane of at least that level. */
void set_steps_paint(const struct set_steps *s, uint32_t set, struct canvas *c, uint32_t lane);

#endif
