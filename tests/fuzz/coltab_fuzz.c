/* tests/fuzz/coltab_fuzz.c - blocks of the column tables: from damaged bytes, and there and back.
 *
 * Input: byte 0 columns, byte 1 rows, then the bytes of a block. */
#include <stdlib.h>
#include <string.h>

#include "storage/src/coltab.h"
#include "storage/src/coltab_block.h"
#include "tests/fuzz/promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void decode_all(const uint8_t *raw, size_t n, uint32_t n_cols, uint32_t n_rows) {
    struct coltab_piece pieces[COLTAB_MAX_COLS];
    int64_t *out = malloc(n_rows * sizeof *out);
    if (out && coltab_split(raw, n, n_cols, pieces) == 0)
        for (uint32_t c = 0; c < n_cols; c++) {
            PROMISE(pieces[c].data >= raw && pieces[c].data + pieces[c].n <= raw + n);
            coltab_decode(&pieces[c], n_rows, out);
        }
    free(out);
}

/* The same bytes as values: what is encoded must come back. */
static void round_trip(const uint8_t *data, size_t n, uint32_t n_cols) {
    static int64_t values[COLTAB_MAX_COLS][COLTAB_STRIDE], back[COLTAB_BLOCK_ROWS];
    uint32_t n_rows = (uint32_t)(n / 8 / n_cols);
    if (n_rows > COLTAB_BLOCK_ROWS) n_rows = COLTAB_BLOCK_ROWS;
    if (n_rows == 0) return;
    for (uint32_t c = 0; c < n_cols; c++)
        for (uint32_t r = 0; r < n_rows; r++)
            memcpy(&values[c][r], data + 8 * ((size_t)c * n_rows + r), 8);
    struct coltab_bounds bounds[COLTAB_MAX_COLS];
    struct coltab_piece pieces[COLTAB_MAX_COLS];
    size_t room = COLTAB_RAW_MAX(n_cols, n_rows);
    uint8_t *raw = malloc(room);
    if (!raw) return;
    size_t used = coltab_encode(values[0], n_cols, n_rows, bounds, raw);
    PROMISE(used <= room);
    PROMISE(coltab_split(raw, used, n_cols, pieces) == 0);
    for (uint32_t c = 0; c < n_cols; c++) {
        PROMISE(coltab_decode(&pieces[c], n_rows, back) == 0);
        PROMISE(memcmp(back, values[c], n_rows * sizeof *back) == 0);
    }
    free(raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 3) return -1;
    uint32_t n_cols = 1 + data[0] % COLTAB_MAX_COLS;
    uint32_t n_rows = 1 + data[1] * 16u;
    decode_all(data + 2, n - 2, n_cols, n_rows);
    round_trip(data + 2, n - 2, n_cols);
    return 0;
}
