/* storage/area.h - figures of an area: of every slice that touches a stretch of time on some lanes.
 *
 *     struct store_area area = {.from_ns = 0, .to_ns = 20000000, .states = 1u << GO_WAITING};
 *     struct store_figures figures;
 *     if (store_figures(s, &area, FIGURE_BY_REFINED, &figures, &f) == 0) ...;
 *     store_figures_free(&figures);
 *
 * All is exact, percentiles too: each slice is looked at (store_waits in store.h reads sums
 * instead; it is quicker, and its percentiles are up to 1/32 too high).  Costs about 30 ns a slice
 * and, for figures, 4 bytes of memory each.  *cancel (may be NULL) is looked at often: another
 * thread sets it to stop with PV_ECANCELED. */
#ifndef PARKVIEW_STORAGE_AREA_H
#define PARKVIEW_STORAGE_AREA_H

#include <stdatomic.h>

#include "storage/store.h"

/* Which slices; what is 0 or empty asks for nothing. */
struct store_area {
    int64_t from_ns, to_ns; /* touches [from, to) */
    /* On one of these.  Processors and threads: where it ran, or ran last before it waited. */
    const struct lane *lanes;
    uint32_t n_lanes;
    const struct store_sets *sets;  /* of LANE_SET, and of: */
    const struct lane *of;          /* only goroutines of this set; NULL = all */
    uint32_t states;                /* 1 << enum go_state */
    int64_t dur_min_ns, dur_max_ns; /* of the whole slice, both inclusive; max 0 = any */
    /* Parts of names, letters of either case alike. */
    struct text reason; /* of the reason, refined or not */
    struct text func;   /* of a function in its stack, or of its goroutine's start function */
    const atomic_int *cancel;
};

enum figure_key {
    FIGURE_BY_REASON,
    FIGURE_BY_REFINED,
    FIGURE_BY_FUNCTION, /* first function of its stack that is the reader's own */
    FIGURE_BY_STACK,
    FIGURE_BY_GOROUTINE,
    FIGURE_BY_START, /* start function: a group */
    FIGURE_BY_STATE
};

struct store_figure {
    struct text key;             /* what the slices of the row have in common, as text */
    struct text reason, refined; /* of the longest slice, as are: */
    struct text func;            /* first function of its stack that is the reader's own */
    uint8_t state, family;
    uint16_t tag;
    uint32_t stack, group;
    int64_t worst_g, worst_start_ns; /* the longest slice itself; max_ns is its length */
    int64_t count;                   /* slices that touch the area, whole or in part */
    int64_t total_ns;                /* inside it */
    int64_t state_ns[6];             /* of it, by enum go_state */
    int64_t mean_ns, p50_ns, p99_ns, p999_ns, max_ns; /* of the whole slices; nearest rank */
    uint32_t hist[WAIT_HIST_BUCKETS];                 /* as of store_wait */
};
struct store_figures {
    struct store_figure *rows; /* by total, largest first */
    uint32_t n;
    int64_t count, total_ns;
};
/* store_figures - out is the caller's to free, also after a fault. */
int store_figures(struct store *s, const struct store_area *area, enum figure_key by,
                  struct store_figures *out, struct fault *f);
void store_figures_free(struct store_figures *figures);

struct store_match {
    int64_t start_ns, dur_ns, g;
    uint32_t group;
    uint16_t tag;
    struct text func; /* as in store_figure */
};
enum match_order { MATCHES_BY_TIME, MATCHES_LONGEST };
struct store_matches {
    struct store_match *rows; /* the first `limit` in that order */
    uint32_t n;
    int64_t count, total_ns; /* of all that match; total inside the area */
    uint32_t *marks;         /* n_marks; how many matches touch each part of the area */
    uint32_t n_marks;
};
/* store_matches - the slices themselves; out as above. */
int store_matches(struct store *s, const struct store_area *area, enum match_order order,
                  uint32_t limit, uint32_t n_marks, struct store_matches *out, struct fault *f);
void store_matches_free(struct store_matches *matches);

#endif
