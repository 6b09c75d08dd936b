/* storage/sets.h - goroutines in sets that are not groups: of a creator, of a type of task, of a
 * label; how many of each were in which state is kept while the sets are, so that the picture of
 * 100,000 goroutines costs what that of a group costs.
 *
 *     struct store_sets *sets;
 *     if (store_sets_new(s, SETS_BY_TASK, NULL, &sets, &f) < 0) ...;
 *     struct lane lane = store_set(sets, 0)->lane;
 *     struct tile_query q = {.lanes = &lane, .n_lanes = 1, .sets = sets, ...};
 *     store_sets_free(sets);
 *
 * Sets do not change once they are made, and may be used by any thread, with any open store of the
 * same trace.  Those of a store that still grows are of what there was when they were made. */
#ifndef PARKVIEW_STORAGE_SETS_H
#define PARKVIEW_STORAGE_SETS_H

#include "storage/store.h"

enum sets_by { SETS_BY_CREATOR, SETS_BY_TASK, SETS_BY_LABEL, N_SETS_BY };

enum {
    SETS_MAX = 2000,  /* the largest; the others are only counted */
    SETS_IDS = 10000, /* lane ids of one kind of sets: by * SETS_IDS, + 1, … */
};

struct store_set_part { /* so many goroutines of a group */
    uint32_t group, n;
};
struct store_set {
    struct lane lane; /* LANE_SET; LANE_GROUP where it is all goroutines of a group */
    struct text name; /* of the task's type, of the label */
    /* By creator: who made them (STORE_NO_GROUP: before the trace), and those of which group;
     * STORE_NO_GROUP: all that it made.  Only user goroutines are in these. */
    uint32_t creator, group;
    uint32_t n; /* goroutines */
    const struct store_set_part *parts;
    uint32_t n_parts;
};

/* store_sets_new - looks at all goroutines and slices: 30 to 50 ns a slice.  cancel may be NULL. */
int store_sets_new(struct store *s, enum sets_by by, const atomic_int *cancel,
                   struct store_sets **out, struct fault *f);
/* store_sets_share - one more who calls store_sets_free. */
struct store_sets *store_sets_share(struct store_sets *sets);
void store_sets_free(struct store_sets *sets);

uint32_t store_n_sets(const struct store_sets *sets);
uint32_t store_n_all_sets(const struct store_sets *sets); /* beyond SETS_MAX, too */
const struct store_set *store_set(const struct store_sets *sets, uint32_t i); /* largest first */
/* store_sets_covered - how many goroutines of each group are in any of the sets. */
const struct store_set_part *store_sets_covered(const struct store_sets *sets, uint32_t *n);
/* store_sets_are_of - false where the store has grown since. */
bool store_sets_are_of(const struct store_sets *sets, struct store *s);
/* store_sets_of - the sets that the goroutine is in, at most `room`; how many there are. */
uint32_t store_sets_of(const struct store_sets *sets, int64_t g, struct lane *out, uint32_t room);

#endif
