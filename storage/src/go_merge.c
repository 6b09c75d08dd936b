/* storage/src/go_merge.c - the Ms of a generation, merged into one order.
 *
 * A binary heap of Ms by the time of their next event, filled in the order in which the Ms first
 * appear in the file.  The top is tried; if it cannot come yet, the heap is sorted and the others
 * are tried in turn.  While the first two take turns, which is the rule, the heap is not touched.
 * Every move below is the one that Go's reader makes, because ties of time are decided by where an
 * M happens to stand.
 * Not here    what may come when (go_order.c).
 * Source      go1.26 src/internal/trace/reader.go, batchcursor.go */
#include <stdlib.h>
#include <string.h>

#include "storage/src/go_cursor.h"
#include "storage/src/go_sched_often.h"

enum { SENTINELS = 6 }; /* so that entry 0 of one has grandchildren */

static void swap(struct go_timed *heap, uint32_t i, uint32_t j) {
    struct go_timed t = heap[i];
    heap[i] = heap[j];
    heap[j] = t;
}

static uint32_t sift_up(struct go_timed *heap, uint32_t i) {
    while (i > 0 && heap[(i - 1) / 2].time_ns > heap[i].time_ns) {
        swap(heap, (i - 1) / 2, i);
        i = (i - 1) / 2;
    }
    return i;
}

/* The smaller child (of equal ones the left) moves up if it is strictly smaller.  heap[n] and
 * those behind are sentinels that never are, so that missing children need no special case. */
static inline void sift_down(struct go_timed *heap, size_t n, size_t i) {
    int64_t time_ns = heap[i].time_ns;
    uint32_t index = heap[i].index;
    for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        int64_t left_ns = heap[child].time_ns, right_ns = heap[child + 1].time_ns;
        int64_t least_ns = right_ns < left_ns ? right_ns : left_ns;
        if (least_ns >= time_ns) break;
        child += right_ns < left_ns;
        /* Field by field: one wide load after two narrow stores would have to wait for them. */
        heap[i].time_ns = least_ns;
        heap[i].index = heap[child].index;
        i = child;
    }
    heap[i].time_ns = time_ns;
    heap[i].index = index;
}

/* Takes entry i away: up to the root whatever the times, swapped with the last, and down. */
static void remove_entry(struct go_merge *q, uint32_t i) {
    for (; i > 0; i = (i - 1) / 2) swap(q->heap, (i - 1) / 2, i);
    q->n_heap--;
    swap(q->heap, 0, q->n_heap);
    q->heap[q->n_heap].time_ns = INT64_MAX;
    if (q->n_heap) sift_down(q->heap, q->n_heap, 0);
}

static int reserve(struct go_merge *q, struct fault *f) {
    if (q->n_cursors < q->cap_cursors) return 0;
    uint32_t cap = q->cap_cursors ? q->cap_cursors * 2 : 64;
    struct go_cursor *cursors = realloc(q->cursors, cap * sizeof *cursors);
    if (cursors) {
        memset(cursors + q->cap_cursors, 0, (cap - q->cap_cursors) * sizeof *cursors);
        q->cursors = cursors;
    }
    struct go_timed *heap = realloc(q->heap, (cap + SENTINELS) * sizeof *heap);
    if (heap) q->heap = heap;
    if (!cursors || !heap) return fault_set(f, PV_ENOMEM, -1, "out of memory for threads");
    q->cap_cursors = cap;
    return 0;
}

/* A cursor before batch i, the M's first one in the generation. */
static int add_cursor(struct go_merge *q, const struct go_gen *g, uint32_t i, struct fault *f) {
    TRY(reserve(q, f));
    struct go_cursor *c = &q->cursors[q->n_cursors];
    const struct go_batch *b = &g->batches[i];
    uint8_t *window = c->window; /* of the generation before, or none yet */
    *c = (struct go_cursor){.m = b->m,
                            .batch = i,
                            .at = window,
                            .p = window,
                            .end = window,
                            .rest = b->size,
                            .rest_at = b->at,
                            .window = window,
                            .room = c->room};
    q->n_cursors++;
    if (idmap_put(&q->m_map, b->m, q->n_cursors) == 0) return 0;
    return fault_set(f, PV_ENOMEM, -1, "out of memory for threads");
}

/* Chains each M's event batches, in file order, and sets a cursor before the first. */
static int chain_batches(struct go_merge *q, struct go_gen *g, struct fault *f) {
    q->n_cursors = 0;
    idmap_clear(&q->m_map);
    for (uint32_t i = 0; i < g->n_batches; i++) {
        struct go_batch *b = &g->batches[i];
        if (b->class != GO_BATCH_EVENTS) continue;
        b->next = 0;
        uint32_t known = idmap_get(&q->m_map, b->m);
        if (!known) {
            TRY(add_cursor(q, g, i, f));
        } else {
            struct go_cursor *c = &q->cursors[known - 1];
            g->batches[c->batch].next = i + 1; /* c->batch: the chain's last while it is made */
            c->batch = i;
        }
    }
    return 0;
}

int go_merge_start(struct go_merge *q, struct go_gen *g, const struct go_bytes *bytes,
                   const struct go_tables *t, struct fault *f) {
    q->bytes = bytes;
    q->n_heap = 0;
    q->next_sample = 0;
    q->sample_ns = t->n_samples ? t->sample_order[0].time_ns : INT64_MAX;
    TRY(chain_batches(q, g, f));
    for (uint32_t i = g->n_batches; i-- > 0;) { /* back to each M's first batch */
        const struct go_batch *b = &g->batches[i];
        if (b->class == GO_BATCH_EVENTS) q->cursors[idmap_get(&q->m_map, b->m) - 1].batch = i;
    }
    for (uint32_t i = 0; i < q->n_cursors; i++) {
        int rc = go_cursor_next(&q->cursors[i], g, t, bytes, f);
        if (rc < 0) return rc;
        if (rc == 0) continue;
        q->heap[q->n_heap] = (struct go_timed){.time_ns = q->cursors[i].time_ns, .index = i};
        sift_up(q->heap, q->n_heap++);
    }
    for (uint32_t i = 0; q->heap && i < SENTINELS; i++)
        q->heap[q->n_heap + i] = (struct go_timed){.time_ns = INT64_MAX};
    return 0;
}

/* What was given out from next on is taken back, as Go gives none of it out either. */
static int take_back(struct go_order *o, struct ev *next, int rc) {
    for (const struct ev *ev = next; ev < o->next; ev++) o->out->n_args -= ev->n_args;
    o->next = next;
    o->last_ns = next > o->out->ev ? next[-1].time_ns : o->batch_ns;
    o->id_fault.code = 0;
    return rc;
}

/* After entry i's event was given out: its M's next one, where neither fault nor end is common. */
static int refresh(struct go_merge *q, struct go_order *o, uint32_t i) {
    struct go_cursor *c = &q->cursors[q->heap[i].index];
    int rc = go_cursor_next(c, o->gen, o->tables, q->bytes, o->fault);
    if (rc < 0) return rc;
    if (rc == 0) {
        remove_entry(q, i);
    } else {
        q->heap[i].time_ns = c->time_ns;
        if (sift_up(q->heap, i) == i) sift_down(q->heap, q->n_heap, i);
    }
    if (o->id_fault.code == 0) return 1;
    *o->fault = o->id_fault;
    return o->id_fault.code;
}

enum { ASK = 2 }; /* given out, but what comes next takes more care */

static inline int64_t lesser(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Advances the top, if its event may come now, and what comes next of it and of its smaller child:
 * while all others come later than both, these two change places and nothing else in the heap
 * moves.  1, 0 = the top has to wait, or a fault. */
static inline int run_top(struct go_merge *q, struct go_order *o) {
    struct go_timed *heap = q->heap;
    uint32_t k = 1 + (heap[2].time_ns < heap[1].time_ns);
    int64_t rival_ns = heap[k].time_ns;
    int64_t others_ns = lesser(lesser(heap[3 - k].time_ns, q->sample_ns),
                               lesser(heap[2 * k + 1].time_ns, heap[2 * k + 2].time_ns));
    struct go_cursor *c = &q->cursors[heap[0].index], *rival = &q->cursors[heap[k].index];
    struct ev *next;
    int rc;
    for (;;) {
        next = o->next;
        rc = go_order_advance(o, c);
        if (UNLIKELY(rc <= 0)) break;
        if (UNLIKELY(!go_cursor_next_fast(c, o->tables))) {
            rc = ASK;
            break;
        }
        int64_t time_ns = c->time_ns;
        if (time_ns >= others_ns || o->next > o->limit) break;
        if (rival_ns < time_ns) {
            struct go_cursor *last = c;
            c = rival;
            rival = last;
            rival_ns = time_ns;
        }
    }
    heap[k].time_ns = rival_ns;
    heap[k].index = (uint32_t)(rival - q->cursors);
    heap[0].time_ns = c->time_ns;
    heap[0].index = (uint32_t)(c - q->cursors);
    if (rc == DONE) sift_down(heap, q->n_heap, 0);
    if (rc == ASK) rc = refresh(q, o, 0);
    return rc < 0 ? take_back(o, next, rc) : rc;
}

/* Advances heap entry i, if its event may come now.  1, 0 = it has to wait, or a fault. */
COLD static int try_entry(struct go_merge *q, struct go_order *o, uint32_t i) {
    struct ev *next = o->next;
    int rc = go_order_advance(o, &q->cursors[q->heap[i].index]);
    if (rc == DONE) rc = refresh(q, o, i);
    return rc < 0 ? take_back(o, next, rc) : rc;
}

static int stuck(const struct go_merge *q, const struct go_order *o) {
    const struct go_cursor *c = &q->cursors[q->heap[0].index];
    return fault_set(o->fault, PV_ECORRUPT, go_cursor_offset(c),
                     "broken trace: failed to advance: none of the %u threads' next events can "
                     "come now; the earliest is %s of thread %lld (generation %llu)",
                     q->n_heap, go_event_specs[c->type].name, (long long)c->m,
                     (unsigned long long)o->gen_number);
}

static int give_sample(struct go_merge *q, struct go_order *o) {
    const struct go_tables *t = o->tables;
    const struct go_timed *next = &t->sample_order[q->next_sample];
    TRY(go_order_sample(o, &t->samples[next->index], next->time_ns));
    q->next_sample++;
    q->sample_ns =
        q->next_sample < t->n_samples ? t->sample_order[q->next_sample].time_ns : INT64_MAX;
    return 1;
}

int go_merge_run(struct go_merge *q, struct go_order *o) {
    uint32_t i = 0; /* whose turn it is; all before it in the sorted heap have to wait */
    while (o->next <= o->limit) {
        int rc;
        if (UNLIKELY(q->n_heap == 0 || q->sample_ns < q->heap[0].time_ns)) {
            if (q->n_heap == 0 && q->next_sample == o->tables->n_samples) return 0;
            rc = give_sample(q, o);
        } else {
            rc = i == 0 ? run_top(q, o) : try_entry(q, o, i);
        }
        if (UNLIKELY(rc < 0)) return rc;
        if (UNLIKELY(rc == 0)) {
            if (i == 0) go_sort(q->heap, q->n_heap);
            if (++i == q->n_heap) return stuck(q, o);
        } else {
            i = 0;
        }
    }
    return 1;
}

uint64_t go_merge_reached(const struct go_merge *q, const struct go_gen *g) {
    return q->n_heap ? q->cursors[q->heap[0].index].rest_at : g->end_offset;
}

void go_merge_free(struct go_merge *q) {
    for (uint32_t i = 0; i < q->cap_cursors; i++) free(q->cursors[i].window);
    free(q->cursors);
    free(q->heap);
    idmap_free(&q->m_map);
    *q = (struct go_merge){0};
}
