/* tracer/runtime/src/gc.h - what one collection was like. */
#ifndef PARKVIEW_TRACER_RUNTIME_GC_H
#define PARKVIEW_TRACER_RUNTIME_GC_H

#include <stdbool.h>
#include <stdint.h>

/* PAUSE is the whole time in which the world stands still, STOP, MARK and RESTART are its parts. */
enum gc_phase { GC_PAUSE, GC_STOP, GC_MARK, GC_RESTART, GC_SWEEP, N_GC_PHASES };

struct gc_cycle {
    uint64_t n;
    int64_t at_ns; /* since pv_run */
    int64_t begun_ns[N_GC_PHASES], ns[N_GC_PHASES];
    uint64_t before_bytes, after_bytes, goal_bytes; /* goal: at which it began */
    int share_percent;                              /* of the time since pv_run that was paused */
    bool forced;
};

#endif
