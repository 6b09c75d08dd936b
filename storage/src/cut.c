/* storage/src/cut.c - a window of a store as a store of its own.
 *
 * The window is told again as events, in order of time, and built like a trace: so a cut store has
 * every level of detail, sum and table that any other has, and no second way of making them.
 * What began before the window begins with it.
 * Not here    which events those are: cut_slices.c, cut_tables.c. */
#include <string.h>

#include "storage/src/cut_impl.h"
#include "storage/src/store_file.h"

/* ---- names of the old store in the new one's dictionary ---- */

uint32_t cut__string(struct cut *c, uint32_t id) {
    if (!id) return 0;
    uint32_t known = map_get(&c->strings, id);
    if (known != MAP_NONE) return known;
    struct text t = store_string(c->s, id);
    uint32_t fresh = dict_add_string(c->dict, t.data, t.n);
    if (fresh == MAP_NONE || !map_put(&c->strings, id, fresh)) c->no_memory = true;
    return c->no_memory ? 0 : fresh;
}

uint32_t cut__stack(struct cut *c, uint32_t id) {
    if (!id) return 0;
    uint32_t known = map_get(&c->stacks, id);
    if (known != MAP_NONE) return known;
    struct stack st = store_stack(c->s, id);
    struct frame *frames = malloc((st.n + 1) * sizeof *frames);
    if (!frames) c->no_memory = true;
    for (uint32_t i = 0; frames && i < st.n; i++)
        frames[i] = (struct frame){st.frames[i].pc, cut__string(c, st.frames[i].func),
                                   cut__string(c, st.frames[i].file), st.frames[i].line};
    uint32_t fresh = frames && st.n ? dict_add_stack(c->dict, frames, st.n) : 0;
    free(frames);
    if (fresh == MAP_NONE || !map_put(&c->stacks, id, fresh)) c->no_memory = true;
    return c->no_memory ? 0 : fresh;
}

/* ---- what is told ---- */

void *cut__grow(struct cut *c, void *rows, uint32_t n, uint32_t *cap, size_t size) {
    if (n < *cap) return rows;
    uint32_t more = *cap ? *cap * 2 : 256;
    void *grown = more > *cap ? realloc(rows, more * size) : NULL;
    if (!grown) {
        c->no_memory = true;
        return NULL;
    }
    *cap = more;
    return grown;
}

static struct told *add(struct cut *c, struct told_list *to, int64_t when, enum cut_rank rank,
                        enum ev_kind kind) {
    void *rows = cut__grow(c, to->rows, to->n, &to->cap, sizeof *to->rows);
    if (!rows) return &c->spare;
    to->rows = rows;
    struct told *t = &to->rows[to->n];
    int64_t at = (when < c->from ? c->from : when) - c->from;
    *t = (struct told){.at = at, .when = when, .order = to->n++, .rank = (uint8_t)rank};
    t->ev = (struct ev){.time_ns = c->s->info.first_ts + c->from + at,
                        .kind = (uint8_t)kind,
                        .g = NO_ID,
                        .p = NO_ID,
                        .m = NO_ID};
    return t;
}

struct told *cut__tell(struct cut *c, int64_t when, enum cut_rank rank, enum ev_kind kind) {
    if (when >= c->to) return &c->spare;
    return add(c, when < c->b ? &c->now : &c->later, when, rank, kind);
}

/* Ends that were told with begins of spans before, and lie in this one. */
static void take_later(struct cut *c) {
    struct told_list *l = &c->later;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        struct told t = l->rows[i];
        if (t.when >= c->b) {
            l->rows[kept++] = t;
            continue;
        }
        struct told *to = add(c, &c->now, t.when, (enum cut_rank)t.rank, (enum ev_kind)t.ev.kind);
        t.order = to->order;
        *to = t;
    }
    l->n = kept;
}

static int by_time(const void *a, const void *b) {
    const struct told *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    if (x->when != y->when) return x->when < y->when ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* Where the window begins: its processors, those that nobody holds as well. */
static void tell_begin(struct cut *c) {
    const struct store_info *info = &c->s->info;
    cut__tell(c, c->from, RANK_SYNC, EV_SYNC);
    for (uint32_t i = 0; i < info->n_procs; i++) {
        struct told *t = cut__tell(c, c->from, RANK_SYNC, EV_PROC_TRANSITION);
        t->ev.id = (uint64_t)info->procs[i];
        t->ev.from = PROC_UNDETERMINED;
        t->ev.to = PROC_IDLE;
    }
}

static void tell_gap(struct cut *c, struct told *t, const struct store_gap *g) {
    t->ev.id = (uint64_t)g->offset;
    t->ev.str = dict_add_string(c->dict, g->cause.data, g->cause.n);
}

static void tell_gaps(struct cut *c) {
    for (uint32_t i = 0; i < c->s->info.n_gaps; i++) {
        const struct store_gap *g = &c->s->info.gaps[i];
        if (g->to_ns <= c->from || g->from_ns >= c->to) continue;
        cut__tell(c, g->from_ns, RANK_LAST, EV_SYNC);
        tell_gap(c, cut__tell(c, g->from_ns, RANK_GAP, EV_GAP), g);
        cut__tell(c, g->to_ns, RANK_SYNC, EV_SYNC);
    }
}

/* Where it ends; and the gap behind which nothing came, where the source ends there, too. */
static void tell_end(struct cut *c) {
    const struct store_info *i = &c->s->info;
    const struct store_gap *last = &i->gaps[i->n_gaps ? i->n_gaps - 1 : 0];
    add(c, &c->now, c->to, RANK_SYNC, EV_SYNC);
    if (!i->n_gaps || c->s->damage_text || last->from_ns < c->to || last->to_ns > last->from_ns)
        return;
    tell_gap(c, add(c, &c->now, c->to, RANK_GAP, EV_GAP), last);
}

/* ---- building ---- */

static int flush(struct builder *b, struct ev_batch *batch, struct fault *f) {
    int rc = batch->n ? build_batch(b, batch, f) : 0;
    batch->n = batch->n_args = 0;
    return rc;
}

static int build_told(struct builder *b, const struct told *t, struct ev_batch *batch,
                      struct fault *f) {
    bool know = t->ev.kind == EV_KNOW;
    if (know || batch->n == EV_BATCH_EVENTS || batch->n_args + 2 > EV_BATCH_ARGS)
        TRY(flush(b, batch, f));
    if (know)
        return build_know(b,
                          &(struct build_known){.g = (int64_t)t->ev.id,
                                                .func = t->ev.str,
                                                .parent = (int64_t)t->ev.aux,
                                                .p = t->ev.p,
                                                .m = t->ev.m},
                          f);
    batch->ev[batch->n++] = t->ev;
    for (uint32_t i = 0; i < t->ev.n_args; i++) batch->args[batch->n_args++] = t->args[i];
    return 0;
}

static int build_span(struct cut *c, uint32_t i_chunk, struct builder *b, struct ev_batch *batch,
                      struct fault *f) {
    c->now.n = 0;
    take_later(c);
    if (c->first) {
        tell_begin(c);
        tell_gaps(c);
    }
    TRY(cut__slices(c, i_chunk, f));
    TRY(cut__tables(c, f));
    if (c->b == c->to) tell_end(c);
    if (c->no_memory) return store__no_memory(f);
    if (c->now.n) qsort(c->now.rows, c->now.n, sizeof *c->now.rows, by_time);
    for (uint32_t i = 0; i < c->now.n; i++) TRY(build_told(b, &c->now.rows[i], batch, f));
    return flush(b, batch, f);
}

static int build_spans(struct cut *c, struct builder *b, struct fault *f) {
    struct ev_batch *batch = malloc(sizeof *batch);
    if (!batch) return store__no_memory(f);
    uint32_t i = 0;
    int rc = cut__slices_begin(c, &i, f);
    batch->n = batch->n_args = 0;
    c->first = true;
    for (c->a = c->from; rc == 0 && c->a < c->to; c->a = c->b) {
        c->b = cut__span_end(c, i);
        if (c->b < c->a) c->b = c->a;
        rc = build_span(c, i++, b, batch, f);
        c->first = false;
    }
    free(batch);
    return rc;
}

/* The damage with which the source ends is this window's, too, where it reaches so far. */
static const struct fault *damage_at_end(const struct cut *c, struct fault *out) {
    if (!c->s->damage_text || c->to < c->s->info.duration_ns) return NULL;
    fault_set(out, PV_ECORRUPT, c->s->damage_offset, "%s", c->s->damage_text);
    return out;
}

static int build_store(struct cut *c, struct store_file *file, struct builder *b, struct fault *f) {
    const struct store_info *i = &c->s->info;
    struct store_origin origin = {i->format_version, i->newer, i->threads_reliable, i->trace_bytes,
                                  i->source_name};
    struct fault damage;
    if (i->wall_unix_ns) build_set_wall(b, i->wall_unix_ns + c->from);
    TRY(build_spans(c, b, f));
    TRY(build_finish(b, damage_at_end(c, &damage), f));
    return store_file_meta(file, b, &origin, true, f);
}

static int write_store(struct cut *c, const char *path, struct fault *f) {
    struct store_file file;
    int rc = store_file_create(&file, path, false, f);
    struct builder *b = rc == 0 ? build_new(file.db, c->dict, c->s->info.threads_reliable) : NULL;
    if (rc == 0) rc = b ? build_store(c, &file, b, f) : store__no_memory(f);
    build_free(b);
    if (rc == 0) rc = store_file_finish(&file, f);
    store_file_abandon(&file);
    return rc;
}

int store_cut(struct store *s, int64_t from_ns, int64_t to_ns, const char *out, struct fault *f) {
    if (from_ns < 0) from_ns = 0;
    if (to_ns > s->info.duration_ns) to_ns = s->info.duration_ns;
    if (from_ns >= to_ns)
        return fault_set(f, PV_EUSAGE, -1, "the window to cut is empty: the trace lasts %lld ns",
                         (long long)s->info.duration_ns);
    struct cut c = {.s = s, .from = from_ns, .to = to_ns, .dict = dict_new()};
    int rc = c.dict ? write_store(&c, out, f) : store__no_memory(f);
    cut__slices_free(&c);
    free(c.now.rows);
    free(c.later.rows);
    map_free(&c.strings);
    map_free(&c.stacks);
    dict_free(c.dict);
    return rc;
}
