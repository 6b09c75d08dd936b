/* storage/src/go_v1_impl.h - what the parts of the reader for Go 1.11 to 1.21 share.
 *
 *     spool    the bytes, kept where they can be read again
 *     scan     first pass: where each P's batches are; strings, stacks, frequency, CPU samples
 *     merge    second pass: the Ps' batches -> one order
 *     settle   late system call exits put back to their time; Go's validation
 *     convert  v1 events -> struct ev
 * go_v1.c drives them and says what is held in memory and why. */
#ifndef PARKVIEW_STORAGE_GO_V1_IMPL_H
#define PARKVIEW_STORAGE_GO_V1_IMPL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/src/idmap.h"
#include "storage/src/reader_impl.h"

enum v1_type {
    V1_NONE,
#define X(code, ident, name, since, n_args, stack, args, order) V1_##ident = (code),
#include "storage/src/go_v1_events.def"
#undef X
    V1_N_TYPES = 50
};

/* What an event needs of its goroutine to be merged, and what it makes of it. */
enum v1_order {
    V1_FREE,          /* nothing */
    V1_CREATE,        /* args[0]: never seen -> runnable */
    V1_WAITING,       /* g: fresh from CREATE -> waiting */
    V1_START,         /* g: runnable, sequence number args[1] -> running */
    V1_START_LOCAL,   /* g: runnable -> running, sequence + 1 */
    V1_BLOCK,         /* g: running -> waiting */
    V1_YIELD,         /* g: running -> runnable */
    V1_UNBLOCK,       /* args[0]: waiting, sequence number args[1] -> runnable */
    V1_UNBLOCK_LOCAL, /* args[0]: waiting -> runnable, sequence + 1 */
    V1_GC,            /* cycle number args[0] must be the next */
    V1_N_ORDERS
};

/* Which goroutine an event belongs to (v1_spec.about). */
enum {
    V1_NAMES = 1,  /* args[0] is a goroutine: its slot is looked up */
    V1_OWNS = 2,   /* the event belongs to that one, not to the one that runs */
    V1_BEGINS = 4, /* that one runs from now on */
    V1_LEAVES = 8, /* none runs from now on */
};

struct v1_spec {
    const char *name;
    uint8_t since, n_args, stack, order, about;
};
extern const struct v1_spec v1_specs[64];

enum v1_go_status { V1_DEAD, V1_RUNNABLE, V1_RUNNING, V1_BLOCKED };

/* Processors that Go's converter makes up for events that belong to no real one. */
enum { V1_FAKE_P = 1000000, V1_TIMER_P, V1_NETPOLL_P, V1_SYSCALL_P, V1_GC_P, V1_PROFILE_P };

enum { V1_MAX_PROCS = 1 << 16, V1_HEADER_BYTES = 16, V1_SLACK = 16 };

/* ---- spool ---- */

struct v1_spool {
    const uint8_t *data; /* n bytes, and V1_SLACK zeros after them */
    uint64_t n;
    size_t mapped; /* length of the mapping; 0 = data is on the heap */
};
int v1_spool_fill(struct v1_spool *s, struct input *in, struct fault *f);
/* The bytes [from, to) will not be needed soon. */
void v1_spool_drop(const struct v1_spool *s, uint64_t from, uint64_t to);
void v1_spool_free(struct v1_spool *s);

/* ---- scan ---- */

enum v1_bad_what {
    V1_BAD_NONE,
    V1_BAD_TYPE,      /* a = type */
    V1_BAD_ARG,       /* a = type */
    V1_BAD_VARINT,    /* a bare malformed number */
    V1_BAD_ARG_BYTES, /* a = type, b = bytes */
    V1_BAD_EOF,
    V1_BAD_UNEXPECTED_EOF,
    V1_BAD_BATCH_ARGS,   /* a = found */
    V1_BAD_BATCH_P,      /* a = P */
    V1_BAD_NO_BATCH,     /* a = type */
    V1_BAD_SAMPLE_ARGS,  /* a = found */
    V1_BAD_N_ARGS,       /* a = type, b = found */
    V1_BAD_STACK_SHORT,  /* a = found */
    V1_BAD_STACK_FRAMES, /* a = frames */
    V1_BAD_STACK_ARGS,   /* a = wanted, b = found */
    V1_BAD_STRING_ZERO_ID,
    V1_BAD_STRING_TWICE, /* a = id */
    V1_BAD_STRING_EMPTY,
    V1_BAD_STRING_LENGTH, /* a = length */
    V1_BAD_LOG_LENGTH,    /* a = length */
    V1_BAD_FREQUENCY,
    V1_BAD_TOO_MANY_PROCS,
};
struct v1_bad {
    uint64_t off; /* in the spool */
    uint64_t a, b;
    uint32_t batch;
    uint8_t what; /* enum v1_bad_what */
};
int v1_bad_fault(const struct v1_bad *bad, struct fault *f);

struct v1_batch { /* ends where the next one in the file begins */
    uint64_t off;
    uint32_t next; /* of the same P; UINT32_MAX = none */
    uint32_t bad;  /* index + 1 in v1_index.bads */
};

struct v1_proc {          /* a P of the file, or a fake one */
    int64_t m;            /* the thread that it runs on, as far as events say */
    uint64_t g;           /* validation: the goroutine that runs on it; 0 = none */
    uint32_t first, last; /* batches; UINT32_MAX = none */
    uint32_t next_batch;  /* merge: not yet loaded */
    uint32_t last_slot;   /* merge: slot of last_g */
    uint64_t last_g;      /* merge: the goroutine at the end of its last batch */
    int32_t id;
    bool has_m, seen, running, sweeping;
};

struct v1_sample {
    int64_t ts;
    uint64_t g;
    int32_t p;
    uint32_t stack;
};

/* Ids of the file -> small numbers (0 = none): an array as far as the ids are dense, and a hash. */
struct v1_refs {
    uint32_t *dense;
    uint32_t n_dense;
    uint32_t n;          /* entries in both */
    struct idmap sparse; /* id -> index + 1 in values */
    uint32_t *values;
    uint32_t n_values, cap_values;
};
int v1_refs_set(struct v1_refs *r, uint64_t id, uint32_t value);
uint32_t v1_refs_get_sparse(const struct v1_refs *r, uint64_t id);
static inline uint32_t v1_refs_get(const struct v1_refs *r, uint64_t id) {
    if (id < r->n_dense && r->dense[id]) return r->dense[id];
    return r->n_values ? v1_refs_get_sparse(r, id) : 0;
}
void v1_refs_free(struct v1_refs *r);

/* For each stretch of ticks: the smallest time that a system call exit which was written in it or
 * later is to be put back to.  The stretches grow with the trace, the table does not. */
enum { V1_N_STRETCHES = 1 << 16 };
struct v1_exits {
    int64_t base; /* ticks at which the first stretch begins */
    uint32_t shift;
    bool any;
    int64_t *min;
};
int v1_exits_note(struct v1_exits *x, int64_t written, int64_t real);
void v1_exits_finish(struct v1_exits *x);
/* No exit that is written at ticks or later goes back before the result; nor for later ticks that
 * are before *until. */
int64_t v1_exits_bound(const struct v1_exits *x, int64_t ticks, int64_t *until);

/* Strings that Go's converter adds to a file's own, in its order: wait and stop reasons, then
 * what the world is stopped for. */
enum { V1_N_WAITS = 12, V1_N_STOPS = 17 };
extern const char *const v1_built_in[V1_N_WAITS + V1_N_STOPS];

struct v1_index {
    struct v1_batch *batches;
    uint32_t n_batches, cap_batches;
    struct v1_proc *procs; /* ascending by id once the scan is over; fake ones included */
    uint32_t n_procs, cap_procs;
    struct v1_bad *bads;
    uint32_t n_bads, cap_bads;
    struct v1_sample *samples; /* ascending by time once the scan is over */
    uint32_t n_samples, cap_samples;
    struct v1_refs strings, stacks;
    struct idmap timers; /* timer goroutines */
    int64_t frequency;   /* ticks per second; 0 = none */
    uint64_t max_string; /* the largest string id */
    bool has_logs;
    uint32_t built_in[V1_N_WAITS + V1_N_STOPS]; /* v1_built_in in the dictionary */
    uint64_t end;                               /* events were understood up to here */
    struct v1_bad stop; /* why not further; what == V1_BAD_NONE: the file's end */
    struct v1_exits exits;
};
int v1_scan(struct v1_index *x, const struct v1_spool *s, int version, struct dict *d,
            struct fault *f);
/* What Go's converter finds under a string id (dictionary id). */
uint32_t v1_string(const struct v1_index *x, uint64_t id);
struct v1_proc *v1_proc_find(const struct v1_index *x, int32_t id);
void v1_index_free(struct v1_index *x);

/* ---- merge ---- */

struct v1_event {
    int64_t ts;       /* ticks; nanoseconds once settled */
    uint64_t g;       /* goroutine; 0 = none */
    uint64_t args[3]; /* after the time difference, without the stack */
    uint32_t stack;   /* the file's id */
    uint32_t slot;    /* of g */
    uint32_t target;  /* slot of args[0], where that is a goroutine */
    uint32_t proc;    /* index in v1_index.procs; not of CPU samples */
    int32_t p;
    uint8_t type;    /* "...Local" forms have become plain ones */
    uint8_t pending; /* GO_SYSCALL: not yet known whether it blocks */
    uint8_t blocked; /* GO_SYSCALL: the goroutine's next event is GO_SYS_BLOCK */
    uint8_t unused;
};
_Static_assert(sizeof(struct v1_event) == 64, "struct v1_event changed size");

struct v1_go {
    uint64_t seq;      /* merge */
    int64_t sys_block; /* settle: ticks of the last GO_SYS_BLOCK or GO_IN_SYSCALL */
    uint32_t call;     /* settle: ring position of a pending GO_SYSCALL, 31 bits, + 1 */
    uint8_t status;    /* merge: enum v1_go_status */
    bool watched;      /* merge: an event waits for a change of it */
};
_Static_assert(sizeof(struct v1_go) == 24, "struct v1_go changed size");

/* Slots that are not goroutines. */
enum { V1_SLOT_NONE, V1_SLOT_GC, V1_SLOT_FREE, V1_N_FIXED_SLOTS };

/* An event of one P, and what it waits for. */
struct v1_next {
    struct v1_event event;
    uint64_t need_seq; /* the goroutine in slot key must have this sequence number, */
    uint32_t key;
    uint8_t need_status; /* and be in this state */
    uint8_t order;
    uint8_t unused[2];
};

struct v1_cursor {              /* one P's events, in file order */
    struct v1_next *next, *end; /* decoded, not merged yet */
    struct v1_next *items;      /* room for n_items */
    uint32_t n_items;
    bool done;
    int32_t p;
    uint32_t proc;      /* UINT32_MAX: the cursor of the CPU samples */
    uint32_t last_slot; /* slot of last_g */
    uint64_t last_g;    /* the goroutine that runs, as far as decoded */
    int64_t ts;
    struct v1_next *held, *held_end; /* for later: a system call without its next event, and on */
    const uint8_t *batch, *at, *batch_end; /* at = what is not decoded yet */
    uint32_t next_sample, n_samples;       /* of the cursor for CPU samples */
    uint32_t bad;                          /* at batch_end is this fault (index + 1) */
};

struct v1_merge {
    struct v1_cursor *cursors; /* one for each P with batches, then the CPU samples */
    uint32_t n_cursors;
    uint32_t *available; /* cursors whose next event is not in the frontier */
    uint32_t n_available;
    uint32_t *frontier; /* binary heap of cursors by the time of their next event, */
    int64_t *times;     /* which stands here */
    uint32_t n_frontier;
    bool calm; /* the last event changed nothing that a waiting one needs */
    struct v1_go *gos;
    uint32_t n_gos, cap_gos;
    struct v1_refs slots; /* goroutine -> index in gos; 0 = none */
};

/* ---- settle ---- */

struct v1_late { /* an exit that waits for the events before its real time */
    int64_t ts;
    uint64_t pos; /* events of the ring that were merged before it */
    uint64_t n;   /* counts exits */
    struct v1_event event;
};

struct v1_settle {
    struct v1_event *ring;
    uint64_t head, tail; /* positions; the index is position & mask */
    uint64_t mask;
    struct v1_late *late; /* binary heap by (ts, n) */
    uint32_t n_late, cap_late;
    uint64_t count_late;
    struct v1_event out; /* an exit that get gave */
    int64_t bound;       /* no exit still to come goes back before this; */
    int64_t bound_until; /* so for events before this */
    int64_t last;        /* ticks of the newest event */
    int64_t first;       /* ticks of the first event */
    bool any, ended;
};

/* ---- order ---- */

/* Events in final order, as they go from the ordering to the one who gives them out: from one
 * thread to another, if there are two. */
enum { V1_CHUNK_EVENTS = 1024, V1_N_CHUNKS = 4 };
struct v1_chunk {
    uint32_t n;
    bool last;
    struct v1_event events[V1_CHUNK_EVENTS];
};

struct v1_ahead {
    struct v1_chunk *chunks;
    uint32_t n_filled, n_taken; /* in all; guarded by lock where there is a thread */
    bool threaded, stop;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t turn;
};

/* ---- validate ---- */

struct v1_state {    /* of a goroutine */
    uint8_t is : 2;  /* enum v1_go_status */
    bool known : 1;  /* it exists */
    bool net : 1;    /* waits for the network */
    bool assist : 1; /* in a mark assist */
    bool early : 1;  /* conversion: was there when tracing began, state not said so far */
};

struct v1_region {
    uint64_t task, name;
    uint32_t below; /* index + 1 of the enclosing one; or of the next free one */
};

struct v1_valid {
    struct v1_state *states; /* by slot */
    uint32_t n_states;
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
    struct v1_settle settle;
    struct fault
        order_fault; /* what ended it; the other side may look once it has the last chunk */
    /* The giving side. */
    struct v1_ahead ahead;
    struct v1_chunk *chunk;
    uint32_t i_event; /* in chunk */
    struct v1_valid valid;
    struct v1_convert convert;
    struct fault fault; /* what ended it all */
};

/* Whose state an event needs: the slot of ... */
enum { V1_KEY_FREE, V1_KEY_GC, V1_KEY_OWN, V1_KEY_TARGET };
/* The sequence number that it needs: args[0], args[1], or the rule's. */
enum { V1_SEQ_ARG0, V1_SEQ_ARG1, V1_SEQ_RULE };
#define V1_NO_SEQ  UINT64_MAX       /* as needed: any; as left: the same */
#define V1_SEQ_INC (UINT64_MAX - 1) /* as left: one more */
#define V1_FREE_GO UINT64_MAX       /* "goroutine" of events that need nothing */
#define V1_GC_GO   (UINT64_MAX - 1) /* "goroutine" that counts GC cycles */

struct v1_rule {
    uint64_t need_seq;
    uint64_t next_seq; /* as left, where need is V1_SEQ_RULE; else what was needed + 1 */
    uint8_t key, need, need_status, next_status;
};
extern const struct v1_rule v1_rules[V1_N_ORDERS];

/* Makes next < end if the cursor has more events: 1, 0 = it has none, < 0. */
int v1_cursor_fill(struct go_v1 *r, struct v1_cursor *c, struct fault *f);
uint32_t v1_go_add(struct v1_merge *m, uint64_t g);

int v1_merge_start(struct go_v1 *r, struct fault *f);
/* The next event in merged order: 1, 0 at the end, < 0.  *out is borrowed until the next call. */
int v1_merge_next(struct go_v1 *r, struct v1_event **out, struct fault *f);
void v1_merge_free(struct v1_merge *m);

int v1_settle_start(struct go_v1 *r, struct fault *f);
/* One merged event in.  1: it is the next one in final order, now in nanoseconds, and was not kept;
 * 0: kept; < 0: times out of order, or a stray exit. */
int v1_settle_put(struct go_v1 *r, struct v1_event *e, struct fault *f);
/* No more events come. */
void v1_settle_end(struct v1_settle *s);
/* The next event in final order, in nanoseconds; borrowed until the next put or get.
 * NULL: more must be put first (or all are given). */
struct v1_event *v1_settle_get(struct go_v1 *r);
void v1_settle_free(struct v1_settle *s);

/* Final order.  Fills c; c->last says that nothing follows. */
void v1_order_fill(struct go_v1 *r, struct v1_chunk *c);

/* Begins a pass over all events, with a thread that orders ahead where that is wanted. */
int v1_ahead_start(struct go_v1 *r, struct fault *f);
/* The next chunk; the one before is not borrowed any more. */
struct v1_chunk *v1_ahead_next(struct go_v1 *r);
void v1_ahead_stop(struct go_v1 *r);

/* Go's checks between events; changes e as Go does (fake Ps). */
int v1_validate_start(struct go_v1 *r, struct fault *f);
int v1_validate(struct go_v1 *r, struct v1_event *e, struct fault *f);
void v1_valid_free(struct v1_valid *v);
/* State of the goroutine in a slot that was validated. */
static inline struct v1_state *v1_state_of(struct go_v1 *r, uint32_t slot) {
    return &r->valid.states[slot];
}

int v1_convert_start(struct go_v1 *r, struct fault *f);
/* Appends to b what e becomes: up to two events. */
int v1_convert(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b, struct fault *f);
/* Appends the goroutines that were there at the start.  true: all are out. */
bool v1_convert_earlies(struct go_v1 *r, struct ev_batch *b);
/* A SYNC event. */
void v1_convert_sync(struct go_v1 *r, int64_t time_ns, struct ev_batch *b);
void v1_convert_free(struct v1_convert *c);

/* v1_grow - doubles an array of elements of the given size so that index n exists.  0, PV_ENOMEM.
 */
int v1_grow(void *array, uint32_t n, uint32_t *cap, size_t size);

#endif
