/* tracer/runtime/src/sysmon.c - the monitor: a thread without a processor that looks after the
 * others. It takes processors back from long system calls, asks goroutines that run for long to
 * give way, polls the network when nobody does, and sees to timers of processors that are busy.
 *
 * Every 20 us while there is something to take back, then less and less often, at least every 10
 * ms. */
#include <time.h>

#include "tracer/runtime/src/rt.h"

enum { MIN_US = 20, MAX_US = 10000, QUIET_ROUNDS = 50 };
static const int64_t LONG_RUN_NS = 10000000, LONG_CALL_NS = 10000000, UNPOLLED_NS = 10000000;

static pthread_t monitor;
static _Atomic uint32_t stop;

static bool look_at_syscall(struct p *p, int64_t now) {
    struct sched *s = &pv__sched;
    uint32_t tick = atomic_load_explicit(&p->sys_tick, memory_order_relaxed);
    if (tick != p->seen_sys_tick) {
        p->seen_sys_tick = tick;
        p->seen_sys_ns = now;
        return false;
    }
    /* Nobody would gain from it: leave it for a while. */
    if (pv__runq_empty(p) && now < p->seen_sys_ns + LONG_CALL_NS &&
        atomic_load_explicit(&s->n_spinning, memory_order_relaxed) +
                atomic_load_explicit(&s->n_idle_p, memory_order_relaxed) >
            0)
        return false;
    if (!pv__retake(p)) return false;
    pv__hand_off(p);
    return true;
}

static void look_at_runner(struct p *p, int64_t now) {
    uint32_t tick = atomic_load_explicit(&p->tick, memory_order_relaxed);
    if (tick != p->seen_tick) {
        p->seen_tick = tick;
        p->seen_tick_ns = now;
    } else if (now >= p->seen_tick_ns + LONG_RUN_NS) {
        atomic_store_explicit(&p->preempt, 1, memory_order_relaxed);
    }
}

static bool look_at(struct p *p, int64_t now) {
    uint32_t status = atomic_load_explicit(&p->status, memory_order_acquire) & P_STATE;
    int64_t when = atomic_load_explicit(&p->next_when_ns, memory_order_relaxed);
    bool due = when != 0 && when <= now;
    if (due) atomic_store_explicit(&p->attention, 1, memory_order_relaxed);
    if (due || !pv__runq_empty(p)) pv__wake_p();
    if (status == P_SYSCALL) return look_at_syscall(p, now);
    if (status == P_RUNNING) look_at_runner(p, now);
    return false;
}

static void poll_if_nobody_does(int64_t now) {
    struct sched *s = &pv__sched;
    int64_t last = atomic_load_explicit(&s->last_poll_ns, memory_order_relaxed);
    struct g_list ready = {0};
    if (last == 0 || now < last + UNPOLLED_NS || pv__poll_waiters() == 0) return;
    if (!atomic_compare_exchange_strong_explicit(&s->last_poll_ns, &last, now, memory_order_seq_cst,
                                                 memory_order_relaxed))
        return;
    atomic_fetch_add_explicit(&s->n_pollers, 1, memory_order_seq_cst);
    pv__poll(0, &ready);
    pv__ready_list(&ready);
    atomic_fetch_sub_explicit(&s->n_pollers, 1, memory_order_seq_cst);
}

static void *watch(void *arg) {
    struct sched *s = &pv__sched;
    struct m self = {.rec = pv_m_self()};
    uint32_t us = MIN_US, quiet = 0;
    pv__this_m = &self;
    while (!atomic_load_explicit(&stop, memory_order_acquire)) {
        struct timespec t = {0, (long)us * 1000};
        nanosleep(&t, NULL);
        int64_t now = pv_nanotime();
        bool took = false;
        poll_if_nobody_does(now);
        for (uint32_t i = 0; i < s->n_p; i++) took |= look_at(s->p[i], now);
        pv__debug_tick(now);
        quiet = took ? 0 : quiet + 1;
        if (quiet == 0)
            us = MIN_US;
        else if (quiet > QUIET_ROUNDS && us < MAX_US)
            us = us * 2 < MAX_US ? us * 2 : MAX_US;
    }
    pv__this_m = NULL;
    return arg;
}

int pv__sysmon_start(void) {
    atomic_store_explicit(&stop, 0, memory_order_relaxed);
    return -pthread_create(&monitor, NULL, watch, NULL);
}

void pv__sysmon_stop(void) {
    atomic_store_explicit(&stop, 1, memory_order_release);
    pthread_join(monitor, NULL);
}
