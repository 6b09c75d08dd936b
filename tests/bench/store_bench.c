/* tests/bench/store_bench.c - how fast a store answers, as the server asks it.
 *
 *     store_bench windows STORE [N]   N windows of 64 lanes x 1920 px at random zooms and places
 *     store_bench waits STORE [N]     wait reasons of N random windows
 *     store_bench history STORE [N]   all slices of each of N goroutines chosen at random
 *     store_bench first TRACE STORE   import until the first tiles and waits of it are drawn
 * Prints key=value pairs.  Times of answers are CPU time of the thread (ms) and, with _wall, what
 * the clock said; the choice of windows is the same in every run.  Bytes are those of the answer
 * in server/PROTOCOL.md. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "server/src/tile_record.h"
#include "storage/src/slices.h"
#include "storage/src/store_impl.h"

enum { LANES = 64, PIXELS = 1920, MESSAGE = 8, BUDGET = 240 << 10 };

static uint64_t dice = 0x9e3779b97f4a7c15u;
static double chance(void) { /* [0, 1) */
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (double)(dice >> 11) / 9007199254740992.0;
}

static double ms(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

struct figures { /* of many answers */
    double *cpu, *wall, *bytes;
    int n;
};

static int figures_new(struct figures *g, int n) {
    g->n = 0;
    g->cpu = calloc((size_t)n, sizeof(double));
    g->wall = calloc((size_t)n, sizeof(double));
    g->bytes = calloc((size_t)n, sizeof(double));
    return g->cpu && g->wall && g->bytes ? 0 : PV_ENOMEM;
}

static void figures_free(struct figures *g) {
    free(g->cpu);
    free(g->wall);
    free(g->bytes);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_spread(const char *name, double *v, int n) {
    qsort(v, (size_t)n, sizeof *v, ascending);
    printf(" %s_p50=%.3f %s_p99=%.3f %s_max=%.3f", name, v[n / 2], name, v[n * 99 / 100], name,
           v[n - 1]);
}

static void figures_print(const char *name, struct figures *g) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%s n=%d", name, g->n);
    print_spread("ms", g->cpu, g->n);
    print_spread("ms_wall", g->wall, g->n);
    print_spread("bytes", g->bytes, g->n);
    printf(" maxrssMB=%ld\n", usage.ru_maxrss / 1024);
}

struct stopwatch {
    double cpu, wall;
};
static struct stopwatch start(void) {
    return (struct stopwatch){ms(CLOCK_THREAD_CPUTIME_ID), ms(CLOCK_MONOTONIC)};
}
static void stop(struct figures *g, struct stopwatch w, double bytes) {
    g->cpu[g->n] = ms(CLOCK_THREAD_CPUTIME_ID) - w.cpu;
    g->wall[g->n] = ms(CLOCK_MONOTONIC) - w.wall;
    g->bytes[g->n++] = bytes;
}

/* ---- windows ---- */

struct window {
    int level;
    int64_t from, to;             /* ns */
    int64_t first_tile, end_tile; /* as the page asks */
};

/* Zooms evenly by logarithm between the whole trace and 1 µs, places evenly. */
static struct window some_window(const struct store_info *i) {
    double whole = (double)(i->duration_ns > 2000 ? i->duration_ns : 2000);
    double width = whole * pow(1000.0 / whole, chance());
    double from = chance() * (whole - width);
    int level = 0;
    while (level < TILE_MAX_LEVEL && ldexp(1, level + 1) <= width / PIXELS) level++;
    double tile = ldexp(TILE_BUCKETS, level);
    return (struct window){.level = level,
                           .from = (int64_t)from,
                           .to = (int64_t)(from + width) + 1,
                           .first_tile = (int64_t)(from / tile),
                           .end_tile = (int64_t)((from + width) / tile) + 1};
}

/* Goroutines that live in the window, from a random one on, until there are LANES lanes. */
static int add_goroutines(struct store *s, const struct window *w, struct lane *lanes, uint32_t *n,
                          struct fault *f) {
    TRY(store__load_gos(s, f));
    uint32_t at = (uint32_t)(chance() * s->n_gos);
    for (uint32_t i = 0; i < s->n_gos && *n < LANES; i++) {
        const struct go_index *g = &s->gos[(at + i) % s->n_gos];
        if (g->start_ns < w->to && g->end_ns > w->from) lanes[(*n)++] = (struct lane){LANE_G, g->g};
    }
    return 0;
}

/* What a page shows: everything, processors, threads and groups in turn; the rest goroutines that
 * live in the window (of which there may be too few). */
static int mixed_lanes(struct store *s, const struct window *w, struct lane *lanes,
                       uint32_t *n_lanes, struct fault *f) {
    const struct store_info *info = store_info(s);
    uint32_t n = 0;
    lanes[n++] = (struct lane){LANE_ALL, 0};
    for (uint32_t i = 0; i < info->n_procs && n < 9; i++)
        lanes[n++] = (struct lane){LANE_P, info->procs[i]};
    if (info->threads_reliable)
        for (uint32_t i = 0; i < info->n_threads && n < 17; i++)
            lanes[n++] = (struct lane){LANE_M, info->threads[i]};
    for (uint32_t i = 0; i < store_n_groups(s) && n < 33; i++)
        lanes[n++] = (struct lane){LANE_GROUP, i};
    *n_lanes = n;
    return add_goroutines(s, w, lanes, n_lanes, f);
}

/* Draws the window and writes the answer as the server does. */
static int coarsest; /* tile of the last answer: its shift */
static double answer[1 << 17];

static int draw(struct store *s, const struct window *w, const struct lane *lanes, uint32_t n,
                double *bytes, struct fault *f) {
    struct tile_query q = {lanes, n, w->level, w->first_tile, w->end_tile, BUDGET, NULL};
    struct tiles *tiles;
    TRY(store_tiles(s, &q, &tiles, f));
    int rc = 0;
    *bytes = MESSAGE;
    coarsest = 0;
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        for (int64_t index = w->first_tile; rc == 0 && index < w->end_tile; index++) {
            struct tile t;
            rc = tiles_get(tiles, i, index, &t, f);
            if (rc < 0) break;
            struct tile_record r = {i, w->level, index, false, {0}};
            size_t n_bytes = tile_record_bytes(&t, &r);
            if (n_bytes <= sizeof answer) tile_record_put(&t, &r, (unsigned char *)answer);
            *bytes += (double)n_bytes;
            if (t.shift > coarsest) coarsest = t.shift;
        }
    tiles_free(tiles);
    return rc;
}

static int windows(struct store *s, int n, bool goroutines, struct fault *f) {
    struct figures g;
    double lanes_sum = 0;
    int rc = figures_new(&g, n);
    for (int i = 0; rc == 0 && i < n; i++) {
        struct lane lanes[LANES];
        struct window w = some_window(store_info(s));
        uint32_t n_lanes = 0;
        rc = goroutines ? add_goroutines(s, &w, lanes, &n_lanes, f)
                        : mixed_lanes(s, &w, lanes, &n_lanes, f);
        double bytes = 0;
        struct stopwatch watch = start();
        if (rc == 0) rc = draw(s, &w, lanes, n_lanes, &bytes, f);
        stop(&g, watch, bytes);
        lanes_sum += n_lanes;
        if (getenv("STORE_BENCH_EACH"))
            printf("window %d level=%d lanes=%u tiles=%d ms=%.3f bytes=%.0f shift=%d\n", i, w.level,
                   n_lanes, (int)(w.end_tile - w.first_tile), g.cpu[g.n - 1], bytes, coarsest);
    }
    if (rc == 0) {
        printf("lanes_mean=%.1f ", lanes_sum / n);
        figures_print(goroutines ? "windows_goroutines" : "windows_mixed", &g);
    }
    figures_free(&g);
    return rc;
}

static int all_windows(struct store *s, int n, struct fault *f) {
    TRY(windows(s, n, false, f));
    return windows(s, n, true, f);
}

/* ---- waits, histories ---- */

static int waits(struct store *s, int n, struct fault *f) {
    struct figures g;
    int rc = figures_new(&g, n);
    for (int i = 0; rc == 0 && i < n; i++) {
        struct window w = some_window(store_info(s));
        struct store_waits out;
        struct stopwatch watch = start();
        rc = store_waits(s, &(struct store_wait_query){.from_ns = w.from, .to_ns = w.to}, &out, f);
        stop(&g, watch, out.n);
    }
    if (rc == 0) figures_print("waits", &g);
    figures_free(&g);
    return rc;
}

static int history_of(struct store *s, int64_t id, double *n_slices, struct fault *f) {
    struct slice_filter filter = {
        .from_ns = INT64_MIN, .to_ns = INT64_MAX, .g_min = id, .g_max = id};
    struct slice_scan *scan;
    struct slice slice;
    TRY(slice_scan_open(s, &filter, &scan, f));
    int rc;
    while ((rc = slice_scan_next(scan, &slice, f)) == 1) ++*n_slices;
    slice_scan_close(scan);
    return rc;
}

static int history(struct store *s, int n, struct fault *f) {
    struct figures g;
    TRY(store__load_gos(s, f));
    if (!s->n_gos) return fault_set(f, PV_EUSAGE, -1, "the store has no goroutines");
    int rc = figures_new(&g, n);
    for (int i = 0; rc == 0 && i < n; i++) {
        int64_t id = s->gos[(uint32_t)(chance() * s->n_gos)].g;
        double n_slices = 0;
        struct stopwatch watch = start();
        rc = history_of(s, id, &n_slices, f);
        stop(&g, watch, n_slices);
    }
    if (rc == 0) {
        printf("goroutines=%u ", s->n_gos);
        figures_print("history", &g);
    }
    figures_free(&g);
    return rc;
}

/* ---- first picture ---- */

struct first {
    const char *store;
    double began, readable, drawn; /* ms, wall */
    double began_cpu, drawn_cpu;   /* ms, of the process */
    int64_t shown_ns;
    struct fault fault;
};

static int draw_first(struct first *first) {
    char path[4096];
    struct store *s;
    struct fault *f = &first->fault;
    store_partial_path(first->store, path, sizeof path);
    TRY(store_open_growing(path, &s, f));
    const struct store_info *info = store_info(s);
    struct window w = {.to = info->duration_ns};
    while (INT64_C(1) << (w.level + 1) <= info->duration_ns / PIXELS) w.level++;
    w.end_tile = info->duration_ns / ((int64_t)TILE_BUCKETS << w.level) + 1;
    struct lane lanes[LANES];
    uint32_t n;
    double bytes;
    struct store_waits out;
    int rc = mixed_lanes(s, &w, lanes, &n, f);
    if (rc == 0) rc = draw(s, &w, lanes, n, &bytes, f);
    if (rc == 0)
        rc = store_waits(s, &(struct store_wait_query){.to_ns = info->duration_ns}, &out, f);
    first->shown_ns = info->duration_ns;
    store_close(s);
    return rc;
}

static int on_progress(void *arg, const struct store_progress *p) {
    struct first *first = arg;
    if (!p->readable) return 0;
    first->readable = ms(CLOCK_MONOTONIC);
    draw_first(first);
    first->drawn = ms(CLOCK_MONOTONIC);
    first->drawn_cpu = ms(CLOCK_PROCESS_CPUTIME_ID);
    return 1; /* that is all we want to know */
}

static int first_picture(const char *trace, const char *store) {
    struct first first = {
        .store = store, .began = ms(CLOCK_MONOTONIC), .began_cpu = ms(CLOCK_PROCESS_CPUTIME_ID)};
    struct store_import_options o = {.trace = trace,
                                     .store = store,
                                     .growing = true,
                                     .progress = on_progress,
                                     .progress_arg = &first};
    struct fault f = {0};
    int rc = store_import(&o, &f);
    if (first.fault.code < 0) f = first.fault;
    if (rc >= 0 || f.code != PV_ECANCELED) {
        fprintf(stderr, "%s: %s\n", trace,
                rc >= 0 ? "was complete before it could be seen growing" : f.text);
        return 1;
    }
    printf("first readable_ms=%.1f drawn_ms=%.1f drawn_cpu_ms=%.1f shown_trace_ms=%.1f\n",
           first.readable - first.began, first.drawn - first.began,
           first.drawn_cpu - first.began_cpu, (double)first.shown_ns / 1e6);
    return 0;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*fn)(struct store *, int, struct fault *);
        int n;
    } modes[] = {{"windows", all_windows, 1000}, {"waits", waits, 300}, {"history", history, 300}};
    if (argc == 4 && !strcmp(argv[1], "first")) return first_picture(argv[2], argv[3]);
    for (size_t i = 0; argc >= 3 && i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(argv[1], modes[i].name) != 0) continue;
        struct fault f = {0};
        struct store *s;
        int n = argc > 3 && atoi(argv[3]) > 0 ? atoi(argv[3]) : modes[i].n;
        int rc = store_open(argv[2], &s, &f);
        if (rc == 0) {
            rc = modes[i].fn(s, n, &f);
            store_close(s);
        }
        if (rc < 0) fprintf(stderr, "%s: %s\n", argv[2], f.text);
        return rc < 0;
    }
    fputs("usage: store_bench windows|waits|history STORE [N] | first TRACE STORE\n", stderr);
    return 2;
}
