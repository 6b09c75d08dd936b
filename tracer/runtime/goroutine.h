/* tracer/runtime/goroutine.h - goroutines for C: many of them on few threads, each with its own
 * stack, with Go's channels, locks, timers and network waits.  Everything they do is recorded.
 *
 *     static void child(void *arg) {
 *         int64_t n = 42;
 *         pv_chan_send(arg, &n);
 *     }
 *     static void start(void *arg) {
 *         struct pv_chan *c = arg;
 *         int64_t n;
 *         if (pv_go(child, c) == 0 && pv_chan_recv(c, &n) == 1) printf("%d\n", (int)n);
 *     }
 *     int main(void) {
 *         struct pv_chan *c = pv_chan_make(sizeof(int64_t), 0);
 *         int rc = pv_run(NULL, start, c);
 *         pv_chan_free(c);
 *         return rc == 0 ? 0 : 1;
 *     }
 *
 * Errors      nothing here ends the program: a call returns 0 (or a count) or a negative errno,
 *             each named where the call is.  What blocks returns -EPERM outside of a goroutine.
 * Units       times are nanoseconds; clocks are CLOCK_MONOTONIC.
 * Ownership   who makes, frees.  Nothing is copied but elements of channels.  Locks, wait groups
 *             and conditions are the caller's memory: all zero is their initial value, they need no
 *             freeing, they must not move, and nobody may wait on them when they go away.
 * Stacks      64 KiB each unless pv_run_options says otherwise, with a guard below.
 * Preemption  is cooperative: a goroutine gives way when it waits, yields, allocates collected
 *             memory, or passes pv_checkpoint().  A loop without any of these keeps its processor.
 *
 * C11 (not C++: _Atomic members). */
#ifndef PARKVIEW_TRACER_RUNTIME_GOROUTINE_H
#define PARKVIEW_TRACER_RUNTIME_GOROUTINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- starting -------------------------------------------------------------------------------- */

typedef void pv_fn(void *arg);

struct pv_options;
struct pv_g;

struct pv_run_options {
    int maxprocs;       /* processors; 0: PV_MAXPROCS, else the CPUs that this process may use */
    size_t stack_bytes; /* of each goroutine, rounded up to a power of two; 0: 64 KiB */
    bool collect;       /* collected memory: pv_alloc() and its kin (-ENOSYS where not built in) */
    const struct pv_options *record; /* of tracer/parkview.h: recorded from begin to end; NULL: into
                                        the ring file that PV_TRACE names, if it names one */
};

/* pv_run - turns the calling thread into the first of the runtime's and runs fn(arg) as its first
 * goroutine; returns when that one has ended.  Other goroutines are not waited for: they are left
 * where they wait, and their stacks are freed.  Threads inside of blocking system calls stay until
 * these return, but run no goroutine any more.
 * options  NULL: all defaults.  PV_MAXPROCS and PV_DEBUG (README.md) are read here.
 * Returns 0, -EBUSY (already running), -EINVAL, -ENOMEM, -ENOSYS, -EDEADLK (every goroutine waited
 * and nothing could have woken any of them), or what pv_start, creating threads or epoll said. */
int pv_run(const struct pv_run_options *options, pv_fn *fn, void *arg);

/* pv_go - a new goroutine, which will call fn(arg).
 * Returns 0, -ENOMEM (no stack), -EPERM (not in a goroutine). */
int pv_go(pv_fn *fn, void *arg);

/* pv_goexit - ends the calling goroutine here.  Ending the first one ends pv_run. */
_Noreturn void pv_goexit(void);

/* pv_yield - lets others run first; the caller stays runnable. */
void pv_yield(void);

/* pv_checkpoint - gives way when the monitor asked for it (after 10 ms on one processor); else the
 * cost of one load.  For loops that compute for long. */
void pv_checkpoint(void);

uint64_t pv_goid(void);         /* of the caller, from 1; 0 outside of goroutines */
int64_t pv_nanotime(void);      /* the monotonic clock */
int64_t pv_num_goroutine(void); /* that have not ended */
int pv_num_proc(void);

/* pv_g_self - the caller in the recorder's words, for the marks of tracer/parkview.h:
 * pv_region_begin(pv_m_self(), pv_g_self(), ...).  NULL outside of goroutines. */
struct pv_g *pv_g_self(void);

/* ---- time ---- */

/* pv_sleep - at least ns nanoseconds; <= 0 yields.  Returns 0, -EPERM. */
int pv_sleep(int64_t ns);

/* A timer that sends the time at which it fired (int64_t, pv_nanotime) into a channel of capacity 1
 * that it owns; what is not received in time is dropped.  period_ns 0: once. */
struct pv_timer;
struct pv_timer *pv_timer_start(int64_t after_ns, int64_t period_ns); /* NULL: no memory */
struct pv_chan *pv_timer_chan(struct pv_timer *timer);                /* borrowed */
bool pv_timer_stop(struct pv_timer *timer); /* true: it will not fire (again) */
void pv_timer_free(
    struct pv_timer *timer); /* stops it; NULL is fine; nobody may wait on its channel */

/* ---- channels ---- */

struct pv_chan;

/* pv_chan_make - a channel of elements of elem_bytes (may be 0), capacity 0 = unbuffered.
 * Returns NULL when there is no memory or the size is absurd. */
struct pv_chan *pv_chan_make(size_t elem_bytes, size_t capacity);
void pv_chan_free(struct pv_chan *chan); /* nobody may wait on it; NULL is fine */

/* A NULL channel blocks for ever, as in Go (and counts as such in a deadlock).
 * send     0, -EPIPE (closed, also while waiting), -EPERM
 * recv     1 got one, 0 closed and empty (elem is then all zero), -EPERM; elem may be NULL
 * try_*    the same, or -EAGAIN instead of waiting; these also work outside of goroutines
 * close    0, -EPIPE (was closed), -EINVAL (NULL) */
int pv_chan_send(struct pv_chan *chan, const void *elem);
int pv_chan_recv(struct pv_chan *chan, void *elem);
int pv_chan_try_send(struct pv_chan *chan, const void *elem);
int pv_chan_try_recv(struct pv_chan *chan, void *elem);
int pv_chan_close(struct pv_chan *chan);
size_t pv_chan_len(struct pv_chan *chan);
size_t pv_chan_cap(struct pv_chan *chan);

enum pv_dir { PV_RECV, PV_SEND };
struct pv_case {
    struct pv_chan *chan; /* NULL: this case is never ready */
    enum pv_dir dir;
    union {
        void *elem;           /* PV_RECV: where to; may be NULL */
        const void *out_elem; /* PV_SEND: what */
    };
    int result; /* out, of the chosen case: as of pv_chan_send or pv_chan_recv */
};

/* pv_select - waits until one of n cases (at most PV_SELECT_MAX) can go on, does it, and returns
 * its index; of several that can, one at random.  wait false: -EAGAIN where none can. Returns the
 * index, -EAGAIN, -EINVAL (n), -EPERM. */
enum { PV_SELECT_MAX = 64 };
int pv_select(struct pv_case *cases, int n, bool wait);

/* ---- locks ---- */

struct pv_waiter;
struct pv_waitq { /* who waits: the runtime's; all zero = nobody */
    _Atomic uint32_t lock;
    uint32_t n;
    struct pv_waiter *first, *last;
};

/* Fair enough: who unlocks wakes the one who waited longest, who then competes with those that are
 * running; one that waited for more than 1 ms gets the lock handed over.  Not recursive.
 * lock      0, -EDEADLK (the caller holds it), -EPERM
 * try_lock  0, -EBUSY, -EPERM
 * unlock    0, -EPERM (not the caller's) */
struct pv_mutex {
    _Atomic uint64_t state; /* holder's id * 2 + somebody waits */
    struct pv_waitq q;
};
int pv_mutex_lock(struct pv_mutex *mutex);
int pv_mutex_try_lock(struct pv_mutex *mutex);
int pv_mutex_unlock(struct pv_mutex *mutex);

/* Many readers or one writer; a writer that waits keeps new readers out.  Returns as the mutex's;
 * runlock also -EPERM where there is no reader.  Who holds a read lock is not kept, but for the
 * last. */
struct pv_rwmutex {
    struct pv_waitq q;
    uint64_t writer;      /* id of the goroutine that writes, 0 none */
    uint64_t last_reader; /* id of the one that got in last: what the trace names as holder */
    uint32_t n_readers, n_waiting_writers;
};
int pv_rwmutex_rlock(struct pv_rwmutex *rw);
int pv_rwmutex_runlock(struct pv_rwmutex *rw);
int pv_rwmutex_lock(struct pv_rwmutex *rw);
int pv_rwmutex_unlock(struct pv_rwmutex *rw);

/* wait returns when the count is zero: 0, -EPERM.  add and done: 0, -ERANGE (would go below zero).
 */
struct pv_waitgroup {
    struct pv_waitq q;
    int64_t count;
};
int pv_waitgroup_add(struct pv_waitgroup *wg, int64_t n);
int pv_waitgroup_done(struct pv_waitgroup *wg);
int pv_waitgroup_wait(struct pv_waitgroup *wg);

/* wait unlocks the mutex, waits, and locks it again: 0, -EPERM (not held by the caller). */
struct pv_cond {
    struct pv_waitq q;
};
int pv_cond_wait(struct pv_cond *cond, struct pv_mutex *mutex);
void pv_cond_signal(struct pv_cond *cond);
void pv_cond_broadcast(struct pv_cond *cond);

/* fn(arg) by the first caller; the others return when it has returned.  0, -EPERM, -EDEADLK (from
 * within fn). */
struct pv_once {
    _Atomic uint32_t done;
    struct pv_mutex mutex;
};
int pv_once_do(struct pv_once *once, pv_fn *fn, void *arg);

/* ---- files and the network ---- */

/* Descriptors from here do not block and wait in the poller ("IO wait").  pv_read and pv_write take
 * any descriptor: those that the poller does not know are read in a system call that gives up the
 * processor.  One goroutine may read and another write at a time; a third gets -EBUSY.
 * All return >= 0 or a negative errno; -EPERM outside of goroutines; -ECANCELED when another
 * goroutine closed the descriptor meanwhile. */
int pv_listen(const char *address, uint16_t port); /* IPv4, numeric; port 0: any.  A descriptor. */
int pv_local_port(int fd);
int pv_accept(int listener);
int pv_connect(const char *address, uint16_t port);
int pv_poll_add(int fd); /* gives any pollable descriptor to the poller; sets O_NONBLOCK */
ssize_t pv_read(int fd, void *to, size_t n);
ssize_t pv_write(int fd, const void *from, size_t n); /* all n, unless an error came first */
int pv_close(int fd);

/* pv_syscall_begin, pv_syscall_end - stand around a system call (or foreign code) that may block:
 * the monitor gives the processor to another thread when it takes longer than 20 us or so.  Between
 * them nothing of this header may be called.  They do nothing outside of goroutines. */
void pv_syscall_begin(void);
void pv_syscall_end(void);

/* pv_block - calls fn(arg) with the processor given up at once: for what surely blocks. */
int pv_block(pv_fn *fn, void *arg);

/* ---- collected memory ---- */

/* Needs pv_run_options.collect.  What is reachable from stacks of goroutines, from static data,
 * from collected memory and from the buffers of channels stays.  Memory from malloc is not looked
 * at. All zero; NULL when there is none.  alloc_atomic is for what holds no pointers. */
void *pv_alloc(size_t bytes);
void *pv_alloc_atomic(size_t bytes);
void pv_gc(void); /* a whole collection, now */

struct pv_gc_stats {
    uint64_t n_collections, pause_total_ns, pause_max_ns;
    uint64_t heap_bytes,
        live_bytes;           /* mapped by the collector now; live after the last collection */
    uint64_t allocated_bytes; /* since the start */
};
void pv_gc_stats(struct pv_gc_stats *stats);

#endif
