/* storage/src/column.h - a column of up to a few thousand numbers as bytes, and back. */
#ifndef PARKVIEW_STORAGE_COLUMN_H
#define PARKVIEW_STORAGE_COLUMN_H

#include "storage/fault.h"
#include "storage/src/buffer.h"

/* column_codec - zstd contexts and scratch space, one for each thread. */
struct column_codec;
struct column_codec *column_codec_new(void);
void column_codec_free(struct column_codec *c);

/* column_put - appends n values (at most COLUMN_MAX) as: constant, bits, or zstd of varints, which
 * are read three times as slowly: small takes them where they save an eighth, quick a half.  *past
 * is the caller's memory of the column between calls (start with zeros): where zstd did not pay, it
 * is tried again only now and then. */
enum { COLUMN_MAX = 2048 };
enum column_aim { COLUMN_SMALL, COLUMN_QUICK };
struct column_past {
    uint32_t skip; /* so many calls without zstd */
    bool whole;    /* hardly anything was left: no use in units */
};
void column_put(struct column_codec *c, struct buffer *out, const uint64_t *values, uint32_t n,
                enum column_aim aim, struct column_past *past);

/* column_get - n values from bytes that column_put wrote; out may be NULL to skip the column.
 * Returns 0 or PV_ECORRUPT. */
int column_get(struct column_codec *c, struct cursor *in, uint64_t *out, uint32_t n);
/* column_get_part - the same for `n` of a column's `all` values, from number `first` on. */
struct column_part {
    uint32_t all, first, n;
};
int column_get_part(struct column_codec *c, struct cursor *in, uint64_t *out,
                    struct column_part part);

/* bytes_put, bytes_get - any bytes, zstd where it pays.  bytes_get appends to out; max bounds
 * what a hostile length may ask for. */
void bytes_put(struct column_codec *c, struct buffer *out, const struct buffer *in);
int bytes_get(struct column_codec *c, struct cursor *in, struct buffer *out, size_t max);

#endif
