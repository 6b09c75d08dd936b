/* tracer/runtime/src/rt.h - goroutines (g), threads (m), processors (p) and what they share.
 * The design and its numbered invariants are in tracer/runtime/README.md. */
#ifndef PARKVIEW_TRACER_RUNTIME_RT_H
#define PARKVIEW_TRACER_RUNTIME_RT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tracer/runtime/goroutine.h"
#include "tracer/runtime/src/lock.h"
#include "tracer/runtime/src/switch.h"
#include "tracer/parkview.h"

enum pv_reason {
#define REASON(name, text) R_##name,
#include "tracer/runtime/src/reason.def"
#undef REASON
    N_REASONS
};
extern const char *const pv__reason_texts[N_REASONS];

enum g_status { G_DEAD, G_RUNNABLE, G_RUNNING, G_SYSCALL, G_WAITING };

/* A p's state in the low bits of its status word; the rest counts changes, so that a thread that
 * comes back from a system call takes its p only when nobody had it meanwhile. */
enum p_status { P_IDLE, P_RUNNING, P_SYSCALL, P_STATE = 3, P_CHANGE = 4 };

/* Times at which something is due; kept in the heap of the p on which it was started. */
struct rt_timer {
    int64_t when_ns, period_ns;
    /* The heap's lock is held.  Returns whom to make ready, or NULL. */
    struct g *(*fire)(struct rt_timer *timer, int64_t now_ns);
    struct p *p; /* whose heap; NULL: in none */
    uint32_t i_heap;
};

/* One g's place in a queue of waiters: on the stack of who waits. */
struct pv_waiter {
    struct g *g;
    struct pv_waiter *next, *prev;
    void *elem; /* channels: from or to where */
    struct pv_chan *chan;
    int64_t since_ns; /* mutex: when the wait began; 0 not taken */
    uint32_t i_case;  /* select: which */
    uint8_t kind;     /* rwmutex: reader or writer */
    bool in_select, queued, parked, ok;
};

enum { STACK_MEMO = 8 };

struct frame { /* what a frame pointer points at */
    const struct frame *caller;
    uintptr_t pc;
};

struct stack_memo {            /* a stack at which it waited, and its id in the recording */
    const struct frame *first; /* NULL: none is known */
    uint32_t id, n;
    struct frame frames[STACK_MEMO];
};

/* Lies at the upper end of its own stack. */
struct g {
    struct fiber fiber;
    _Atomic(struct m *) m; /* while it runs or is in a system call */
    struct g *next;        /* in one queue or list at a time */
    struct pv_g rec;       /* the tracer's: its id */
    _Atomic uint32_t status;
    _Atomic uint32_t reason;      /* enum pv_reason, while it waits */
    _Atomic uint32_t select_done; /* the first who sets it has the right to wake */
    struct pv_waiter *woken_by;   /* select: the case that came true; NULL: closed by other means */
    struct rt_timer timer;        /* sleep */
    pv_fn *fn;
    void *arg;
    struct stack_memo memo[2];
};

struct g_list {
    struct g *first, *last;
    uint32_t n;
};

/* What the next one on the thread has to do for the one that left, whose stack is only then saved.
 */
enum after { AFTER_NOTHING, AFTER_UNLOCK, AFTER_YIELD, AFTER_DEAD, AFTER_CALL };

struct m {
    struct fiber g0; /* the thread's own stack: the scheduler's loop */
    /* These two are the thread's own; PV_DEBUG reads them too. */
    _Atomic(struct g *) curg;
    _Atomic(struct p *) p; /* NULL: none (idle, or its goroutine is in a system call) */
    struct p *next_p;      /* given with the wake-up */
    struct p *old_p;       /* in a system call: which to come back to ... */
    uint32_t old_status;   /* ... if this is still its status */
    enum after after;
    struct g *after_g;
    _Atomic uint32_t *after_lock;
    void (*after_call)(struct g *g, void *arg);
    void *after_arg;
    _Atomic uint32_t wake; /* futex: 1 = go on */
    bool spinning;
    bool away; /* in a system call without its p: counted in sched.n_away */
    uint32_t id;
    uint32_t random;
    uint32_t epoch; /* of the pv_run that made it */
    struct m *idle_next, *all_next;
    struct pv_m *rec;   /* the tracer's */
    void *signal_stack; /* overflow.c */
    struct g *resume;   /* goes on when g0 has done what it asked for */
    /* the collector's: its name for the thread, the own stack's bottom; where it was stopped */
    void *gc_handle, *gc_bottom;
    uintptr_t gc_sp;
    struct g *gc_on;
    pthread_t thread;
};

enum { RUNQ = 256 };

struct p {
    _Alignas(64) _Atomic uint32_t head; /* taken by anyone */
    _Alignas(64) _Atomic uint32_t tail; /* moved by the owner only */
    _Atomic(struct g *) runnext;
    _Atomic uint32_t status;
    _Atomic uint32_t attention;   /* go through the scheduler's loop next time */
    _Atomic uint32_t preempt;     /* asked by the monitor; heeded by pv_checkpoint */
    _Atomic uint32_t tick;        /* switches */
    _Atomic uint32_t sys_tick;    /* system calls */
    _Atomic int64_t next_when_ns; /* of its timers; 0 none */
    _Atomic(struct m *) m;
    uint32_t id;
    uint32_t n_free;
    struct g *free;
    struct p *idle_next;
    uint64_t next_goid, end_goid;
    uint64_t n_created, n_ended; /* goroutines, by the owner */
    _Atomic(struct g *) runq[RUNQ];
    _Atomic uint64_t allocated; /* bytes since the last collection, by the owner */
    /* timers */
    _Alignas(64) _Atomic uint32_t timers_lock;
    uint32_t n_timers, cap_timers;
    struct rt_timer **timers;
    /* the monitor's */
    uint32_t seen_tick, seen_sys_tick;
    int64_t seen_tick_ns, seen_sys_ns;
};

enum { MAX_PROCS = 256 };

struct sched {
    _Atomic uint32_t lock; /* idle lists, global queue, list of ms */
    _Atomic uint32_t n_global;
    struct g_list global;
    struct m *idle_m;
    struct p *idle_p;
    _Atomic uint32_t n_idle_p, n_idle_m, n_spinning, n_ms;
    _Atomic uint32_t n_away;    /* threads in system calls without a p */
    _Atomic uint32_t n_pollers; /* threads in pv__poll, or with what it gave them */
    _Atomic uint32_t stopping;  /* main has ended: every thread leaves */
    _Atomic uint32_t epoch;
    _Atomic int64_t n_g;
    _Atomic uint64_t next_goid;
    _Atomic int64_t last_poll_ns;  /* 0: somebody is in epoll_wait now */
    _Atomic int64_t poll_until_ns; /* its deadline; 0 none, < 0 not yet known */
    struct m *all_m;
    struct p **p;
    uint32_t n_p;
    struct g *main_g;
    int result; /* of pv_run */
    int64_t start_ns;
    bool collect;
    _Atomic uint64_t alloc_share; /* what a p may allocate between two collections */
    /* dead goroutines' stacks beyond what a p keeps */
    _Atomic uint32_t free_lock;
    struct g *free;
    _Atomic uint32_t n_free;
};
extern struct sched pv__sched;

/* ---- who am I ---- */

static inline void m_set_g(struct m *m, struct g *g) {
    atomic_store_explicit(&m->curg, g, memory_order_relaxed);
}

static inline void m_set_p(struct m *m, struct p *p) {
    atomic_store_explicit(&m->p, p, memory_order_relaxed);
}

static inline struct g *m_g(struct m *m) {
    return atomic_load_explicit(&m->curg, memory_order_relaxed);
}

static inline struct p *m_p(struct m *m) {
    return atomic_load_explicit(&m->p, memory_order_relaxed);
}

/* The thread that g, the caller, runs on. */
static inline struct m *g_m(struct g *g) {
    return atomic_load_explicit(&g->m, memory_order_relaxed);
}

extern _Thread_local struct m *pv__this_m;

/* A goroutine goes on on another thread than it left: the compiler must not keep the address of a
 * thread's variable across a switch, so it may not know that there is one. */
#if defined(__x86_64__) && defined(__linux__)
static inline struct m *m_self(void) {
    struct m *m;
    __asm__ volatile("movq pv__this_m@gottpoff(%%rip), %0\n\tmovq %%fs:(%0), %0" : "=r"(m));
    return m;
}
#else
struct m *pv__m_self(void); /* never inlined */
static inline struct m *m_self(void) {
    return pv__m_self();
}
#endif

/* errno of the thread that this is now, for who may have been switched: the place of errno, too,
 * is to the compiler the same throughout a function.  Never inlined. */
int pv__errno(void);
void pv__set_errno(int error);

/* The calling goroutine; NULL outside of one. */
static inline struct g *g_self(void) {
    struct m *m = m_self();
    return m && m_p(m) ? m_g(m) : NULL; /* within pv_syscall_begin and _end there is no p */
}

#include "tracer/runtime/src/trace.h"

/* ---- sched.c ---- */

/* pv__park - the caller, a goroutine, waits; `lock` is released once its stack is saved, so whoever
 * takes that lock may wake it.  Returns when pv__ready was called for it. */
void pv__park(struct g *g, enum pv_reason reason, const void *object, uint64_t holder,
              _Atomic uint32_t *lock);
/* The same; call(g, arg) is called once the stack is saved. */
void pv__park_call(struct g *g, enum pv_reason reason, const void *object,
                   void (*call)(struct g *g, void *arg), void *arg);

void pv__ready(struct g *g);            /* waiting -> runnable, to run soon */
void pv__ready_list(struct g_list *gs); /* several, from the poller; empties the list */

struct g *pv__g_start(struct m *m, pv_fn *fn, void *arg); /* NULL: no memory */
void pv__schedule(struct m *m); /* on the thread's own stack; returns when stopping */
void pv__after_switch(struct m *m);
/* call(g, arg) on the thread's own stack, which is larger; g, the caller, waits for it.  It has to
 * set m->resume = g. */
void pv__call_on_g0(struct g *g, void (*call)(struct g *g, void *arg), void *arg);
void pv__stop(int result); /* everything ends; pv_run returns result */

/* ---- find.c ---- */

struct g *pv__find_runnable(struct m *m); /* NULL: the thread is to leave */
uint32_t pv__random(struct m *m);

/* ---- queue.c ---- */

void pv__runq_put(struct p *p, struct g *g);      /* at the tail; the owner only */
void pv__runq_put_next(struct p *p, struct g *g); /* to run next; the owner only */
struct g *pv__runq_get_ring(struct p *p);         /* the owner takes one, not runnext */
uint32_t pv__runq_steal(struct p *to, struct p *from, struct g **got);
bool pv__runq_empty(struct p *p);
void pv__global_put(struct g_list *gs);              /* the caller holds sched.lock */
struct g *pv__global_get(struct p *p, uint32_t max); /* the same; fills p's queue */

static inline void g_list_push(struct g_list *list, struct g *g) {
    g->next = NULL;
    if (list->last)
        list->last->next = g;
    else
        list->first = g;
    list->last = g;
    list->n++;
}

/* The owner takes one.  Partners: who steals (acq_rel on head and runnext). */
static inline struct g *pv__runq_get(struct p *p) {
    struct g *next = atomic_load_explicit(&p->runnext, memory_order_relaxed);
    if (next && atomic_compare_exchange_strong_explicit(&p->runnext, &next, NULL,
                                                        memory_order_acq_rel, memory_order_relaxed))
        return next;
    return pv__runq_get_ring(p);
}

/* ---- proc.c: processors and threads changing hands ---- */

struct m *pv__m_new(void);   /* NULL: no memory, or too many */
void pv__m_run(struct m *m); /* the calling thread is m until everything stops */
uint32_t pv__p_change(struct p *p, enum p_status to); /* its new status word */
struct p *pv__idle_p_get(void);                       /* the caller holds sched.lock; NULL none */
void pv__idle_p_put(struct p *p);                     /* the same */
void pv__m_get_p(struct m *m, struct p *p);           /* m runs p from now on */
struct p *pv__m_drop_p(struct m *m);                  /* and no longer */
void pv__start_m(struct p *p, bool spinning); /* a thread for this p; p NULL: any idle one */
void pv__stop_m(struct m *m);                 /* sleeps until given a p, or everything stops */
void pv__hand_off(struct p *p);               /* a p that lost its thread: to another, or idle */
void pv__wake_p(void);                        /* one more thread should look for work */
int pv__futex_wait(_Atomic uint32_t *word, uint32_t while_it_is, int64_t timeout_ns);
void pv__futex_wake(_Atomic uint32_t *word, int n);

/* ---- stack.c ---- */

int pv__stacks_open(size_t stack_bytes);
void pv__stacks_close(bool unmap);
struct g *pv__g_new(struct p *p); /* a dead one with an empty stack; NULL: no memory */
void pv__g_free(struct p *p, struct g *g);
struct g *pv__g_at(const void *sp); /* whose stack that is in; NULL: no goroutine's */
char *pv__g_end(struct g *g);       /* of its slot: above the g itself */
char *pv__g_guard(struct g *g);     /* its slot's begin: the page below the stack */
void pv__each_g(void (*call)(struct g *g, void *arg), void *arg); /* also dead ones */

/* ---- overflow.c ---- */

void pv__overflow_open(void);
void pv__overflow_close(void);
void pv__overflow_m_enter(struct m *m); /* on the thread itself */
void pv__overflow_m_leave(struct m *m);

/* ---- timer.c ---- */

bool pv__timers_lock(
    struct p *p); /* with room for one more, by the owner; false: no memory, unlocked */
void pv__timer_add(struct p *p, struct rt_timer *timer); /* the caller holds the heap's lock */
/* p: to whose heap it was added.  True: it was still to come. */
bool pv__timer_remove(struct p *p, struct rt_timer *timer);
void pv__timers_run(struct p *p, int64_t now_ns);
int64_t pv__timers_next(void); /* earliest of all; 0 none */
void pv__timers_close(struct p *p);

/* ---- netpoll.c ---- */

int pv__poll_open(void);
void pv__poll_close(void);
/* Waits until timeout_ns from now (0 not at all, < 0 for ever) and lists who may go on. */
void pv__poll(int64_t timeout_ns, struct g_list *ready);
void pv__poll_break(void);             /* wakes who waits in pv__poll */
void pv__poll_notice(int64_t when_ns); /* the same, if it would sleep beyond that time; 0: never */
uint32_t pv__poll_waiters(void);

/* ---- syscall.c, sysmon.c, debug.c ---- */

bool pv__retake(struct p *p); /* from a system call; true: it is the caller's to hand on */
int pv__sysmon_start(void);
void pv__sysmon_stop(void);
void pv__debug_open(void); /* reads PV_DEBUG */
void pv__debug_tick(int64_t now_ns);
struct gc_cycle;
void pv__debug_gc(const struct gc_cycle *cycle);

/* ---- gc.c, gc_none.c ---- */

int pv__gc_open(void);
void pv__gc_close(void);
int pv__gc_thread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
                         void *arg);
void pv__gc_m_enter(struct m *m); /* on the thread itself, before it runs a goroutine */
void pv__gc_m_leave(struct m *m);
/* Zeroed; looked at by the collector where there is one, which *collected tells. */
void *pv__scanned_alloc(size_t bytes, bool *collected);
void pv__scanned_free(void *memory, bool collected);

#endif
