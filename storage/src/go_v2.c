/* storage/src/go_v2.c - the reader of Go 1.22+ traces: generations in, ordered events out.
 *
 * Every generation: read (go_batch.c), its tables made (go_tables.c), an EV_SYNC, its Ms merged
 * (go_merge.c, go_order.c).  As Go's reader does it, the trace ends with one more EV_SYNC, and a
 * generation that cannot be read gives one EV_SYNC before the fault.
 * Resuming    After a fault nothing is known of any G, P or M.  The next generation that can be
 *             read is treated as a trace's first, with an EV_GAP before it.  A generation whose
 *             tables are damaged, or whose end is missing, is given out as far as it goes.
 * Source      go1.26 src/internal/trace/reader.go */
#include "storage/src/go_ahead.h"

enum state { NEED_GENERATION, IN_GENERATION, AT_END, BROKEN };

struct go_v2 {
    struct go_source source;
    struct go_ahead ahead;
    struct go_gen *gen; /* the present one; ahead's */
    struct go_tables tables;
    struct go_merge merge;
    struct go_order order;
    struct dict *dict;
    int version; /* whose rules: at most GO_NEWEST */
    bool resume;
    enum state state;
    bool in_gap;      /* since fault */
    bool is_prepared; /* gen waits to be merged */
    uint32_t n_syncs;
    struct fault fault;       /* the one that ended the reading, or began the gap */
    struct fault first_fault; /* code 0 = none */
};

/* Not damage, and nothing that another generation would mend. */
static bool is_final(int code) {
    return code == PV_ENOMEM || code == PV_ELIMIT || code == PV_ECANCELED || code == PV_EIO ||
           code == PV_EFULL;
}

static int make_tables(struct go_v2 *r, struct fault *f) {
    const struct go_gen *g = r->gen;
    TRY(go_tables_read(&r->tables, g, &r->source.bytes, r->version, r->dict, f));
    if (g->end == GO_END_FAULT && !r->tables.lenient) {
        *f = g->fault;
        return f->code;
    }
    bool nothing = g->end == GO_END_FILE && g->n_event_batches == 0;
    if (nothing && (r->version >= 26 || r->in_gap)) return 0;
    TRY(go_tables_finish(&r->tables, g, r->version, r->dict, f));
    return 1;
}

/* A generation that is damaged (f says how) but has a clock and events: its events are given out
 * without the names that are lost, and the fault after them. */
static int salvage(struct go_v2 *r, struct fault *f) {
    struct fault ignored;
    r->tables.lenient = true;
    if (r->gen->n_event_batches == 0 || make_tables(r, &ignored) <= 0) return f->code;
    if (r->first_fault.code == 0) r->first_fault = *f;
    r->gen->end = GO_END_LATER;
    r->gen->fault = *f;
    return 1;
}

/* Makes r->gen ready to be merged.  1 ready, 0 there is none, < 0 fault. */
static int prepare(struct go_v2 *r, struct fault *f) {
    r->tables.lenient = false;
    if (r->gen) go_bytes_done(&r->source.bytes, r->gen->end_offset);
    TRY(go_ahead_next(&r->ahead, &r->gen, f));
    int rc = make_tables(r, f);
    return rc < 0 && r->resume && !is_final(rc) ? salvage(r, f) : rc;
}

/* A version that is not known yet is read with the newest rules, if its first generation is of the
 * shape that they want. */
static int try_newer(struct go_v2 *r, int version, struct fault *f) {
    struct fault why = {.text = "there is nothing after the header"};
    int rc = prepare(r, &why);
    r->is_prepared = rc > 0;
    if (rc > 0) return 0;
    return fault_set(f, PV_EVERSION, why.code ? why.offset : 0,
                     "unknown or unsupported trace version go 1.%d, and it cannot be read as 1.%d "
                     "either: %.200s",
                     version, GO_NEWEST, why.text);
}

int go_v2_open(struct input *in, int version, const struct reader_options *o, struct dict *d,
               struct go_v2 **out, struct fault *f) {
    *out = NULL;
    struct go_v2 *r = calloc(1, sizeof *r);
    if (!r) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    r->dict = d;
    r->version = version < GO_NEWEST ? version : GO_NEWEST;
    r->resume = o->resume;
    int rc = go_source_open(&r->source, in, r->version, o->resume, f);
    if (rc == 0) rc = go_order_init(&r->order, r->version, d, f);
    if (rc == 0) go_ahead_start(&r->ahead, &r->source, !o->single_thread);
    r->order.fault = &r->fault;
    r->order.tables = &r->tables;
    if (rc == 0 && version > GO_NEWEST) rc = try_newer(r, version, f);
    if (rc < 0) {
        go_v2_close(r);
        return rc;
    }
    *out = r;
    return 0;
}

static void put_sync(struct go_v2 *r, int64_t time_ns, bool with_tables) {
    go_order_sync(&r->order, time_ns, ++r->n_syncs, with_tables);
}

/* r->fault ends the reading here, or begins a gap. */
static void break_off(struct go_v2 *r) {
    if (r->first_fault.code == 0) r->first_fault = r->fault;
    r->state = BROKEN;
    r->in_gap = r->resume && !is_final(r->fault.code);
    if (r->in_gap) r->state = NEED_GENERATION;
}

/* A generation that is not there or not readable: the Sync that Go gives before it says so. */
static void end_with(struct go_v2 *r, enum state state) {
    put_sync(r, r->order.last_ns, false);
    if (state == BROKEN)
        break_off(r);
    else
        r->state = state;
}

static void put_gap(struct go_v2 *r) {
    r->in_gap = false;
    struct ev *ev = r->order.next++;
    uint32_t text = dict_add_string(r->dict, r->fault.text, strlen(r->fault.text));
    r->order.last_ns = (int64_t)((uint64_t)r->order.last_ns + 1);
    *ev = (struct ev){.time_ns = r->order.last_ns,
                      .g = NO_ID,
                      .p = NO_ID,
                      .m = NO_ID,
                      .kind = EV_GAP,
                      .id = (uint64_t)r->fault.offset,
                      .str = text == UINT32_MAX ? 0 : text};
    go_order_reset(&r->order);
}

static void next_generation(struct go_v2 *r) {
    if (!r->in_gap && r->gen && r->gen->end == GO_END_LATER) {
        r->fault = r->gen->fault;
        r->gen->end = GO_END_NEXT;
        end_with(r, BROKEN);
        return;
    }
    if (!r->in_gap && r->version < 26 && r->gen && r->gen->end == GO_END_FILE) {
        end_with(r, AT_END);
        return;
    }
    struct fault fault = {0};
    int rc = r->is_prepared ? 1 : prepare(r, &fault);
    r->is_prepared = false;
    if (r->in_gap) { /* a fault in a gap does not count: it goes on */
        if (is_final(rc)) r->fault = fault;
        if (rc == 0 || is_final(rc)) r->state = BROKEN;
        if (rc <= 0) return;
        put_gap(r);
    } else if (rc <= 0) {
        if (rc < 0) r->fault = fault;
        end_with(r, rc < 0 ? BROKEN : AT_END);
        return;
    }
    r->order.gen = r->gen;
    r->order.gen_number = r->gen->number;
    rc = go_merge_start(&r->merge, r->gen, &r->source.bytes, &r->tables, &fault);
    if (rc < 0) {
        r->fault = fault;
        break_off(r);
        return;
    }
    put_sync(r, go_ticks_to_ns(&r->tables, r->gen->min_time), true);
    r->state = IN_GENERATION;
}

/* Times grow by at least 1 ns an event; those of a hostile trace can pass the last one that there
 * is.  What comes after that is cut off. */
static void cut_at_overflow(struct go_v2 *r) {
    struct go_order *o = &r->order;
    if (o->last_ns >= o->batch_ns) return;
    int64_t last_ns = o->batch_ns;
    struct ev *ev = o->out->ev;
    for (o->out->n_args = 0; ev < o->next && ev->time_ns > last_ns; ev++) {
        last_ns = ev->time_ns;
        o->out->n_args += ev->n_args;
    }
    o->next = ev;
    fault_set(&r->fault, PV_ECORRUPT, -1, "an event's time is beyond the year 2262");
    if (r->first_fault.code == 0) r->first_fault = r->fault;
    r->state = BROKEN;
}

int go_v2_next(struct go_v2 *r, struct ev_batch *b, struct fault *f) {
    go_out_begin(&r->order, b);
    while (!go_out_full(&r->order)) {
        if (r->state == IN_GENERATION) {
            int rc = go_merge_run(&r->merge, &r->order);
            go_bytes_reached(&r->source.bytes, go_merge_reached(&r->merge, r->gen));
            if (rc == 0) r->state = NEED_GENERATION;
            /* In a generation that is cut short, the reason is what is missing. */
            if (rc < 0 && r->tables.lenient && !is_final(rc)) r->fault = r->gen->fault;
            if (rc < 0) break_off(r);
        } else if (r->state == NEED_GENERATION) {
            size_t n = (size_t)(r->order.next - b->ev);
            /* What there is goes out before a wait, which in a pipe may last. */
            if (n > EV_BATCH_EVENTS / 2 || (n && !go_ahead_ready(&r->ahead))) break;
            next_generation(r);
        } else {
            break;
        }
    }
    cut_at_overflow(r);
    go_out_end(&r->order);
    if (b->n) return 1;
    if (r->state != BROKEN) return 0;
    *f = r->fault;
    return f->code;
}

bool go_v2_ready(struct go_v2 *r) {
    return r->state != NEED_GENERATION || r->is_prepared || go_ahead_ready(&r->ahead);
}

const struct fault *go_v2_first_fault(const struct go_v2 *r) {
    return &r->first_fault;
}

void go_v2_close(struct go_v2 *r) {
    if (!r) return;
    go_ahead_stop(&r->ahead);
    go_source_close(&r->source);
    go_tables_free(&r->tables);
    go_merge_free(&r->merge);
    go_order_free(&r->order);
    free(r);
}
