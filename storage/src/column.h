/* storage/src/column.h - a column of up to a few thousand numbers as bytes, and back. */
#ifndef PARKVIEW_STORAGE_COLUMN_H
#define PARKVIEW_STORAGE_COLUMN_H

#include "storage/fault.h"
#include "storage/src/buffer.h"
#include "storage/src/palette.h"

/* column_codec - zstd contexts, a palette and scratch space, one for each thread. */
struct column_codec;
struct column_codec *column_codec_new(void);
void column_codec_free(struct column_codec *c);

/* column_put - appends n values (at most COLUMN_MAX) as: constant, bits, or codes of a palette
 * where those take half the bytes.  *past is the caller's memory of the column between calls
 * (start with zeros): which of the two is smaller is looked at only now and then. */
enum { COLUMN_MAX = 2048 };
struct column_past {
    uint8_t sure; /* so many calls go as the last one that compared */
    bool palette;
};
void column_put(struct column_codec *c, struct buffer *out, const uint64_t *values, uint32_t n,
                struct column_past *past);

/* column_get - n values from bytes that column_put wrote; out may be NULL to skip the column.
 * Returns 0 or PV_ECORRUPT. */
int column_get(struct column_codec *c, struct cursor *in, uint64_t *out, uint32_t n);
/* column_get_part - the same for `n` of a column's `all` values, from number `first` on. */
int column_get_part(struct column_codec *c, struct cursor *in, uint64_t *out,
                    struct column_part part);

/* column_put_rows - PALETTE_COLUMNS columns at once: n codes and their palette.  False, and nothing
 * written, where it is full or has numbers that are too long: they go one by one behind
 * column_put_apart then.  column_get_rows reads both; NULL = skip the column. */
bool column_put_rows(struct buffer *out, const struct palette *p, const uint64_t *codes,
                     uint32_t n);
void column_put_apart(struct buffer *out);
int column_get_rows(struct column_codec *c, struct cursor *in, uint64_t *const *out,
                    struct column_part part);

/* bytes_put, bytes_get - any bytes, zstd where it pays.  bytes_get appends to out; max bounds
 * what a hostile length may ask for. */
void bytes_put(struct column_codec *c, struct buffer *out, const struct buffer *in);
int bytes_get(struct column_codec *c, struct cursor *in, struct buffer *out, size_t max);

#endif
