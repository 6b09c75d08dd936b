/* storage/src/waits.c - what was waited for in a window: whole chunks by their sums, the window's
 * edges slice by slice.
 *
 * Count, total, mean and max are exact.  A percentile is read from the fine histogram and is the
 * upper edge of its bucket (at most 1/WAIT_FINE_PER_OCTAVE above the true value), or the maximum
 * where that is less. */
#include <string.h>

#include "storage/src/column.h"
#include "storage/src/store_impl.h"
#include "storage/src/sums.h"

struct row {
    int64_t count, inside_ns, whole_ns, max_ns;
    uint32_t key, costliest; /* class */
    uint32_t *fine;          /* WAIT_FINE_BUCKETS */
};

struct waits {
    struct store *s;
    const struct store_wait_query *q;
    struct map row_of_key;
    struct row *rows;
    uint32_t n, cap;
    int32_t *row_of_class; /* -1 not known yet, -2 not a wait */
    bool *forever;
    int64_t *class_ns; /* inside the window */
    uint32_t n_classes;
    struct column_codec *codec;
    struct buffer scratch;
    uint32_t until_look;
    bool failed;
};

/* Several tags may have one refined reason: the trace's own reasons differ.  The first stands for
 * all of them. */
static uint32_t refined_key(struct store *s, uint32_t tag) {
    struct text name = store_tag(s, tag).refined;
    for (uint32_t i = 0; i < tag; i++) {
        struct store_tag t = store_tag(s, i);
        if (t.state == GO_WAITING && t.refined.n == name.n &&
            memcmp(t.refined.data, name.data, name.n) == 0)
            return i;
    }
    return tag;
}

static uint32_t key_of(const struct waits *w, const struct slice_class *c) {
    switch (w->q->by) {
    case WAIT_BY_REASON:
        return c->reason;
    case WAIT_BY_REFINED:
        return refined_key(w->s, c->tag);
    case WAIT_BY_FUNCTION:
        return c->user_func;
    case WAIT_BY_STACK:
        return c->stack;
    }
    return 0;
}

static int32_t add_row(struct waits *w, uint32_t key) {
    if (w->n == w->cap) {
        uint32_t cap = w->cap ? w->cap * 2 : 32;
        struct row *rows = realloc(w->rows, cap * sizeof *rows);
        if (!rows) return -1;
        w->rows = rows;
        w->cap = cap;
    }
    w->rows[w->n] = (struct row){.key = key, .costliest = MAP_NONE};
    w->rows[w->n].fine = calloc(WAIT_FINE_BUCKETS, sizeof(uint32_t));
    if (!w->rows[w->n].fine || !map_put(&w->row_of_key, key, w->n)) return -1;
    return (int32_t)w->n++;
}

/* The row that waits of a class belong to; NULL where the class is no wait. */
static struct row *row_of(struct waits *w, uint64_t class_id) {
    if (class_id >= w->n_classes || w->row_of_class[class_id] == -2) return NULL;
    int32_t i = w->row_of_class[class_id];
    if (i < 0) {
        struct slice_class c = slices_class(w->s, (uint32_t)class_id);
        if (c.state != GO_WAITING) {
            w->row_of_class[class_id] = -2;
            return NULL;
        }
        struct text reason = store_string(w->s, c.reason);
        w->forever[class_id] = reason.n == 7 && !memcmp(reason.data, "forever", 7);
        uint32_t known = map_get(&w->row_of_key, key_of(w, &c));
        i = known != MAP_NONE ? (int32_t)known : add_row(w, key_of(w, &c));
        if (i < 0) {
            w->failed = true;
            return NULL;
        }
        w->row_of_class[class_id] = i;
    }
    return &w->rows[i];
}

static void add_wait(struct waits *w, uint64_t class_id, int64_t start, int64_t dur) {
    struct row *r = row_of(w, class_id);
    int64_t from = w->q->from_ns, to = w->q->to_ns, end = start + dur;
    if (!r || start >= to || end <= from) return;
    int64_t inside = (end < to ? end : to) - (start > from ? start : from);
    if (w->forever[class_id]) inside = dur = 0;
    r->count++;
    r->inside_ns += inside;
    r->whole_ns += dur;
    if (dur > r->max_ns) r->max_ns = dur;
    r->fine[wait_bucket(dur)]++;
    w->class_ns[class_id] += inside;
}

static int add_sum(void *arg, const struct sum *sum, const struct sum_bucket *buckets,
                   uint32_t n_buckets) {
    struct waits *w = arg;
    struct row *r = row_of(w, sum->class_id);
    if (!r) return w->failed;
    r->count += sum->count;
    r->inside_ns += sum->total_ns;
    r->whole_ns += sum->total_ns;
    if (sum->max_ns > r->max_ns) r->max_ns = sum->max_ns;
    for (uint32_t i = 0; i < n_buckets; i++) r->fine[buckets[i].bucket] += buckets[i].count;
    w->class_ns[sum->class_id] += sum->total_ns;
    return 0;
}

/* A chunk inside the window: its sums, less what carried waits did before the window. */
static int add_chunk(struct waits *w, struct seq *seq, uint32_t i, struct fault *f) {
    const uint8_t *data;
    size_t n;
    TRY(seq_extra(seq, i, &data, &n, f));
    TRY(sums_read(w->codec, &w->scratch, data, n, add_sum, w, f));
    if (seq_chunk_bounds(seq, i)->min_start_ns >= w->q->from_ns) return 0;
    const struct seq_chunk *c = seq_carried(seq, i, f);
    if (!c) return f->code;
    for (uint32_t k = 0; k < c->n_carried; k++) {
        const struct seq_carried *r = &c->carried[k];
        struct row *row = r->start_ns < w->q->from_ns ? row_of(w, r->v0) : NULL;
        if (!row || w->forever[r->v0]) continue;
        row->inside_ns -= w->q->from_ns - r->start_ns;
        w->class_ns[r->v0] -= w->q->from_ns - r->start_ns;
    }
    return 0;
}

static int add_late_chunk(struct waits *w, struct seq *seq, uint32_t i, struct fault *f) {
    const struct seq_chunk *c = seq_carried(seq, i, f);
    if (!c) return f->code;
    for (uint32_t k = 0; k < c->n_carried; k++)
        add_wait(w, c->carried[k].v0, c->carried[k].start_ns, c->carried[k].dur_ns);
    return 0;
}

static int add_pages(struct waits *w, struct seq *seq, uint32_t i, struct fault *f) {
    const struct seq_chunk *c = seq_chunk(seq, i, f);
    if (!c) return f->code;
    struct seq_page *page = malloc(sizeof *page);
    if (!page) return store__no_memory(f);
    int rc = 0;
    for (uint32_t p = 0; rc == 0 && p < c->n_pages; p++) {
        rc = seq_read_page(seq, i, p, SLICE_CLASS, page, f);
        for (uint32_t k = 0; rc == 0 && k < page->n; k++)
            add_wait(w, page->v[0][k], page->start_ns[k], page->dur_ns[k]);
    }
    free(page);
    return rc;
}

static int add_window(struct waits *w, struct seq *seq, struct fault *f) {
    for (uint32_t i = seq_first_chunk_after(seq, w->q->from_ns); i < seq_n_chunks(seq); i++) {
        const struct seq_chunk *c = seq_chunk_bounds(seq, i);
        if (c->min_start_ns >= w->q->to_ns) continue;
        TRY(store__look_up(w->q->cancel, f));
        if (c->t0 >= w->q->to_ns)
            TRY(add_late_chunk(w, seq, i, f));
        else if (c->t0 >= w->q->from_ns && c->t1 <= w->q->to_ns)
            TRY(add_chunk(w, seq, i, f));
        else
            TRY(add_pages(w, seq, i, f));
        if (w->failed) return store__no_memory(f);
    }
    return 0;
}

static int add_if_wanted(void *arg, const struct seq_row *row) {
    struct waits *w = arg;
    struct fault f; /* add_some says it again */
    if (!w->until_look--) {
        w->until_look = LOOK_EVERY;
        if (store__look_up(w->q->cancel, &f) < 0) return 1;
    }
    if (!w->q->one_group || store__group_of(w->s, row->key, row->start_ns) == w->q->group)
        add_wait(w, row->v[0], row->start_ns, row->dur_ns);
    return w->failed;
}

static int add_some(struct waits *w, struct seq *seq, struct fault *f) {
    struct seq_window window = {w->q->from_ns, w->q->to_ns, INT64_MIN, INT64_MAX, SLICE_CLASS};
    if (w->q->one_g) window.key_min = window.key_max = w->q->g;
    TRY(seq_rows(seq, &window, add_if_wanted, w, f));
    TRY(store__look_up(w->q->cancel, f));
    return w->failed ? store__no_memory(f) : 0;
}

/* ---- rows for the caller ---- */

static int64_t percentile(const struct row *r, int64_t of_thousand) {
    int64_t rank = (r->count * of_thousand + 999) / 1000, seen = 0;
    for (uint32_t b = 0; b < WAIT_FINE_BUCKETS; b++) {
        seen += r->fine[b];
        if (seen < rank || !r->fine[b]) continue;
        int64_t high = wait_bucket_low(b + 1) - 1;
        return high < r->max_ns ? high : r->max_ns;
    }
    return r->max_ns;
}

static struct text name_of(struct waits *w, const struct row *r, const struct store_wait *out) {
    static const struct text no_stack = {"(no stack)", 10}, none = {"(none)", 6};
    switch (w->q->by) {
    case WAIT_BY_REASON:
        return out->reason;
    case WAIT_BY_REFINED:
        return out->refined;
    case WAIT_BY_FUNCTION:
        return r->key ? out->func : none;
    case WAIT_BY_STACK:
        break;
    }
    struct stack st = store_stack(w->s, r->key);
    return st.n ? store_string(w->s, st.frames[0].func) : no_stack;
}

static void fill_row(struct waits *w, const struct row *r, struct store_wait *out) {
    struct slice_class c = slices_class(w->s, r->costliest);
    struct store_tag tag = store_tag(w->s, c.tag);
    *out = (struct store_wait){.reason = store_string(w->s, c.reason),
                               .refined = tag.refined,
                               .func = store_string(w->s, c.user_func),
                               .family = c.family,
                               .stack = c.stack,
                               .count = r->count,
                               .total_ns = r->inside_ns,
                               .mean_ns = r->count ? r->whole_ns / r->count : 0,
                               .p50_ns = percentile(r, 500),
                               .p99_ns = percentile(r, 990),
                               .max_ns = r->max_ns};
    out->key = name_of(w, r, out);
    for (uint32_t b = 0; b < WAIT_FINE_BUCKETS; b++) {
        if (!r->fine[b]) continue;
        uint64_t low = (uint64_t)wait_bucket_low(b);
        unsigned octave = low ? 63 - (unsigned)__builtin_clzll(low) : 0;
        out->hist[octave < WAIT_HIST_BUCKETS ? octave : WAIT_HIST_BUCKETS - 1] += r->fine[b];
    }
}

static int by_total(const void *a, const void *b) {
    const struct store_wait *x = a, *y = b;
    if (x->total_ns != y->total_ns) return x->total_ns > y->total_ns ? -1 : 1;
    return (x->count < y->count) - (x->count > y->count);
}

static int finish(struct waits *w, struct store_waits *out, struct fault *f) {
    for (uint32_t c = 0; c < w->n_classes; c++) {
        if (w->row_of_class[c] < 0) continue;
        struct row *r = &w->rows[w->row_of_class[c]];
        if (r->costliest == MAP_NONE || w->class_ns[c] > w->class_ns[r->costliest])
            r->costliest = c;
    }
    struct store_wait *rows = realloc(w->s->waits, (w->n + 1) * sizeof *rows);
    if (!rows) return store__no_memory(f);
    w->s->waits = rows;
    *out = (struct store_waits){.rows = rows};
    for (uint32_t i = 0; i < w->n; i++) {
        if (!w->rows[i].count) continue;
        fill_row(w, &w->rows[i], &rows[out->n++]);
        out->count += w->rows[i].count;
        out->total_ns += w->rows[i].inside_ns;
    }
    if (out->n) qsort(rows, out->n, sizeof *rows, by_total);
    return 0;
}

int store_waits(struct store *s, const struct store_wait_query *q, struct store_waits *out,
                struct fault *f) {
    struct waits w = {.s = s, .q = q, .n_classes = s->n_classes};
    w.row_of_class = malloc((w.n_classes + 1) * sizeof *w.row_of_class);
    w.forever = calloc(w.n_classes + 1, sizeof *w.forever);
    w.class_ns = calloc(w.n_classes + 1, sizeof *w.class_ns);
    w.codec = column_codec_new();
    struct seq *seq;
    int rc = w.row_of_class && w.forever && w.class_ns && w.codec ? 0 : store__no_memory(f);
    for (uint32_t i = 0; rc == 0 && i < w.n_classes; i++) w.row_of_class[i] = -1;
    if (rc == 0) rc = store__slices(s, &seq, f);
    if (rc == 0 && q->from_ns < q->to_ns)
        rc = q->one_g || q->one_group ? add_some(&w, seq, f) : add_window(&w, seq, f);
    if (rc == 0) rc = finish(&w, out, f);
    for (uint32_t i = 0; i < w.n; i++) free(w.rows[i].fine);
    free(w.rows);
    map_free(&w.row_of_key);
    free(w.row_of_class);
    free(w.forever);
    free(w.class_ns);
    column_codec_free(w.codec);
    buffer_free(&w.scratch);
    return rc;
}
