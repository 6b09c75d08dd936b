/* storage/src/sets_impl.h - sets of goroutines, for those who paint, list and look for them. */
#ifndef PARKVIEW_STORAGE_SETS_IMPL_H
#define PARKVIEW_STORAGE_SETS_IMPL_H

#include "storage/sets.h"
#include "storage/src/set_steps.h"
#include "storage/src/store_impl.h"

struct set_life { /* one life of a goroutine, as go_index has it */
    int64_t g, start_ns;
};

struct store_sets {
    atomic_uint refs;
    enum sets_by by;
    bool complete;
    int64_t n_slices; /* of the store that they were made of */
    uint32_t n, n_all;
    struct store_set *rows;
    char *names;
    struct store_set_part *parts, *covered;
    uint32_t n_covered;
    struct set_life *lives; /* those in any set, ascending */
    uint32_t *first;        /* in `of`, by life, and one behind the last */
    uint16_t *of;           /* indexes of rows */
    uint32_t n_lives;
    struct seq_range *ranges; /* of goroutine ids: all of lives, and some others */
    uint32_t n_ranges;
    struct set_steps *steps;
};

/* store__in_sets - indexes of the sets of that life. */
const uint16_t *store__in_sets(const struct store_sets *sets, int64_t g, int64_t start_ns,
                               uint32_t *n);
/* store__is_in_set - lane: LANE_SET. */
bool store__is_in_set(const struct store_sets *sets, struct lane lane, int64_t g, int64_t start_ns);

/* sets_members.c: fills in all but steps. */
int store__find_sets(struct store *s, struct store_sets *out, const atomic_int *cancel,
                     struct fault *f);
/* sets_slices.c */
int store__sum_sets(struct store *s, struct store_sets *sets, const atomic_int *cancel,
                    struct fault *f);
/* store__paint_sets - all lanes of sets on a canvas; wide: they may come coarser. */
int store__paint_sets(struct store *s, const struct store_sets *sets, struct canvas *c, bool wide,
                      struct fault *f);

#endif
