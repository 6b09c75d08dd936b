/* storage/src/ring_cursor.c - a batch's bytes -> its records.
 *
 * Layout      code (bit 7: a stack follows), ticks since the record before, the arguments that
 *             events.def says, the stack
 * Not here    which batch comes next (ring.c), what a record means (ring_order.c). */
#include "storage/src/buffer.h"
#include "storage/src/ring_impl.h"

static const char *const arguments[PV_EV_LAST + 1] = {
#define X(code, ident, name, args, meaning) [code] = args,
#include "tracer/events.def"
#undef X
};

void ring_place_begin(struct ring_place *at, const struct ring_batch *b) {
    *at =
        (struct ring_place){.p = b->bytes + PV_BATCH_DATA, .end = b->bytes + b->n, .t = b->h.base};
}

int ring_place_next(struct ring_place *at, struct ring_record *out) {
    if (at->p == at->end) return 0;
    struct cursor c = {at->p, at->end, false};
    unsigned code = *c.p & ~(unsigned)PV_STACK_FOLLOWS;
    bool has_stack = *c.p++ & PV_STACK_FOLLOWS;
    if (code > PV_EV_LAST || !arguments[code]) return -1;
    uint64_t dt = cursor_varint(&c), object = at->object, n = 0;
    if (dt > UINT64_MAX / 4 - at->t / 2) return -1;
    out->t = at->t + dt;
    out->code = code;
    out->text = NULL;
    for (const char *arg = arguments[code]; *arg; arg++, n++) {
        uint64_t v = cursor_varint(&c);
        if (*arg == 'o') object = v = object + (uint64_t)unzigzag(v);
        if (*arg == 't') {
            if (v > PV_MAX_TEXT) return -1;
            out->text = (const char *)cursor_bytes(&c, v);
        }
        out->a[n] = v;
    }
    uint64_t stack = has_stack ? cursor_varint(&c) : 0;
    if (c.bad || stack > UINT32_MAX) return -1;
    out->stack = (uint32_t)stack;
    at->p = c.p;
    at->t = out->t;
    at->object = object;
    return 1;
}
