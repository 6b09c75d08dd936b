/* storage/src/coltab.h - column tables: rows of int64 in blocks, one BLOB per block, in SQLite.
 *
 * For what a trace has many of (regions, logs, metrics, goroutines): about 20 times faster to
 * write than SQLite rows, and a third of their size.  A block is COLTAB_BLOCK_ROWS rows; beside
 * each stands the smallest and largest value of every column, so any constraint prunes. */
#ifndef PARKVIEW_STORAGE_COLTAB_H
#define PARKVIEW_STORAGE_COLTAB_H

#include <sqlite3.h>
#include <stdint.h>

#include "storage/fault.h"

enum coltab_table {
#define TABLE(id, sql, doc) TAB_##id,
#define COL(table, id, sql, type, doc)
#include "storage/src/tables.def"
#undef TABLE
#undef COL
    N_COLTABS
};

/* Column numbers within their table: COL_REGIONS_START, … */
#define TABLE(id, sql, doc)                                                                        \
    }                                                                                              \
    ;                                                                                              \
    enum { COL_##id##_BEGIN = -1,
#define COL(table, id, sql, type, doc) COL_##table##_##id,
enum {
    COLTAB_UNUSED
#include "storage/src/tables.def"
};
#undef TABLE
#undef COL

#define COLTAB_NULL INT64_MIN
enum { COLTAB_MAX_COLS = 16, COLTAB_BLOCK_ROWS = 4096 };
/* From a column's first number to the next column's: not a power of two, lest the numbers of a row
 * all want the same set of the cache. */
enum { COLTAB_STRIDE = COLTAB_BLOCK_ROWS + 24 };

uint32_t coltab_n_cols(enum coltab_table t);
const char *coltab_name(enum coltab_table t);

/* ---- writing: appends go to memory, full blocks to the database ---- */
struct coltab_writer;
/* coltab_create - the SQL table in which all column tables live. */
int coltab_create(sqlite3 *db, struct fault *f);
struct coltab_writer *coltab_writer_new(sqlite3 *db, enum coltab_table t);
int coltab_append(struct coltab_writer *w, const int64_t *row, struct fault *f);
/* coltab_flush - writes the last, partly filled block. */
int coltab_flush(struct coltab_writer *w, struct fault *f);
int64_t coltab_n_appended(const struct coltab_writer *w);
void coltab_writer_free(struct coltab_writer *w);

/* ---- reading ---- */
struct coltab; /* the directory of one table, loaded once, and the blocks decoded last */
int coltab_open(sqlite3 *db, enum coltab_table t, struct coltab **out, struct fault *f);
/* coltab_reload - see the blocks that were added since.  Open scans go on to see the old ones. */
int coltab_reload(struct coltab *t, struct fault *f);
int64_t coltab_n_rows(const struct coltab *t);
void coltab_close(struct coltab *t); /* after its scans */

/* A scan gives rows in the order in which they were appended.  Bounds are inclusive and hold per
 * column; a NULL value never lies within a bound that was set.  Several scans of one table may be
 * open at once. */
struct coltab_scan;
int coltab_scan_open(struct coltab *t, struct coltab_scan **out, struct fault *f);
/* All before the first coltab_scan_next.  A second bound on a column narrows the first. */
void coltab_scan_bound(struct coltab_scan *s, uint32_t col, int64_t min, int64_t max);
/* coltab_scan_ends - of rows with a start and a length: blocks in which all of them end before
 * `from` are left out. */
void coltab_scan_ends(struct coltab_scan *s, uint32_t start_col, uint32_t length_col, int64_t from);
/* coltab_scan_want - only these columns (bit mask) are decoded, the others read as 0; without it
 * all are. */
void coltab_scan_want(struct coltab_scan *s, uint32_t columns);
/* coltab_scan_next - 1: *row points at n_cols values, borrowed until the next call. */
int coltab_scan_next(struct coltab_scan *s, const int64_t **row, struct fault *f);
/* coltab_scan_get - one row by its number, whatever the bounds; 1 found, 0 there is none. */
int coltab_scan_get(struct coltab_scan *s, int64_t number, const int64_t **row, struct fault *f);
/* coltab_scan_row - the number of the row that coltab_scan_next gave, from 0. */
int64_t coltab_scan_row(const struct coltab_scan *s);
void coltab_scan_close(struct coltab_scan *s);

#endif
