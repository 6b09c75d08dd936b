/* tracer/runtime/src/switch.h - leaving one stack for another.
 *
 * pv__switch(&from, to) saves what the ABI wants kept on the stack it is called on, stores that
 * stack's pointer, and goes on where `to` was saved.  Three implementations, one face:
 * switch_x86_64.S, switch_aarch64.S, switch_ucontext.c (any machine; PARKVIEW_SWITCH=ucontext
 * chooses it).
 *
 * Not kept: the floating-point control words (rounding, exceptions) and the signal mask.  A
 * goroutine that changes them puts them back before it waits; ucontext keeps both and costs two
 * system calls. */
#ifndef PARKVIEW_TRACER_RUNTIME_SWITCH_H
#define PARKVIEW_TRACER_RUNTIME_SWITCH_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define PV_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PV_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define PV_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PV_TSAN 1
#endif
#endif

#ifdef PV_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef PV_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* A stack that can be left and come back to: a goroutine's, or a thread's own. */
struct fiber {
    void *sp; /* while it is left */
    char *lo, *hi;
#ifdef PV_ASAN
    void *fake;
#endif
#ifdef PV_TSAN
    void *tsan;
#endif
};

void pv__switch(void **from_sp, void *to_sp);

/* pv__stack_prepare - what pv__switch needs to find to call start() on an empty stack that ends at
 * hi (16-byte aligned).  Returns the pointer to switch to. */
void *pv__stack_prepare(char *lo, char *hi, void (*start)(void));

/* The sanitizers know stacks by what they are told.  dying: `from` never comes back. */
static inline void fiber_switch(struct fiber *from, struct fiber *to, bool dying) {
#ifdef PV_ASAN
    __sanitizer_start_switch_fiber(dying ? NULL : &from->fake, to->lo, (size_t)(to->hi - to->lo));
#endif
#ifdef PV_TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
    (void)dying;
    pv__switch(&from->sp, to->sp);
#ifdef PV_ASAN
    __sanitizer_finish_switch_fiber(from->fake, NULL, NULL);
#endif
}

/* The first thing on a new stack. */
static inline void fiber_entered(void) {
#ifdef PV_ASAN
    __sanitizer_finish_switch_fiber(NULL, NULL, NULL);
#endif
}

#endif
