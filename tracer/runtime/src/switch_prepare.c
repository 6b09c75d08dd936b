/* tracer/runtime/src/switch_prepare.c - the stack of a goroutine that has not run yet, as
 * pv__switch (switch_x86_64.S, switch_aarch64.S) would have left it. */
#include "tracer/runtime/src/switch.h"

#if !defined(PARKVIEW_SWITCH_UCONTEXT)
#include <stdint.h>
#include <string.h>

extern void pv__start(void);

#if defined(__x86_64__)
enum { N_SAVED = 9, I_START = 4, I_RESUME = 6 }; /* two words of padding keep rsp aligned */
#elif defined(__aarch64__)
enum { N_SAVED = 20, I_START = 0, I_RESUME = 11 };
#else
#error "no switch in assembler for this machine: configure with -DPARKVIEW_SWITCH=ucontext"
#endif

void *pv__stack_prepare(char *lo, char *hi, void (*start)(void)) {
    uintptr_t saved[N_SAVED];
    (void)lo;
    memset(saved, 0, sizeof saved);
    saved[I_START] = (uintptr_t)start;
    saved[I_RESUME] = (uintptr_t)pv__start;
    return memcpy(hi - sizeof saved, saved, sizeof saved);
}
#else
typedef int switch_is_elsewhere;
#endif
