/* tracer/src/batch.c - a thread's place in the ring: taking batches, giving them back.
 *
 * Invariants  1. A batch is written by one thread at a time: it is in the queue, or somebody's.
 *             2. Batches come back when they are full, and are taken in that order: what is
 *                overwritten is always what ended longest ago.
 *             3. A batch that is void (seq 0 at either end) or whose two numbers differ holds
 *                nothing.  seq at its end is cleared first and set last.
 *             4. Up to where events were overwritten is told before the first of them goes.
 * Not here    the queue's memory (session.c), what a record holds (events.c).
 * Source      the queue: Dmitry Vyukov's bounded MPMC queue. */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/src/recorder.h"

static uint64_t *end_seq(uint8_t *batch) {
    return (uint64_t *)(void *)(batch + PV_BATCH_END);
}

static void give_back(struct session *s, uint32_t batch) {
    uint64_t at = atomic_fetch_add_explicit(&s->tail, 1, memory_order_relaxed);
    struct ring_cell *cell = &s->cells[at & (s->n_cells - 1)];
    atomic_store_explicit(&cell->batch, batch, memory_order_relaxed);
    /* Release: partner is the acquire load in take. */
    atomic_store_explicit(&cell->turn, at + 1, memory_order_release);
}

/* The batch that ended longest ago; false: there is none (now). */
static bool take(struct session *s, uint32_t *batch) {
    uint64_t at = atomic_load_explicit(&s->head, memory_order_relaxed);
    for (;;) {
        struct ring_cell *cell = &s->cells[at & (s->n_cells - 1)];
        if (atomic_load_explicit(&cell->turn, memory_order_acquire) != at + 1) {
            uint64_t now = atomic_load_explicit(&s->head, memory_order_relaxed);
            if (now == at) return false;
            at = now;
            continue;
        }
        *batch = atomic_load_explicit(&cell->batch, memory_order_relaxed);
        /* The cell was read before it was ours; if it was not, the exchange fails.  A cell is used
         * again only after n_cells more were given back, and there are fewer batches than cells. */
        if (atomic_compare_exchange_weak_explicit(&s->head, &at, at + 1, memory_order_acq_rel,
                                                  memory_order_relaxed))
            return true;
    }
}

void pv__ring_init(struct session *s) {
    for (uint32_t i = 0; i < s->header->n_batches; i++) give_back(s, i);
}

void pv__leave_batch(struct pv_m *m) {
    if (!m->batch) return;
    atomic_store_explicit(&m->s->last_ticks[m->i_batch], m->last, memory_order_relaxed);
    if (!m->s->stop_when_full) give_back(m->s, m->i_batch);
    m->batch = NULL;
}

static bool lose(struct pv_m *m) {
    if (m->lost++ == 0) m->lost_from = pv_ticks();
    m->at = m->end;
    if (!m->row) {
        atomic_fetch_add_explicit((_Atomic uint64_t *)&m->s->header->lost_without_thread, 1,
                                  memory_order_relaxed);
        return false;
    }
    store64(&m->row->lost, m->row->lost + 1);
    if (m->row->lost_from == 0) store64(&m->row->lost_from, m->lost_from);
    return false;
}

static uint64_t mono_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void begin_batch(struct pv_m *m, uint32_t i) {
    struct session *s = m->s;
    uint8_t *bytes = s->batches + (size_t)i * PV_BATCH_BYTES;
    struct pv_ring_batch *b = (void *)bytes;
    uint64_t until = atomic_load_explicit(&s->last_ticks[i], memory_order_relaxed);
    if (until > m->row->overwritten_until) store64(&m->row->overwritten_until, until);
    store64(end_seq(bytes), 0);
    store64(&b->seq, 0);
    begin_words();
    m->last = pv_ticks();
    store64(&b->base, m->last);
    store64(&b->mono_ns, mono_ns());
    store32(&b->used, PV_BATCH_DATA);
    store32(&b->thread, row_of(m));
    store64(&b->g, m->g);
    store32((uint32_t *)&b->p, (uint32_t)m->p);
    store32(&b->in_syscall, m->in_syscall);
    store64(&b->lost, m->lost);
    store64(&b->lost_from, m->lost_from);
    uint64_t seq = atomic_fetch_add_explicit(&s->next_seq, 1, memory_order_relaxed);
    store64(&b->seq, seq);
    store64(end_seq(bytes), seq);
    if (m->lost) store64(&m->row->lost_from, 0);
    m->lost = m->lost_from = 0;
    m->object = 0;
    m->i_batch = i;
    m->batch = bytes;
    m->at = bytes + PV_BATCH_DATA;
    m->end = bytes + PV_BATCH_END;
}

bool pv__refill(struct pv_m *m, size_t room) {
    uint32_t running = __atomic_load_n(&pv_session, __ATOMIC_ACQUIRE);
    if (running == 0) return false; /* it ended since the caller looked */
    if (session_of(m) != running) {
        pv__detach(m);
        if (!pv__attach(m)) return false;
    } else if (m->batch && (size_t)(m->end - m->at) >= room) {
        return true;
    }
    pv__leave_batch(m);
    if (!m->row || (m->lost & (LOST_RETRY - 1)) != 0) return lose(m);
    uint32_t i;
    if (!take(m->s, &i)) return lose(m);
    begin_batch(m, i);
    return true;
}
