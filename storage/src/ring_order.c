/* storage/src/ring_order.c - may this record come now?  what does it change?  what is given out?
 *
 * The threads' clocks are one, but a thread reads it a little before or after the change that
 * others see: of two records with a cause between them the later may have the earlier time.  So:
 *     GoStart     waits until its goroutine is runnable, with the number that it says
 *     GoUnpark    waits until its goroutine waits, with the number that it says
 *     GoCreate    waits until the one that had its id is gone
 *     ProcStart   waits until its processor is idle
 *     ProcSteal   waits until its processor is held in a system call by that thread
 * GoSyscallEndBlocked says that the thread's processor was taken away, and needs not wait for the
 * thief's record, which may come late: a thief records what it has already taken.
 * All others speak of what their own thread holds, and come when their time comes.
 * What is not known when a window begins is implied by the first record about it, and given out as
 * a transition from "undetermined", as Go's reader does it; a wait that had begun before is told by
 * GoUnparkLate.
 * Not here    records that change no state (ring_marks.c), which record is next (ring.c). */
#include <stdlib.h>

#include "storage/src/buffer.h"
#include "storage/src/ring_impl.h"

int ring_order_init(struct ring_order *o, struct ring_file *file, struct dict *d, struct fault *f) {
    *o = (struct ring_order){.file = file, .dict = d, .last_ns = INT64_MIN};
    static const struct {
        const char *name;
        size_t at;
    } names[] = {
        {"/sched/gomaxprocs:threads", offsetof(struct ring_order, name_procs)},
        {"/memory/classes/heap/objects:bytes", offsetof(struct ring_order, name_heap)},
        {"/gc/heap/goal:bytes", offsetof(struct ring_order, name_goal)},
        {"GC concurrent mark phase", offsetof(struct ring_order, name_gc)},
        {"GC incremental sweep", offsetof(struct ring_order, name_sweep)},
        {"GC mark assist", offsetof(struct ring_order, name_assist)},
    };
    o->n_ms = file->n_threads;
    o->ms = calloc((size_t)o->n_ms + 1, sizeof *o->ms);
    bool ok = o->ms != NULL;
    for (size_t i = 0; ok && i < sizeof names / sizeof *names; i++) {
        uint32_t id = dict_add_string(d, names[i].name, strlen(names[i].name));
        ok = id != UINT32_MAX;
        memcpy((char *)o + names[i].at, &id, sizeof id);
    }
    if (!ok) return fault_set(f, PV_ENOMEM, -1, "out of memory while reading a ring file");
    for (uint32_t i = 0; i < o->n_ms; i++) {
        uint64_t id = file->threads[i].row.id;
        o->ms[i].id = id > INT64_MAX || id == 0 ? (int64_t)i + 1 : (int64_t)id;
        o->ms[i].p = o->ms[i].taken_p = NO_ID;
    }
    return 0;
}

void ring_order_reset(struct ring_order *o) {
    idmap_clear(&o->g_map);
    idmap_clear(&o->p_map);
    idmap_clear(&o->task_map);
    o->n_gs = o->n_ps = o->n_tasks = 0;
}

void ring_order_free(struct ring_order *o) {
    idmap_free(&o->g_map);
    idmap_free(&o->p_map);
    idmap_free(&o->task_map);
    free(o->ms);
    free(o->gs);
    free(o->ps);
    free(o->tasks);
}

/* ---- giving out ---- */

static struct ev *emit_as(struct ring_order *o, int64_t g, int64_t p, int64_t m,
                          enum ev_kind kind) {
    struct ev *e = &o->out->ev[o->out->n++];
    o->last_ns = o->now_ns > o->last_ns ? o->now_ns : o->last_ns + 1;
    *e = (struct ev){.time_ns = o->last_ns, .g = g, .p = p, .m = m, .kind = (uint8_t)kind};
    return e;
}

struct ev *ring_emit(struct ring_order *o, const struct ring_m *m, enum ev_kind kind) {
    return emit_as(o, m->g ? (int64_t)m->g : NO_ID, m->weak_p ? NO_ID : m->p, m->id, kind);
}

void ring_args(struct ring_order *o, struct ev *e, const uint64_t *args, uint32_t n) {
    memcpy(o->out->args + o->out->n_args, args, n * sizeof *args);
    o->out->n_args += n;
    e->n_args = n & 63;
}

void ring_sync(struct ring_order *o, int64_t time_ns, uint64_t n) {
    const struct pv_ring_header *h = &o->file->h;
    o->now_ns = time_ns;
    struct ev *e = emit_as(o, NO_ID, NO_ID, NO_ID, EV_SYNC);
    uint64_t wall = h->start_wall_ns + (uint64_t)e->time_ns - h->start_mono_ns;
    uint64_t args[] = {n, 1, (uint64_t)e->time_ns, (uint64_t)e->time_ns, wall};
    ring_args(o, e, args, 5);
}

static struct ev *go_event(struct ring_order *o, const struct ring_m *m, uint64_t g,
                           enum go_state from, enum go_state to) {
    struct ev *e = ring_emit(o, m, EV_GO_TRANSITION);
    e->id = g;
    e->from = (uint8_t)from;
    e->to = (uint8_t)to;
    return e;
}

static void proc_event(struct ring_order *o, const struct ring_m *m, int64_t p,
                       enum proc_state from, enum proc_state to) {
    struct ev *e = ring_emit(o, m, EV_PROC_TRANSITION);
    e->id = (uint64_t)p;
    e->from = (uint8_t)from;
    e->to = (uint8_t)to;
}

static void wait_for(struct ring_order *o, struct ev *e, uint64_t object, uint64_t holder) {
    if (!object && !holder) return;
    e->aux = object;
    ring_args(o, e, &holder, 1);
}

/* ---- what is known of goroutines and processors ---- */

static void *grow(struct ring_order *o, void *rows, uint32_t n, uint32_t *cap, size_t size) {
    if (n < *cap) return rows;
    uint32_t more = *cap ? *cap * 2 : 256;
    void *bigger = reallocarray(rows, more, size);
    if (!bigger) {
        o->no_memory = true;
        return rows;
    }
    *cap = more;
    return bigger;
}

static struct ring_g *find_g(struct ring_order *o, uint64_t id) {
    uint32_t i = idmap_get(&o->g_map, id);
    return i ? &o->gs[i - 1] : NULL;
}

static struct ring_g *add_g(struct ring_order *o, uint64_t id) {
    static struct ring_g nowhere; /* written to and never read: no_memory ends the reading */
    struct ring_g *g = find_g(o, id);
    if (g) return g;
    o->gs = grow(o, o->gs, o->n_gs, &o->cap_gs, sizeof *o->gs);
    if (!o->no_memory && idmap_put(&o->g_map, id, o->n_gs + 1) < 0) o->no_memory = true;
    if (o->no_memory) return &nowhere;
    g = &o->gs[o->n_gs++];
    *g = (struct ring_g){.id = id, .state = GO_UNDETERMINED};
    return g;
}

static struct ring_p *get_p(struct ring_order *o, int64_t id) {
    static struct ring_p nowhere;
    uint32_t i = idmap_get(&o->p_map, (uint64_t)id);
    if (i) return &o->ps[i - 1];
    o->ps = grow(o, o->ps, o->n_ps, &o->cap_ps, sizeof *o->ps);
    if (!o->no_memory && idmap_put(&o->p_map, (uint64_t)id, o->n_ps + 1) < 0) o->no_memory = true;
    if (o->no_memory) return &nowhere;
    o->ps[o->n_ps] = (struct ring_p){.id = id, .state = PROC_UNDETERMINED};
    return &o->ps[o->n_ps++];
}

static struct ring_m nobody(void) {
    return (struct ring_m){.id = NO_ID, .p = NO_ID};
}

/* g was in that state when the window began. */
static struct ev *know_g(struct ring_order *o, const struct ring_m *m, uint64_t id,
                         enum go_state state) {
    add_g(o, id)->state = (uint8_t)state;
    return go_event(o, m, id, GO_UNDETERMINED, state);
}

/* The processor that m holds was held by it when the window began. */
static void know_p(struct ring_order *o, struct ring_m *m) {
    struct ring_p *p = get_p(o, m->p);
    m->weak_p = false;
    if (p->state != PROC_UNDETERMINED) return;
    p->state = PROC_RUNNING;
    p->m = (uint32_t)(m - o->ms);
    struct ring_m before = *m;
    before.p = NO_ID;
    proc_event(o, &before, m->p, PROC_UNDETERMINED, PROC_RUNNING);
}

static void know_idle(struct ring_order *o, struct ring_p *p) {
    struct ring_m none = nobody();
    p->state = PROC_IDLE;
    proc_event(o, &none, p->id, PROC_UNDETERMINED, PROC_IDLE);
}

/* Room for what comes at the beginning is made by the caller between two calls: one thread, then
 * one goroutine of the live table each. */
bool ring_know_thread(struct ring_order *o, uint32_t i_m) {
    struct ring_m *m = &o->ms[i_m];
    if (m->p == NO_ID && !m->g) return false;
    uint64_t g = m->g;
    m->g = 0;
    m->weak_p = m->in_syscall && m->p != NO_ID;
    if (m->p != NO_ID && !m->weak_p) {
        if (get_p(o, m->p)->state == PROC_UNDETERMINED)
            know_p(o, m);
        else
            m->p = NO_ID;
    }
    if (g && !find_g(o, g)) {
        know_g(o, m, g, m->in_syscall ? GO_SYSCALL : GO_RUNNING);
        m->g = g;
    } else if (g) { /* two threads: the one that it left has not said so yet */
        for (uint32_t i = 0; i < i_m; i++)
            if (o->ms[i].g == g && o->ms[i].g_since < m->g_since) {
                o->ms[i].g = 0;
                m->g = g;
            }
    }
    return true;
}

bool ring_know_slot(struct ring_order *o, const struct pv_ring_slot *slot, uint64_t until) {
    unsigned state = slot->word & PV_SLOT_BUSY;
    if (slot->since >= until || find_g(o, slot->id) || (state != 1 && state != 4)) return false;
    struct ring_m none = nobody();
    struct ev *e = know_g(o, &none, slot->id, state == 1 ? GO_RUNNABLE : GO_WAITING);
    struct ring_g *g = find_g(o, slot->id);
    if (g) {
        g->seq = slot->word >> PV_STATE_BITS & 0x7f;
        g->seq_known = true;
    }
    e->tstack = ring_stack(o->file, o->dict, slot->start_stack);
    if (state == 4) {
        e->str = ring_string(o->file, o->dict, slot->reason);
        wait_for(o, e, slot->object, slot->holder);
    }
    return true;
}

/* ---- goroutines ---- */

static void count_change(struct ring_g *g) {
    g->seq = (g->seq + 1) & 0x7f;
}

static bool is_next(const struct ring_g *g, uint64_t seq) {
    return !g->seq_known || ((g->seq + 1u) & 0x7f) == seq;
}

static enum ring_step create(struct ring_order *o, struct ring_m *m) {
    const struct ring_record *r = &m->record;
    struct ring_g *g = find_g(o, r->a[0]);
    if (g && g->state != GO_NOTEXIST) return RING_WAIT;
    if (r->a[0] == 0 || r->a[0] > INT64_MAX) return RING_BAD;
    g = add_g(o, r->a[0]);
    *g = (struct ring_g){.id = r->a[0], .state = GO_RUNNABLE, .seq_known = true};
    struct ev *e = go_event(o, m, r->a[0], GO_NOTEXIST, GO_RUNNABLE);
    e->tstack = ring_stack(o->file, o->dict, r->a[1]);
    e->stack = ring_stack(o->file, o->dict, r->stack);
    return RING_DONE;
}

/* The goroutine that r is about is unknown: may it be taken for one that was in that state?  Not
 * while another thread's record could still say more. */
static enum ring_step may_imply(struct ring_order *o, const struct ring_record *r, bool alone) {
    (void)o;
    if (r->a[0] == 0 || r->a[0] > INT64_MAX) return RING_BAD;
    return alone ? RING_DONE : RING_WAIT;
}

static void imply_wait(struct ring_order *o, const struct ring_record *r) {
    struct ring_m none = nobody();
    struct ev *e = know_g(o, &none, r->a[0], GO_WAITING);
    if (r->code != PV_EV_GO_UNPARK_LATE) return;
    e->str = ring_string(o->file, o->dict, r->a[2]);
    wait_for(o, e, r->a[4], r->a[5]);
}

static enum ring_step start(struct ring_order *o, struct ring_m *m, bool alone) {
    const struct ring_record *r = &m->record;
    struct ring_g *g = find_g(o, r->a[0]);
    if (m->g) return RING_BAD;
    if (!g) {
        enum ring_step may = may_imply(o, r, alone);
        if (may != RING_DONE) return may;
        struct ring_m none = nobody();
        know_g(o, &none, r->a[0], GO_RUNNABLE);
        g = add_g(o, r->a[0]);
    }
    if (g->state != GO_RUNNABLE || !is_next(g, r->a[1])) return RING_WAIT;
    go_event(o, m, r->a[0], GO_RUNNABLE, GO_RUNNING);
    g->state = GO_RUNNING;
    g->seq = (uint8_t)(r->a[1] & 0x7f);
    g->seq_known = true;
    m->g = r->a[0];
    m->in_syscall = false;
    return RING_DONE;
}

static enum ring_step unpark(struct ring_order *o, struct ring_m *m, bool alone) {
    const struct ring_record *r = &m->record;
    struct ring_g *g = find_g(o, r->a[0]);
    if (!g) {
        enum ring_step may = may_imply(o, r, alone);
        if (may != RING_DONE) return may;
        imply_wait(o, r);
        g = add_g(o, r->a[0]);
    }
    if (g->state != GO_WAITING || !is_next(g, r->a[1])) return RING_WAIT;
    struct ev *e = go_event(o, m, r->a[0], GO_WAITING, GO_RUNNABLE);
    e->stack = ring_stack(o->file, o->dict, r->stack);
    g->state = GO_RUNNABLE;
    g->seq = (uint8_t)(r->a[1] & 0x7f);
    g->seq_known = true;
    return RING_DONE;
}

/* The thread's own goroutine leaves `from`. */
static enum ring_step leave(struct ring_order *o, struct ring_m *m, enum go_state from,
                            enum go_state to) {
    const struct ring_record *r = &m->record;
    struct ring_g *g = m->g ? find_g(o, m->g) : NULL;
    if (!g || g->state != from) return RING_BAD;
    if (m->weak_p && r->code != PV_EV_GO_SYSCALL_END_BLOCKED) know_p(o, m);
    struct ev *e = go_event(o, m, m->g, from, to);
    e->stack = e->tstack = ring_stack(o->file, o->dict, r->stack);
    g->state = (uint8_t)to;
    count_change(g);
    if (r->code == PV_EV_GO_STOP || r->code == PV_EV_GO_PARK || r->code == PV_EV_GO_PARK_HELD)
        e->str = ring_string(o->file, o->dict, r->a[0]);
    if (to == GO_WAITING) wait_for(o, e, r->a[1], r->code == PV_EV_GO_PARK_HELD ? r->a[2] : 0);
    if (to == GO_NOTEXIST) g->seq_known = false;
    m->in_syscall = to == GO_SYSCALL;
    if (to != GO_SYSCALL && to != GO_RUNNING) m->g = 0;
    return RING_DONE;
}

static enum ring_step end_blocked(struct ring_order *o, struct ring_m *m, bool alone) {
    if (!m->g) return RING_BAD;
    if (m->p != NO_ID && !m->weak_p) { /* the thief has not said so yet: it took p first */
        if (!alone) return RING_WAIT;
        proc_event(o, m, m->p, PROC_RUNNING, PROC_IDLE);
        get_p(o, m->p)->state = PROC_IDLE;
        m->taken_p = m->p;
        m->p = NO_ID;
    }
    int64_t p = m->p;
    m->p = NO_ID;
    enum ring_step rc = leave(o, m, GO_SYSCALL, GO_RUNNABLE);
    if (rc != RING_DONE) m->p = p;
    m->weak_p = m->weak_p && rc != RING_DONE;
    return rc;
}

static enum ring_step status(struct ring_order *o, struct ring_m *m) {
    static const uint8_t states[] = {0, GO_RUNNABLE, GO_RUNNING, GO_SYSCALL, GO_WAITING};
    const struct ring_record *r = &m->record;
    if (r->a[0] == 0 || r->a[0] > INT64_MAX || r->a[1] < 1 || r->a[1] > 4) return RING_BAD;
    enum go_state state = states[r->a[1]];
    struct ring_g *g = find_g(o, r->a[0]);
    if (g && g->state != state) return g->state == GO_NOTEXIST ? RING_WAIT : RING_BAD;
    bool here = state == GO_RUNNING || state == GO_SYSCALL;
    if (here && m->g && m->g != r->a[0]) return RING_BAD;
    if (!g) {
        struct ev *e = know_g(o, m, r->a[0], state);
        e->str = ring_string(o->file, o->dict, r->a[2]);
        e->tstack = ring_stack(o->file, o->dict, r->a[3]);
    }
    if (here) {
        m->g = r->a[0];
        m->in_syscall = state == GO_SYSCALL;
    }
    return RING_DONE;
}

/* ---- processors ---- */

static enum ring_step proc_start(struct ring_order *o, struct ring_m *m, bool alone) {
    if (m->record.a[0] > INT32_MAX || (m->p != NO_ID && !m->weak_p)) return RING_BAD;
    struct ring_p *p = get_p(o, (int64_t)m->record.a[0]);
    if (p->state == PROC_UNDETERMINED && !alone) return RING_WAIT;
    if (p->state == PROC_UNDETERMINED) know_idle(o, p);
    if (p->state != PROC_IDLE) return RING_WAIT;
    m->p = NO_ID;
    m->weak_p = false;
    proc_event(o, m, p->id, PROC_IDLE, PROC_RUNNING);
    p->state = PROC_RUNNING;
    p->m = (uint32_t)(m - o->ms);
    m->p = p->id;
    return RING_DONE;
}

static enum ring_step proc_stop(struct ring_order *o, struct ring_m *m) {
    if (m->p == NO_ID) return RING_DONE; /* which one, was before the recording */
    if (m->weak_p) know_p(o, m);
    proc_event(o, m, m->p, PROC_RUNNING, PROC_IDLE);
    get_p(o, m->p)->state = PROC_IDLE;
    m->p = NO_ID;
    return RING_DONE;
}

static enum ring_step proc_steal(struct ring_order *o, struct ring_m *m, bool alone) {
    if (m->record.a[0] > INT32_MAX || m->record.a[1] > o->n_ms) return RING_BAD;
    struct ring_m *from = m->record.a[1] ? &o->ms[m->record.a[1] - 1] : NULL;
    int64_t id = (int64_t)m->record.a[0];
    struct ring_p *p = get_p(o, id);
    if (from && from->taken_p == id) {
        from->taken_p = NO_ID;
        return RING_DONE;
    }
    if (!from || from->p != id || !from->in_syscall) {
        if (!alone || p->state != PROC_UNDETERMINED) return RING_WAIT;
        know_idle(o, p); /* held since before the recording: its thread did not say so */
        return RING_DONE;
    }
    if (from->weak_p) know_p(o, from);
    p = get_p(o, id);
    if (p->state != PROC_RUNNING) return RING_BAD;
    proc_event(o, m, id, PROC_RUNNING, PROC_IDLE);
    p->state = PROC_IDLE;
    from->p = NO_ID;
    return RING_DONE;
}

static enum ring_step proc_status(struct ring_order *o, struct ring_m *m) {
    if (m->record.a[0] > INT32_MAX || m->p != NO_ID) return RING_BAD;
    if (get_p(o, (int64_t)m->record.a[0])->state != PROC_UNDETERMINED) return RING_WAIT;
    m->p = (int64_t)m->record.a[0];
    know_p(o, m);
    return RING_DONE;
}

enum ring_step ring_step(struct ring_order *o, uint32_t i_m, bool alone) {
    struct ring_m *m = &o->ms[i_m];
    o->now_ns = ring_ns(o->file, m->record.t);
    switch (m->record.code) {
    case PV_EV_GO_CREATE:
        return create(o, m);
    case PV_EV_GO_START:
        return start(o, m, alone);
    case PV_EV_GO_STOP:
        return leave(o, m, GO_RUNNING, GO_RUNNABLE);
    case PV_EV_GO_PARK:
    case PV_EV_GO_PARK_HELD:
        return leave(o, m, GO_RUNNING, GO_WAITING);
    case PV_EV_GO_UNPARK:
    case PV_EV_GO_UNPARK_LATE:
        return unpark(o, m, alone);
    case PV_EV_GO_EXIT:
        return leave(o, m, GO_RUNNING, GO_NOTEXIST);
    case PV_EV_GO_SYSCALL:
        return leave(o, m, GO_RUNNING, GO_SYSCALL);
    case PV_EV_GO_SYSCALL_END:
        return leave(o, m, GO_SYSCALL, GO_RUNNING);
    case PV_EV_GO_SYSCALL_END_BLOCKED:
        return end_blocked(o, m, alone);
    case PV_EV_GO_STATUS:
        return status(o, m);
    case PV_EV_PROC_START:
        return proc_start(o, m, alone);
    case PV_EV_PROC_STOP:
        return proc_stop(o, m);
    case PV_EV_PROC_STEAL:
        return proc_steal(o, m, alone);
    case PV_EV_PROC_STATUS:
        return proc_status(o, m);
    default:
        return ring_mark(o, m);
    }
}

void ring_imply(struct ring_order *o, uint32_t i_m) {
    const struct ring_record *r = &o->ms[i_m].record;
    struct ring_m none = nobody();
    bool start = r->code == PV_EV_GO_START;
    bool unpark = r->code == PV_EV_GO_UNPARK || r->code == PV_EV_GO_UNPARK_LATE;
    if (!(start || unpark) || r->a[0] == 0 || r->a[0] > INT64_MAX || find_g(o, r->a[0])) return;
    if (start)
        know_g(o, &none, r->a[0], GO_RUNNABLE);
    else
        imply_wait(o, r);
}

void ring_track(struct ring_m *m) {
    const struct ring_record *r = &m->record;
    switch (r->code) {
    case PV_EV_GO_START:
        m->g = r->a[0];
        m->g_since = r->t;
        m->in_syscall = false;
        break;
    case PV_EV_GO_STATUS:
        if (r->a[1] != 2 && r->a[1] != 3) break;
        m->g = r->a[0];
        m->g_since = r->t;
        m->in_syscall = r->a[1] == 3;
        break;
    case PV_EV_GO_STOP:
    case PV_EV_GO_PARK:
    case PV_EV_GO_PARK_HELD:
    case PV_EV_GO_EXIT:
        m->g = 0;
        break;
    case PV_EV_GO_SYSCALL:
    case PV_EV_GO_SYSCALL_END:
        m->in_syscall = r->code == PV_EV_GO_SYSCALL;
        break;
    case PV_EV_GO_SYSCALL_END_BLOCKED:
        m->g = 0;
        m->in_syscall = false;
        m->p = NO_ID;
        break;
    case PV_EV_PROC_START:
    case PV_EV_PROC_STATUS:
        m->p = r->a[0] <= INT32_MAX ? (int64_t)r->a[0] : NO_ID;
        break;
    case PV_EV_PROC_STOP:
        m->p = NO_ID;
        break;
    default:
        break;
    }
    if (m->g > INT64_MAX) m->g = 0;
}
