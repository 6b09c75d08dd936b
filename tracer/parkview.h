/* tracer/parkview.h - libparkview: a program records what its goroutines, processors and threads
 * do.
 *
 *     #include <parkview.h>
 *
 *     int main(void) {
 *         struct pv_options o = {.path = "app.ring"};
 *         if (pv_start(&o) < 0) return 1;
 *         struct pv_m *m = pv_m_open("main");         // this thread
 *         struct pv_g g = {.id = 1};                  // a goroutine, task, fiber, request ...
 *         uint32_t receive = pv_string("chan receive");
 *         pv_proc_start(m, 0);                        // the thread takes processor 0
 *         pv_go_create(m, &g, 0, 0);
 *         pv_go_start(m, &g);
 *         pv_go_park(m, &g, receive, 0x1000, 0, 0);   // waits for what lies at 0x1000
 *         pv_go_unpark(m, &g, 0);
 *         pv_go_start(m, &g);
 *         pv_go_exit(m, &g);
 *         pv_m_close(m);
 *         return pv_stop() < 0;
 *     }
 *
 * `parkview open app.ring` shows it, also while the program runs and after it was killed.
 *
 * Cost        off: one predictable branch.  On: about one reading of the clock, 6 bytes an event.
 * Promise     the calls that record never block, fail, allocate or take a lock.  What does not fit
 *             is dropped, counted, and shown as a gap.
 * Threads     a struct pv_m is used by one thread at a time; a struct pv_g by whoever has the right
 *             to change the goroutine's state, which your scheduler passes on with acquire/release.
 * Order       record a change before others can see it: a park before the goroutine can be found
 *             by its waker, an unpark before the goroutine is put into a run queue.
 * Errors      0, or a negative errno.  Ids of strings and stacks: 0 means none. */
#ifndef PARKVIEW_H
#define PARKVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PV_API __attribute__((visibility("default")))

/* ---- start, stop, snapshot: not for the fast path ---- */

struct pv_options {
    const char *path;        /* the ring file; made anew, mode 0600 */
    size_t ring_bytes;       /* for events, rounded up to batches of 64 KiB; 0: 16 MiB */
    uint32_t max_goroutines; /* alive at once that the live table knows; 0: 131072 */
    uint32_t max_threads;    /* in one recording; 0: 1024 */
    bool stop_when_full;     /* keep the first events, drop later ones; else the newest stay */
};

/* pv_start - begins a recording; takes about a millisecond.  -EBUSY: one is running.  Goroutines
 * and processors that are there already may be told with pv_go_status and pv_m_status; those that
 * are not are known from their first event on. */
PV_API int pv_start(const struct pv_options *o);
/* pv_stop - ends it; the file stays.  Other threads may be recording: their calls end well. */
PV_API int pv_stop(void);
/* pv_snapshot - the ring of the running recording as it is now, to a file of its own; threads go on
 * recording meanwhile. */
PV_API int pv_snapshot(const char *path);
/* The same in two steps: taking it, into memory that is kept from the first time on, takes a
 * fraction of a millisecond for 4 MiB; writing what was taken last can wait, and another thread can
 * do it. */
PV_API int pv_snapshot_take(void);
PV_API int pv_snapshot_write(const char *path);
/* pv_snapshot_of - the same of another process's ring file. */
PV_API int pv_snapshot_of(const char *ring, const char *path);

struct pv_counts {
    uint64_t batches;    /* of 64 KiB that were begun */
    uint64_t lost;       /* events that were dropped */
    uint64_t names_lost; /* strings, frames, stacks for which there was no room */
    uint64_t unlisted;   /* goroutines for which the live table had no room */
};
PV_API struct pv_counts pv_counts(void); /* of the running or the last recording */

/* ---- threads (M) ---- */

struct pv_m; /* one thread's place in the recording; may be opened before pv_start */

/* pv_m_open - for the calling thread; NULL: out of memory.  name may be NULL. */
PV_API struct pv_m *pv_m_open(const char *name);
PV_API void pv_m_close(struct pv_m *m); /* NULL is fine */
/* pv_m_self - the calling thread's, opened at the first call; NULL: out of memory.  Do not keep it
 * over a switch of goroutines: the next call may be on another thread. */
PV_API struct pv_m *pv_m_self(void);

/* ---- strings and stacks: each stored once; wait-free once known, may be called at any time ----
 */

PV_API uint32_t pv_string(const char *s);
PV_API uint32_t pv_string_n(const char *s, size_t n); /* at most 1024 bytes are kept */
/* pv_stack - n return addresses, innermost first; at most 128 are kept.  Names come from the
 * program's own symbol table.  0 while nothing is recorded. */
PV_API uint32_t pv_stack(const uintptr_t *pcs, size_t n);
/* pv_stack_entry - the stack of a goroutine that begins at fn. */
PV_API uint32_t pv_stack_entry(const void *fn);
/* pv_stack_walk - follows frame pointers from fp (__builtin_frame_address(0)) while they rise
 * within [lo, hi), the bounds of the present stack. */
PV_API uint32_t pv_stack_walk(const void *fp, const void *lo, const void *hi);
/* pv_frame - an address for pv_stack that stands for a place that has none (interpreted code). */
PV_API uintptr_t pv_frame(const char *func, const char *file, uint32_t line);

/* ---- goroutines ---- */

struct pv_g { /* lives in your goroutine: zero it, set id (> 0, unique among the living) */
    uint64_t id;
    uint32_t session, slot, seq, quick; /* the recorder's own, and the id as records have it */
    uint64_t coded;
};

enum pv_state { PV_RUNNABLE = 1, PV_RUNNING, PV_SYSCALL, PV_WAITING };

extern PV_API uint32_t pv_session; /* number of the running recording, 0 = off */

/* Whether anything is recorded: for work that only a record needs, such as walking a stack.  (The
 * builtin and not stdatomic.h: C++ shall be able to include this.) */
static inline bool pv_on(void) {
    return __builtin_expect(__atomic_load_n(&pv_session, __ATOMIC_RELAXED) != 0, 0);
}

PV_API void pv__go_create(struct pv_m *m, struct pv_g *g, uint32_t start_stack, uint32_t stack);
PV_API void pv__go_start(struct pv_m *m, struct pv_g *g);
PV_API void pv__go_start_at_once(struct pv_m *m, struct pv_g *g);
PV_API void pv__go_stop(struct pv_m *m, struct pv_g *g, uint32_t reason, uint32_t stack);
PV_API void pv__go_park(struct pv_m *m, struct pv_g *g, uint32_t reason, uint64_t object,
                        uint64_t holder, uint32_t stack);
PV_API void pv__go_park_next(struct pv_m *m, struct pv_g *g, uint32_t reason, uint64_t object,
                             uint32_t stack, struct pv_g *next);
PV_API void pv__go_unpark(struct pv_m *m, struct pv_g *g, uint32_t stack);
PV_API void pv__go_exit(struct pv_m *m, struct pv_g *g);
PV_API void pv__go_syscall(struct pv_m *m, struct pv_g *g, uint32_t stack);
PV_API void pv__go_syscall_end(struct pv_m *m, struct pv_g *g, bool blocked);
PV_API void pv__go_status(struct pv_m *m, struct pv_g *g, enum pv_state state, uint32_t reason,
                          uint32_t start_stack);
PV_API void pv__m_status(struct pv_m *m, int32_t p, struct pv_g *g, bool in_syscall);
PV_API void pv__proc_start(struct pv_m *m, int32_t p);
PV_API void pv__proc_stop(struct pv_m *m);
PV_API void pv__proc_steal(struct pv_m *m, int32_t p, const struct pv_m *from);
PV_API void pv__mark(struct pv_m *m, struct pv_g *g, unsigned what, uint64_t a, uint64_t b);
PV_API void pv__task(struct pv_m *m, struct pv_g *g, uint64_t id, uint64_t parent, uint32_t name);
PV_API void pv__log(struct pv_m *m, struct pv_g *g, uint64_t task, uint32_t category,
                    const char *text, size_t n);

/* In all of these m is the calling thread.  g is the goroutine that the call is about; where it
 * says "running", the one that runs on m. */

/* A new goroutine, runnable.  start_stack: pv_stack_entry of its function; stack: the creator's. */
static inline void pv_go_create(struct pv_m *m, struct pv_g *g, uint32_t start_stack,
                                uint32_t stack) {
    if (pv_on()) pv__go_create(m, g, start_stack, stack);
}
/* Runnable -> running on m. */
static inline void pv_go_start(struct pv_m *m, struct pv_g *g) {
    if (pv_on()) pv__go_start(m, g);
}
/* The same at the time of m's event before, without reading the clock: of a switch from one
 * goroutine to the next.  g was chosen before that event was recorded. */
static inline void pv_go_start_at_once(struct pv_m *m, struct pv_g *g) {
    if (pv_on()) pv__go_start_at_once(m, g);
}
/* Running -> runnable: it yielded or was preempted.  reason: a string, "preempted", "yield" ... */
static inline void pv_go_stop(struct pv_m *m, struct pv_g *g, uint32_t reason, uint32_t stack) {
    if (pv_on()) pv__go_stop(m, g, reason, stack);
}
/* Running -> waiting.  reason: a string, "chan receive" ...; object: what is waited for, an address
 * or any number, 0 = none; holder: id of the goroutine that holds it, 0 = none or not known. */
static inline void pv_go_park(struct pv_m *m, struct pv_g *g, uint32_t reason, uint64_t object,
                              uint64_t holder, uint32_t stack) {
    if (pv_on()) pv__go_park(m, g, reason, object, holder, stack);
}
/* The same, and at once the start of next on m, with one reading of the clock. */
static inline void pv_go_park_next(struct pv_m *m, struct pv_g *g, uint32_t reason, uint64_t object,
                                   uint64_t holder, uint32_t stack, struct pv_g *next) {
    if (pv_on() && holder) {
        pv__go_park(m, g, reason, object, holder, stack);
        pv__go_start_at_once(m, next);
    } else if (pv_on()) {
        pv__go_park_next(m, g, reason, object, stack, next);
    }
}
/* Waiting -> runnable.  The waker is the goroutine that runs on m, if one does. */
static inline void pv_go_unpark(struct pv_m *m, struct pv_g *g, uint32_t stack) {
    if (pv_on()) pv__go_unpark(m, g, stack);
}
/* Running -> gone.  The id may be used again. */
static inline void pv_go_exit(struct pv_m *m, struct pv_g *g) {
    if (pv_on()) pv__go_exit(m, g);
}
/* Running -> in a system call.  The thread keeps its P until pv_proc_steal or pv_proc_stop. */
static inline void pv_go_syscall(struct pv_m *m, struct pv_g *g, uint32_t stack) {
    if (pv_on()) pv__go_syscall(m, g, stack);
}
/* System call -> running: the P was still there. */
static inline void pv_go_syscall_end(struct pv_m *m, struct pv_g *g) {
    if (pv_on()) pv__go_syscall_end(m, g, false);
}
/* System call -> runnable: the P was gone. */
static inline void pv_go_syscall_end_blocked(struct pv_m *m, struct pv_g *g) {
    if (pv_on()) pv__go_syscall_end(m, g, true);
}
/* For a goroutine that was there before pv_start: it is runnable or waiting (for reason). */
static inline void pv_go_status(struct pv_m *m, struct pv_g *g, enum pv_state state,
                                uint32_t reason, uint32_t start_stack) {
    if (pv_on()) pv__go_status(m, g, state, reason, start_stack);
}

/* ---- processors (P), numbers from 0 ---- */

/* For a thread that was there before pv_start, called by itself or while it stands still: it holds
 * p
 * (-1 none), and g (NULL none) runs on it or is in a system call. */
static inline void pv_m_status(struct pv_m *m, int32_t p, struct pv_g *g, bool in_syscall) {
    if (pv_on()) pv__m_status(m, p, g, in_syscall);
}
/* m takes the idle p; lets go of its p (also while its goroutine is in a system call). */
static inline void pv_proc_start(struct pv_m *m, int32_t p) {
    if (pv_on()) pv__proc_start(m, p);
}
static inline void pv_proc_stop(struct pv_m *m) {
    if (pv_on()) pv__proc_stop(m);
}
/* m took p away from a thread that is in a system call; p is idle then.  Recorded before others can
 * take p.  from stays open until the call returns. */
static inline void pv_proc_steal(struct pv_m *m, int32_t p, const struct pv_m *from) {
    if (pv_on()) pv__proc_steal(m, p, from);
}

/* ---- the collector and the heap; begin and end on the same thread, assists on the same g ---- */

enum pv_mark {
    PV_GC_BEGIN,
    PV_GC_END,
    PV_STW_BEGIN,
    PV_STW_END,
    PV_ASSIST_BEGIN,
    PV_ASSIST_END,
    PV_SWEEP_BEGIN,
    PV_SWEEP_END,
    PV_HEAP,
    PV_HEAP_GOAL,
    PV_MAXPROCS,
    PV_COUNTER,
    PV_LABEL,
    PV_TASK_END,
    PV_REGION_BEGIN,
    PV_REGION_END
};
#define PV_MARK(m, g, what, a, b)                                                                  \
    do {                                                                                           \
        if (pv_on()) pv__mark(m, g, what, a, b);                                                   \
    } while (0)

static inline void pv_gc_begin(struct pv_m *m) {
    PV_MARK(m, NULL, PV_GC_BEGIN, 0, 0);
}
static inline void pv_gc_end(struct pv_m *m) {
    PV_MARK(m, NULL, PV_GC_END, 0, 0);
}
/* kind: a string, "GC mark termination" ...; g: who stops the world, NULL: no goroutine. */
static inline void pv_stw_begin(struct pv_m *m, struct pv_g *g, uint32_t kind) {
    PV_MARK(m, g, PV_STW_BEGIN, kind, 0);
}
static inline void pv_stw_end(struct pv_m *m, struct pv_g *g) {
    PV_MARK(m, g, PV_STW_END, 0, 0);
}
static inline void pv_assist_begin(struct pv_m *m, struct pv_g *running) {
    PV_MARK(m, running, PV_ASSIST_BEGIN, 0, 0);
}
static inline void pv_assist_end(struct pv_m *m, struct pv_g *running) {
    PV_MARK(m, running, PV_ASSIST_END, 0, 0);
}
/* A sweep belongs to the thread's P. */
static inline void pv_sweep_begin(struct pv_m *m) {
    PV_MARK(m, NULL, PV_SWEEP_BEGIN, 0, 0);
}
static inline void pv_sweep_end(struct pv_m *m, uint64_t swept_bytes, uint64_t freed_bytes) {
    PV_MARK(m, NULL, PV_SWEEP_END, swept_bytes, freed_bytes);
}
static inline void pv_heap(struct pv_m *m, uint64_t bytes) {
    PV_MARK(m, NULL, PV_HEAP, bytes, 0);
}
static inline void pv_heap_goal(struct pv_m *m, uint64_t bytes) {
    PV_MARK(m, NULL, PV_HEAP_GOAL, bytes, 0);
}
static inline void pv_maxprocs(struct pv_m *m, uint32_t n) {
    PV_MARK(m, NULL, PV_MAXPROCS, n, 0);
}

/* ---- your own marks, on the running goroutine (NULL: none) ---- */

static inline void pv_counter(struct pv_m *m, uint32_t name, uint64_t value) {
    PV_MARK(m, NULL, PV_COUNTER, name, value);
}
static inline void pv_label(struct pv_m *m, struct pv_g *running, uint32_t label) {
    PV_MARK(m, running, PV_LABEL, label, 0);
}
/* A task: id > 0; parent 0 = none.  It may end on another thread. */
static inline void pv_task_begin(struct pv_m *m, struct pv_g *running, uint64_t id, uint64_t parent,
                                 uint32_t name) {
    if (pv_on()) pv__task(m, running, id, parent, name);
}
static inline void pv_task_end(struct pv_m *m, struct pv_g *running, uint64_t id) {
    PV_MARK(m, running, PV_TASK_END, id, 0);
}
/* Regions nest within their goroutine; task 0 = none. */
static inline void pv_region_begin(struct pv_m *m, struct pv_g *running, uint64_t task,
                                   uint32_t name) {
    PV_MARK(m, running, PV_REGION_BEGIN, task, name);
}
static inline void pv_region_end(struct pv_m *m, struct pv_g *running, uint64_t task,
                                 uint32_t name) {
    PV_MARK(m, running, PV_REGION_END, task, name);
}
/* text: n bytes, of which 1024 are kept. */
static inline void pv_log(struct pv_m *m, struct pv_g *running, uint64_t task, uint32_t category,
                          const char *text, size_t n) {
    if (pv_on()) pv__log(m, running, task, category, text, n);
}

#undef PV_MARK

#ifdef __cplusplus
}
#endif

#endif
