/* storage/src/canvas.c - lanes of a request: ns by tag and bucket, and solids.
 *
 * Bins come in slabs, so that a request costs a handful of allocations; a bucket that nobody used
 * is not even cleared.  A count of goroutines that holds for a thousand buckets is two changes, not
 * a thousand sums.
 * Not here    which rows are painted (tile.c); tiles from what was painted (canvas_take.c). */
#include "storage/src/canvas.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLAB_BINS = 15, /* below what malloc takes from the system one by one */
    MAX_SLABS = 1024,
    MANY_SOLIDS = 128
};

/* ---- lanes ---- */

static int lane_order(const void *a, const void *b) {
    const struct lane *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static bool add_lanes(struct canvas *c, const struct lane *lanes, uint32_t n) {
    struct lane *sorted = malloc((n + 1) * sizeof *sorted);
    c->lanes = calloc(n + 1, sizeof *c->lanes);
    if (sorted && c->lanes) {
        memcpy(sorted, lanes, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, lane_order);
        for (uint32_t i = 0; i < n; i++)
            if (!i || lane_order(&sorted[i], &sorted[i - 1]))
                c->lanes[c->n_lanes++].lane = sorted[i];
    }
    free(sorted);
    return sorted && c->lanes;
}

struct canvas *canvas_new(const struct lane *lanes, uint32_t n_lanes, int level, int64_t first_tile,
                          uint32_t n_tiles, uint32_t n_tags) {
    struct canvas *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    int64_t span = (int64_t)TILE_BUCKETS << level;
    c->level = level;
    c->from_ns = first_tile * span;
    c->to_ns = (first_tile + n_tiles) * span;
    c->n_tiles = n_tiles;
    c->n_tags = n_tags;
    bool ok = add_lanes(c, lanes, n_lanes);
    for (uint32_t i = 0; ok && i < c->n_lanes; i++) {
        struct canvas_lane *l = &c->lanes[i];
        bool counts = l->lane.kind >= LANE_GROUP; /* or of all, or of a set */
        l->bins = calloc((size_t)n_tags * n_tiles + 1, sizeof(struct bins *));
        l->steps = counts ? calloc((size_t)n_tags * n_tiles + 1, sizeof(struct bins *)) : NULL;
        l->counts = counts ? calloc((size_t)n_tags * n_tiles + 1, sizeof *l->counts) : NULL;
        ok = l->bins && ((l->steps && l->counts) || !counts);
    }
    if (ok) return c;
    canvas_free(c);
    return NULL;
}

void canvas_free(struct canvas *c) {
    if (!c) return;
    for (uint32_t i = 0; c->lanes && i < c->n_lanes; i++) {
        free(c->lanes[i].bins);
        free(c->lanes[i].steps);
        free(c->lanes[i].counts);
        free(c->lanes[i].solids);
    }
    for (uint32_t i = 0; i < c->n_slabs; i++) free(c->slabs[i]);
    free(c->slabs);
    free(c->lanes);
    free(c);
}

int canvas_find(const struct canvas *c, enum lane_kind kind, int64_t id) {
    struct lane lane = {kind, id};
    uint32_t low = 0, high = c->n_lanes;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (lane_order(&c->lanes[mid].lane, &lane) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < c->n_lanes && !lane_order(&c->lanes[low].lane, &lane) ? (int)low : -1;
}

/* ---- painting ---- */

static struct bins *new_bins(struct canvas *c) {
    if (!c->n_slabs || c->n_used == SLAB_BINS) {
        struct bins **slabs =
            c->n_slabs < MAX_SLABS ? realloc(c->slabs, (c->n_slabs + 1) * sizeof *slabs) : NULL;
        if (slabs) c->slabs = slabs;
        struct bins *slab = slabs ? malloc(SLAB_BINS * sizeof *slab) : NULL;
        if (!slab) {
            c->failed = true;
            return NULL;
        }
        c->slabs[c->n_slabs++] = slab;
        c->n_used = 0;
    }
    struct bins *b = &c->slabs[c->n_slabs - 1][c->n_used++];
    memset(b->used, 0, sizeof b->used);
    return b;
}

/* Adds to bucket i of the lane, all tiles counted through. */
static inline void add(struct canvas *c, struct canvas_lane *l, struct bins **rows, uint32_t tag,
                       uint64_t i, int64_t v) {
    if (tag >= c->n_tags) {
        c->damaged = true;
        return;
    }
    int bits = 10 - l->shift;
    struct bins **at = &rows[(size_t)tag * c->n_tiles + (i >> bits)];
    if (!*at && !(*at = new_bins(c))) return;
    bins_add(*at, (uint32_t)i & ((1u << bits) - 1), v);
}

void canvas_ns(struct canvas *c, uint32_t lane, uint32_t tag, int64_t at_ns, int64_t ns) {
    struct canvas_lane *l = &c->lanes[lane];
    if (at_ns < c->from_ns || at_ns >= c->to_ns) return;
    add(c, l, l->bins, tag, (uint64_t)(at_ns - c->from_ns) >> (c->level + l->shift), ns);
}

static void add_solid(struct canvas *c, struct canvas_lane *l, uint32_t tag,
                      const struct tile_solid *s) {
    if (tag >= c->n_tags) {
        c->damaged = true;
        return;
    }
    if (l->n_solids == l->cap_solids) {
        uint32_t cap = l->cap_solids ? l->cap_solids * 2 : 64;
        struct tile_solid *grown = realloc(l->solids, cap * sizeof *grown);
        if (!grown) {
            c->failed = true;
            return;
        }
        l->solids = grown;
        l->cap_solids = cap;
    }
    if (l->n_solids && s->start_ns < l->solids[l->n_solids - 1].start_ns) l->unordered = true;
    l->solids[l->n_solids] = *s;
    l->solids[l->n_solids++].tag = (uint16_t)tag;
}

void canvas_stretch(struct canvas *c, uint32_t lane, uint32_t tag, const struct tile_solid *s) {
    struct canvas_lane *l = &c->lanes[lane];
    int64_t start = s->start_ns, end = bins_sum(start, s->dur_ns);
    if (s->dur_ns <= 0 || start >= c->to_ns || end <= c->from_ns) return;
    int level = c->level + l->shift;
    if (s->dur_ns >> level) {
        add_solid(c, l, tag, s);
        return;
    }
    if (start < c->from_ns) start = c->from_ns;
    if (end > c->to_ns) end = c->to_ns;
    uint64_t b = (uint64_t)(start - c->from_ns) >> level;
    int64_t edge = c->from_ns + ((int64_t)(b + 1) << level);
    add(c, l, l->bins, tag, b, (end < edge ? end : edge) - start);
    if (end > edge) add(c, l, l->bins, tag, b + 1, end - edge);
}

void canvas_count(struct canvas *c, uint32_t lane, uint32_t tag, int64_t start, int64_t end,
                  int64_t n) {
    struct canvas_lane *l = &c->lanes[lane];
    if (start < c->from_ns) start = c->from_ns;
    if (end > c->to_ns) end = c->to_ns;
    if (start >= end) return;
    int level = c->level + l->shift;
    uint64_t b = (uint64_t)(start - c->from_ns) >> level;
    uint64_t last = (uint64_t)(end - 1 - c->from_ns) >> level;
    int64_t edge = c->from_ns + ((int64_t)(b + 1) << level);
    if (b == last) {
        add(c, l, l->bins, tag, b, bins_times(n, end - start));
        return;
    }
    add(c, l, l->bins, tag, b, bins_times(n, edge - start));
    add(c, l, l->bins, tag, last, bins_times(n, end - (c->from_ns + ((int64_t)last << level))));
    if (b + 1 == last) return;
    add(c, l, l->steps, tag, b + 1, n);
    add(c, l, l->steps, tag, last, -n);
}

/* ---- when all is painted ---- */

static int solid_order(const void *a, const void *b) {
    const struct tile_solid *x = a, *y = b;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

/* Where a solid starts, from 1 on; 0 = before the first bucket. */
static uint32_t bucket_of(const struct canvas *c, const struct tile_solid *s) {
    return s->start_ns < c->from_ns ? 0 : 1 + (uint32_t)((s->start_ns - c->from_ns) >> c->level);
}

/* Lays many solids out by the bucket in which they start.  Those of a processor or thread do not
 * overlap and fill a bucket at least, so that they are in order then. */
static void sort_by_bucket(struct canvas *c, struct canvas_lane *l) {
    uint32_t n = c->n_tiles * TILE_BUCKETS + 1;
    uint32_t *place = calloc(n + 1, sizeof *place);
    struct tile_solid *sorted = malloc(l->cap_solids * sizeof *sorted);
    c->failed |= !place || !sorted;
    if (place && sorted) {
        for (uint32_t i = 0; i < l->n_solids; i++) place[bucket_of(c, &l->solids[i]) + 1]++;
        for (uint32_t b = 1; b <= n; b++) place[b] += place[b - 1];
        for (uint32_t i = 0; i < l->n_solids; i++)
            sorted[place[bucket_of(c, &l->solids[i])]++] = l->solids[i];
        struct tile_solid *unsorted = l->solids;
        l->solids = sorted;
        sorted = unsorted;
    }
    free(place);
    free(sorted);
}

static void sort_solids(struct canvas *c, struct canvas_lane *l) {
    bool ordered = false;
    if (l->n_solids >= MANY_SOLIDS) {
        sort_by_bucket(c, l);
        ordered = true;
        for (uint32_t i = 1; ordered && i < l->n_solids; i++)
            ordered = l->solids[i - 1].start_ns <= l->solids[i].start_ns;
    }
    if (!ordered) qsort(l->solids, l->n_solids, sizeof *l->solids, solid_order);
}

/* What the steps of a tag come to at the start of each tile. */
static void add_up(struct canvas *c, struct canvas_lane *l, uint32_t tag) {
    int64_t count = 0;
    for (uint32_t tile = 0; tile < c->n_tiles; tile++) {
        size_t at = (size_t)tag * c->n_tiles + tile;
        const struct bins *steps = l->steps[at];
        l->counts[at] = count;
        for (uint32_t word = 0; steps && word < TILE_BUCKETS / 64; word++)
            for (uint64_t left = steps->used[word]; left; left &= left - 1)
                count = bins_sum(count, steps->ns[word * 64 + (uint32_t)__builtin_ctzll(left)]);
    }
}

void canvas_finish(struct canvas *c) {
    for (uint32_t i = 0; i < c->n_lanes; i++) {
        struct canvas_lane *l = &c->lanes[i];
        if (l->unordered) sort_solids(c, l);
        for (uint32_t tag = 0; l->steps && tag < c->n_tags; tag++) add_up(c, l, tag);
    }
}
