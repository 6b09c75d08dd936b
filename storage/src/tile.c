/* storage/src/tile.c - the tiles of a window's lanes, from the coarsest rows that show every
 * bucket.
 *
 * Where from   P, M, groups: level < LOD_FIRST from the slices, else from the stored level at or
 *              below.  G: level < LOD_DENSE_FIRST from its slices; < LOD_FIRST_G from the stored
 *              level where it is dense, from its slices elsewhere; else from the stored level, and
 *              its first LOD_G_RAW_SLICES slices.
 * One pass     All lanes of a request are painted together: a page in which many of them stand is
 *              decoded once, and what of it nobody asked for mostly not at all.
 * A budget     bounds what an answer holds and costs: what is left over after the lanes with little
 *              in them goes in equal shares to the dense ones: first what is shorter than four of
 *              their buckets is no solid any more, then the buckets become 2, 4, … times as
 *              wide.  No time is lost by that, only where exactly it was.
 * Not here     bins and solids (canvas.c); lanes of sets (sets_slices.c). */
#include <string.h>

#include "storage/src/canvas.h"
#include "storage/src/lod_go.h"
#include "storage/src/sets_impl.h"

enum {
    WORK_OWN_SLICES = 120000, /* of goroutines, that a bounded answer paints, about, */
    WORK_ROWS = 70000,        /* or rows of a level: each takes more of the answer */
    WORK_SLICES = 50000,      /* or rows, for the lanes of P, M and groups, */
    WORK_SHIFT = 3,           /* which are widened so far for it */
    FEW_LANES = 8,            /* so many may cost what they cost */
    MAX_SHIFT = 5,
    MAX_STEP = 6,
    MIN_SHARE = 64 /* bytes of a tile */
};

struct own { /* a goroutine's lane */
    int64_t g;
    int level;         /* that it is read from, 0 = slices */
    int64_t before_ns; /* only slices that start before are painted */
};

struct painter {
    struct store *s;
    const struct store_sets *sets; /* of the lanes of sets, or NULL */
    struct canvas *c;
    struct seq_range *ranges;       /* room for all lanes, twice */
    uint32_t first[6], n[6];        /* lanes of the canvas by kind */
    int all;                        /* lane of all goroutines, or -1 */
    int16_t *lane_of_p, *lane_of_m; /* by place; -1 = not wanted */
    uint32_t n_places;
    struct own *own;
    /* of the row before */
    const struct go_index *life;
    bool with_all; /* slices of all goroutines are painted: those of a level are not wanted */
};

struct tiles {
    struct canvas *c;
    uint32_t n_lanes, *lane; /* of the query: index in the canvas */
    int64_t first;
    uint8_t *step; /* by lane of the canvas, then tile: canvas_take */
    struct store *s;
    struct tile_room room;
};

/* ---- painting rows ---- */

/* The life of g that holds the time; rows come goroutine by goroutine, so it is mostly the last. */
static const struct go_index *life_at(struct painter *w, int64_t g, int64_t at) {
    const struct go_index *l = w->life;
    if (!l || l->g != g || at < l->start_ns || at >= l->end_ns)
        w->life = l = store__find_go(w->s, g, at);
    return l;
}

static int painted(const struct painter *w) {
    return w->c->failed || w->c->damaged;
}

/* Slices of one goroutine, for its own lane. */
static int paint_own(void *arg, const struct seq_page *p, uint32_t i, uint32_t end) {
    struct painter *w = arg;
    int lane = canvas_find(w->c, LANE_G, p->key[i]);
    if (lane < 0) return 0;
    const struct own *own = &w->own[(uint32_t)lane - w->first[LANE_G]];
    int64_t before = w->with_all && own->level ? INT64_MIN : own->before_ns;
    for (; i < end && p->start_ns[i] < before; i++) {
        struct slice_class c = store__class(w->s, p->v[0][i]);
        const struct go_index *life =
            c.state == GO_RUNNING ? life_at(w, p->key[i], p->start_ns[i]) : NULL;
        struct tile_solid s = {.start_ns = p->start_ns[i], .dur_ns = p->dur_ns[i], .who = NO_ID};
        if ((c.state == GO_RUNNING || c.state == GO_SYSCALL) && p->v[1][i] < w->s->n_places)
            s.who = w->s->places[p->v[1][i]].p;
        canvas_stretch(w->c, (uint32_t)lane, store__tag_in(w->s, &c, life), &s);
    }
    return painted(w);
}

/* Slices of one goroutine, for the lanes of P, M, group and all that it counts for. */
static int paint_shared(void *arg, const struct seq_page *p, uint32_t i, uint32_t end) {
    struct painter *w = arg;
    const struct go_index *life = NULL;
    int group_lane = -1;
    if (w->n[LANE_G]) TRY(paint_own(arg, p, i, end));
    for (; i < end; i++) {
        int64_t start = p->start_ns[i], dur = p->dur_ns[i];
        struct slice_class c = store__class(w->s, p->v[0][i]);
        const struct go_index *now = life_at(w, p->key[i], start);
        uint32_t group = now ? now->group : 0;
        if (now != life || !life)
            group_lane = w->n[LANE_GROUP] ? canvas_find(w->c, LANE_GROUP, group) : -1;
        life = now;
        uint32_t tag = store__tag_in(w->s, &c, life);
        int64_t stop = (int64_t)((uint64_t)start + (uint64_t)dur);
        if (group_lane >= 0) canvas_count(w->c, (uint32_t)group_lane, tag, start, stop, 1);
        if (w->all >= 0) canvas_count(w->c, (uint32_t)w->all, tag, start, stop, 1);
        uint64_t place = p->v[1][i];
        if ((c.state != GO_RUNNING && c.state != GO_SYSCALL) || place >= w->n_places) continue;
        struct tile_solid s = {.start_ns = start, .dur_ns = dur, .who = p->key[i], .group = group};
        if (w->lane_of_m[place] >= 0) canvas_stretch(w->c, (uint32_t)w->lane_of_m[place], tag, &s);
        if (c.state == GO_SYSCALL) s.dur_ns = slice_kept_ns(s.dur_ns, p->wide[i]);
        if (w->lane_of_p[place] >= 0 && s.dur_ns > 0)
            canvas_stretch(w->c, (uint32_t)w->lane_of_p[place], tag, &s);
    }
    return painted(w);
}

/* Rows of a stored level of a lane. */
static void paint_level(struct painter *w, int lane, const struct seq_page *p, uint32_t i,
                        uint32_t end) {
    enum lane_kind kind = lane < 0 ? LANE_G : w->c->lanes[lane].lane.kind;
    for (; lane >= 0 && i < end; i++) {
        uint32_t tag = (uint32_t)(p->v[0][i] >> 1);
        if (p->v[0][i] & LOD_PART) {
            canvas_ns(w->c, (uint32_t)lane, tag, p->start_ns[i], (int64_t)p->wide[i]);
            continue;
        }
        struct tile_solid s = {.start_ns = p->start_ns[i],
                               .dur_ns = p->dur_ns[i],
                               .who = (int64_t)p->wide[i] - 1,
                               .group = kind == LANE_G ? 0 : CANVAS_NO_GROUP};
        canvas_stretch(w->c, (uint32_t)lane, tag, &s);
    }
}

static int paint_level_p(void *arg, const struct seq_page *p, uint32_t i, uint32_t end) {
    struct painter *w = arg;
    paint_level(w, canvas_find(w->c, LANE_P, p->key[i]), p, i, end);
    return painted(w);
}
static int paint_level_m(void *arg, const struct seq_page *p, uint32_t i, uint32_t end) {
    struct painter *w = arg;
    paint_level(w, canvas_find(w->c, LANE_M, p->key[i]), p, i, end);
    return painted(w);
}
static int paint_level_g(void *arg, const struct seq_page *p, uint32_t i, uint32_t end) {
    struct painter *w = arg;
    paint_level(w, canvas_find(w->c, LANE_G, p->key[i]), p, i, end);
    return painted(w);
}

/* Rows of a stored level of a group, for its lane or that of all: so many goroutine-ns, evenly over
 * whole buckets. */
static void paint_counts(struct painter *w, int lane, const struct seq_page *p, uint32_t i,
                         uint32_t end) {
    if (lane < 0) return;
    int level = w->c->level + w->c->lanes[lane].shift;
    uint32_t tag = (uint32_t)p->key[i] & 0xffff;
    for (; i < end; i++) {
        int64_t start = p->start_ns[i], dur = p->dur_ns[i], ns = (int64_t)p->wide[i];
        int64_t stop = (int64_t)((uint64_t)start + (uint64_t)dur);
        if (dur >> level == 0 || (dur >> level == 1 && start >> level == (stop - 1) >> level))
            canvas_ns(w->c, (uint32_t)lane, tag, start, ns);
        else if (dur > 0)
            canvas_count(w->c, (uint32_t)lane, tag, start, stop, ns / dur);
    }
}

static int paint_group(void *arg, const struct seq_page *p, uint32_t i, uint32_t end) {
    struct painter *w = arg;
    int64_t group = (p->key[i] & ~LOD_LATE) >> 16;
    paint_counts(w, canvas_find(w->c, LANE_GROUP, group), p, i, end);
    paint_counts(w, w->all, p, i, end);
    return painted(w);
}

/* ---- which rows ---- */

static int stored_level(int level, int first) {
    if (level > LOD_LAST) return LOD_LAST;
    return first + (level - first) / LOD_STEP * LOD_STEP;
}

static struct seq_sweep sweep_of(const struct painter *w, uint32_t n_ranges, uint32_t columns) {
    return (struct seq_sweep){w->c->from_ns, w->c->to_ns, w->ranges, n_ranges, columns, 0};
}

/* One range of keys for each of n lanes from `first` on. */
static uint32_t lane_ranges(struct painter *w, uint32_t first, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        int64_t id = w->c->lanes[first + i].lane.id;
        w->ranges[i] = (struct seq_range){id, id};
    }
    return n;
}

static int paint_from_levels(struct painter *w, enum lane_kind kind, int level, struct fault *f) {
    static const struct {
        enum seq_kind series;
        seq_span_fn paint;
    } of[] = {[LANE_P] = {SEQ_LOD_P, paint_level_p}, [LANE_M] = {SEQ_LOD_M, paint_level_m}};
    if (!w->n[kind]) return 0;
    struct seq *seq;
    TRY(store__seq(w->s, of[kind].series, stored_level(level, LOD_FIRST), &seq, f));
    struct seq_sweep sweep = sweep_of(w, lane_ranges(w, w->first[kind], w->n[kind]), UINT32_MAX);
    return seq_spans(seq, &sweep, of[kind].paint, w, f);
}

/* Ranges of the groups' keys, those that were found out late behind the others; all goroutines are
 * those of all groups. */
static uint32_t group_ranges(struct painter *w) {
    uint32_t n = 0;
    if (w->all >= 0) w->ranges[n++] = (struct seq_range){0, INT64_MAX};
    for (int late = 0; w->all < 0 && late < 2; late++) {
        int64_t bit = late ? LOD_LATE : 0;
        for (uint32_t i = 0; i < w->n[LANE_GROUP]; i++) {
            uint32_t group = (uint32_t)w->c->lanes[w->first[LANE_GROUP] + i].lane.id;
            w->ranges[n++] = (struct seq_range){lod_group_key(group, 0) | bit,
                                                lod_group_key(group, 0xffff) | bit};
        }
    }
    return n;
}

/* The level from which groups are read; their lanes are widened where that is much. */
static int paint_groups(struct painter *w, int level, bool bounded, struct fault *f) {
    uint32_t n = group_ranges(w);
    if (!n) return 0;
    struct seq_sweep sweep = sweep_of(w, n, UINT32_MAX);
    struct seq *seq;
    for (int shift = level - w->c->level;; shift++) {
        uint64_t rows = 0;
        TRY(store__seq(w->s, SEQ_LOD_GROUP, stored_level(w->c->level + shift, LOD_FIRST), &seq, f));
        if (bounded) TRY(seq_count(seq, &sweep, &rows, f));
        for (uint32_t i = 0; i < w->n[LANE_GROUP] + w->n[LANE_ALL]; i++)
            w->c->lanes[w->first[LANE_GROUP] + i].shift = shift;
        if (rows <= WORK_SLICES || shift >= WORK_SHIFT) break;
    }
    return seq_spans(seq, &sweep, paint_group, w, f);
}

/* Every slice of the window, for all lanes at once. */
static int paint_slices(struct painter *w, struct fault *f) {
    struct seq *slices;
    struct store *s = w->s;
    TRY(store__slices(s, &slices, f));
    w->n_places = s->n_places;
    w->lane_of_p = malloc((2 * (size_t)s->n_places + 1) * sizeof *w->lane_of_p);
    if (!w->lane_of_p) return store__no_memory(f);
    w->lane_of_m = w->lane_of_p + s->n_places;
    for (uint32_t i = 0; i < s->n_places; i++) {
        struct place place = s->places[i];
        w->lane_of_p[i] = (int16_t)(place.p < 0 ? -1 : canvas_find(w->c, LANE_P, place.p));
        w->lane_of_m[i] = (int16_t)(place.m < 0 || !s->info.threads_reliable
                                        ? -1
                                        : canvas_find(w->c, LANE_M, place.m));
    }
    w->ranges[0] = (struct seq_range){INT64_MIN, INT64_MAX};
    struct seq_sweep sweep = sweep_of(w, 1, SLICE_CLASS | SLICE_PLACE | SLICE_WIDE);
    w->with_all = true;
    int rc = seq_spans(slices, &sweep, paint_shared, w, f);
    w->with_all = false;
    return rc;
}

/* ---- goroutines ---- */

struct count {
    uint32_t n;
    int64_t end_ns;
};

static int count_slice(void *arg, const struct seq_row *row) {
    struct count *c = arg;
    c->end_ns = row->start_ns + row->dur_ns;
    return ++c->n == LOD_G_RAW_SLICES;
}

static int find_lod_from(struct store *s, int64_t g, int64_t *out, struct fault *f) {
    *out = INT64_MAX;
    if (store__slices_of(s, g) >= LOD_G_RAW_SLICES) {
        struct seq *slices;
        TRY(store__slices(s, &slices, f));
        struct count c = {0};
        struct seq_window w = {.key_min = g, .key_max = g};
        TRY(store__lives_of(s, g, &w.from_ns, &w.to_ns, f));
        TRY(seq_rows(slices, &w, count_slice, &c, f));
        if (c.n == LOD_G_RAW_SLICES) *out = c.end_ns;
    }
    if (s->info.n_gaps && s->info.gaps[0].from_ns < *out) *out = s->info.gaps[0].from_ns;
    return 0;
}

/* Up to when a goroutine's slices stand in no level of detail; INT64_MAX = all of them. */
static int lod_from(struct store *s, int64_t g, int64_t *out, struct fault *f) {
    uint32_t i = map_get(&s->lod_from_map, (uint64_t)g);
    if (i == MAP_NONE) {
        if (s->n_lod_from % 64 == 0) {
            int64_t *grown = realloc(s->lod_from, (s->n_lod_from + 64) * sizeof *grown);
            if (!grown) return store__no_memory(f);
            s->lod_from = grown;
        }
        i = s->n_lod_from;
        TRY(find_lod_from(s, g, &s->lod_from[i], f));
        if (!map_put(&s->lod_from_map, (uint64_t)g, i)) return store__no_memory(f);
        s->n_lod_from++;
    }
    *out = s->lod_from[i];
    return 0;
}

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* What each may have so that all together have no more than the budget: who needs less leaves the
 * rest to the others.  sorted: room for n. */
static uint64_t fair_share(const uint64_t *needs, uint64_t *sorted, uint32_t n, uint64_t budget) {
    memcpy(sorted, needs, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_u64);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t share = budget / (n - i);
        if (sorted[i] > share) return share;
        budget -= sorted[i];
    }
    return UINT64_MAX;
}

/* From which level a goroutine's lane is read whose buckets are 2^level ns. */
static int source_of(int level) {
    if (level < LOD_DENSE_FIRST) return 0;
    return stored_level(level, LOD_DENSE_FIRST);
}

/* Goroutines with very many rows in the window take them from a coarser level: rows are counted
 * where they would be read from, and are at most about three to a bucket of a level. */
static int widen_goroutines(struct painter *w, struct fault *f) {
    uint32_t n = w->n[LANE_G];
    uint64_t *rows = malloc((2 * (size_t)n + 1) * sizeof *rows);
    if (!rows) return store__no_memory(f);
    int level = w->c->level, source = source_of(level);
    struct seq *seq;
    int rc = source < LOD_FIRST_G ? store__slices(w->s, &seq, f)
                                  : store__seq(w->s, SEQ_LOD_G, source, &seq, f);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        struct seq_range range = {w->own[i].g, w->own[i].g};
        struct seq_sweep sweep = {w->c->from_ns, w->c->to_ns, &range, 1, 0, 0};
        rc = seq_count(seq, &sweep, &rows[i], f);
        uint64_t most = (uint64_t)(w->c->to_ns - w->c->from_ns) >> (source ? source : 1);
        if (source && rows[i] > 3 * most) rows[i] = 3 * most;
    }
    uint64_t bound = source ? WORK_ROWS : WORK_OWN_SLICES;
    uint64_t share = rc == 0 ? fair_share(rows, rows + n, n, bound) : 0;
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        int shift = 0;
        for (; rows[i] > share && shift < MAX_SHIFT; shift++) {
            int next = source_of(level + shift + 1);
            uint64_t most = next ? (uint64_t)(w->c->to_ns - w->c->from_ns) >> next : UINT64_MAX / 4;
            if (rows[i] > 3 * most) rows[i] = 3 * most;
        }
        /* It helps only where there is a level to read from. */
        w->c->lanes[w->first[LANE_G] + i].shift = source_of(level + shift) ? shift : 0;
    }
    free(rows);
    return rc;
}

/* Ranges of the goroutines that are read from that level; of those all whose slices count up to
 * the window's end. */
static uint32_t ranges_from(struct painter *w, int level, bool all_slices) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->n[LANE_G]; i++) {
        const struct own *o = &w->own[i];
        if (o->level != level || (all_slices && o->before_ns < w->c->to_ns)) continue;
        w->ranges[n++] = (struct seq_range){o->g, o->g};
    }
    return n;
}

/* One level's goroutines: its rows, and the slices that do not stand in it: where they are not
 * dense, or the first ones of each, apart from the others as what follows them may be much. */
static int paint_goroutines_from(struct painter *w, int level, struct fault *f) {
    struct seq *slices, *seq;
    uint32_t n = ranges_from(w, level, false);
    if (!n) return 0;
    struct seq_sweep sweep = sweep_of(w, n, UINT32_MAX);
    if (level) {
        TRY(store__seq(w->s, SEQ_LOD_G, level, &seq, f));
        TRY(seq_spans(seq, &sweep, paint_level_g, w, f));
    }
    TRY(store__slices(w->s, &slices, f));
    sweep = sweep_of(w, ranges_from(w, level, true), SLICE_CLASS | SLICE_PLACE);
    if (level && level < LOD_FIRST_G) sweep.sparse_level = level;
    if (sweep.n_ranges) TRY(seq_spans(slices, &sweep, paint_own, w, f));
    for (uint32_t i = 0; i < w->n[LANE_G]; i++) {
        const struct own *o = &w->own[i];
        if (o->level != level || o->before_ns >= w->c->to_ns || o->before_ns <= w->c->from_ns)
            continue;
        struct seq_range range = {o->g, o->g};
        sweep = (struct seq_sweep){
            w->c->from_ns, o->before_ns, &range, 1, SLICE_CLASS | SLICE_PLACE, 0};
        TRY(seq_spans(slices, &sweep, paint_own, w, f));
    }
    return 0;
}

/* Where each goroutine's lane is read from. */
static int choose_levels(struct painter *w, bool bounded, struct fault *f) {
    uint32_t n = w->n[LANE_G];
    for (uint32_t i = 0; i < n; i++) w->own[i].g = w->c->lanes[w->first[LANE_G] + i].lane.id;
    if (bounded && w->c->level >= LOD_DENSE_FIRST - WORK_SHIFT) TRY(widen_goroutines(w, f));
    for (uint32_t i = 0; i < n; i++) {
        struct own *o = &w->own[i];
        o->level = source_of(w->c->level + w->c->lanes[w->first[LANE_G] + i].shift);
        o->before_ns = INT64_MAX;
        if (o->level >= LOD_FIRST_G) TRY(lod_from(w->s, o->g, &o->before_ns, f));
    }
    return 0;
}

static int paint_goroutines(struct painter *w, bool with_slices, struct fault *f) {
    if (with_slices) TRY(paint_goroutines_from(w, 0, f));
    for (int level = LOD_DENSE_FIRST; level <= LOD_LAST; level += LOD_STEP)
        TRY(paint_goroutines_from(w, level, f));
    return 0;
}

/* ---- the whole ---- */

/* How far lanes of P, M and groups are widened, so that they need not be painted slice by slice. */
static int shared_shift(struct painter *w, int *out, struct fault *f) {
    *out = 0;
    if (w->c->level >= LOD_FIRST || LOD_FIRST - w->c->level > WORK_SHIFT) return 0;
    struct seq *slices;
    TRY(store__slices(w->s, &slices, f));
    w->ranges[0] = (struct seq_range){INT64_MIN, INT64_MAX};
    struct seq_sweep sweep = sweep_of(w, 1, 0);
    uint64_t n;
    TRY(seq_count(slices, &sweep, &n, f));
    if (n > WORK_SLICES) *out = LOD_FIRST - w->c->level;
    return 0;
}

static int paint(struct painter *w, bool bounded, struct fault *f) {
    static const enum lane_kind shared[] = {LANE_P, LANE_M, LANE_GROUP, LANE_ALL};
    uint32_t n_shared = w->c->n_lanes - w->n[LANE_G] - w->n[LANE_SET];
    int shift = 0;
    TRY(store__load_gos(w->s, f));
    if (n_shared && bounded) TRY(shared_shift(w, &shift, f));
    for (int k = 0; k < 4; k++)
        for (uint32_t i = 0; i < w->n[shared[k]]; i++)
            w->c->lanes[w->first[shared[k]] + i].shift = shift;
    TRY(choose_levels(w, bounded, f));
    int level = w->c->level + shift;
    bool slices = n_shared && level < LOD_FIRST;
    if (slices) {
        TRY(paint_slices(w, f));
    } else {
        TRY(paint_from_levels(w, LANE_P, level, f));
        TRY(paint_from_levels(w, LANE_M, level, f));
        TRY(paint_groups(w, level, bounded, f));
    }
    if (w->sets) TRY(store__paint_sets(w->s, w->sets, w->c, bounded, f));
    return paint_goroutines(w, !slices, f);
}

static int paint_all(struct store *s, const struct store_sets *sets, struct canvas *c, bool bounded,
                     struct fault *f) {
    struct painter w = {.s = s, .sets = sets, .c = c};
    for (uint32_t i = c->n_lanes; i-- > 0;) {
        w.first[c->lanes[i].lane.kind] = i;
        w.n[c->lanes[i].lane.kind]++;
    }
    if (!w.n[LANE_GROUP]) w.first[LANE_GROUP] = w.first[LANE_ALL]; /* they follow each other */
    w.all = w.n[LANE_ALL] ? (int)w.first[LANE_ALL] : -1;
    w.ranges = malloc((2 * (size_t)c->n_lanes + 1) * sizeof *w.ranges);
    w.own = calloc(w.n[LANE_G] + 1, sizeof *w.own);
    int rc = w.ranges && w.own ? paint(&w, bounded, f) : store__no_memory(f);
    free(w.ranges);
    free(w.own);
    free(w.lane_of_p);
    if (rc == 0 && c->failed) return store__no_memory(f);
    if (rc == 0 && c->damaged)
        return fault_set(f, PV_ECORRUPT, -1,
                         "the store is damaged: a slice has a tag that the store does not name");
    return rc;
}

/* Tiles that would take more than their share of the answer get coarser; what that leaves over
 * goes to the first that can use it. */
static int keep_budget(struct tiles *t, uint64_t budget, struct fault *f) {
    uint32_t tiles = t->c->n_tiles, n = t->c->n_lanes * tiles;
    uint64_t *costs = malloc((2 * (size_t)n + 1) * sizeof *costs), *finer = costs + n, sum = 0;
    if (!costs) return store__no_memory(f);
    for (uint32_t i = 0; i < n; i++) sum += costs[i] = canvas_cost(t->c, i / tiles, i % tiles, 0);
    uint64_t share = sum > budget ? fair_share(costs, finer, n, budget) : UINT64_MAX;
    if (share < MIN_SHARE) share = MIN_SHARE;
    for (uint32_t i = 0; sum > budget && i < n; i++) {
        while (costs[i] > share && t->step[i] < MAX_STEP) {
            finer[i] = costs[i];
            costs[i] = canvas_cost(t->c, i / tiles, i % tiles, ++t->step[i]);
        }
    }
    for (uint32_t i = 0; i < n; i++) budget -= costs[i] < budget ? costs[i] : budget;
    for (uint32_t i = 0; i < n; i++) {
        if (!t->step[i] || finer[i] < costs[i] || finer[i] - costs[i] > budget) continue;
        budget -= finer[i] - costs[i];
        t->step[i]--;
    }
    free(costs);
    return 0;
}

int store_tiles(struct store *s, const struct tile_query *q, struct tiles **out, struct fault *f) {
    if (q->level < 0 || q->level > TILE_MAX_LEVEL)
        return fault_set(f, PV_EUSAGE, -1, "level %d is not one of 0 to %d", q->level,
                         TILE_MAX_LEVEL);
    int64_t last = INT64_MAX / 4 / ((int64_t)TILE_BUCKETS << q->level);
    if (q->first < 0 || q->end < q->first || q->end - q->first > TILES_MAX || q->end > last + 1 ||
        q->n_lanes > TILES_MAX_LANES)
        return fault_set(f, PV_ELIMIT, -1, "too many tiles at once");
    struct tiles *t = calloc(1, sizeof *t);
    if (!t) return store__no_memory(f);
    uint32_t n_tiles = (uint32_t)(q->end - q->first);
    t->s = s;
    t->first = q->first;
    t->n_lanes = q->n_lanes;
    /* The names of a growing store may grow while it is read. */
    uint32_t n_tags = s->n_tags + (s->growing ? 256 : 0);
    t->c = canvas_new(q->lanes, q->n_lanes, q->level, q->first, n_tiles, n_tags);
    t->lane = malloc((q->n_lanes + 1) * sizeof *t->lane);
    t->step = calloc((size_t)q->n_lanes * n_tiles + 1, 1);
    int rc = t->c && t->lane && t->step ? 0 : store__no_memory(f);
    for (uint32_t i = 0; rc == 0 && i < q->n_lanes; i++)
        t->lane[i] = (uint32_t)canvas_find(t->c, q->lanes[i].kind, q->lanes[i].id);
    if (rc == 0 && t->c->from_ns <= s->info.duration_ns && t->c->n_lanes)
        rc = paint_all(s, q->sets, t->c, q->budget_bytes > 0 && t->c->n_lanes > FEW_LANES, f);
    if (rc == 0) {
        canvas_finish(t->c);
        if (t->c->failed) rc = store__no_memory(f);
    }
    if (rc == 0 && q->budget_bytes) rc = keep_budget(t, q->budget_bytes, f);
    if (rc == 0)
        *out = t;
    else
        tiles_free(t);
    return rc;
}

int tiles_get(struct tiles *t, uint32_t i_lane, int64_t index, struct tile *out, struct fault *f) {
    uint32_t lane = t->lane[i_lane], tile = (uint32_t)(index - t->first);
    uint8_t step = t->step[lane * t->c->n_tiles + tile];
    if (!canvas_take(t->c, lane, tile, step, &t->room, out)) return store__no_memory(f);
    enum lane_kind kind = t->c->lanes[lane].lane.kind;
    if (kind != LANE_P && kind != LANE_M) return 0;
    for (uint32_t i = 0; i < out->n_solids; i++) {
        struct tile_solid *x = &t->room.solids[i];
        if (x->group == CANVAS_NO_GROUP) x->group = store__group_of(t->s, x->who, x->start_ns);
    }
    return 0;
}

void tiles_free(struct tiles *t) {
    if (!t) return;
    canvas_free(t->c);
    free(t->lane);
    free(t->step);
    free(t->room.solids);
    free(t->room.parts);
    free(t);
}

int store_tile(struct store *s, struct lane lane, int level, int64_t index, struct tile *out,
               struct fault *f) {
    *out = (struct tile){0};
    if (level >= 0 && level <= TILE_MAX_LEVEL &&
        (index < 0 || index > s->info.duration_ns / ((int64_t)TILE_BUCKETS << level)))
        return 0;
    tiles_free(s->tile);
    s->tile = NULL;
    struct tile_query q = {.lanes = &lane, .n_lanes = 1, .level = level};
    q.first = index;
    q.end = index + 1;
    TRY(store_tiles(s, &q, &s->tile, f));
    return tiles_get(s->tile, 0, index, out, f);
}
