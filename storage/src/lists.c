/* storage/src/lists.c - the page's lists of a window: ranges and counters. */
#include <string.h>

#include "storage/src/store_impl.h"

/* ---- ranges ---- */

static int by_length(const void *a, const void *b) {
    const struct store_range *x = a, *y = b;
    return (x->dur_ns < y->dur_ns) - (x->dur_ns > y->dur_ns);
}

static int by_start(const void *a, const void *b) {
    const struct store_range *x = a, *y = b;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static bool stops_the_world(struct text name) {
    static const char head[] = "stop-the-world";
    return name.n >= sizeof head - 1 && !memcmp(name.data, head, sizeof head - 1);
}

static bool wanted(const struct store_range *r, bool all_scopes) {
    return all_scopes || r->scope == SCOPE_NONE || stops_the_world(r->name);
}

/* Keeps the longest `limit` of rows[0 … n). */
static uint32_t keep_longest(struct store_range *rows, uint32_t n, uint32_t limit) {
    if (n > 1) qsort(rows, n, sizeof *rows, by_length);
    return n < limit ? n : limit;
}

int store_ranges(struct store *s, int64_t from_ns, int64_t to_ns, bool all_scopes, uint32_t limit,
                 const struct store_range **out, uint32_t *n, uint32_t *n_all, struct fault *f) {
    struct coltab *t;
    TRY(store__tab(s, TAB_RANGES, &t, f));
    if (limit > 100000) limit = 100000;
    uint32_t room = 2 * limit + 16;
    struct store_range *rows = realloc(s->ranges, room * sizeof *rows);
    if (!rows) return store__no_memory(f);
    s->ranges = rows;
    *n = *n_all = 0;
    struct coltab_scan *scan;
    TRY(coltab_scan_open(t, &scan, f));
    coltab_scan_bound(scan, COL_RANGES_START, INT64_MIN + 1, to_ns - 1);
    coltab_scan_ends(scan, COL_RANGES_START, COL_RANGES_DUR, from_ns);
    const int64_t *v;
    int rc;
    while ((rc = coltab_scan_next(scan, &v, f)) == 1) {
        struct store_range r = {.start_ns = v[COL_RANGES_START],
                                .dur_ns = v[COL_RANGES_DUR],
                                .name = store_string(s, (uint32_t)v[COL_RANGES_NAME]),
                                .scope = (uint8_t)v[COL_RANGES_SCOPE],
                                .scope_id = v[COL_RANGES_SCOPE_ID]};
        if (r.start_ns + r.dur_ns <= from_ns || !wanted(&r, all_scopes)) continue;
        ++*n_all;
        rows[(*n)++] = r;
        if (*n == room) *n = keep_longest(rows, *n, limit);
    }
    coltab_scan_close(scan);
    *n = keep_longest(rows, *n, limit);
    if (*n > 1) qsort(rows, *n, sizeof *rows, by_start);
    *out = rows;
    return rc;
}

/* ---- counters ---- */

static uint32_t string_id_of(struct store *s, struct coltab *t, const char *name) {
    /* The few names that metrics have stand in the first block. */
    struct coltab_scan *scan;
    struct fault f;
    if (coltab_scan_open(t, &scan, &f) < 0) return 0;
    const int64_t *v;
    uint32_t found = 0;
    size_t n = strlen(name);
    while (!found && coltab_scan_next(scan, &v, &f) == 1) {
        struct text x = store_string(s, (uint32_t)v[COL_METRICS_NAME]);
        if (x.n == n && !memcmp(x.data, name, n)) found = (uint32_t)v[COL_METRICS_NAME];
    }
    coltab_scan_close(scan);
    return found;
}

bool store_has_counter(struct store *s, const char *name) {
    struct coltab *t;
    struct fault f;
    return store__tab(s, TAB_METRICS, &t, &f) == 0 && string_id_of(s, t, name) != 0;
}

/* The value that held when the window began: its last reading before, in one block or the next. */
static int value_before(struct coltab *t, uint32_t name, int64_t from_ns, struct store_point *out,
                        struct fault *f) {
    for (int64_t back = INT64_C(1) << 22;; back *= 8) {
        struct coltab_scan *scan;
        TRY(coltab_scan_open(t, &scan, f));
        int64_t low = from_ns > back ? from_ns - back : 0;
        coltab_scan_bound(scan, COL_METRICS_TIME, low, from_ns);
        coltab_scan_bound(scan, COL_METRICS_NAME, name, name);
        const int64_t *v;
        int rc, found = 0;
        while ((rc = coltab_scan_next(scan, &v, f)) == 1) {
            int64_t x = v[COL_METRICS_VALUE];
            *out = (struct store_point){from_ns, x, x, x};
            found = 1;
        }
        coltab_scan_close(scan);
        if (rc < 0 || found || low == 0) return rc < 0 ? rc : found;
    }
}

int store_counter(struct store *s, const char *name, int64_t from_ns, int64_t to_ns, uint32_t n_px,
                  const struct store_point **out, uint32_t *n, struct fault *f) {
    struct coltab *t;
    TRY(store__tab(s, TAB_METRICS, &t, f));
    if (n_px < 1) n_px = 1;
    if (n_px > 20000) n_px = 20000;
    struct store_point *points = realloc(s->points, (n_px + 2) * sizeof *points);
    if (!points) return store__no_memory(f);
    s->points = points;
    *out = points;
    *n = 0;
    uint32_t id = string_id_of(s, t, name);
    if (!id || to_ns <= from_ns) return 0;
    int rc = value_before(t, id, from_ns, &points[0], f);
    if (rc < 0) return rc;
    *n = (uint32_t)rc;
    struct coltab_scan *scan;
    TRY(coltab_scan_open(t, &scan, f));
    coltab_scan_bound(scan, COL_METRICS_TIME, from_ns + 1, to_ns - 1);
    coltab_scan_bound(scan, COL_METRICS_NAME, id, id);
    const int64_t *v;
    int64_t px = -1;
    double per_px = (double)(to_ns - from_ns) / n_px;
    while ((rc = coltab_scan_next(scan, &v, f)) == 1) {
        int64_t time = v[COL_METRICS_TIME], x = v[COL_METRICS_VALUE];
        int64_t at = (int64_t)((double)(time - from_ns) / per_px);
        if (at != px && *n < n_px + 1) {
            points[(*n)++] = (struct store_point){time, x, x, x};
            px = at;
            continue;
        }
        struct store_point *p = &points[*n - 1];
        if (x < p->min) p->min = x;
        if (x > p->max) p->max = x;
        p->last = x;
    }
    coltab_scan_close(scan);
    return rc;
}
