/* tracer/runtime/src/lock.h - the runtime's own lock: a word that is spun on.
 * Invariants  1. never held across a system call, an allocation or anything else that can wait, so
 *                it is held for some tens of nanoseconds.
 *             2. held across a switch of stacks only by a goroutine that parks: what runs next on
 *                the thread releases it (sched.c, after_switch).
 *             3. order: heap of timers, object (of several channels: by address), sched.
 * A holder that the kernel takes off its CPU is waited for in sched_yield(), not burning. */
#ifndef PARKVIEW_TRACER_RUNTIME_LOCK_H
#define PARKVIEW_TRACER_RUNTIME_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

void pv__lock_slow(_Atomic uint32_t *lock);

static inline void pv__pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline void pv__lock(_Atomic uint32_t *lock) {
    uint32_t free = 0;
    if (__builtin_expect(!atomic_compare_exchange_strong_explicit(
                             lock, &free, 1, memory_order_acquire, memory_order_relaxed),
                         0))
        pv__lock_slow(lock);
}

/* Partner: the acquire in pv__lock. */
static inline void pv__unlock(_Atomic uint32_t *lock) {
    atomic_store_explicit(lock, 0, memory_order_release);
}

#endif
