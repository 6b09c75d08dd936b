/* storage/src/slices.h - reading goroutine slices back from the store's chunks.
 *
 * The order of a scan is by chunk (a stretch of time), within it by goroutine, within that by
 * start.  A slice stands in the chunk in which it ended. */
#ifndef PARKVIEW_STORAGE_SLICES_H
#define PARKVIEW_STORAGE_SLICES_H

#include "storage/store.h"

struct slice {
    int64_t start_ns, dur_ns;
    int64_t g;
    uint32_t class_id; /* state, reason, stack: slices_class() */
    int64_t p, m;      /* running, syscall: where; other states: where it last was; or NO_ID */
    int64_t waker_g;   /* waits: who ended it; NO_ID = the runtime itself, or not known */
    int64_t waker_p, waker_m;
    uint32_t waker_stack; /* 0 = none */
    bool open;            /* cut by the end of the trace or a gap, not by a transition */
};

/* A class is an interned (state, reason, stack) with what follows from it. */
struct slice_class {
    uint8_t state; /* enum go_state */
    uint8_t family;
    uint16_t tag;       /* store_tag() */
    uint32_t reason;    /* string id of the trace's reason */
    uint32_t stack;     /* stack id at the slice's start */
    uint32_t user_func; /* string id, 0 = none */
};
uint32_t slices_n_classes(struct store *s);
struct slice_class slices_class(struct store *s, uint32_t class_id);

/* Only slices that touch [from_ns, to_ns) (a slice touches where start < to and end > from; an
 * empty slice never does) and whose goroutine lies in [g_min, g_max]. */
struct slice_filter {
    int64_t from_ns, to_ns;
    int64_t g_min, g_max;
    uint32_t states; /* bit mask of 1 << enum go_state; 0 = all */
    int64_t dur_min_ns;
    uint32_t columns; /* what is needed beside start, length and g: SLICE_CLASS | ... of
                         store_impl.h; the rest reads as nothing known; 0 = all */
};

struct slice_scan;
int slice_scan_open(struct store *s, const struct slice_filter *filter, struct slice_scan **out,
                    struct fault *f);
/* slice_scan_next - 1: *out is filled; 0: end; < 0: fault. */
int slice_scan_next(struct slice_scan *scan, struct slice *out, struct fault *f);
void slice_scan_close(struct slice_scan *scan);

/* For the SQL surface: the store's own connection, and how many stacks there are, id 0 included. */
struct sqlite3 *store__db(struct store *s);
uint32_t store__n_stacks(struct store *s);

#endif
