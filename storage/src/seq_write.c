/* storage/src/seq_write.c - sorted chunks, encoded and written; beside the builder if wanted.
 *
 * Layout of a chunk's blobs (varints, zstd where it pays; see column.h):
 *   dir      where the blocks of keys and the pages are (seq_keys.c); never zstd
 *   carried  (of slices, as is extra) n, then per row: key - previous, t0 - start, duration,
 *            wide, v0, v1
 *   data     per page: its blocks of keys; gap to the end of the key's row before, duration, wide;
 *            of levels v0; of slices v0 to v3 as a group, v4 (column.h)
 * Times, and of levels wide, are in units where these divide them (seq_unit in seq_impl.h).
 * Threads    with seq_seal_beside, ring[n_full] belongs to the caller's thread; ring[line.done] and
 *            all that follows it in the struct to whoever of the crew does the line's next unit.
 * Not here   reading (seq_read.c); the order of rows (seq_fill.c); what values mean (build_go.c,
 *            lod.c). */
#include "storage/src/db.h"
#include "storage/src/seq_fill.h"
#include "storage/src/seq_impl.h"

/* A page's columns stand 24 numbers further apart than a power of two, lest all of them want the
 * same sets of the cache. */
enum { VALUES = 3, LAST_VALUE = VALUES + PALETTE_COLUMNS, N_COLUMNS = VALUES + SEQ_MAX_COLS };
enum { PREFETCH_ROWS = 32, COLUMN_ROOM = SEQ_PAGE_ROWS + 24 };
_Static_assert(SEQ_MAX_COLS == PALETTE_COLUMNS + 1, "of a slice all values but one have a code");

/* One fills, one is being sealed, and of slices one evens out who is faster for the moment. */
enum { MAX_RING = 3 };
enum { MAX_BLOCKS = SEQ_CHUNK_ROWS / SEQ_BLOCK_KEYS };

struct full { /* a chunk that fills, or waits to be sealed */
    struct filling rows;
    int64_t t1; /* latest end of what was appended up to its last row */
};

struct seq_writer {
    sqlite3 *db;
    int series;
    uint32_t n_cols, max, n_ring; /* max: rows of a full chunk */
    bool is_slices; /* which have carried rows and sums; levels of detail are read key by key */
    seq_seal_fn on_seal;
    void *arg;
    int64_t t1; /* latest end of what was appended */

    struct crew *crew;     /* NULL: chunks are sealed at once */
    struct crew_line line; /* a unit is a full chunk */
    struct fault fault;    /* of the unit that ended the line */
    uint64_t n_full;       /* chunks handed over; modulo n_ring the place of the next one */
    struct full ring[MAX_RING], *in; /* in: where rows are added */

    sqlite3_stmt *insert, *insert_data, *insert_sums;
    struct column_codec *codec;
    struct palette palette;
    int64_t t0, n_chunks;
    struct column_past past[N_COLUMNS];
    uint64_t column[N_COLUMNS][COLUMN_ROOM];
    uint32_t block_row0[MAX_BLOCKS], block_bytes[MAX_BLOCKS], n_blocks;
    struct buffer dir, blocks, carried, extra, data, packed_carried;
};

int seq_create(sqlite3 *db, struct fault *f) {
    return db_exec(db,
                   "CREATE TABLE seq(id INTEGER PRIMARY KEY, t0 INTEGER, t1 INTEGER,"
                   " min_start INTEGER, n_rows INTEGER, dir BLOB);"
                   "CREATE TABLE seq_data(id INTEGER PRIMARY KEY, data BLOB);"
                   "CREATE TABLE seq_sums(id INTEGER PRIMARY KEY, carried BLOB, extra BLOB)",
                   f);
}

struct seq_writer *seq_writer_new(sqlite3 *db, int series, uint32_t n_cols, uint32_t max_rows,
                                  seq_seal_fn on_seal, void *arg) {
    struct seq_writer *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->db = db;
    w->series = series;
    w->n_cols = n_cols;
    w->on_seal = on_seal;
    w->arg = arg;
    w->max = max_rows;
    w->is_slices = series == seq_series(SEQ_SLICES, 0);
    w->n_ring = w->is_slices ? MAX_RING : MAX_RING - 1;
    for (int i = 0; i < MAX_RING; i++)
        w->ring[i].rows = (struct filling){.max = max_rows, .own_hints = w->is_slices};
    w->in = w->ring;
    w->codec = column_codec_new();
    struct fault f;
    if (w->codec &&
        db_prepare(db, "INSERT INTO seq VALUES(?1,?2,?3,?4,?5,?6)", &w->insert, &f) == 0 &&
        db_prepare(db, "INSERT INTO seq_data VALUES(?1,?2)", &w->insert_data, &f) == 0 &&
        db_prepare(db, "INSERT INTO seq_sums VALUES(?1,?2,?3)", &w->insert_sums, &f) == 0)
        return w;
    seq_writer_free(w);
    return NULL;
}

void seq_writer_free(struct seq_writer *w) {
    if (!w) return;
    crew_remove(w->crew, &w->line);
    sqlite3_finalize(w->insert);
    sqlite3_finalize(w->insert_data);
    sqlite3_finalize(w->insert_sums);
    column_codec_free(w->codec);
    for (int i = 0; i < MAX_RING; i++) fill_free(&w->ring[i].rows);
    struct buffer *buffers[] = {&w->dir,   &w->blocks, &w->carried,
                                &w->extra, &w->data,   &w->packed_carried};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) buffer_free(buffers[i]);
    free(w);
}

/* ---- encoding a sorted chunk ---- */

static uint64_t pack_ns(uint64_t ns, int unit) {
    return ns & ((UINT64_C(1) << unit) - 1) ? ns << 1 | 1 : ns >> unit << 1;
}

static struct full *sealing(struct seq_writer *w) {
    return &w->ring[w->line.done % w->n_ring];
}

static const struct seq_row *row_at(const struct filling *c, uint32_t i) {
    return &c->rows[c->order[i]];
}

static void put_columns(struct seq_writer *w, uint32_t n, uint32_t first, uint32_t end) {
    for (uint32_t k = first; k < end; k++)
        column_put(w->codec, &w->data, w->column[k], n, &w->past[k]);
}

/* v[0 … 3] as a code: most of what a slice has beyond its time repeats, row after row. */
static uint64_t code_of(struct palette *p, const struct seq_row *r) {
    return palette_code(p, r->v[0] | (uint64_t)r->v[1] << 32, r->v[2] | (uint64_t)r->v[3] << 32);
}

/* The codes in column[VALUES], or where there are too many the values themselves. */
static void put_values(struct seq_writer *w, uint32_t row0, uint32_t n, bool too_many) {
    const struct filling *c = &sealing(w)->rows;
    if (!too_many && column_put_rows(&w->data, &w->palette, w->column[VALUES], n)) return;
    column_put_apart(&w->data);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < PALETTE_COLUMNS; k++)
            w->column[VALUES + k][i] = row_at(c, row0 + i)->v[k];
    put_columns(w, n, VALUES, VALUES + PALETTE_COLUMNS);
}

static void put_page(struct seq_writer *w, uint32_t row0, uint32_t n) {
    const struct filling *c = &sealing(w)->rows;
    int64_t key = ~row_at(c, row0)->key; /* of the row before, and where it ended */
    uint64_t end = 0;
    int unit = seq_unit(w->series);
    bool slices = w->n_cols == SEQ_MAX_COLS;
    uint64_t any_code = 0;
    if (slices) palette_clear(&w->palette);
    for (uint32_t i = 0; i < n; i++) {
        if (row0 + i + PREFETCH_ROWS < c->n)
            __builtin_prefetch(row_at(c, row0 + i + PREFETCH_ROWS));
        const struct seq_row *r = row_at(c, row0 + i);
        /* Without a branch: nobody foresees where a key's rows end. */
        uint64_t gap = ((uint64_t)r->start_ns - end) & -(uint64_t)(r->key == key);
        key = r->key;
        end = (uint64_t)r->start_ns + (uint64_t)r->dur_ns;
        w->column[0][i] = seq_pack_signed((int64_t)gap, unit);
        w->column[1][i] = pack_ns((uint64_t)r->dur_ns, unit);
        w->column[2][i] = w->series & 63 ? pack_ns(r->wide, SEQ_TICK) : r->wide;
        w->column[VALUES][i] = slices ? code_of(&w->palette, r) : r->v[0];
        if (slices) w->column[LAST_VALUE][i] = r->v[PALETTE_COLUMNS];
        any_code |= w->column[VALUES][i];
    }
    put_columns(w, n, 0, VALUES);
    if (slices) {
        put_values(w, row0, n, any_code == PALETTE_FULL);
        put_columns(w, n, LAST_VALUE, N_COLUMNS);
    } else {
        put_columns(w, n, VALUES, VALUES + w->n_cols);
    }
}

/* The first n_blocks blocks of keys go before the rows of their pages. */
static void put_pages(struct seq_writer *w, uint32_t n_blocks) {
    const struct filling *c = &sealing(w)->rows;
    buffer_varint(&w->dir, (c->n + SEQ_PAGE_ROWS - 1) / SEQ_PAGE_ROWS);
    size_t before = 0, blocks_at = 0;
    uint32_t block = 0;
    for (uint32_t row0 = 0; row0 < c->n; row0 += SEQ_PAGE_ROWS) {
        buffer_varint(&w->dir, w->data.n - before);
        buffer_signed(&w->dir, w->t0 - row_at(c, row0)->start_ns);
        before = w->data.n;
        size_t blocks = blocks_at;
        for (; block < n_blocks && w->block_row0[block] < row0 + SEQ_PAGE_ROWS; block++)
            blocks_at += w->block_bytes[block];
        buffer_bytes(&w->data, w->blocks.data + blocks, blocks_at - blocks);
        put_page(w, row0, c->n - row0 < SEQ_PAGE_ROWS ? c->n - row0 : SEQ_PAGE_ROWS);
    }
}

static void put_carried(struct buffer *out, const struct seq_row *r, int64_t t0, int64_t before) {
    buffer_signed(out, (int64_t)((uint64_t)r->key - (uint64_t)before));
    buffer_varint(out, (uint64_t)(t0 - r->start_ns));
    buffer_varint(out, (uint64_t)r->dur_ns);
    buffer_varint(out, r->wide);
    buffer_varint(out, r->v[0]);
    buffer_varint(out, r->v[1]);
}

/* Keys in blocks, and the rows that began before t0 (only a key's first can).  Returns the
 * earliest start. */
static int64_t put_keys(struct seq_writer *w) {
    const struct filling *c = &sealing(w)->rows;
    int64_t min_start = row_at(c, 0)->start_ns, carried_key = 0;
    struct seq_key block[SEQ_BLOCK_KEYS];
    uint32_t row0 = 0, n_carried = 0, n = 0;
    int64_t block_key = 0;
    struct buffer rows = {0};
    buffer_varint(&w->dir, c->n_slots);
    for (uint32_t i = 0; i < c->n_slots; i++) {
        const struct seq_row *r = row_at(c, row0);
        if (i + PREFETCH_ROWS < c->n_slots)
            __builtin_prefetch(row_at(c, c->slots[i + PREFETCH_ROWS].place));
        block[n++] = (struct seq_key){r->key, r->start_ns, row0, c->slots[i].n};
        if (n == SEQ_BLOCK_KEYS || i + 1 == c->n_slots) {
            size_t before = w->blocks.n;
            seq_put_block(&w->dir, &w->blocks, block, n, block_key, w->t0, seq_unit(w->series));
            w->block_row0[w->n_blocks] = block[0].row0;
            w->block_bytes[w->n_blocks++] = (uint32_t)(w->blocks.n - before);
            block_key = block[0].key;
            n = 0;
        }
        if (r->start_ns < min_start) min_start = r->start_ns;
        if (r->start_ns < w->t0 && w->is_slices) {
            put_carried(&rows, r, w->t0, carried_key);
            carried_key = r->key;
            n_carried++;
        }
        row0 += c->slots[i].n;
    }
    buffer_varint(&w->carried, n_carried);
    if (rows.bad) w->carried.bad = true;
    buffer_bytes(&w->carried, rows.data, rows.n);
    buffer_free(&rows);
    return min_start;
}

static int write_sums(struct seq_writer *w, int64_t id, struct fault *f) {
    bytes_put(w->codec, &w->packed_carried, &w->carried);
    if (w->packed_carried.bad || w->extra.bad)
        return fault_set(f, PV_ENOMEM, -1, "out of memory while writing the store");
    sqlite3_bind_int64(w->insert_sums, 1, id);
    sqlite3_bind_blob64(w->insert_sums, 2, w->packed_carried.data, w->packed_carried.n,
                        SQLITE_STATIC);
    sqlite3_bind_blob64(w->insert_sums, 3, w->extra.data, w->extra.n, SQLITE_STATIC);
    return db_run(w->db, w->insert_sums, f);
}

static int write_chunk(struct seq_writer *w, int64_t min_start, struct fault *f) {
    if (w->data.bad || w->dir.bad || w->blocks.bad)
        return fault_set(f, PV_ENOMEM, -1, "out of memory while writing the store");
    int64_t id = (int64_t)w->series << 32 | w->n_chunks;
    sqlite3_stmt *s = w->insert, *d = w->insert_data;
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_int64(s, 2, w->t0);
    sqlite3_bind_int64(s, 3, sealing(w)->t1);
    sqlite3_bind_int64(s, 4, min_start);
    sqlite3_bind_int64(s, 5, sealing(w)->rows.n);
    sqlite3_bind_blob64(s, 6, w->dir.data, w->dir.n, SQLITE_STATIC);
    sqlite3_bind_int64(d, 1, id);
    sqlite3_bind_blob64(d, 2, w->data.data, w->data.n, SQLITE_STATIC);
    TRY(db_run(w->db, d, f));
    if (w->is_slices) TRY(write_sums(w, id, f));
    return db_run(w->db, s, f);
}

/* What is next in the ring becomes a chunk of the store. */
static int seal_next(struct seq_writer *w, struct fault *f) {
    struct filling *c = &sealing(w)->rows;
    int64_t t1 = sealing(w)->t1;
    if (!fill_sort(c)) return fault_set(f, PV_ENOMEM, -1, "out of memory while sorting slices");
    w->n_blocks = 0;
    w->dir.n = w->blocks.n = w->carried.n = w->extra.n = w->data.n = w->packed_carried.n = 0;
    int64_t min_start = put_keys(w);
    bool few = w->blocks.n <= SEQ_FEW_KEYS_BYTES;
    put_pages(w, few ? 0 : w->n_blocks);
    if (few) buffer_bytes(&w->dir, w->blocks.data, w->blocks.n);
    struct seq_chunk_view view = {c->rows, c->order, c->n, w->t0, t1, c->slots, c->n_slots};
    if (w->on_seal) TRY(w->on_seal(w->arg, &view, &w->extra, f));
    TRY(write_chunk(w, min_start, f));
    w->n_chunks++;
    w->t0 = t1;
    fill_clear(c);
    return 0;
}

/* ---- appending, and sealing beside it ---- */

static bool seal_unit(void *arg) {
    struct seq_writer *w = arg;
    return seal_next(w, &w->fault) == 0;
}

void seq_seal_beside(struct seq_writer *w, struct crew *crew) {
    w->crew = crew;
    w->line = (struct crew_line){.work = seal_unit, .arg = w};
    crew_add(crew, &w->line);
}

/* Waits until at most n chunks are still to be sealed. */
static int wait_for_sealer(struct seq_writer *w, uint64_t n, struct fault *f) {
    if (!w->crew || w->n_full <= n) return 0;
    if (crew_wait(w->crew, &w->line, w->n_full - n, -1) == CREW_DONE) return 0;
    *f = w->fault;
    return f->code;
}

/* What was added is a chunk.  Apart, so that the common way of seq_add stays short. */
static __attribute__((noinline)) int hand_over(struct seq_writer *w, struct fault *f) {
    w->in->t1 = w->t1;
    if (!w->crew) return seal_next(w, f);
    TRY(wait_for_sealer(w, w->n_ring - 2, f));
    w->n_full++;
    crew_give(w->crew, &w->line, 1);
    w->in = &w->ring[w->n_full % w->n_ring];
    return 0;
}

struct seq_row *seq_add(struct seq_writer *w, int64_t key, int64_t end_ns, uint32_t *hint,
                        struct fault *f) {
    if (w->in->rows.n == w->max && hand_over(w, f) < 0) return NULL;
    if (end_ns > w->t1) w->t1 = end_ns;
    struct seq_row *row = fill_add(&w->in->rows, key, hint);
    if (!row) fault_set(f, PV_ENOMEM, -1, "out of memory while sorting slices");
    return row;
}

int seq_hand_over(struct seq_writer *w, struct fault *f) {
    return w->in->rows.n ? hand_over(w, f) : 0;
}

int seq_seal(struct seq_writer *w, struct fault *f) {
    TRY(seq_hand_over(w, f));
    return wait_for_sealer(w, 0, f);
}
