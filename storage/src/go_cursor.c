/* storage/src/go_cursor.c - one M's batches, event by event.
 *
 * Layout      type (1 byte), time difference, then as many numbers as go_events.def says
 * Invariants  1. An event is decoded wholly before the one before it is given out, so that damage
 *                shows at the same place as in Go's reader.
 *             2. Decoding may look beyond the batch (bytes up to GO_SLACK exist) and checks only
 *                afterwards that it did not need to.
 *             3. The window ends with the batch or holds more than an event needs.
 * Source      go1.26 src/internal/trace/batchcursor.go */
#include <stdlib.h>
#include <string.h>

#include "storage/src/go_v2_impl.h"
#include "storage/src/varint.h"

#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Moves on to the next batch.  False: there is none. */
static bool next_batch(struct go_cursor *c, const struct go_gen *g) {
    uint32_t next = g->batches[c->batch].next;
    if (next == 0) return false;
    c->batch = next - 1;
    c->rest_at = g->batches[c->batch].at;
    c->rest = g->batches[c->batch].size;
    c->p = c->end = c->window;
    c->time_ns = 0;
    return true;
}

/* A window for so many bytes; the first are those that are left.  Threads of a hostile trace
 * can be as many as its batches, and as small. */
static int widen(struct go_cursor *c, size_t left, uint32_t room, struct fault *f) {
    uint8_t *window = malloc(room + GO_SLACK);
    if (!window) return fault_set(f, PV_ENOMEM, -1, "out of memory for threads");
    if (left) memcpy(window, c->p, left);
    free(c->window);
    c->window = window;
    c->room = room;
    c->p = window;
    return 0;
}

/* Reads on in the batch; what is left in the window comes first. */
static int fill(struct go_cursor *c, const struct go_bytes *bytes, struct fault *f) {
    size_t left = (size_t)(c->end - c->p), want = left + c->rest;
    if (want > GO_WINDOW_BYTES) want = GO_WINDOW_BYTES;
    if (want > c->room)
        TRY(widen(c, left, (uint32_t)want, f));
    else
        memmove(c->window, c->p, left);
    size_t n = want - left;
    c->p = c->window;
    c->end = c->window + left;
    TRY(go_bytes_get(bytes, c->rest_at, c->window + left, n, f));
    c->end += n;
    c->rest_at += n;
    c->rest -= (uint32_t)n;
    memset(c->window + left + n, 0, GO_SLACK);
    return 0;
}

/* The same event once more, slowly, to say what is wrong with it. */
static int explain(const struct go_cursor *c, struct fault *f) {
    int64_t offset = go_cursor_offset(c);
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
                   const struct go_bytes *bytes, struct fault *f) {
    while (c->p == c->end && c->rest == 0)
        if (!next_batch(c, g)) return 0;
    if (c->end - c->p < GO_SLACK && c->rest) TRY(fill(c, bytes, f));
    if (UNLIKELY(c->time_ns == 0)) c->time_ns = go_ticks_to_ns(t, g->batches[c->batch].time);
    const uint8_t *p = c->p;
    c->at = p;
    unsigned type = *p++;
    if (UNLIKELY(type >= GOEV_LIMIT || !go_event_specs[type].timed)) return explain(c, f);
    unsigned n_args = go_event_specs[type].n_args;
    uint64_t ticks;
    p = uvarint_fast(p, &ticks);
    for (unsigned i = 0; i < n_args && p; i++) p = uvarint_fast(p, &c->args[i]);
    if (UNLIKELY(!p || p > c->end)) return explain(c, f);
    c->type = (uint8_t)type;
    c->time_ns = (int64_t)((uint64_t)c->time_ns + (uint64_t)go_ticks_to_ns(t, ticks));
    c->p = p;
    return 1;
}
