/* tracer/runtime/src/trace.c - the names that the runtime's events use. */
#include "tracer/runtime/src/gc.h"
#include "tracer/runtime/src/rt.h"

const char *const pv__reason_texts[N_REASONS] = {
#define REASON(name, text) text,
#include "tracer/runtime/src/reason.def"
#undef REASON
};

/* The frames from there on as long as they rise within g's stack; at most STACK_MEMO. */
static void remember(struct stack_memo *memo, const struct g *g, const struct frame *at) {
    const char *from = g->fiber.lo;
    memo->first = at;
    memo->n = 0;
    while ((const char *)at >= from && (const char *)at <= g->fiber.hi - sizeof *at &&
           (uintptr_t)at % sizeof(uintptr_t) == 0) {
        if (memo->n == STACK_MEMO) {
            memo->first = NULL; /* it is longer than there is room */
            return;
        }
        memo->frames[memo->n++] = *at;
        from = (const char *)at + 1;
        at = at->caller;
    }
}

/* A goroutine mostly waits at one or two places: their ids are kept with it.  The same frames at
 * the same addresses are the same stack, so a known one is neither checked nor copied nor hashed.
 */
static inline struct stack_memo *memo_of(struct g *g, const struct frame *at) {
    return &g->memo[at->pc >> 4 & 1];
}

/* 0: it is not the one that is kept. */
static inline uint32_t known_stack(const struct stack_memo *memo, const struct frame *at) {
    if (at != memo->first) return 0;
    const struct frame *known = memo->frames, *end = known + memo->n;
    for (; known != end; known++) {
        if (at->caller != known->caller || at->pc != known->pc) return 0;
        at = known->caller;
    }
    return memo->id;
}

static __attribute__((noinline)) uint32_t new_stack(struct g *g, const struct frame *at) {
    struct stack_memo *memo = memo_of(g, at);
    memo->id = pv_stack_walk(at, g->fiber.lo, g->fiber.hi);
    remember(memo, g, at);
    if (!memo->id) memo->first = NULL;
    return memo->id;
}

uint32_t pv__trace_stack(struct g *g, const void *frame) {
    uint32_t id = known_stack(memo_of(g, frame), frame);
    return id ? id : new_stack(g, frame);
}

static __attribute__((noinline)) void first_park_next(struct m *m, struct g *g,
                                                      enum pv_reason reason, const void *object,
                                                      struct g *next, const struct frame *at) {
    pv_go_park_next(m->rec, &g->rec, pv__reason_ids[reason], (uintptr_t)object, 0, new_stack(g, at),
                    &next->rec);
}

/* A park whose holder is not known, and whose stack mostly is.  Not inlined, so that who records
 * nothing saves no registers for it (and calls nothing but at its end, to save few itself): its own
 * frame is left out. */
void pv__trace_park_next(struct m *m, struct g *g, enum pv_reason reason, const void *object,
                         struct g *next) {
    const struct frame *own = __builtin_frame_address(0), *at = own->caller;
    uint32_t stack = known_stack(memo_of(g, at), at);
    if (__builtin_expect(stack == 0, 0))
        first_park_next(m, g, reason, object, next, at);
    else
        pv__go_park_next(m->rec, &g->rec, pv__reason_ids[reason], (uintptr_t)object, stack,
                         &next->rec);
}

/* Any park. */
void pv__trace_park(struct m *m, struct g *g, enum pv_reason reason, const void *object,
                    uint64_t holder, struct g *next) {
    const struct frame *own = __builtin_frame_address(0);
    pv_go_park(m->rec, &g->rec, pv__reason_ids[reason], (uintptr_t)object, holder,
               pv__trace_stack(g, own->caller));
    if (next) pv_go_start_at_once(m->rec, &next->rec);
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
