/* storage/src/go_v1_plain.c - the events that are nine of ten: settled, validated and converted at
 * once.
 *
 * A goroutine is made, starts, is woken, calls the system, or leaves its P.  Which of these comes
 * next is hard to foresee, so what they need and do is a table, and the way through is the same.
 * Whatever is not as it should be is left, untouched, to go_v1_settle.c, to go_v1_validate.c, which
 * says what is wrong, and to go_v1_convert.c; so are events while others wait for their place,
 * trace beginnings, timer goroutines, and files whose stacks have ids so sparse that they are not
 * in an array.
 * Source      go1.26 src/internal/trace/tracev1.go, internal/tracev1/parser.go */
#include "storage/src/go_v1_impl.h"

static const struct plain {
    uint8_t acts;       /* statuses that the event's goroutine may have, a bit each; 0: not plain */
    uint8_t of, needs;  /* state of the one that changes, in these bits; */
    uint8_t less, more; /* what that one loses and gets, */
    uint8_t from, to;   /* and what that is called */
    uint8_t polled;     /* by the network poller where it has this bit */
    bool has_more;      /* to do than is said here */
    uint32_t stack;     /* all ones: the stack of what changes is the event's, */
    uint64_t second;    /* or args[1] */
    uint64_t other;     /* args[0] changes, not the event's goroutine */
    uint64_t somebody;  /* the top bit: goroutine 0 cannot do it */
    uint64_t before, after; /* all ones: the event's goroutine runs on the P; 0: nobody does */
} plains[64] = {
#define ALL UINT64_MAX
#define ACTS(becomes, says)                                                                        \
    .acts = 1 << V1_RUNNING, .less = V1_STATUS | V1_NET, .more = (becomes), .from = GO_RUNNING,    \
    .to = (says), .stack = UINT32_MAX, .somebody = UINT64_C(1) << 63, .before = ALL
#define CHANGES_OTHER(is, says)                                                                    \
    .acts = 1 << V1_RUNNING, .more = V1_KNOWN | V1_RUNNABLE, .from = (is), .to = (says),           \
    .other = 1, .before = ALL, .after = ALL
    [V1_GO_CREATE] = {CHANGES_OTHER(GO_NOTEXIST, GO_RUNNABLE), .of = V1_KNOWN,
                      .less = V1_STATUS | V1_NET | V1_ASSIST, .has_more = true},
    [V1_GO_UNBLOCK] = {CHANGES_OTHER(GO_WAITING, GO_RUNNABLE), .of = V1_STATUS, .needs = V1_BLOCKED,
                       .less = V1_STATUS | V1_NET, .polled = V1_NET},
    [V1_GO_START] = {.acts = 1 << V1_RUNNABLE,
                     .less = V1_STATUS | V1_NET,
                     .more = V1_KNOWN | V1_RUNNING,
                     .from = GO_RUNNABLE,
                     .to = GO_RUNNING,
                     .after = ALL},
    [V1_GO_SYSCALL] = {ACTS(V1_RUNNING, GO_SYSCALL), .after = ALL, .has_more = true},
    [V1_GO_END] = {ACTS(V1_DEAD, GO_NOTEXIST), .has_more = true},
    [V1_GO_STOP] = {ACTS(V1_DEAD, GO_WAITING)},
    [V1_GO_SCHED] = {ACTS(V1_RUNNABLE, GO_RUNNABLE)},
    [V1_GO_PREEMPT] = {ACTS(V1_RUNNABLE, GO_RUNNABLE)},
    [V1_GO_SLEEP] = {ACTS(V1_BLOCKED, GO_WAITING)},
    [V1_GO_BLOCK] = {ACTS(V1_BLOCKED, GO_WAITING)},
    [V1_GO_BLOCK_SEND] = {ACTS(V1_BLOCKED, GO_WAITING)},
    [V1_GO_BLOCK_RECV] = {ACTS(V1_BLOCKED, GO_WAITING)},
    [V1_GO_BLOCK_SELECT] = {ACTS(V1_BLOCKED, GO_WAITING)},
    [V1_GO_BLOCK_SYNC] = {ACTS(V1_BLOCKED, GO_WAITING)},
    [V1_GO_BLOCK_COND] = {ACTS(V1_BLOCKED, GO_WAITING)},
    [V1_GO_BLOCK_NET] = {ACTS(V1_BLOCKED | V1_NET, GO_WAITING)},
    [V1_GO_BLOCK_GC] = {ACTS(V1_BLOCKED, GO_WAITING)},
#undef CHANGES_OTHER
#undef ACTS
#undef ALL
};

/* A call that does not block ends 1 ns after it began.  Its thread, where none is known, is 0 here,
 * as Go has it. */
static struct ev *end_call(struct ev *end, const struct v1_proc *p) {
    struct ev *begin = end - 1;
    if (!p->has_m) begin->m = 0;
    *end = (struct ev){.time_ns = (int64_t)((uint64_t)begin->time_ns + 1),
                       .g = begin->g,
                       .p = begin->p,
                       .m = begin->m,
                       .id = begin->id,
                       .kind = EV_GO_TRANSITION,
                       .from = GO_SYSCALL,
                       .to = GO_RUNNING,
                       .scope = SCOPE_GO};
    return end + 1;
}

/* What the table does not say of e, which became *(out - 1). */
static struct ev *do_more(struct go_v1 *r, const struct v1_event *e, struct ev *out) {
    if (e->type == V1_GO_CREATE)
        out[-1].tstack = v1_refs_get(&r->index.stacks, e->args[1]);
    else if (e->type == V1_GO_SYSCALL && !e->args[V1_BLOCKS])
        return end_call(out, &r->index.procs[e->proc]);
    else if (e->type == V1_GO_END && r->valid.regions.n)
        v1_drop_regions(&r->valid, e->slot);
    return out;
}

/* An event that is not plain, or not sound, but in its place. */
static __attribute__((noinline)) int give_other(struct go_v1 *r, struct v1_event *e,
                                                struct ev_batch *b) {
    e->ts = v1_to_ns(r, e->ts);
    TRY(v1_validate(r, e, &r->fault));
    return v1_convert(r, e, b, &r->fault);
}

struct v1_event *v1_plain(struct go_v1 *r, struct v1_event *e, const struct v1_event *end,
                          struct ev_batch *b) {
    static const uint64_t moves = /* what may come to another place, or bring others there */
        1ull << V1_GO_SYS_BLOCK | 1ull << V1_GO_IN_SYSCALL | 1ull << V1_GO_SYS_EXIT;
    const struct v1_refs *stacks = &r->index.stacks;
    int64_t limit = v1_settle_limit(r), newest = r->settle.last, last = r->convert.last;
    if (limit == INT64_MIN || r->convert.early || r->index.timers.n || stacks->n_values ||
        !stacks->n_dense)
        return e;
    const uint32_t *dense = stacks->dense, n_dense = stacks->n_dense;
    uint8_t *states = r->valid.states;
    uint32_t n_states = r->valid.n_states; /* a power of two */
    struct ev *out = &b->ev[b->n], *enough = &b->ev[EV_BATCH_EVENTS - 3];
    for (; e != end && out < enough; e++) {
        const struct plain *is = &plains[e->type];
        uint64_t g = e->g;
        uint32_t slot = e->slot, changes = e->slots[is->other];
        if (__builtin_expect((slot | changes) >= n_states, 0)) break;
        struct v1_proc *p = &r->index.procs[e->proc];
        uint8_t state = states[changes];
        uint64_t wrong = (uint64_t)(~is->acts >> (states[slot] & V1_STATUS) & 1);
        wrong |= p->g ^ (g & is->before);
        wrong |= (uint64_t)((state & is->of) ^ is->needs);
        wrong |= (g - 1) & is->somebody;
        wrong |= (uint64_t)(e->ts < newest) | (uint64_t)(e->ts > limit);
        if (wrong) {
            if (e->ts < newest || e->ts > limit || moves >> e->type & 1) break;
            newest = e->ts;
            b->n = (uint32_t)(out - b->ev);
            r->convert.last = last;
            int rc = give_other(r, e, b);
            out = &b->ev[b->n];
            last = r->convert.last;
            if (rc < 0) break;
            states = r->valid.states;
            n_states = r->valid.n_states;
            continue;
        }
        newest = e->ts;
        int64_t ns = v1_to_ns(r, newest);
        states[changes] = (uint8_t)((state & ~is->less) | is->more);
        p->g = g & is->after;
        const struct v1_proc *at = state & is->polled ? r->valid.poller : p;
        uint32_t stack = dense[e->stack < n_dense ? e->stack : 0];
        last = ns > last ? ns : (int64_t)((uint64_t)last + 1);
        *out++ = (struct ev){.time_ns = last,
                             .g = (int64_t)(g - (g == 0)), /* NO_ID */
                             .p = at->id,
                             .m = at->m,
                             .id = e->ids[is->other],
                             .stack = stack,
                             .tstack = stack & is->stack,
                             .str = r->convert.names.wait[e->type],
                             .kind = EV_GO_TRANSITION,
                             .from = is->from,
                             .to = is->to,
                             .scope = SCOPE_GO};
        if (is->has_more) {
            out = do_more(r, e, out);
            last = out[-1].time_ns;
        }
    }
    b->n = (uint32_t)(out - b->ev);
    r->convert.last = last;
    r->settle.last = newest;
    return e;
}
