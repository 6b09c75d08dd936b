/* storage/src/ring.c - the reader of ring files: windows without loss, many threads -> one order.
 *
 * Invariants  1. A window is a time in which no thread lost an event.  It begins with an EV_SYNC
 *                and with what is known; between two of them stands an EV_GAP.  What came before
 *                the first is what a flight recorder forgets, and no gap.
 *             2. Within a window the record with the earliest time comes first, unless it must wait
 *                for another thread's (ring_order.c).
 *             3. Records that contradict each other end a window; the next begins behind them. At
 *                its edges they need not: of a cause and its effect, whose times may be reversed by
 *                some nanoseconds, one lies within and one outside.  There, records that cannot be
 *                placed are left out.
 * The end     Of a ring that was stopped or copied: the time of that.  Of a program that was
 *             killed, or of a file that was copied while it was written: the last record that can
 *             be placed. */
#include <stdlib.h>

#include "storage/src/ring_impl.h"

enum { LOAD_TRIES = 20, RESTARTS_MAX = 64, SLACK_NS = 1000, EDGE_NS = 20000 };

enum phase { BEGIN, THREADS, SLOTS, MERGE, AFTER, END, DONE };

struct ring {
    struct ring_file file;
    struct ring_order order;
    struct dict *dict;
    bool resume;
    enum phase phase;
    uint64_t from, to; /* the present window, ticks: [from, to) */
    uint32_t i_hole;   /* the one behind the present window */
    uint32_t i;        /* of threads or slots in their phases */
    uint32_t n_windows, n_restarts;
    uint64_t n_syncs, slack, edge; /* ticks */
    uint32_t *heap, n_heap;        /* threads by the time of their next record */
    uint32_t *blocked, n_blocked;  /* of them: those that must wait */
    const char *contradiction;
    struct idmap slot_of; /* goroutine -> its entry of the live table, index + 1 */
    struct fault fault;   /* code 0 = none; the first that ended a window or the reading */
};

/* ---- threads by time ---- */

static uint64_t time_of(const struct ring *r, uint32_t i_m) {
    return r->order.ms[i_m].record.t;
}

static void push(struct ring *r, uint32_t i_m) {
    uint32_t at = r->n_heap++;
    while (at > 0 && time_of(r, i_m) < time_of(r, r->heap[(at - 1) / 2])) {
        r->heap[at] = r->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    r->heap[at] = i_m;
}

static uint32_t pop(struct ring *r) {
    uint32_t top = r->heap[0], last = r->heap[--r->n_heap], at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= r->n_heap) break;
        if (child + 1 < r->n_heap && time_of(r, r->heap[child + 1]) < time_of(r, r->heap[child]))
            child++;
        if (time_of(r, last) <= time_of(r, r->heap[child])) break;
        r->heap[at] = r->heap[child];
        at = child;
    }
    r->heap[at] = last;
    return top;
}

/* The thread's next record; skipping: its own idea of what it holds is taken from its batches. */
static void next_record(struct ring *r, uint32_t i_m, bool skipping) {
    struct ring_m *m = &r->order.ms[i_m];
    const struct ring_thread *t = &r->file.threads[i_m];
    for (;;) {
        m->has = m->place.p && ring_place_next(&m->place, &m->record) == 1;
        if (m->has) return;
        if (m->i_batch == t->n) return;
        const struct ring_batch *b = &r->file.batches[t->first + m->i_batch++];
        ring_place_begin(&m->place, b);
        /* Batches in between may be missing: what was overwritten came before the window, and a
         * batch of within begins as that ended; or else they came after it, and so did this one. */
        if (!skipping || b->h.base >= r->to) continue;
        if (m->g != b->h.g) m->g_since = b->h.base;
        m->g = b->h.g;
        m->p = b->h.p;
        m->in_syscall = b->h.g && b->h.in_syscall;
    }
}

/* ---- windows ---- */

static uint64_t end_of(const struct ring *r) {
    return r->file.h.end_ticks ? r->file.h.end_ticks + 1 : UINT64_MAX;
}

/* The next window; false: there is none. */
static bool next_window(struct ring *r) {
    const struct ring_file *file = &r->file;
    while (r->i_hole <= file->n_holes) {
        r->from = r->i_hole ? file->holes[r->i_hole - 1].to : 0;
        r->to = r->i_hole < file->n_holes ? file->holes[r->i_hole].from : UINT64_MAX;
        if (r->to > end_of(r)) r->to = end_of(r);
        r->i_hole++;
        if (r->from < r->to) return true;
    }
    return false;
}

static void say_lost(struct ring *r, const struct ring_hole *hole, struct fault *f) {
    if (r->contradiction)
        fault_set(f, PV_ECORRUPT, -1, "%s", r->contradiction);
    else if (hole && hole->what)
        fault_set(f, PV_ECORRUPT, hole->offset, "%s", hole->what);
    else
        fault_set(f, PV_ECORRUPT, -1, "%llu events were lost: the ring had no room for them",
                  (unsigned long long)(hole ? hole->n : 0));
}

/* Before a window that is not the first, or behind the last: what is lost there. */
static void put_gap(struct ring *r, const struct ring_hole *hole) {
    struct fault f;
    say_lost(r, hole, &f);
    r->contradiction = NULL;
    if (!r->fault.code) r->fault = f;
    struct ring_m nobody = {.id = NO_ID, .p = NO_ID};
    r->order.now_ns = r->order.last_ns;
    struct ev *e = ring_emit(&r->order, &nobody, EV_GAP);
    uint32_t text = dict_add_string(r->dict, f.text, strlen(f.text));
    e->id = (uint64_t)f.offset;
    e->str = text == UINT32_MAX ? 0 : text;
}

static const struct ring_hole *hole_before(const struct ring *r) {
    return r->i_hole >= 2 ? &r->file.holes[r->i_hole - 2] : NULL;
}

/* Before the window: what an entry said of the goroutine before this record is over.  (Who wrote
 * the record may have been kept from writing the entry, or killed before it did.) */
static void outdate(struct ring *r, const struct ring_m *m) {
    uint64_t g = m->g, t = m->record.t;
    switch (m->record.code) {
    case PV_EV_GO_CREATE:
    case PV_EV_GO_START:
    case PV_EV_GO_UNPARK:
    case PV_EV_GO_UNPARK_LATE:
    case PV_EV_GO_STATUS:
        g = m->record.a[0];
        break;
    default:
        break;
    }
    uint32_t i = idmap_get(&r->slot_of, g);
    if (i && r->file.slots[i - 1].since < t) r->file.slots[i - 1].word = PV_SLOT_BUSY;
}

/* All threads stand at their first record in the window, and hold what they held then. */
static void begin_window(struct ring *r) {
    ring_order_reset(&r->order);
    r->n_heap = 0;
    for (uint32_t i = 0; i < r->order.n_ms; i++) {
        struct ring_m *m = &r->order.ms[i];
        if (!r->n_windows) next_record(r, i, true);
        m->stw = 0;
        m->taken_p = NO_ID;
        while (m->has && m->record.t < r->from) {
            outdate(r, m);
            ring_track(m);
            next_record(r, i, true);
        }
        if (m->has) push(r, i);
    }
    uint64_t at = r->from > r->file.h.start_ticks ? r->from : r->file.h.start_ticks;
    ring_sync(&r->order, ring_ns(&r->file, at), ++r->n_syncs);
    r->n_windows++;
    r->phase = THREADS;
    r->i = 0;
}

/* The record of i_m cannot be placed.  Within the window it ends here and another begins. */
static void contradict(struct ring *r, uint32_t i_m, const char *why) {
    uint64_t t = time_of(r, i_m);
    for (uint32_t i = 0; i < r->n_blocked; i++)
        if (r->blocked[i] != i_m) push(r, r->blocked[i]);
    if (t < r->from + r->edge) {
        next_record(r, i_m, false);
        if (r->order.ms[i_m].has) push(r, i_m);
        return;
    }
    push(r, i_m);
    if (r->to - t < r->edge) {
        r->phase = AFTER;
        return;
    }
    bool live = r->file.h.state == PV_RING_RECORDING && !r->file.h.end_ticks;
    r->contradiction = why;
    if (live || ++r->n_restarts > RESTARTS_MAX) {
        if (!live) say_lost(r, NULL, &r->fault);
        r->contradiction = NULL;
        r->phase = END;
        return;
    }
    r->from = t + 1;
    if (!r->resume) {
        say_lost(r, NULL, &r->fault);
        r->phase = DONE;
        return;
    }
    put_gap(r, NULL);
    begin_window(r);
}

static void begin(struct ring *r) {
    if (!next_window(r)) {
        r->phase = END;
        return;
    }
    if (r->n_windows) {
        if (!r->resume) {
            say_lost(r, hole_before(r), &r->fault);
            r->phase = DONE;
            return;
        }
        put_gap(r, hole_before(r));
    }
    begin_window(r);
}

/* ---- merging ---- */

static void took(struct ring *r, uint32_t i_m) {
    next_record(r, i_m, false);
    if (r->order.ms[i_m].has) push(r, i_m);
    for (uint32_t i = 0; i < r->n_blocked; i++)
        if (r->blocked[i] != i_m) push(r, r->blocked[i]);
}

/* One record; false: the window has no more that could come. */
static bool merge(struct ring *r) {
    r->n_blocked = 0;
    while (r->n_heap && time_of(r, r->heap[0]) < r->to) {
        uint32_t i_m = pop(r);
        uint64_t t = time_of(r, i_m);
        bool alone = !r->n_blocked && (!r->n_heap || time_of(r, r->heap[0]) > t + r->slack);
        enum ring_step step = ring_step(&r->order, i_m, alone);
        if (step == RING_DONE) {
            took(r, i_m);
            return true;
        }
        r->blocked[r->n_blocked++] = i_m;
        if (step == RING_BAD) {
            contradict(r, i_m, "a record contradicts what its thread did before");
            return true;
        }
    }
    if (!r->n_blocked) return false;
    /* All wait.  The earliest that nothing is known against comes. */
    for (uint32_t i = 0; i < r->n_blocked; i++)
        if (ring_step(&r->order, r->blocked[i], true) == RING_DONE) {
            took(r, r->blocked[i]);
            return true;
        }
    contradict(r, r->blocked[0], "records of several threads contradict each other");
    return true;
}

/* Records behind the end still tell what was so before them. */
static void look_behind(struct ring *r) {
    if (!r->n_heap || r->to != end_of(r)) {
        r->phase = BEGIN;
        return;
    }
    uint32_t i_m = pop(r);
    ring_imply(&r->order, i_m);
    next_record(r, i_m, false);
    if (r->order.ms[i_m].has) push(r, i_m);
}

static void end(struct ring *r) {
    const struct ring_file *file = &r->file;
    const struct ring_hole *last = file->n_holes ? &file->holes[file->n_holes - 1] : NULL;
    r->phase = DONE;
    if (last && last->to > end_of(r) && last->from > 0 && last->from < end_of(r) && r->n_windows) {
        if (r->resume)
            put_gap(r, last);
        else
            say_lost(r, last, &r->fault);
        return;
    }
    if (!r->n_windows) ring_sync(&r->order, ring_ns(file, file->h.start_ticks), ++r->n_syncs);
    int64_t end_ns = ring_ns(file, file->h.end_ticks);
    if (file->h.end_ticks && end_ns > r->order.last_ns) ring_sync(&r->order, end_ns, ++r->n_syncs);
    ring_sync(&r->order, r->order.last_ns, ++r->n_syncs);
    if (!r->fault.code) r->fault = file->fault;
    if (!r->fault.code && file->h.lost_without_thread)
        fault_set(&r->fault, PV_ECORRUPT, -1,
                  "%llu events are missing: the ring had no room for their threads",
                  (unsigned long long)file->h.lost_without_thread);
}

static void step(struct ring *r) {
    switch (r->phase) {
    case BEGIN:
        begin(r);
        break;
    case THREADS:
        if (r->i < r->order.n_ms)
            ring_know_thread(&r->order, r->i++);
        else
            r->phase = SLOTS, r->i = 0;
        break;
    case SLOTS:
        while (r->i < r->file.n_slots)
            if (ring_know_slot(&r->order, &r->file.slots[r->i++], r->from)) return;
        r->phase = MERGE;
        break;
    case MERGE:
        if (!merge(r)) r->phase = AFTER;
        break;
    case AFTER:
        look_behind(r);
        break;
    case END:
        end(r);
        break;
    case DONE:
        break;
    }
}

/* ---- as reader_impl.h wants it ---- */

/* A program that writes faster than this one gets to read may have overwritten all that was to be
 * read: then again, with a later end. */
static int load(struct ring *r, struct input *in, struct fault *f) {
    for (int tries = 0;; tries++) {
        TRY(ring_load(in, &r->file, f));
        const struct ring_file *file = &r->file;
        bool live = input_fd(in) >= 0 && file->h.state == PV_RING_RECORDING && file->h.end_ticks;
        bool gone = file->n_holes && file->holes[0].from == 0 && file->holes[0].to > end_of(r);
        if (!live || !gone || tries == LOAD_TRIES) return 0;
        ring_file_free(&r->file);
        r->file = (struct ring_file){0};
    }
}

int ring_open(struct input *in, const struct reader_options *o, struct dict *d, struct ring **out,
              struct fault *f) {
    *out = NULL;
    struct ring *r = calloc(1, sizeof *r);
    if (!r) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    r->dict = d;
    r->resume = o->resume;
    int rc = load(r, in, f);
    if (rc == 0) rc = ring_order_init(&r->order, &r->file, d, f);
    for (uint32_t i = 0; i < r->file.n_slots && rc == 0; i++)
        if (!idmap_get(&r->slot_of, r->file.slots[i].id) &&
            idmap_put(&r->slot_of, r->file.slots[i].id, i + 1) < 0)
            rc = fault_set(f, PV_ENOMEM, -1, "out of memory");
    if (rc == 0) {
        r->heap = calloc((size_t)r->order.n_ms + 1, sizeof *r->heap);
        r->blocked = calloc((size_t)r->order.n_ms + 1, sizeof *r->blocked);
        if (!r->heap || !r->blocked) rc = fault_set(f, PV_ENOMEM, -1, "out of memory");
    }
    if (rc < 0) {
        ring_close(r);
        return rc;
    }
    r->slack = (uint64_t)(SLACK_NS / r->file.ns_per_tick) + 1;
    r->edge = (uint64_t)(EDGE_NS / r->file.ns_per_tick) + 1;
    *out = r;
    return 0;
}

int ring_next(struct ring *r, struct ev_batch *b, struct fault *f) {
    b->n = b->n_args = 0;
    r->order.out = b;
    while (r->phase != DONE && b->n + RING_STEP_EVENTS <= EV_BATCH_EVENTS &&
           b->n_args + RING_STEP_ARGS * 2 <= EV_BATCH_ARGS) {
        step(r);
        if (r->order.no_memory) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    }
    if (b->n) return 1;
    if (!r->fault.code || r->resume) return 0;
    *f = r->fault;
    return f->code;
}

const struct fault *ring_first_fault(const struct ring *r) {
    return &r->fault;
}

void ring_close(struct ring *r) {
    if (!r) return;
    ring_order_free(&r->order);
    ring_file_free(&r->file);
    idmap_free(&r->slot_of);
    free(r->heap);
    free(r->blocked);
    free(r);
}
