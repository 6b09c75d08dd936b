/* storage/src/go_v1_validate.c - Go's checks between v1 events, in final order.
 *
 * A P runs one goroutine, only the running goroutine acts, only the waiting one is woken, ranges
 * and regions nest.  Some events are changed on the way: wakes by a timer, by the network poller
 * and ends of system calls move to made-up Ps, a GC cycle belongs to none, and stacks that the file
 * does not define are dropped (v1_refs does that).
 * Source      go1.26 src/internal/trace/internal/tracev1/parser.go (postProcessTrace) */
#include <string.h>

#include "storage/src/go_v1_impl.h"

typedef unsigned long long ull;
typedef long long ll;

#define BROKEN(...) return fault_set(f, PV_ECORRUPT, -1, __VA_ARGS__)

static inline uint8_t status(uint8_t state) {
    return state & V1_STATUS;
}

/* Takes some bits from the state of a goroutine, then gives it others. */
static inline void become(uint8_t *g, unsigned less, unsigned more) {
    *g = (uint8_t)((*g & ~less) | more);
}

/* The goroutine of e runs, on the P of e. */
static int check_running(const uint8_t *g, const struct v1_proc *p, const struct v1_event *e,
                         bool allow_none, struct fault *f) {
    const char *name = v1_specs[e->type].name;
    if (status(*g) != V1_RUNNING)
        BROKEN("g %llu is not running while %s (time %lld)", (ull)e->g, name, (ll)e->ts);
    if (p->g != e->g)
        BROKEN("p %d is not running g %llu while %s (time %lld)", e->p, (ull)e->g, name, (ll)e->ts);
    if (!allow_none && e->g == 0) BROKEN("g 0 did %s (time %lld)", name, (ll)e->ts);
    return 0;
}

/* ---- processors and ranges ---- */

static int proc_start(struct v1_proc *p, const struct v1_event *e, struct fault *f) {
    if (p->running) BROKEN("p %d is running before start (time %lld)", e->p, (ll)e->ts);
    p->running = true;
    return 0;
}

static int proc_stop(struct v1_proc *p, const struct v1_event *e, struct fault *f) {
    if (!p->running) BROKEN("p %d is not running before stop (time %lld)", e->p, (ll)e->ts);
    if (p->g != 0)
        BROKEN("p %d is running a goroutine %llu during stop (time %lld)", e->p, (ull)p->g,
               (ll)e->ts);
    p->running = false;
    return 0;
}

static int gc(struct go_v1 *r, struct v1_event *e, struct fault *f) {
    struct v1_valid *s = &r->valid;
    if (e->type == V1_GC_DONE) {
        if (!s->in_gc) BROKEN("bogus GC end (time %lld)", (ll)e->ts);
        s->in_gc = false;
        return 0;
    }
    if (s->in_gc) BROKEN("previous GC is not ended before a new one (time %lld)", (ll)e->ts);
    s->in_gc = true;
    e->p = V1_GC_P;
    return 0;
}

static int stw(struct v1_valid *s, const struct v1_event *e, struct fault *f) {
    bool start = e->type == V1_STW_START;
    if (start && s->in_stw)
        BROKEN("previous STW is not ended before a new one (time %lld)", (ll)e->ts);
    if (!start && !s->in_stw) BROKEN("bogus STW end (time %lld)", (ll)e->ts);
    s->in_stw = start;
    return 0;
}

static int sweep(struct v1_proc *p, const struct v1_event *e, struct fault *f) {
    bool start = e->type == V1_SWEEP_START;
    if (start && p->sweeping)
        BROKEN("previous sweeping is not ended before a new one (time %lld)", (ll)e->ts);
    if (!start && !p->sweeping) BROKEN("bogus sweeping end (time %lld)", (ll)e->ts);
    p->sweeping = start;
    return 0;
}

/* An assist may have been under way when tracing began, so an end alone is fine. */
static int assist(uint8_t *g, const struct v1_event *e, struct fault *f) {
    bool start = e->type == V1_ASSIST_START;
    if (start && *g & V1_ASSIST)
        BROKEN("previous mark assist is not ended before a new one (time %lld)", (ll)e->ts);
    become(g, V1_ASSIST, V1_KNOWN | (start ? V1_ASSIST : 0));
    return 0;
}

/* ---- goroutines ---- */

static int go_early(uint8_t *g, const struct v1_event *e, struct fault *f) {
    if (status(*g) != V1_RUNNABLE)
        BROKEN("g %llu is not runnable before Ev%s (time %lld)", (ull)e->g, v1_specs[e->type].name,
               (ll)e->ts);
    become(g, V1_STATUS | V1_NET, V1_BLOCKED);
    return 0;
}

static int go_create(struct go_v1 *r, const struct v1_event *e, struct fault *f) {
    uint8_t *made = v1_state_of(r, e->target);
    TRY(check_running(v1_state_of(r, e->slot), &r->index.procs[e->proc], e, true, f));
    if (*made & V1_KNOWN) BROKEN("g %llu already exists (time %lld)", (ull)e->args[0], (ll)e->ts);
    become(made, V1_STATUS | V1_NET | V1_ASSIST, V1_KNOWN | V1_RUNNABLE);
    return 0;
}

static int go_start(uint8_t *g, struct v1_proc *p, const struct v1_event *e, struct fault *f) {
    if (status(*g) != V1_RUNNABLE)
        BROKEN("g %llu is not runnable before start (time %lld)", (ull)e->g, (ll)e->ts);
    if (p->g != 0)
        BROKEN("p %d is already running g %llu while start g %llu (time %lld)", e->p, (ull)p->g,
               (ull)e->g, (ll)e->ts);
    become(g, V1_STATUS | V1_NET, V1_KNOWN | V1_RUNNING);
    p->g = e->g;
    return 0;
}

/* Ends, yields and blocks: the goroutine leaves its P. */
static int go_leave(uint8_t *g, struct v1_proc *p, const struct v1_event *e, enum v1_go_status to,
                    struct fault *f) {
    TRY(check_running(g, p, e, false, f));
    become(g, V1_STATUS | V1_NET, to | (e->type == V1_GO_BLOCK_NET ? V1_NET : 0));
    p->g = 0;
    return 0;
}

static int go_unblock(struct go_v1 *r, struct v1_event *e, struct fault *f) {
    if (status(*v1_state_of(r, e->slot)) != V1_RUNNING)
        BROKEN("g %llu is not running while unpark (time %lld)", (ull)e->g, (ll)e->ts);
    bool timer = r->index.timers.n && idmap_get(&r->index.timers, e->g);
    if (timer) e->p = V1_TIMER_P;
    if (!timer && r->index.procs[e->proc].g != e->g)
        BROKEN("p %d is not running g %llu while unpark (time %lld)", e->p, (ull)e->g, (ll)e->ts);
    uint8_t *woken = v1_state_of(r, e->target);
    if (status(*woken) != V1_BLOCKED)
        BROKEN("g %llu is not waiting before unpark (time %lld)", (ull)e->args[0], (ll)e->ts);
    if (*woken & V1_NET) e->p = V1_NETPOLL_P;
    become(woken, V1_STATUS | V1_NET, V1_KNOWN | V1_RUNNABLE);
    return 0;
}

static int sys_exit(uint8_t *g, struct v1_event *e, struct fault *f) {
    e->p = V1_SYSCALL_P;
    if (status(*g) != V1_BLOCKED)
        BROKEN("g %llu is not waiting during syscall exit (time %lld)", (ull)e->g, (ll)e->ts);
    become(g, V1_STATUS | V1_NET, V1_KNOWN | V1_RUNNABLE);
    return 0;
}

/* ---- tasks and regions ---- */

static int task(struct v1_valid *s, const struct v1_event *e, struct fault *f) {
    if (e->type == V1_TASK_END) {
        idmap_remove(&s->tasks, e->args[0]);
        return 0;
    }
    if (idmap_get(&s->tasks, e->args[0]))
        BROKEN("task id conflicts (id:%llu) at time %lld", (ull)e->args[0], (ll)e->ts);
    if (idmap_put(&s->tasks, e->args[0], 1) < 0)
        return fault_set(f, PV_ENOMEM, -1, "out of memory");
    return 0;
}

/* Sets the innermost region of a goroutine (index + 1; 0 = none). */
static int set_innermost(struct v1_valid *s, uint32_t slot, uint32_t region) {
    idmap_remove(&s->regions, slot);
    return region ? idmap_put(&s->regions, slot, region) : 0;
}

static int begin_region(struct v1_valid *s, const struct v1_event *e) {
    uint32_t i = s->free_region;
    if (i) {
        s->free_region = s->region[i - 1].below;
    } else {
        TRY(v1_grow(&s->region, s->n_region, &s->cap_region, sizeof *s->region));
        i = ++s->n_region;
    }
    s->region[i - 1] = (struct v1_region){
        .task = e->args[0], .name = e->args[2], .below = idmap_get(&s->regions, e->slot)};
    return set_innermost(s, e->slot, i);
}

static int end_region(struct v1_valid *s, const struct v1_event *e, struct fault *f) {
    uint32_t i = idmap_get(&s->regions, e->slot);
    if (!i) return 0; /* it began before the trace */
    struct v1_region *open = &s->region[i - 1];
    if (open->task != e->args[0] || open->name != e->args[2])
        BROKEN("misuse of region in goroutine %llu: span end of task %llu, name %llu when the "
               "inner-most active span is of task %llu, name %llu (time %lld)",
               (ull)e->g, (ull)e->args[0], (ull)e->args[2], (ull)open->task, (ull)open->name,
               (ll)e->ts);
    uint32_t below = open->below;
    open->below = s->free_region;
    s->free_region = i;
    return set_innermost(s, e->slot, below);
}

static int region(struct v1_valid *s, const struct v1_event *e, struct fault *f) {
    if (e->args[1] > 1)
        BROKEN("invalid user region mode: %llu (time %lld)", (ull)e->args[1], (ll)e->ts);
    int rc = e->args[1] ? end_region(s, e, f) : begin_region(s, e);
    return rc == PV_ENOMEM ? fault_set(f, rc, -1, "out of memory") : rc;
}

void v1_drop_regions(struct v1_valid *s, uint32_t slot) {
    for (uint32_t i = idmap_get(&s->regions, slot); i;) {
        uint32_t below = s->region[i - 1].below;
        s->region[i - 1].below = s->free_region;
        s->free_region = i;
        i = below;
    }
    idmap_remove(&s->regions, slot);
}

/* ---- all ---- */

int v1_validate_start(struct go_v1 *r, struct fault *f) {
    v1_valid_free(&r->valid);
    r->valid.states = calloc(64, sizeof *r->valid.states);
    if (!r->valid.states) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    r->valid.n_states = 64;
    r->valid.poller = v1_proc_find(&r->index, V1_NETPOLL_P);
    *v1_state_of(r, V1_SLOT_NONE) = V1_KNOWN | V1_RUNNING;
    return 0;
}

void v1_valid_free(struct v1_valid *v) {
    free(v->states);
    free(v->region);
    idmap_free(&v->tasks);
    idmap_free(&v->regions);
    *v = (struct v1_valid){0};
}

static int grow_states(struct v1_valid *v, uint32_t slot) {
    uint32_t n = v->n_states;
    while (n <= slot)
        if (__builtin_mul_overflow(n, 2u, &n)) return PV_ENOMEM;
    uint8_t *states = realloc(v->states, n * sizeof *states);
    if (!states) return PV_ENOMEM;
    memset(states + v->n_states, 0, (n - v->n_states) * sizeof *states);
    v->states = states;
    v->n_states = n;
    return 0;
}

int v1_validate(struct go_v1 *r, struct v1_event *e, struct fault *f) {
    if (e->type == V1_CPU_SAMPLE) return 0;
    uint32_t slot = e->slot > e->target ? e->slot : e->target;
    if (slot >= r->valid.n_states && grow_states(&r->valid, slot) < 0)
        return fault_set(f, PV_ENOMEM, -1, "out of memory");
    uint8_t *g = v1_state_of(r, e->slot);
    struct v1_proc *p = &r->index.procs[e->proc];
    switch ((enum v1_type)e->type) {
    case V1_PROC_START:
        return proc_start(p, e, f);
    case V1_PROC_STOP:
        return proc_stop(p, e, f);
    case V1_GC_START:
    case V1_GC_DONE:
        return gc(r, e, f);
    case V1_STW_START:
    case V1_STW_DONE:
        return stw(&r->valid, e, f);
    case V1_SWEEP_START:
    case V1_SWEEP_DONE:
        return sweep(p, e, f);
    case V1_ASSIST_START:
    case V1_ASSIST_DONE:
        return assist(g, e, f);
    case V1_GO_WAITING:
    case V1_GO_IN_SYSCALL:
        return go_early(g, e, f);
    case V1_GO_CREATE:
        return go_create(r, e, f);
    case V1_GO_START:
    case V1_GO_START_LABEL:
        return go_start(g, p, e, f);
    case V1_GO_END:
        TRY(go_leave(g, p, e, V1_DEAD, f));
        if (r->valid.regions.n) v1_drop_regions(&r->valid, e->slot);
        return 0;
    case V1_GO_STOP:
        return go_leave(g, p, e, V1_DEAD, f);
    case V1_GO_SCHED:
    case V1_GO_PREEMPT:
        return go_leave(g, p, e, V1_RUNNABLE, f);
    case V1_GO_SLEEP:
    case V1_GO_BLOCK:
    case V1_GO_BLOCK_SEND:
    case V1_GO_BLOCK_RECV:
    case V1_GO_BLOCK_SELECT:
    case V1_GO_BLOCK_SYNC:
    case V1_GO_BLOCK_COND:
    case V1_GO_BLOCK_NET:
    case V1_GO_BLOCK_GC:
    case V1_GO_SYS_BLOCK:
        return go_leave(g, p, e, V1_BLOCKED, f);
    case V1_GO_UNBLOCK:
        return go_unblock(r, e, f);
    case V1_GO_SYSCALL:
        become(g, V1_NET, 0);
        return check_running(g, p, e, false, f);
    case V1_GO_SYS_EXIT:
        return sys_exit(g, e, f);
    case V1_TASK_CREATE:
    case V1_TASK_END:
        return task(&r->valid, e, f);
    case V1_REGION:
        return region(&r->valid, e, f);
    default:
        return 0;
    }
}
