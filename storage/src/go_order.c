/* storage/src/go_order.c - may this event come now?  What does it change?  What is given out?
 *
 * Invariants  1. A rule that answers WAIT has changed nothing (but that the M is now known).
 *             2. An event's context is the M's goroutine and processor before it.
 *             3. The sequence number of a G or P counts within a generation; every generation sets
 *                it to 0 with a status event.
 *             4. gi and pi of an M are guesses that are checked: a goroutine may end elsewhere.
 * Here        the states, the table of rules, and what no M says: syncs and CPU samples.
 * Not here    the rules (go_sched.c, go_ranges.c); whose turn it is (go_merge.c).
 * Source      go1.26 src/internal/trace/order.go, event.go */
#include "storage/src/go_order_impl.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- faults ---- */

const char *go_event_name(struct go_order *o, unsigned type) {
    const struct go_event_spec *spec = &go_event_specs[type];
    if (spec->name && spec->since <= o->version) return spec->name;
    snprintf(o->event_name, sizeof o->event_name, "Invalid(%u)", type);
    return o->event_name;
}

int go_broken(struct go_order *o, const struct go_cursor *c, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fault_set(o->fault, PV_ECORRUPT, go_cursor_offset(c), "%s", text);
}

void go_bad_id(struct go_order *o, struct go_cursor *c, const char *what, uint64_t id) {
    if (o->id_fault.code || o->tables->lenient) return;
    c->time_ns = 0; /* keeps go_merge.c from its fast way, so that it sees the fault */
    fault_set(&o->id_fault, PV_ECORRUPT, go_cursor_offset(c),
              "found invalid %s ID %llu for event %s", what, (unsigned long long)id,
              go_event_specs[c->type].name);
}

int go_context_fault(struct go_order *o, const struct go_cursor *c, const struct go_m *m,
                     enum need p, enum need g) {
    const char *text;
    if (m->id == GO_NO_THREAD)
        text = "expected a thread but didn't have one";
    else if (p == MUST && m->p == NO_ID)
        text = "expected a proc but didn't have one";
    else if (p == MUST_NOT && m->p != NO_ID)
        text = "expected no proc but had one";
    else if (g == MUST && m->g == NO_ID)
        text = "expected a goroutine but didn't have one";
    else
        text = "expected no goroutine but had one";
    return go_broken(o, c, "%s (event %s)", text, go_event_name(o, c->type));
}

int go_no_memory(struct go_order *o) {
    return fault_set(o->fault, PV_ENOMEM, -1, "out of memory for the state of the scheduler");
}

/* ---- states ---- */

/* Room for one more of n things of a size each; index 0 stays unused. */
static void *grow(void *things, uint32_t n, uint32_t *cap, size_t size) {
    if (n < *cap) return things;
    uint32_t want = *cap ? *cap * 2 : 64;
    if (want <= *cap) return NULL;
    void *grown = realloc(things, want * size);
    if (!grown) return NULL;
    memset((char *)grown + *cap * size, 0, (want - *cap) * size);
    *cap = want;
    return grown;
}

struct go_g *go_add_g(struct go_order *o, uint64_t id, uint8_t status) {
    uint32_t i = o->free_g;
    if (i) {
        o->free_g = o->gs[i].next_free;
    } else {
        struct go_g *gs = grow(o->gs, o->n_gs, &o->cap_gs, sizeof *gs);
        if (!gs) return NULL;
        o->gs = gs;
        i = o->n_gs++;
    }
    if (idmap_put(&o->g_map, id, i) < 0) return NULL;
    o->gs[i] =
        (struct go_g){.id = (int64_t)id, .status = status, .live = true, .seq_gen = o->gen_number};
    return &o->gs[i];
}

void go_remove_g(struct go_order *o, struct go_g *g) {
    idmap_remove(&o->g_map, (uint64_t)g->id);
    go_extra_free(g->extra);
    *g = (struct go_g){.next_free = o->free_g};
    o->free_g = (uint32_t)(g - o->gs);
}

struct go_p *go_add_p(struct go_order *o, uint64_t id, uint8_t status) {
    struct go_p *ps = grow(o->ps, o->n_ps, &o->cap_ps, sizeof *ps);
    if (!ps) return NULL;
    o->ps = ps;
    if (idmap_put(&o->p_map, id, o->n_ps) < 0) return NULL;
    ps[o->n_ps] = (struct go_p){.id = (int64_t)id, .status = status, .seq_gen = o->gen_number};
    return &ps[o->n_ps++];
}

uint32_t go_add_m(struct go_order *o, uint64_t id, int64_t g) {
    struct go_m *ms = grow(o->ms, o->n_ms, &o->cap_ms, sizeof *ms);
    if (!ms) return 0;
    o->ms = ms;
    if (idmap_put(&o->m_map, id, o->n_ms) < 0) return 0;
    ms[o->n_ms] = (struct go_m){.id = id, .g = g, .p = NO_ID};
    return o->n_ms++;
}

struct go_g *go_find_current_g(struct go_order *o, struct go_m *m) {
    m->gi = idmap_get(&o->g_map, (uint64_t)m->g);
    return m->gi ? &o->gs[m->gi] : NULL;
}

/* ---- the whole ---- */

static int bad_event(struct go_order *o, struct go_cursor *c, struct go_m *m) {
    (void)m;
    return go_broken(o, c, "bad event type found while ordering: %u", c->type);
}

go_rule *const go_rules[GOEV_LIMIT] = {
    [GOEV_CLOCK_SNAPSHOT] = bad_event,
    [GOEV_PROC_START] = go_rule_proc_start,
    [GOEV_PROC_STOP] = go_rule_proc_stop,
    [GOEV_PROC_STEAL] = go_rule_proc_steal,
    [GOEV_PROC_STATUS] = go_rule_proc_status,
    [GOEV_GO_CREATE] = go_rule_g_create,
    [GOEV_GO_CREATE_BLOCKED] = go_rule_g_create,
    [GOEV_GO_CREATE_SYSCALL] = go_rule_create_syscall,
    [GOEV_GO_DESTROY_SYSCALL] = go_rule_destroy_syscall,
    [GOEV_GO_SYSCALL_END_BLOCKED] = go_rule_syscall_end_blocked,
    [GOEV_GO_STATUS] = go_rule_g_status,
    [GOEV_GO_STATUS_STACK] = go_rule_g_status,
    [GOEV_GO_SWITCH] = go_rule_g_switch,
    [GOEV_GO_SWITCH_DESTROY] = go_rule_g_switch,
    [GOEV_STW_BEGIN] = go_rule_g_range_begin,
    [GOEV_STW_END] = go_rule_g_range_end,
    [GOEV_GC_MARK_ASSIST_BEGIN] = go_rule_g_range_begin,
    [GOEV_GC_MARK_ASSIST_END] = go_rule_g_range_end,
    [GOEV_GC_MARK_ASSIST_ACTIVE] = go_rule_g_range_active,
    [GOEV_GC_ACTIVE] = go_rule_gc_active,
    [GOEV_GC_BEGIN] = go_rule_gc_begin,
    [GOEV_GC_END] = go_rule_gc_end,
    [GOEV_GC_SWEEP_ACTIVE] = go_rule_sweep,
    [GOEV_GC_SWEEP_BEGIN] = go_rule_sweep,
    [GOEV_GC_SWEEP_END] = go_rule_sweep,
    [GOEV_PROCS_CHANGE] = go_rule_metric,
    [GOEV_HEAP_ALLOC] = go_rule_metric,
    [GOEV_HEAP_GOAL] = go_rule_metric,
    [GOEV_GO_LABEL] = go_rule_label,
    [GOEV_USER_TASK_BEGIN] = go_rule_task_begin,
    [GOEV_USER_TASK_END] = go_rule_task_end,
    [GOEV_USER_REGION_BEGIN] = go_rule_region_begin,
    [GOEV_USER_REGION_END] = go_rule_region_end,
    [GOEV_USER_LOG] = go_rule_log,
    [GOEV_SPAN] = go_rule_alloc_free,
    [GOEV_SPAN_ALLOC] = go_rule_alloc_free,
    [GOEV_SPAN_FREE] = go_rule_alloc_free,
    [GOEV_HEAP_OBJECT] = go_rule_alloc_free,
    [GOEV_HEAP_OBJECT_ALLOC] = go_rule_alloc_free,
    [GOEV_HEAP_OBJECT_FREE] = go_rule_alloc_free,
    [GOEV_GOROUTINE_STACK] = go_rule_alloc_free,
    [GOEV_GOROUTINE_STACK_ALLOC] = go_rule_alloc_free,
    [GOEV_GOROUTINE_STACK_FREE] = go_rule_alloc_free,
};

struct go_m *go_first_m(struct go_order *o, struct go_cursor *c) {
    if (o->initial_gen == 0) o->initial_gen = o->gen_number;
    if (c->m == GO_NO_THREAD) {
        o->ms[0] = (struct go_m){.id = GO_NO_THREAD, .g = NO_ID, .p = NO_ID};
        return &o->ms[0];
    }
    c->thread = idmap_get(&o->m_map, c->m);
    if (!c->thread) c->thread = go_add_m(o, c->m, NO_ID);
    return c->thread ? &o->ms[c->thread] : NULL;
}

void go_order_sync(struct go_order *o, int64_t time_ns, uint32_t n, bool with_tables) {
    struct ev *ev = put(o, time_ns, NO_ID, NO_ID, GO_NO_THREAD, EV_SYNC);
    const struct go_tables *t = o->tables;
    bool snapshot = with_tables && t->has_snapshot;
    put_arg(o, ev, n);
    put_arg(o, ev, snapshot);
    put_arg(o, ev, snapshot ? (uint64_t)go_ticks_to_ns(t, t->snapshot_time) : 0);
    put_arg(o, ev, snapshot ? t->snapshot_mono : 0);
    put_arg(o, ev, snapshot ? t->snapshot_wall_ns : 0);
    put_arg(o, ev, with_tables ? t->n_alloc_batches : 0);
    put_arg(o, ev, with_tables ? t->alloc_bytes : 0);
}

int go_order_sample(struct go_order *o, const struct go_sample *s, int64_t time_ns) {
    uint32_t stack = 0;
    bool known = s->stack == 0 || go_ids_get(&o->tables->stacks, s->stack, &stack);
    if (!known && o->tables->lenient) stack = 0;
    if (!known && !o->tables->lenient)
        return fault_set(o->fault, PV_ECORRUPT, (int64_t)s->at,
                         "found invalid stack ID %llu for event CPUSample",
                         (unsigned long long)s->stack);
    put(o, time_ns, s->g, s->p, (uint64_t)s->m, EV_STACK_SAMPLE)->stack = stack;
    return 0;
}

int go_order_init(struct go_order *o, int version, struct dict *d, struct fault *f) {
    static const struct {
        const char *name;
        size_t field;
    } names[] = {
        {"/sched/gomaxprocs:threads", offsetof(struct go_order, name_procs)},
        {"/memory/classes/heap/objects:bytes", offsetof(struct go_order, name_heap)},
        {"/gc/heap/goal:bytes", offsetof(struct go_order, name_goal)},
        {"GC concurrent mark phase", offsetof(struct go_order, name_gc)},
        {"GC incremental sweep", offsetof(struct go_order, name_sweep)},
        {"GC mark assist", offsetof(struct go_order, name_assist)},
    };
    *o = (struct go_order){.version = version, .dict = d};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint32_t id = dict_add_string(d, names[i].name, strlen(names[i].name));
        if (id == UINT32_MAX) return fault_set(f, PV_ENOMEM, -1, "out of memory");
        memcpy((char *)o + names[i].field, &id, sizeof id);
    }
    o->gs = grow(NULL, 0, &o->cap_gs, sizeof *o->gs);
    o->ps = grow(NULL, 0, &o->cap_ps, sizeof *o->ps);
    o->ms = grow(NULL, 0, &o->cap_ms, sizeof *o->ms);
    o->tasks = grow(NULL, 0, &o->cap_tasks, sizeof *o->tasks);
    if (!o->gs || !o->ps || !o->ms || !o->tasks)
        return fault_set(f, PV_ENOMEM, -1, "out of memory");
    go_order_reset(o);
    return 0;
}

void go_order_reset(struct go_order *o) {
    for (uint32_t i = 1; i < o->n_gs; i++) go_extra_free(o->gs[i].extra);
    idmap_clear(&o->g_map);
    idmap_clear(&o->p_map);
    idmap_clear(&o->m_map);
    idmap_clear(&o->task_map);
    memset(o->gs, 0, o->cap_gs * sizeof *o->gs);
    o->n_gs = o->n_ps = o->n_ms = o->n_tasks = 1;
    o->free_g = o->free_task = 0;
    o->initial_gen = o->gc_seq = 0;
    o->gc_state = GC_UNDETERMINED;
}

void go_order_free(struct go_order *o) {
    for (uint32_t i = 1; i < o->n_gs; i++) go_extra_free(o->gs[i].extra);
    idmap_free(&o->g_map);
    idmap_free(&o->p_map);
    idmap_free(&o->m_map);
    idmap_free(&o->task_map);
    free(o->gs);
    free(o->ps);
    free(o->ms);
    free(o->tasks);
    *o = (struct go_order){0};
}
