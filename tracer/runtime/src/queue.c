/* tracer/runtime/src/queue.c - who is runnable: a ring for each processor, one slot before it for
 * the goroutine that was just woken, and one global list for what does not fit.
 *
 * Invariants  1. only the owner of a p moves its tail; head and runnext are taken by whoever wins
 *                the compare-exchange.
 *             2. runq[i] is read before head passes i, so it is only believed when the exchange of
 *                head succeeds.
 *             3. the global list belongs to sched.lock.
 * Source      the shape is that of Go's runtime/proc.go (runqput, runqget, runqgrab). */
#include "tracer/runtime/src/rt.h"

/* Half of a full ring, and g, to the global list. */
static bool spill(struct p *p, struct g *g, uint32_t head) {
    struct g_list gs = {0};
    uint32_t n = RUNQ / 2;
    struct g *taken[RUNQ / 2];
    for (uint32_t i = 0; i < n; i++)
        taken[i] = atomic_load_explicit(&p->runq[(head + i) % RUNQ], memory_order_relaxed);
    if (!atomic_compare_exchange_strong_explicit(&p->head, &head, head + n, memory_order_acq_rel,
                                                 memory_order_relaxed))
        return false; /* somebody stole: there is room now */
    for (uint32_t i = 0; i < n; i++) g_list_push(&gs, taken[i]);
    g_list_push(&gs, g);
    pv__lock(&pv__sched.lock);
    pv__global_put(&gs);
    pv__unlock(&pv__sched.lock);
    return true;
}

void pv__runq_put(struct p *p, struct g *g) {
    for (;;) {
        uint32_t head = atomic_load_explicit(&p->head, memory_order_acquire);
        uint32_t tail = atomic_load_explicit(&p->tail, memory_order_relaxed);
        if (tail - head < RUNQ) {
            atomic_store_explicit(&p->runq[tail % RUNQ], g, memory_order_relaxed);
            /* Partner: the acquire of tail in pv__runq_steal and pv__runq_empty. */
            atomic_store_explicit(&p->tail, tail + 1, memory_order_release);
            return;
        }
        if (spill(p, g, head)) return;
    }
}

void pv__runq_put_next(struct p *p, struct g *g) {
    /* seq_cst: pv__wake_p's look at n_spinning comes after it (find.c, invariant 1). */
    struct g *before = atomic_exchange_explicit(&p->runnext, g, memory_order_seq_cst);
    if (before) pv__runq_put(p, before);
}

struct g *pv__runq_get_ring(struct p *p) {
    for (;;) {
        uint32_t head = atomic_load_explicit(&p->head, memory_order_acquire);
        if (head == atomic_load_explicit(&p->tail, memory_order_relaxed)) return NULL;
        struct g *g = atomic_load_explicit(&p->runq[head % RUNQ], memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&p->head, &head, head + 1, memory_order_acq_rel,
                                                  memory_order_relaxed))
            return g;
    }
}

bool pv__runq_empty(struct p *p) {
    for (;;) { /* a g may move from runnext into the ring between two looks */
        uint32_t head = atomic_load_explicit(&p->head, memory_order_acquire);
        uint32_t tail = atomic_load_explicit(&p->tail, memory_order_acquire);
        struct g *next = atomic_load_explicit(&p->runnext, memory_order_acquire);
        if (tail == atomic_load_explicit(&p->tail, memory_order_acquire))
            return head == tail && !next;
    }
}

/* Takes half of from's ring into to's, and one of them in *got.  Returns how many. */
uint32_t pv__runq_steal(struct p *to, struct p *from, struct g **got) {
    uint32_t to_tail = atomic_load_explicit(&to->tail, memory_order_relaxed);
    for (;;) {
        uint32_t head = atomic_load_explicit(&from->head, memory_order_acquire);
        uint32_t tail = atomic_load_explicit(&from->tail, memory_order_acquire);
        uint32_t n = tail - head;
        n -= n / 2;
        if (n == 0) return 0;
        if (n > RUNQ / 2) continue; /* head and tail were read at different moments */
        for (uint32_t i = 0; i < n; i++) {
            struct g *g =
                atomic_load_explicit(&from->runq[(head + i) % RUNQ], memory_order_relaxed);
            atomic_store_explicit(&to->runq[(to_tail + i) % RUNQ], g, memory_order_relaxed);
        }
        if (!atomic_compare_exchange_strong_explicit(&from->head, &head, head + n,
                                                     memory_order_acq_rel, memory_order_relaxed))
            continue;
        *got = atomic_load_explicit(&to->runq[(to_tail + n - 1) % RUNQ], memory_order_relaxed);
        if (n > 1) atomic_store_explicit(&to->tail, to_tail + n - 1, memory_order_release);
        return n;
    }
}

void pv__global_put(struct g_list *gs) {
    struct sched *s = &pv__sched;
    if (!gs->first) return;
    if (s->global.last)
        s->global.last->next = gs->first;
    else
        s->global.first = gs->first;
    s->global.last = gs->last;
    s->global.n += gs->n;
    atomic_store_explicit(&s->n_global, s->global.n, memory_order_seq_cst);
    *gs = (struct g_list){0};
}

static struct g *global_pop(void) {
    struct g_list *list = &pv__sched.global;
    struct g *g = list->first;
    list->first = g->next;
    if (!list->first) list->last = NULL;
    list->n--;
    return g;
}

struct g *pv__global_get(struct p *p, uint32_t max) {
    struct sched *s = &pv__sched;
    uint32_t n = s->global.n / s->n_p + 1;
    if (n > s->global.n) n = s->global.n;
    if (n > max) n = max;
    if (n > RUNQ / 2) n = RUNQ / 2;
    if (n == 0) return NULL;
    struct g *g = global_pop();
    /* The ring has room: its owner asks only when it is empty, or for one (max 1). */
    while (--n > 0) pv__runq_put(p, global_pop());
    atomic_store_explicit(&s->n_global, s->global.n, memory_order_seq_cst);
    return g;
}
