/* storage/src/go_cursor.h - the fast half of go_cursor.c, inlined into the merge. */
#ifndef PARKVIEW_STORAGE_GO_CURSOR_H
#define PARKVIEW_STORAGE_GO_CURSOR_H

#include "storage/src/go_v2_impl.h"
#include "storage/src/varint.h"

/* go_cursor_next for an ordinary event in the present batch.  False: nothing was done, ask the
 * careful one. */
static inline bool go_cursor_next_fast(struct go_cursor *c, const struct go_tables *t) {
    const uint8_t *p = c->p;
    if (__builtin_expect(p == c->end || c->time_ns == 0, 0)) return false;
    unsigned type = *p;
    unsigned n_args = go_event_numbers[type];
    uint64_t ticks, bad = n_args > GOEV_MAX_ARGS;
    p = uvarint_short(p + 1, &ticks, &bad);
    if (n_args > 0) {
        p = uvarint_short(p, &c->args[0], &bad);
        if (n_args > 1) {
            p = uvarint_short(p, &c->args[1], &bad);
            if (n_args > 2) {
                p = uvarint_short(p, &c->args[2], &bad);
                if (n_args > 3) p = uvarint_short(p, &c->args[3], &bad);
            }
        }
    }
    if (__builtin_expect(bad || p > c->end, 0)) return false;
    c->at = c->p;
    c->p = p;
    c->type = (uint8_t)type;
    c->time_ns = (int64_t)((uint64_t)c->time_ns + (uint64_t)go_ticks_to_ns(t, ticks));
    return true;
}

#endif
