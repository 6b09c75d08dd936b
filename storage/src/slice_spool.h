/* storage/src/slice_spool.h - slices put into groups, so that SQLite need not sort them. */
#ifndef PARKVIEW_STORAGE_SLICE_SPOOL_H
#define PARKVIEW_STORAGE_SLICE_SPOOL_H

#include "storage/src/slice_names.h"

/* A column of slices or waits, by the numbers of slices: SQLCOL_SLICES_*. */
enum { SPOOL_MAX_KEYS = 8 };
struct spool_key {
    uint8_t column;
    bool descending;
};

struct spool;
/* spool_new - keys: what makes a group.  used: bit mask of the columns that will be asked for.
 * sorted: groups come in the order of their keys, else in any.  distinct: one row a group will
 * do.  SQLITE_OK, SQLITE_NOMEM. */
int spool_new(struct query *q, struct slice_names *names, const struct spool_key *keys,
              uint32_t n_keys, uint64_t used, bool sorted, bool distinct, struct spool **out);
/* spool_can_group - whether the column can be a key. */
bool spool_can_group(int column);
int spool_add(struct spool *s, const struct slice *slice);
/* spool_seal - all are added; now they can be read. */
int spool_seal(struct spool *s);
/* spool_next - false at the end. */
bool spool_next(struct spool *s, struct slice *out);
void spool_free(struct spool *s);

#endif
