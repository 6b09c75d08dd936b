/* tracer/runtime/src/trace.h - what the runtime tells the recorder (tracer/parkview.h), in one place.
 * Each call is one branch while nothing is recorded.  Stacks are walked for waits and creations. */
#ifndef PARKVIEW_TRACER_RUNTIME_TRACE_H
#define PARKVIEW_TRACER_RUNTIME_TRACE_H

#if __has_include("tracer/parkview.h")
#include "tracer/parkview.h"
#else
#include <stdbool.h>
#include <stdint.h>
struct pv_g {
    uint64_t id;
    uint32_t session, slot, seq, reserved;
};
struct pv_m;
#define PV_NO_TRACE 1
#endif

struct g;
struct m;
struct p;

#ifdef PV_NO_TRACE
#define NOTHING_3(name, A, B, C)                                                                   \
    static inline void name(A a, B b, C c) { (void)a, (void)b, (void)c; }
#define NOTHING_2(name, A, B)                                                                      \
    static inline void name(A a, B b) { (void)a, (void)b; }
static inline struct pv_m *trace_m_open(struct m *m) { (void)m; return (struct pv_m *)0; }
static inline void trace_m_close(struct pv_m *m) { (void)m; }
NOTHING_2(trace_go_create, struct m *, struct g *)
NOTHING_2(trace_go_start, struct m *, struct g *)
NOTHING_3(trace_go_stop, struct m *, struct g *, bool)
static inline void trace_go_park(struct m *m, struct g *g, int r, const void *o, uint64_t h) { (void)m, (void)g, (void)r, (void)o, (void)h; }
NOTHING_2(trace_go_unpark, struct m *, struct g *)
NOTHING_2(trace_go_exit, struct m *, struct g *)
NOTHING_2(trace_go_syscall, struct m *, struct g *)
NOTHING_3(trace_go_syscall_end, struct m *, struct g *, bool)
NOTHING_2(trace_proc_start, struct m *, struct p *)
NOTHING_2(trace_proc_stop, struct m *, struct p *)
NOTHING_3(trace_proc_steal, struct m *, struct p *, struct m *)
NOTHING_2(trace_maxprocs, struct m *, uint32_t)
#endif

#endif
