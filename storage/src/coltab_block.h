/* storage/src/coltab_block.h - one block of a column table as bytes.  Private to coltab*.c. */
#ifndef PARKVIEW_STORAGE_COLTAB_BLOCK_H
#define PARKVIEW_STORAGE_COLTAB_BLOCK_H

#include <stddef.h>
#include <stdint.h>

struct coltab_bounds { /* of the values that are not NULL; min > max where all are */
    int64_t min, max;
};

/* No block is larger than this before zstd: 10 bytes a value, 11 a column's header. */
#define COLTAB_RAW_MAX(n_cols, n_rows) ((size_t)(n_cols) * ((size_t)(n_rows)*10 + 11))

/* coltab_encode - columns of n_rows values each, COLTAB_STRIDE apart, into out (which holds
 * COLTAB_RAW_MAX bytes); returns the bytes used. */
size_t coltab_encode(const int64_t *values, uint32_t n_cols, uint32_t n_rows,
                     struct coltab_bounds *bounds, uint8_t *out);

struct coltab_piece { /* one column of a block, still encoded */
    const uint8_t *data;
    size_t n;
    uint8_t mode;
};
/* coltab_split - find the columns in the bytes.  0, or -1 where they are damaged. */
int coltab_split(const uint8_t *raw, size_t n, uint32_t n_cols, struct coltab_piece *out);
/* coltab_decode - one column.  0, or -1 where it is damaged. */
int coltab_decode(const struct coltab_piece *piece, uint32_t n_rows, int64_t *out);

#endif
