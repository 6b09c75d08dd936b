/* storage/src/seq.h - sequences: what each goroutine (or lane) did, one stretch after another.
 *
 * A series is a stream of rows (key, start, duration, values), appended in the order in which the
 * stretches ended.  Every SEQ_CHUNK_ROWS rows become a chunk, sorted by key, then by time: so one
 * key's history is one binary search a chunk, one stretch of time is a few chunks, and neither
 * key nor start costs a byte, as a stretch begins where the one before it ended.
 *
 * A chunk lies in [t0, t1]: t1 is the latest end so far, t0 is the t1 of the chunk before it. Where
 * the rows of a key do not overlap (slices), a row stands in the chunk in which it ended, so only
 * the first row of each key can have started before t0: those are "carried", and the chunk lists
 * them apart, so that a window need not decode later chunks.  Levels of detail may hold several
 * rows for one bucket; their starts still ascend within a key.
 *
 * Pages of SEQ_PAGE_ROWS rows are encoded column by column and are decoded alone. */
#ifndef PARKVIEW_STORAGE_SEQ_H
#define PARKVIEW_STORAGE_SEQ_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/fault.h"
#include "storage/src/crew.h"

enum { SEQ_MAX_COLS = 5, SEQ_PAGE_ROWS = 2048, SEQ_CHUNK_ROWS = 65536, SEQ_AHEAD = 32 };

/* Series numbers: kind * 64 + level. */
enum seq_kind { SEQ_SLICES, SEQ_LOD_G, SEQ_LOD_P, SEQ_LOD_M, SEQ_LOD_GROUP };
static inline int seq_series(enum seq_kind kind, int level) {
    return (int)kind * 64 + level;
}

struct seq_row {
    int64_t key;
    int64_t start_ns, dur_ns;
    uint64_t wide;
    uint64_t note; /* for seq_seal_fn; not stored */
    uint32_t v[SEQ_MAX_COLS];
};
_Static_assert(sizeof(struct seq_row) == 64, "a row is one cache line");

/* ---- writing ---- */

struct seq_writer;

struct fill_slot;
/* What a sealed chunk looks like to seq_seal_fn: rows[order[i]], i = 0 … n-1, is sorted. */
struct seq_chunk_view {
    const struct seq_row *rows;
    const uint32_t *order;
    uint32_t n;
    int64_t t0, t1;
    const struct fill_slot *slots; /* keys in order, with their numbers of rows (seq_fill.h) */
    uint32_t n_slots;
};
/* seq_view_row - the i-th in order; asks for one further on, as order jumps about in memory. */
static inline const struct seq_row *seq_view_row(const struct seq_chunk_view *view, uint32_t i) {
    if (i + SEQ_AHEAD < view->n) __builtin_prefetch(&view->rows[view->order[i + SEQ_AHEAD]]);
    return &view->rows[view->order[i]];
}
/* seq_seal_fn - called before a chunk is written; may fill *extra (owned by the writer, empty). */
struct buffer;
typedef int (*seq_seal_fn)(void *arg, const struct seq_chunk_view *view, struct buffer *extra,
                           struct fault *f);

int seq_create(sqlite3 *db, struct fault *f);
/* n_cols: how many of v the series uses; wide comes on top.  max_rows: a full chunk, a power of
 * two, at most SEQ_CHUNK_ROWS. */
struct seq_writer *seq_writer_new(sqlite3 *db, int series, uint32_t n_cols, uint32_t max_rows,
                                  seq_seal_fn on_seal, void *arg);
/* seq_add - a row with its key set: the caller fills in all else before the next call; of levels
 * of detail only v[0].  *hint is the caller's memory of where the key's rows are counted: any value
 * at first, and one for each key (or for rows that come key by key) saves the look-up.  Of slices
 * each key has one of its own, as long as it lives.  NULL: *f says why. */
struct seq_row *seq_add(struct seq_writer *w, int64_t key, int64_t end_ns, uint32_t *hint,
                        struct fault *f);
/* seq_seal - writes what has been appended as a chunk, however little it is. */
int seq_seal(struct seq_writer *w, struct fault *f);
/* seq_hand_over - begins that, where the crew seals. */
int seq_hand_over(struct seq_writer *w, struct fault *f);
/* seq_seal_beside - from now on full chunks are sealed by the crew, whose owner appends; at most
 * two are under way.  The database connection must be serialized (SQLITE_OPEN_FULLMUTEX), and
 * on_seal runs in any thread. */
void seq_seal_beside(struct seq_writer *w, struct crew *crew);
void seq_writer_free(struct seq_writer *w);

/* ---- reading ---- */

struct seq;

/* What the series of one store share: decompressor, scratch space, and the decoded pages that were
 * asked for lately, as the next question is mostly about the same place. */
struct seq_cache;
struct seq_cache *seq_cache_new(void);    /* NULL = out of memory */
void seq_cache_free(struct seq_cache *c); /* after the series that use it */

struct seq_key { /* directory: one key's rows in a chunk */
    int64_t key;
    int64_t first_start_ns;
    uint32_t row0, n_rows;
};
enum { SEQ_BLOCK_KEYS = 128 };
struct seq_block { /* of a directory: the keys from `first` on */
    int64_t first;
    uint32_t row0;
    uint32_t offset, bytes; /* in few_keys, else in the chunk's data */
    struct seq_key *keys;   /* NULL = not read */
};
struct seq_page_at {
    int64_t start_ns;      /* of its first row */
    uint32_t offset, rows; /* in the chunk's data: its blocks of keys, and what follows them */
};
struct seq_carried { /* a row that started before the chunk's t0 */
    int64_t key;
    int64_t start_ns, dur_ns;
    uint64_t wide;
    uint32_t v0, v1;
};
struct seq_chunk {
    int64_t id;
    int64_t t0, t1, min_start_ns;
    uint32_t n_rows;
    /* loaded on demand: */
    struct seq_carried *carried; /* NULL = not loaded */
    uint32_t n_carried;
    struct seq_block *blocks; /* NULL = directory not loaded */
    uint8_t *few_keys;        /* blocks that stand in the directory itself; NULL = they do not */
    struct seq_page_at *pages;
    uint32_t n_blocks, n_keys, n_pages;
};

/* growing: the writer still writes, so nothing may stay open between two calls. */
int seq_open(sqlite3 *db, int series, uint32_t n_cols, bool growing, struct seq_cache *cache,
             struct seq **out, struct fault *f);
int seq_reload(struct seq *s, struct fault *f); /* see the chunks that were added since */
void seq_close(struct seq *s);
uint32_t seq_n_chunks(const struct seq *s);
/* seq_chunk - with its directory, seq_carried - with its carried rows; NULL on a fault.  Borrowed
 * until seq_close. */
const struct seq_chunk *seq_chunk(struct seq *s, uint32_t i, struct fault *f);
const struct seq_chunk *seq_carried(struct seq *s, uint32_t i, struct fault *f);
/* seq_forget - frees what was loaded of the chunk; what was borrowed of it is gone. */
void seq_forget(struct seq *s, uint32_t i);
/* seq_chunk_bounds - without loading the directory. */
const struct seq_chunk *seq_chunk_bounds(const struct seq *s, uint32_t i);
/* seq_extra - what on_seal added to the chunk; borrowed until the next call. */
int seq_extra(struct seq *s, uint32_t i, const uint8_t **data, size_t *n, struct fault *f);
/* seq_first_chunk_after - the first chunk whose t1 > t (n_chunks where there is none). */
uint32_t seq_first_chunk_after(const struct seq *s, int64_t t);
/* seq_find_key - *at: the key's place among n_keys, or where it would stand; 1 = it stands there,
 * 0 = not, < 0 fault.  seq_key_of_row - *at: the place of the key that has the row. */
int seq_find_key(struct seq *s, const struct seq_chunk *c, int64_t key, uint32_t *at,
                 struct fault *f);
int seq_key_of_row(struct seq *s, const struct seq_chunk *c, uint32_t row, uint32_t *at,
                   struct fault *f);
/* seq_key - the i-th key of a chunk with its directory; NULL on a fault.  Borrowed until seq_close;
 * those of one block (i / SEQ_BLOCK_KEYS) follow each other. */
int seq_load_block(struct seq *s, const struct seq_chunk *c, uint32_t block, struct fault *f);
static inline const struct seq_key *seq_key(struct seq *s, const struct seq_chunk *c, uint32_t i,
                                            struct fault *f) {
    const struct seq_block *b = &c->blocks[i / SEQ_BLOCK_KEYS];
    if (!b->keys && seq_load_block(s, c, i / SEQ_BLOCK_KEYS, f) < 0) return NULL;
    return &b->keys[i % SEQ_BLOCK_KEYS];
}

/* Decoded rows of one page, columns apart.  Columns that were not asked for are not decoded. */
struct seq_page {
    uint32_t row0, n; /* rows row0 … row0+n-1 of the chunk */
    int64_t key[SEQ_PAGE_ROWS];
    int64_t start_ns[SEQ_PAGE_ROWS], dur_ns[SEQ_PAGE_ROWS];
    uint64_t v[SEQ_MAX_COLS][SEQ_PAGE_ROWS], wide[SEQ_PAGE_ROWS];
};
/* seq_read_page - columns: bit mask, bit i for v[i], SEQ_WIDE for wide (key, start and duration
 * always come). */
int seq_read_page(struct seq *s, uint32_t chunk, uint32_t page, uint32_t columns,
                  struct seq_page *out, struct fault *f);
/* seq_read_rows - rows first … first+n-1 of a page, as far as it has them; first is the page's
 * first row (0) or the first row of a key. */
int seq_read_rows(struct seq *s, uint32_t chunk, uint32_t page, uint32_t first, uint32_t n,
                  uint32_t columns, struct seq_page *out, struct fault *f);

#define SEQ_WIDE (UINT32_C(1) << SEQ_MAX_COLS)

/* seq_spans - every row of some keys that touches [from, to), chunk by chunk, key by key; each page
 * is decoded once, however many of the keys stand in it.  visit gets rows i … end-1 of a page, all
 * of one key and in time order; those at the span's two ends may miss the window.  It returns 0
 * to go on, 1 to stop, < 0 a fault that it has set. */
struct seq_range { /* of keys, both inclusive */
    int64_t min, max;
};
struct seq_sweep {
    int64_t from_ns, to_ns;
    const struct seq_range *ranges; /* ascending, apart */
    uint32_t n_ranges;
    uint32_t columns;
    int sparse_level; /* slices: leave out where a goroutine is dense at that level; 0 = nothing */
};
typedef int (*seq_span_fn)(void *arg, const struct seq_page *page, uint32_t i, uint32_t end);
int seq_spans(struct seq *s, const struct seq_sweep *w, seq_span_fn visit, void *arg,
              struct fault *f);
/* seq_count - about how many rows seq_spans would decode; no page is read. */
int seq_count(struct seq *s, const struct seq_sweep *w, uint64_t *n, struct fault *f);

/* seq_rows - the same row by row for the keys [key_min, key_max], only rows that touch the window.
 * visit returns 0 to go on, 1 to stop. */
struct seq_window {
    int64_t from_ns, to_ns;
    int64_t key_min, key_max;
    uint32_t columns;
};
typedef int (*seq_visit_fn)(void *arg, const struct seq_row *row);
int seq_rows(struct seq *s, const struct seq_window *w, seq_visit_fn visit, void *arg,
             struct fault *f);

#endif
