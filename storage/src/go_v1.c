/* storage/src/go_v1.c - Go 1.11 to 1.21 traces, as Go 1.26 understands them.
 *
 * Steps       spool -> scan -> merge -> settle -> validate -> convert (go_v1_impl.h).
 * Why twice   strings, stacks and the clock's frequency may stand anywhere in the file (Go writes
 *             most of them at its end), and the batches of a P do not say where its next one is.
 *             So nothing can be given out before the last byte was seen.
 * Held        not the file: its bytes lie in a temporary file (small ones on the heap).  In memory:
 *             16 bytes a batch (of 64 KiB), strings and stacks once (struct dict), the CPU samples,
 *             22 bytes a goroutine (an id that comes again must be recognised as Go does, so none
 *             is forgotten), the Ps' cursors, and the events that wait for their final place
 *             (go_v1_settle.c).  Peak: 28 MB for a 49 MB trace with 337,000 goroutines, 67 MB for
 *             155 MB with a million.
 * Faults      Go gives out nothing of a trace that it will refuse.  By itself this reader does the
 *             same: it checks the whole trace before the first event.  With reader_options.resume
 *             or .early all events before the fault are given out, then the fault.
 * Source      go1.26 src/internal/trace/tracev1.go, reader.go, internal/tracev1/ */
#include "storage/src/go_v1_impl.h"

int go_v1_open(struct input *in, int version, const struct reader_options *o, struct dict *d,
               struct go_v1 **out, struct fault *f) {
    struct go_v1 *r = calloc(1, sizeof *r);
    if (!r) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    r->in = in;
    r->dict = d;
    r->version = version;
    r->resume = o && (o->resume || o->early);
    r->single_thread = o && o->single_thread;
    *out = r;
    return 0;
}

void go_v1_close(struct go_v1 *r) {
    if (!r) return;
    v1_ahead_stop(r);
    v1_convert_free(&r->convert);
    v1_valid_free(&r->valid);
    v1_settle_free(&r->settle);
    v1_merge_free(&r->merge);
    v1_index_free(&r->index);
    v1_spool_free(&r->spool);
    free(r);
}

/* ---- start ---- */

static int start_pass(struct go_v1 *r, enum v1_phase phase, struct fault *f) {
    r->phase = phase;
    TRY(v1_ahead_start(r, f));
    return v1_validate_start(r, f);
}

/* All of Go's checks: 0, or the fault that Go would report.  It orders all events before it
 * validates any, so a fault of the ordering counts more. */
static int check(struct go_v1 *r, struct fault *f) {
    struct fault invalid = {0};
    struct v1_event *e;
    while ((e = v1_ahead_next(r)))
        if (invalid.code == 0) v1_validate(r, e, &invalid);
    if (r->order_fault.code) {
        *f = r->order_fault;
    } else if (r->index.frequency == 0) {
        fault_set(f, PV_ECORRUPT, -1, "no EvFrequency event");
    } else if (invalid.code) {
        *f = invalid;
    } else {
        return 0;
    }
    return f->code;
}

static int begin(struct go_v1 *r, struct fault *f) {
    TRY(v1_spool_fill(&r->spool, r->in, !r->single_thread, f));
    int rc = v1_scan(&r->index, &r->spool, r->version, r->dict, f);
    TRY(v1_spool_end(&r->spool, f));
    TRY(rc);
    if (r->index.stop.what && !r->resume) return v1_bad_fault(&r->index.stop, f);
    r->ns_per_tick = r->index.frequency ? 1e9 / (double)r->index.frequency : 1;
    if (!r->resume) {
        TRY(start_pass(r, V1_CHECKING, f));
        TRY(check(r, f));
    }
    TRY(v1_convert_start(r, f)); /* its names are in the dictionary before the thread adds texts */
    return start_pass(r, V1_GIVING, f);
}

/* ---- giving ---- */

/* All ordered events were given: why there are no more (code 0 = that was the whole trace). */
static void find_end(struct go_v1 *r) {
    r->fault = r->order_fault;
    if (r->fault.code == 0 && r->index.stop.what) v1_bad_fault(&r->index.stop, &r->fault);
    if (r->index.frequency != 0 || !r->resume) return;
    struct fault before = r->fault;
    fault_set(&r->fault, PV_ECORRUPT, before.offset,
              "%.400s%sno EvFrequency event: times are in clock ticks", before.text,
              before.code ? "; " : "");
}

static int give_one(struct go_v1 *r, struct v1_event *e, struct ev_batch *b) {
    if (!r->convert.started) {
        r->convert.started = true;
        v1_convert_sync(r, (int64_t)((uint64_t)e->ts - 1), b);
    }
    TRY(v1_validate(r, e, &r->fault));
    return v1_convert(r, e, b, &r->fault);
}

static void end(struct go_v1 *r, struct ev_batch *b) {
    r->phase = V1_ENDED;
    if (r->fault.code == 0) find_end(r);
    if (r->fault.code == 0) v1_convert_sync(r, (int64_t)((uint64_t)r->convert.last + 1), b);
}

/* Fills b as far as it goes. */
static void give(struct go_v1 *r, struct ev_batch *b) {
    if (!v1_convert_earlies(r, b)) return;
    struct v1_ahead *a = &r->ahead;
    while (b->n + 3 < EV_BATCH_EVENTS) {
        if (v1_ahead_merged(r)) {
            a->run = v1_plain(r, a->run, a->run_end, b);
            if (r->fault.code) break;
            if (a->run == a->run_end || b->n + 3 >= EV_BATCH_EVENTS) continue;
        }
        struct v1_event *e = v1_ahead_next(r);
        if (!e || give_one(r, e, b) < 0) {
            end(r, b);
            return;
        }
        if (r->convert.give_earlies && !v1_convert_earlies(r, b)) return;
    }
    if (r->fault.code) end(r, b);
}

int go_v1_next(struct go_v1 *r, struct ev_batch *b, struct fault *f) {
    b->n = b->n_args = 0;
    if (r->phase == V1_UNREAD && begin(r, &r->fault) < 0) r->phase = V1_ENDED;
    if (r->phase == V1_GIVING) give(r, b);
    if (b->n > 0) return 1;
    if (r->fault.code) *f = r->fault;
    return r->fault.code;
}

bool go_v1_ready(const struct go_v1 *r) {
    return r->phase == V1_GIVING; /* the whole input was seen before */
}
