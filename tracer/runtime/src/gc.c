/* tracer/runtime/src/gc.c - collected memory: Boehm's collector (libgc) under goroutines.
 *
 * The collector knows threads, and scans for each what lies between its stack pointer and its
 * stack's bottom.  A thread here is on its own stack or on a goroutine's, so once the world stands
 * still it is told the bottom that goes with the pointer; the stacks that nobody is on are pushed
 * as further roots.
 * Collections begin here and not in an allocation (GC_disable): when what was allocated reaches the
 * goal, twice what was live, as in Go.  They run on the thread's own stack, as a goroutine's has
 * little room.
 * Marking happens while the world is stopped, and is recorded as that.
 *
 * Invariants  1. where a thread is, its stack pointer says, at any instruction: the handler of the
 *                stop signal notes it.  No bookkeeping at a switch could be right at every
 *                instruction.
 *             2. the collector's own push_other_roots goes first: it scans the threads.
 *             3. within an event of the collector its lock is held: nothing is allocated there.
 * Not here    the build without libgc (gc_none.c). */
#ifdef PARKVIEW_GC
#define GC_THREADS
#define GC_NO_THREAD_REDIRECTS
#include <errno.h>
#include <gc/gc.h>
#include <gc/gc_mark.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "tracer/runtime/src/gc.h"
#include "tracer/runtime/src/rt.h"

static const uint64_t LEAST_GOAL = 4 << 20;

static struct {
    GC_push_other_roots_proc others;
    struct sigaction stop_signal;
    bool initialised;
    struct m *collector; /* who runs the present collection */
    struct gc_cycle cycle;
    _Atomic uint32_t collecting;
    _Atomic uint64_t goal_bytes, live_bytes, n, pause_total_ns, pause_max_ns;
} gc;

/* ---- where everyone is ---- */

static uintptr_t context_sp(const void *context) {
    const ucontext_t *u = context;
#if defined(__x86_64__)
    return (uintptr_t)u->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (uintptr_t)u->uc_mcontext.sp;
#else
    return (uintptr_t)&u; /* the handler runs on the interrupted stack */
#endif
}

static void on_stop_signal(int sig, siginfo_t *info, void *context) {
    struct m *m = pv__this_m;
    if (m) m->gc_sp = context_sp(context);
    if (gc.stop_signal.sa_flags & SA_SIGINFO)
        gc.stop_signal.sa_sigaction(sig, info, context);
    else
        gc.stop_signal.sa_handler(sig);
}

/* The world stands still: bottoms that fit the stack pointers. */
static void set_bottoms(void) {
    struct sched *s = &pv__sched;
    struct m *self = pv__this_m;
    if (self) self->gc_sp = (uintptr_t)__builtin_frame_address(0);
    for (struct m *m = s->all_m; m; m = m->all_next) {
        struct GC_stack_base base = {.mem_base = m->gc_bottom};
        if (!m->gc_handle) continue;
        m->gc_on = pv__g_at((const void *)m->gc_sp);
        if (m->gc_on) base.mem_base = pv__g_end(m->gc_on);
        GC_set_stackbottom(m->gc_handle, &base);
    }
}

static bool somebody_is_on(struct g *g) {
    for (struct m *m = pv__sched.all_m; m; m = m->all_next)
        if (m->gc_handle && m->gc_on == g) return true;
    return false;
}

static void push_g(struct g *g, void *arg) {
    (void)arg;
    if (atomic_load_explicit(&g->status, memory_order_relaxed) == G_DEAD || somebody_is_on(g))
        return;
    GC_push_all_eager(g->fiber.sp, pv__g_end(g));
}

static void push_roots(void) {
    if (gc.others) gc.others();
    pv__each_g(push_g, NULL);
    for (struct m *m = pv__sched.all_m; m; m = m->all_next)
        if (m->gc_handle && m->gc_on) GC_push_all_eager(m->g0.sp, m->gc_bottom);
}

/* ---- a collection ---- */

static uint64_t in_use(void) {
    return GC_get_heap_size() - GC_get_free_bytes();
}

static void begin_phase(enum gc_phase phase) {
    gc.cycle.begun_ns[phase] = pv_nanotime();
    if (gc.collector) trace_gc_phase(gc.collector, phase, true);
}

static void end_phase(enum gc_phase phase) {
    gc.cycle.ns[phase] = pv_nanotime() - gc.cycle.begun_ns[phase];
    if (gc.collector) trace_gc_phase(gc.collector, phase, false);
}

static void on_event(GC_EventType event) {
    switch (event) {
    case GC_EVENT_PRE_STOP_WORLD:
        begin_phase(GC_PAUSE), begin_phase(GC_STOP);
        break;
    case GC_EVENT_POST_STOP_WORLD:
        set_bottoms(), end_phase(GC_STOP);
        break;
    case GC_EVENT_MARK_START:
        begin_phase(GC_MARK);
        break;
    case GC_EVENT_MARK_END:
        end_phase(GC_MARK);
        break;
    case GC_EVENT_PRE_START_WORLD:
        begin_phase(GC_RESTART);
        break;
    case GC_EVENT_POST_START_WORLD:
        end_phase(GC_RESTART), end_phase(GC_PAUSE);
        break;
    case GC_EVENT_RECLAIM_START:
        begin_phase(GC_SWEEP);
        break;
    case GC_EVENT_RECLAIM_END:
        end_phase(GC_SWEEP);
        break;
    default:
        break;
    }
}

static void set_goal(uint64_t live) {
    struct sched *s = &pv__sched;
    uint64_t goal = 2 * live > LEAST_GOAL ? 2 * live : LEAST_GOAL;
    atomic_store_explicit(&gc.live_bytes, live, memory_order_relaxed);
    atomic_store_explicit(&gc.goal_bytes, goal, memory_order_relaxed);
    atomic_store_explicit(&s->alloc_share, (goal - live) / s->n_p, memory_order_relaxed);
    for (uint32_t i = 0; i < s->n_p; i++)
        atomic_store_explicit(&s->p[i]->allocated, 0, memory_order_relaxed);
}

static void count(const struct gc_cycle *c) {
    uint64_t pause = (uint64_t)c->ns[GC_PAUSE];
    atomic_fetch_add_explicit(&gc.n, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&gc.pause_total_ns, pause, memory_order_relaxed);
    if (pause > atomic_load_explicit(&gc.pause_max_ns, memory_order_relaxed))
        atomic_store_explicit(&gc.pause_max_ns, pause, memory_order_relaxed);
}

/* On the thread's own stack; g goes on afterwards. */
static void collect(struct g *g, void *arg) {
    struct m *m = g_m(g);
    struct gc_cycle *c = &gc.cycle;
    *c = (struct gc_cycle){.forced = arg != NULL, .before_bytes = in_use()};
    c->goal_bytes = atomic_load_explicit(&gc.goal_bytes, memory_order_relaxed);
    c->at_ns = pv_nanotime() - pv__sched.start_ns;
    gc.collector = m;
    trace_gc(m, true);
    GC_enable();
    GC_gcollect();
    GC_disable();
    c->after_bytes = in_use();
    set_goal(c->after_bytes);
    trace_heap(m, c->after_bytes, atomic_load_explicit(&gc.goal_bytes, memory_order_relaxed));
    trace_gc(m, false);
    gc.collector = NULL;
    count(c);
    c->n = atomic_load_explicit(&gc.n, memory_order_relaxed);
    c->share_percent = (int)(100 * atomic_load_explicit(&gc.pause_total_ns, memory_order_relaxed) /
                             (uint64_t)(pv_nanotime() - pv__sched.start_ns + 1));
    pv__debug_gc(c);
    m->resume = g;
}

static void collect_now(struct g *g, bool forced) {
    uint32_t not_yet = 0;
    /* While one collects the others are stopped, or do without. */
    if (!atomic_compare_exchange_strong_explicit(&gc.collecting, &not_yet, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        return;
    pv__call_on_g0(g, collect, forced ? &gc : NULL);
    atomic_store_explicit(&gc.collecting, 0, memory_order_release);
}

/* ---- allocating ---- */

static struct g *may_allocate(size_t bytes) {
    struct g *g = g_self();
    if (!g || !pv__sched.collect || bytes > PTRDIFF_MAX) return NULL;
    pv_checkpoint();
    struct p *p = m_p(g_m(g));
    uint64_t n = atomic_load_explicit(&p->allocated, memory_order_relaxed) + bytes;
    atomic_store_explicit(&p->allocated, n, memory_order_relaxed);
    if (n >= atomic_load_explicit(&pv__sched.alloc_share, memory_order_relaxed))
        collect_now(g, false);
    return g;
}

void *pv_alloc(size_t bytes) {
    return may_allocate(bytes) ? GC_malloc(bytes) : NULL;
}

void *pv_alloc_atomic(size_t bytes) {
    void *memory = may_allocate(bytes) ? GC_malloc_atomic(bytes) : NULL;
    return memory ? memset(memory, 0, bytes) : NULL;
}

void pv_gc(void) {
    struct g *g = g_self();
    if (g && pv__sched.collect) collect_now(g, true);
}

void *pv__scanned_alloc(size_t bytes, bool *collected) {
    *collected = g_self() && pv__sched.collect;
    return *collected ? GC_malloc_uncollectable(bytes) : calloc(1, bytes);
}

void pv__scanned_free(void *memory, bool collected) {
    if (collected)
        GC_free(memory);
    else
        free(memory);
}

void pv_gc_stats(struct pv_gc_stats *stats) {
    GC_word heap = 0, unused = 0, unmapped = 0, since = 0, total = 0;
    if (gc.initialised) GC_get_heap_usage_safe(&heap, &unused, &unmapped, &since, &total);
    *stats = (struct pv_gc_stats){
        .n_collections = atomic_load_explicit(&gc.n, memory_order_relaxed),
        .pause_total_ns = atomic_load_explicit(&gc.pause_total_ns, memory_order_relaxed),
        .pause_max_ns = atomic_load_explicit(&gc.pause_max_ns, memory_order_relaxed),
        .heap_bytes = heap,
        .live_bytes = atomic_load_explicit(&gc.live_bytes, memory_order_relaxed),
        .allocated_bytes = total,
    };
}

/* ---- threads, start, end ---- */

int pv__gc_thread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
                         void *arg) {
    if (!pv__sched.collect) return pthread_create(thread, attr, fn, arg);
    return GC_pthread_create(thread, attr, fn, arg);
}

void pv__gc_m_enter(struct m *m) {
    struct GC_stack_base base;
    if (!pv__sched.collect) return;
    if (GC_get_stack_base(&base) == GC_SUCCESS) GC_register_my_thread(&base); /* or it is already */
    m->gc_handle = GC_get_my_stackbottom(&base);
    m->gc_bottom = base.mem_base;
    m->gc_sp = (uintptr_t)__builtin_frame_address(0);
}

static void *forget(void *arg) {
    struct m *m = arg;
    struct GC_stack_base base = {.mem_base = m->gc_bottom};
    GC_set_stackbottom(m->gc_handle, &base);
    m->gc_handle = NULL;
    return NULL;
}

void pv__gc_m_leave(struct m *m) {
    if (m->gc_handle) GC_call_with_alloc_lock(forget, m);
}

int pv__gc_open(void) {
    if (!gc.initialised) {
        struct sigaction ours = {.sa_sigaction = on_stop_signal};
        GC_set_no_dls(0);
        GC_INIT();
        GC_allow_register_threads();
        int sig = GC_get_suspend_signal();
        if (sigaction(sig, NULL, &gc.stop_signal) < 0) return -errno;
        ours.sa_flags = gc.stop_signal.sa_flags | SA_SIGINFO;
        ours.sa_mask = gc.stop_signal.sa_mask;
        if (sigaction(sig, &ours, NULL) < 0) return -errno;
        gc.others = GC_get_push_other_roots();
        gc.initialised = true;
    }
    GC_disable();
    atomic_store_explicit(&gc.n, 0, memory_order_relaxed);
    atomic_store_explicit(&gc.pause_total_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&gc.pause_max_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&gc.collecting, 0, memory_order_relaxed);
    GC_set_push_other_roots(push_roots);
    GC_set_on_collection_event(on_event);
    set_goal(in_use());
    return 0;
}

void pv__gc_close(void) {
    GC_set_on_collection_event(NULL);
    GC_set_push_other_roots(gc.others);
    GC_enable();
}
#else
typedef int collector_is_not_built_in;
#endif
