/* storage/src/facts_names.c - what carries a name: ranges, tasks, regions, metrics.
 *
 * Ranges are paired by (name, scope, scope id); regions nest per goroutine; a task's end without
 * its begin is a task of its own. */
#include <stdlib.h>
#include <string.h>

#include "storage/src/facts_impl.h"

enum { NOT_LISTED = INT32_MAX }; /* of task_index */

static uint32_t open_range(struct facts_build *b, const struct ev *e, uint32_t name) {
    bool is_new;
    uint32_t scope = facts__index(b, &b->scope_index, e->id, b->scope_index.n, &is_new);
    if (scope == UINT32_MAX) return scope;
    uint64_t key = (uint64_t)scope << 32 | (uint64_t)name << 2 | e->scope;
    uint32_t i = facts__index(b, &b->range_index, key, b->n_open_ranges, &is_new);
    if (i != UINT32_MAX && is_new) {
        uint32_t cap = b->cap_open_ranges;
        if (!facts__room(b, &b->open_range_name, &cap, i, sizeof *b->open_range_name) ||
            !facts__room(b, &b->open_ranges, &b->cap_open_ranges, i, sizeof *b->open_ranges))
            return UINT32_MAX;
        b->open_ranges[i] = (struct open_range){0};
        b->open_range_name[i] = name;
        b->n_open_ranges++;
    }
    return i;
}

void facts__range(struct facts_build *b, const struct ev *e) {
    struct fact_range *r = facts__named(b, &b->ranges, e->str);
    uint32_t i = open_range(b, e, facts__named_index(&b->ranges, r));
    if (i == UINT32_MAX) return;
    struct open_range *open = &b->open_ranges[i];
    if (e->kind == EV_RANGE_END) {
        if (open->open)
            facts__span(r, facts__since(e->time_ns, open->since));
        else
            r->stray_end++;
        open->open = false;
        return;
    }
    bool active = e->kind == EV_RANGE_ACTIVE;
    r->active_events += active;
    if (open->open) return;
    r->count++;
    *open = (struct open_range){active ? b->sync : e->time_ns, true};
}

/* ---- tasks ---------------------------------------------------------------------------------- */

/* A new task in the list: its index, or NOT_LISTED past the cap. */
static uint32_t list_task(struct facts_build *b, const struct ev *e) {
    b->out.task_count++;
    uint32_t i = b->out.n_tasks;
    if (i >= b->options.max_tasks) return NOT_LISTED;
    if (!facts__room(b, &b->out.tasks, &b->cap_tasks, i, sizeof *b->out.tasks)) return NOT_LISTED;
    b->out.tasks[i] = (struct fact_task){
        .id = e->id, .parent = (int64_t)e->aux, .type = dict_string(b->dict, e->str)};
    b->out.n_tasks++;
    return i;
}

void facts__task(struct facts_build *b, const struct ev *e) {
    int64_t at = facts__since(e->time_ns, b->first);
    if (e->kind == EV_TASK_BEGIN) {
        uint32_t task = list_task(b, e);
        if (task != NOT_LISTED) {
            b->out.tasks[task].start_ns = at;
            b->out.tasks[task].has_start = true;
        }
        idmap_remove(&b->task_index, e->id); /* an id that begins anew */
        bool is_new;
        facts__index(b, &b->task_index, e->id, task, &is_new);
        return;
    }
    uint32_t task = facts__known(&b->task_index, e->id);
    if (task == UINT32_MAX)
        task = list_task(b, e);
    else
        idmap_remove(&b->task_index, e->id);
    if (task == NOT_LISTED) return;
    b->out.tasks[task].end_ns = at;
    b->out.tasks[task].has_end = true;
}

/* ---- regions -------------------------------------------------------------------------------- */

static void push_region(struct facts_build *b, struct goroutine *g, uint32_t type, int64_t now) {
    uint32_t i = b->free_region;
    if (i) {
        b->free_region = b->open_regions[i - 1].outer;
    } else {
        if (!facts__room(b, &b->open_regions, &b->cap_open_regions, b->n_open_regions,
                         sizeof *b->open_regions))
            return;
        i = ++b->n_open_regions;
    }
    b->open_regions[i - 1] = (struct open_region){now, g->regions, type};
    g->regions = i;
}

static struct open_region pop_region(struct facts_build *b, struct goroutine *g) {
    uint32_t i = g->regions;
    struct open_region r = b->open_regions[i - 1];
    g->regions = r.outer;
    b->open_regions[i - 1].outer = b->free_region;
    b->free_region = i;
    return r;
}

void facts__region(struct facts_build *b, const struct ev *e) {
    struct fact_range *r = facts__named(b, &b->regions, e->str);
    uint32_t go = facts__known(&b->go_index, (uint64_t)e->g);
    struct goroutine *g = go == UINT32_MAX ? NULL : &b->goroutines[go];
    if (e->kind == EV_REGION_BEGIN) {
        r->count++;
        if (g) push_region(b, g, facts__named_index(&b->regions, r), e->time_ns);
    } else if (g && g->regions) {
        facts__span(r, facts__since(e->time_ns, pop_region(b, g).since));
    } else {
        r->stray_end++;
    }
}

void facts__close_regions(struct facts_build *b, struct goroutine *g, int64_t now) {
    while (g->regions) {
        struct open_region open = pop_region(b, g);
        if (open.type >= b->regions.n) continue;
        struct fact_range *r = (struct fact_range *)(void *)b->regions.records + open.type;
        r->open_at_end++;
        facts__span(r, facts__since(now, open.since));
    }
}

/* ---- metrics -------------------------------------------------------------------------------- */

void facts__metric(struct facts_build *b, const struct ev *e) {
    struct fact_metric *m = facts__named(b, &b->metrics, e->str);
    if (m->count++ == 0) m->first = m->min = m->max = e->id;
    if (e->id < m->min) m->min = e->id;
    if (e->id > m->max) m->max = e->id;
    m->last = e->id;
}

void facts__names_finish(struct facts_build *b) {
    for (uint32_t i = 0; i < b->n_open_ranges; i++) {
        if (!b->open_ranges[i].open || b->open_range_name[i] >= b->ranges.n) continue;
        struct fact_range *r =
            (struct fact_range *)(void *)b->ranges.records + b->open_range_name[i];
        facts__span(r, facts__since(b->last, b->open_ranges[i].since));
        r->open_at_end++;
    }
}
