/* storage/src/canvas.h - the lanes of one request while rows are painted on them.
 *
 * A lane is ns by (tag, bucket) and a list of solids, over n_tiles tiles.  Each lane has its own
 * width of buckets: 2^shift times that of the tiles asked for, where the lane is dense. */
#ifndef PARKVIEW_STORAGE_CANVAS_H
#define PARKVIEW_STORAGE_CANVAS_H

#include "storage/store.h"

#define CANVAS_NO_GROUP UINT32_MAX /* of a solid: that of its goroutine, whichever it is */

struct bins {                         /* one tag of one tile */
    uint64_t used[TILE_BUCKETS / 64]; /* the others are not even cleared */
    int64_t ns[TILE_BUCKETS];
};

/* Sums of a damaged store may wrap. */
static inline int64_t bins_sum(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static inline int64_t bins_times(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a * (uint64_t)b);
}
static inline bool bins_has(const struct bins *b, uint32_t i) {
    return b->used[i / 64] >> i % 64 & 1;
}
static inline void bins_add(struct bins *b, uint32_t i, int64_t v) {
    uint64_t bit = UINT64_C(1) << i % 64;
    b->ns[i] = b->used[i / 64] & bit ? bins_sum(b->ns[i], v) : v;
    b->used[i / 64] |= bit;
}

struct canvas_lane {
    struct lane lane;
    int shift;
    bool unordered;      /* its solids */
    struct bins **bins;  /* tag * n_tiles + tile; NULL = nothing */
    struct bins **steps; /* groups: by how much a count changes from that bucket on */
    int64_t *counts;     /* groups: what it is at the start of each tile */
    struct tile_solid *solids;
    uint32_t n_solids, cap_solids;
};

struct canvas {
    int level;
    int64_t from_ns, to_ns;
    uint32_t n_lanes, n_tiles, n_tags;
    struct canvas_lane *lanes; /* sorted by kind and id, each once */
    struct bins **slabs;       /* what bins and steps point into */
    uint32_t n_slabs, n_used;  /* n_used: of the last slab */
    bool failed, damaged;      /* out of memory; a row names a tag that the store does not have */
};

/* canvas_new - lanes in any order, doubles are one.  NULL = out of memory. */
struct canvas *canvas_new(const struct lane *lanes, uint32_t n_lanes, int level, int64_t first_tile,
                          uint32_t n_tiles, uint32_t n_tags);
void canvas_free(struct canvas *c);
/* canvas_find - index of a lane, -1 where it is not wanted. */
int canvas_find(const struct canvas *c, enum lane_kind kind, int64_t id);

/* canvas_ns - so much time of a tag in the bucket that holds at_ns. */
void canvas_ns(struct canvas *c, uint32_t lane, uint32_t tag, int64_t at_ns, int64_t ns);
/* canvas_stretch - a stretch of a lane: a solid where it fills a bucket, else a part of one or two
 * buckets. */
void canvas_stretch(struct canvas *c, uint32_t lane, uint32_t tag, const struct tile_solid *s);
/* canvas_count - n goroutines in [start, end). */
void canvas_count(struct canvas *c, uint32_t lane, uint32_t tag, int64_t start, int64_t end,
                  int64_t n);
/* canvas_finish - after the last row: counts are added up, solids are in order. */
void canvas_finish(struct canvas *c);

/* canvas_take - a tile of a lane, its arrays grown in *room.  step 0: as it was painted; 1: what is
 * shorter than four buckets is no solid; n + 1: the same with buckets 2^n as wide.  false = out of
 * memory. */
struct tile_room {
    struct tile_solid *solids;
    struct tile_part *parts;
    uint32_t cap_solids, cap_parts;
};
bool canvas_take(const struct canvas *c, uint32_t lane, uint32_t tile, int step,
                 struct tile_room *room, struct tile *out);
/* canvas_cost - about what that tile takes in an answer, in bytes. */
uint64_t canvas_cost(const struct canvas *c, uint32_t lane, uint32_t tile, int step);

#endif
