/* storage/src/lod.h - levels of detail: the same lanes, in ever wider buckets.
 *
 * At level L a bucket is 2^L ns.  A stretch of at least one bucket stays what it is (a solid, with
 * its true edges); shorter ones are summed into parts: so many ns of this tag in that bucket.
 * Sums are exact, so any level adds up to the same time.  Stored levels are LOD_FIRST, +2, +4, …;
 * each is built from the one below when a chunk of that is sealed. */
#ifndef PARKVIEW_STORAGE_LOD_H
#define PARKVIEW_STORAGE_LOD_H

#include <sqlite3.h>

#include "storage/src/seq.h"

/* A goroutine's first LOD_G_RAW_SLICES slices stand in no level of detail: most goroutines have no
 * more, and a level would cost as much as their slices do.  Readers take those from the slices.
 * (But after a gap every slice stands in the levels, as any goroutine may then live again.) */
enum { LOD_G_RAW_SLICES = 64 };
enum { LOD_FIRST = 16, LOD_STEP = 2, LOD_LAST = 34, LOD_FIRST_G = 20, LOD_MAX_PARTS = 24 };
enum { LOD_LAST_PARTS = 16 };

/* Rows of a level: v[0] = tag << 1 | LOD_PART; wide = solids: who + 1 (0 = none), parts: ns. */
enum { LOD_PART = 1, LOD_COLS = 1 };

/* A reducer sums one lane's short stretches, bucket after bucket. */
struct reducer {
    int64_t bucket; /* start, ns */
    uint32_t n_parts;
    uint8_t last[LOD_LAST_PARTS]; /* by tag modulo that: the part that was added to last */
    struct {
        uint32_t tag;
        int64_t ns;
    } parts[LOD_MAX_PARTS];
};

/* Where a reducer's rows go, in ascending order of start; `then` is told of each, if it is set. */
struct lod_sink {
    struct seq_writer *writer;
    uint32_t *hint;
    int64_t key;
    int level;
    int (*then)(void *arg, const struct seq_row *row, struct fault *f);
    void *arg;
};
int reduce_stretch(struct reducer *r, const struct lod_sink *out, int64_t start_ns, int64_t dur_ns,
                   uint32_t tag, int64_t who, struct fault *f);
/* reduce_again - ns more of a tag in the present bucket, where no other tag took its place in
 * `last` since; nobody foresees how long a search is.  Else false, and nothing changed. */
static inline bool reduce_again(struct reducer *r, uint32_t tag, int64_t ns) {
    uint32_t i = r->last[tag % LOD_LAST_PARTS];
    if (i >= r->n_parts || r->parts[i].tag != tag) return false;
    r->parts[i].ns += ns;
    return true;
}
/* reduce_within - reduce_stretch, if it is no more than that; else false, and nothing changed. */
static inline bool reduce_within(struct reducer *r, int level, int64_t start_ns, int64_t dur_ns,
                                 uint32_t tag) {
    int64_t at = start_ns - r->bucket, width = INT64_C(1) << level;
    if (at < 0 || dur_ns >= width || at + dur_ns > width) return false;
    return reduce_again(r, tag, dur_ns);
}
/* reduce_part - ns of a tag somewhere in the bucket (of a finer level) that starts there. */
int reduce_part(struct reducer *r, const struct lod_sink *out, int64_t bucket_start_ns,
                uint32_t tag, int64_t ns, struct fault *f);
int reduce_flush(struct reducer *r, const struct lod_sink *out, struct fault *f);
/* reduce_row - a row of a finer level. */
int reduce_row(struct reducer *r, const struct lod_sink *out, const struct seq_row *row,
               struct fault *f);

/* All levels of one kind of lane, being written. */
struct lod_writer;
struct lod_writer *lod_writer_new(sqlite3 *db, enum seq_kind kind);
/* lod_first - where the rows of the kind's first level are put. */
struct seq_writer *lod_first(struct lod_writer *w);
/* lod_seal_beside - from now on full chunks climb the levels by the hands of the crew. */
void lod_seal_beside(struct lod_writer *w, struct crew *crew);
/* lod_seal - everything that was appended becomes readable, level by level. */
int lod_seal(struct lod_writer *w, struct fault *f);
void lod_writer_free(struct lod_writer *w);

static inline int lod_first_level(enum seq_kind kind) {
    return kind == SEQ_LOD_G ? LOD_FIRST_G : LOD_FIRST;
}

/* ---- groups: how many goroutines were in each state ----
 * key = group << 16 | tag (| LOD_LATE: found out too late to stand in order); a row covers whole
 * buckets; wide = goroutine-nanoseconds in them, evenly spread where there are several. */
#define LOD_LATE (INT64_C(1) << 60)
enum { LOD_GROUP_COLS = 0 };
static inline int64_t lod_group_key(uint32_t group, uint32_t tag) {
    return (int64_t)group << 16 | (int64_t)(tag & 0xffff);
}

#endif
