/* storage/src/go_v1_events.h - the events of Go 1.11 to 1.21 by number, and what orders them.
 *
 * Private to the go_v1 reader.  The table is go_v1_events.def. */
#ifndef PARKVIEW_STORAGE_GO_V1_EVENTS_H
#define PARKVIEW_STORAGE_GO_V1_EVENTS_H

#include <stdint.h>

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
    V1_GC,            /* cycle number args[1] must be the next */
    V1_START_ANY,     /* those three with the number V1_NO_SEQ: any, and the next one is 0 */
    V1_UNBLOCK_ANY,
    V1_GC_ANY,
    V1_N_ORDERS
};

/* Slots of the merge that are no usual goroutines. */
enum v1_slot {
    V1_SLOT_NONE, /* goroutine 0 */
    V1_SLOT_GC,   /* what counts GC cycles */
    V1_SLOT_ANY,  /* a goroutine whose id is V1_FREE_GO: nothing waits for it, either */
    V1_SLOT_FREE  /* what is always ready */
};

/* Which goroutine, of the one that runs on an event's P and the one in args[0]: both masks are 0
 * where it is neither. */
struct v1_who {
    uint64_t runs, named;
};

enum { V1_N_CUT = 4 }; /* numbers of an event that are read at once (go_v1_numbers.h) */

struct v1_spec {
    _Alignas(128) uint32_t digits[V1_N_CUT]; /* of those numbers, in four bytes each */
    struct v1_who owner;                     /* to whom it belongs, */
    struct v1_who next;                      /* who runs from now on, */
    struct v1_who waits;                     /* on whose state it waits: args[0] is a goroutine */
                                             /* only where it is that one's, */
    uint32_t else_waits;                     /* or on which slot */
    uint8_t n_cut;                           /* numbers that may be read at once; 0: they may not */
    uint8_t i_stack;                         /* which of those is the stack; V1_N_CUT: none */
    uint8_t since, n_args, stack;
    union {
        struct {
            int32_t p;     /* 0 */
            uint16_t proc; /* 0 */
            uint8_t type;  /* without "...Local" */
            uint8_t order; /* enum v1_order */
        };
        uint64_t whole; /* v1_event.whole but for its P */
    } kind;
    const char *name;
};
extern const struct v1_spec v1_specs[64];

enum v1_go_status { V1_DEAD, V1_RUNNABLE, V1_RUNNING, V1_BLOCKED };

/* Processors that Go's converter makes up for events that belong to no real one. */
enum { V1_FAKE_P = 1000000, V1_TIMER_P, V1_NETPOLL_P, V1_SYSCALL_P, V1_GC_P, V1_PROFILE_P };

enum { V1_MAX_PROCS = 1 << 16, V1_HEADER_BYTES = 16, V1_SLACK = 16 };

#define V1_NO_SEQ  UINT64_MAX       /* as a sequence number: any */
#define V1_FREE_GO UINT64_MAX       /* "goroutine" of events that need nothing */
#define V1_GC_GO   (UINT64_MAX - 1) /* "goroutine" that counts GC cycles */

/* What an event needs of its goroutine, and what it makes of it. */
struct v1_rule {
    uint64_t said, need; /* the sequence number: said is all ones: args[1]; else need; */
    uint64_t care;       /* 0: whatever it is */
    uint64_t keep;       /* what the next one is: what it was, or 0, */
    uint32_t add;        /* and this */
    uint8_t need_status, next_status;
};
extern const struct v1_rule v1_rules[V1_N_ORDERS];

#endif
