/* storage/src/go_v1_convert.c - settled v1 events -> struct ev, as Go's own converter does it.
 *
 * What differs from a plain translation:
 *   - Goroutines that were there when tracing began come as GO_CREATE before the first GOMAXPROCS.
 *     Those whose state is said by then get that state; the others are runnable, and are given out
 *     at that GOMAXPROCS, which itself is not.
 *   - A P's first start is a status.
 *   - A system call is one instant: it becomes two events, 1 ns apart, unless the goroutine's next
 *     event says that it blocked.
 *   - Times that do not increase become the last one + 1 ns.
 *   - The context is the goroutine, P and thread that v1 events carry, which is not always "the
 *     state before": a start names the started goroutine, and threads are what PROC_START said.
 * Source      go1.26 src/internal/trace/tracev1.go, event.go */
#include <stdio.h>
#include <string.h>

#include "storage/src/go_v1_impl.h"

/* ---- names ---- */

/* In the order of v1_built_in. */
static const uint8_t waits[V1_N_WAITS] = {
    V1_GO_STOP,       V1_GO_PREEMPT,      V1_GO_SCHED,     V1_GO_SLEEP,
    V1_GO_BLOCK_SEND, V1_GO_BLOCK_RECV,   V1_GO_BLOCK_NET, V1_GO_BLOCK_SYNC,
    V1_GO_BLOCK_COND, V1_GO_BLOCK_SELECT, V1_GO_BLOCK,     V1_GO_BLOCK_GC,
};

static uint32_t add_name(struct dict *d, const char *name, bool *failed) {
    uint32_t id = dict_add_string(d, name, strlen(name));
    if (id == UINT32_MAX) *failed = true;
    return id;
}

static int add_names(struct go_v1 *r) {
    struct v1_names *n = &r->convert.names;
    struct dict *d = r->dict;
    bool failed = false;
    for (int i = 0; i < V1_N_WAITS; i++) n->wait[waits[i]] = r->index.built_in[i];
    for (int i = 0; i < V1_N_STOPS; i++) {
        char name[64];
        snprintf(name, sizeof name, "stop-the-world (%s)", v1_built_in[V1_N_WAITS + i]);
        n->stw[i] = add_name(d, name, &failed);
    }
    n->mark = add_name(d, "GC concurrent mark phase", &failed);
    n->sweep = add_name(d, "GC incremental sweep", &failed);
    n->assist = add_name(d, "GC mark assist", &failed);
    n->gomaxprocs = add_name(d, "/sched/gomaxprocs:threads", &failed);
    n->heap = add_name(d, "/memory/classes/heap/objects:bytes", &failed);
    n->goal = add_name(d, "/gc/heap/goal:bytes", &failed);
    return failed ? PV_ENOMEM : 0;
}

int v1_convert_start(struct go_v1 *r, struct fault *f) {
    struct v1_convert *c = &r->convert;
    v1_convert_free(c);
    c->last = -1;
    c->early = true;
    if (add_names(r) < 0) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    c->stw = c->names.stw[0];
    return 0;
}

void v1_convert_free(struct v1_convert *c) {
    free(c->earlies);
    free(c->task);
    idmap_free(&c->tasks);
    *c = (struct v1_convert){0};
}

/* ---- one event out ---- */

/* A new event at the end of b: time and context. */
static struct ev *append(struct go_v1 *r, int64_t time_ns, struct ev_batch *b) {
    struct v1_convert *c = &r->convert;
    struct ev *ev = &b->ev[b->n++];
    if (time_ns <= c->last) time_ns = (int64_t)((uint64_t)c->last + 1);
    c->last = time_ns;
    *ev = (struct ev){.time_ns = time_ns, .g = NO_ID, .p = NO_ID, .m = NO_ID};
    return ev;
}

/* The thread on which the P of e runs. */
static inline int64_t thread_of(const struct go_v1 *r, const struct v1_event *e) {
    const struct v1_proc *p = &r->index.procs[e->proc];
    if (p->id != e->p) p = v1_proc_find(&r->index, e->p);
    return p ? p->m : NO_ID;
}

static struct ev *append_event(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b) {
    struct ev *ev = append(r, e->ts, b);
    ev->g = e->g ? (int64_t)e->g : NO_ID;
    ev->p = e->p;
    ev->stack = v1_refs_get(&r->index.stacks, e->stack);
    if (e->type != V1_CPU_SAMPLE) ev->m = thread_of(r, e);
    return ev;
}

static void transition(struct ev *ev, uint64_t g, enum go_state from, enum go_state to) {
    ev->kind = EV_GO_TRANSITION;
    ev->scope = SCOPE_GO;
    ev->id = g;
    ev->from = (uint8_t)from;
    ev->to = (uint8_t)to;
}

static void range(struct ev *ev, enum ev_kind kind, uint32_t name, enum ev_scope scope) {
    ev->kind = (uint8_t)kind;
    ev->str = name;
    ev->scope = (uint8_t)(scope & 3);
    ev->id = scope == SCOPE_GO ? (uint64_t)ev->g : scope == SCOPE_PROC ? (uint64_t)ev->p : 0;
}

static void metric(struct ev *ev, uint32_t name, uint64_t value) {
    ev->kind = EV_METRIC;
    ev->str = name;
    ev->id = value;
}

static void add_arg(struct ev_batch *b, struct ev *ev, uint64_t value) {
    b->args[b->n_args++] = value;
    ev->n_args++;
}

void v1_convert_sync(struct go_v1 *r, int64_t time_ns, struct ev_batch *b) {
    struct ev *ev = &b->ev[b->n++];
    *ev = (struct ev){.time_ns = time_ns, .g = NO_ID, .p = NO_ID, .m = NO_ID, .kind = EV_SYNC};
    add_arg(b, ev, ++r->convert.n_sync);
    for (int i = 0; i < 4; i++) /* no clock snapshot */
        add_arg(b, ev, 0);
}

/* ---- processors ---- */

static void convert_proc(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b) {
    struct v1_proc *p = &r->index.procs[e->proc];
    bool start = e->type == V1_PROC_START;
    if (start) {
        p->m = p->id == -1 ? NO_ID : (int64_t)e->args[0];
        p->has_m = true;
    }
    struct ev *ev = append_event(r, e, b);
    ev->kind = EV_PROC_TRANSITION;
    ev->scope = SCOPE_PROC;
    ev->id = (uint64_t)(int64_t)e->p;
    ev->from = start ? PROC_IDLE : PROC_RUNNING;
    if (!p->seen) ev->from = PROC_UNDETERMINED;
    ev->to = start ? PROC_RUNNING : PROC_IDLE;
    p->seen = true;
    if (start) return;
    p->has_m = false;
    p->m = NO_ID;
}

static uint32_t stw_kind(const struct go_v1 *r, uint64_t kind) {
    if (r->version < 21) return kind <= 1 ? (uint32_t)kind + 1 : 0;
    return kind < V1_N_STOPS ? (uint32_t)kind : 0;
}

/* ---- goroutines ---- */

static int add_early(struct go_v1 *r, const struct v1_event *e) {
    struct v1_convert *c = &r->convert;
    uint8_t *state = v1_state_of(r, e->target);
    if (*state & V1_EARLY) return 0;
    TRY(v1_grow(&c->earlies, c->n_earlies, &c->cap_earlies, sizeof *c->earlies));
    c->earlies[c->n_earlies++] = (struct v1_early){.g = e->args[0], .slot = e->target};
    *state |= V1_EARLY;
    return 0;
}

static int compare_earlies(const void *a, const void *b) {
    int64_t x = (int64_t)((const struct v1_early *)a)->g;
    int64_t y = (int64_t)((const struct v1_early *)b)->g;
    return x < y ? -1 : x > y;
}

/* The first GOMAXPROCS: what was created so far and has no state yet is runnable. */
static void end_early(struct go_v1 *r, const struct v1_event *e) {
    struct v1_convert *c = &r->convert;
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_earlies; i++)
        if (*v1_state_of(r, c->earlies[i].slot) & V1_EARLY) c->earlies[n++] = c->earlies[i];
    c->n_earlies = n;
    if (n) qsort(c->earlies, n, sizeof *c->earlies, compare_earlies);
    c->early = false;
    c->give_earlies = n > 0;
    c->early_ns = e->ts;
}

bool v1_convert_earlies(struct go_v1 *r, struct ev_batch *b) {
    struct v1_convert *c = &r->convert;
    while (c->give_earlies && b->n < EV_BATCH_EVENTS) {
        uint64_t g = c->earlies[c->i_early].g;
        transition(append(r, c->early_ns, b), g, GO_UNDETERMINED, GO_RUNNABLE);
        if (++c->i_early == c->n_earlies) c->give_earlies = false;
    }
    return !c->give_earlies;
}

/* Two events; unlike elsewhere an unknown thread is 0 here, as Go has it. */
static void convert_quick_call(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b) {
    struct ev *begin = append_event(r, e, b);
    if (begin->m == NO_ID && !r->index.procs[e->proc].has_m) begin->m = 0;
    transition(begin, e->g, GO_RUNNING, GO_SYSCALL);
    begin->tstack = begin->stack;
    struct ev *end = append(r, (int64_t)((uint64_t)e->ts + 1), b);
    end->g = begin->g;
    end->p = begin->p;
    end->m = begin->m;
    transition(end, e->g, GO_SYSCALL, GO_RUNNING);
}

static void convert_label(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b) {
    struct ev *start = append_event(r, e, b);
    start->g = (int64_t)e->g;
    if (start->m == NO_ID && !r->index.procs[e->proc].has_m) start->m = 0;
    transition(start, e->args[0], GO_RUNNABLE, GO_RUNNING);
    struct ev *label = append(r, e->ts, b);
    label->g = start->g;
    label->p = start->p;
    label->m = start->m;
    label->kind = EV_LABEL;
    label->scope = SCOPE_GO;
    label->id = e->g;
    label->str = v1_string(&r->index, e->args[2]);
}

/* Events whose transition is of the acting goroutine, and which have its stack. */
static void leave(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b, enum go_state to) {
    struct ev *ev = append_event(r, e, b);
    transition(ev, (uint64_t)ev->g, GO_RUNNING, to);
    ev->tstack = ev->stack;
    ev->str = r->convert.names.wait[e->type];
}

static void status(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b,
                   enum go_state to) {
    transition(append_event(r, e, b), e->args[0], GO_UNDETERMINED, to);
    *v1_state_of(r, e->slot) &= (uint8_t)~V1_EARLY;
}

static int convert_create(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b,
                          struct fault *f) {
    if (r->convert.early) {
        if (add_early(r, e) < 0) return fault_set(f, PV_ENOMEM, -1, "out of memory");
        return 0;
    }
    struct ev *ev = append_event(r, e, b);
    transition(ev, e->args[0], GO_NOTEXIST, GO_RUNNABLE);
    ev->tstack = v1_refs_get(&r->index.stacks, e->args[1]);
    return 0;
}

/* ---- annotations ---- */

static int convert_task_begin(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b,
                              struct fault *f) {
    struct v1_convert *c = &r->convert;
    struct ev *ev = append_event(r, e, b);
    ev->kind = EV_TASK_BEGIN;
    ev->id = e->args[0];
    ev->aux = e->args[1] ? e->args[1] : UINT64_MAX;
    ev->str = v1_string(&r->index, e->args[2]);
    uint32_t i = idmap_get(&c->tasks, ev->id);
    if (i == 0) {
        if (v1_grow(&c->task, c->n_task, &c->cap_task, sizeof *c->task) < 0 ||
            idmap_put(&c->tasks, ev->id, c->n_task + 1) < 0)
            return fault_set(f, PV_ENOMEM, -1, "out of memory");
        i = ++c->n_task;
    }
    c->task[i - 1] = (struct v1_task){.parent = e->args[1], .name = ev->str};
    return 0;
}

/* A task without a parent has parent 0 at its end: Go's converter does not translate it here. */
static void convert_task_end(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b) {
    struct v1_convert *c = &r->convert;
    struct ev *ev = append_event(r, e, b);
    ev->kind = EV_TASK_END;
    ev->id = e->args[0];
    ev->aux = UINT64_MAX;
    uint32_t i = idmap_get(&c->tasks, ev->id);
    if (i == 0) return;
    ev->aux = c->task[i - 1].parent;
    ev->str = c->task[i - 1].name;
    idmap_remove(&c->tasks, ev->id);
}

static void convert_annotation(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b) {
    struct ev *ev = append_event(r, e, b);
    ev->id = e->args[0];
    if (e->type == V1_REGION) {
        ev->kind = e->args[1] == 0 ? EV_REGION_BEGIN : EV_REGION_END;
        ev->str = v1_string(&r->index, e->args[2]);
    } else {
        ev->kind = EV_LOG;
        ev->str = v1_string(&r->index, e->args[1]);
        ev->aux = e->args[2];
    }
}

/* ---- all ---- */

static void convert_range(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b) {
    struct v1_convert *c = &r->convert;
    struct ev *ev = append_event(r, e, b);
    switch ((enum v1_type)e->type) {
    case V1_GC_START:
        range(ev, EV_RANGE_BEGIN, c->names.mark, SCOPE_NONE);
        return;
    case V1_GC_DONE:
        range(ev, EV_RANGE_END, c->names.mark, SCOPE_NONE);
        return;
    case V1_STW_START:
        c->stw = c->names.stw[stw_kind(r, e->args[0])];
        range(ev, EV_RANGE_BEGIN, c->stw, SCOPE_GO);
        return;
    case V1_STW_DONE:
        range(ev, EV_RANGE_END, c->stw, SCOPE_GO);
        return;
    case V1_SWEEP_START:
        range(ev, EV_RANGE_BEGIN, c->names.sweep, SCOPE_PROC);
        return;
    case V1_SWEEP_DONE:
        range(ev, EV_RANGE_END, c->names.sweep, SCOPE_PROC);
        add_arg(b, ev, e->args[0]);
        add_arg(b, ev, e->args[1]);
        return;
    case V1_ASSIST_START:
        range(ev, EV_RANGE_BEGIN, c->names.assist, SCOPE_GO);
        return;
    default:
        range(ev, EV_RANGE_END, c->names.assist, SCOPE_GO);
        return;
    }
}

static void convert_metric(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b) {
    const struct v1_names *n = &r->convert.names;
    if (e->type == V1_GOMAXPROCS && r->convert.early) {
        end_early(r, e);
        return;
    }
    uint32_t name = e->type == V1_GOMAXPROCS ? n->gomaxprocs : n->goal;
    if (e->type == V1_HEAP_ALLOC) name = n->heap;
    metric(append_event(r, e, b), name, e->args[0]);
}

int v1_convert(struct go_v1 *r, const struct v1_event *e, struct ev_batch *b, struct fault *f) {
    struct ev *ev;
    switch ((enum v1_type)e->type) {
    case V1_GOMAXPROCS:
    case V1_HEAP_ALLOC:
    case V1_HEAP_GOAL:
        convert_metric(r, e, b);
        return 0;
    case V1_PROC_START:
    case V1_PROC_STOP:
        convert_proc(r, e, b);
        return 0;
    case V1_GC_START:
    case V1_GC_DONE:
    case V1_STW_START:
    case V1_STW_DONE:
    case V1_SWEEP_START:
    case V1_SWEEP_DONE:
    case V1_ASSIST_START:
    case V1_ASSIST_DONE:
        convert_range(r, e, b);
        return 0;
    case V1_GO_CREATE:
        return convert_create(r, e, b, f);
    case V1_GO_START:
        if (r->convert.early)
            status(r, e, b, GO_RUNNING);
        else
            transition(append_event(r, e, b), e->args[0], GO_RUNNABLE, GO_RUNNING);
        return 0;
    case V1_GO_START_LABEL:
        convert_label(r, e, b);
        return 0;
    case V1_GO_END:
        ev = append_event(r, e, b);
        transition(ev, (uint64_t)ev->g, GO_RUNNING, GO_NOTEXIST);
        return 0;
    case V1_GO_SCHED:
    case V1_GO_PREEMPT:
        leave(r, e, b, GO_RUNNABLE);
        return 0;
    case V1_GO_STOP:
    case V1_GO_SLEEP:
    case V1_GO_BLOCK:
    case V1_GO_BLOCK_SEND:
    case V1_GO_BLOCK_RECV:
    case V1_GO_BLOCK_SELECT:
    case V1_GO_BLOCK_SYNC:
    case V1_GO_BLOCK_COND:
    case V1_GO_BLOCK_NET:
    case V1_GO_BLOCK_GC:
        leave(r, e, b, GO_WAITING);
        return 0;
    case V1_GO_UNBLOCK:
        transition(append_event(r, e, b), e->args[0], GO_WAITING, GO_RUNNABLE);
        return 0;
    case V1_GO_SYSCALL:
        if (e->args[V1_BLOCKS])
            leave(r, e, b, GO_SYSCALL);
        else
            convert_quick_call(r, e, b);
        return 0;
    case V1_GO_SYS_EXIT:
        ev = append_event(r, e, b);
        transition(ev, (uint64_t)ev->g, GO_SYSCALL, GO_RUNNABLE);
        return 0;
    case V1_GO_SYS_BLOCK:
        return 0;
    case V1_GO_WAITING:
        status(r, e, b, GO_WAITING);
        return 0;
    case V1_GO_IN_SYSCALL:
        status(r, e, b, GO_SYSCALL);
        return 0;
    case V1_TASK_CREATE:
        return convert_task_begin(r, e, b, f);
    case V1_TASK_END:
        convert_task_end(r, e, b);
        return 0;
    case V1_REGION:
    case V1_LOG:
        convert_annotation(r, e, b);
        return 0;
    case V1_CPU_SAMPLE:
        append_event(r, e, b)->kind = EV_STACK_SAMPLE;
        return 0;
    default:
        return fault_set(f, PV_ECORRUPT, -1, "unexpected event type %d", e->type);
    }
}
