/* storage/src/seq_read.c - chunks back to rows: by key, by time, page by page.
 *
 * Every length and index from the file is checked: a store may be damaged or hostile.
 * Layout      see seq_write.c.
 * Not here    a chunk's keys (seq_keys.c); which pages a question needs (seq_scan.c). */
#include <stdlib.h>

#include "storage/src/db.h"
#include "storage/src/seq_impl.h"

enum { DIR_MAX = 64 << 20 };
enum blob { BLOB_DIR, BLOB_CARRIED, BLOB_EXTRA };

int seq_open(sqlite3 *db, int series, uint32_t n_cols, bool growing, struct seq_cache *cache,
             struct seq **out, struct fault *f) {
    struct seq *s = calloc(1, sizeof *s);
    if (!s) return fault_set(f, PV_ENOMEM, -1, "out of memory while opening the store");
    s->db = db;
    s->series = series;
    s->n_cols = n_cols;
    s->growing = growing;
    s->cache = cache;
    s->bucket_ns = series & 63 ? INT64_C(1) << (series & 63) : 0;
    int rc = 0;
    static const char *const sql[] = {"SELECT dir FROM seq WHERE id=?1",
                                      "SELECT carried FROM seq_sums WHERE id=?1",
                                      "SELECT extra FROM seq_sums WHERE id=?1"};
    for (int i = 0; rc == 0 && i < 3; i++) rc = db_prepare(db, sql[i], &s->small[i], f);
    if (rc == 0)
        rc = db_prepare(db,
                        "SELECT id,t0,t1,min_start,n_rows FROM seq"
                        " WHERE id>=?1 AND id<?2 ORDER BY id",
                        &s->list, f);
    if (rc == 0) rc = seq_reload(s, f);
    if (rc < 0) {
        seq_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void seq_close(struct seq *s) {
    if (!s) return;
    for (uint32_t i = 0; i < s->n_chunks; i++) seq_forget(s, i);
    free(s->chunks);
    sqlite3_blob_close(s->data);
    sqlite3_finalize(s->list);
    for (int i = 0; i < 3; i++) sqlite3_finalize(s->small[i]);
    free(s);
}

static int add_chunk(struct seq *s, const struct seq_chunk *c) {
    if (s->n_chunks == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : 64;
        struct seq_chunk *chunks = realloc(s->chunks, cap * sizeof *chunks);
        if (!chunks) return PV_ENOMEM;
        s->chunks = chunks;
        s->cap = cap;
    }
    s->chunks[s->n_chunks++] = *c;
    return 0;
}

int seq_reload(struct seq *s, struct fault *f) {
    int64_t base = (int64_t)s->series << 32;
    sqlite3_bind_int64(s->list, 1, base + s->n_chunks);
    sqlite3_bind_int64(s->list, 2, base + (INT64_C(1) << 32));
    int rc;
    while ((rc = sqlite3_step(s->list)) == SQLITE_ROW) {
        struct seq_chunk c = {.id = sqlite3_column_int64(s->list, 0),
                              .t0 = sqlite3_column_int64(s->list, 1),
                              .t1 = sqlite3_column_int64(s->list, 2),
                              .min_start_ns = sqlite3_column_int64(s->list, 3)};
        int64_t n = sqlite3_column_int64(s->list, 4);
        int64_t before = s->n_chunks ? s->chunks[s->n_chunks - 1].t1 : INT64_MIN;
        if (n < 1 || n > SEQ_CHUNK_ROWS || c.t1 < c.t0 || c.t1 < before || seq_far(c.t0) ||
            seq_far(c.t1) || seq_far(c.min_start_ns)) {
            sqlite3_reset(s->list);
            return fault_set(f, PV_ECORRUPT, -1, "the store's list of chunks is damaged");
        }
        c.n_rows = (uint32_t)n;
        if (add_chunk(s, &c) < 0) {
            sqlite3_reset(s->list);
            return fault_set(f, PV_ENOMEM, -1, "out of memory while opening the store");
        }
    }
    sqlite3_reset(s->list);
    return rc == SQLITE_DONE ? 0 : sql_fault(f, s->db, "reading the store");
}

uint32_t seq_n_chunks(const struct seq *s) {
    return s->n_chunks;
}
const struct seq_chunk *seq_chunk_bounds(const struct seq *s, uint32_t i) {
    return &s->chunks[i];
}

uint32_t seq_first_chunk_after(const struct seq *s, int64_t t) {
    uint32_t low = 0, high = s->n_chunks;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (s->chunks[mid].t1 > t)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static int read_blob(struct seq *s, enum blob which, int64_t id, struct buffer *out, bool packed,
                     struct fault *f) {
    sqlite3_stmt *stmt = s->small[which];
    sqlite3_bind_int64(stmt, 1, id);
    int rc = sqlite3_step(stmt), code = 0;
    out->n = 0;
    if (rc != SQLITE_ROW) {
        code = rc == SQLITE_DONE ? fault_set(f, PV_ECORRUPT, -1, "a chunk of the store is missing")
                                 : sql_fault(f, s->db, "reading the store");
    } else {
        const void *blob = sqlite3_column_blob(stmt, 0); /* NULL where it is empty */
        const uint8_t *data = blob ? blob : (const uint8_t *)"";
        size_t n = (size_t)sqlite3_column_bytes(stmt, 0);
        struct cursor c = {data, data + n, false};
        if (!packed)
            buffer_bytes(out, data, n);
        else
            code = bytes_get(s->cache->codec, &c, out, DIR_MAX);
        if (out->bad) code = PV_ENOMEM;
        if (code < 0) fault_set(f, code, -1, "a chunk's directory in the store is damaged");
    }
    sqlite3_reset(stmt);
    return code;
}

static int parse_carried(struct seq_chunk *c, struct cursor *in) {
    uint64_t n = cursor_varint(in), key = 0, far = 0;
    if (in->bad || n > c->n_rows) return PV_ECORRUPT;
    c->carried = malloc((n ? n : 1) * sizeof *c->carried);
    if (!c->carried) return PV_ENOMEM;
    for (uint64_t i = 0; i < n; i++) {
        key += (uint64_t)cursor_signed(in);
        uint64_t back = cursor_varint(in);
        c->carried[i].key = (int64_t)key;
        c->carried[i].start_ns = (int64_t)((uint64_t)c->t0 - back);
        c->carried[i].dur_ns = (int64_t)cursor_varint(in);
        c->carried[i].wide = cursor_varint(in);
        far |= seq_far(c->carried[i].start_ns) | seq_long(c->carried[i].dur_ns);
        c->carried[i].v0 = (uint32_t)cursor_varint(in);
        c->carried[i].v1 = (uint32_t)cursor_varint(in);
    }
    c->n_carried = (uint32_t)n;
    return in->bad || far ? PV_ECORRUPT : 0;
}

static int damaged(struct fault *f, int rc) {
    return fault_set(f, rc, -1, "a chunk's directory in the store is damaged");
}

static int load_directory(struct seq *s, struct seq_chunk *c, struct fault *f) {
    struct buffer *bytes = &s->cache->scratch;
    TRY(read_blob(s, BLOB_DIR, c->id, bytes, false, f));
    struct cursor in = {bytes->data, bytes->data + bytes->n, false};
    int rc = seq_parse_directory(c, &in);
    if (rc == 0) return 0;
    seq_free_directory(c);
    return damaged(f, rc);
}

const struct seq_chunk *seq_chunk(struct seq *s, uint32_t i, struct fault *f) {
    struct seq_chunk *c = &s->chunks[i];
    if (!c->blocks && load_directory(s, c, f) < 0) return NULL;
    return c;
}

const struct seq_chunk *seq_carried(struct seq *s, uint32_t i, struct fault *f) {
    struct seq_chunk *c = &s->chunks[i];
    if (c->carried) return c;
    struct buffer *bytes = &s->cache->scratch;
    if (read_blob(s, BLOB_CARRIED, c->id, bytes, true, f) < 0) return NULL;
    struct cursor in = {bytes->data, bytes->data + bytes->n, false};
    int rc = parse_carried(c, &in);
    if (rc == 0) return c;
    free(c->carried);
    c->carried = NULL;
    damaged(f, rc);
    return NULL;
}

void seq_forget(struct seq *s, uint32_t i) {
    struct seq_chunk *c = &s->chunks[i];
    seq_free_directory(c);
    free(c->carried);
    c->carried = NULL;
}

int seq_extra(struct seq *s, uint32_t i, const uint8_t **data, size_t *n, struct fault *f) {
    TRY(read_blob(s, BLOB_EXTRA, s->chunks[i].id, &s->cache->scratch, false, f));
    *data = s->cache->scratch.data;
    *n = s->cache->scratch.n;
    return 0;
}

static void close_data(struct seq *s) {
    sqlite3_blob_close(s->data);
    s->data = NULL;
}

static int open_data(struct seq *s, const struct seq_chunk *c, struct fault *f) {
    int rc = SQLITE_OK;
    if (!s->data)
        rc = sqlite3_blob_open(s->db, "main", "seq_data", "data", c->id, 0, &s->data);
    else if (s->data_id != c->id)
        rc = sqlite3_blob_reopen(s->data, c->id);
    s->data_id = c->id;
    if (rc == SQLITE_OK) return 0;
    close_data(s);
    return sql_fault(f, s->db, "reading the store");
}

int seq_read_bytes(struct seq *s, const struct seq_chunk *c, uint32_t from, uint32_t to,
                   struct fault *f) {
    TRY(open_data(s, c, f));
    struct buffer *bytes = &s->cache->bytes;
    uint32_t size = (uint32_t)sqlite3_blob_bytes(s->data);
    if (to == UINT32_MAX) to = size;
    int code = 0;
    bytes->n = 0;
    if (from > to || to > size)
        code = fault_set(f, PV_ECORRUPT, -1, "a chunk's pages in the store are damaged");
    else if (!buffer_reserve(bytes, (size_t)(to - from) + 1))
        code = fault_set(f, PV_ENOMEM, -1, "out of memory while reading the store");
    else if (sqlite3_blob_read(s->data, bytes->data, (int)(to - from), (int)from) != SQLITE_OK)
        code = sql_fault(f, s->db, "reading the store");
    else
        bytes->n = to - from;
    if (code < 0 || s->growing) close_data(s);
    return code;
}

/* Without a branch, for the sake of vectors. */
static void unpack_ns(uint64_t *v, uint32_t n, int unit) {
    for (uint32_t i = 0; i < n; i++) {
        uint64_t units = (v[i] & 1) - 1, number = v[i] >> 1;
        v[i] = (number << unit & units) | (number & ~units);
    }
}

static void unpack_signed(uint64_t *v, uint32_t n, int unit) {
    for (uint32_t i = 0; i < n; i++) v[i] = (uint64_t)seq_unpack_signed(v[i], unit);
}

/* Which key each row belongs to, and where the first row of each key starts. */
static int place_rows(struct seq *s, const struct seq_chunk *c, uint32_t page, struct seq_page *out,
                      struct fault *f) {
    uint32_t k;
    TRY(seq_key_of_row(s, c, out->row0, &k, f));
    int64_t end = c->pages[page].start_ns;
    uint64_t far = 0;
    for (uint32_t i = 0; i < out->n; k++) {
        const struct seq_key *key = seq_key(s, c, k, f);
        if (!key) return f->code;
        uint32_t key_end = key->row0 + key->n_rows - out->row0;
        if (key_end > out->n) key_end = out->n;
        bool whole = out->row0 + i == key->row0;
        int64_t start = whole ? key->first_start_ns : end;
        for (;; start = (int64_t)((uint64_t)end + (uint64_t)out->start_ns[i])) {
            out->key[i] = key->key;
            out->start_ns[i] = start;
            end = (int64_t)((uint64_t)start + (uint64_t)out->dur_ns[i]);
            far |= seq_far(start) | seq_long(out->dur_ns[i]);
            if (++i >= key_end) break;
        }
    }
    return far ? fault_set(f, PV_ECORRUPT, -1, "a page of the store is damaged") : 0;
}

int seq_read_rows(struct seq *s, uint32_t chunk, uint32_t page, uint32_t first, uint32_t n,
                  uint32_t columns, struct seq_page *out, struct fault *f) {
    const struct seq_chunk *c = seq_chunk(s, chunk, f);
    if (!c) return f->code;
    uint32_t to = page + 1 < c->n_pages ? c->pages[page + 1].offset : UINT32_MAX;
    TRY(seq_read_bytes(s, c, c->pages[page].rows, to, f));
    uint32_t row0 = page * SEQ_PAGE_ROWS;
    uint32_t all = c->n_rows - row0 < SEQ_PAGE_ROWS ? c->n_rows - row0 : SEQ_PAGE_ROWS;
    out->row0 = row0 + first;
    out->n = n < all - first ? n : all - first;
    struct column_part part = {all, first, out->n};
    struct column_codec *codec = s->cache->codec;
    struct cursor in = {s->cache->bytes.data, s->cache->bytes.data + s->cache->bytes.n, false};
    uint64_t *gap = (uint64_t *)out->start_ns, *dur = (uint64_t *)out->dur_ns;
    int rc = column_get_part(codec, &in, gap, part);
    if (rc == 0) rc = column_get_part(codec, &in, dur, part);
    if (rc == 0) rc = column_get_part(codec, &in, columns & SEQ_WIDE ? out->wide : NULL, part);
    uint64_t *v[SEQ_MAX_COLS];
    for (uint32_t i = 0; i < SEQ_MAX_COLS; i++) v[i] = columns >> i & 1 ? out->v[i] : NULL;
    bool slices = s->n_cols == SEQ_MAX_COLS;
    if (rc == 0 && slices) rc = column_get_rows(codec, &in, v, part);
    for (uint32_t i = slices ? PALETTE_COLUMNS : 0; rc == 0 && i < s->n_cols; i++)
        rc = column_get_part(codec, &in, v[i], part);
    if (rc < 0) return fault_set(f, rc, -1, "a page of the store is damaged");
    unpack_signed(gap, out->n, seq_unit(s->series));
    unpack_ns(dur, out->n, seq_unit(s->series));
    if (s->bucket_ns && columns & SEQ_WIDE) unpack_ns(out->wide, out->n, SEQ_TICK);
    return place_rows(s, c, page, out, f);
}

int seq_read_page(struct seq *s, uint32_t chunk, uint32_t page, uint32_t columns,
                  struct seq_page *out, struct fault *f) {
    return seq_read_rows(s, chunk, page, 0, SEQ_PAGE_ROWS, columns, out, f);
}
