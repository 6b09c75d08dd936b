/* tracer/runtime/src/debug.c - PV_DEBUG. */
#include "tracer/runtime/src/rt.h"

void pv__debug_open(void) {}
void pv__debug_tick(int64_t now_ns) {
    (void)now_ns;
}
bool pv__debug_gc(void) {
    return false;
}
