/* tracer/runtime/src/trace.c - the names that the runtime's events use. */
#include "tracer/runtime/src/rt.h"

const char *const pv__reason_texts[N_REASONS] = {
#define REASON(name, text) text,
#include "tracer/runtime/src/reason.def"
#undef REASON
};

uint32_t pv__reason_ids[N_REASONS], pv__yield_id, pv__preempted_id;

/* Ids of strings hold as long as the process. */
void pv__trace_open(void) {
    for (int i = 0; i < N_REASONS; i++) pv__reason_ids[i] = pv_string(pv__reason_texts[i]);
    pv__yield_id = pv_string("runtime.Gosched");
    pv__preempted_id = pv_string("preempted");
}
