/* storage/src/facts_go.c - goroutine states and what they cost, per goroutine and per processor.
 *
 * Invariants  1. running time by P adds up to running time by goroutine.  2. a status repeated at
 *             a generation's start (from == to) changes nothing but the count of transitions.
 * Source      go1.26 src/internal/trace/summary.go (addition at the edges) */
#include <stdlib.h>
#include <string.h>

#include "storage/src/facts_impl.h"

uint32_t facts__go(struct facts_build *b, int64_t id) {
    bool is_new;
    uint32_t go = facts__index(b, &b->go_index, (uint64_t)id, b->n_goroutines, &is_new);
    if (is_new && go != UINT32_MAX) {
        if (!facts__room(b, &b->goroutines, &b->cap_goroutines, go, sizeof *b->goroutines))
            return UINT32_MAX;
        b->goroutines[go] = (struct goroutine){.id = id, .p = NO_ID};
        b->n_goroutines++;
    }
    return go;
}

static struct proc *proc(struct facts_build *b, int64_t id) {
    bool is_new;
    uint32_t i = facts__index(b, &b->proc_index, (uint64_t)id, b->n_procs, &is_new);
    if (i == UINT32_MAX ||
        (is_new && !facts__room(b, &b->procs, &b->cap_procs, i, sizeof *b->procs))) {
        memset(b->scrap, 0, sizeof b->scrap);
        return (struct proc *)(void *)b->scrap;
    }
    if (is_new) {
        b->procs[i] = (struct proc){.sums.id = id};
        b->n_procs++;
    }
    return &b->procs[i];
}
_Static_assert(sizeof(struct proc) <= sizeof((struct facts_build *)0)->scrap, "scrap too small");

static void add(int64_t *sum, int64_t ns) {
    *sum = facts__add(*sum, ns);
}

static void add_wait(struct facts_build *b, uint32_t go, uint32_t reason, int64_t ns) {
    bool is_new;
    uint64_t key = (uint64_t)go << 32 | reason;
    uint32_t i = facts__index(b, &b->go_wait, key, b->n_go_waits, &is_new);
    if (i == UINT32_MAX ||
        (is_new && !facts__room(b, &b->go_wait_ns, &b->cap_go_waits, i, sizeof *b->go_wait_ns)))
        return;
    if (is_new) {
        b->go_wait_ns[i] = 0;
        b->n_go_waits++;
    }
    add(&b->go_wait_ns[i], ns);
}

static bool is_forever(struct text reason) {
    static const char forever[] = "forever";
    return reason.n == sizeof forever - 1 && memcmp(reason.data, forever, reason.n) == 0;
}

/* Closes the present interval of a goroutine. */
static void leave(struct facts_build *b, uint32_t go, int64_t now) {
    struct goroutine *g = &b->goroutines[go];
    int64_t ns = facts__since(now, g->since);
    switch (g->state) {
    case GO_RUNNING:
        add(&g->running, ns);
        add(&proc(b, g->p)->sums.running_ns, ns);
        break;
    case GO_RUNNABLE:
        add(&g->runnable, ns);
        break;
    case GO_SYSCALL:
        add(&g->syscall, ns);
        break;
    case GO_WAITING: {
        if (g->reason >= b->wait_reasons.n) return;
        struct fact *reason = (struct fact *)(void *)b->wait_reasons.records + g->reason;
        if (is_forever(reason->name)) return; /* Go takes this for death */
        add(&g->waiting, ns);
        add(&reason->total_ns, ns);
        if (ns > reason->max_ns) reason->max_ns = ns;
        add_wait(b, go, g->reason, ns);
        break;
    }
    default:
        return;
    }
    add(&b->states[g->state].total_ns, ns);
}

static void end_syscall(struct proc *p, int64_t now) {
    if (p->has_syscall) add(&p->sums.syscall_ns, facts__since(now, p->syscall_since));
    p->has_syscall = false;
}

static void enter(struct facts_build *b, struct goroutine *g, const struct ev *e, int64_t start) {
    b->states[e->to].count++;
    switch (e->to) {
    case GO_RUNNING:
        if (e->from == GO_SYSCALL && g->p == e->p) break;
        g->p = e->p;
        proc(b, g->p)->sums.slices++;
        break;
    case GO_SYSCALL:
        g->p = e->p;
        if (e->p != NO_ID) {
            struct proc *p = proc(b, e->p);
            p->has_syscall = true;
            p->syscall_g = g->id;
            p->syscall_since = start;
        }
        break;
    case GO_WAITING: {
        struct fact *reason = facts__named(b, &b->wait_reasons, e->str);
        reason->count++;
        g->reason = facts__named_index(&b->wait_reasons, reason);
        break;
    }
    case GO_NOTEXIST:
        facts__close_regions(b, g, e->time_ns);
        break;
    default:
        break;
    }
}

static void name(struct facts_build *b, struct goroutine *g, uint32_t stack) {
    struct stack s = dict_stack(b->dict, stack);
    if (s.n) g->name = s.frames[s.n - 1].func;
}

void facts__go_transition(struct facts_build *b, const struct ev *e, uint32_t go) {
    struct goroutine *g = &b->goroutines[go];
    if (e->from >= GO_STATES || e->to >= GO_STATES) return;
    b->go_transitions[e->from][e->to]++;
    g->transitions++;
    if (!g->name && e->tstack) name(b, g, e->tstack);
    if (e->from == e->to) return;
    if (e->from == GO_RUNNING && e->to == GO_RUNNABLE) {
        struct fact *reason = facts__named(b, &b->stop_reasons, e->str);
        reason->count++;
    }
    int64_t start = e->time_ns;
    if (e->from == GO_UNDETERMINED) {
        start = b->sync;
    } else if (e->from != GO_NOTEXIST) {
        leave(b, go, e->time_ns);
        if (e->from == GO_SYSCALL && g->p != NO_ID) {
            struct proc *p = proc(b, g->p);
            if (p->has_syscall && p->syscall_g == g->id) end_syscall(p, e->time_ns);
        }
    }
    g->since = start;
    g->state = e->to;
    enter(b, g, e, start);
}

void facts__proc_transition(struct facts_build *b, const struct ev *e) {
    if (e->from >= PROC_STATES || e->to >= PROC_STATES) return;
    b->proc_transitions[e->from][e->to]++;
    struct proc *p = proc(b, (int64_t)e->id);
    if (e->from == e->to) return;
    if (p->runs) add(&p->sums.proc_running_ns, facts__since(e->time_ns, p->run_since));
    p->runs = e->to == PROC_RUNNING;
    if (p->runs) {
        p->run_since = e->from == PROC_UNDETERMINED ? b->sync : e->time_ns;
        p->sums.proc_starts++;
    } else if (e->to == PROC_IDLE) {
        end_syscall(p, e->time_ns);
    }
}

/* ---- the end -------------------------------------------------------------------------------- */

static int by_running(const void *a, const void *b) {
    const struct goroutine *x = a, *y = b;
    if (x->running != y->running) return x->running < y->running ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

static int by_id(const void *a, const void *b) {
    const struct fact_proc *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Waiting by reason.  Sized by what there is: a hostile trace has reasons by the million. */
static void top_waits(struct facts_build *b, struct fact_go *g) {
    uint32_t go = facts__known(&b->go_index, (uint64_t)g->id), cap = 0;
    struct fact_list *list = &g->waits;
    const struct fact *reasons = (const struct fact *)(const void *)b->wait_reasons.records;
    for (uint32_t r = 0; r < b->wait_reasons.n; r++) {
        uint32_t wait = facts__known(&b->go_wait, (uint64_t)go << 32 | r);
        if (wait == UINT32_MAX) continue;
        if (!facts__room(b, &list->at, &cap, list->n, sizeof *list->at)) return;
        list->at[list->n++] =
            (struct fact){.name = reasons[r].name, .total_ns = b->go_wait_ns[wait]};
    }
    if (list->n) qsort(list->at, list->n, sizeof *list->at, facts__by_name);
}

static void finish_top(struct facts_build *b) {
    uint32_t n =
        b->n_goroutines < b->options.max_goroutines ? b->n_goroutines : b->options.max_goroutines;
    b->out.top_goroutines = calloc(n ? n : 1, sizeof *b->out.top_goroutines);
    if (!b->out.top_goroutines) {
        b->failed = true;
        return;
    }
    if (b->n_goroutines) /* the indexes of go_index go out of step: see top_waits */
        qsort(b->goroutines, b->n_goroutines, sizeof *b->goroutines, by_running);
    for (uint32_t i = 0; i < n; i++) {
        const struct goroutine *g = &b->goroutines[i];
        struct fact_go *top = &b->out.top_goroutines[b->out.n_top_goroutines++];
        *top = (struct fact_go){.id = g->id,
                                .name = dict_string(b->dict, g->name),
                                .running_ns = g->running,
                                .runnable_ns = g->runnable,
                                .syscall_ns = g->syscall,
                                .waiting_ns = g->waiting,
                                .transitions = g->transitions};
        top_waits(b, top);
    }
}

static void finish_procs(struct facts_build *b) {
    b->out.per_p = calloc(b->n_procs ? b->n_procs : 1, sizeof *b->out.per_p);
    if (!b->out.per_p) {
        b->failed = true;
        return;
    }
    for (uint32_t i = 0; i < b->n_procs; i++) {
        struct proc *p = &b->procs[i];
        end_syscall(p, b->last);
        if (p->runs) add(&p->sums.proc_running_ns, facts__since(b->last, p->run_since));
        b->out.per_p[i] = p->sums;
        if (p->sums.id >= 0) b->out.procs++;
    }
    b->out.n_per_p = b->n_procs;
    if (b->n_procs) qsort(b->out.per_p, b->n_procs, sizeof *b->out.per_p, by_id);
}

void facts__go_finish(struct facts_build *b) {
    b->out.goroutines = b->n_goroutines;
    for (uint32_t i = 0; i < b->n_goroutines; i++) {
        struct goroutine *g = &b->goroutines[i];
        leave(b, i, b->last);
        facts__close_regions(b, g, b->last);
        struct fact_function *f = facts__named(b, &b->functions, g->name);
        f->goroutines++;
        f->running_ns = facts__add(f->running_ns, g->running);
    }
    finish_procs(b);
    finish_top(b);
}
