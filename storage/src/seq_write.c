/* storage/src/seq_write.c - rows in, sorted chunks out.
 *
 * Layout of a chunk's blobs (varints, zstd where it pays; see column.h):
 *   dir      n_keys, then per key: key - previous, rows, t0 - first start;
 *            n_pages, then per page: offset in data - previous, t0 - start of its first row
 *   carried  (slices only) n, then per row: key - previous, t0 - start, duration, v0, v1
 *   data     per page: gap to the end of the key's row before, duration, v0 … (column.h)
 * A duration is stored as d/64*2 where 64 divides it (Go's clock ticks 64 ns), else d*2+1.
 * Not here   reading (seq_read.c); what the values mean (build.c, lod.c). */
#include "storage/src/seq.h"

#include "storage/src/column.h"
#include "storage/src/db.h"

enum { N_COLUMNS = SEQ_MAX_COLS + 2, ROWS_AT_FIRST = 256 };

struct slot { /* a distinct key of the chunk being filled */
    int64_t key;
    uint32_t n, place;
};

struct seq_writer {
    sqlite3 *db;
    sqlite3_stmt *insert;
    struct column_codec *codec;
    int series;
    uint32_t n_cols;
    bool list_carried; /* slices only: levels of detail are read key by key */
    seq_seal_fn on_seal;
    void *arg;
    int64_t t0, max_end, n_appended, n_chunks;
    struct seq_row *rows;
    uint32_t *row_slot, *order;
    uint32_t n, room, max; /* rows: used, allocated, a full chunk */
    struct slot *slots;
    uint32_t n_slots;
    uint32_t *table; /* hash of key -> slot + 1; 2 * room entries */
    unsigned table_shift;
    uint32_t skip[N_COLUMNS];
    uint64_t column[N_COLUMNS][SEQ_PAGE_ROWS];
    struct buffer dir, carried, extra, data, packed_dir, packed_carried;
};

int seq_create(sqlite3 *db, struct fault *f) {
    return db_exec(db,
                   "CREATE TABLE seq(id INTEGER PRIMARY KEY, t0 INTEGER, t1 INTEGER,"
                   " min_start INTEGER, n_rows INTEGER, dir BLOB, carried BLOB, extra BLOB,"
                   " data BLOB)",
                   f);
}

static void hash_slots(struct seq_writer *w);

/* Most levels of detail hold few rows: arrays start small and double. */
static bool make_room(struct seq_writer *w, uint32_t room) {
    void *rows = realloc(w->rows, room * sizeof *w->rows);
    if (rows) w->rows = rows;
    void *row_slot = realloc(w->row_slot, room * sizeof *w->row_slot);
    if (row_slot) w->row_slot = row_slot;
    void *order = realloc(w->order, room * sizeof *w->order);
    if (order) w->order = order;
    void *slots = realloc(w->slots, room * sizeof *w->slots);
    if (slots) w->slots = slots;
    free(w->table);
    w->table = calloc((size_t)room * 2, sizeof *w->table);
    if (!rows || !row_slot || !order || !slots || !w->table) return false;
    w->room = room;
    w->table_shift = 64 - (unsigned)__builtin_ctz(room * 2);
    hash_slots(w);
    return true;
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
    w->list_carried = series == seq_series(SEQ_SLICES, 0);
    w->codec = column_codec_new();
    struct fault f;
    if (!w->codec || !make_room(w, ROWS_AT_FIRST) ||
        db_prepare(db, "INSERT INTO seq VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)", &w->insert, &f) < 0) {
        seq_writer_free(w);
        return NULL;
    }
    return w;
}

void seq_writer_free(struct seq_writer *w) {
    if (!w) return;
    sqlite3_finalize(w->insert);
    column_codec_free(w->codec);
    free(w->rows);
    free(w->row_slot);
    free(w->order);
    free(w->slots);
    free(w->table);
    buffer_free(&w->dir);
    buffer_free(&w->carried);
    buffer_free(&w->extra);
    buffer_free(&w->data);
    buffer_free(&w->packed_dir);
    buffer_free(&w->packed_carried);
    free(w);
}

int64_t seq_n_appended(const struct seq_writer *w) {
    return w->n_appended;
}

/* The place of the key in the table: its slot's, or the empty one where it belongs. */
static uint32_t *place_of(struct seq_writer *w, int64_t key) {
    uint32_t mask = w->room * 2 - 1;
    uint32_t i = (uint32_t)(((uint64_t)key * 0x9e3779b97f4a7c15u) >> w->table_shift);
    while (w->table[i] && w->slots[w->table[i] - 1].key != key) i = (i + 1) & mask;
    return &w->table[i];
}

static void hash_slots(struct seq_writer *w) {
    for (uint32_t s = 0; s < w->n_slots; s++) *place_of(w, w->slots[s].key) = s + 1;
}

static uint32_t slot_of(struct seq_writer *w, int64_t key) {
    uint32_t *place = place_of(w, key);
    if (*place) return *place - 1;
    *place = w->n_slots + 1;
    w->slots[w->n_slots] = (struct slot){.key = key};
    return w->n_slots++;
}

int seq_append(struct seq_writer *w, const struct seq_row *row, struct fault *f) {
    if (w->n == w->room && !make_room(w, w->room * 2))
        return fault_set(f, PV_ENOMEM, -1, "out of memory while sorting slices");
    uint32_t i = w->n++;
    w->rows[i] = *row;
    uint32_t s = slot_of(w, row->key);
    w->row_slot[i] = s;
    w->slots[s].n++;
    w->n_appended++;
    int64_t end = row->start_ns + row->dur_ns;
    if (end > w->max_end) w->max_end = end;
    return w->n == w->max ? seq_seal(w, f) : 0;
}

static int slot_order(const void *a, const void *b) {
    int64_t x = (*(const struct slot *const *)a)->key, y = (*(const struct slot *const *)b)->key;
    return (x > y) - (x < y);
}

/* A stable counting sort by key: rows of one key keep the order in which they were appended. */
static void sort_rows(struct seq_writer *w, struct slot **sorted) {
    bool ascending = true;
    for (uint32_t i = 0; i < w->n_slots; i++) {
        sorted[i] = &w->slots[i];
        if (i && sorted[i]->key < sorted[i - 1]->key) ascending = false;
    }
    if (!ascending) qsort(sorted, w->n_slots, sizeof *sorted, slot_order);
    uint32_t place = 0;
    for (uint32_t i = 0; i < w->n_slots; i++) {
        sorted[i]->place = place;
        place += sorted[i]->n;
    }
    for (uint32_t i = 0; i < w->n; i++) w->order[w->slots[w->row_slot[i]].place++] = i;
}

static uint64_t pack_duration(int64_t d) {
    return d >= 0 && d % 64 == 0 ? (uint64_t)d / 64 << 1 : (uint64_t)d << 1 | 1;
}

static void put_page(struct seq_writer *w, uint32_t row0, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        const struct seq_row *r = &w->rows[w->order[row0 + i]];
        int64_t gap = 0;
        if (i) {
            const struct seq_row *before = &w->rows[w->order[row0 + i - 1]];
            if (before->key == r->key) gap = r->start_ns - before->start_ns - before->dur_ns;
        }
        w->column[0][i] = zigzag(gap);
        w->column[1][i] = pack_duration(r->dur_ns);
        for (uint32_t c = 0; c < w->n_cols; c++) w->column[2 + c][i] = r->v[c];
    }
    for (uint32_t c = 0; c < w->n_cols + 2; c++)
        column_put(w->codec, &w->data, w->column[c], n, &w->skip[c]);
}

static void put_pages(struct seq_writer *w) {
    buffer_varint(&w->dir, (w->n + SEQ_PAGE_ROWS - 1) / SEQ_PAGE_ROWS);
    size_t before = 0;
    for (uint32_t row0 = 0; row0 < w->n; row0 += SEQ_PAGE_ROWS) {
        buffer_varint(&w->dir, w->data.n - before);
        buffer_signed(&w->dir, w->t0 - w->rows[w->order[row0]].start_ns);
        before = w->data.n;
        uint32_t n = w->n - row0 < SEQ_PAGE_ROWS ? w->n - row0 : SEQ_PAGE_ROWS;
        put_page(w, row0, n);
    }
}

/* The directory of keys, and the rows that began before t0 (only a key's first can). */
static int64_t put_keys(struct seq_writer *w, struct slot *const *sorted) {
    int64_t min_start = w->rows[w->order[0]].start_ns;
    uint32_t row0 = 0, n_carried = 0;
    int64_t key = 0, carried_key = 0;
    struct buffer rows = {0};
    buffer_varint(&w->dir, w->n_slots);
    for (uint32_t i = 0; i < w->n_slots; i++) {
        const struct seq_row *r = &w->rows[w->order[row0]];
        buffer_signed(&w->dir, (int64_t)((uint64_t)sorted[i]->key - (uint64_t)key));
        buffer_varint(&w->dir, sorted[i]->n);
        buffer_signed(&w->dir, w->t0 - r->start_ns);
        key = sorted[i]->key;
        if (r->start_ns < min_start) min_start = r->start_ns;
        if (r->start_ns < w->t0 && w->list_carried) {
            buffer_signed(&rows, (int64_t)((uint64_t)key - (uint64_t)carried_key));
            buffer_varint(&rows, (uint64_t)(w->t0 - r->start_ns));
            buffer_varint(&rows, (uint64_t)r->dur_ns);
            buffer_varint(&rows, r->v[0]);
            buffer_varint(&rows, r->v[1]);
            carried_key = key;
            n_carried++;
        }
        row0 += sorted[i]->n;
    }
    buffer_varint(&w->carried, n_carried);
    if (rows.bad) w->carried.bad = true;
    buffer_bytes(&w->carried, rows.data, rows.n);
    buffer_free(&rows);
    return min_start;
}

static int write_chunk(struct seq_writer *w, int64_t t1, int64_t min_start, struct fault *f) {
    bytes_put(w->codec, &w->packed_dir, &w->dir);
    bytes_put(w->codec, &w->packed_carried, &w->carried);
    if (w->data.bad || w->packed_dir.bad || w->packed_carried.bad || w->extra.bad)
        return fault_set(f, PV_ENOMEM, -1, "out of memory while writing the store");
    sqlite3_stmt *s = w->insert;
    sqlite3_bind_int64(s, 1, (int64_t)w->series << 32 | w->n_chunks);
    sqlite3_bind_int64(s, 2, w->t0);
    sqlite3_bind_int64(s, 3, t1);
    sqlite3_bind_int64(s, 4, min_start);
    sqlite3_bind_int64(s, 5, w->n);
    sqlite3_bind_blob64(s, 6, w->packed_dir.data, w->packed_dir.n, SQLITE_STATIC);
    sqlite3_bind_blob64(s, 7, w->packed_carried.data, w->packed_carried.n, SQLITE_STATIC);
    sqlite3_bind_blob64(s, 8, w->extra.data, w->extra.n, SQLITE_STATIC);
    sqlite3_bind_blob64(s, 9, w->data.data, w->data.n, SQLITE_STATIC);
    return db_run(w->db, s, f);
}

int seq_seal(struct seq_writer *w, struct fault *f) {
    if (!w->n) return 0;
    int64_t t1 = w->max_end;
    struct slot **sorted = malloc(w->n_slots * sizeof *sorted);
    if (!sorted) return fault_set(f, PV_ENOMEM, -1, "out of memory while sorting slices");
    sort_rows(w, sorted);
    w->dir.n = w->carried.n = w->extra.n = w->data.n = 0;
    w->packed_dir.n = w->packed_carried.n = 0;
    int64_t min_start = put_keys(w, sorted);
    free(sorted);
    put_pages(w);
    struct seq_chunk_view view = {w->rows, w->order, w->n, w->t0, t1};
    if (w->on_seal) TRY(w->on_seal(w->arg, &view, &w->extra, f));
    TRY(write_chunk(w, t1, min_start, f));
    w->n_chunks++;
    w->t0 = t1;
    w->n = w->n_slots = 0;
    memset(w->table, 0, (size_t)w->room * 2 * sizeof *w->table);
    return 0;
}
