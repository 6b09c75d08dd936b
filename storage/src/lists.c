/* storage/src/lists.c - the page's lists of a window: ranges, counters, members of a group. */
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

/* ---- goroutines ---- */

static void fill_goroutine(struct store *s, const int64_t *v, struct store_goroutine *out) {
    uint32_t group = map_get(&s->group_of_func, (uint64_t)v[COL_GOROUTINES_FUNC]);
    *out = (struct store_goroutine){
        .g = v[COL_GOROUTINES_G],
        .group = group == MAP_NONE ? 0 : group,
        .start_ns = v[COL_GOROUTINES_START],
        .end_ns = v[COL_GOROUTINES_END],
        .created = v[COL_GOROUTINES_CREATED] != 0,
        .ended = v[COL_GOROUTINES_ENDED] != 0,
        .parent = v[COL_GOROUTINES_PARENT] == COLTAB_NULL ? NO_ID : v[COL_GOROUTINES_PARENT],
        .n_slices = v[COL_GOROUTINES_SLICES]};
    out->state_ns[GO_RUNNING] = v[COL_GOROUTINES_RUNNING];
    out->state_ns[GO_RUNNABLE] = v[COL_GOROUTINES_RUNNABLE];
    out->state_ns[GO_SYSCALL] = v[COL_GOROUTINES_SYSCALL];
    out->state_ns[GO_WAITING] = v[COL_GOROUTINES_WAITING];
}

int store_goroutine(struct store *s, int64_t g, struct store_goroutine *out, struct fault *f) {
    struct coltab *t;
    TRY(store__tab(s, TAB_GOROUTINES, &t, f));
    struct coltab_scan *scan;
    TRY(coltab_scan_open(t, &scan, f));
    coltab_scan_bound(scan, COL_GOROUTINES_G, g, g);
    const int64_t *v;
    int rc, found = 0;
    while ((rc = coltab_scan_next(scan, &v, f)) == 1) { /* the last life wins */
        fill_goroutine(s, v, out);
        found = 1;
    }
    coltab_scan_close(scan);
    return rc < 0 ? rc : found;
}

static int64_t order_key(const struct store_goroutine *g, enum store_member_order order) {
    switch (order) {
    case MEMBERS_BY_WAIT:
        return -g->state_ns[GO_WAITING];
    case MEMBERS_BY_RUNNING:
        return -g->state_ns[GO_RUNNING];
    case MEMBERS_BY_START:
        return g->start_ns;
    case MEMBERS_BY_ID:
        break;
    }
    return g->g;
}

struct member {
    int64_t key, g;
    uint32_t row;
};

static int member_order(const void *a, const void *b) {
    const struct member *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->g > y->g) - (x->g < y->g);
}

/* All members that live in the window, with what they are ordered by. */
static int collect_members(struct store *s, uint32_t group, int64_t from_ns, int64_t to_ns,
                           enum store_member_order order, struct member **out, uint32_t *n,
                           struct fault *f) {
    struct coltab *t;
    TRY(store__tab(s, TAB_GOROUTINES, &t, f));
    struct coltab_scan *scan;
    TRY(coltab_scan_open(t, &scan, f));
    const int64_t *v;
    uint32_t cap = 0;
    int rc;
    while ((rc = coltab_scan_next(scan, &v, f)) == 1) {
        struct store_goroutine g;
        fill_goroutine(s, v, &g);
        if (g.group != group || g.start_ns >= to_ns || g.end_ns <= from_ns) continue;
        if (*n == cap) {
            cap = cap ? cap * 2 : 256;
            struct member *grown = realloc(*out, cap * sizeof *grown);
            if (!grown) {
                rc = store__no_memory(f);
                break;
            }
            *out = grown;
        }
        (*out)[(*n)++] =
            (struct member){order_key(&g, order), g.g, (uint32_t)coltab_scan_row(scan)};
    }
    coltab_scan_close(scan);
    return rc;
}

static int fill_window(struct store *s, int64_t from_ns, int64_t to_ns, struct store_goroutine *g,
                       struct fault *f) {
    struct store_wait_query q = {
        .from_ns = from_ns, .to_ns = to_ns, .one_g = true, .g = g->g, .by = WAIT_BY_REFINED};
    struct store_waits w;
    TRY(store_waits(s, &q, &w, f));
    g->wait_window_ns = w.total_ns;
    if (!w.n) return 0;
    for (uint32_t i = 0; i < s->n_tags; i++)
        if (s->tags[i].refined.n == w.rows[0].refined.n &&
            s->tags[i].refined.data == w.rows[0].refined.data)
            g->wait_window_tag = (uint16_t)i;
    return 0;
}

int store_members(struct store *s, uint32_t group, int64_t from_ns, int64_t to_ns,
                  enum store_member_order order, uint32_t offset, uint32_t limit,
                  const struct store_goroutine **out, uint32_t *n, uint32_t *n_all,
                  struct fault *f) {
    struct member *members = NULL;
    *n = *n_all = 0;
    int rc = collect_members(s, group, from_ns, to_ns, order, &members, n_all, f);
    if (rc == 0 && *n_all > 1) qsort(members, *n_all, sizeof *members, member_order);
    if (limit > 5000) limit = 5000;
    if (offset > *n_all) offset = *n_all;
    if (limit > *n_all - offset) limit = *n_all - offset;
    struct store_goroutine *rows = rc == 0 ? realloc(s->members, (limit + 1) * sizeof *rows) : NULL;
    if (rc == 0 && !rows) rc = store__no_memory(f);
    if (rows) s->members = rows;
    for (uint32_t i = 0; rc == 0 && i < limit; i++) {
        rc = store_goroutine(s, members[offset + i].g, &rows[i], f);
        if (rc >= 0) rc = fill_window(s, from_ns, to_ns, &rows[i], f);
        if (rc == 0) *n = i + 1;
    }
    free(members);
    *out = rows;
    return rc;
}
