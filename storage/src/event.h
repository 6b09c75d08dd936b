/* storage/src/event.h - one event in its final order: the language that every reader speaks.
 *
 * The meaning is that of Go's internal/trace.Event: times are strictly increasing, and the context
 * (g, p, m) is the state before the event.  64 bytes, so an event is one cache line. */
#ifndef PARKVIEW_STORAGE_EVENT_H
#define PARKVIEW_STORAGE_EVENT_H

#include <stdint.h>

enum ev_kind {
    EV_SYNC = 1,        /* args: n, has_snapshot, snapshot trace ns, mono ns, wall unix ns; only of
                           the AllocFree experiment also raw batches, their bytes */
    EV_METRIC,          /* str = name, id = value */
    EV_LABEL,           /* str = label, id = goroutine, scope = SCOPE_GO */
    EV_STACK_SAMPLE,    /* stack; context as the sample says */
    EV_RANGE_BEGIN,     /* str = name, scope, id = scope id */
    EV_RANGE_ACTIVE,    /* the same */
    EV_RANGE_END,       /* the same; args of a sweep: bytes swept, bytes reclaimed */
    EV_TASK_BEGIN,      /* id = task, aux = parent (UINT64_MAX none), str = type */
    EV_TASK_END,        /* the same */
    EV_REGION_BEGIN,    /* id = task, str = type */
    EV_REGION_END,      /* the same */
    EV_LOG,             /* id = task, str = category, aux = message's string id */
    EV_GO_TRANSITION,   /* id = goroutine, from, to, str = reason, tstack = the goroutine's stack;
                           to waiting, of a ring file: aux = object, args = its holder (0 none) */
    EV_PROC_TRANSITION, /* id = processor, from, to, str = reason, tstack */
    EV_EXPERIMENTAL,    /* aux = wire type (128..136), args = its arguments after dt */
    EV_GAP              /* only with reader_options.resume: what came before this event and what
                           comes after are not continuous.  id = byte offset of the fault,
                           str = its text.  The next event is the SYNC of a fresh generation. */
};

enum go_state { GO_UNDETERMINED, GO_NOTEXIST, GO_RUNNABLE, GO_RUNNING, GO_WAITING, GO_SYSCALL };
enum proc_state { PROC_UNDETERMINED, PROC_NOTEXIST, PROC_RUNNING, PROC_IDLE };
enum ev_scope { SCOPE_NONE, SCOPE_GO, SCOPE_PROC, SCOPE_THREAD };

#define NO_ID (-1) /* no goroutine, processor, thread */

struct ev {
    int64_t time_ns; /* as the reader gives it (not relative to the first event) */
    int64_t g, p, m; /* context; NO_ID where there is none */
    uint64_t id;
    uint64_t aux;
    uint32_t stack;  /* the event's own stack, 0 = none */
    uint32_t tstack; /* a transition's: the stack of the subject, 0 = none */
    uint32_t str;    /* string id */
    uint8_t kind;    /* enum ev_kind */
    uint8_t from, to; /* enum go_state or proc_state */
    uint8_t scope : 2; /* enum ev_scope */
    uint8_t n_args : 6; /* how many of batch->args belong to this event; they stand in order */
};
_Static_assert(sizeof(struct ev) == 64, "struct ev changed size");

enum { EV_BATCH_EVENTS = 4096, EV_BATCH_ARGS = 16384 };

/* Events with n_args > 0 own the next n_args entries of args, in the order of the events. */
struct ev_batch {
    uint32_t n, n_args;
    struct ev ev[EV_BATCH_EVENTS];
    uint64_t args[EV_BATCH_ARGS];
};

#endif
