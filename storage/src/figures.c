/* storage/src/figures.c - figures of an area, by what its slices have in common.
 *
 * Every row keeps the lengths of its slices, 4 bytes each (8 where they are longer than 4.29 s),
 * and takes its percentiles from them: few by sorting, many digit by digit, which no order of the
 * input can make slow. */
#include <stdlib.h>
#include <string.h>

#include "storage/src/area_scan.h"
#include "storage/src/store_impl.h"

enum { MAX_SLICES = 1 << 27, SORT_MOST = 2048, N_DIGITS = 4, DIGIT_BITS = 8 };

struct lengths {
    uint32_t *small;
    int64_t *large; /* what does not fit in 32 bits */
    uint32_t n_small, cap_small, n_large, cap_large;
};

struct row {
    uint64_t key;
    int64_t inside_ns, whole_ns, worst_ns, state_ns[6];
    struct lengths lengths;
    uint32_t class_id, group; /* of the longest slice */
    int64_t worst_g, worst_start_ns;
    uint32_t hist[WAIT_HIST_BUCKETS];
};

struct figures {
    struct store *s;
    enum figure_key by;
    struct map row_of_key;
    uint64_t *key_of_class; /* + 1; 0 = not known yet */
    uint32_t n_classes;
    struct row *rows;
    uint32_t n, cap;
    int64_t n_slices;
};

/* Several tags may have one refined reason, as the trace's own reasons differ: the first stands for
 * all of them. */
static uint32_t first_alike(struct store *s, uint32_t tag) {
    struct store_tag own = store_tag(s, tag);
    for (uint32_t i = 0; i < tag; i++) {
        struct store_tag t = store_tag(s, i);
        if (t.state == own.state && t.refined.n == own.refined.n &&
            (!own.refined.n || memcmp(t.refined.data, own.refined.data, own.refined.n) == 0))
            return i;
    }
    return tag;
}

static uint64_t key_of_class(const struct figures *w, const struct slice_class *c) {
    switch (w->by) {
    case FIGURE_BY_REASON:
        return (uint64_t)c->reason << 8 | c->state;
    case FIGURE_BY_REFINED:
        return first_alike(w->s, c->tag);
    case FIGURE_BY_FUNCTION:
        return c->user_func;
    case FIGURE_BY_STACK:
        return c->stack;
    default:
        return c->state;
    }
}

static uint64_t key_of(struct figures *w, const struct area_slice *a) {
    if (w->by == FIGURE_BY_GOROUTINE) return (uint64_t)a->slice.g;
    if (w->by == FIGURE_BY_START) return a->group;
    uint32_t id = a->slice.class_id;
    if (id >= w->n_classes) return key_of_class(w, &a->class);
    if (!w->key_of_class[id]) w->key_of_class[id] = key_of_class(w, &a->class) + 1;
    return w->key_of_class[id] - 1;
}

static struct row *row_of(struct figures *w, uint64_t key) {
    uint32_t i = map_get(&w->row_of_key, key);
    if (i != MAP_NONE) return &w->rows[i];
    if (w->n == w->cap) {
        uint32_t cap = w->cap ? w->cap * 2 : 32;
        struct row *rows = realloc(w->rows, cap * sizeof *rows);
        if (!rows) return NULL;
        w->rows = rows;
        w->cap = cap;
    }
    if (!map_put(&w->row_of_key, key, w->n)) return NULL;
    w->rows[w->n] = (struct row){.key = key, .worst_ns = -1};
    return &w->rows[w->n++];
}

static bool add_length(struct lengths *l, int64_t ns) {
    if (ns > UINT32_MAX) {
        if (l->n_large == l->cap_large) {
            uint32_t cap = l->cap_large ? l->cap_large * 2 : 4;
            int64_t *large = realloc(l->large, cap * sizeof *large);
            if (!large) return false;
            l->large = large;
            l->cap_large = cap;
        }
        l->large[l->n_large++] = ns;
        return true;
    }
    if (l->n_small == l->cap_small) {
        uint32_t cap = l->cap_small ? l->cap_small + l->cap_small / 2 : 4;
        uint32_t *small = realloc(l->small, cap * sizeof *small);
        if (!small) return false;
        l->small = small;
        l->cap_small = cap;
    }
    l->small[l->n_small++] = (uint32_t)ns;
    return true;
}

static int add(struct figures *w, const struct area_slice *a, struct fault *f) {
    struct row *r = row_of(w, key_of(w, a));
    int64_t ns = a->slice.dur_ns;
    if (++w->n_slices > MAX_SLICES)
        return fault_set(f, PV_ELIMIT, -1, "more than %d slices; choose a smaller area",
                         MAX_SLICES);
    if (!r || !add_length(&r->lengths, ns)) return store__no_memory(f);
    r->inside_ns += a->inside_ns;
    r->whole_ns += ns;
    if (a->class.state < sizeof r->state_ns / sizeof *r->state_ns)
        r->state_ns[a->class.state] += a->inside_ns;
    unsigned octave = ns > 0 ? 63 - (unsigned)__builtin_clzll((uint64_t)ns) : 0;
    r->hist[octave < WAIT_HIST_BUCKETS ? octave : WAIT_HIST_BUCKETS - 1]++;
    if (ns > r->worst_ns) {
        r->worst_ns = ns;
        r->worst_g = a->slice.g;
        r->worst_start_ns = a->slice.start_ns;
        r->class_id = a->slice.class_id;
        r->group = a->group;
    }
    return 0;
}

/* ---- percentiles ---- */

static int ascending(const void *a, const void *b) {
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}
static int ascending_large(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The element that would stand at `rank` (from 0) were they sorted. */
static uint32_t select_rank(const uint32_t *v, uint32_t n, uint32_t rank) {
    uint32_t prefix = 0, mask = 0;
    for (int digit = N_DIGITS - 1; digit >= 0; digit--) {
        uint32_t count[1 << DIGIT_BITS] = {0}, d = 0;
        unsigned shift = (unsigned)digit * DIGIT_BITS;
        for (uint32_t i = 0; i < n; i++)
            if ((v[i] & mask) == prefix) count[v[i] >> shift & 0xff]++;
        while (rank >= count[d]) rank -= count[d++];
        prefix |= d << shift;
        mask |= UINT32_C(0xff) << shift;
    }
    return prefix;
}

static int64_t percentile(const struct lengths *l, int64_t of_thousand) {
    uint64_t n = (uint64_t)l->n_small + l->n_large;
    uint64_t rank = (n * (uint64_t)of_thousand + 999) / 1000;
    rank = rank ? rank - 1 : 0;
    if (rank >= l->n_small) return l->large[rank - l->n_small];
    return l->n_small <= SORT_MOST ? l->small[rank]
                                   : select_rank(l->small, l->n_small, (uint32_t)rank);
}

/* ---- rows for the caller ---- */

static struct text name_of(const struct figures *w, const struct row *r,
                           const struct store_figure *out) {
    static const struct text states[] = {[GO_RUNNABLE] = {"runnable", 8},
                                         [GO_RUNNING] = {"running", 7},
                                         [GO_WAITING] = {"waiting", 7},
                                         [GO_SYSCALL] = {"syscall", 7}};
    struct stack stack;
    bool named = out->state < sizeof states / sizeof *states && out->state != GO_WAITING;
    switch (w->by) {
    case FIGURE_BY_REASON:
        return named ? states[out->state] : out->reason;
    case FIGURE_BY_REFINED:
        return named ? states[out->state] : out->refined;
    case FIGURE_BY_FUNCTION:
        return out->func;
    case FIGURE_BY_STACK:
        stack = store_stack(w->s, (uint32_t)r->key);
        return stack.n ? store_string(w->s, stack.frames[0].func) : (struct text){"", 0};
    case FIGURE_BY_GOROUTINE:
        return (struct text){"", 0}; /* worst_g is its name */
    case FIGURE_BY_START:
        return store_group(w->s, out->group).func;
    case FIGURE_BY_STATE:
        break;
    }
    return out->state < sizeof states / sizeof *states ? states[out->state] : (struct text){"", 0};
}

static void fill_row(struct figures *w, struct row *r, struct store_figure *out) {
    struct slice_class c = slices_class(w->s, r->class_id);
    struct lengths *l = &r->lengths;
    int64_t count = (int64_t)l->n_small + l->n_large;
    if (l->n_small <= SORT_MOST && l->n_small)
        qsort(l->small, l->n_small, sizeof *l->small, ascending);
    if (l->n_large) qsort(l->large, l->n_large, sizeof *l->large, ascending_large);
    uint32_t tag = store__tag_of(w->s, r->class_id, r->worst_g, r->worst_start_ns);
    *out = (struct store_figure){.reason = store_string(w->s, c.reason),
                                 .refined = store_tag(w->s, tag).refined,
                                 .func = store_string(w->s, c.user_func),
                                 .state = c.state,
                                 .family = store_tag(w->s, tag).family,
                                 .tag = (uint16_t)tag,
                                 .stack = c.stack,
                                 .group = r->group,
                                 .worst_g = r->worst_g,
                                 .worst_start_ns = r->worst_start_ns,
                                 .count = count,
                                 .total_ns = r->inside_ns,
                                 .mean_ns = r->whole_ns / count,
                                 .p50_ns = percentile(l, 500),
                                 .p99_ns = percentile(l, 990),
                                 .p999_ns = percentile(l, 999),
                                 .max_ns = r->worst_ns};
    memcpy(out->hist, r->hist, sizeof out->hist);
    memcpy(out->state_ns, r->state_ns, sizeof out->state_ns);
    out->key = name_of(w, r, out);
}

static int by_total(const void *a, const void *b) {
    const struct store_figure *x = a, *y = b;
    if (x->total_ns != y->total_ns) return x->total_ns > y->total_ns ? -1 : 1;
    return (x->count < y->count) - (x->count > y->count);
}

static int finish(struct figures *w, struct store_figures *out, struct fault *f) {
    out->rows = malloc((w->n + 1) * sizeof *out->rows);
    if (!out->rows) return store__no_memory(f);
    for (uint32_t i = 0; i < w->n; i++) {
        fill_row(w, &w->rows[i], &out->rows[out->n]);
        out->count += out->rows[out->n].count;
        out->total_ns += out->rows[out->n++].total_ns;
    }
    if (out->n) qsort(out->rows, out->n, sizeof *out->rows, by_total);
    return 0;
}

int store_figures(struct store *s, const struct store_area *area, enum figure_key by,
                  struct store_figures *out, struct fault *f) {
    struct figures w = {.s = s, .by = by, .n_classes = slices_n_classes(s)};
    struct area_scan *scan = NULL;
    struct area_slice slice;
    *out = (struct store_figures){0};
    w.key_of_class = calloc((size_t)w.n_classes + 1, sizeof *w.key_of_class);
    int rc = w.key_of_class ? area_scan_open(s, area, &scan, f) : store__no_memory(f);
    while (rc == 0 && (rc = area_scan_next(scan, &slice, f)) == 1) rc = add(&w, &slice, f);
    if (rc == 0) rc = finish(&w, out, f);
    area_scan_close(scan);
    for (uint32_t i = 0; i < w.n; i++) {
        free(w.rows[i].lengths.small);
        free(w.rows[i].lengths.large);
    }
    free(w.rows);
    free(w.key_of_class);
    map_free(&w.row_of_key);
    return rc;
}

void store_figures_free(struct store_figures *figures) {
    free(figures->rows);
    *figures = (struct store_figures){0};
}
