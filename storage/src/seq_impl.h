/* storage/src/seq_impl.h - an open series and what the series of one store share; private to
 * seq_*.c. */
#ifndef PARKVIEW_STORAGE_SEQ_IMPL_H
#define PARKVIEW_STORAGE_SEQ_IMPL_H

#include "storage/src/column.h"
#include "storage/src/seq.h"

enum { CACHED_PAGES = 24 };

/* Times are stored in units of 2^seq_unit ns, which nearly all of them are: twice the number of
 * units, else twice the ns plus one.  Of slices it is the tick of Go's clock, of a level its
 * bucket; what is in a bucket has ticks again. */
enum { SEQ_TICK = 6 };
static inline int seq_unit(int series) {
    return series & 63 ? series & 63 : SEQ_TICK;
}

static inline uint64_t seq_pack_signed(int64_t ns, int unit) {
    return ns & ((INT64_C(1) << unit) - 1) ? zigzag(ns) << 1 | 1 : zigzag(ns >> unit) << 1;
}
static inline int64_t seq_unpack_signed(uint64_t v, int unit) { /* without a branch, for vectors */
    uint64_t units = (v & 1) - 1, number = (uint64_t)unzigzag(v >> 1);
    return (int64_t)((number << unit & units) | (number & ~units));
}

/* A store may lie: of what is read, a time is within 146 years of 0, and a duration is as short and
 * not negative, so that they can be added.  0 where it is so. */
static inline uint64_t seq_far(int64_t ns) {
    return ((uint64_t)ns + (UINT64_C(1) << 62)) >> 63;
}
static inline uint64_t seq_long(int64_t ns) {
    return (uint64_t)ns >> 62;
}

struct seq_rows_of { /* rows of one key in a chunk that a sweep wants: a … b-1 */
    uint32_t a, b;
};

struct seq_cache {
    struct column_codec *codec;
    struct buffer scratch, bytes;
    struct seq_page *page; /* for pages that are not worth keeping */
    struct seq_rows_of *wanted;
    uint32_t cap_wanted;
    struct {
        const struct seq *owner; /* NULL = empty */
        uint32_t chunk, page, columns;
        uint32_t used; /* clock of the last use */
    } tags[CACHED_PAGES];
    struct seq_page *pages[CACHED_PAGES];
    uint32_t clock;
};

struct seq {
    sqlite3 *db;
    sqlite3_stmt *list, *small[3];
    sqlite3_blob *data;
    int64_t data_id;
    int series;
    int64_t bucket_ns; /* rows of one key may overlap by less than this */
    uint32_t n_cols;
    bool growing;
    struct seq_chunk *chunks;
    uint32_t n_chunks, cap;
    struct seq_cache *cache;
};

/* Directories (seq_keys.c); blocks of at most so many bytes in all stand in them. */
enum { SEQ_FEW_KEYS_BYTES = 1024 };
/* seq_put_block - n keys behind the block that began with `before`. */
void seq_put_block(struct buffer *index, struct buffer *blocks, const struct seq_key *keys,
                   uint32_t n, int64_t before, int64_t t0, int unit);
/* seq_parse_directory - 0, PV_ECORRUPT or PV_ENOMEM; seq_free_directory in any case. */
int seq_parse_directory(struct seq_chunk *c, struct cursor *in);
void seq_free_directory(struct seq_chunk *c);
/* seq_read_bytes - a piece of the chunk's data into the cache's bytes; to = UINT32_MAX: to its end.
 * Valid until the next call. */
int seq_read_bytes(struct seq *s, const struct seq_chunk *c, uint32_t from, uint32_t to,
                   struct fault *f);

#endif
