/* storage/src/go_v1.c - Go 1.11 to 1.21 traces, as Go 1.26 understands them.
 *
 * Steps       spool -> scan -> merge -> settle -> validate -> convert (go_v1_impl.h).
 * Why twice   strings, stacks and the clock's frequency may stand anywhere in the file (Go writes
 *             most of them at its end), and the batches of a P do not say where its next one is.
 *             So nothing can be given out before the last byte was seen.
 * Held        not the file: its bytes lie in a temporary file (small ones on the heap).  In memory:
 *             16 bytes a batch (of 64 KiB), strings and stacks once (struct dict), the CPU samples,
 *             48 bytes and a hash entry a goroutine, the Ps' cursors, and the events that wait for
 *             their final place (go_v1_settle.c).
 * Faults      Go gives out nothing of a trace that it will refuse.  Without reader_options.resume
 *             this reader does the same: it checks the whole trace before the first event.  With it
 *             all events before the fault are given out, then the fault.
 * Source      go1.26 src/internal/trace/tracev1.go, reader.go, internal/tracev1/ */
#include "storage/src/go_v1_impl.h"

/* In which order Go looks: a fault of a later look loses to one of an earlier look. */
enum rank { RANK_NONE, RANK_SORTED = 3, RANK_EXITS, RANK_FREQUENCY, RANK_VALID };

int go_v1_open(struct input *in, int version, const struct reader_options *o, struct dict *d,
               struct go_v1 **out, struct fault *f) {
    struct go_v1 *r = calloc(1, sizeof *r);
    if (!r) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    r->in = in;
    r->dict = d;
    r->version = version;
    r->resume = o && o->resume;
    *out = r;
    return 0;
}

void go_v1_close(struct go_v1 *r) {
    if (!r) return;
    v1_convert_free(&r->convert);
    v1_settle_free(&r->settle);
    v1_merge_free(&r->merge);
    v1_index_free(&r->index);
    v1_spool_free(&r->spool);
    free(r);
}

/* ---- checking ahead ---- */

static void check_valid(struct go_v1 *r, struct v1_event *e, enum rank *rank, struct fault *held) {
    if (*rank == RANK_NONE && v1_validate(r, e, held) < 0) *rank = RANK_VALID;
}

static void check_settled(struct go_v1 *r, enum rank *rank, struct fault *held) {
    struct v1_event *e;
    while ((e = v1_settle_get(r)) != NULL) check_valid(r, e, rank, held);
}

static void check_merged(struct go_v1 *r, struct v1_event *e, enum rank *rank, struct fault *held) {
    struct v1_settle *s = &r->settle;
    if (*rank == RANK_SORTED) return;
    if (s->any && e->ts < s->last) {
        *rank = RANK_SORTED;
        fault_set(held, PV_ECORRUPT, -1, "time stamps out of order");
        return;
    }
    if (*rank == RANK_EXITS) {
        s->last = e->ts;
        return;
    }
    int rc = v1_settle_put(r, e, held);
    if (rc < 0)
        *rank = RANK_EXITS;
    else if (rc == 1)
        check_valid(r, e, rank, held);
    else
        check_settled(r, rank, held);
}

/* All of Go's checks: 0, or the fault that Go would report. */
static int check(struct go_v1 *r, struct fault *f) {
    enum rank rank = RANK_NONE;
    struct fault held = {0};
    struct v1_event *e;
    int rc;
    while ((rc = v1_merge_next(r, &e, f)) == 1) check_merged(r, e, &rank, &held);
    if (rc < 0) return rc;
    v1_settle_end(&r->settle);
    if (rank == RANK_NONE || rank == RANK_VALID) {
        check_settled(r, &rank, &held);
        if (r->index.frequency == 0) return fault_set(f, PV_ECORRUPT, -1, "no EvFrequency event");
    }
    if (held.code == 0) return 0;
    *f = held;
    return held.code;
}

/* ---- start ---- */

static int restart(struct go_v1 *r, struct fault *f) {
    TRY(v1_settle_start(r, f));
    return v1_merge_start(r, f);
}

static int begin(struct go_v1 *r, struct fault *f) {
    TRY(v1_spool_fill(&r->spool, r->in, f));
    TRY(v1_scan(&r->index, &r->spool, r->version, r->dict, f));
    if (r->index.stop.what && !r->resume) return v1_bad_fault(&r->index.stop, f);
    r->ns_per_tick = r->index.frequency ? 1e9 / (double)r->index.frequency : 1;
    if (!r->resume) {
        r->phase = V1_CHECKING;
        TRY(restart(r, f));
        TRY(check(r, f));
    }
    r->phase = V1_GIVING;
    TRY(restart(r, f));
    return v1_convert_start(r, f);
}

/* ---- giving ---- */

/* No more can be merged, for the reason in r->fault (code 0 = none): what is left is the rest. */
static void end_merge(struct go_v1 *r) {
    if (r->fault.code == 0 && r->index.stop.what) v1_bad_fault(&r->index.stop, &r->fault);
    if (r->index.frequency == 0 && r->resume) {
        struct fault before = r->fault;
        fault_set(&r->fault, PV_ECORRUPT, before.offset,
                  "%.400s%sno EvFrequency event: times are in clock ticks", before.text,
                  before.code ? "; " : "");
    }
    v1_settle_end(&r->settle);
}

/* The next event in final order; NULL = there are no more. */
static struct v1_event *next_settled(struct go_v1 *r) {
    struct v1_settle *s = &r->settle;
    struct v1_event *e;
    while (!s->ended) {
        if (s->head != s->tail || s->n_late) {
            e = v1_settle_get(r);
            if (e) return e;
        }
        int rc = v1_merge_next(r, &e, &r->fault);
        if (rc == 1) {
            rc = v1_settle_put(r, e, &r->fault);
            if (rc == 1) return e;
            if (rc == 0) continue;
        }
        end_merge(r);
    }
    return v1_settle_get(r);
}

/* 1 = one event converted, 0 = all are. */
static int give_one(struct go_v1 *r, struct ev_batch *b) {
    struct v1_event *e = next_settled(r);
    if (!e) return 0;
    if (!r->convert.started) {
        r->convert.started = true;
        v1_convert_sync(r, (int64_t)((uint64_t)e->ts - 1), b);
    }
    TRY(v1_validate(r, e, &r->fault));
    TRY(v1_convert(r, e, b, &r->fault));
    return 1;
}

/* Fills b as far as it goes. */
static void give(struct go_v1 *r, struct ev_batch *b) {
    if (!v1_convert_earlies(r, b)) return;
    while (b->n + 3 < EV_BATCH_EVENTS) {
        if (give_one(r, b) <= 0) {
            r->phase = V1_ENDED;
            if (r->fault.code == 0) v1_convert_sync(r, r->convert.last + 1, b);
            return;
        }
        if (r->convert.give_earlies && !v1_convert_earlies(r, b)) return;
    }
}

int go_v1_next(struct go_v1 *r, struct ev_batch *b, struct fault *f) {
    b->n = b->n_args = 0;
    if (r->phase == V1_UNREAD && begin(r, &r->fault) < 0) r->phase = V1_ENDED;
    if (r->phase == V1_GIVING) give(r, b);
    if (b->n > 0) return 1;
    if (r->fault.code) *f = r->fault;
    return r->fault.code;
}
