/* tracer/src/slots.c - the table of living goroutines: which entries are free.
 *
 * Entry 0 is nobody's.  Free ones are a stack whose head carries a tag, so that an exchange fails
 * where an entry came back meanwhile; entries beyond slots_used were never used.  The exchange that
 * gives an entry back releases next_free to the load that finds it at the head. */
#include "tracer/src/recorder.h"

static uint32_t take_slot(struct session *s) {
    uint64_t head = atomic_load_explicit(&s->free_slot, memory_order_acquire);
    while ((uint32_t)head != 0) {
        uint64_t next = load64(&s->slots[(uint32_t)head].next_free);
        uint64_t to = ((head >> 32) + 1) << 32 | (uint32_t)next;
        if (atomic_compare_exchange_weak_explicit(&s->free_slot, &head, to, memory_order_acq_rel,
                                                  memory_order_acquire))
            return (uint32_t)head;
    }
    _Atomic uint32_t *used = (_Atomic uint32_t *)&s->header->slots_used;
    uint32_t i = atomic_load_explicit(used, memory_order_relaxed);
    while (i < s->header->n_slots)
        if (atomic_compare_exchange_weak_explicit(used, &i, i + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return i;
    atomic_fetch_add_explicit((_Atomic uint64_t *)&s->header->unlisted, 1, memory_order_relaxed);
    return 0;
}

/* The id as records have it.  False: it leaves no room in a word for a byte more and the count. */
static bool code_id(struct pv_g *g) {
    uint64_t id = g->id, bytes = 0;
    unsigned at = 0;
    for (; id > 0x7f && at < PV_CODED_BITS - 24; at += 8, id >>= 7)
        bytes |= ((id & 0x7f) | 0x80) << at;
    g->coded = bytes | (id & 0x7f) << at | (uint64_t)(at + 8) << PV_CODED_BITS;
    return id <= 0x7f;
}

bool pv__slot_take(struct pv_m *m, struct pv_g *g) {
    g->quick = 0;
    if (session_of(m) == 0) return false;
    g->session = session_of(m);
    g->slot = take_slot(m->s);
    if (!g->slot) return true;
    if (code_id(g)) g->quick = g->session;
    struct pv_ring_slot *slot = &m->slots[g->slot];
    store64(&slot->word, PV_SLOT_BUSY);
    store64(&slot->id, g->id);
    store32(&slot->start_stack, 0);
    return true;
}

void pv__slot_free(struct pv_m *m, struct pv_g *g) {
    if (g->session != session_of(m) || !g->slot) {
        g->session = g->slot = g->quick = 0;
        return;
    }
    struct session *s = m->s;
    struct pv_ring_slot *slot = &s->slots[g->slot];
    store64(&slot->word, PV_SLOT_FREE);
    uint64_t head = atomic_load_explicit(&s->free_slot, memory_order_relaxed), to;
    do {
        store64(&slot->next_free, (uint32_t)head);
        to = ((head >> 32) + 1) << 32 | g->slot;
    } while (!atomic_compare_exchange_weak_explicit(&s->free_slot, &head, to, memory_order_acq_rel,
                                                    memory_order_relaxed));
    g->session = g->slot = g->quick = 0;
}
