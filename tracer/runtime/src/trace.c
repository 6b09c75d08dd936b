/* tracer/runtime/src/trace.c - the names that the runtime's events use. */
#include <string.h>

#include "tracer/runtime/src/gc.h"
#include "tracer/runtime/src/rt.h"

const char *const pv__reason_texts[N_REASONS] = {
#define REASON(name, text) text,
#include "tracer/runtime/src/reason.def"
#undef REASON
};

/* A goroutine mostly waits at one or two places: their ids are kept with it, so that a known stack
 * costs the walk and not a hash of it. */
uint32_t pv__trace_stack(struct g *g, const void *frame) {
    uintptr_t pcs[STACK_MEMO], at = (uintptr_t)frame, hi = (uintptr_t)g->fiber.hi - 2 * sizeof at;
    size_t n = 0;
    for (; at >= (uintptr_t)g->fiber.lo && at <= hi && at % sizeof at == 0; n++) {
        const uintptr_t *words = (const uintptr_t *)at;
        if (words[1] == 0) break;
        if (n == STACK_MEMO) return pv_stack_walk(frame, g->fiber.lo, g->fiber.hi);
        pcs[n] = words[1];
        if (words[0] <= at) {
            n++;
            break;
        }
        at = words[0];
    }
    if (n == 0) return 0;
    struct stack_memo *memo = &g->memo[pcs[0] >> 4 & 1];
    if (memo->n == n && memo->id && memcmp(memo->pcs, pcs, n * sizeof *pcs) == 0) return memo->id;
    memo->n = (uint32_t)n;
    memcpy(memo->pcs, pcs, n * sizeof *pcs);
    return memo->id = pv_stack(pcs, n);
}

/* The parts of a pause are regions of the goroutine that collects. */
static const char *const phase_texts[N_GC_PHASES] = {
    [GC_PAUSE] = "GC mark",
    [GC_STOP] = "GC: stopping the world",
    [GC_MARK] = "GC: marking, the world stopped",
    [GC_RESTART] = "GC: starting the world",
};
static uint32_t phase_ids[N_GC_PHASES];

uint32_t pv__reason_ids[N_REASONS], pv__yield_id, pv__preempted_id;

/* Ids of strings hold as long as the process. */
void pv__trace_open(void) {
    for (int i = 0; i < N_REASONS; i++) pv__reason_ids[i] = pv_string(pv__reason_texts[i]);
    for (int i = 0; i < N_GC_PHASES; i++) phase_ids[i] = pv_string(phase_texts[i]);
    pv__yield_id = pv_string("runtime.Gosched");
    pv__preempted_id = pv_string("preempted");
}

void pv__trace_gc_phase(struct m *m, unsigned phase, bool begins) {
    struct g *g = m_g(m);
    if (phase == GC_PAUSE) {
        if (begins)
            pv_stw_begin(m->rec, &g->rec, phase_ids[phase]);
        else
            pv_stw_end(m->rec, &g->rec);
    } else if (phase == GC_SWEEP) {
        if (begins)
            pv_sweep_begin(m->rec);
        else
            pv_sweep_end(m->rec, 0,
                         0); /* blocks are swept as they are needed: bytes are not known */
    } else if (begins) {
        pv_region_begin(m->rec, &g->rec, 0, phase_ids[phase]);
    } else {
        pv_region_end(m->rec, &g->rec, 0, phase_ids[phase]);
    }
}
