/* tracer/src/events.c - the calls that record: each writes one record, publishes it with one
 * release store, and then brings the goroutine's entry in the live table up to date.
 *
 * Order of the two: whoever copies the table first and the events afterwards finds either the
 * entry's state or an event that says what it was.
 * Not here    when a thread needs another batch (batch.c), the free entries (slots.c). */
#include <string.h>

#include "tracer/src/recorder.h"

static inline uint8_t *put(uint8_t *p, uint64_t v) {
    while (__builtin_expect(v >= 0x80, 0)) {
        p = put_byte(p, v | 0x80);
        v >>= 7;
    }
    return put_byte(p, v);
}

/* The record's code and time, that of the record before where at_once; NULL: it is lost. */
static inline uint8_t *begin_room(struct pv_m *m, unsigned code, size_t room, bool at_once) {
    bool ours = session_of(m) == __atomic_load_n(&pv_session, __ATOMIC_RELAXED);
    if (__builtin_expect(!ours || (size_t)(m->end - m->at) < room, 0))
        if (!pv__refill(m, room)) return NULL;
    uint64_t dt = at_once ? 0 : pv_ticks() - m->last;
    if (__builtin_expect((int64_t)dt < 0, 0)) dt = 0; /* a counter that is behind another's */
    m->last += dt;
    return put(put_byte(m->at, code), dt);
}

static inline uint8_t *begin(struct pv_m *m, unsigned code) {
    return begin_room(m, code, RECORD_ROOM, false);
}

static inline void commit(struct pv_m *m, uint8_t *p) {
    struct pv_ring_batch *b = (void *)m->batch;
    m->at = p;
    /* Release: the record's bytes before it.  Partner: who copies the batch reads used first. */
    store32(&b->used, (uint32_t)(p - m->batch));
}

/* A stack, where there is one, is the record's last argument and told by a bit of its code. */
static inline uint8_t *put_stack(const struct pv_m *m, uint8_t *p, uint32_t stack) {
    if (!stack) return p;
    put_byte(m->at, *m->at | PV_STACK_FOLLOWS);
    return put(p, stack);
}

static inline uint8_t *put_object(struct pv_m *m, uint8_t *p, uint64_t object) {
    uint64_t d = object - m->object;
    m->object = object;
    return put(p, d << 1 ^ (uint64_t)((int64_t)d >> 63));
}

/* Word first, word last: who reads the entry takes it only if the word is the same before and after
 * and not busy. */
static inline void set_slot(struct pv_m *m, struct pv_g *g, enum pv_state state, uint32_t reason,
                            uint64_t object, uint64_t holder) {
    if (__builtin_expect(!m->batch && session_of(m) == 0, 0)) return;
    struct pv_ring_slot *slot = pv__slot(m, g);
    if (!slot) return;
    store64(&slot->word, (uint64_t)g->seq << PV_STATE_BITS | PV_SLOT_BUSY);
    store64(&slot->since, m->last);
    if (state == PV_WAITING) {
        store64(&slot->object, object);
        store64(&slot->holder, holder);
        store32(&slot->reason, reason);
    }
    store32(&slot->thread, row_of(m) + 1);
    store32((uint32_t *)&slot->p, (uint32_t)m->p);
    store64(&slot->word, (uint64_t)g->seq << PV_STATE_BITS | state);
}

static void put_status(struct pv_m *m, struct pv_g *g, enum pv_state state, uint32_t reason,
                       uint32_t start) {
    uint8_t *p = begin(m, PV_EV_GO_STATUS);
    if (p) commit(m, put(put(put(put(p, g->id), state), reason), start));
    struct pv_ring_slot *slot = session_of(m) ? pv__slot(m, g) : NULL;
    if (slot && start) store32(&slot->start_stack, start);
    set_slot(m, g, state, reason, 0, 0);
}

/* The thread's goroutine is g.  Where that is news (the recording began in the middle of its run)
 * it is told first. */
static inline void adopt(struct pv_m *m, struct pv_g *g, enum pv_state state) {
    bool ours = session_of(m) == __atomic_load_n(&pv_session, __ATOMIC_RELAXED);
    if (__builtin_expect(ours && m->g == g->id, 1)) return;
    if (!ours && !pv__refill(m, RECORD_ROOM)) return;
    m->g = g->id;
    m->in_syscall = state == PV_SYSCALL;
    put_status(m, g, state, 0, 0);
}

void pv__go_create(struct pv_m *m, struct pv_g *g, uint32_t start_stack, uint32_t stack) {
    uint8_t *p = begin(m, PV_EV_GO_CREATE);
    g->seq = 0;
    if (p) commit(m, put_stack(m, put(put(p, g->id), start_stack), stack));
    struct pv_ring_slot *slot = session_of(m) ? pv__slot(m, g) : NULL;
    if (slot) store32(&slot->start_stack, start_stack);
    set_slot(m, g, PV_RUNNABLE, 0, 0, 0);
}

static inline void go_start(struct pv_m *m, struct pv_g *g, bool at_once) {
    uint8_t *p = begin_room(m, PV_EV_GO_START, RECORD_ROOM, at_once);
    g->seq++;
    if (p) commit(m, put_byte(put(p, g->id), g->seq & 0x7f));
    m->g = g->id;
    m->in_syscall = false;
    set_slot(m, g, PV_RUNNING, 0, 0, 0);
}

void pv__go_start(struct pv_m *m, struct pv_g *g) {
    go_start(m, g, false);
}

void pv__go_start_at_once(struct pv_m *m, struct pv_g *g) {
    go_start(m, g, true);
}

void pv__go_stop(struct pv_m *m, struct pv_g *g, uint32_t reason, uint32_t stack) {
    adopt(m, g, PV_RUNNING);
    uint8_t *p = begin(m, PV_EV_GO_STOP);
    g->seq++;
    if (p) commit(m, put_stack(m, put(p, reason), stack));
    m->g = 0;
    set_slot(m, g, PV_RUNNABLE, 0, 0, 0);
}

void pv__go_park(struct pv_m *m, struct pv_g *g, uint32_t reason, uint64_t object, uint64_t holder,
                 uint32_t stack) {
    adopt(m, g, PV_RUNNING);
    uint8_t *p = begin(m, holder ? PV_EV_GO_PARK_HELD : PV_EV_GO_PARK);
    g->seq++;
    if (p) {
        p = put_object(m, put(p, reason), object);
        if (holder) p = put(p, holder);
        commit(m, put_stack(m, p, stack));
    }
    m->g = 0;
    set_slot(m, g, PV_WAITING, reason, object, holder);
}

/* What the entry says of a long wait, so that a ring that no longer has its begin knows it. */
static uint8_t *put_wait(struct pv_m *m, uint8_t *p, struct pv_ring_slot *slot) {
    put_byte(m->at, PV_EV_GO_UNPARK_LATE);
    p = put(put(p, load32(&slot->reason)), m->last - load64(&slot->since));
    return put(put_object(m, p, load64(&slot->object)), load64(&slot->holder));
}

void pv__go_unpark(struct pv_m *m, struct pv_g *g, uint32_t stack) {
    uint8_t *p = begin(m, PV_EV_GO_UNPARK);
    g->seq++;
    if (p) {
        p = put_byte(put(p, g->id), g->seq & 0x7f);
        bool known = g->session == session_of(m) && g->slot;
        struct pv_ring_slot *slot = known ? &m->s->slots[g->slot] : NULL;
        bool late = slot && m->last - load64(&slot->since) >= m->s->late_ticks;
        if (late && (load64(&slot->word) & PV_SLOT_BUSY) == PV_WAITING) p = put_wait(m, p, slot);
        commit(m, put_stack(m, p, stack));
    }
    set_slot(m, g, PV_RUNNABLE, 0, 0, 0);
}

void pv__go_exit(struct pv_m *m, struct pv_g *g) {
    adopt(m, g, PV_RUNNING);
    uint8_t *p = begin(m, PV_EV_GO_EXIT);
    if (p) commit(m, p);
    m->g = 0;
    if (session_of(m)) pv__slot_free(m, g);
    g->seq = 0;
}

void pv__go_syscall(struct pv_m *m, struct pv_g *g, uint32_t stack) {
    adopt(m, g, PV_RUNNING);
    uint8_t *p = begin(m, PV_EV_GO_SYSCALL);
    g->seq++;
    if (p) commit(m, put_stack(m, p, stack));
    m->in_syscall = true;
    set_slot(m, g, PV_SYSCALL, 0, 0, 0);
}

void pv__go_syscall_end(struct pv_m *m, struct pv_g *g, bool blocked) {
    adopt(m, g, PV_SYSCALL);
    uint8_t *p = begin(m, blocked ? PV_EV_GO_SYSCALL_END_BLOCKED : PV_EV_GO_SYSCALL_END);
    g->seq++;
    if (p) commit(m, p);
    m->in_syscall = false;
    if (blocked) {
        m->g = 0;
        m->p = -1;
    }
    set_slot(m, g, blocked ? PV_RUNNABLE : PV_RUNNING, 0, 0, 0);
}

void pv__go_status(struct pv_m *m, struct pv_g *g, enum pv_state state, uint32_t reason,
                   uint32_t start_stack) {
    put_status(m, g, state, reason, start_stack);
}

void pv__m_status(struct pv_m *m, int32_t p, struct pv_g *g, bool in_syscall) {
    if (p >= 0) {
        uint8_t *at = begin(m, PV_EV_PROC_STATUS);
        m->p = p;
        if (at) commit(m, put(at, (uint64_t)p));
    }
    if (g) adopt(m, g, in_syscall ? PV_SYSCALL : PV_RUNNING);
}

void pv__proc_start(struct pv_m *m, int32_t p) {
    uint8_t *at = begin(m, PV_EV_PROC_START);
    if (at) commit(m, put(at, (uint64_t)p));
    m->p = p;
}

void pv__proc_stop(struct pv_m *m) {
    uint8_t *p = begin(m, PV_EV_PROC_STOP);
    if (p) commit(m, p);
    m->p = -1;
}

void pv__proc_steal(struct pv_m *m, int32_t p, const struct pv_m *from) {
    uint8_t *at = begin(m, PV_EV_PROC_STEAL);
    bool known = session_of(from) == session_of(m); /* else it has not recorded anything yet */
    if (at) commit(m, put(put(at, (uint64_t)p), known ? row_of(from) + 1 : 0));
}

void pv__mark(struct pv_m *m, struct pv_g *g, unsigned what, uint64_t a, uint64_t b) {
    static const struct {
        uint8_t code, n_args;
    } marks[] = {
        [PV_GC_BEGIN] = {PV_EV_GC_BEGIN, 0},
        [PV_GC_END] = {PV_EV_GC_END, 0},
        [PV_STW_BEGIN] = {PV_EV_STW_BEGIN, 1},
        [PV_STW_END] = {PV_EV_STW_END, 0},
        [PV_ASSIST_BEGIN] = {PV_EV_ASSIST_BEGIN, 0},
        [PV_ASSIST_END] = {PV_EV_ASSIST_END, 0},
        [PV_SWEEP_BEGIN] = {PV_EV_SWEEP_BEGIN, 0},
        [PV_SWEEP_END] = {PV_EV_SWEEP_END, 2},
        [PV_HEAP] = {PV_EV_HEAP, 1},
        [PV_HEAP_GOAL] = {PV_EV_HEAP_GOAL, 1},
        [PV_MAXPROCS] = {PV_EV_MAXPROCS, 1},
        [PV_COUNTER] = {PV_EV_COUNTER, 2},
        [PV_LABEL] = {PV_EV_LABEL, 1},
        [PV_TASK_END] = {PV_EV_TASK_END, 1},
        [PV_REGION_BEGIN] = {PV_EV_REGION_BEGIN, 2},
        [PV_REGION_END] = {PV_EV_REGION_END, 2},
    };
    if (what >= sizeof marks / sizeof *marks) return;
    if (g) adopt(m, g, PV_RUNNING);
    uint8_t *p = begin(m, marks[what].code);
    if (!p) return;
    if (marks[what].n_args > 0) p = put(p, a);
    if (marks[what].n_args > 1) p = put(p, b);
    commit(m, p);
}

void pv__task(struct pv_m *m, struct pv_g *g, uint64_t id, uint64_t parent, uint32_t name) {
    if (g) adopt(m, g, PV_RUNNING);
    uint8_t *p = begin(m, PV_EV_TASK_BEGIN);
    if (p) commit(m, put(put(put(p, id), parent), name));
}

void pv__log(struct pv_m *m, struct pv_g *g, uint64_t task, uint32_t category, const char *text,
             size_t n) {
    if (g) adopt(m, g, PV_RUNNING);
    if (n > PV_MAX_TEXT) n = PV_MAX_TEXT;
    uint8_t *p = begin_room(m, PV_EV_LOG, RECORD_ROOM + PV_MAX_TEXT, false);
    if (!p) return;
    p = put(put(put(p, task), category), n);
    for (size_t i = 0; i < n; i++) p = put_byte(p, (uint8_t)text[i]);
    commit(m, p);
}
