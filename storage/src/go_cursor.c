/* storage/src/go_cursor.c - one M's batches, event by event.
 *
 * Layout      type (1 byte), time difference, then as many numbers as go_events.def says
 * Invariants  1. An event is decoded wholly before the one before it is given out, so that damage
 *                shows at the same place as in Go's reader.
 *             2. Decoding may look beyond the batch (bytes up to GO_ARENA_SLACK exist) and only
 *                afterwards checks that it did not need to.
 * Source      go1.26 src/internal/trace/batchcursor.go */
#include "storage/src/go_v2_impl.h"
#include "storage/src/varint.h"

#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* The same event once more, slowly, to say what is wrong with it. */
static int explain(const struct go_cursor *c, const struct go_gen *g, struct fault *f) {
    int64_t offset = go_gen_offset(g, c->at);
    unsigned type = *c->at;
    if (type >= GOEV_LIMIT)
        return fault_set(f, PV_ECORRUPT, offset, "found invalid event type: %u", type);
    if (!go_event_specs[type].timed)
        return fault_set(f, PV_ECORRUPT, offset, "found event without a timestamp: type=%u", type);
    uint64_t ignored;
    int n = uvarint_get(c->at + 1, (size_t)(c->end - c->at - 1), &ignored);
    return fault_set(f, PV_ECORRUPT, offset, "found invalid uvarint%s in event %s",
                     n <= 0 ? " for timestamp" : "", go_event_specs[type].name);
}

int go_cursor_next(struct go_cursor *c, const struct go_gen *g, const struct go_tables *t,
                   struct fault *f) {
    while (c->p == c->end) {
        const struct go_batch *b = &g->batches[c->batch];
        if (b->next == 0) return 0;
        c->batch = b->next - 1;
        c->p = g->bytes + g->batches[c->batch].at;
        c->end = c->p + g->batches[c->batch].size;
        c->time_ns = 0;
    }
    if (UNLIKELY(c->time_ns == 0)) c->time_ns = go_ticks_to_ns(t, g->batches[c->batch].time);
    const uint8_t *p = c->p;
    c->at = p;
    unsigned type = *p++;
    if (UNLIKELY(type >= GOEV_LIMIT || !go_event_specs[type].timed)) return explain(c, g, f);
    unsigned n_args = go_event_specs[type].n_args;
    uint64_t ticks;
    p = uvarint_fast(p, &ticks);
    for (unsigned i = 0; i < n_args && p; i++) p = uvarint_fast(p, &c->args[i]);
    if (UNLIKELY(!p || p > c->end)) return explain(c, g, f);
    c->type = (uint8_t)type;
    c->time_ns = (int64_t)((uint64_t)c->time_ns + (uint64_t)go_ticks_to_ns(t, ticks));
    c->p = p;
    return 1;
}
