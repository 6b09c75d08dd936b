/* storage/src/canvas_take.c - tiles from a canvas: finer or coarser, and what they cost. */
#include <stdlib.h>
#include <string.h>

#include "storage/src/canvas.h"

enum {
    SOLID_SHIFT = 2,     /* of a coarse tile: solids are at least so much longer than a bucket */
    COST_OF_RECORD = 52, /* these as in server/PROTOCOL.md */
    COST_OF_SOLID = 14,
    COST_OF_ROW = 10
};

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

/* ---- the buckets of a tag, equal neighbours together ---- */

struct runs {
    const struct bins *ns, *steps; /* NULL = none */
    int64_t count, width;          /* count: of goroutines, before the first bucket */
    uint32_t n;
};

static bool runs_of(const struct canvas *c, const struct canvas_lane *l, uint32_t tag,
                    uint32_t tile, struct runs *r) {
    size_t at = (size_t)tag * c->n_tiles + tile;
    *r = (struct runs){.ns = l->bins[at],
                       .steps = l->steps ? l->steps[at] : NULL,
                       .count = l->counts ? l->counts[at] : 0,
                       .width = INT64_C(1) << (c->level + l->shift),
                       .n = TILE_BUCKETS >> l->shift};
    return r->ns || r->steps || r->count;
}

static inline uint64_t used_word(const struct runs *r, uint32_t word) {
    return (r->ns ? r->ns->used[word] : 0) | (r->steps ? r->steps->used[word] : 0);
}

typedef void (*run_fn)(void *arg, uint32_t i, uint32_t n, int64_t ns);

/* Gives the buckets that are not 0 in order: n of them from i on that hold ns each.  Inlined with
 * what it gives them to, as there are some hundred thousand in an answer. */
static inline __attribute__((always_inline)) void each_run(const struct runs *r, run_fn give,
                                                           void *arg) {
    int64_t count = r->count;
    uint32_t next = 0;
    for (uint32_t word = 0; word * 64 < r->n; word++)
        for (uint64_t left = used_word(r, word); left; left &= left - 1) {
            uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(left);
            if (count && i > next) give(arg, next, i - next, bins_times(count, r->width));
            if (r->steps && bins_has(r->steps, i)) count = bins_sum(count, r->steps->ns[i]);
            int64_t ns = bins_times(count, r->width);
            if (r->ns && bins_has(r->ns, i)) ns = bins_sum(ns, r->ns->ns[i]);
            if (ns) give(arg, i, 1, ns);
            next = i + 1;
        }
    if (count && r->n > next) give(arg, next, r->n - next, bins_times(count, r->width));
}

struct row { /* of parts, while it is taken */
    struct tile_part *first, *end;
    int64_t last_ns; /* of the part before end */
    float per_ns;
    uint16_t tag;
};

static void add_part(void *arg, uint32_t i, uint32_t n, int64_t ns) {
    struct row *row = arg;
    struct tile_part *last = row->end > row->first ? row->end - 1 : NULL;
    if (last && row->last_ns == ns && last->bucket + last->n == i) {
        last->n = (uint16_t)(last->n + n);
        return;
    }
    *row->end++ = (struct tile_part){(uint16_t)i, (uint16_t)n, row->tag, (float)ns * row->per_ns};
    row->last_ns = ns;
}

/* The same where no counts are: most of what an answer has. */
static void add_parts(struct row *row, const struct runs *r) {
    struct tile_part *end = row->end;
    int64_t last_ns = 0;
    uint32_t next = TILE_BUCKETS;
    for (uint32_t word = 0; word * 64 < r->n; word++)
        for (uint64_t left = r->ns->used[word]; left; left &= left - 1) {
            uint32_t i = word * 64 + (uint32_t)__builtin_ctzll(left);
            int64_t ns = r->ns->ns[i];
            if (!ns) continue;
            if (ns == last_ns && i == next)
                end[-1].n++;
            else
                *end++ = (struct tile_part){(uint16_t)i, 1, row->tag, (float)ns * row->per_ns};
            last_ns = ns;
            next = i + 1;
        }
    row->end = end;
}

static void take_row(struct tile_room *room, struct tile *out, const struct runs *r, uint32_t tag) {
    struct tile_part *first = room->parts + out->n_parts;
    struct row row = {first, first, 0, 1.0f / (float)r->width, (uint16_t)tag};
    if (r->steps || r->count)
        each_run(r, add_part, &row);
    else if (r->ns)
        add_parts(&row, r);
    out->n_parts += (uint32_t)(row.end - first);
}

struct widening {
    struct bins *out;
    int shift;
};

static void add_wider(void *arg, uint32_t i, uint32_t n, int64_t ns) {
    const struct widening *w = arg;
    for (uint32_t end = i + n; i < end; i++) bins_add(w->out, i >> w->shift, ns);
}

/* The same where no counts are. */
static void fold_bins(struct bins *out, const struct runs *r, int shift) {
    memset(out->ns, 0, (r->n >> shift) * sizeof *out->ns);
    for (uint32_t word = 0; word * 64 < r->n; word++) {
        uint32_t first = word * 64 >> shift;
        int64_t *ns = out->ns + first;
        uint64_t used = 0;
        for (uint64_t left = r->ns->used[word]; left; left &= left - 1) {
            uint32_t i = (uint32_t)__builtin_ctzll(left);
            ns[i >> shift] = bins_sum(ns[i >> shift], r->ns->ns[word * 64 + i]);
            used |= UINT64_C(1) << (i >> shift);
        }
        out->used[first / 64] |= used << first % 64;
    }
}

/* The buckets of a tag as wider ones, with what solids of it have become too short for them. */
static struct runs widen(const struct tile_at *t, const struct runs *r, uint32_t tag,
                         struct bins *out) {
    memset(out->used, 0, sizeof out->used);
    if (r->steps || r->count)
        each_run(r, add_wider, &(struct widening){out, t->shift});
    else if (r->ns)
        fold_bins(out, r, t->shift);
    for (uint32_t k = t->first; k < t->end; k++) {
        const struct tile_solid *s = &t->l->solids[k];
        if (s->tag != tag || s->dur_ns >> t->solid_level) continue;
        int64_t start = s->start_ns > t->from_ns ? s->start_ns : t->from_ns;
        int64_t end = s->start_ns + s->dur_ns < t->to_ns ? s->start_ns + s->dur_ns : t->to_ns;
        while (start < end) {
            uint32_t b = (uint32_t)((start - t->from_ns) >> t->level);
            int64_t edge = t->from_ns + ((int64_t)(b + 1) << t->level);
            bins_add(out, b, (end < edge ? end : edge) - start);
            start = edge;
        }
    }
    return (struct runs){.ns = out, .width = INT64_C(1) << t->level, .n = r->n >> t->shift};
}

/* Which tags have solids that are too short for the wanted buckets. */
static void mark_short(const struct tile_at *t, uint32_t n_tags, uint64_t *tags) {
    memset(tags, 0, (n_tags / 64 + 1) * sizeof *tags);
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
    if (step) mark_short(&t, c->n_tags < UINT16_MAX ? c->n_tags : UINT16_MAX, marks);
    *out = (struct tile){.shift = (uint8_t)(t.l->shift + t.shift), .coarse = step || t.l->shift};
    if (!room_for(room, t.end - t.first, 0)) return false;
    for (uint32_t i = t.first; i < t.end; i++)
        if (t.l->solids[i].dur_ns >> t.solid_level) room->solids[out->n_solids++] = t.l->solids[i];
    for (uint32_t tag = 0; tag < c->n_tags; tag++) {
        struct runs r;
        bool any = runs_of(c, t.l, tag, tile, &r);
        if (step && (any || (tag <= UINT16_MAX && marks[tag / 64] >> tag % 64 & 1)))
            r = widen(&t, &r, tag, &wide);
        else if (!any)
            continue;
        if (!room_for(room, 0, out->n_parts + n)) return false;
        take_row(room, out, &r, tag);
    }
    out->solids = room->solids;
    out->parts = room->parts;
    return true;
}

/* ---- what it costs ---- */

/* Whether anything is in buckets 2^shift as wide as 64 of them: every 2^shift-th bit. */
static uint64_t fold(uint64_t used, int shift) {
    for (int i = 0; i < shift; i++) used |= used >> (1 << i);
    static const uint64_t firsts[] = {UINT64_MAX,         0x5555555555555555, 0x1111111111111111,
                                      0x0101010101010101, 0x0001000100010001, 0x0000000100000001};
    return used & firsts[shift];
}

/* The built-in is a call where the compiler may not take the newest instructions for granted. */
static uint32_t ones(uint64_t v) {
    v -= v >> 1 & 0x5555555555555555;
    v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
    v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return (uint32_t)(v * 0x0101010101010101 >> 56);
}

/* A row of codes holds what is used and short gaps; long gaps part it. */
static uint64_t cost_of_row(const struct runs *r, int shift) {
    uint32_t used = 0, groups = 0, span = r->n >> shift;
    uint64_t before = 0; /* the last bit of the word before */
    for (uint32_t word = 0; word * 64 < r->n; word++) {
        uint64_t bits = fold(used_word(r, word), shift);
        used += ones(bits);
        groups += ones(bits & ~(bits << (1 << shift) | before));
        before = bits >> (64 - (1 << shift)) & 1;
    }
    uint64_t gaps = span - used, most = (uint64_t)groups * COST_OF_ROW;
    return COST_OF_ROW + used + (gaps < most ? gaps : most);
}

uint64_t canvas_cost(const struct canvas *c, uint32_t lane, uint32_t tile, int step) {
    struct tile_at t = tile_at(c, lane, tile, step);
    uint64_t cost = COST_OF_RECORD;
    for (uint32_t i = t.first; i < t.end; i++) {
        int64_t dur = t.l->solids[i].dur_ns;
        cost += dur >> t.solid_level ? COST_OF_SOLID : 1 + (uint64_t)(dur >> t.level);
    }
    for (uint32_t tag = 0; tag < c->n_tags; tag++) {
        struct runs r;
        if (runs_of(c, t.l, tag, tile, &r)) cost += cost_of_row(&r, t.shift);
    }
    return cost;
}
