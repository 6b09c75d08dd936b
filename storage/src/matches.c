/* storage/src/matches.c - the slices of an area themselves: the first or the longest, and where on
 * the way they are.
 *
 * A heap holds the best so far with the worst of them on top, so memory is that of the answer. */
#include <stdlib.h>

#include "storage/src/area_scan.h"
#include "storage/src/store_impl.h"

static bool before(const struct store_match *a, const struct store_match *b, enum match_order o) {
    if (o == MATCHES_LONGEST && a->dur_ns != b->dur_ns) return a->dur_ns > b->dur_ns;
    if (a->start_ns != b->start_ns) return a->start_ns < b->start_ns;
    return a->g < b->g;
}

static void sink(struct store_match *rows, uint32_t n, uint32_t i, enum match_order o) {
    for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(&rows[child], &rows[child + 1], o)) child++;
        if (!before(&rows[i], &rows[child], o)) return;
        struct store_match kept = rows[i];
        rows[i] = rows[child];
        rows[child] = kept;
    }
}

static void take(struct store_matches *out, const struct store_match *m, uint32_t limit,
                 enum match_order o) {
    if (out->n == limit) {
        if (!limit || !before(m, &out->rows[0], o)) return;
        out->rows[0] = *m;
        sink(out->rows, limit, 0, o);
        return;
    }
    out->rows[out->n++] = *m;
    if (out->n == limit)
        for (uint32_t i = limit / 2; i-- > 0;) sink(out->rows, limit, i, o);
}

static void mark(struct store_matches *out, const struct store_area *area, const struct slice *s) {
    double part = (double)(area->to_ns - area->from_ns) / out->n_marks;
    int64_t start = s->start_ns > area->from_ns ? s->start_ns : area->from_ns;
    int64_t end = s->start_ns + s->dur_ns < area->to_ns ? s->start_ns + s->dur_ns : area->to_ns;
    uint32_t a = (uint32_t)((double)(start - area->from_ns) / part);
    uint32_t b = (uint32_t)((double)(end - area->from_ns) / part);
    for (uint32_t i = a; i <= b && i < out->n_marks; i++) out->marks[i]++;
}

/* qsort knows no order of ours: the heap is emptied from its top, the worst first. */
static void sort(struct store_match *rows, uint32_t n, enum match_order o) {
    for (uint32_t i = n / 2; i-- > 0;) sink(rows, n, i, o);
    for (uint32_t left = n; left > 1; left--) {
        struct store_match worst = rows[0];
        rows[0] = rows[left - 1];
        rows[left - 1] = worst;
        sink(rows, left - 1, 0, o);
    }
}

int store_matches(struct store *s, const struct store_area *area, enum match_order order,
                  uint32_t limit, uint32_t n_marks, struct store_matches *out, struct fault *f) {
    struct area_scan *scan = NULL;
    struct area_slice a;
    *out = (struct store_matches){.n_marks = n_marks};
    out->rows = malloc(((size_t)limit + 1) * sizeof *out->rows);
    out->marks = calloc((size_t)n_marks + 1, sizeof *out->marks);
    int rc = out->rows && out->marks ? area_scan_open(s, area, &scan, f) : store__no_memory(f);
    while (rc == 0 && (rc = area_scan_next(scan, &a, f)) == 1) {
        struct store_match m = {a.slice.start_ns, a.slice.dur_ns, a.slice.g, a.group, 0, {0}};
        m.tag = a.class.state == GO_RUNNING
                    ? (uint16_t)store__tag_of(s, a.slice.class_id, a.slice.g, a.slice.start_ns)
                    : a.class.tag;
        m.func = store_string(s, a.class.user_func);
        take(out, &m, limit, order);
        if (n_marks && area->to_ns > area->from_ns) mark(out, area, &a.slice);
        out->count++;
        out->total_ns += a.inside_ns;
        rc = 0;
    }
    sort(out->rows, out->n, order);
    area_scan_close(scan);
    return rc;
}

void store_matches_free(struct store_matches *matches) {
    free(matches->rows);
    free(matches->marks);
    *matches = (struct store_matches){0};
}
