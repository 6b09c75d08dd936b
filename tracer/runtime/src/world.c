/* tracer/runtime/src/world.c - pv_run: everything is set up, runs, and is taken down again.
 *
 * Invariants  1. processors are made once and kept: a thread that comes back from a system call
 *                after pv_run returned may look at the status of its own.
 *             2. pv_run returns when every thread has left the scheduler, except those in system
 *                calls; such a thread finds a newer epoch when it comes back, and ends.  Where
 *                there are some, the stacks stay mapped. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/runtime/src/rt.h"

static struct p *all_p[MAX_PROCS];
static _Atomic uint32_t running;

static int wanted_procs(const struct pv_run_options *o) {
    const char *env = getenv("PV_MAXPROCS");
    long n = o->maxprocs;
    cpu_set_t cpus;
    if (n < 0) return -EINVAL;
    if (n == 0 && env && *env) {
        char *end;
        n = strtol(env, &end, 10);
        if (*end || n < 1) return -EINVAL;
    }
    if (n == 0 && sched_getaffinity(0, sizeof cpus, &cpus) == 0) n = CPU_COUNT(&cpus);
    if (n < 1) n = 1;
    return n > MAX_PROCS ? MAX_PROCS : (int)n;
}

static int make_procs(uint32_t n) {
    struct sched *s = &pv__sched;
    for (uint32_t i = 0; i < n; i++) {
        struct p *p = all_p[i];
        if (!p) p = aligned_alloc(64, (sizeof *p + 63) & ~(size_t)63);
        if (!p) return -ENOMEM;
        uint32_t changes = all_p[i] ? atomic_load_explicit(&p->status, memory_order_relaxed) : 0;
        memset(p, 0, sizeof *p);
        atomic_init(&p->status, (changes & ~(uint32_t)P_STATE) + P_CHANGE + P_IDLE);
        p->id = i;
        all_p[i] = p;
    }
    s->p = all_p;
    s->n_p = n;
    for (uint32_t i = n; i-- > 0;) pv__idle_p_put(all_p[i]);
    return 0;
}

/* Back to nothing, but for the epoch. */
static void reset(void) {
    struct sched *s = &pv__sched;
    uint32_t epoch = atomic_load_explicit(&s->epoch, memory_order_relaxed);
    pv__lock(&s->lock); /* a thread that is late looks at the epoch under it */
    s->n_global = s->n_idle_p = s->n_idle_m = s->n_spinning = s->n_away = s->n_pollers = 0;
    s->n_ms = s->n_free = 0;
    s->global = (struct g_list){0};
    s->idle_m = NULL;
    s->idle_p = NULL;
    s->all_m = NULL;
    s->free = NULL;
    s->main_g = NULL;
    s->result = 0;
    atomic_store_explicit(&s->stopping, 0, memory_order_relaxed);
    atomic_store_explicit(&s->n_g, 0, memory_order_relaxed);
    atomic_store_explicit(&s->next_goid, 1, memory_order_relaxed);
    atomic_store_explicit(&s->poll_until_ns, -1, memory_order_relaxed);
    atomic_store_explicit(&s->epoch, epoch + 1, memory_order_release);
    pv__unlock(&s->lock);
    s->start_ns = pv_nanotime();
    atomic_store_explicit(&s->last_poll_ns, s->start_ns, memory_order_relaxed);
}

/* Threads in system calls are not waited for: their processors are taken from them. */
static void wait_for_threads(void) {
    struct sched *s = &pv__sched;
    for (;;) {
        for (uint32_t i = 0; i < s->n_p; i++)
            if (pv__retake(s->p[i])) pv__p_change(s->p[i], P_IDLE);
        uint32_t n = atomic_load_explicit(&s->n_ms, memory_order_acquire);
        uint32_t away = atomic_load_explicit(&s->n_away, memory_order_acquire);
        if (n <= 1 + away) return;
        pv__futex_wait(&s->n_ms, n, 1000000);
    }
}

/* True: nobody is left who could touch what goes away. */
static bool forget_threads(struct m *self) {
    struct sched *s = &pv__sched;
    bool all = true;
    pv__lock(&s->lock);
    /* From here on whoever comes back is late, and frees its m itself. */
    atomic_fetch_add_explicit(&s->epoch, 1, memory_order_release);
    for (struct m *m = s->all_m, *next; m; m = next) {
        next = m->all_next;
        if (m->away)
            all = false;
        else if (m != self)
            free(m);
    }
    s->all_m = NULL;
    pv__unlock(&s->lock);
    return all;
}

static int run_main(struct m *m, pv_fn *fn, void *arg) {
    struct sched *s = &pv__sched;
    pv__trace_open();
    pv__lock(&s->lock);
    struct p *p = pv__idle_p_get();
    pv__unlock(&s->lock);
    m->rec = pv_m_self();
    pv__m_get_p(m, p);
    trace_maxprocs(m, s->n_p);
    s->main_g = pv__g_start(m, fn, arg);
    int rc = s->main_g ? pv__sysmon_start() : -ENOMEM;
    if (rc < 0) {
        pv__m_drop_p(m);
        return rc;
    }
    pv__m_run(m);
    pv__sysmon_stop();
    wait_for_threads();
    return s->result;
}

/* 1: begun here, and to be ended here. */
static int start_recording(const struct pv_run_options *o) {
    const char *path = getenv("PV_TRACE");
    struct pv_options by_name = {.path = path};
    const struct pv_options *record = o->record                   ? o->record
                                      : path && *path && !pv_on() ? &by_name
                                                                  : NULL;
    if (!record) return 0;
    int rc = pv_start(record);
    return rc < 0 ? rc : 1;
}

int pv_run(const struct pv_run_options *options, pv_fn *fn, void *arg) {
    static const struct pv_run_options defaults;
    struct sched *s = &pv__sched;
    const struct pv_run_options *o = options ? options : &defaults;
    uint32_t not_running = 0;
    int n_procs = wanted_procs(o);
    if (n_procs < 0 || !fn) return -EINVAL;
    if (!atomic_compare_exchange_strong(&running, &not_running, 1)) return -EBUSY;
    reset();
    s->collect = o->collect;
    struct m *m = NULL;
    int rc = pv__stacks_open(o->stack_bytes);
    bool nobody_left = true;
    int recording = rc < 0 ? 0 : start_recording(o);
    if (recording < 0) rc = recording;
    if (rc == 0) rc = make_procs((uint32_t)n_procs);
    if (rc == 0) rc = pv__poll_open();
    if (rc == 0 && s->collect) rc = pv__gc_open();
    if (rc == 0) {
        pv__debug_open();
        pv__overflow_open();
        m = pv__m_new();
        rc = m ? run_main(m, fn, arg) : -ENOMEM;
        nobody_left = forget_threads(m);
    }
    if (s->collect) pv__gc_close();
    pv__overflow_close();
    pv__poll_close();
    for (uint32_t i = 0; i < s->n_p; i++) pv__timers_close(s->p[i]);
    s->n_p = 0;
    if (recording > 0) pv_stop();
    pv__stacks_close(nobody_left); /* else those on them end there */
    free(m);
    atomic_store(&running, 0);
    return rc;
}
