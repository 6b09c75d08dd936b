/* storage/src/seq_impl.h - an open series and what the series of one store share; private to
 * seq_read.c (chunks, pages) and seq_scan.c (going through them). */
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

/* seq_read_rows - rows first … first+n-1 of a page; first is the page's first row or the first
 * row of a key. */
int seq_read_rows(struct seq *s, uint32_t chunk, uint32_t page, uint32_t first, uint32_t n,
                  uint32_t columns, struct seq_page *out, struct fault *f);

#endif
