/* storage/src/tile.c - one tile of one lane, from the coarsest rows that still show every bucket.
 *
 * Where from   P, M, groups: level < LOD_FIRST from slices, else from the stored level at or below.
 *              G: level < LOD_FIRST_G from its slices, else from the stored level and its first
 *              LOD_G_RAW_SLICES slices.
 * A picture    is the sum of rows into bins (tag x bucket, in ns) and a list of solids, by lane.
 *              From slices, one pass makes the picture of all P, M and group lanes at once, so
 *              pictures are kept for the next lanes of the same tile. */
#include <string.h>

#include "storage/src/store_impl.h"

enum { MAX_BINS = 1 << 15 };

struct bins { /* ns by (lane, tag) and bucket */
    struct map index;
    uint64_t *keys; /* lane code << 16 | tag */
    int64_t (*ns)[TILE_BUCKETS];
    uint32_t n, cap;
};

struct solid {
    uint64_t lane;
    struct tile_solid s;
};

struct picture {
    int level;
    int64_t index;
    uint32_t used; /* clock of the last use */
    struct bins bins;
    struct solid *solids;
    uint32_t n_solids, cap_solids;
};

struct painter {
    struct store *s;
    struct picture *p;
    int64_t from, to; /* of the tile */
    int level;
    uint64_t lane;               /* of rows that belong to one lane */
    bool groups;                 /* painting group lanes from a level of detail */
    bool failed;                 /* out of memory */
    bool damaged;                /* a row names a tag that the store does not have */
    int64_t before_ns;           /* only slices that start before */
    const struct go_index *life; /* of the row before */
};

static uint64_t lane_code(enum lane_kind kind, int64_t id) {
    return ((uint64_t)id << 3 | (uint64_t)kind) & 0xffffffffffff;
}

static void free_picture(struct picture *p) {
    if (!p) return;
    map_free(&p->bins.index);
    free(p->bins.keys);
    free(p->bins.ns);
    free(p->solids);
    free(p);
}

void store__free_pictures(struct store *s) {
    for (int i = 0; i < N_PICTURES; i++) {
        free_picture(s->pictures[i]);
        s->pictures[i] = NULL;
    }
}

/* ---- painting ---- */

static int64_t *bin_of(struct bins *b, uint64_t lane, uint32_t tag) {
    uint64_t key = lane << 16 | (tag & 0xffff);
    uint32_t i = map_get(&b->index, key);
    if (i != MAP_NONE) return b->ns[i];
    if (b->n == b->cap) {
        uint32_t cap = b->cap ? b->cap * 2 : 16;
        if (cap > MAX_BINS) return NULL;
        uint64_t *keys = realloc(b->keys, cap * sizeof *keys);
        if (!keys) return NULL;
        b->keys = keys;
        int64_t(*ns)[TILE_BUCKETS] = realloc(b->ns, cap * sizeof *ns);
        if (!ns) return NULL;
        b->ns = ns;
        b->cap = cap;
    }
    if (!map_put(&b->index, key, b->n)) return NULL;
    b->keys[b->n] = key;
    memset(b->ns[b->n], 0, sizeof *b->ns);
    return b->ns[b->n++];
}

static bool knows_tag(struct painter *w, uint32_t tag) {
    if (tag < w->s->n_tags) return true;
    w->damaged = true;
    return false;
}

static int painted(const struct painter *w, struct fault *f) {
    if (w->failed) return store__no_memory(f);
    return w->damaged ? fault_set(f, PV_ECORRUPT, -1,
                                  "the store is damaged: a slice has a tag "
                                  "that the store does not name")
                      : 0;
}

/* Adds [start, end) to the buckets that it crosses. */
static void paint_spread(struct painter *w, uint64_t lane, uint32_t tag, int64_t start,
                         int64_t end) {
    if (start < w->from) start = w->from;
    if (end > w->to) end = w->to;
    if (start >= end || !knows_tag(w, tag)) return;
    int64_t *bin = bin_of(&w->p->bins, lane, tag);
    if (!bin) {
        w->failed = true;
        return;
    }
    int64_t b = (start - w->from) >> w->level, last = (end - 1 - w->from) >> w->level;
    if (b == last) {
        bin[b] += end - start;
        return;
    }
    int64_t width = INT64_C(1) << w->level;
    bin[b] += w->from + ((b + 1) << w->level) - start;
    while (++b < last) bin[b] += width;
    bin[last] += end - (w->from + (last << w->level));
}

static void paint_solid(struct painter *w, uint64_t lane, const struct tile_solid *solid) {
    struct picture *p = w->p;
    if (p->n_solids == p->cap_solids) {
        uint32_t cap = p->cap_solids ? p->cap_solids * 2 : 256;
        struct solid *solids = realloc(p->solids, cap * sizeof *solids);
        if (!solids) {
            w->failed = true;
            return;
        }
        p->solids = solids;
        p->cap_solids = cap;
    }
    p->solids[p->n_solids++] = (struct solid){lane, *solid};
}

/* A stretch of a lane: a solid where it fills a bucket, else a part of one or two buckets. */
static void paint_stretch(struct painter *w, uint64_t lane, int64_t start, int64_t dur,
                          uint32_t tag, int64_t who) {
    if (dur >> w->level == 0) {
        paint_spread(w, lane, tag, start, start + dur);
        return;
    }
    if (start >= w->to || start + dur <= w->from || !knows_tag(w, tag)) return;
    paint_solid(
        w, lane,
        &(struct tile_solid){.start_ns = start, .dur_ns = dur, .who = who, .tag = (uint16_t)tag});
}

/* ---- rows ---- */

/* A slice of one goroutine, for its own lane. */
static int paint_own(void *arg, const struct seq_row *row) {
    struct painter *w = arg;
    if (row->start_ns >= w->before_ns) return 1;
    uint32_t class_id = (uint32_t)row->v[0];
    struct slice_class c = slices_class(w->s, class_id);
    int64_t who = NO_ID;
    if ((c.state == GO_RUNNING || c.state == GO_SYSCALL) && row->v[1] < w->s->n_places)
        who = w->s->places[row->v[1]].p;
    paint_stretch(w, w->lane, row->start_ns, row->dur_ns,
                  store__tag_of(w->s, class_id, row->key, row->start_ns), who);
    return w->failed;
}

/* Any slice, for the lanes of its P, its M, its group and all goroutines. */
static int paint_shared(void *arg, const struct seq_row *row) {
    struct painter *w = arg;
    uint32_t class_id = (uint32_t)row->v[0];
    struct slice_class c = slices_class(w->s, class_id);
    /* Rows come goroutine by goroutine: its life is looked up once. */
    const struct go_index *life = w->life;
    if (!life || life->g != row->key || row->start_ns < life->start_ns ||
        row->start_ns >= life->end_ns)
        w->life = life = store__find_go(w->s, row->key, row->start_ns);
    uint32_t group = life ? life->group : 0;
    uint32_t tag = tag_of(&c, group < w->s->n_groups ? w->s->groups[group].kind : GO_KIND_USER);
    int64_t end = row->start_ns + row->dur_ns;
    paint_spread(w, lane_code(LANE_GROUP, group), tag, row->start_ns, end);
    paint_spread(w, lane_code(LANE_ALL, 0), tag, row->start_ns, end);
    if ((c.state != GO_RUNNING && c.state != GO_SYSCALL) || row->v[1] >= w->s->n_places)
        return w->failed;
    struct place where = w->s->places[row->v[1]];
    int64_t kept = c.state == GO_SYSCALL ? slice_kept_ns(row) : row->dur_ns;
    if (where.p >= 0 && kept > 0)
        paint_stretch(w, lane_code(LANE_P, where.p), row->start_ns, kept, tag, row->key);
    if (where.m >= 0 && w->s->info.threads_reliable)
        paint_stretch(w, lane_code(LANE_M, where.m), row->start_ns, row->dur_ns, tag, row->key);
    return w->failed;
}

/* A row of a stored level of a P, M or G lane. */
static int paint_level(void *arg, const struct seq_row *row) {
    struct painter *w = arg;
    uint32_t tag = (uint32_t)(row->v[0] >> 1);
    if (!knows_tag(w, tag)) return 1;
    if (!(row->v[0] & LOD_PART)) {
        paint_stretch(w, w->lane, row->start_ns, row->dur_ns, tag, (int64_t)row->wide - 1);
    } else if (row->start_ns >= w->from && row->start_ns < w->to) {
        int64_t *bin = bin_of(&w->p->bins, w->lane, tag);
        if (bin)
            bin[(row->start_ns - w->from) >> w->level] += (int64_t)row->wide;
        else
            w->failed = true;
    }
    return w->failed;
}

/* A row of a stored level of a group: so many goroutine-ns, evenly over whole buckets. */
static int paint_group(void *arg, const struct seq_row *row) {
    struct painter *w = arg;
    if (!knows_tag(w, (uint32_t)row->key & 0xffff)) return 1;
    int64_t *bin = bin_of(&w->p->bins, w->lane, (uint32_t)row->key & 0xffff);
    if (!bin) {
        w->failed = true;
        return 1;
    }
    int64_t start = row->start_ns, end = start + row->dur_ns, ns = (int64_t)row->wide;
    int64_t width = INT64_C(1) << w->level;
    if (row->dur_ns <= width && start >> w->level == (end - 1) >> w->level) {
        if (start >= w->from && start < w->to) bin[(start - w->from) >> w->level] += ns;
        return 0;
    }
    int64_t count = row->dur_ns ? ns / row->dur_ns : 0;
    if (start < w->from) start = w->from;
    if (end > w->to) end = w->to;
    while (start < end) {
        int64_t b = (start - w->from) >> w->level;
        int64_t edge = w->from + ((b + 1) << w->level);
        if (edge > end) edge = end;
        bin[b] += count * (edge - start);
        start = edge;
    }
    return 0;
}

/* ---- which rows ---- */

static int stored_level(int level, int first) {
    if (level > LOD_LAST) return LOD_LAST;
    return first + (level - first) / LOD_STEP * LOD_STEP;
}

static int read_level(struct painter *w, enum seq_kind kind, int first, int64_t key_min,
                      int64_t key_max, seq_visit_fn paint, struct fault *f) {
    struct seq *seq;
    TRY(store__seq(w->s, kind, stored_level(w->level, first), &seq, f));
    struct seq_window window = {w->from, w->to, key_min, key_max, UINT32_MAX};
    return seq_rows(seq, &window, paint, w, f);
}

struct count {
    uint32_t n;
    int64_t end_ns;
};

static int count_slice(void *arg, const struct seq_row *row) {
    struct count *c = arg;
    c->end_ns = row->start_ns + row->dur_ns;
    return ++c->n == LOD_G_RAW_SLICES;
}

/* Up to when a goroutine's slices stand in no level of detail; INT64_MAX = all of them. */
static int lod_from(struct store *s, int64_t g, int64_t *out, struct fault *f) {
    uint32_t i = map_get(&s->lod_from_map, (uint64_t)g);
    if (i == MAP_NONE) {
        struct seq *slices;
        TRY(store__slices(s, &slices, f));
        struct count c = {0};
        struct seq_window w = {INT64_MIN, INT64_MAX, g, g, 0};
        TRY(seq_rows(slices, &w, count_slice, &c, f));
        if (s->n_lod_from % 64 == 0) {
            int64_t *grown = realloc(s->lod_from, (s->n_lod_from + 64) * sizeof *grown);
            if (!grown) return store__no_memory(f);
            s->lod_from = grown;
        }
        i = s->n_lod_from++;
        s->lod_from[i] = c.n < LOD_G_RAW_SLICES ? INT64_MAX : c.end_ns;
        if (s->info.n_gaps && s->info.gaps[0].from_ns < s->lod_from[i])
            s->lod_from[i] = s->info.gaps[0].from_ns;
        if (!map_put(&s->lod_from_map, (uint64_t)g, i)) return store__no_memory(f);
    }
    *out = s->lod_from[i];
    return 0;
}

static int paint_goroutine(struct painter *w, int64_t g, struct fault *f) {
    struct seq *slices;
    TRY(store__slices(w->s, &slices, f));
    w->before_ns = INT64_MAX;
    if (w->level >= LOD_FIRST_G) {
        TRY(lod_from(w->s, g, &w->before_ns, f));
        if (w->to > w->before_ns) TRY(read_level(w, SEQ_LOD_G, LOD_FIRST_G, g, g, paint_level, f));
    }
    if (w->from >= w->before_ns) return 0;
    struct seq_window window = {w->from, w->to, g, g, SLICE_CLASS | SLICE_PLACE};
    return seq_rows(slices, &window, paint_own, w, f);
}

static int paint_lane(struct painter *w, struct lane lane, struct fault *f) {
    w->lane = lane_code(lane.kind, lane.id);
    uint32_t group = lane.kind == LANE_ALL ? LOD_ALL_GROUPS : (uint32_t)lane.id;
    int64_t first = lod_group_key(group, 0), last = lod_group_key(group, 0xffff);
    switch (lane.kind) {
    case LANE_G:
        return paint_goroutine(w, lane.id, f);
    case LANE_P:
        return read_level(w, SEQ_LOD_P, LOD_FIRST, lane.id, lane.id, paint_level, f);
    case LANE_M:
        return read_level(w, SEQ_LOD_M, LOD_FIRST, lane.id, lane.id, paint_level, f);
    default:
        break;
    }
    TRY(read_level(w, SEQ_LOD_GROUP, LOD_FIRST, first, last, paint_group, f));
    return read_level(w, SEQ_LOD_GROUP, LOD_FIRST, first | LOD_LATE, last | LOD_LATE, paint_group,
                      f);
}

/* ---- pictures, kept ---- */

static int solid_order(const void *a, const void *b) {
    const struct solid *x = a, *y = b;
    if (x->lane != y->lane) return x->lane < y->lane ? -1 : 1;
    return (x->s.start_ns > y->s.start_ns) - (x->s.start_ns < y->s.start_ns);
}

static void sort_solids(struct picture *p) {
    if (p->n_solids > 1) qsort(p->solids, p->n_solids, sizeof *p->solids, solid_order);
}

static void clear_picture(struct picture *p) {
    p->n_solids = 0;
    p->bins.n = 0;
    map_free(&p->bins.index);
    p->level = -1;
}

static struct picture *new_picture(void) {
    struct picture *p = calloc(1, sizeof *p);
    if (p) p->level = -1;
    return p;
}

/* The picture of all shared lanes at that place, made now if it is not there. */
static int shared_picture(struct painter *w, int64_t index, struct fault *f) {
    struct store *s = w->s;
    struct picture **place = &s->pictures[1]; /* [0] is for single lanes */
    for (int i = 1; i < N_PICTURES; i++) {
        struct picture **p = &s->pictures[i];
        if (*p && (*p)->level == w->level && (*p)->index == index) {
            w->p = *p;
            (*p)->used = ++s->picture_clock;
            return 0;
        }
        if (!*p || (*place && (*p)->used < (*place)->used)) place = p;
    }
    if (!*place) *place = new_picture();
    if (!*place) return store__no_memory(f);
    w->p = *place;
    clear_picture(w->p);
    struct seq *slices;
    TRY(store__slices(s, &slices, f));
    TRY(store__load_gos(s, f));
    struct seq_window window = {w->from, w->to, INT64_MIN, INT64_MAX,
                                SLICE_CLASS | SLICE_PLACE | SLICE_WIDE};
    TRY(seq_rows(slices, &window, paint_shared, w, f));
    TRY(painted(w, f));
    sort_solids(w->p);
    w->p->level = w->level;
    w->p->index = index;
    w->p->used = ++s->picture_clock;
    return 0;
}

/* ---- the tile ---- */

static bool reserve(struct store *s, uint32_t n_solids, uint32_t n_parts) {
    if (n_solids > s->cap_solids) {
        struct tile_solid *solids = realloc(s->solids, n_solids * sizeof *solids);
        if (!solids) return false;
        s->solids = solids;
        s->cap_solids = n_solids;
    }
    if (n_parts > s->cap_parts) {
        struct tile_part *parts = realloc(s->parts, n_parts * sizeof *parts);
        if (!parts) return false;
        s->parts = parts;
        s->cap_parts = n_parts;
    }
    return true;
}

static int take_solids(struct store *s, const struct picture *p, uint64_t lane, bool names,
                       struct tile *out, struct fault *f) {
    uint32_t low = 0, high = p->n_solids;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (p->solids[mid].lane < lane)
            low = mid + 1;
        else
            high = mid;
    }
    uint32_t end = low;
    while (end < p->n_solids && p->solids[end].lane == lane) end++;
    if (!reserve(s, end - low, 0)) return store__no_memory(f);
    for (uint32_t i = low; i < end; i++) {
        s->solids[i - low] = p->solids[i].s;
        if (names)
            s->solids[i - low].group =
                store__group_of(s, p->solids[i].s.who, p->solids[i].s.start_ns);
    }
    out->solids = s->solids;
    out->n_solids = end - low;
    return 0;
}

static int take_parts(struct store *s, const struct picture *p, uint64_t lane, int level,
                      struct tile *out, struct fault *f) {
    const int64_t *rows[4096];
    uint16_t tags[sizeof rows / sizeof *rows];
    uint32_t n_rows = 0, n = 0, cap = 0;
    for (uint32_t i = 0; i < p->bins.n && n_rows < sizeof rows / sizeof *rows; i++) {
        if (p->bins.keys[i] >> 16 != lane) continue;
        rows[n_rows] = p->bins.ns[i];
        tags[n_rows++] = (uint16_t)p->bins.keys[i];
        for (int b = 0; b < TILE_BUCKETS; b++) cap += p->bins.ns[i][b] != 0;
    }
    if (!reserve(s, 0, cap)) return store__no_memory(f);
    float per_ns = 1.0f / (float)(INT64_C(1) << level);
    for (int b = 0; b < TILE_BUCKETS && n < cap; b++)
        for (uint32_t i = 0; i < n_rows; i++)
            if (rows[i][b])
                s->parts[n++] =
                    (struct tile_part){(uint16_t)b, tags[i], (float)rows[i][b] * per_ns};
    out->parts = s->parts;
    out->n_parts = n;
    return 0;
}

int store_tile(struct store *s, struct lane lane, int level, int64_t index, struct tile *out,
               struct fault *f) {
    *out = (struct tile){0};
    if (level < 0 || level > TILE_MAX_LEVEL)
        return fault_set(f, PV_EUSAGE, -1, "level %d is not one of 0 to %d", level, TILE_MAX_LEVEL);
    int64_t span = (int64_t)TILE_BUCKETS << level;
    if (index < 0 || index > s->info.duration_ns / span) return 0;
    struct painter w = {.s = s, .from = index * span, .to = (index + 1) * span, .level = level};
    if (lane.kind != LANE_G && level < LOD_FIRST) {
        TRY(shared_picture(&w, index, f));
    } else {
        if (!s->pictures[0]) s->pictures[0] = new_picture();
        if (!s->pictures[0]) return store__no_memory(f);
        w.p = s->pictures[0];
        clear_picture(w.p);
        TRY(paint_lane(&w, lane, f));
        TRY(painted(&w, f));
        sort_solids(w.p);
    }
    uint64_t code = lane_code(lane.kind, lane.id);
    TRY(take_solids(s, w.p, code, lane.kind == LANE_P || lane.kind == LANE_M, out, f));
    return take_parts(s, w.p, code, level, out, f);
}
