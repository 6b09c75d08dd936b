/* storage/src/go_order_impl.h - what go_order.c, go_sched.c and go_ranges.c share: states, context
 * and giving out. */
#ifndef PARKVIEW_STORAGE_GO_ORDER_IMPL_H
#define PARKVIEW_STORAGE_GO_ORDER_IMPL_H

#include "storage/src/go_v2_impl.h"

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

enum { G_BAD, G_RUNNABLE, G_RUNNING, G_SYSCALL, G_WAITING, G_STATUSES };
enum { P_BAD, P_RUNNING, P_IDLE, P_SYSCALL, P_ABANDONED, P_STATUSES };
enum { GC_UNDETERMINED, GC_NOT_RUNNING, GC_RUNNING };

enum { WAIT = 0, DONE = 1 }; /* what a rule returns, beside faults */

/* What an event needs of its context. */
enum need { MUST_NOT, MAY, MUST };

/* The trace is broken at c's event: fault text, with Go's words. */
int go_broken(struct go_order *o, const struct go_cursor *c, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold, noinline));
/* The name of an event in the trace's version. */
const char *go_event_name(struct go_order *o, unsigned type);
int go_context_fault(struct go_order *o, const struct go_cursor *c, const struct go_m *m,
                     enum need p, enum need g) __attribute__((cold, noinline));
/* Notes an id that no table has; the event is given out and taken back again by go_merge.c. */
void go_bad_id(struct go_order *o, struct go_cursor *c, const char *what, uint64_t id)
    __attribute__((cold, noinline));
int go_no_memory(struct go_order *o) __attribute__((cold, noinline));
/* New states; NULL or 0 = out of memory.  They may move the others. */
struct go_g *go_add_g(struct go_order *o, uint64_t id, uint8_t status);
struct go_p *go_add_p(struct go_order *o, uint64_t id, uint8_t status);
uint32_t go_add_m(struct go_order *o, uint64_t id, int64_t g);
void go_remove_g(struct go_order *o, struct go_g *g);
struct go_g *go_find_current_g(struct go_order *o, struct go_m *m) __attribute__((noinline));

/* A thread always; p and g as asked for.  0 or a fault. */
static inline int require(struct go_order *o, const struct go_cursor *c, const struct go_m *m,
                          enum need p, enum need g) {
    bool ok = m->id != GO_NO_THREAD && (p == MAY || (m->p != NO_ID) == (p == MUST)) &&
              (g == MAY || (m->g != NO_ID) == (g == MUST));
    return LIKELY(ok) ? 0 : go_context_fault(o, c, m, p, g);
}

/* The state of the M's goroutine, NULL if it is not known. */
static inline struct go_g *current_g(struct go_order *o, struct go_m *m) {
    struct go_g *g = &o->gs[m->gi];
    if (LIKELY(g->live && g->id == m->g)) return g;
    return go_find_current_g(o, m);
}

static inline struct go_p *current_p(struct go_order *o, struct go_m *m) {
    struct go_p *p = &o->ps[m->pi];
    if (LIKELY(m->pi != 0 && p->id == m->p)) return p;
    m->pi = idmap_get(&o->p_map, (uint64_t)m->p);
    return m->pi ? &o->ps[m->pi] : NULL;
}

static inline struct go_g *find_g(struct go_order *o, uint64_t id) {
    uint32_t i = idmap_get(&o->g_map, id);
    return i ? &o->gs[i] : NULL;
}

static inline struct go_p *find_p(struct go_order *o, uint64_t id) {
    uint32_t i = idmap_get(&o->p_map, id);
    return i ? &o->ps[i] : NULL;
}

/* Table lookups.  Id 0 is nothing. */
static inline uint32_t stack_id(struct go_order *o, struct go_cursor *c, uint64_t id) {
    uint32_t stack = 0;
    if (id && UNLIKELY(!go_ids_get(&o->tables->stacks, id, &stack))) {
        go_bad_id(o, c, "stack", id);
        return 0;
    }
    return stack;
}

static inline uint32_t string_id(struct go_order *o, struct go_cursor *c, uint64_t id) {
    uint32_t string = 0;
    if (id && UNLIKELY(!go_ids_get(&o->tables->strings, id, &string))) {
        go_bad_id(o, c, "string", id);
        return 0;
    }
    return string;
}

/* A new event at ticked time, in context g, p, m; times strictly increase. */
static inline struct ev *put(struct go_order *o, int64_t time_ns, int64_t g, int64_t p, uint64_t m,
                             enum ev_kind kind) {
    struct ev *ev = o->next++;
    if (time_ns <= o->last_ns) time_ns = (int64_t)((uint64_t)o->last_ns + 1);
    o->last_ns = time_ns;
    *ev = (struct ev){.time_ns = time_ns, .g = g, .p = p, .m = (int64_t)m, .kind = (uint8_t)kind};
    return ev;
}

static inline struct ev *put_in(struct go_order *o, const struct go_cursor *c, const struct go_m *m,
                                enum ev_kind kind) {
    return put(o, c->time_ns, m->g, m->p, m->id, kind);
}

static inline void put_arg(struct go_order *o, struct ev *ev, uint64_t value) {
    o->out->args[o->out->n_args++] = value;
    if (UNLIKELY(o->out->n_args > EV_BATCH_ARGS - GO_STEP_ARGS)) o->limit = o->out->ev;
    ev->n_args++;
}

/* A rule: DONE, WAIT (nothing has changed) or a fault. */
typedef int go_rule(struct go_order *o, struct go_cursor *c, struct go_m *m);

/* By event type; NULL for the types that go_order_advance knows itself, and for those without a
 * time difference. */
extern go_rule *const go_rules[GOEV_LIMIT];

/* The state of c's M when it is not known yet, or there is none: then it is o->ms[0], and nothing
 * that is written there stays.  NULL = out of memory. */
struct go_m *go_first_m(struct go_order *o, struct go_cursor *c) __attribute__((noinline));

/* ---- go_sched.c ---- */
go_rule go_rule_proc_start;
go_rule go_rule_proc_stop;
go_rule go_rule_proc_steal;
go_rule go_rule_proc_status;
go_rule go_rule_g_create;
go_rule go_rule_create_syscall;
go_rule go_rule_destroy_syscall;
go_rule go_rule_syscall_end_blocked;
go_rule go_rule_g_status;
go_rule go_rule_g_switch;

/* ---- go_ranges.c: what goes on for a while, and what users say ---- */
go_rule go_rule_gc_active;
go_rule go_rule_gc_begin;
go_rule go_rule_gc_end;
go_rule go_rule_sweep;
go_rule go_rule_g_range_begin;
go_rule go_rule_g_range_active;
go_rule go_rule_g_range_end;
go_rule go_rule_metric;
go_rule go_rule_label;
go_rule go_rule_log;
go_rule go_rule_task_begin;
go_rule go_rule_task_end;
go_rule go_rule_region_begin;
go_rule go_rule_region_end;
go_rule go_rule_alloc_free;
void go_extra_free(struct go_extra *x);

#endif
