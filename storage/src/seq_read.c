/* storage/src/seq_read.c - chunks back to rows: by key, by time, page by page.
 *
 * Every length and index from the file is checked: a store may be damaged or hostile.
 * Layout: see seq_write.c. */
#include "storage/src/seq.h"

#include <stdlib.h>

#include "storage/src/column.h"
#include "storage/src/db.h"

enum { DIR_MAX = 64 << 20 };
enum blob { BLOB_DIR, BLOB_CARRIED, BLOB_EXTRA };

struct seq {
    sqlite3 *db;
    sqlite3_stmt *list, *small[3];
    sqlite3_blob *data;
    int64_t data_id;
    int series;
    int64_t bucket_ns; /* rows of one key may overlap by less than this */
    uint32_t n_cols;
    bool growing;
    struct column_codec *codec;
    struct buffer scratch, bytes;
    struct seq_chunk *chunks;
    uint32_t n_chunks, cap;
    struct seq_page *page; /* for seq_rows that go through much */
    struct seq_cache *cache;
};

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
    s->codec = column_codec_new();
    s->page = malloc(sizeof *s->page);
    int rc = s->codec && s->page ? 0 : fault_set(f, PV_ENOMEM, -1, "out of memory");
    static const char *const sql[] = {"SELECT dir FROM seq WHERE id=?1",
                                      "SELECT carried FROM seq WHERE id=?1",
                                      "SELECT extra FROM seq WHERE id=?1"};
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

static void free_directory(struct seq_chunk *c) {
    free(c->keys);
    free(c->carried);
    free(c->page_start_ns);
    free(c->page_offset);
}

void seq_close(struct seq *s) {
    if (!s) return;
    for (uint32_t i = 0; i < s->n_chunks; i++) free_directory(&s->chunks[i]);
    free(s->chunks);
    sqlite3_blob_close(s->data);
    sqlite3_finalize(s->list);
    for (int i = 0; i < 3; i++) sqlite3_finalize(s->small[i]);
    column_codec_free(s->codec);
    buffer_free(&s->scratch);
    buffer_free(&s->bytes);
    free(s->page);
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
        if (n < 1 || n > SEQ_CHUNK_ROWS || c.t1 < c.t0 || c.t1 < before) {
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
            code = bytes_get(s->codec, &c, out, DIR_MAX);
        if (out->bad) code = PV_ENOMEM;
        if (code < 0) fault_set(f, code, -1, "a chunk's directory in the store is damaged");
    }
    sqlite3_reset(stmt);
    return code;
}

static int parse_keys(struct seq_chunk *c, struct cursor *in) {
    uint64_t n = cursor_varint(in);
    if (in->bad || n < 1 || n > c->n_rows) return PV_ECORRUPT;
    c->keys = malloc(n * sizeof *c->keys);
    if (!c->keys) return PV_ENOMEM;
    uint64_t row0 = 0, key = 0;
    for (uint64_t i = 0; i < n; i++) {
        struct seq_key *k = &c->keys[i];
        key += (uint64_t)cursor_signed(in);
        uint64_t rows = cursor_varint(in);
        int64_t back = cursor_signed(in);
        if (in->bad || rows < 1 || rows > c->n_rows - row0) return PV_ECORRUPT;
        if (i && (int64_t)key <= k[-1].key) return PV_ECORRUPT;
        *k = (struct seq_key){(int64_t)key, (int64_t)((uint64_t)c->t0 - (uint64_t)back),
                              (uint32_t)row0, (uint32_t)rows};
        row0 += rows;
    }
    c->n_keys = (uint32_t)n;
    return row0 == c->n_rows ? 0 : PV_ECORRUPT;
}

static int parse_pages(struct seq_chunk *c, struct cursor *in) {
    uint64_t n = cursor_varint(in);
    if (in->bad || n != (c->n_rows + SEQ_PAGE_ROWS - 1) / SEQ_PAGE_ROWS) return PV_ECORRUPT;
    c->page_start_ns = malloc(n * sizeof *c->page_start_ns);
    c->page_offset = malloc(n * sizeof *c->page_offset);
    if (!c->page_start_ns || !c->page_offset) return PV_ENOMEM;
    uint64_t offset = 0;
    for (uint64_t i = 0; i < n; i++) {
        offset += cursor_varint(in);
        c->page_start_ns[i] = (int64_t)((uint64_t)c->t0 - (uint64_t)cursor_signed(in));
        if (in->bad || offset > INT32_MAX) return PV_ECORRUPT;
        c->page_offset[i] = (uint32_t)offset;
    }
    c->n_pages = (uint32_t)n;
    return 0;
}

static int parse_carried(struct seq_chunk *c, struct cursor *in) {
    uint64_t n = cursor_varint(in), key = 0;
    if (in->bad || n > c->n_keys) return PV_ECORRUPT;
    c->carried = malloc((n ? n : 1) * sizeof *c->carried);
    if (!c->carried) return PV_ENOMEM;
    for (uint64_t i = 0; i < n; i++) {
        key += (uint64_t)cursor_signed(in);
        uint64_t back = cursor_varint(in);
        c->carried[i].key = (int64_t)key;
        c->carried[i].start_ns = (int64_t)((uint64_t)c->t0 - back);
        c->carried[i].dur_ns = (int64_t)cursor_varint(in);
        c->carried[i].wide = cursor_varint(in);
        c->carried[i].v0 = (uint32_t)cursor_varint(in);
        c->carried[i].v1 = (uint32_t)cursor_varint(in);
    }
    c->n_carried = (uint32_t)n;
    return in->bad ? PV_ECORRUPT : 0;
}

static int load_directory(struct seq *s, struct seq_chunk *c, struct fault *f) {
    struct seq_chunk fresh = *c;
    TRY(read_blob(s, BLOB_DIR, c->id, &s->scratch, true, f));
    struct cursor in = {s->scratch.data, s->scratch.data + s->scratch.n, false};
    int rc = parse_keys(&fresh, &in);
    if (rc == 0) rc = parse_pages(&fresh, &in);
    if (rc == 0) {
        rc = read_blob(s, BLOB_CARRIED, c->id, &s->scratch, true, f);
        in = (struct cursor){s->scratch.data, s->scratch.data + s->scratch.n, false};
        if (rc == 0) rc = parse_carried(&fresh, &in);
    }
    if (rc < 0) {
        free_directory(&fresh);
        return fault_set(f, rc, -1, "a chunk's directory in the store is damaged");
    }
    fresh.loaded = true;
    *c = fresh;
    return 0;
}

const struct seq_chunk *seq_chunk(struct seq *s, uint32_t i, struct fault *f) {
    struct seq_chunk *c = &s->chunks[i];
    if (!c->loaded && load_directory(s, c, f) < 0) return NULL;
    return c;
}

int seq_extra(struct seq *s, uint32_t i, const uint8_t **data, size_t *n, struct fault *f) {
    TRY(read_blob(s, BLOB_EXTRA, s->chunks[i].id, &s->scratch, false, f));
    *data = s->scratch.data;
    *n = s->scratch.n;
    return 0;
}

uint32_t seq_find_key(const struct seq_chunk *c, int64_t key, bool *found) {
    uint32_t low = 0, high = c->n_keys;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (c->keys[mid].key < key)
            low = mid + 1;
        else
            high = mid;
    }
    *found = low < c->n_keys && c->keys[low].key == key;
    return low;
}

static void close_data(struct seq *s) {
    sqlite3_blob_close(s->data);
    s->data = NULL;
}

static int open_data(struct seq *s, const struct seq_chunk *c, struct fault *f) {
    int rc = SQLITE_OK;
    if (!s->data)
        rc = sqlite3_blob_open(s->db, "main", "seq", "data", c->id, 0, &s->data);
    else if (s->data_id != c->id)
        rc = sqlite3_blob_reopen(s->data, c->id);
    s->data_id = c->id;
    if (rc == SQLITE_OK) return 0;
    close_data(s);
    return sql_fault(f, s->db, "reading the store");
}

/* The page's bytes into s->bytes. */
static int read_bytes(struct seq *s, const struct seq_chunk *c, uint32_t page, struct fault *f) {
    TRY(open_data(s, c, f));
    uint32_t size = (uint32_t)sqlite3_blob_bytes(s->data);
    uint32_t from = c->page_offset[page];
    uint32_t to = page + 1 < c->n_pages ? c->page_offset[page + 1] : size;
    int code = 0;
    s->bytes.n = 0;
    if (from > to || to > size)
        code = fault_set(f, PV_ECORRUPT, -1, "a chunk's pages in the store are damaged");
    else if (!buffer_reserve(&s->bytes, (size_t)(to - from) + 1))
        code = fault_set(f, PV_ENOMEM, -1, "out of memory while reading the store");
    else if (sqlite3_blob_read(s->data, s->bytes.data, (int)(to - from), (int)from) != SQLITE_OK)
        code = sql_fault(f, s->db, "reading the store");
    s->bytes.n = to - from;
    if (code < 0 || s->growing) close_data(s);
    return code;
}

static int64_t unpack_duration(uint64_t v) {
    return v & 1 ? (int64_t)(v >> 1) : (int64_t)((v >> 1) * 64);
}

/* Which key each row belongs to, and where the first row of each key starts. */
static void place_rows(const struct seq_chunk *c, uint32_t page, struct seq_page *out) {
    uint32_t low = 0, high = c->n_keys;
    while (high - low > 1) { /* the key that holds row0 */
        uint32_t mid = low + (high - low) / 2;
        if (c->keys[mid].row0 <= out->row0)
            low = mid;
        else
            high = mid;
    }
    int64_t end = c->page_start_ns[page];
    uint32_t k = low;
    for (uint32_t i = 0; i < out->n; i++) {
        uint32_t row = out->row0 + i;
        if (row >= c->keys[k].row0 + c->keys[k].n_rows) k++;
        const struct seq_key *key = &c->keys[k];
        int64_t start = row == key->row0 ? key->first_start_ns
                        : i == 0         ? end
                                         : (int64_t)((uint64_t)end + (uint64_t)out->start_ns[i]);
        out->key[i] = key->key;
        out->start_ns[i] = start;
        end = (int64_t)((uint64_t)start + (uint64_t)out->dur_ns[i]);
    }
}

int seq_read_page(struct seq *s, uint32_t chunk, uint32_t page, uint32_t columns,
                  struct seq_page *out, struct fault *f) {
    const struct seq_chunk *c = seq_chunk(s, chunk, f);
    if (!c) return f->code;
    TRY(read_bytes(s, c, page, f));
    out->row0 = page * SEQ_PAGE_ROWS;
    out->n = c->n_rows - out->row0 < SEQ_PAGE_ROWS ? c->n_rows - out->row0 : SEQ_PAGE_ROWS;
    struct cursor in = {s->bytes.data, s->bytes.data + s->bytes.n, false};
    uint64_t *gap = (uint64_t *)out->start_ns, *dur = (uint64_t *)out->dur_ns;
    int rc = column_get(s->codec, &in, gap, out->n);
    if (rc == 0) rc = column_get(s->codec, &in, dur, out->n);
    if (rc == 0) rc = column_get(s->codec, &in, columns & SEQ_WIDE ? out->wide : NULL, out->n);
    for (uint32_t i = 0; rc == 0 && i < s->n_cols; i++)
        rc = column_get(s->codec, &in, columns >> i & 1 ? out->v[i] : NULL, out->n);
    if (rc < 0) return fault_set(f, rc, -1, "a page of the store is damaged");
    for (uint32_t i = 0; i < out->n; i++) {
        out->start_ns[i] = unzigzag(gap[i]);
        out->dur_ns[i] = unpack_duration(dur[i]);
    }
    place_rows(c, page, out);
    return 0;
}

/* ---- pages, kept ----
 * A chunk never changes, so a page that was decoded stays true.  Whoever goes through more than
 * CACHED_CHUNKS chunks, and not for one lane, would only drive out what others need, and uses a
 * page of its own. */

enum { CACHED_PAGES = 80, CACHED_CHUNKS = 2 };

struct seq_cache {
    struct {
        const struct seq *owner; /* NULL = empty */
        uint32_t chunk, page, columns;
        uint32_t used; /* clock of the last use */
    } tags[CACHED_PAGES];
    struct seq_page *pages[CACHED_PAGES];
    uint32_t clock;
};

struct seq_cache *seq_cache_new(void) {
    return calloc(1, sizeof(struct seq_cache));
}

void seq_cache_free(struct seq_cache *c) {
    if (!c) return;
    for (int i = 0; i < CACHED_PAGES; i++) free(c->pages[i]);
    free(c);
}

static int cached_page(struct seq *s, uint32_t chunk, uint32_t page, uint32_t columns,
                       const struct seq_page **out, struct fault *f) {
    struct seq_cache *c = s->cache;
    int oldest = 0;
    for (int i = 0; i < CACHED_PAGES; i++) {
        if (c->tags[i].owner == s && c->tags[i].chunk == chunk && c->tags[i].page == page &&
            (columns & ~c->tags[i].columns) == 0) {
            c->tags[i].used = ++c->clock;
            *out = c->pages[i];
            return 0;
        }
        if (c->tags[i].used < c->tags[oldest].used) oldest = i;
    }
    if (!c->pages[oldest]) c->pages[oldest] = malloc(sizeof(struct seq_page));
    if (!c->pages[oldest]) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    c->tags[oldest].owner = NULL;
    TRY(seq_read_page(s, chunk, page, columns, c->pages[oldest], f));
    c->tags[oldest].owner = s;
    c->tags[oldest].chunk = chunk;
    c->tags[oldest].page = page;
    c->tags[oldest].columns = columns;
    c->tags[oldest].used = ++c->clock;
    *out = c->pages[oldest];
    return 0;
}

struct visit {
    const struct seq_window *w;
    seq_visit_fn fn;
    void *arg;
    bool keep; /* the pages */
};

/* Rows row0 … row1-1 of a chunk, those that touch the window.  1 = the visitor wants no more. */
static int visit_rows(struct seq *s, uint32_t chunk, uint32_t row0, uint32_t row1,
                      const struct visit *v, struct fault *f) {
    const struct seq_chunk *c = &s->chunks[chunk];
    bool one_key = v->w->key_min == v->w->key_max;
    uint32_t last = (row1 - 1) / SEQ_PAGE_ROWS;
    for (uint32_t page = row0 / SEQ_PAGE_ROWS; page <= last; page++) {
        if (one_key && page > row0 / SEQ_PAGE_ROWS && c->page_start_ns[page] >= v->w->to_ns) break;
        if (one_key && page < last && c->page_start_ns[page + 1] + s->bucket_ns <= v->w->from_ns)
            continue;
        const struct seq_page *p = s->page;
        if (v->keep)
            TRY(cached_page(s, chunk, page, v->w->columns, &p, f));
        else
            TRY(seq_read_page(s, chunk, page, v->w->columns, s->page, f));
        uint32_t i = row0 > p->row0 ? row0 - p->row0 : 0;
        uint32_t end = row1 - p->row0 < p->n ? row1 - p->row0 : p->n;
        for (; i < end; i++) {
            if (p->start_ns[i] >= v->w->to_ns || p->start_ns[i] + p->dur_ns[i] <= v->w->from_ns)
                continue;
            struct seq_row row = {
                .key = p->key[i], .start_ns = p->start_ns[i], .dur_ns = p->dur_ns[i]};
            for (uint32_t k = 0; k < s->n_cols; k++)
                if (v->w->columns >> k & 1) row.v[k] = (uint32_t)p->v[k][i];
            if (v->w->columns & SEQ_WIDE) row.wide = p->wide[i];
            if (v->fn(v->arg, &row)) return 1;
        }
    }
    return 0;
}

/* The carried rows of a chunk as they stand in its list: nothing is decoded. */
static int visit_carried(const struct seq_chunk *c, const struct visit *v) {
    for (uint32_t i = 0; i < c->n_carried; i++) {
        const struct seq_carried *r = &c->carried[i];
        if (r->start_ns >= v->w->to_ns || r->start_ns + r->dur_ns <= v->w->from_ns ||
            r->key < v->w->key_min || r->key > v->w->key_max)
            continue;
        struct seq_row row = {.key = r->key,
                              .start_ns = r->start_ns,
                              .dur_ns = r->dur_ns,
                              .wide = r->wide,
                              .v = {r->v0, r->v1}};
        if (v->fn(v->arg, &row)) return 1;
    }
    return 0;
}

/* A chunk that lies wholly behind the window: only rows that reach back into it count. */
static int visit_late(struct seq *s, uint32_t chunk, const struct visit *v, struct fault *f) {
    const struct seq_chunk *c = &s->chunks[chunk];
    const uint32_t listed = 1 | 2 | SEQ_WIDE; /* columns that the list has */
    if (!s->bucket_ns && !(v->w->columns & ~listed)) return visit_carried(c, v);
    bool found;
    for (uint32_t k = seq_find_key(c, v->w->key_min, &found);
         k < c->n_keys && c->keys[k].key <= v->w->key_max; k++) {
        const struct seq_key *key = &c->keys[k];
        if (key->first_start_ns >= v->w->to_ns) continue;
        uint32_t n = s->bucket_ns ? key->n_rows : 1;
        int rc = visit_rows(s, chunk, key->row0, key->row0 + n, v, f);
        if (rc) return rc;
    }
    return 0;
}

int seq_rows(struct seq *s, const struct seq_window *w, seq_visit_fn visit, void *arg,
             struct fault *f) {
    uint32_t first = seq_first_chunk_after(s, w->from_ns), n = s->n_chunks - first;
    bool few = n <= CACHED_CHUNKS || s->chunks[first + CACHED_CHUNKS].t0 >= w->to_ns;
    bool narrow = (uint64_t)w->key_max - (uint64_t)w->key_min <= 0xffff; /* a lane */
    struct visit v = {w, visit, arg, s->cache && (few || narrow)};
    for (uint32_t i = first; i < s->n_chunks; i++) {
        if (s->chunks[i].min_start_ns >= w->to_ns) continue;
        const struct seq_chunk *c = seq_chunk(s, i, f);
        if (!c) return f->code;
        int rc = 0;
        if (c->t0 >= w->to_ns) {
            rc = visit_late(s, i, &v, f);
        } else {
            bool found;
            uint32_t a = seq_find_key(c, w->key_min, &found), b = a;
            if (w->key_min == w->key_max)
                b = a + found;
            else if (w->key_max == INT64_MAX)
                b = c->n_keys;
            else
                b = seq_find_key(c, w->key_max + 1, &found);
            if (a < b)
                rc = visit_rows(s, i, c->keys[a].row0, c->keys[b - 1].row0 + c->keys[b - 1].n_rows,
                                &v, f);
        }
        if (rc) return rc < 0 ? rc : 0;
    }
    return 0;
}
