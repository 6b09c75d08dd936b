/* tracer/runtime/src/lock.c - a lock that somebody else holds. */
#include "tracer/runtime/src/lock.h"

#include <sched.h>

/* A holder that runs is done within a few hundred pauses; beyond that it is off its CPU. */
enum { N_PAUSES = 200 };

void pv__lock_slow(_Atomic uint32_t *lock) {
    for (;;) {
        for (int i = 0; i < N_PAUSES; i++) {
            uint32_t free = 0;
            /* Partner: the release in pv__unlock. */
            if (atomic_load_explicit(lock, memory_order_relaxed) == 0 &&
                atomic_compare_exchange_weak_explicit(lock, &free, 1, memory_order_acquire,
                                                      memory_order_relaxed))
                return;
            pv__pause();
        }
        sched_yield();
    }
}
