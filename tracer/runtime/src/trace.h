/* tracer/runtime/src/trace.h - what the runtime tells the recorder, in one place: each call is one
 * branch while nothing is recorded.  Part of rt.h, which has the structures.
 *
 * Functions of the runtime that stand in such a stack are named pv_ or pv__, also static ones: by
 * that a reader tells them from the program's own.
 *
 * A stack is walked where a goroutine waits, is made, or leaves for the kernel; not where it is
 * woken, as the waker's next wait tells enough and walking costs more than the event. */
#ifndef PARKVIEW_TRACER_RUNTIME_TRACE_H
#define PARKVIEW_TRACER_RUNTIME_TRACE_H

#include "tracer/runtime/src/rt.h"

extern uint32_t pv__reason_ids[N_REASONS], pv__yield_id, pv__preempted_id; /* of pv_string */
void pv__trace_open(void);                                                 /* names them */
uint32_t pv__trace_stack(struct g *g, const void *frame); /* id of the stack from that frame on */

void pv__trace_park(struct m *m, struct g *g, enum pv_reason reason, const void *object,
                    uint64_t holder, struct g *next);
void pv__trace_park_next(struct m *m, struct g *g, enum pv_reason reason, const void *object,
                         struct g *next);

/* The caller's, a function that runs on g's stack. */
static inline uint32_t trace_stack(struct g *g) {
    return pv_on() ? pv__trace_stack(g, __builtin_frame_address(0)) : 0;
}

static inline void trace_go_create(struct m *m, struct g *g) {
    if (!pv_on()) return;
    uint32_t start = pv_stack_entry((const void *)(uintptr_t)g->fn);
    pv_go_create(m->rec, &g->rec, start, m_g(m) ? trace_stack(m_g(m)) : 0);
}

static inline void trace_go_start(struct m *m, struct g *g) {
    pv_go_start(m->rec, &g->rec);
}

/* Of those that leave: next goes on in their place, NULL: nobody.  It was chosen before, so that
 * its start has the time at which the other left. */
static inline void trace_go_next(struct m *m, struct g *next) {
    if (next) pv_go_start_at_once(m->rec, &next->rec);
}

static inline void trace_go_stop(struct m *m, struct g *g, bool asked, struct g *next) {
    if (!pv_on()) return;
    pv_go_stop(m->rec, &g->rec, asked ? pv__preempted_id : pv__yield_id, trace_stack(g));
    trace_go_next(m, next);
}

static inline void trace_go_park(struct m *m, struct g *g, enum pv_reason reason,
                                 const void *object, uint64_t holder, struct g *next) {
    if (!pv_on()) return;
    if (next && !holder)
        pv__trace_park_next(m, g, reason, object, next);
    else
        pv__trace_park(m, g, reason, object, holder, next);
}

/* m NULL: a thread that is not the runtime's, or no longer. */
static inline struct pv_m *trace_rec(struct m *m) {
    return m ? m->rec : pv_m_self();
}

static inline void trace_go_unpark(struct m *m, struct g *g) {
    if (pv_on()) pv__go_unpark(trace_rec(m), &g->rec, 0);
}

static inline void trace_go_exit(struct m *m, struct g *g, struct g *next) {
    if (!pv_on()) return;
    pv_go_exit(m->rec, &g->rec);
    trace_go_next(m, next);
}

static inline void trace_go_syscall(struct m *m, struct g *g) {
    if (pv_on()) pv_go_syscall(m->rec, &g->rec, trace_stack(g));
}

static inline void trace_go_syscall_end(struct m *m, struct g *g, bool blocked) {
    if (blocked)
        pv_go_syscall_end_blocked(m->rec, &g->rec);
    else
        pv_go_syscall_end(m->rec, &g->rec);
}

static inline void trace_proc_start(struct m *m, struct p *p) {
    pv_proc_start(m->rec, (int32_t)p->id);
}

static inline void trace_proc_stop(struct m *m) {
    pv_proc_stop(m->rec);
}

static inline void trace_proc_steal(struct m *m, struct p *p, struct m *from) {
    if (pv_on()) pv_proc_steal(trace_rec(m), (int32_t)p->id, from->rec);
}

void pv__trace_gc_phase(struct m *m, unsigned phase, bool begins);

static inline void trace_gc(struct m *m, bool begins) {
    if (begins)
        pv_gc_begin(m->rec);
    else
        pv_gc_end(m->rec);
}

static inline void trace_gc_phase(struct m *m, unsigned phase, bool begins) {
    if (pv_on()) pv__trace_gc_phase(m, phase, begins);
}

static inline void trace_heap(struct m *m, uint64_t bytes, uint64_t goal_bytes) {
    pv_heap(m->rec, bytes);
    pv_heap_goal(m->rec, goal_bytes);
}

static inline void trace_maxprocs(struct m *m, uint32_t n) {
    pv_maxprocs(m->rec, n);
}

#endif
