/* storage/src/go_v1_impl.h - what the parts of the reader for Go 1.11 to 1.21 share.
 *
 *     spool    the bytes, kept where they can be read again
 *     scan     first pass: where each P's batches are; strings, stacks, frequency, CPU samples
 *     merge    second pass: the Ps' batches (cursor) -> one order
 *     ahead    the merge on a thread of its own; hands over chunks
 *     settle   late system call exits put back to their time
 *     validate Go's checks between events
 *     convert  v1 events -> struct ev
 *     plain    these three at once, of the commonest
 * go_v1.c drives them and says what is held in memory and why. */
#ifndef PARKVIEW_STORAGE_GO_V1_IMPL_H
#define PARKVIEW_STORAGE_GO_V1_IMPL_H

#include "storage/src/go_v1_order.h"
#include "storage/src/reader_impl.h"

/* ---- validate ---- */

/* State of a goroutine: enum v1_go_status, and */
enum {
    V1_STATUS = 3,
    V1_KNOWN = 4,   /* it exists */
    V1_NET = 8,     /* waits for the network */
    V1_ASSIST = 16, /* in a mark assist */
    V1_EARLY = 32,  /* conversion: was there when tracing began, state not said so far */
};

struct v1_region {
    uint64_t task, name;
    uint32_t below; /* index + 1 of the enclosing one; or of the next free one */
};

struct v1_valid {
    uint8_t *states; /* by slot */
    uint32_t n_states;
    const struct v1_proc *poller; /* the one that is made up for the network poller */
    bool in_gc, in_stw;
    struct idmap tasks;   /* open ones */
    struct idmap regions; /* goroutine slot -> index + 1 of its innermost region */
    struct v1_region *region;
    uint32_t n_region, cap_region, free_region;
};

/* ---- convert ---- */

struct v1_task {
    uint64_t parent;
    uint32_t name; /* dictionary */
};

struct v1_names {      /* dictionary ids */
    uint32_t wait[64]; /* by event type: reason of a block or a stop */
    uint32_t stw[V1_N_STOPS];
    uint32_t mark, sweep, assist;
    uint32_t gomaxprocs, heap, goal;
};

struct v1_early {
    uint64_t g;
    uint32_t slot;
};

struct v1_convert {
    int64_t last; /* time of the newest event */
    uint32_t n_sync;
    bool started, early;      /* early: before the first GOMAXPROCS */
    uint32_t stw;             /* name of the open stop-the-world */
    struct v1_early *earlies; /* goroutines that were there at the start */
    uint32_t n_earlies, cap_earlies, i_early;
    int64_t early_ns;
    bool give_earlies;
    struct idmap tasks; /* task -> index + 1 in task */
    struct v1_task *task;
    uint32_t n_task, cap_task;
    struct v1_names names;
};

enum v1_phase { V1_UNREAD, V1_CHECKING, V1_GIVING, V1_ENDED };

struct go_v1 {
    struct input *in;
    struct dict *dict;
    int version;
    bool resume, single_thread;
    enum v1_phase phase;
    struct v1_spool spool;
    struct v1_index index;
    double ns_per_tick;
    /* The ordering side. */
    struct v1_merge merge;
    struct fault merge_fault; /* what ended it: the other side looks once it has the last chunk */
    /* The giving side. */
    struct v1_ahead ahead;
    struct v1_settle settle;
    struct fault order_fault; /* of the merging or the settling */
    struct v1_valid valid;
    struct v1_convert convert;
    struct fault fault; /* what ended it all */
};

/* Makes next < end if the cursor has more events: 1, 0 = it has none, < 0. */
int v1_cursor_fill(struct go_v1 *r, struct v1_cursor *c, struct fault *f);
/* A slot; one for goroutine g.  UINT32_MAX without memory. */
uint32_t v1_slot_add(struct v1_merge *m);
uint32_t v1_go_add(struct v1_merge *m, uint64_t g);

int v1_merge_start(struct go_v1 *r, struct fault *f);
/* The next events in merged order: up to n, at least V1_RUN of them wanted.  false: these are the
 * last (f says why, if not all were merged). */
bool v1_merge(struct go_v1 *r, struct v1_chunk *c, uint32_t n, struct fault *f);
void v1_merge_free(struct v1_merge *m);

int v1_settle_start(struct go_v1 *r, struct fault *f);
/* Ticks as nanoseconds.  Go converts on amd64: what does not fit becomes the smallest integer. */
static inline int64_t v1_to_ns(const struct go_v1 *r, int64_t ts) {
    double ns = (double)(int64_t)((uint64_t)ts - (uint64_t)r->settle.first) * r->ns_per_tick;
    return __builtin_fabs(ns) < 9223372036854775808.0 ? (int64_t)ns : INT64_MIN;
}
/* Nothing waits, and a merged event from settle.last to the result that is no system call's block
 * or exit is the next one in final order.  INT64_MIN: not so. */
static inline int64_t v1_settle_limit(const struct go_v1 *r) {
    const struct v1_settle *s = &r->settle;
    if (!s->any || s->ended || s->head != s->tail || s->n_late || r->index.n_samples)
        return INT64_MIN;
    return s->bound < s->bound_until ? s->bound : s->bound_until - 1;
}
/* One merged event in.  1: it is the next one in final order, now in nanoseconds, and was not kept;
 * 0: kept; < 0: times out of order, or a stray exit. */
int v1_settle_put(struct go_v1 *r, struct v1_event *e, struct fault *f);
/* No more events come. */
void v1_settle_end(struct v1_settle *s);
/* The next event in final order, in nanoseconds; borrowed until the next put or get.
 * NULL: more must be put first (or all are given). */
struct v1_event *v1_settle_get(struct go_v1 *r);
void v1_settle_free(struct v1_settle *s);

/* Begins a pass over all events, with a thread that orders ahead where that is wanted. */
int v1_ahead_start(struct go_v1 *r, struct fault *f);
/* Makes run < run_end, merged events that were not put: false = there are no more. */
bool v1_ahead_merged(struct go_v1 *r);
/* The next event in final order, NULL at the end; borrowed until the next call. */
struct v1_event *v1_ahead_next(struct go_v1 *r);
void v1_ahead_stop(struct go_v1 *r);

/* Go's checks between events; changes e as Go does (fake Ps). */
int v1_validate_start(struct go_v1 *r, struct fault *f);
int v1_validate(struct go_v1 *r, struct v1_event *e, struct fault *f);
/* The goroutine in a slot ends within regions. */
void v1_drop_regions(struct v1_valid *v, uint32_t slot);
void v1_valid_free(struct v1_valid *v);
/* State of the goroutine in a slot that was validated. */
static inline uint8_t *v1_state_of(struct go_v1 *r, uint32_t slot) {
    return &r->valid.states[slot];
}

int v1_convert_start(struct go_v1 *r, struct fault *f);
/* Appends to b what e becomes: up to two events. */
int v1_convert(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b, struct fault *f);
/* Merged events that are in final order, from e on: settled, validated, and what they become
 * appended to b as far as it has room.  The first that is not, or not sound (then r->fault). */
struct v1_event *v1_plain(struct go_v1 *r, struct v1_event *e, const struct v1_event *end,
                          struct ev_batch *b);
/* Appends the goroutines that were there at the start.  true: all are out. */
bool v1_convert_earlies(struct go_v1 *r, struct ev_batch *b);
/* A SYNC event. */
void v1_convert_sync(struct go_v1 *r, int64_t time_ns, struct ev_batch *b);
void v1_convert_free(struct v1_convert *c);

#endif
