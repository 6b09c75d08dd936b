/* tests/unit/store_test.c - every window's figures, at every level of detail, equal a brute-force
 * pass over the raw events.
 *
 * The pass is model.h: every slice of the trace in one array, all of which is walked for each
 * question.
 * Windows, lanes and levels are random; PARKVIEW_SEED repeats a run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/src/slices.h"
#include "storage/sets.h"
#include "storage/store.h"
#include "tests/unit/model.h"
#include "tests/unit/random.h"

static int64_t below(int64_t n) {
    return n > 0 ? (int64_t)(random64() % (uint64_t)n) : 0;
}

/* ---- waits ---- */

static int64_t min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static int64_t max64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void check_waits(struct model *m, struct store *s, int64_t from, int64_t to, int by,
                        int64_t g) {
    struct store_wait_query q = {
        .from_ns = from, .to_ns = to, .by = (enum wait_key)by, .one_g = g >= 0, .g = g};
    struct store_waits w;
    CHECK(store_waits(s, &q, &w, &fault) == 0, "waits %ld %ld", (long)from, (long)to);
    int64_t *durs = malloc((m->n_slices + 1) * sizeof *durs), all = 0;
    for (uint32_t i = 0; i < w.n; i++) {
        const struct store_wait *row = &w.rows[i];
        int64_t count = 0, total = 0, whole = 0, max = 0;
        for (size_t k = 0; k < m->n_slices; k++) {
            const struct m_slice *x = &m->slices[k];
            if (x->state != GO_WAITING || x->start >= to || x->end <= from) continue;
            if (g >= 0 && x->g != g) continue;
            if (by == WAIT_BY_REASON && !same_text(dict_string(m->dict, x->reason), row->key))
                continue;
            if (by == WAIT_BY_REFINED) {
                const char *name = refined_name(m, x);
                struct text t = {name, strlen(name)};
                if (!same_text(t, row->key)) continue;
            }
            bool forever = is_forever(m, x);
            int64_t dur = forever ? 0 : x->end - x->start;
            durs[count++] = dur;
            total += forever ? 0 : min64(x->end, to) - max64(x->start, from);
            whole += dur;
            max = max64(max, dur);
        }
        if (by > WAIT_BY_REFINED) continue;
        CHECK(count == row->count && total == row->total_ns && max == row->max_ns,
              "%.*s in [%ld,%ld) g %ld: count %ld/%ld total %ld/%ld max %ld/%ld", (int)row->key.n,
              row->key.data, (long)from, (long)to, (long)g, (long)row->count, (long)count,
              (long)row->total_ns, (long)total, (long)row->max_ns, (long)max);
        CHECK(row->mean_ns == whole / count, "mean");
        qsort(durs, (size_t)count, sizeof *durs, by_value);
        int64_t p50 = durs[(count * 500 + 999) / 1000 - 1],
                p99 = durs[(count * 990 + 999) / 1000 - 1];
        CHECK(row->p50_ns >= p50 && row->p50_ns <= p50 + p50 / 32, "p50 %ld/%ld", (long)row->p50_ns,
              (long)p50);
        CHECK(row->p99_ns >= p99 && row->p99_ns <= p99 + p99 / 32, "p99 %ld/%ld", (long)row->p99_ns,
              (long)p99);
        all += count;
    }
    int64_t touching = 0;
    for (size_t k = 0; k < m->n_slices; k++) {
        const struct m_slice *x = &m->slices[k];
        touching +=
            x->state == GO_WAITING && x->start < to && x->end > from && (g < 0 || x->g == g);
    }
    CHECK(w.count == touching, "all waits %ld/%ld by %d", (long)w.count, (long)touching, by);
    CHECK(by > WAIT_BY_REFINED || all == touching, "rows leave waits out");
    free(durs);
}

/* ---- tiles: ns by bucket and colour; colour = state, and the refined reason of waits ---- */

enum { N_COLOURS = 64 };
struct colours {
    struct {
        uint8_t state;
        char name[96];
    } colour[N_COLOURS];
    int n;
};

static int colour_of(struct colours *c, uint8_t state, const char *name) {
    if (state != GO_WAITING) name = "";
    for (int i = 0; i < c->n; i++)
        if (c->colour[i].state == state && !strcmp(c->colour[i].name, name)) return i;
    CHECK(c->n < N_COLOURS, "too many colours");
    c->colour[c->n].state = state;
    snprintf(c->colour[c->n].name, sizeof c->colour[c->n].name, "%s", name);
    return c->n++;
}

static void spread(double (*sum)[N_COLOURS], int colour, int64_t origin, int level, int64_t start,
                   int64_t end) {
    int64_t width = INT64_C(1) << level;
    for (int b = 0; b < TILE_BUCKETS; b++) {
        int64_t low = origin + b * width, high = low + width;
        if (start < high && end > low)
            sum[b][colour] += (double)(min64(end, high) - max64(start, low));
    }
}

static struct store_sets *sets; /* whose lanes are painted */

static bool in_set(int64_t g, struct lane lane) {
    struct lane of[64];
    uint32_t n = store_sets_of(sets, g, of, 64);
    for (uint32_t i = 0; i < n && i < 64; i++)
        if (of[i].kind == lane.kind && of[i].id == lane.id) return true;
    return false;
}

static bool on_lane(struct model *m, struct store *s, const struct m_slice *x, struct lane lane) {
    bool on_cpu = x->state == GO_RUNNING || x->state == GO_SYSCALL;
    switch (lane.kind) {
    case LANE_G:
        return x->g == lane.id;
    case LANE_P:
        return on_cpu && x->p == lane.id;
    case LANE_M:
        return on_cpu && x->m == lane.id;
    case LANE_ALL:
        return true;
    case LANE_SET:
        return in_set(x->g, lane);
    case LANE_GROUP:
        break;
    }
    return same_text(dict_string(m->dict, m->lives[x->life].func),
                     store_group(s, (uint32_t)lane.id).func);
}

/* A tile, its buckets and those of the model 2^t->shift times as wide as those of the level. */
static void check_tile(struct model *m, struct store *s, struct lane lane, int level, int64_t index,
                       const struct tile *tile) {
    const struct tile t = *tile;
    static double want[TILE_BUCKETS][N_COLOURS], got[TILE_BUCKETS][N_COLOURS];
    memset(want, 0, sizeof want);
    memset(got, 0, sizeof got);
    struct colours colours = {.n = 0};
    int64_t origin = index * ((int64_t)TILE_BUCKETS << level);
    level += t.shift;
    int64_t width = INT64_C(1) << level, tile_end = origin + (TILE_BUCKETS >> t.shift) * width;
    int64_t last_start = INT64_MIN;
    for (uint32_t i = 0; i < t.n_solids; i++) {
        const struct tile_solid *x = &t.solids[i];
        CHECK(x->dur_ns >= width && x->start_ns >= last_start, "a solid shorter than a bucket");
        last_start = x->start_ns;
        struct store_tag tag = store_tag(s, x->tag);
        char name[96];
        snprintf(name, sizeof name, "%.*s", (int)tag.refined.n, tag.refined.data);
        spread(got, colour_of(&colours, tag.state, name), origin, level, x->start_ns,
               x->start_ns + x->dur_ns);
    }
    for (uint32_t i = 0; i < t.n_parts; i++) {
        const struct tile_part *x = &t.parts[i], *y = i ? x - 1 : x;
        CHECK(x->n && x->bucket + x->n <= TILE_BUCKETS >> t.shift &&
                  (!i || x->tag > y->tag || (x->tag == y->tag && x->bucket >= y->bucket + y->n)),
              "parts out of order");
        struct store_tag tag = store_tag(s, t.parts[i].tag);
        char name[96];
        snprintf(name, sizeof name, "%.*s", (int)tag.refined.n, tag.refined.data);
        for (int b = x->bucket; b < x->bucket + x->n; b++)
            got[b][colour_of(&colours, tag.state, name)] += (double)x->cover * (double)width;
    }
    for (size_t k = 0; k < m->n_slices; k++) {
        const struct m_slice *x = &m->slices[k];
        if (x->start >= tile_end || x->end <= origin) continue;
        if (!on_lane(m, s, x, lane)) continue;
        int c = colour_of(&colours, x->state, refined_name(m, x));
        spread(want, c, origin, level, x->start, lane.kind == LANE_P ? x->kept_end : x->end);
    }
    for (int b = 0; b < TILE_BUCKETS >> t.shift; b++)
        for (int c = 0; c < colours.n; c++) {
            double slack = 0.5 + 1e-6 * fmax(want[b][c], (double)width);
            CHECK(fabs(want[b][c] - got[b][c]) <= slack,
                  "lane %d %ld level %d tile %ld bucket %d state %d %s: %.0f, should be %.0f",
                  lane.kind, (long)lane.id, level, (long)index, b, colours.colour[c].state,
                  colours.colour[c].name, got[b][c], want[b][c]);
        }
}

static struct lane random_lane(struct model *m, struct store *s) {
    const struct store_info *i = store_info(s);
    switch (below(5)) {
    case 0:
        return (struct lane){LANE_P, i->n_procs ? i->procs[below(i->n_procs)] : 0};
    case 1:
        return (struct lane){LANE_G, m->slices[below((int64_t)m->n_slices)].g};
    case 2:
        if (i->n_threads) return (struct lane){LANE_M, i->threads[below(i->n_threads)]};
        break;
    case 3:
        return (struct lane){LANE_GROUP, below(store_n_groups(s))};
    default:
        break;
    }
    return (struct lane){LANE_ALL, 0};
}

static void check_tiles(struct model *m, struct store *s, int n) {
    int64_t duration = store_info(s)->duration_ns;
    int top = 0;
    while (((int64_t)TILE_BUCKETS << top) < duration) top++;
    for (int i = 0; i < n; i++) {
        int level = (int)below(top + 2);
        int64_t tiles = duration / ((int64_t)TILE_BUCKETS << level) + 1, index = below(tiles);
        struct lane lane = random_lane(m, s);
        struct tile t;
        CHECK(store_tile(s, lane, level, index, &t, &fault) == 0, "tile");
        CHECK(t.shift == 0, "a tile that is coarser than it was asked for");
        check_tile(m, s, lane, level, index, &t);
    }
    for (int i = 0; i < n / 10 + 1; i++) { /* many lanes at once, within a budget or not */
        int level = (int)below(top + 2);
        int64_t tiles = duration / ((int64_t)TILE_BUCKETS << level) + 1, first = below(tiles);
        struct lane lanes[TILES_MAX_LANES];
        for (int k = 0; k < TILES_MAX_LANES; k++)
            lanes[k] = k % 3 || !store_n_sets(sets)
                           ? random_lane(m, s)
                           : store_set(sets, (uint32_t)below(store_n_sets(sets)))->lane;
        struct tile_query q = {lanes,
                               (uint32_t)(1 + below(TILES_MAX_LANES)),
                               level,
                               first,
                               min64(first + 1 + below(4), tiles),
                               (uint32_t)(i % 3 ? 1 << (10 + below(10)) : 0),
                               sets};
        struct tiles *all;
        CHECK(store_tiles(s, &q, &all, &fault) == 0, "tiles");
        for (uint32_t k = 0; k < q.n_lanes; k += 7)
            for (int64_t index = q.first; index < q.end; index++) {
                struct tile t;
                CHECK(tiles_get(all, k, index, &t, &fault) == 0, "a tile of many");
                CHECK(q.budget_bytes || t.shift == 0, "coarser without a budget");
                check_tile(m, s, lanes[k], level, index, &t);
            }
        tiles_free(all);
    }
}

/* ---- single slices ---- */

static void check_slices(struct model *m, struct store *s, int n) {
    for (int i = 0; i < n; i++) {
        const struct m_slice *x = &m->slices[below((int64_t)m->n_slices)];
        struct store_slice got;
        int64_t at = x->start + below(x->end - x->start);
        CHECK(store_slice_at(s, (struct lane){LANE_G, x->g}, at, &got, &fault) == 1, "slice at");
        CHECK(got.start_ns == x->start && got.dur_ns == x->end - x->start && got.state == x->state,
              "g %ld at %ld: %ld+%ld state %d", (long)x->g, (long)at, (long)got.start_ns,
              (long)got.dur_ns, got.state);
        CHECK(same_text(store_tag(s, got.tag).reason, dict_string(m->dict, x->reason)) ||
                  x->state != GO_WAITING,
              "reason");
        CHECK(got.waker_g == x->waker_g, "waker %ld, should be %ld", (long)got.waker_g,
              (long)x->waker_g);
        CHECK(store_stack(s, got.stack).n == dict_stack(m->dict, x->stack).n, "stack");
        CHECK(store_stack(s, got.waker_stack).n == dict_stack(m->dict, x->waker_stack).n,
              "waker's stack");
        if (x->state == GO_RUNNING && x->p >= 0) {
            CHECK(store_slice_at(s, (struct lane){LANE_P, x->p}, at, &got, &fault) == 1,
                  "slice on P");
            CHECK(got.g == x->g && got.start_ns == x->start, "P%ld at %ld holds g %ld, not %ld",
                  (long)x->p, (long)at, (long)got.g, (long)x->g);
        }
    }
    for (int i = 0; i < n; i++) { /* neighbours: forth and back again */
        const struct m_slice *x = &m->slices[below((int64_t)m->n_slices)];
        struct store_slice at, next, back;
        CHECK(store_slice_at(s, (struct lane){LANE_G, x->g}, x->start, &at, &fault) == 1,
              "slice at");
        int rc = store_slice_step(s, &at, 1, &next, &fault);
        CHECK(rc >= 0, "step");
        if (!rc) continue;
        CHECK(next.g == at.g && next.start_ns >= at.start_ns + at.dur_ns, "next slice");
        CHECK(store_slice_step(s, &next, -1, &back, &fault) == 1, "step back");
        CHECK(back.start_ns == at.start_ns && back.dur_ns == at.dur_ns,
              "g %ld: back to %ld, not %ld", (long)at.g, (long)back.start_ns, (long)at.start_ns);
    }
}

static void check_scan(struct model *m, struct store *s, int64_t from, int64_t to, int64_t g) {
    struct slice_filter w = {from, to, g < 0 ? INT64_MIN : g, g < 0 ? INT64_MAX : g, 0, 0, 0};
    struct slice_scan *scan;
    CHECK(slice_scan_open(s, &w, &scan, &fault) == 0, "scan");
    struct slice x;
    size_t n = 0, want = 0;
    int64_t sum = 0, want_sum = 0;
    while (slice_scan_next(scan, &x, &fault) == 1) {
        n++;
        sum += x.dur_ns ^ x.start_ns ^ x.g;
    }
    slice_scan_close(scan);
    for (size_t k = 0; k < m->n_slices; k++) {
        const struct m_slice *y = &m->slices[k];
        if (y->start >= to || y->end <= from || (g >= 0 && y->g != g)) continue;
        want++;
        want_sum += (y->end - y->start) ^ y->start ^ y->g;
    }
    CHECK(n == want && sum == want_sum, "scan [%ld,%ld) g %ld: %zu rows, should be %zu", (long)from,
          (long)to, (long)g, n, want);
}

/* ---- a cut store: the same window, told again ---- */

static void check_cut(struct store *s, const char *path, int64_t from, int64_t to) {
    struct store *cut;
    CHECK(store_cut(s, from, to, path, &fault) == 0, "cut [%ld,%ld)", (long)from, (long)to);
    CHECK(store_open(path, &cut, &fault) == 0, "open the cut store");
    unlink(path);
    CHECK(store_info(cut)->duration_ns == to - from, "duration %ld, should be %ld",
          (long)store_info(cut)->duration_ns, (long)(to - from));
    struct store_wait_query whole = {.from_ns = from, .to_ns = to, .by = WAIT_BY_REASON};
    struct store_wait_query own = {.from_ns = 0, .to_ns = to - from, .by = WAIT_BY_REASON};
    struct store_waits a, b;
    CHECK(store_waits(s, &whole, &a, &fault) == 0, "waits of the window");
    CHECK(store_waits(cut, &own, &b, &fault) == 0, "waits of the cut");
    CHECK(a.n == b.n && a.count == b.count && a.total_ns == b.total_ns,
          "[%ld,%ld): %ld waits of %ld ns, should be %ld of %ld", (long)from, (long)to,
          (long)b.count, (long)b.total_ns, (long)a.count, (long)a.total_ns);
    for (uint32_t i = 0; i < a.n; i++) {
        const struct store_wait *x = &a.rows[i], *y = NULL;
        for (uint32_t k = 0; k < b.n; k++)
            if (same_text(b.rows[k].reason, x->reason)) y = &b.rows[k];
        CHECK(y && y->count == x->count && y->total_ns == x->total_ns, "%.*s", (int)x->reason.n,
              x->reason.data);
    }
    struct slice_filter w = {from, to, INT64_MIN, INT64_MAX, 0, 0, 0};
    struct slice_filter v = {0, to - from, INT64_MIN, INT64_MAX, 0, 0, 0};
    int64_t sums[2][8] = {{0}};
    for (int i = 0; i < 2; i++) {
        struct store *from_store = i ? cut : s;
        struct slice_scan *scan;
        CHECK(slice_scan_open(from_store, i ? &v : &w, &scan, &fault) == 0, "scan");
        struct slice x;
        while (slice_scan_next(scan, &x, &fault) == 1) {
            int64_t low = i ? x.start_ns : max64(x.start_ns, from) - from;
            int64_t high = i ? x.start_ns + x.dur_ns : min64(x.start_ns + x.dur_ns, to) - from;
            uint8_t state = slices_class(from_store, x.class_id).state;
            sums[i][state] += high - low;
            sums[i][6] += (high - low) * (x.g % 1000 + 1) + x.p * 7 + low % 1001;
            sums[i][7]++;
        }
        slice_scan_close(scan);
    }
    for (int k = 0; k < 8; k++)
        CHECK(k == 6 || sums[0][k] == sums[1][k], "state %d: %ld, should be %ld", k,
              (long)sums[1][k], (long)sums[0][k]);
    store_close(cut);
}

/* ---- a trace ---- */

/* What is canceled says so, and gives no half of an answer. */
static void check_canceled(struct store *s) {
    atomic_int stop = 1;
    int64_t duration = store_info(s)->duration_ns;
    struct store_wait_query waits = {.to_ns = duration, .cancel = &stop};
    struct store_span_query spans = {.to_ns = duration, .n_px = 10, .cancel = &stop};
    struct store_waits w;
    const struct store_span_type *types;
    uint32_t n = 0;
    if (store_info(s)->n_slices && duration) {
        CHECK(store_waits(s, &waits, &w, &fault) == PV_ECANCELED, "waits go on");
        waits.one_group = true;
        CHECK(store_waits(s, &waits, &w, &fault) == PV_ECANCELED, "waits of a group go on");
    }
    int rc = store_span_types(s, &spans, &types, &n, &fault);
    CHECK(rc == PV_ECANCELED || (rc == 0 && n == 0), "types of spans go on");
    rc = store_sets_new(s, SETS_BY_CREATOR, &stop, &sets, &fault);
    CHECK(rc == PV_ECANCELED || (rc == 0 && store_info(s)->n_goroutines == 0), "sets go on");
}

static void check_trace(const char *path, int effort) {
    struct model m = {0};
    fault = (struct fault){0};
    read_model(&m, path);
    char store_path[64];
    snprintf(store_path, sizeof store_path, "/tmp/store_test.%d", (int)getpid());
    const char *tmp = getenv("TMPDIR");
    char full[512];
    snprintf(full, sizeof full, "%s/store_test.%d", tmp ? tmp : "/tmp", (int)getpid());
    struct store_import_options o = {.trace = path, .store = full};
    CHECK(store_import(&o, &fault) >= 0, "import %s", path);
    struct store *s;
    CHECK(store_open(full, &s, &fault) == 0, "open %s", path);
    int64_t duration = store_info(s)->duration_ns;
    CHECK(store_info(s)->n_slices == (int64_t)m.n_slices, "%s: %ld slices, should be %zu", path,
          (long)store_info(s)->n_slices, m.n_slices);
    check_scan(&m, s, 0, duration, -1);
    for (int by = 0; by < 4; by++) check_waits(&m, s, 0, duration, by, -1);
    for (int i = 0; i < effort && m.n_slices; i++) {
        int64_t from = below(duration), to = from + 1 + below(i & 1 ? duration - from : 1000000);
        int64_t g = i % 3 ? -1 : m.slices[below((int64_t)m.n_slices)].g;
        check_waits(&m, s, from, to, i % 2, g);
        check_scan(&m, s, from, to, i % 2 ? -1 : m.slices[below((int64_t)m.n_slices)].g);
    }
    if (m.n_slices) {
        check_slices(&m, s, effort * 20);
        for (int by = 0; by < N_SETS_BY; by++) {
            CHECK(store_sets_new(s, (enum sets_by)by, NULL, &sets, &fault) == 0, "sets");
            check_tiles(&m, s, effort * 2);
            store_sets_free(sets);
        }
    }
    check_canceled(s);
    char cut_path[520];
    snprintf(cut_path, sizeof cut_path, "%s.cut", full);
    for (int i = 0; i < 3 && duration > 10; i++) {
        int64_t from = i ? below(duration - 1) : 0;
        check_cut(s, cut_path, from, from + 1 + below(duration - from));
    }
    store_close(s);
    unlink(full);
    printf("%s: %zu slices agree\n", path, m.n_slices);
    free_model(&m);
}

int main(int argc, char **argv) {
    static const char *const traces[] = {"go1.26-http-p4.trace.zst",
                                         "go1.26-mutex200.trace",
                                         "go1.26-tasks.damaged-hole.trace",
                                         "go1.22-leak.trace",
                                         "go1.26-g10000.trace.zst",
                                         "go1.26-testprog-cgo-callback.trace",
                                         "go1.23-testprog-iter-pull.trace",
                                         "go1.19-http-p2.trace.zst",
                                         "go1.22-http-p2.trace.zst",
                                         "go1.26-flightrecorder.damaged-zeros.trace.zst",
                                         "go1.26-syscalls.trace",
                                         "go1.24-http-p2.damaged-generations-swapped.trace.zst",
                                         "go1.22-testprog-gc-stress.trace.zst"};
    if (getenv("PARKVIEW_SEED")) seed = strtoull(getenv("PARKVIEW_SEED"), NULL, 10);
    if (argc > 1) {
        for (int i = 1; i < argc; i++) check_trace(argv[i], 40);
        return 0;
    }
    for (size_t i = 0; i < sizeof traces / sizeof *traces; i++) {
        char path[256];
        snprintf(path, sizeof path, "tests/corpus/%s", traces[i]);
        CHECK(access(path, R_OK) == 0, "%s is missing; run from the project's root", path);
        check_trace(path, getenv("PARKVIEW_QUICK") && *getenv("PARKVIEW_QUICK") ? 3 : 12);
    }
    printf("%ld comparisons\n%zu passed, 0 failed\n", n_checks, sizeof traces / sizeof *traces);
    return 0;
}
