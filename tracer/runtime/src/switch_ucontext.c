/* tracer/runtime/src/switch_ucontext.c - pv__switch by POSIX's ucontext, for machines without an
 * assembler one.  The saved context lies on the stack that it belongs to. */
#include "tracer/runtime/src/switch.h"

#ifdef PARKVIEW_SWITCH_UCONTEXT
#include <ucontext.h>

void pv__switch(void **from_sp, void *to_sp) {
    ucontext_t here;
    *from_sp = &here;
    swapcontext(&here, to_sp);
}

void *pv__stack_prepare(char *lo, char *hi, void (*start)(void)) {
    ucontext_t *first = (ucontext_t *)(void *)(hi - ((sizeof *first + 63) & ~(size_t)63));
    getcontext(first);
    first->uc_stack.ss_sp = lo;
    first->uc_stack.ss_size = (size_t)((char *)first - lo);
    first->uc_link = NULL;
    makecontext(first, start, 0);
    return first;
}
#else
typedef int switch_is_in_assembler;
#endif
