/* storage/src/lod.c - reducing a lane to buckets, and the cascade of levels while writing.
 *
 * Invariants  1. the rows of a key ascend by start.  2. what a level gives out sums to what it was
 *             given, for every tag.  3. a bucket may have several rows of one tag (its first half
 *             came with one chunk, its second with the next): readers add them up.
 * Not here    the counts of groups between two changes (steps.c); reading (tile.c). */
#include "storage/src/lod.h"

#include <stdlib.h>

enum { N_LEVELS = (LOD_LAST - LOD_FIRST) / LOD_STEP + 1, CHUNK_ROWS = 16384 };

/* Written field by field where it will stand: a copy would have to wait for the fields. */
static int emit(const struct lod_sink *out, int64_t start_ns, int64_t dur_ns, uint64_t wide,
                uint32_t v0, struct fault *f) {
    struct seq_row *row = seq_add(out->writer, out->key, start_ns + dur_ns, out->hint, f);
    if (!row) return f->code;
    row->start_ns = start_ns;
    row->dur_ns = dur_ns;
    row->wide = wide;
    row->v[0] = v0;
    return out->then ? out->then(out->arg, row, f) : 0;
}

int reduce_flush(struct reducer *r, const struct lod_sink *out, struct fault *f) {
    for (uint32_t i = 0; i < r->n_parts; i++)
        TRY(emit(out, r->bucket, INT64_C(1) << out->level, (uint64_t)r->parts[i].ns,
                 r->parts[i].tag << 1 | LOD_PART, f));
    r->n_parts = 0;
    return 0;
}

int reduce_part(struct reducer *r, const struct lod_sink *out, int64_t start_ns, uint32_t tag,
                int64_t ns, struct fault *f) {
    int64_t bucket = start_ns >> out->level << out->level;
    if (r->n_parts && bucket != r->bucket) TRY(reduce_flush(r, out, f));
    r->bucket = bucket;
    if (reduce_again(r, tag, ns)) return 0;
    uint32_t i = 0;
    while (i < r->n_parts && r->parts[i].tag != tag) i++;
    if (i == LOD_MAX_PARTS) {
        TRY(reduce_flush(r, out, f));
        i = 0;
    }
    if (i == r->n_parts) {
        r->parts[i].tag = tag;
        r->parts[i].ns = 0;
        r->n_parts++;
    }
    r->parts[i].ns += ns;
    r->last[tag % LOD_LAST_PARTS] = (uint8_t)i;
    return 0;
}

int reduce_stretch(struct reducer *r, const struct lod_sink *out, int64_t start_ns, int64_t dur_ns,
                   uint32_t tag, int64_t who, struct fault *f) {
    int64_t width = INT64_C(1) << out->level;
    if (dur_ns >= width) {
        TRY(reduce_flush(r, out, f));
        return emit(out, start_ns, dur_ns, (uint64_t)(who + 1), tag << 1, f);
    }
    int64_t edge = ((start_ns >> out->level) + 1) << out->level;
    if (start_ns + dur_ns <= edge) return reduce_part(r, out, start_ns, tag, dur_ns, f);
    TRY(reduce_part(r, out, start_ns, tag, edge - start_ns, f));
    return reduce_part(r, out, edge, tag, start_ns + dur_ns - edge, f);
}

int reduce_row(struct reducer *r, const struct lod_sink *out, const struct seq_row *row,
               struct fault *f) {
    uint32_t tag = (uint32_t)(row->v[0] >> 1);
    if (row->v[0] & LOD_PART) return reduce_part(r, out, row->start_ns, tag, (int64_t)row->wide, f);
    return reduce_stretch(r, out, row->start_ns, row->dur_ns, tag, (int64_t)row->wide - 1, f);
}

struct level {
    struct lod_writer *owner;
    int level;
    struct seq_writer *writer;
    uint32_t hint; /* its rows come key by key from the level below */
};

struct lod_writer {
    enum seq_kind kind;
    int n_levels;
    struct level levels[N_LEVELS];
};

/* Groups: a run of whole fine buckets; its edges are parts of coarse buckets, its middle a run. */
struct group_sum {
    int64_t bucket, ns;
};

static int group_flush(struct group_sum *s, const struct lod_sink *out, struct fault *f) {
    if (!s->ns) return 0;
    uint64_t ns = (uint64_t)s->ns;
    s->ns = 0;
    return emit(out, s->bucket, INT64_C(1) << out->level, ns, 0, f);
}

static int group_part(struct group_sum *s, const struct lod_sink *out, int64_t start, int64_t ns,
                      struct fault *f) {
    int64_t bucket = start >> out->level << out->level;
    if (bucket != s->bucket) TRY(group_flush(s, out, f));
    s->bucket = bucket;
    s->ns += ns;
    return 0;
}

static int group_row(struct group_sum *s, const struct lod_sink *out, const struct seq_row *row,
                     struct fault *f) {
    int64_t width = INT64_C(1) << out->level, start = row->start_ns, end = start + row->dur_ns;
    int64_t first = (start + width - 1) >> out->level << out->level;
    int64_t last = end >> out->level << out->level;
    if (end <= (start >> out->level << out->level) + width && row->dur_ns < width)
        return group_part(s, out, start, (int64_t)row->wide, f);
    int64_t density = (int64_t)row->wide / row->dur_ns; /* whole: a count of goroutines */
    if (start < first) TRY(group_part(s, out, start, density * (first - start), f));
    if (first < last) {
        TRY(group_flush(s, out, f));
        TRY(emit(out, first, last - first, (uint64_t)(density * (last - first)), 0, f));
    }
    return last < end ? group_part(s, out, last, density * (end - last), f) : 0;
}

/* A sealed chunk of one level becomes rows of the next. */
static int feed_next(void *arg, const struct seq_chunk_view *view, struct buffer *extra,
                     struct fault *f) {
    (void)extra;
    struct level *below = arg, *next = below + 1;
    struct reducer r = {0};
    struct group_sum g = {0};
    bool groups = below->owner->kind == SEQ_LOD_GROUP;
    struct lod_sink out = {.writer = next->writer, .hint = &next->hint, .level = next->level};
    for (uint32_t i = 0; i < view->n; i++) {
        const struct seq_row *row = seq_view_row(view, i);
        if (i && row->key != out.key) {
            TRY(reduce_flush(&r, &out, f));
            TRY(group_flush(&g, &out, f));
        }
        out.key = row->key;
        TRY(groups ? group_row(&g, &out, row, f) : reduce_row(&r, &out, row, f));
    }
    TRY(reduce_flush(&r, &out, f));
    return group_flush(&g, &out, f);
}

struct lod_writer *lod_writer_new(sqlite3 *db, enum seq_kind kind) {
    struct lod_writer *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->kind = kind;
    uint32_t n_cols = kind == SEQ_LOD_GROUP ? LOD_GROUP_COLS : LOD_COLS;
    for (int level = lod_first_level(kind); level <= LOD_LAST; level += LOD_STEP) {
        struct level *l = &w->levels[w->n_levels++];
        *l = (struct level){.owner = w, .level = level};
        l->writer = seq_writer_new(db, seq_series(kind, level), n_cols, CHUNK_ROWS,
                                   level < LOD_LAST ? feed_next : NULL, l);
        if (!l->writer) {
            lod_writer_free(w);
            return NULL;
        }
    }
    return w;
}

struct seq_writer *lod_first(struct lod_writer *w) {
    return w->levels[0].writer;
}

void lod_seal_beside(struct lod_writer *w, struct crew *crew) {
    seq_seal_beside(lod_first(w), crew);
}

int lod_seal(struct lod_writer *w, struct fault *f) {
    for (int i = 0; i < w->n_levels; i++) TRY(seq_seal(w->levels[i].writer, f));
    return 0;
}

void lod_writer_free(struct lod_writer *w) {
    if (!w) return;
    for (int i = 0; i < w->n_levels; i++) seq_writer_free(w->levels[i].writer);
    free(w);
}
