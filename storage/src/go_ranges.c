/* storage/src/go_ranges.c - what goes on for a while (GC, sweep, mark assist, stop-the-world,
 * tasks, regions), and what is said at a moment (metrics, labels, logs, alloc/free).
 *
 * Invariants  1. On a G at most one mark assist is open, and one stop-the-world per reason; on a P
 *                at most one sweep; one GC in all, whose begins and ends share one counter.
 *             2. Names of tasks and regions outlive their generation: they are kept as ids of the
 *                dictionary.  A stop-the-world is named by its end's generation, as Go does it.
 * Source      go1.26 src/internal/trace/order.go, event.go */
#include "storage/src/go_order_impl.h"

#include <stdio.h>

static struct ev *put_range(struct go_order *o, const struct go_cursor *c, const struct go_m *m,
                            enum ev_kind kind, uint32_t name, enum ev_scope scope, uint64_t id) {
    struct ev *ev = put_in(o, c, m, kind);
    ev->str = name;
    ev->scope = (unsigned)scope & 3u;
    ev->id = id;
    return ev;
}

/* ---- GC ---- */

int go_rule_gc_active(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    if (o->gen_number == o->initial_gen) {
        if (o->gc_state != GC_UNDETERMINED)
            return go_broken(o, c, "GCActive in the first generation isn't first GC event");
        o->gc_state = GC_RUNNING;
    } else {
        if (c->args[0] != o->gc_seq + 1) return WAIT;
        if (o->gc_state != GC_RUNNING)
            return go_broken(o, c, "encountered GCActive while GC was not in progress");
        TRY(require(o, c, m, MUST, MUST));
    }
    o->gc_seq = c->args[0];
    put_range(o, c, m, EV_RANGE_ACTIVE, o->name_gc, SCOPE_NONE, 0);
    return DONE;
}

int go_rule_gc_begin(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    if (o->gc_state != GC_UNDETERMINED) {
        if (c->args[0] != o->gc_seq + 1) return WAIT;
        if (o->gc_state == GC_RUNNING)
            return go_broken(o, c, "encountered GCBegin while GC was already in progress");
        TRY(require(o, c, m, MUST, MUST));
    }
    o->gc_seq = c->args[0];
    o->gc_state = GC_RUNNING;
    put_range(o, c, m, EV_RANGE_BEGIN, o->name_gc, SCOPE_NONE, 0)->stack =
        stack_id(o, c, c->args[1]);
    return DONE;
}

int go_rule_gc_end(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    if (c->args[0] != o->gc_seq + 1) return WAIT;
    if (o->gc_state != GC_RUNNING)
        return go_broken(o, c, "encountered GCEnd when GC was %s",
                         o->gc_state == GC_NOT_RUNNING ? "not in progress"
                                                       : "in an undetermined state");
    o->gc_seq = c->args[0];
    o->gc_state = GC_NOT_RUNNING;
    TRY(require(o, c, m, MUST, MUST));
    put_range(o, c, m, EV_RANGE_END, o->name_gc, SCOPE_NONE, 0);
    return DONE;
}

/* ---- faults that all ranges share ---- */

static int already_open(struct go_order *o, const struct go_cursor *c, unsigned start,
                        bool active) {
    const char *name = go_event_specs[start].name;
    if (active) return go_broken(o, c, "found named active range already in first gen: %s", name);
    return go_broken(o, c, "discovered event already in-flight for when starting event %s", name);
}

static int not_open(struct go_order *o, const struct go_cursor *c, unsigned start, bool active) {
    const char *name = go_event_specs[start].name;
    if (active) return go_broken(o, c, "resource is missing active range: %s", name);
    return go_broken(o, c, "tried to end event %s, but not in-flight", name);
}

/* ---- sweep, on a P ---- */

int go_rule_sweep(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    if (c->type == GOEV_GC_SWEEP_ACTIVE) {
        struct go_p *p = find_p(o, c->args[0]);
        if (!p)
            return go_broken(o, c, "encountered GCSweepActive for unknown proc %lld",
                             (long long)c->args[0]);
        bool first = o->gen_number == o->initial_gen;
        if (first && p->sweeping) return already_open(o, c, GOEV_GC_SWEEP_BEGIN, true);
        if (!first && !p->sweeping) return not_open(o, c, GOEV_GC_SWEEP_BEGIN, true);
        p->sweeping = true;
        put_range(o, c, m, EV_RANGE_ACTIVE, o->name_sweep, SCOPE_PROC, c->args[0]);
        return DONE;
    }
    TRY(require(o, c, m, MUST, MAY));
    struct go_p *p = current_p(o, m);
    if (!p)
        return go_broken(o, c, "uninitialized proc %lld found during %s", (long long)m->p,
                         go_event_name(o, c->type));
    if (c->type == GOEV_GC_SWEEP_BEGIN) {
        if (p->sweeping) return already_open(o, c, GOEV_GC_SWEEP_BEGIN, false);
        p->sweeping = true;
        put_range(o, c, m, EV_RANGE_BEGIN, o->name_sweep, SCOPE_PROC, (uint64_t)m->p)->stack =
            stack_id(o, c, c->args[0]);
        return DONE;
    }
    if (!p->sweeping) return not_open(o, c, GOEV_GC_SWEEP_BEGIN, false);
    p->sweeping = false;
    struct ev *ev = put_range(o, c, m, EV_RANGE_END, o->name_sweep, SCOPE_PROC, (uint64_t)m->p);
    put_arg(o, ev, c->args[0]);
    put_arg(o, ev, c->args[1]);
    return DONE;
}

/* ---- ranges of a G ---- */

static struct go_extra *extra_of(struct go_g *g) {
    if (!g->extra) g->extra = calloc(1, sizeof *g->extra);
    return g->extra;
}

void go_extra_free(struct go_extra *x) {
    if (!x) return;
    free(x->ranges);
    free(x->regions);
    free(x);
}

static bool has_range(const struct go_g *g, unsigned start, uint64_t reason) {
    for (uint32_t i = 0; g->extra && i < g->extra->n_ranges; i++)
        if (g->extra->ranges[i].start == start && g->extra->ranges[i].reason == reason) return true;
    return false;
}

static int add_range(struct go_g *g, unsigned start, uint64_t reason, uint32_t name) {
    struct go_extra *x = extra_of(g);
    if (!x) return PV_ENOMEM;
    if (x->n_ranges == x->cap_ranges) {
        uint32_t cap = x->cap_ranges ? x->cap_ranges * 2 : 2;
        struct go_range *ranges = realloc(x->ranges, cap * sizeof *ranges);
        if (!ranges) return PV_ENOMEM;
        x->ranges = ranges;
        x->cap_ranges = cap;
    }
    x->ranges[x->n_ranges++] =
        (struct go_range){.reason = reason, .name = name, .start = (uint8_t)start};
    return 0;
}

/* Takes the first open range of the kind away; the last takes its place. */
static bool end_range(struct go_g *g, unsigned start, struct go_range *out) {
    for (uint32_t i = 0; g->extra && i < g->extra->n_ranges; i++) {
        struct go_extra *x = g->extra;
        if (x->ranges[i].start != start) continue;
        *out = x->ranges[i];
        x->ranges[i] = x->ranges[--x->n_ranges];
        return true;
    }
    return false;
}

/* "stop-the-world (reason)"; the few reasons that there are stay in a small cache. */
static uint32_t stw_name(struct go_order *o, uint32_t reason) {
    unsigned slot = reason % GO_STW_CACHE;
    if (o->stw[slot].name && o->stw[slot].reason == reason) return o->stw[slot].name;
    char name[GO_MAX_STRING_BYTES + 32];
    struct text text = dict_string(o->dict, reason);
    size_t n = sizeof "stop-the-world (" - 1;
    memcpy(name, "stop-the-world (", n);
    memcpy(name + n, text.data, text.n);
    n += text.n;
    name[n++] = ')';
    uint32_t id = dict_add_string(o->dict, name, n);
    if (id == UINT32_MAX) return 0;
    o->stw[slot].reason = reason;
    o->stw[slot].name = id;
    return id;
}

/* The M's goroutine.  NULL: fault in *rc. */
static struct go_g *user_g(struct go_order *o, struct go_cursor *c, struct go_m *m, int *rc) {
    *rc = require(o, c, m, MUST, MUST);
    if (*rc < 0) return NULL;
    struct go_g *g = current_g(o, m);
    if (!g)
        *rc = go_broken(o, c, "encountered %s without known state for current goroutine %lld",
                        go_event_name(o, c->type), (long long)m->g);
    return g;
}

int go_rule_g_range_begin(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    int rc;
    struct go_g *g = user_g(o, c, m, &rc);
    if (!g) return rc;
    bool stw = c->type == GOEV_STW_BEGIN;
    uint64_t reason = stw ? c->args[0] : 0;
    if (has_range(g, c->type, reason)) return already_open(o, c, c->type, false);
    uint32_t stack = stack_id(o, c, c->args[stw ? 1 : 0]);
    uint32_t name = stw ? stw_name(o, string_id(o, c, reason)) : o->name_assist;
    if (add_range(g, c->type, reason, name) < 0) return go_no_memory(o);
    put_range(o, c, m, EV_RANGE_BEGIN, name, SCOPE_GO, (uint64_t)m->g)->stack = stack;
    return DONE;
}

int go_rule_g_range_active(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    struct go_g *g = find_g(o, c->args[0]);
    if (!g)
        return go_broken(o, c, "uninitialized goroutine %lld found during %s",
                         (long long)c->args[0], go_event_name(o, c->type));
    unsigned start = go_event_specs[c->type].start;
    bool first = o->gen_number == o->initial_gen, open = has_range(g, start, 0);
    if (first && open) return already_open(o, c, start, true);
    if (!first && !open) return not_open(o, c, start, true);
    if (first && add_range(g, start, 0, o->name_assist) < 0) return go_no_memory(o);
    put_range(o, c, m, EV_RANGE_ACTIVE, o->name_assist, SCOPE_GO, c->args[0]);
    return DONE;
}

int go_rule_g_range_end(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    int rc;
    struct go_g *g = user_g(o, c, m, &rc);
    if (!g) return rc;
    struct go_range range;
    unsigned start = go_event_specs[c->type].start;
    if (!end_range(g, start, &range)) return not_open(o, c, start, false);
    uint32_t name = range.name, reason = 0;
    if (c->type == GOEV_STW_END && range.reason &&
        go_ids_get(&o->tables->strings, range.reason, &reason))
        name = stw_name(o, reason);
    put_range(o, c, m, EV_RANGE_END, name, SCOPE_GO, (uint64_t)m->g);
    return DONE;
}

/* ---- at a moment ---- */

int go_rule_metric(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    bool procs = c->type == GOEV_PROCS_CHANGE;
    TRY(require(o, c, m, MUST, procs ? MUST : MAY));
    struct ev *ev = put_in(o, c, m, EV_METRIC);
    ev->id = c->args[0];
    ev->str = procs ? o->name_procs : c->type == GOEV_HEAP_ALLOC ? o->name_heap : o->name_goal;
    if (procs) ev->stack = stack_id(o, c, c->args[1]);
    return DONE;
}

int go_rule_label(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    TRY(require(o, c, m, MUST, MUST));
    struct ev *ev = put_in(o, c, m, EV_LABEL);
    ev->id = (uint64_t)m->g;
    ev->scope = SCOPE_GO;
    ev->str = string_id(o, c, c->args[0]);
    return DONE;
}

int go_rule_log(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    TRY(require(o, c, m, MUST, MUST));
    struct ev *ev = put_in(o, c, m, EV_LOG);
    ev->id = c->args[0];
    ev->stack = stack_id(o, c, c->args[3]);
    ev->str = string_id(o, c, c->args[1]);
    ev->aux = string_id(o, c, c->args[2]);
    return DONE;
}

int go_rule_alloc_free(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    TRY(require(o, c, m, MAY, MAY));
    struct ev *ev = put_in(o, c, m, EV_EXPERIMENTAL);
    ev->aux = c->type;
    for (unsigned i = 0; i < go_event_specs[c->type].n_args; i++) put_arg(o, ev, c->args[i]);
    return DONE;
}

/* ---- tasks ---- */

static int add_task(struct go_order *o, uint64_t id, uint64_t parent, uint32_t name) {
    uint32_t i = o->free_task;
    if (i) {
        o->free_task = o->tasks[i].next_free;
    } else {
        if (o->n_tasks == o->cap_tasks) {
            uint32_t cap = o->cap_tasks * 2;
            struct go_task *tasks =
                cap > o->cap_tasks ? realloc(o->tasks, cap * sizeof *tasks) : NULL;
            if (!tasks) return PV_ENOMEM;
            o->tasks = tasks;
            o->cap_tasks = cap;
        }
        i = o->n_tasks++;
    }
    o->tasks[i] = (struct go_task){.parent = parent, .name = name};
    return idmap_put(&o->task_map, id, i);
}

/* The name is looked up before the context is looked at, as Go does it. */
static int named(struct go_order *o, const struct go_cursor *c, uint64_t id, uint32_t *name) {
    *name = 0;
    if (id == 0 || go_ids_get(&o->tables->strings, id, name)) return 0;
    *name = 0;
    if (o->tables->lenient) return 0;
    return go_broken(o, c, "invalid string ID %llu for %u event", (unsigned long long)id, c->type);
}

int go_rule_task_begin(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    uint64_t id = c->args[0];
    uint64_t parent = c->args[1] ? c->args[1] : UINT64_MAX; /* 0 is no parent */
    uint32_t name;
    if (idmap_get(&o->task_map, id))
        return go_broken(o, c, "task ID conflict: %llu", (unsigned long long)id);
    TRY(named(o, c, c->args[2], &name));
    TRY(require(o, c, m, MUST, MUST));
    if (add_task(o, id, parent, name) < 0) return go_no_memory(o);
    struct ev *ev = put_in(o, c, m, EV_TASK_BEGIN);
    ev->id = id;
    ev->aux = parent;
    ev->str = name;
    ev->stack = stack_id(o, c, c->args[3]);
    return DONE;
}

/* A task may end without a begin that we saw, and more than once. */
int go_rule_task_end(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    TRY(require(o, c, m, MUST, MUST));
    struct ev *ev = put_in(o, c, m, EV_TASK_END);
    ev->id = c->args[0];
    ev->aux = UINT64_MAX;
    ev->stack = stack_id(o, c, c->args[1]);
    uint32_t i = idmap_get(&o->task_map, c->args[0]);
    if (!i) return DONE;
    ev->aux = o->tasks[i].parent;
    ev->str = o->tasks[i].name;
    o->tasks[i].next_free = o->free_task;
    o->free_task = i;
    idmap_remove(&o->task_map, c->args[0]);
    return DONE;
}

/* ---- regions ---- */

static void put_region(struct go_order *o, struct go_cursor *c, const struct go_m *m,
                       enum ev_kind kind, uint32_t name) {
    struct ev *ev = put_in(o, c, m, kind);
    ev->id = c->args[0];
    ev->str = name;
    ev->stack = stack_id(o, c, c->args[2]);
}

int go_rule_region_begin(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    uint32_t name;
    int rc;
    TRY(require(o, c, m, MUST, MUST));
    TRY(named(o, c, c->args[1], &name));
    struct go_g *g = user_g(o, c, m, &rc);
    if (!g) return rc;
    struct go_extra *x = extra_of(g);
    if (!x) return go_no_memory(o);
    if (x->n_regions == x->cap_regions) {
        uint32_t cap = x->cap_regions ? x->cap_regions * 2 : 4;
        struct go_region *regions =
            cap > x->cap_regions ? realloc(x->regions, cap * sizeof *regions) : NULL;
        if (!regions) return go_no_memory(o);
        x->regions = regions;
        x->cap_regions = cap;
    }
    x->regions[x->n_regions++] = (struct go_region){.task = c->args[0], .name = name};
    put_region(o, c, m, EV_REGION_BEGIN, name);
    return DONE;
}

static int misused(struct go_order *o, const struct go_cursor *c, const struct go_g *g,
                   uint32_t name, const struct go_region *open) {
    struct text ours = dict_string(o->dict, name), theirs = dict_string(o->dict, open->name);
    return go_broken(o, c,
                     "misuse of region in goroutine %lld: region end {%llu %.*s} when the "
                     "inner-most active region start event is {%llu %.*s}",
                     (long long)g->id, (unsigned long long)c->args[0],
                     ours.n > 80 ? 80 : (int)ours.n, ours.data, (unsigned long long)open->task,
                     theirs.n > 80 ? 80 : (int)theirs.n, theirs.data);
}

/* A region that began before the trace has no begin. */
int go_rule_region_end(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    uint32_t name;
    int rc;
    TRY(require(o, c, m, MUST, MUST));
    TRY(named(o, c, c->args[1], &name));
    struct go_g *g = user_g(o, c, m, &rc);
    if (!g) return rc;
    struct go_extra *x = g->extra;
    if (x && x->n_regions) {
        const struct go_region *open = &x->regions[x->n_regions - 1];
        if (open->task != c->args[0] || open->name != name) return misused(o, c, g, name, open);
        x->n_regions--;
    }
    put_region(o, c, m, EV_REGION_END, name);
    return DONE;
}
