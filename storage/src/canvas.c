/* storage/src/canvas.c - lanes of a request: ns by tag and bucket, and solids.
 *
 * Bins come in slabs, so that a request costs a handful of allocations and a bin is cleared only
 * as far as its lane's buckets go.  A count of goroutines that holds for a thousand buckets is two
 * changes, not a thousand sums: canvas_finish adds them up.
 * Not here    which rows are painted (tile.c). */
#include "storage/src/canvas.h"

#include <stdlib.h>
#include <string.h>

enum {
    SOLID_SHIFT = 2, /* of a coarse tile: solids are at least so much longer than a bucket */
    SLAB_BINS = 15,  /* below what malloc takes from the system one by one */
    MAX_SLABS = 1024,
    COST_OF_RECORD = 52, /* server/PROTOCOL.md */
    COST_OF_SOLID = 14,
    COST_OF_ROW = 10
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
        bool counts = l->lane.kind == LANE_GROUP || l->lane.kind == LANE_ALL;
        l->bins = calloc((size_t)n_tags * n_tiles + 1, sizeof(struct bins *));
        l->steps = counts ? calloc((size_t)n_tags * n_tiles + 1, sizeof(struct bins *)) : NULL;
        ok = l->bins && (l->steps || !counts);
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

static struct bins *new_bins(struct canvas *c, int shift) {
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
    memset(b->ns, 0, sizeof *b->ns * (TILE_BUCKETS >> shift));
    return b;
}

/* Sums of a damaged store may wrap. */
static int64_t sum_of(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static int64_t times(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

/* Adds to bucket i of the lane, all tiles counted through. */
static void add(struct canvas *c, struct canvas_lane *l, struct bins **rows, uint32_t tag,
                uint64_t i, int64_t v) {
    if (tag >= c->n_tags) {
        c->damaged = true;
        return;
    }
    int bits = 10 - l->shift;
    struct bins **at = &rows[(size_t)tag * c->n_tiles + (i >> bits)];
    if (!*at && !(*at = new_bins(c, l->shift))) return;
    uint32_t b = (uint32_t)i & ((1u << bits) - 1);
    (*at)->used[b / 64] |= UINT64_C(1) << b % 64;
    (*at)->ns[b] = sum_of((*at)->ns[b], v);
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
    int64_t start = s->start_ns, end = sum_of(start, s->dur_ns);
    if (start >= c->to_ns || end <= c->from_ns) return;
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
        add(c, l, l->bins, tag, b, times(n, end - start));
        return;
    }
    add(c, l, l->bins, tag, b, times(n, edge - start));
    add(c, l, l->bins, tag, last, times(n, end - (c->from_ns + ((int64_t)last << level))));
    if (b + 1 == last) return;
    add(c, l, l->steps, tag, b + 1, n);
    add(c, l, l->steps, tag, last, -n);
}

/* ---- when all is painted ---- */

static int solid_order(const void *a, const void *b) {
    const struct tile_solid *x = a, *y = b;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static void add_counts(struct canvas *c, struct canvas_lane *l, uint32_t tag) {
    int64_t count = 0, width = INT64_C(1) << (c->level + l->shift);
    uint32_t n = TILE_BUCKETS >> l->shift;
    for (uint32_t tile = 0; tile < c->n_tiles; tile++) {
        const struct bins *steps = l->steps[(size_t)tag * c->n_tiles + tile];
        if (!steps && !count) continue;
        struct bins **at = &l->bins[(size_t)tag * c->n_tiles + tile];
        if (!*at && !(*at = new_bins(c, l->shift))) return;
        for (uint32_t b = 0; b < n; b++) {
            if (steps) count = sum_of(count, steps->ns[b]);
            if (!count) continue;
            (*at)->ns[b] = sum_of((*at)->ns[b], times(count, width));
            (*at)->used[b / 64] |= UINT64_C(1) << b % 64;
        }
    }
}

void canvas_finish(struct canvas *c) {
    for (uint32_t i = 0; i < c->n_lanes; i++) {
        struct canvas_lane *l = &c->lanes[i];
        if (l->unordered) qsort(l->solids, l->n_solids, sizeof *l->solids, solid_order);
        for (uint32_t tag = 0; l->steps && tag < c->n_tags; tag++) add_counts(c, l, tag);
    }
}

/* ---- tiles ---- */

struct tile_at { /* a tile of a lane, with the solids that touch it */
    const struct canvas_lane *l;
    int64_t from_ns, to_ns;
    int shift;              /* of the buckets that are wanted, beyond the lane's */
    int level, solid_level; /* what they and the shortest solids are 2^… ns */
    uint32_t first, end;
};

static struct tile_at tile_at(const struct canvas *c, uint32_t lane, uint32_t tile, int step) {
    const struct canvas_lane *l = &c->lanes[lane];
    int64_t span = (int64_t)TILE_BUCKETS << c->level;
    struct tile_at t = {.l = l,
                        .from_ns = c->from_ns + tile * span,
                        .to_ns = c->from_ns + (tile + 1) * span,
                        .shift = step ? step - 1 : 0};
    t.level = c->level + l->shift + t.shift;
    t.solid_level = t.level + (step ? SOLID_SHIFT : 0);
    uint32_t low = 0, high = l->n_solids;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (l->solids[mid].start_ns + l->solids[mid].dur_ns <= t.from_ns)
            low = mid + 1;
        else
            high = mid;
    }
    t.first = t.end = low;
    while (t.end < l->n_solids && l->solids[t.end].start_ns < t.to_ns) t.end++;
    return t;
}

static bool room_for(struct tile_room *r, uint32_t n_solids, uint32_t n_parts) {
    if (n_solids > r->cap_solids) {
        struct tile_solid *solids = realloc(r->solids, n_solids * sizeof *solids);
        if (!solids) return false;
        r->solids = solids;
        r->cap_solids = n_solids;
    }
    if (n_parts > r->cap_parts) {
        uint32_t cap = n_parts * 2;
        struct tile_part *parts = realloc(r->parts, cap * sizeof *parts);
        if (!parts) return false;
        r->parts = parts;
        r->cap_parts = cap;
    }
    return true;
}

/* Buckets 0 … n-1 of a tag, equal neighbours as one part. */
static void take_row(struct tile_room *room, struct tile *out, const struct bins *b, uint32_t n,
                     uint32_t tag, int level) {
    float per_ns = 1.0f / (float)(INT64_C(1) << level);
    struct tile_part *last = NULL;
    int64_t last_ns = 0;
    for (uint32_t word = 0; word * 64 < n; word++)
        for (uint64_t left = b->used[word]; left; left &= left - 1) {
            uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(left);
            int64_t ns = b->ns[i];
            if (!ns) continue;
            if (last && last_ns == ns && last->bucket + last->n == i) {
                last->n++;
                continue;
            }
            last = &room->parts[out->n_parts++];
            *last = (struct tile_part){(uint16_t)i, 1, (uint16_t)tag, (float)ns * per_ns};
            last_ns = ns;
        }
}

/* The bins of a tag, with wider buckets and what solids of it have become too short for them. */
static void widen(const struct tile_at *t, const struct bins *b, uint32_t tag, struct bins *out) {
    uint32_t n = TILE_BUCKETS >> t->l->shift;
    int shift = t->shift;
    memset(out->used, 0, sizeof out->used);
    memset(out->ns, 0, sizeof *out->ns * ((n >> shift) + 1));
    for (uint32_t i = 0; b && i < n; i++)
        if (b->used[i / 64] >> i % 64 & 1) {
            out->ns[i >> shift] = sum_of(out->ns[i >> shift], b->ns[i]);
            out->used[(i >> shift) / 64] |= UINT64_C(1) << (i >> shift) % 64;
        }
    for (uint32_t i = t->first; i < t->end; i++) {
        const struct tile_solid *s = &t->l->solids[i];
        if (s->tag != tag || s->dur_ns >> t->solid_level) continue;
        int64_t start = s->start_ns > t->from_ns ? s->start_ns : t->from_ns;
        int64_t end = s->start_ns + s->dur_ns < t->to_ns ? s->start_ns + s->dur_ns : t->to_ns;
        while (start < end) {
            uint64_t k = (uint64_t)(start - t->from_ns) >> t->level;
            int64_t edge = t->from_ns + ((int64_t)(k + 1) << t->level);
            out->ns[k] += (end < edge ? end : edge) - start;
            out->used[k / 64] |= UINT64_C(1) << k % 64;
            start = edge;
        }
    }
}

/* Which tags have solids that are too short for the wanted buckets. */
static void mark_short(const struct tile_at *t, uint64_t *tags) {
    memset(tags, 0, ((UINT16_MAX + 1) / 64) * sizeof *tags);
    for (uint32_t i = t->first; i < t->end; i++) {
        uint16_t tag = t->l->solids[i].tag;
        if (t->l->solids[i].dur_ns >> t->solid_level == 0)
            tags[tag / 64] |= UINT64_C(1) << tag % 64;
    }
}

bool canvas_take(const struct canvas *c, uint32_t lane, uint32_t tile, int step,
                 struct tile_room *room, struct tile *out) {
    struct tile_at t = tile_at(c, lane, tile, step);
    uint32_t n = TILE_BUCKETS >> (t.l->shift + t.shift);
    struct bins wide;
    uint64_t marks[(UINT16_MAX + 1) / 64];
    if (step) mark_short(&t, marks);
    *out = (struct tile){.shift = (uint8_t)(t.l->shift + t.shift), .coarse = step || t.l->shift};
    if (!room_for(room, t.end - t.first, 0)) return false;
    for (uint32_t i = t.first; i < t.end; i++)
        if (t.l->solids[i].dur_ns >> t.solid_level) room->solids[out->n_solids++] = t.l->solids[i];
    for (uint32_t tag = 0; tag < c->n_tags; tag++) {
        const struct bins *b = t.l->bins[(size_t)tag * c->n_tiles + tile];
        if (step && (b || (tag <= UINT16_MAX && marks[tag / 64] >> tag % 64 & 1))) {
            widen(&t, b, tag, &wide);
            b = &wide;
        }
        if (!b) continue;
        if (!room_for(room, 0, out->n_parts + n)) return false;
        take_row(room, out, b, n, tag, t.level);
    }
    out->solids = room->solids;
    out->parts = room->parts;
    return true;
}

/* ---- what it costs ---- */

static uint32_t count_used(const struct bins *b) {
    uint32_t n = 0;
    for (int i = 0; i < TILE_BUCKETS / 64; i++) n += (uint32_t)__builtin_popcountll(b->used[i]);
    return n;
}

uint64_t canvas_most(const struct canvas *c, uint32_t lane, uint32_t tile) {
    struct tile_at t = tile_at(c, lane, tile, 0);
    uint64_t n = TILE_BUCKETS >> t.l->shift;
    uint64_t cost = COST_OF_RECORD + (uint64_t)(t.end - t.first) * COST_OF_SOLID;
    for (uint32_t tag = 0; tag < c->n_tags; tag++) {
        const struct bins *b = t.l->bins[(size_t)tag * c->n_tiles + tile];
        uint64_t runs = b ? count_used(b) * COST_OF_ROW : 0;
        if (b) cost += runs < n + COST_OF_ROW ? runs : n + COST_OF_ROW;
    }
    return cost;
}

uint64_t tile_cost(const struct tile *t) {
    uint64_t cost = COST_OF_RECORD + (uint64_t)t->n_solids * COST_OF_SOLID;
    for (uint32_t i = 0; i < t->n_parts; i++) {
        const struct tile_part *p = &t->parts[i];
        uint32_t bytes = p->n < COST_OF_ROW ? p->n : COST_OF_ROW, gap = COST_OF_ROW;
        if (i && p[-1].tag == p->tag) gap = (uint32_t)p->bucket - p[-1].bucket - p[-1].n;
        cost += bytes + (gap < COST_OF_ROW ? gap : COST_OF_ROW);
    }
    return cost;
}
