/* storage/src/go_v1_order.h - what brings the Ps' events of a v1 trace into one order.
 *
 * Private to the go_v1 reader: go_v1_cursor.c, go_v1_merge.c, go_v1_settle.c, go_v1_ahead.c. */
#ifndef PARKVIEW_STORAGE_GO_V1_ORDER_H
#define PARKVIEW_STORAGE_GO_V1_ORDER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "storage/src/go_v1_index.h"

/* ---- merge ---- */

struct v1_event {
    int64_t ts; /* ticks; nanoseconds once settled */
    union {
        struct {
            uint64_t g;       /* goroutine; 0 = none */
            uint64_t args[3]; /* what comes after the time difference; a stack stands in stack */
        };
        uint64_t ids[2]; /* g and args[0] */
    };
    uint32_t stack; /* the file's id */
    union {
        struct {
            uint32_t slot;   /* of g */
            uint32_t target; /* slot of args[0], where that is a goroutine */
        };
        uint32_t slots[2];
    };
    uint32_t key; /* merge: slot of the goroutine on whose state it waits, */
    union {
        struct {
            int32_t p;
            uint16_t proc; /* index in v1_index.procs; not of CPU samples */
            uint8_t type;  /* "...Local" forms have become plain ones */
            uint8_t order; /* merge: the rule by which it waits */
        };
        uint64_t whole; /* all four, to be set at once */
    };
};
_Static_assert(sizeof(struct v1_event) == 64, "struct v1_event changed size");

/* What the args of a GO_SYSCALL, which has none in the file, say. */
enum {
    V1_BLOCKS, /* the goroutine's next event is GO_SYS_BLOCK */
    V1_PENDING /* not yet known whether it blocks */
};
static inline bool v1_is_pending(const struct v1_event *e) {
    return e->type == V1_GO_SYSCALL && e->args[V1_PENDING];
}

struct v1_go {
    uint64_t seq;
    uint8_t status; /* enum v1_go_status */
    bool watched;   /* an event waits for a change of it */
};
_Static_assert(sizeof(struct v1_go) == 16, "struct v1_go changed size");

struct v1_cursor {               /* one P's events, in file order */
    struct v1_event *next, *end; /* decoded, not merged yet */
    struct v1_event *items;      /* room for n_items */
    uint32_t n_items;
    bool done;
    uint32_t proc;  /* UINT32_MAX: the cursor of the CPU samples */
    uint64_t whole; /* of its events: p and proc, the rest 0 */
    uint64_t g;     /* that runs on the P, as far as decoded; */
    uint32_t slot;  /* and its slot */
    int64_t ts;
    struct v1_event *held, *held_end; /* for later: a system call without its next event, and on */
    const uint8_t *batch, *at, *batch_end; /* at = what is not decoded yet */
    uint32_t next_sample, n_samples;       /* of the cursor for CPU samples */
    uint32_t bad;                          /* at batch_end is this fault (index + 1) */
};

/* Of the next event of the P that was merged last. */
enum v1_last { V1_UNKNOWN, V1_READY, V1_WAITS };

/* By which of eight bytes end a number (go_v1_numbers.h). */
struct v1_cuts {
    /* Where a number's byte is; 0x80: there is none. */
    _Alignas(16) uint8_t from[256][4 * V1_N_CUT];
    /* Where so many numbers end; 0: not within the eight, or one is longer than four. */
    uint8_t past[256][8];
};

struct v1_merge {
    struct v1_cursor *cursors; /* one for each P with batches, then the CPU samples */
    uint32_t n_cursors;
    uint32_t *available; /* cursors whose next event is not in the frontier */
    uint32_t n_available;
    int64_t *times;   /* the frontier, a binary heap: times of next events; behind it INT64_MAX */
    uint32_t *owners; /* and whose they are: its cursors */
    uint32_t n_frontier;
    uint32_t depth; /* levels of the largest frontier that can be, less one */
    bool calm;      /* the last event changed nothing that a waiting one needs, */
    uint8_t last;   /* and this is known of its P (enum v1_last) */
    struct v1_go *gos;
    uint32_t n_gos, cap_gos;
    struct v1_refs slots;        /* goroutine -> index in gos + 1; 0 = none */
    const struct v1_spec *specs; /* v1_specs: where that itself is named, the compiler computes the
                                    address of an element anew wherever it is used */
    struct v1_cuts *cuts;        /* NULL: numbers are read one by one */
};

/* ---- settle ---- */

struct v1_late { /* an exit that waits for the events before its real time */
    int64_t ts;
    uint64_t pos; /* events of the ring that were merged before it */
    uint64_t n;   /* counts exits */
    struct v1_event event;
};

struct v1_call {       /* of a goroutine */
    int64_t sys_block; /* ticks of its last GO_SYS_BLOCK or GO_IN_SYSCALL */
    uint32_t call;     /* ring position of a pending GO_SYSCALL, 31 bits, + 1 */
};

struct v1_settle {
    struct v1_call *calls; /* by slot, as far as any had one */
    uint32_t n_calls;
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

/* Merged events, as they go from one thread to another; in one thread they are few, and stay in the
 * nearest cache. */
enum { V1_RUN = 64, V1_FEW_EVENTS = 256, V1_CHUNK_EVENTS = 1024, V1_N_CHUNKS = 32 };
struct v1_chunk {
    uint32_t n;
    bool last;
    struct v1_event events[V1_CHUNK_EVENTS];
};

struct v1_ahead {
    struct v1_event *run, *run_end; /* merged, not settled */
    struct v1_chunk *chunk;         /* in which those lie */
    struct v1_chunk *chunks;
    uint32_t n_filled, n_taken; /* in all; guarded by lock where there is a thread */
    bool threaded, stop, over;  /* over: the last chunk is filled */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t turn;
};

#endif
