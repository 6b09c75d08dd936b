/* storage/src/spans.c - user tasks and regions by type: how many were under way, and the longest.
 *
 * Levels       are sums of time by pixel: whole pixels of a span go into a difference (+1 where it
 *              begins to fill them, -1 where it ends), the two at its edges get what it covers.
 * Not here     what stands on a lane (notes.c). */
#include <string.h>

#include "storage/src/store_impl.h"

enum { MAX_TYPES = 256, MAX_PX = 8192, MAX_LEVELS = 1 << 18, SPANS_MAX = 2000 };

struct span_row { /* a task or a region, as the tables have it */
    struct store_span s;
    uint32_t type;
};

typedef int (*span_fn)(void *arg, const struct span_row *row);

static void read_task(const struct store *s, const int64_t *v, struct span_row *out) {
    int64_t start = v[COL_TASKS_START], end = v[COL_TASKS_END];
    out->type = (uint32_t)v[COL_TASKS_TYPE];
    out->s = (struct store_span){.start_ns = start == COLTAB_NULL ? 0 : start,
                                 .id = v[COL_TASKS_ID],
                                 .g = v[COL_TASKS_G] == COLTAB_NULL ? NO_ID : v[COL_TASKS_G],
                                 .began = start != COLTAB_NULL,
                                 .ended = end != COLTAB_NULL};
    if (end == COLTAB_NULL) end = s->info.duration_ns;
    out->s.dur_ns = end > out->s.start_ns ? end - out->s.start_ns : 0;
}

static void read_region(const int64_t *v, struct span_row *out) {
    out->type = (uint32_t)v[COL_REGIONS_TYPE];
    out->s = (struct store_span){.start_ns = v[COL_REGIONS_START],
                                 .dur_ns = v[COL_REGIONS_DUR],
                                 .id = v[COL_REGIONS_TASK] == COLTAB_NULL ? 0 : v[COL_REGIONS_TASK],
                                 .g = v[COL_REGIONS_G] == COLTAB_NULL ? NO_ID : v[COL_REGIONS_G],
                                 .began = true,
                                 .ended = !v[COL_REGIONS_OPEN]};
}

/* Every task or region that touches [from, to). */
static int each_span(struct store *s, bool regions, int64_t from_ns, int64_t to_ns,
                     const atomic_int *cancel, span_fn visit, void *arg, struct fault *f) {
    struct coltab *t;
    struct coltab_scan *scan;
    const int64_t *v;
    int rc;
    uint32_t n = 0;
    TRY(store__tab(s, regions ? TAB_REGIONS : TAB_TASKS, &t, f));
    TRY(coltab_scan_open(t, &scan, f));
    /* No bound on tasks: those without a begin or an end would not lie within it. */
    if (regions) coltab_scan_bound(scan, COL_REGIONS_START, INT64_MIN + 1, to_ns - 1);
    if (regions) coltab_scan_ends(scan, COL_REGIONS_START, COL_REGIONS_DUR, from_ns);
    while ((rc = coltab_scan_next(scan, &v, f)) == 1) {
        struct span_row row;
        if (n++ % LOOK_EVERY == 0 && (rc = store__look_up(cancel, f)) < 0) break;
        if (regions)
            read_region(v, &row);
        else
            read_task(s, v, &row);
        if (row.s.start_ns >= to_ns || row.s.start_ns + row.s.dur_ns < from_ns) continue;
        if (visit(arg, &row)) {
            rc = store__no_memory(f);
            break;
        }
    }
    coltab_scan_close(scan);
    return rc;
}

/* ---- types ---- */

struct type_sum {
    struct store_span_type t;
    double *part;  /* by pixel: covered at the edges of spans */
    double *whole; /* by pixel: more (less) spans fill the pixels from here on */
};

struct types {
    const struct store_span_query *q;
    double ns_per_px;
    bool region;
    struct map index;
    struct type_sum all[MAX_TYPES];
    uint32_t n;
};

static struct type_sum *type_of(struct types *w, uint32_t id) {
    uint64_t key = (uint64_t)id << 1 | w->region;
    uint32_t i = map_get(&w->index, key);
    if (i != MAP_NONE) return &w->all[i];
    if (w->n == MAX_TYPES) return &w->all[MAX_TYPES - 1];
    struct type_sum *t = &w->all[w->n];
    *t = (struct type_sum){.t = {.id = id, .region = w->region}};
    t->part = calloc(w->q->n_px + 1, sizeof *t->part);
    t->whole = calloc(w->q->n_px + 2, sizeof *t->whole);
    if (!t->part || !t->whole || !map_put(&w->index, key, w->n)) {
        free(t->part);
        free(t->whole);
        return NULL;
    }
    w->n++;
    return t;
}

static void add_level(const struct types *w, struct type_sum *t, int64_t start, int64_t end) {
    const struct store_span_query *q = w->q;
    if (start < q->wide_from_ns) start = q->wide_from_ns;
    if (end > q->wide_to_ns) end = q->wide_to_ns;
    if (start >= end) return;
    double a = (double)(start - q->wide_from_ns) / w->ns_per_px;
    double b = (double)(end - q->wide_from_ns) / w->ns_per_px;
    uint32_t i = (uint32_t)a, j = (uint32_t)b;
    if (j > q->n_px) j = q->n_px;
    if (i >= j) {
        t->part[i] += b - a;
        return;
    }
    t->part[i] += i + 1 - a;
    t->whole[i + 1] += 1;
    t->whole[j] -= 1;
    t->part[j] += b - j;
}

static int sum_span(void *arg, const struct span_row *row) {
    struct types *w = arg;
    struct type_sum *t = type_of(w, row->type);
    if (!t) return 1;
    int64_t end = row->s.start_ns + row->s.dur_ns;
    if (row->s.start_ns < w->q->to_ns && end >= w->q->from_ns) {
        t->t.count++;
        if (row->s.dur_ns > t->t.max_ns) t->t.max_ns = row->s.dur_ns;
    }
    add_level(w, t, row->s.start_ns, end);
    return 0;
}

/* The changes of one type's level; rows beyond the room are left out at the end of the list. */
static uint32_t put_levels(const struct types *w, const struct type_sum *t, struct store_level *out,
                           uint32_t room) {
    uint32_t n = 0;
    double whole = 0;
    float before = -1;
    for (uint32_t i = 0; i < w->q->n_px && n < room; i++) {
        whole += t->whole[i];
        float mean = (float)(whole + t->part[i]);
        if (mean < 1e-6f) mean = 0;
        if (mean == before) continue;
        out[n++] = (struct store_level){w->q->wide_from_ns + (int64_t)(i * w->ns_per_px), mean};
        before = mean;
    }
    return n;
}

static int type_order(const void *a, const void *b) {
    const struct type_sum *x = a, *y = b;
    if (x->t.region != y->t.region) return x->t.region ? 1 : -1;
    if (x->t.count != y->t.count) return x->t.count > y->t.count ? -1 : 1;
    return (x->t.id > y->t.id) - (x->t.id < y->t.id);
}

static int put_types(struct store *s, struct types *w, uint32_t *n, struct fault *f) {
    uint32_t room = w->n * w->q->n_px < MAX_LEVELS ? w->n * w->q->n_px : MAX_LEVELS, used = 0;
    struct store_span_type *rows = realloc(s->span_types, (w->n + 1) * sizeof *rows);
    if (!rows) return store__no_memory(f);
    s->span_types = rows;
    struct store_level *levels = realloc(s->levels, (room + 1) * sizeof *levels);
    if (!levels) return store__no_memory(f);
    s->levels = levels;
    if (w->n > 1) qsort(w->all, w->n, sizeof *w->all, type_order);
    for (uint32_t i = 0; i < w->n; i++) {
        rows[i] = w->all[i].t;
        rows[i].name = store_string(s, rows[i].id);
        rows[i].levels = levels + used;
        rows[i].n_levels = put_levels(w, &w->all[i], levels + used, room - used);
        used += rows[i].n_levels;
    }
    *n = w->n;
    return 0;
}

int store_span_types(struct store *s, const struct store_span_query *query,
                     const struct store_span_type **out, uint32_t *n, struct fault *f) {
    struct store_span_query q = *query;
    if (q.n_px < 1) q.n_px = 1;
    if (q.n_px > MAX_PX) q.n_px = MAX_PX;
    if (q.wide_from_ns > q.from_ns) q.wide_from_ns = q.from_ns;
    if (q.wide_to_ns < q.to_ns) q.wide_to_ns = q.to_ns;
    struct types *w = calloc(1, sizeof *w);
    if (!w) return store__no_memory(f);
    w->q = &q;
    w->ns_per_px = (double)(q.wide_to_ns - q.wide_from_ns) / q.n_px;
    int rc = 0;
    *n = 0;
    for (int regions = 0; rc == 0 && regions < 2 && w->ns_per_px > 0; regions++) {
        w->region = regions;
        rc = each_span(s, regions, q.wide_from_ns, q.wide_to_ns, q.cancel, sum_span, w, f);
    }
    if (rc == 0) rc = put_types(s, w, n, f);
    *out = s->span_types;
    for (uint32_t i = 0; i < w->n; i++) {
        free(w->all[i].part);
        free(w->all[i].whole);
    }
    map_free(&w->index);
    free(w);
    return rc;
}

/* ---- the spans of a type ---- */

struct list {
    uint32_t type;
    struct store_span *rows;
    uint32_t n, cap;
};

static int keep_span(void *arg, const struct span_row *row) {
    struct list *l = arg;
    if (row->type != l->type) return 0;
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 256;
        struct store_span *grown = realloc(l->rows, cap * sizeof *grown);
        if (!grown) return 1;
        l->rows = grown;
        l->cap = cap;
    }
    l->rows[l->n++] = row->s;
    return 0;
}

static int longest_first(const void *a, const void *b) {
    const struct store_span *x = a, *y = b;
    if (x->dur_ns != y->dur_ns) return x->dur_ns > y->dur_ns ? -1 : 1;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

int store_spans(struct store *s, bool regions, uint32_t type, int64_t from_ns, int64_t to_ns,
                uint32_t offset, uint32_t limit, const struct store_span **out, uint32_t *n,
                uint32_t *n_all, struct fault *f) {
    struct list l = {.type = type};
    int rc = each_span(s, regions, from_ns, to_ns, NULL, keep_span, &l, f);
    free(s->spans);
    s->spans = l.rows;
    *n = *n_all = 0;
    if (rc < 0) return rc;
    if (l.n > 1) qsort(l.rows, l.n, sizeof *l.rows, longest_first);
    if (limit > SPANS_MAX) limit = SPANS_MAX;
    if (offset > l.n) offset = l.n;
    *n_all = l.n;
    *n = limit < l.n - offset ? limit : l.n - offset;
    *out = l.rows ? l.rows + offset : NULL;
    return 0;
}
