/* storage/src/ring_marks.c - the records that change no state: collector, stop-the-world, heap,
 * tasks, regions, logs, counters.  Names as Go has them, so that what knows Go's knows these. */
#include <stdio.h>
#include <stdlib.h>

#include "storage/src/ring_impl.h"

static uint32_t string(struct ring_order *o, uint64_t id) {
    return ring_string(o->file, o->dict, id);
}

static void range(struct ring_order *o, const struct ring_m *m, enum ev_kind kind, uint32_t name,
                  enum ev_scope scope, int64_t id) {
    struct ev *e = ring_emit(o, m, kind);
    e->str = name;
    e->scope = id == NO_ID ? SCOPE_NONE : scope & 3;
    e->id = id == NO_ID ? 0 : (uint64_t)id;
    e->stack = ring_stack(o->file, o->dict, m->record.stack);
}

/* The end does not say the kind: the thread's last begin does. */
static uint32_t stw_name(struct ring_order *o, uint64_t kind) {
    struct text why = dict_string(o->dict, string(o, kind));
    char name[PV_MAX_TEXT + 32];
    int n = snprintf(name, sizeof name, "stop-the-world (%.*s)", (int)why.n, why.data);
    return dict_add_string(o->dict, name, (size_t)n);
}

static void metric(struct ring_order *o, const struct ring_m *m, uint32_t name, uint64_t value) {
    struct ev *e = ring_emit(o, m, EV_METRIC);
    e->str = name;
    e->id = value;
    e->stack = ring_stack(o->file, o->dict, m->record.stack);
}

static void task_begin(struct ring_order *o, const struct ring_m *m) {
    const uint64_t *a = m->record.a;
    struct ring_task task = {a[1] ? a[1] : UINT64_MAX, string(o, a[2])};
    struct ev *e = ring_emit(o, m, EV_TASK_BEGIN);
    e->id = a[0];
    e->aux = task.parent;
    e->str = task.name;
    if (o->n_tasks == o->cap_tasks) {
        uint32_t cap = o->cap_tasks ? o->cap_tasks * 2 : 64;
        struct ring_task *more = reallocarray(o->tasks, cap, sizeof *more);
        if (!more) {
            o->no_memory = true;
            return;
        }
        o->tasks = more;
        o->cap_tasks = cap;
    }
    idmap_remove(&o->task_map, a[0]);
    o->tasks[o->n_tasks++] = task;
    if (idmap_put(&o->task_map, a[0], o->n_tasks) < 0) o->no_memory = true;
}

static void task_end(struct ring_order *o, const struct ring_m *m) {
    uint64_t id = m->record.a[0];
    uint32_t i = idmap_get(&o->task_map, id);
    struct ev *e = ring_emit(o, m, EV_TASK_END);
    e->id = id;
    e->aux = i ? o->tasks[i - 1].parent : UINT64_MAX;
    e->str = i ? o->tasks[i - 1].name : 0;
    idmap_remove(&o->task_map, id);
}

static void log_line(struct ring_order *o, const struct ring_m *m) {
    const struct ring_record *r = &m->record;
    struct ev *e = ring_emit(o, m, EV_LOG);
    e->id = r->a[0];
    e->str = string(o, r->a[1]);
    e->aux = dict_add_string(o->dict, r->text ? r->text : "", r->text ? r->a[2] : 0);
    e->stack = ring_stack(o->file, o->dict, r->stack);
}

static void region(struct ring_order *o, const struct ring_m *m, enum ev_kind kind) {
    struct ev *e = ring_emit(o, m, kind);
    e->id = m->record.a[0];
    e->str = string(o, m->record.a[1]);
    e->stack = ring_stack(o->file, o->dict, m->record.stack);
}

enum ring_step ring_mark(struct ring_order *o, struct ring_m *m) {
    const struct ring_record *r = &m->record;
    int64_t g = m->g ? (int64_t)m->g : NO_ID;
    struct ev *e;
    switch (r->code) {
    case PV_EV_GC_BEGIN:
        range(o, m, EV_RANGE_BEGIN, o->name_gc, SCOPE_NONE, NO_ID);
        break;
    case PV_EV_GC_END:
        range(o, m, EV_RANGE_END, o->name_gc, SCOPE_NONE, NO_ID);
        break;
    case PV_EV_STW_BEGIN:
        m->stw = stw_name(o, r->a[0]);
        range(o, m, EV_RANGE_BEGIN, m->stw, SCOPE_GO, g);
        break;
    case PV_EV_STW_END:
        if (m->stw) range(o, m, EV_RANGE_END, m->stw, SCOPE_GO, g);
        m->stw = 0;
        break;
    case PV_EV_ASSIST_BEGIN:
        range(o, m, EV_RANGE_BEGIN, o->name_assist, SCOPE_GO, g);
        break;
    case PV_EV_ASSIST_END:
        range(o, m, EV_RANGE_END, o->name_assist, SCOPE_GO, g);
        break;
    case PV_EV_SWEEP_BEGIN:
        range(o, m, EV_RANGE_BEGIN, o->name_sweep, SCOPE_PROC, m->p);
        break;
    case PV_EV_SWEEP_END:
        range(o, m, EV_RANGE_END, o->name_sweep, SCOPE_PROC, m->p);
        ring_args(o, &o->out->ev[o->out->n - 1], r->a, 2);
        break;
    case PV_EV_HEAP:
        metric(o, m, o->name_heap, r->a[0]);
        break;
    case PV_EV_HEAP_GOAL:
        metric(o, m, o->name_goal, r->a[0]);
        break;
    case PV_EV_MAXPROCS:
        metric(o, m, o->name_procs, r->a[0]);
        break;
    case PV_EV_COUNTER:
        metric(o, m, string(o, r->a[0]), r->a[1]);
        break;
    case PV_EV_LABEL:
        e = ring_emit(o, m, EV_LABEL);
        e->str = string(o, r->a[0]);
        e->id = m->g;
        e->scope = SCOPE_GO;
        break;
    case PV_EV_TASK_BEGIN:
        task_begin(o, m);
        break;
    case PV_EV_TASK_END:
        task_end(o, m);
        break;
    case PV_EV_REGION_BEGIN:
        region(o, m, EV_REGION_BEGIN);
        break;
    case PV_EV_REGION_END:
        region(o, m, EV_REGION_END);
        break;
    case PV_EV_LOG:
        log_line(o, m);
        break;
    default:
        return RING_BAD;
    }
    return RING_DONE;
}
