/* storage/src/go_v2_impl.h - what the files of the Go 1.22+ reader share.  Private to them.
 *
 *   go_bytes.c   the trace's bytes at any place
 *   go_batch.c   bytes -> batches -> one generation, and finding the next one after damage
 *   go_tables.c  a generation's strings, stacks, CPU samples and clock
 *   go_cursor.c  an M's batches -> its next event, with time
 *   go_merge.c   many Ms -> one order
 *   go_order.c   may this event come now?  what does it change?  what is given out?
 *   go_sched_often.h, go_sched.c, go_ranges.c   its rules
 *   go_ahead.c   a thread that reads the next generation
 *   go_v2.c      the whole, as reader_impl.h wants it */
#ifndef PARKVIEW_STORAGE_GO_V2_IMPL_H
#define PARKVIEW_STORAGE_GO_V2_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/src/go_bytes.h"
#include "storage/src/go_events.h"
#include "storage/src/idmap.h"
#include "storage/src/reader_impl.h"

enum {
    GO_NEWEST = 26,             /* rules of newer versions are those of this one */
    GO_MAX_BATCH_BYTES = 65536, /* go1.26 tracev2.MaxBatchSize */
    GO_MAX_STRING_BYTES = 1024, /* tracev2.MaxEventTrailerDataSize */
    GO_MAX_FRAMES = 128,        /* tracev2.MaxFramesPerStack */
    GO_WINDOW_BYTES = 16 << 10, /* of a batch, in memory at a time */
    GO_SLACK = 64               /* readable bytes after them; more than any event has */
};

#define GO_NO_THREAD UINT64_MAX

/* ---- go_batch.c ---- */

enum go_batch_class {
    GO_BATCH_EVENTS,
    GO_BATCH_STRINGS,
    GO_BATCH_STACKS,
    GO_BATCH_SAMPLES,
    GO_BATCH_SYNC,
    GO_BATCH_EXPERIMENT,
    GO_BATCH_STRAY_END /* the end-of-generation code inside a batch of a version without it */
};

struct go_batch {
    uint64_t m, time; /* thread, time in ticks */
    uint64_t at;      /* of its data in the trace */
    uint32_t size;
    uint32_t next; /* the M's next event batch: index + 1, 0 = none; made by go_merge.c */
    uint8_t class; /* enum go_batch_class */
    uint8_t experiment;
};

/* What may follow the batches of a generation. */
enum go_gen_end {
    GO_END_NEXT,  /* another generation */
    GO_END_FILE,  /* nothing: the clean end of the file */
    GO_END_FAULT, /* fault; the generation is void */
    GO_END_LATER  /* fault, but what was read stands and is given out before it (before 1.26) */
};

struct go_gen {                  /* where a generation's batches are; reused from one to the next */
    uint64_t offset, end_offset; /* in the trace */
    uint64_t number;             /* 0 = no batch was found */
    uint64_t min_time;           /* ticks */
    struct go_batch *batches;
    uint32_t n_batches, cap_batches, n_event_batches;
    enum go_gen_end end;
    struct fault fault; /* for GO_END_FAULT, GO_END_LATER */
};

enum { GO_VIEW_BYTES = 4096 };

struct go_source { /* where generations come from */
    struct go_bytes bytes;
    int version;
    bool resume;
    bool lost; /* the last fault left the position in the middle of something */
    bool input_failed;
    uint64_t offset; /* where the next generation begins */
    uint64_t view_at;
    size_t n_view;
    uint8_t view[GO_VIEW_BYTES]; /* what of the trace is looked at */
};

int go_source_open(struct go_source *s, struct input *in, int version, bool resume,
                   struct fault *f);
void go_source_close(struct go_source *s);
/* Reads where the batches of the next generation are into g (zeroed before its first use).  How it
 * ended is in g->end; < 0 only when memory runs out or the trace is beyond a limit. */
int go_source_next(struct go_source *s, struct go_gen *g, struct fault *f);
void go_gen_free(struct go_gen *g);

/* ---- go_tables.c ---- */

struct go_ids {      /* a table's ids -> dictionary ids */
    uint32_t *dense; /* value + 1, 0 = absent */
    uint32_t n_dense;
    uint32_t n;          /* entries, dense or not */
    struct idmap sparse; /* ids far beyond the number of entries; value + 1 */
};

struct go_timed { /* sorted and heaped by time; says whose time it is */
    int64_t time_ns;
    uint32_t index;
    uint32_t unused;
};

struct go_sample {
    int64_t m, p, g;
    uint64_t stack;
    uint64_t time; /* ticks */
    uint64_t at;   /* in the trace */
};

struct go_frame { /* what a PC stands for: its first mention in the generation */
    uint64_t pc, func, file, line;
};

struct go_stack_ref {
    uint64_t id;
    uint64_t at;       /* of the first frame in the trace */
    uint32_t pc_at, n; /* which of the tables' pcs */
};

struct go_tables {
    bool lenient; /* of a damaged generation: what is missing or broken is left out */
    struct go_ids strings, stacks;
    struct go_stack_ref *refs;
    uint32_t n_refs, cap_refs;
    uint32_t *stack_pcs; /* of all stacks: indexes in frames */
    uint32_t n_stack_pcs, cap_stack_pcs;
    struct idmap pcs; /* pc -> index + 1 in frames */
    struct go_frame *frames;
    uint32_t n_frames, cap_frames;
    uint8_t *batch; /* the batch that is read */
    struct go_sample *samples;
    struct go_timed *sample_order;
    uint32_t n_samples, cap_samples;
    double ns_per_tick; /* 0 = no frequency yet */
    uint64_t whole_ns;  /* ns_per_tick when it is a whole number, else 0 */
    bool has_snapshot;
    uint64_t snapshot_time; /* ticks */
    uint64_t snapshot_mono, snapshot_wall_ns;
    uint64_t n_alloc_batches, alloc_bytes; /* raw batches of the AllocFree experiment */
};

/* Reads the table batches of g in file order; event batches are left alone. */
int go_tables_read(struct go_tables *t, const struct go_gen *g, const struct go_bytes *bytes,
                   int version, struct dict *d, struct fault *f);
/* After all batches: the clock is there, stacks are complete; makes stacks and sample order. */
int go_tables_finish(struct go_tables *t, const struct go_gen *g, int version, struct dict *d,
                     struct fault *f);
void go_tables_free(struct go_tables *t);

/* 1 and the dictionary id, or 0 when the table does not have id: then *out stays as it is. */
static inline int go_ids_get(const struct go_ids *ids, uint64_t id, uint32_t *out) {
    uint32_t value = id < ids->n_dense ? ids->dense[id] : idmap_get(&ids->sparse, id);
    if (value == 0) return 0;
    *out = value - 1;
    return 1;
}

/* ticks -> ns as Go computes it: through a double, cut off; what does not fit becomes the least
 * int64, as amd64's conversion does. */
static inline int64_t go_ticks_to_ns(const struct go_tables *t, uint64_t ticks) {
    if (t->whole_ns && ticks < (uint64_t)1 << 40) return (int64_t)(ticks * t->whole_ns);
    double ns = (double)ticks * t->ns_per_tick;
    if (!(ns > -9223372036854775808.0 && ns < 9223372036854775808.0)) return INT64_MIN;
    return (int64_t)ns;
}

/* go_sort.c: sorts by time, with ties exactly where Go's slices.SortFunc leaves them. */
void go_sort(struct go_timed *a, uint32_t n);

/* ---- go_cursor.c ---- */

struct go_cursor {          /* one M's place in a generation, with its next event decoded */
    const uint8_t *p, *end; /* in the window */
    int64_t time_ns;        /* of the present event; 0 = begin anew with the batch's time */
    uint64_t args[GOEV_MAX_ARGS];
    uint32_t thread; /* index of the M's state in go_order, 0 = not asked for yet */
    uint8_t type;
    const uint8_t *at; /* where the present event begins */
    uint64_t m;
    uint32_t batch;   /* index of the batch that p is in */
    uint32_t rest;    /* its bytes that are beyond the window */
    uint64_t rest_at; /* where in the trace these are */
    uint8_t *window;  /* `room` bytes and GO_SLACK; owned */
    uint32_t room;    /* at most GO_WINDOW_BYTES, and no more than a batch needs */
    uint8_t to_128[20];
};
_Static_assert(sizeof(struct go_cursor) == 128, "two cache lines, and an index is a shift");

/* Decodes the next event.  1, 0 = no more, < 0 fault. */
int go_cursor_next(struct go_cursor *c, const struct go_gen *g, const struct go_tables *t,
                   const struct go_bytes *bytes, struct fault *f);

/* Where in the trace the present event begins. */
static inline int64_t go_cursor_offset(const struct go_cursor *c) {
    return (int64_t)(c->rest_at - (uint64_t)(c->end - c->at));
}

/* ---- go_order.c ---- */

struct go_range {    /* a span of time that is open on a G */
    uint64_t reason; /* string id of the generation that began it */
    uint32_t name;   /* dictionary id */
    uint8_t start;   /* code of the event that opens such a range */
};

struct go_region {
    uint64_t task;
    uint32_t name;
};

struct go_extra { /* what few goroutines have */
    struct go_range *ranges;
    struct go_region *regions;
    uint32_t n_ranges, cap_ranges, n_regions, cap_regions;
};

struct go_g {
    int64_t id;
    uint64_t seq, seq_gen;
    struct go_extra *extra;
    uint32_t next_free;
    uint8_t status; /* as on the wire */
    bool live;
};

struct go_p {
    int64_t id;
    uint64_t seq, seq_gen;
    uint8_t status;
    bool sweeping;
};

struct go_m {
    uint64_t id;
    int64_t g, p;    /* NO_ID = none */
    uint32_t gi, pi; /* where their states probably are */
};

struct go_task {
    uint64_t parent;
    uint32_t name, next_free;
};

enum { GO_STW_CACHE = 16 };

struct go_order {
    int version;
    struct dict *dict;
    const struct go_tables *tables; /* of the present generation */
    const struct go_gen *gen;
    uint64_t gen_number;
    struct ev_batch *out;
    struct ev *next, *limit; /* where the next event goes; beyond limit the batch counts as full */
    int64_t batch_ns;        /* last_ns when the batch was begun */
    int64_t last_ns;         /* time of the last event given out */
    struct fault *fault;
    struct fault id_fault; /* an event with an id that no table has; reported after its emission */

    uint64_t initial_gen; /* 0 = not seen */
    uint64_t gc_seq;
    uint8_t gc_state;
    struct idmap g_map, p_map, m_map, task_map;
    struct go_g *gs;
    struct go_p *ps;
    struct go_m *ms; /* [0] is "no thread" */
    struct go_task *tasks;
    uint32_t n_gs, cap_gs, free_g, n_ps, cap_ps, n_ms, cap_ms, n_tasks, cap_tasks, free_task;

    uint32_t name_procs, name_heap, name_goal, name_gc, name_sweep, name_assist;
    struct {
        uint32_t reason, name;
    } stw[GO_STW_CACHE];
    char event_name[16]; /* for faults */
};

int go_order_init(struct go_order *o, int version, struct dict *d, struct fault *f);
/* Forgets all states, as before the first generation. */
void go_order_reset(struct go_order *o);
void go_order_free(struct go_order *o);
void go_order_sync(struct go_order *o, int64_t time_ns, uint32_t n, bool with_tables);
int go_order_sample(struct go_order *o, const struct go_sample *s, int64_t time_ns);

/* ---- go_merge.c ---- */

struct go_merge {
    const struct go_bytes *bytes;
    struct go_cursor *cursors;
    struct go_timed *heap;
    uint32_t n_cursors, cap_cursors, n_heap;
    uint32_t next_sample;
    int64_t sample_ns; /* time of the next sample, INT64_MAX = none */
    struct idmap m_map;
};

/* Sets a cursor on every M of g. */
int go_merge_start(struct go_merge *q, struct go_gen *g, const struct go_bytes *bytes,
                   const struct go_tables *t, struct fault *f);
/* Gives out events until o->out is full (1), the generation is used up (0), or a fault. */
int go_merge_run(struct go_merge *q, struct go_order *o);
/* How far into the trace it has come, more or less. */
uint64_t go_merge_reached(const struct go_merge *q, const struct go_gen *g);
void go_merge_free(struct go_merge *q);

/* Room that one step may need in a batch. */
enum { GO_STEP_EVENTS = 4, GO_STEP_ARGS = 16 };

static inline void go_out_begin(struct go_order *o, struct ev_batch *b) {
    b->n = b->n_args = 0;
    o->out = b;
    o->next = b->ev;
    o->batch_ns = o->last_ns;
    o->limit = b->ev + EV_BATCH_EVENTS - GO_STEP_EVENTS;
}

static inline bool go_out_full(const struct go_order *o) {
    return o->next > o->limit;
}

static inline void go_out_end(struct go_order *o) {
    o->out->n = (uint32_t)(o->next - o->out->ev);
}

#endif
