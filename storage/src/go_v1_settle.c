/* storage/src/go_v1_settle.c - merged v1 events -> final order and nanoseconds.
 *
 * A GO_SYS_EXIT is written when its goroutine gets a processor again, but names the time at which
 * the call ended.  Go sets that time and sorts all events again, stably.  The same comes out of a
 * ring of events in merged order, a heap of exits, and a bound that says how far back the exits
 * that are still to come may reach (v1_exits): what lies before the bound is final.  So the ring
 * holds as many events as the longest wait of such a goroutine for a processor covers.
 *
 * Invariants  1. times in the ring do not decrease.  2. pos says how many events of the ring were
 *             merged before an exit: at equal times those come first.
 * Not here    whether events make sense together (go_v1_validate.c).
 * Source      go1.26 src/internal/trace/internal/tracev1/parser.go (end of parseEventBatches) */
#include <string.h>

#include "storage/src/go_v1_impl.h"

int v1_settle_start(struct go_v1 *r, struct fault *f) {
    struct v1_settle *s = &r->settle;
    v1_settle_free(s);
    s->mask = 1023;
    s->bound_until = INT64_MIN;
    s->ring = malloc((s->mask + 1) * sizeof *s->ring);
    if (!s->ring) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    return 0;
}

void v1_settle_free(struct v1_settle *s) {
    free(s->ring);
    free(s->late);
    free(s->calls);
    *s = (struct v1_settle){0};
}

static int grow_ring(struct v1_settle *s) {
    uint64_t n = s->mask + 1;
    struct v1_event *ring = malloc(n * 2 * sizeof *ring);
    if (!ring) return PV_ENOMEM;
    for (uint64_t pos = s->head; pos < s->tail; pos++)
        ring[pos & (2 * n - 1)] = s->ring[pos & s->mask];
    free(s->ring);
    s->ring = ring;
    s->mask = 2 * n - 1;
    return 0;
}

/* ---- exits ---- */

static bool is_before(const struct v1_late *a, const struct v1_late *b) {
    return a->ts != b->ts ? a->ts < b->ts : a->n < b->n;
}

static int push_late(struct v1_settle *s, const struct v1_event *e) {
    TRY(v1_grow(&s->late, s->n_late, &s->cap_late, sizeof *s->late));
    struct v1_late x = {.ts = e->ts, .pos = s->tail, .n = s->count_late++, .event = *e};
    uint32_t j = s->n_late++;
    while (j > 0 && is_before(&x, &s->late[(j - 1) / 2])) {
        s->late[j] = s->late[(j - 1) / 2];
        j = (j - 1) / 2;
    }
    s->late[j] = x;
    return 0;
}

static void pop_late(struct v1_settle *s, struct v1_event *out) {
    *out = s->late[0].event;
    struct v1_late x = s->late[--s->n_late];
    uint32_t i = 0;
    for (uint32_t j = 1; j < s->n_late; j = 2 * i + 1) {
        if (j + 1 < s->n_late && is_before(&s->late[j + 1], &s->late[j])) j++;
        if (!is_before(&s->late[j], &x)) break;
        s->late[i] = s->late[j];
        i = j;
    }
    s->late[i] = x;
}

/* ---- in ---- */

/* Makes calls[slot].  0, PV_ENOMEM. */
static int grow_calls(struct v1_settle *s, uint32_t slot) {
    if (slot < s->n_calls) return 0;
    uint32_t n = s->n_calls ? s->n_calls : 64;
    while (n <= slot)
        if (__builtin_mul_overflow(n, 2u, &n)) return PV_ENOMEM;
    struct v1_call *calls = calloc(n, sizeof *calls);
    if (!calls) return PV_ENOMEM;
    if (s->n_calls) memcpy(calls, s->calls, s->n_calls * sizeof *calls);
    free(s->calls);
    s->calls = calls;
    s->n_calls = n;
    return 0;
}

/* An exit with a time of its own: checked as Go does, and set. */
static int set_exit_time(struct go_v1 *r, struct v1_event *e, struct fault *f) {
    const struct v1_settle *s = &r->settle;
    int64_t block = e->slot < s->n_calls ? s->calls[e->slot].sys_block : 0;
    int64_t real = (int64_t)e->args[2];
    if (block == 0) return fault_set(f, PV_ECORRUPT, -1, "stray syscall exit");
    if (real < block) return fault_set(f, PV_ECORRUPT, -1, "time stamps out of order");
    e->ts = real;
    return 0;
}

/* With CPU samples: one of the goroutine that comes between a system call and its block makes the
 * call a quick one, as only the goroutine's very next event counts. */
static void note_call(struct v1_settle *s, const struct v1_event *e) {
    struct v1_call *go = &s->calls[e->slot];
    if (go->call) {
        struct v1_event *call = &s->ring[(go->call - 1) & s->mask];
        call->args[V1_PENDING] = 0;
        call->args[V1_BLOCKS] = e->type == V1_GO_SYS_BLOCK;
    }
    go->call = v1_is_pending(e) ? (uint32_t)(s->tail & INT32_MAX) + 1 : 0;
}

static int keep(struct v1_settle *s, const struct v1_event *e) {
    if (s->tail - s->head > s->mask) TRY(grow_ring(s));
    struct v1_event *to = &s->ring[s->tail & s->mask];
    *to = *e;
    s->tail++;
    return 0;
}

int v1_settle_put(struct go_v1 *r, struct v1_event *e, struct fault *f) {
    struct v1_settle *s = &r->settle;
    if (!s->any) {
        s->any = true;
        s->first = s->last = e->ts;
    }
    if (e->ts < s->last) return fault_set(f, PV_ECORRUPT, -1, "time stamps out of order");
    s->last = e->ts;
    if (e->ts >= s->bound_until) s->bound = v1_exits_bound(&r->index.exits, e->ts, &s->bound_until);
    bool blocks = e->type == V1_GO_SYS_BLOCK || e->type == V1_GO_IN_SYSCALL;
    if ((blocks || r->index.n_samples) && grow_calls(s, e->slot) < 0)
        return fault_set(f, PV_ENOMEM, -1, "out of memory");
    if (r->index.n_samples) note_call(s, e);
    if (blocks) {
        s->calls[e->slot].sys_block = e->ts;
    } else if (e->type == V1_GO_SYS_EXIT && e->args[2] != 0) {
        struct v1_event exit = *e;
        TRY(set_exit_time(r, &exit, f));
        if (push_late(s, &exit) < 0) return fault_set(f, PV_ENOMEM, -1, "out of memory");
        return 0;
    }
    if (s->head == s->tail && s->n_late == 0 && e->ts <= s->bound && !v1_is_pending(e)) {
        e->ts = v1_to_ns(r, e->ts);
        return 1;
    }
    if (keep(s, e) < 0) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    return 0;
}

void v1_settle_end(struct v1_settle *s) {
    s->ended = true;
    s->bound = s->last = INT64_MAX;
}

/* ---- out ---- */

/* The next one is an exit, not the head of the ring. */
static bool is_late_first(const struct v1_settle *s) {
    if (s->n_late == 0) return false;
    const struct v1_late *x = &s->late[0];
    if (s->head == s->tail) return true;
    int64_t ts = s->ring[s->head & s->mask].ts;
    return x->ts != ts ? x->ts < ts : x->pos <= s->head;
}

struct v1_event *v1_settle_get(struct go_v1 *r) {
    struct v1_settle *s = &r->settle;
    struct v1_event *e;
    if (is_late_first(s)) {
        /* Events still to come are not before s->last, and after this one where they are equal. */
        if (s->late[0].ts > s->last || s->late[0].ts > s->bound) return NULL;
        pop_late(s, &s->out);
        e = &s->out;
    } else {
        if (s->head == s->tail) return NULL;
        e = &s->ring[s->head & s->mask];
        if (e->ts > s->bound || (v1_is_pending(e) && !s->ended)) return NULL;
        s->head++;
    }
    e->ts = v1_to_ns(r, e->ts);
    return e;
}
