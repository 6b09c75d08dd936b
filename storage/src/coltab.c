/* storage/src/coltab.c - column tables in SQLite: the writer, the directory and the scan.
 *
 * Layout      coltab(id = table << 40 | block, n_rows, bounds, data)
 *             bounds  per column i64le min, i64le max of what is not NULL (min > max: all NULL)
 *             data    u8 0 | block, or u8 1 | zstd frame of the block; coltab_block.c says what a
 *                     block is
 * Invariants  1. The blocks of a table are numbered from 0 without holes; none is empty or has
 *                more than COLTAB_BLOCK_ROWS rows.
 *             2. Bounds only choose which blocks are read: rows are tested again, so that a lie
 *                in them can hide rows but not show wrong ones.
 *             3. A block in the cache that a scan stands on (refs > 0) is never reused. */
#include "storage/src/coltab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "storage/src/coltab_block.h"
#include "storage/src/sql_fault.h"

enum { STORED, ZSTD_FRAME };
enum { ZSTD_LEVEL = 1, SKIP_AFTER_LOSS = 15, CACHE_BLOCKS = 64 };

static const char *const table_names[N_COLTABS] = {
#define TABLE(id, sql, doc) [TAB_##id] = sql,
#define COL(table, id, sql, type, doc)
#include "storage/src/tables.def"
#undef TABLE
#undef COL
};

/* One entry per column of all tables: whose it is. */
static const uint8_t table_of_column[] = {
#define TABLE(id, sql, doc)
#define COL(table, id, sql, type, doc) TAB_##table,
#include "storage/src/tables.def"
#undef TABLE
#undef COL
};

uint32_t coltab_n_cols(enum coltab_table t) {
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof table_of_column; i++) n += table_of_column[i] == t;
    return n;
}

const char *coltab_name(enum coltab_table t) {
    return table_names[t];
}

static sqlite3_int64 row_id(enum coltab_table t, int64_t block) {
    return (int64_t)t << 40 | block;
}

static void put_i64le(uint8_t *p, int64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)((uint64_t)v >> (8 * i));
}

static int64_t get_i64le(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v |= (uint64_t)p[i] << (8 * i);
    return (int64_t)v;
}

/* ---- writing ------------------------------------------------------------------------------- */

struct coltab_writer {
    sqlite3 *db;
    sqlite3_stmt *insert;
    enum coltab_table table;
    uint32_t n_cols, n_rows; /* rows wait in values */
    int64_t n_blocks, n_written;
    int64_t *values; /* by column, COLTAB_STRIDE apart; kept until the first row comes */
    uint8_t *raw, *packed;
    size_t packed_size;
    ZSTD_CCtx *zstd;
    uint32_t skip_zstd; /* so many blocks are stored as they are: zstd did not pay */
};

int coltab_create(sqlite3 *db, struct fault *f) {
    static const char sql[] = "CREATE TABLE IF NOT EXISTS coltab(id INTEGER PRIMARY KEY,"
                              " n_rows INTEGER NOT NULL, bounds BLOB NOT NULL, data BLOB NOT NULL)";
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sql_fault(f, db, "creating column tables");
    return 0;
}

struct coltab_writer *coltab_writer_new(sqlite3 *db, enum coltab_table t) {
    struct coltab_writer *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->db = db;
    w->table = t;
    w->n_cols = coltab_n_cols(t);
    return w;
}

/* Most tables of most traces stay empty: memory is taken with the first row. */
static int writer_start(struct coltab_writer *w, struct fault *f) {
    size_t raw_max = COLTAB_RAW_MAX(w->n_cols, COLTAB_BLOCK_ROWS);
    w->packed_size = 1 + ZSTD_compressBound(raw_max);
    w->raw = malloc(1 + raw_max);
    w->packed = malloc(w->packed_size);
    w->zstd = ZSTD_createCCtx();
    w->values = malloc((size_t)w->n_cols * COLTAB_STRIDE * sizeof *w->values);
    if (!w->raw || !w->packed || !w->zstd || !w->values)
        return fault_set(f, PV_ENOMEM, -1, "no memory for table %s", table_names[w->table]);
    if (sqlite3_prepare_v3(w->db, "INSERT INTO coltab VALUES(?1,?2,?3,?4)", -1,
                           SQLITE_PREPARE_PERSISTENT, &w->insert, NULL) != SQLITE_OK)
        return sql_fault(f, w->db, "writing column tables");
    return 0;
}

/* pack - raw[1..n] is the block; returns what goes into the database. */
static const uint8_t *pack(struct coltab_writer *w, size_t *n) {
    w->raw[0] = STORED;
    if (w->skip_zstd) {
        w->skip_zstd--;
    } else {
        size_t packed = ZSTD_compressCCtx(w->zstd, w->packed + 1, w->packed_size - 1, w->raw + 1,
                                          *n, ZSTD_LEVEL);
        if (!ZSTD_isError(packed) && packed < *n - *n / 8) {
            w->packed[0] = ZSTD_FRAME;
            *n = packed + 1;
            return w->packed;
        }
        w->skip_zstd = SKIP_AFTER_LOSS;
    }
    *n += 1;
    return w->raw;
}

int coltab_flush(struct coltab_writer *w, struct fault *f) {
    if (w->n_rows == 0) return 0;
    struct coltab_bounds bounds[COLTAB_MAX_COLS];
    uint8_t bounds_bytes[COLTAB_MAX_COLS * 16];
    size_t n = coltab_encode(w->values, w->n_cols, w->n_rows, bounds, w->raw + 1);
    for (uint32_t c = 0; c < w->n_cols; c++) {
        put_i64le(bounds_bytes + 16 * c, bounds[c].min);
        put_i64le(bounds_bytes + 16 * c + 8, bounds[c].max);
    }
    const uint8_t *data = pack(w, &n);
    sqlite3_bind_int64(w->insert, 1, row_id(w->table, w->n_blocks));
    sqlite3_bind_int64(w->insert, 2, w->n_rows);
    sqlite3_bind_blob(w->insert, 3, bounds_bytes, (int)(16 * w->n_cols), SQLITE_STATIC);
    sqlite3_bind_blob64(w->insert, 4, data, n, SQLITE_STATIC);
    sqlite3_step(w->insert);
    if (sqlite3_reset(w->insert) != SQLITE_OK) return sql_fault(f, w->db, table_names[w->table]);
    w->n_blocks++;
    w->n_written += w->n_rows;
    w->n_rows = 0;
    return 0;
}

int coltab_append(struct coltab_writer *w, const int64_t *row, struct fault *f) {
    if (!w->insert) TRY(writer_start(w, f));
    int64_t *at = w->values + w->n_rows;
    for (uint32_t c = 0; c < w->n_cols; c++, at += COLTAB_STRIDE) *at = row[c];
    return ++w->n_rows == COLTAB_BLOCK_ROWS ? coltab_flush(w, f) : 0;
}

int64_t coltab_n_appended(const struct coltab_writer *w) {
    return w->n_written + w->n_rows;
}

void coltab_writer_free(struct coltab_writer *w) {
    if (!w) return;
    sqlite3_finalize(w->insert);
    ZSTD_freeCCtx(w->zstd);
    free(w->values);
    free(w->packed);
    free(w->raw);
    free(w);
}

/* ---- the directory ------------------------------------------------------------------------- */

struct block {              /* in the cache */
    int64_t index;          /* -1 = unused */
    uint32_t refs, decoded; /* scans that stand on it; bit mask of decoded columns */
    uint32_t n_rows;
    uint64_t used; /* by the clock of the cache */
    uint8_t *raw;
    struct coltab_piece pieces[COLTAB_MAX_COLS];
    int64_t *values; /* by column, COLTAB_STRIDE apart */
    struct block *next;
};

struct coltab {
    sqlite3 *db;
    sqlite3_stmt *read;
    enum coltab_table table;
    uint32_t n_cols;
    int64_t n_blocks, n_rows;
    size_t capacity;
    int64_t *first_row; /* of each block */
    uint32_t *block_rows;
    struct coltab_bounds *bounds; /* n_cols for each block */
    struct block *cache;
    uint32_t n_cached;
    uint64_t clock;
};

static int damaged(const struct coltab *t, int64_t block, const char *what, struct fault *f) {
    return fault_set(f, PV_ECORRUPT, -1, "store: block %lld of table %s: %s", (long long)block,
                     table_names[t->table], what);
}

static int directory_grow(struct coltab *t, struct fault *f) {
    if ((size_t)t->n_blocks < t->capacity) return 0;
    size_t n = t->capacity ? 2 * t->capacity : 16;
    int64_t *first_row = realloc(t->first_row, n * sizeof *first_row);
    if (first_row) t->first_row = first_row;
    uint32_t *block_rows = realloc(t->block_rows, n * sizeof *block_rows);
    if (block_rows) t->block_rows = block_rows;
    struct coltab_bounds *bounds = realloc(t->bounds, n * t->n_cols * sizeof *bounds);
    if (bounds) t->bounds = bounds;
    if (!first_row || !block_rows || !bounds)
        return fault_set(f, PV_ENOMEM, -1, "no memory for the directory of %s",
                         table_names[t->table]);
    t->capacity = n;
    return 0;
}

static int directory_add(struct coltab *t, sqlite3_stmt *row, struct fault *f) {
    int64_t i = t->n_blocks;
    TRY(directory_grow(t, f));
    if (sqlite3_column_int64(row, 0) != row_id(t->table, i)) return damaged(t, i, "missing", f);
    int64_t n_rows = sqlite3_column_int64(row, 1);
    if (n_rows < 1 || n_rows > COLTAB_BLOCK_ROWS) return damaged(t, i, "bad count of rows", f);
    const uint8_t *bytes = sqlite3_column_blob(row, 2);
    if (!bytes || sqlite3_column_bytes(row, 2) != (int)(16 * t->n_cols))
        return damaged(t, i, "bad bounds", f);
    for (uint32_t c = 0; c < t->n_cols; c++)
        t->bounds[(size_t)i * t->n_cols + c] =
            (struct coltab_bounds){get_i64le(bytes + 16 * c), get_i64le(bytes + 16 * c + 8)};
    t->first_row[i] = t->n_rows;
    t->block_rows[i] = (uint32_t)n_rows;
    t->n_blocks++;
    t->n_rows += n_rows;
    return 0;
}

int coltab_reload(struct coltab *t, struct fault *f) {
    sqlite3_stmt *rows;
    if (sqlite3_prepare_v2(t->db,
                           "SELECT id, n_rows, bounds FROM coltab WHERE id BETWEEN ?1 AND ?2"
                           " ORDER BY id",
                           -1, &rows, NULL) != SQLITE_OK)
        return sql_fault(f, t->db, "reading column tables");
    sqlite3_bind_int64(rows, 1, row_id(t->table, t->n_blocks));
    sqlite3_bind_int64(rows, 2, row_id(t->table, ((int64_t)1 << 40) - 1));
    int rc = 0;
    while (rc == 0 && sqlite3_step(rows) == SQLITE_ROW) rc = directory_add(t, rows, f);
    if (sqlite3_finalize(rows) != SQLITE_OK && rc == 0)
        rc = sql_fault(f, t->db, "reading column tables");
    return rc;
}

int coltab_open(sqlite3 *db, enum coltab_table t, struct coltab **out, struct fault *f) {
    struct coltab *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c) return fault_set(f, PV_ENOMEM, -1, "no memory for table %s", table_names[t]);
    c->db = db;
    c->table = t;
    c->n_cols = coltab_n_cols(t);
    int rc = coltab_reload(c, f);
    if (rc < 0)
        coltab_close(c);
    else
        *out = c;
    return rc;
}

int64_t coltab_n_rows(const struct coltab *t) {
    return t->n_rows;
}

void coltab_close(struct coltab *t) {
    if (!t) return;
    for (struct block *b = t->cache, *next; b; b = next) {
        next = b->next;
        free(b->raw);
        free(b->values);
        free(b);
    }
    sqlite3_finalize(t->read);
    free(t->first_row);
    free(t->block_rows);
    free(t->bounds);
    free(t);
}

/* ---- blocks -------------------------------------------------------------------------------- */

/* block_take - one to be filled: the oldest that nobody stands on, or a new one. */
static struct block *block_take(struct coltab *t) {
    struct block *oldest = NULL;
    for (struct block *b = t->cache; b; b = b->next)
        if (b->refs == 0 && (!oldest || b->used < oldest->used)) oldest = b;
    if (oldest && t->n_cached >= CACHE_BLOCKS) return oldest;
    struct block *b = calloc(1, sizeof *b);
    int64_t *values = calloc((size_t)t->n_cols * COLTAB_STRIDE, sizeof *values);
    if (!b || !values) {
        free(b);
        free(values);
        return NULL;
    }
    b->values = values;
    b->index = -1;
    b->next = t->cache;
    t->cache = b;
    t->n_cached++;
    return b;
}

static int unpack(struct coltab *t, struct block *b, const uint8_t *data, size_t n,
                  struct fault *f) {
    size_t raw_max = COLTAB_RAW_MAX(t->n_cols, COLTAB_BLOCK_ROWS), size = n - 1;
    if (data[0] == ZSTD_FRAME) {
        unsigned long long content = ZSTD_getFrameContentSize(data + 1, n - 1);
        if (content > raw_max) return damaged(t, b->index, "bad compressed size", f);
        size = (size_t)content;
    } else if (data[0] != STORED || size > raw_max) {
        return damaged(t, b->index, "bad header", f);
    }
    free(b->raw);
    b->raw = malloc(size + 1);
    if (!b->raw) return fault_set(f, PV_ENOMEM, -1, "no memory for a block");
    if (data[0] == STORED)
        memcpy(b->raw, data + 1, size);
    else if (ZSTD_decompress(b->raw, size, data + 1, n - 1) != size)
        return damaged(t, b->index, "does not decompress", f);
    if (coltab_split(b->raw, size, t->n_cols, b->pieces) < 0)
        return damaged(t, b->index, "bad columns", f);
    return 0;
}

static int block_read(struct coltab *t, struct block *b, int64_t index, struct fault *f) {
    if (!t->read && sqlite3_prepare_v3(t->db, "SELECT data FROM coltab WHERE id = ?1", -1,
                                       SQLITE_PREPARE_PERSISTENT, &t->read, NULL) != SQLITE_OK)
        return sql_fault(f, t->db, "reading column tables");
    b->index = index;
    b->decoded = 0;
    b->n_rows = t->block_rows[index];
    sqlite3_bind_int64(t->read, 1, row_id(t->table, index));
    int rc;
    if (sqlite3_step(t->read) == SQLITE_ROW) {
        const uint8_t *data = sqlite3_column_blob(t->read, 0);
        int n = sqlite3_column_bytes(t->read, 0);
        rc = data && n > 0 ? unpack(t, b, data, (size_t)n, f) : damaged(t, index, "empty", f);
    } else {
        rc = sql_fault(f, t->db, table_names[t->table]);
    }
    sqlite3_reset(t->read);
    if (rc < 0) b->index = -1;
    return rc;
}

/* block_get - a reference to a block, its columns not decoded yet. */
static int block_get(struct coltab *t, int64_t index, struct block **out, struct fault *f) {
    struct block *b = t->cache;
    while (b && b->index != index) b = b->next;
    if (!b) {
        b = block_take(t);
        if (!b) return fault_set(f, PV_ENOMEM, -1, "no memory for a block");
        TRY(block_read(t, b, index, f));
    }
    b->used = ++t->clock;
    b->refs++;
    *out = b;
    return 0;
}

static int block_decode(struct coltab *t, struct block *b, uint32_t columns, struct fault *f) {
    for (uint32_t c = 0; c < t->n_cols; c++) {
        if (!(columns & ~b->decoded & 1u << c)) continue;
        if (coltab_decode(&b->pieces[c], b->n_rows, b->values + (size_t)c * COLTAB_STRIDE) < 0)
            return damaged(t, b->index, "bad column", f);
        b->decoded |= 1u << c;
    }
    return 0;
}

/* ---- scanning ------------------------------------------------------------------------------ */

struct coltab_scan {
    struct coltab *table;
    struct block *block; /* NULL = between blocks */
    int64_t next_block, n_blocks;
    uint32_t next_row, want;
    uint32_t n_bounds;
    uint8_t bound_column[COLTAB_MAX_COLS];
    struct coltab_bounds bounds[COLTAB_MAX_COLS]; /* by column; first to last that may pass */
    uint32_t start_col, length_col;               /* the same: lengths do not matter */
    int64_t ends_from;
    int64_t row[COLTAB_MAX_COLS];
};

int coltab_scan_open(struct coltab *t, struct coltab_scan **out, struct fault *f) {
    struct coltab_scan *s = calloc(1, sizeof *s);
    *out = s;
    if (!s) return fault_set(f, PV_ENOMEM, -1, "no memory for a scan");
    s->table = t;
    s->n_blocks = t->n_blocks;
    s->want = (1u << t->n_cols) - 1;
    return 0;
}

void coltab_scan_bound(struct coltab_scan *s, uint32_t col, int64_t min, int64_t max) {
    if (col >= s->table->n_cols) return;
    if (min == COLTAB_NULL) min++;
    for (uint32_t i = 0; i < s->n_bounds; i++) {
        if (s->bound_column[i] != col) continue;
        struct coltab_bounds *b = &s->bounds[col];
        if (min > b->min) b->min = min;
        if (max < b->max) b->max = max;
        return;
    }
    s->bound_column[s->n_bounds++] = (uint8_t)col;
    s->bounds[col] = (struct coltab_bounds){min, max};
}

void coltab_scan_ends(struct coltab_scan *s, uint32_t start_col, uint32_t length_col,
                      int64_t from) {
    s->start_col = start_col;
    s->length_col = length_col;
    s->ends_from = from;
}

void coltab_scan_want(struct coltab_scan *s, uint32_t columns) {
    s->want = columns;
}

static bool block_may_match(const struct coltab_scan *s, int64_t index) {
    const struct coltab_bounds *have = s->table->bounds + (size_t)index * s->table->n_cols;
    for (uint32_t i = 0; i < s->n_bounds; i++) {
        uint32_t c = s->bound_column[i];
        if (have[c].max < s->bounds[c].min || have[c].min > s->bounds[c].max) return false;
    }
    int64_t end;
    return s->start_col == s->length_col ||
           __builtin_add_overflow(have[s->start_col].max, have[s->length_col].max, &end) ||
           end >= s->ends_from;
}

static void leave_block(struct coltab_scan *s) {
    if (s->block) s->block->refs--;
    s->block = NULL;
}

static int enter_block(struct coltab_scan *s, struct fault *f) {
    uint32_t bound = 0;
    while (s->next_block < s->n_blocks && !block_may_match(s, s->next_block)) s->next_block++;
    if (s->next_block == s->n_blocks) return 0;
    TRY(block_get(s->table, s->next_block++, &s->block, f));
    s->next_row = 0;
    for (uint32_t i = 0; i < s->n_bounds; i++) bound |= 1u << s->bound_column[i];
    TRY(block_decode(s->table, s->block, bound, f));
    return 1;
}

/* find_row - the next row of the block that lies within all bounds; n_rows where there is none. */
static uint32_t find_row(const struct coltab_scan *s) {
    uint32_t r = s->next_row, n = s->block->n_rows;
    for (; r < n; r++) {
        bool inside = true;
        for (uint32_t i = 0; i < s->n_bounds && inside; i++) {
            uint32_t c = s->bound_column[i];
            int64_t v = s->block->values[(size_t)c * COLTAB_STRIDE + r];
            inside = v >= s->bounds[c].min && v <= s->bounds[c].max;
        }
        if (inside) break;
    }
    return r;
}

/* give_row - gathers the wanted columns of row r of the block. */
static int give_row(struct coltab_scan *s, uint32_t r, const int64_t **row, struct fault *f) {
    if (s->want & ~s->block->decoded) TRY(block_decode(s->table, s->block, s->want, f));
    const int64_t *v = s->block->values + r;
    for (uint32_t c = 0; c < s->table->n_cols; c++)
        if (s->want & 1u << c) s->row[c] = v[(size_t)c * COLTAB_STRIDE];
    s->next_row = r + 1;
    *row = s->row;
    return 1;
}

int coltab_scan_next(struct coltab_scan *s, const int64_t **row, struct fault *f) {
    for (;;) {
        if (!s->block) {
            int rc = enter_block(s, f);
            if (rc <= 0) return rc;
        }
        uint32_t r = find_row(s);
        if (r < s->block->n_rows) return give_row(s, r, row, f);
        leave_block(s);
    }
}

int coltab_scan_get(struct coltab_scan *s, int64_t number, const int64_t **row, struct fault *f) {
    const struct coltab *t = s->table;
    int64_t low = 0, high = s->n_blocks; /* the last block that begins at or before the row */
    if (number < 0 || number >= t->n_rows) return 0;
    while (low + 1 < high) {
        int64_t middle = low + (high - low) / 2;
        if (t->first_row[middle] <= number)
            low = middle;
        else
            high = middle;
    }
    uint32_t r = (uint32_t)(number - t->first_row[low]);
    if (r >= t->block_rows[low]) return 0; /* of a block that was added later */
    if (!s->block || s->block->index != low) {
        leave_block(s);
        TRY(block_get(s->table, low, &s->block, f));
        s->next_block = low + 1;
    }
    return give_row(s, r, row, f);
}

int64_t coltab_scan_row(const struct coltab_scan *s) {
    return s->table->first_row[s->block->index] + s->next_row - 1;
}

void coltab_scan_close(struct coltab_scan *s) {
    if (!s) return;
    leave_block(s);
    free(s);
}
