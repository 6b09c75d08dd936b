/* tracer/src/events.c - the calls that record: each writes one record and publishes it with one
 * release store.  Where the goroutine is runnable or waits from then on, its entry in the live
 * table says so afterwards; who runs or is in a system call is told by its thread's batch.
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

/* Whether m is of the running recording and its batch has that room. */
static inline bool has_room(const struct pv_m *m, size_t room) {
    bool ours = session_of(m) == __atomic_load_n(&pv_session, __ATOMIC_RELAXED);
    return __builtin_expect(ours && (size_t)(m->end - m->at) >= room, 1);
}

/* Ticks since the event before, whose time becomes this one's. */
static inline uint64_t ticks_since(struct pv_m *m, uint64_t now) {
    uint64_t dt = now - m->last;
    if (__builtin_expect((int64_t)dt < 0, 0)) dt = 0; /* a counter that is behind another's */
    m->last += dt;
    return dt;
}

/* A record's code and time, where there is room ... */
static inline uint8_t *put_head(struct pv_m *m, unsigned code) {
    uint8_t *p = put_byte(m->at, code);
    return put(p, ticks_since(m, pv_ticks()));
}

/* ... and where that is not known.  NULL: the record is lost. */
static inline uint8_t *begin_room(struct pv_m *m, unsigned code, size_t room) {
    return has_room(m, room) || pv__refill(m, room) ? put_head(m, code) : NULL;
}

static inline uint8_t *begin(struct pv_m *m, unsigned code) {
    return begin_room(m, code, RECORD_ROOM);
}

static inline void commit(struct pv_m *m, uint8_t *p) {
    struct pv_ring_batch *b = (void *)m->batch;
    m->at = p;
    /* Release: the record's bytes before it.  Partner: who copies the batch reads used first. */
    store32(&b->used, (uint32_t)(p - m->batch));
}

/* A stack, where there is one, is the record's last argument and told by a bit of its code. */
static inline unsigned with_stack(unsigned code, uint32_t stack) {
    return stack ? code | PV_STACK_FOLLOWS : code;
}

static inline uint8_t *put_stack(uint8_t *p, uint32_t stack) {
    return stack ? put(p, stack) : p;
}

static inline uint64_t zigzag(uint64_t d) {
    return d << 1 ^ (uint64_t)((int64_t)d >> 63);
}

static inline uint8_t *put_object(struct pv_m *m, uint8_t *p, uint64_t object) {
    uint64_t d = zigzag(object - m->object);
    m->object = object;
    return put(p, d);
}

/* ---- the live table ----
 *
 * Who reads an entry takes it only if the word is the same before and after, and not busy. */

static inline void set_slot(struct pv_ring_slot *slot, uint64_t since, uint32_t seq,
                            unsigned state) {
    uint64_t word = (uint64_t)seq << PV_STATE_BITS | state;
    store64(&slot->word, word | PV_SLOT_BUSY);
    store64(&slot->since, since);
    store64(&slot->word, word);
}

static inline void set_slot_waiting(struct pv_ring_slot *slot, uint64_t since, uint32_t seq,
                                    uint32_t reason, uint64_t object, uint64_t holder) {
    uint64_t word = (uint64_t)seq << PV_STATE_BITS | PV_WAITING;
    store64(&slot->word, word | PV_SLOT_BUSY);
    store64(&slot->object, object);
    store64(&slot->holder, holder);
    store32(&slot->reason, reason);
    store64(&slot->since, since);
    store64(&slot->word, word);
}

/* g is in that state since m's last event. */
static inline void set_state(struct pv_m *m, struct pv_g *g, unsigned state) {
    struct pv_ring_slot *slot = slot_of(m, g);
    if (slot) set_slot(slot, m->last, g->seq, state);
}

static inline void set_waiting(struct pv_m *m, struct pv_g *g, uint32_t reason, uint64_t object,
                               uint64_t holder) {
    struct pv_ring_slot *slot = slot_of(m, g);
    if (slot) set_slot_waiting(slot, m->last, g->seq, reason, object, holder);
}

static inline void set_start(struct pv_m *m, struct pv_g *g, uint32_t stack) {
    struct pv_ring_slot *slot = slot_of(m, g);
    if (slot) store32(&slot->start_stack, stack);
}

/* It runs or is in a system call, and no record says so: p is the one that got lost. */
static inline void set_unknown(const uint8_t *p, struct pv_m *m, struct pv_g *g) {
    if (__builtin_expect(!p, 0)) set_state(m, g, PV_SLOT_BUSY);
}

/* ---- goroutines ---- */

static void put_status(struct pv_m *m, struct pv_g *g, enum pv_state state, uint32_t reason,
                       uint32_t start) {
    uint8_t *p = begin(m, PV_EV_GO_STATUS);
    if (p) commit(m, put(put(put(put(p, g->id), state), reason), start));
    if (start) set_start(m, g, start);
    if (state == PV_WAITING)
        set_waiting(m, g, reason, 0, 0);
    else
        set_state(m, g, state == PV_RUNNABLE ? PV_RUNNABLE : PV_SLOT_BUSY);
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
    uint8_t *p = begin(m, with_stack(PV_EV_GO_CREATE, stack));
    g->seq = 0;
    if (p) commit(m, put_stack(put(put(p, g->id), start_stack), stack));
    set_start(m, g, start_stack);
    set_state(m, g, PV_RUNNABLE);
}

static inline uint8_t *put_change(uint8_t *p, const struct pv_g *g) {
    return put_byte(put(p, g->id), g->seq & 0x7f);
}

static void go_start(struct pv_m *m, struct pv_g *g, uint8_t *p) {
    g->seq++;
    if (p) commit(m, put_change(p, g));
    m->g = g->id;
    m->in_syscall = false;
    set_unknown(p, m, g);
}

void pv__go_start(struct pv_m *m, struct pv_g *g) {
    go_start(m, g, begin(m, PV_EV_GO_START));
}

static inline uint8_t *put_head_at_once(uint8_t *p, unsigned code) {
    return put_byte(put_byte(p, code), 0);
}

void pv__go_start_at_once(struct pv_m *m, struct pv_g *g) {
    bool room = has_room(m, RECORD_ROOM) || pv__refill(m, RECORD_ROOM);
    go_start(m, g, room ? put_head_at_once(m->at, PV_EV_GO_START) : NULL);
}

void pv__go_stop(struct pv_m *m, struct pv_g *g, uint32_t reason, uint32_t stack) {
    adopt(m, g, PV_RUNNING);
    uint8_t *p = begin(m, with_stack(PV_EV_GO_STOP, stack));
    g->seq++;
    if (p) commit(m, put_stack(put(p, reason), stack));
    m->g = 0;
    set_state(m, g, PV_RUNNABLE);
}

static inline unsigned park_code(uint64_t holder, uint32_t stack) {
    return with_stack(holder ? PV_EV_GO_PARK_HELD : PV_EV_GO_PARK, stack);
}

static inline uint8_t *put_park(struct pv_m *m, uint8_t *p, uint32_t reason, uint64_t object,
                                uint64_t holder, uint32_t stack) {
    p = put_object(m, put(p, reason), object);
    return put_stack(holder ? put(p, holder) : p, stack);
}

void pv__go_park(struct pv_m *m, struct pv_g *g, uint32_t reason, uint64_t object, uint64_t holder,
                 uint32_t stack) {
    adopt(m, g, PV_RUNNING);
    uint8_t *p = begin(m, park_code(holder, stack));
    g->seq++;
    if (p) commit(m, put_park(m, p, reason, object, holder, stack));
    m->g = 0;
    set_waiting(m, g, reason, object, holder);
}

/* What the entry says of a long wait, so that a ring that no longer has its begin knows it. */
static inline uint8_t *put_wait(struct pv_m *m, uint8_t *p, struct pv_ring_slot *slot) {
    p = put(put(p, load32(&slot->reason)), m->last - load64(&slot->since));
    return put(put_object(m, p, load64(&slot->object)), load64(&slot->holder));
}

/* Signed, as the clock of who parked may be some nanoseconds ahead. */
static inline bool is_late(const struct pv_m *m, const struct pv_ring_slot *slot) {
    return (load64(&slot->word) & PV_SLOT_BUSY) == PV_WAITING &&
           (int64_t)(m->last - load64(&slot->since)) >= (int64_t)m->late_ticks;
}

/* p: behind the record's head, NULL: it is lost. */
static inline void end_unpark(struct pv_m *m, struct pv_g *g, uint32_t stack, uint8_t *p) {
    struct pv_ring_slot *slot = slot_of(m, g);
    g->seq++;
    if (p) {
        p = put_change(p, g);
        if (slot && is_late(m, slot)) {
            put_byte(m->at, with_stack(PV_EV_GO_UNPARK_LATE, stack));
            p = put_wait(m, p, slot);
        }
        commit(m, put_stack(p, stack));
    }
    if (slot) set_slot(slot, m->last, g->seq, PV_RUNNABLE);
}

static __attribute__((noinline)) void unpark(struct pv_m *m, struct pv_g *g, uint32_t stack) {
    end_unpark(m, g, stack, begin(m, with_stack(PV_EV_GO_UNPARK, stack)));
}

/* The clock has been read, and there is room. */
static __attribute__((noinline)) void unpark_at(struct pv_m *m, struct pv_g *g, uint64_t now) {
    uint8_t *p = put_byte(m->at, PV_EV_GO_UNPARK);
    end_unpark(m, g, 0, put(p, ticks_since(m, now)));
}

/* ---- the two calls of a hand-over, without detours ----
 *
 * Where there is room, each g has its place, and arguments are short: one or two words are written,
 * and nothing is called but at the end, so that the compiler saves no registers. */

static inline bool is_ready(const struct pv_m *m, const struct pv_g *g, uint32_t session) {
    return __builtin_expect(session == __atomic_load_n(&pv_session, __ATOMIC_RELAXED) &&
                                (size_t)(m->end - m->at) >= RECORD_ROOM && g->quick == session,
                            1);
}

/* A code, a time of one byte, g and its next change: one word. */
static inline uint8_t *put_change_of(uint8_t *p, unsigned code, uint64_t dt, struct pv_g *g,
                                     uint32_t seq) {
    unsigned bits = (unsigned)(g->coded >> PV_CODED_BITS);
    g->seq = seq;
    put_word(p, (g->coded | (uint64_t)(seq & 0x7f) << bits) << 16 | dt << 8 | code);
    return p + 3 + bits / 8;
}

void pv__go_unpark(struct pv_m *m, struct pv_g *g, uint32_t stack) {
    if (!is_ready(m, g, session_of(m)) || stack != 0) {
        unpark(m, g, stack);
        return;
    }
    struct pv_ring_slot *slot = &m->slots[g->slot];
    uint64_t now = pv_ticks(), dt = now - m->last;
    if (__builtin_expect(dt > 0x7f || now - load64(&slot->since) >= m->late_ticks, 0)) {
        unpark_at(m, g, now);
        return;
    }
    uint32_t seq = g->seq + 1;
    m->last = now;
    commit(m, put_change_of(m->at, PV_EV_GO_UNPARK, dt, g, seq));
    set_slot(slot, now, seq, PV_RUNNABLE);
}

static __attribute__((noinline)) void park_next(struct pv_m *m, struct pv_g *g, uint32_t reason,
                                                uint64_t object, uint32_t stack,
                                                struct pv_g *next) {
    pv__go_park(m, g, reason, object, 0, stack);
    pv__go_start_at_once(m, next);
}

/* Both records in two words: where they take two bytes anyway, time, object and stack are given
 * two. */
void pv__go_park_next(struct pv_m *m, struct pv_g *g, uint32_t reason, uint64_t object,
                      uint32_t stack, struct pv_g *next) {
    enum { SHORT = 0x4000, HIGH = 0x7f00, LOW = 0x7f, MORE = 0x80 };
    uint32_t session = session_of(m);
    uint64_t d = zigzag(object - m->object);
    if (!is_ready(m, g, session) || next->quick != session || m->g != g->id || stack == 0 ||
        (d | stack) >= SHORT || reason >= MORE) {
        park_next(m, g, reason, object, stack, next);
        return;
    }
    struct pv_ring_slot *slot = &m->slots[g->slot];
    uint64_t now = pv_ticks(), dt = now - m->last;
    if (__builtin_expect(dt >= SHORT, 0)) { /* what a second look at the clock costs is nothing */
        park_next(m, g, reason, object, stack, next);
        return;
    }
    /* Time, object, stack as LEB128 of two bytes each, all at once. */
    const uint64_t twice = 1 | 1ull << 24 | 1ull << 40;
    uint64_t v = dt | reason << 16 | d << 24 | (uint64_t)stack << 40;
    v = (v << 1 & twice * HIGH) | (v & (twice * LOW | (uint64_t)LOW << 16)) | twice * MORE;
    uint8_t *p = m->at;
    put_word(p, v << 8 | PV_EV_GO_PARK | PV_STACK_FOLLOWS);
    commit(m, put_change_of(p + 8, PV_EV_GO_START, 0, next, next->seq + 1));
    m->last = now;
    m->object = object;
    m->g = next->id;
    set_slot_waiting(slot, now, ++g->seq, reason, object, 0);
}

void pv__go_exit(struct pv_m *m, struct pv_g *g) {
    adopt(m, g, PV_RUNNING);
    uint8_t *p = begin(m, PV_EV_GO_EXIT);
    if (p) commit(m, p);
    m->g = 0;
    pv__slot_free(m, g);
    g->seq = 0;
}

void pv__go_syscall(struct pv_m *m, struct pv_g *g, uint32_t stack) {
    adopt(m, g, PV_RUNNING);
    uint8_t *p = begin(m, with_stack(PV_EV_GO_SYSCALL, stack));
    g->seq++;
    if (p) commit(m, put_stack(p, stack));
    m->in_syscall = true;
    set_unknown(p, m, g);
}

void pv__go_syscall_end(struct pv_m *m, struct pv_g *g, bool blocked) {
    adopt(m, g, PV_SYSCALL);
    uint8_t *p = begin(m, blocked ? PV_EV_GO_SYSCALL_END_BLOCKED : PV_EV_GO_SYSCALL_END);
    g->seq++;
    if (p) commit(m, p);
    m->in_syscall = false;
    if (!blocked) {
        set_unknown(p, m, g);
        return;
    }
    m->g = 0;
    m->p = -1;
    set_state(m, g, PV_RUNNABLE);
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
    uint8_t *p = begin_room(m, PV_EV_LOG, RECORD_ROOM + PV_MAX_TEXT);
    if (!p) return;
    p = put(put(put(p, task), category), n);
    for (size_t i = 0; i < n; i++) p = put_byte(p, (uint8_t)text[i]);
    commit(m, p);
}
