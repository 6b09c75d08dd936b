/* storage/src/store.c - opening a store, and what it is as a whole.
 *
 * A complete store is opened immutable: no locks, no journals.  A growing one is read through
 * SQLite's WAL: each statement sees whole publications. */
#include "storage/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/src/db.h"
#include "storage/src/store_file.h"
#include "storage/src/store_impl.h"

int store__no_memory(struct fault *f) {
    return fault_set(f, PV_ENOMEM, -1, "out of memory while reading the store");
}

static uint32_t get_u32be(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Of a store's file, as SQLite's header (www.sqlite.org/fileformat2.html, 1.3) says: bytes that
 * there should be, and bytes that there are.  False: it is no store. */
static bool read_header(const char *path, int64_t *bytes, int64_t *found) {
    unsigned char head[100];
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    size_t n = fread(head, 1, sizeof head, file);
    *found = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    fclose(file);
    if (n < sizeof head || memcmp(head, "SQLite format 3", 16) != 0) return false;
    int64_t page = (int64_t)head[16] << 8 | head[17];
    *bytes = (page == 1 ? 65536 : page) * get_u32be(head + 28);
    return get_u32be(head + 68) == STORE_APPLICATION_ID;
}

bool store_is(const char *path) {
    int64_t bytes, found;
    return read_header(path, &bytes, &found);
}

int store__seq(struct store *s, enum seq_kind kind, int level, struct seq **out, struct fault *f) {
    int series = seq_series(kind, level);
    static const uint32_t n_cols[] = {[SEQ_SLICES] = SEQ_MAX_COLS,
                                      [SEQ_LOD_G] = LOD_COLS,
                                      [SEQ_LOD_P] = LOD_COLS,
                                      [SEQ_LOD_M] = LOD_COLS,
                                      [SEQ_LOD_GROUP] = LOD_GROUP_COLS};
    if (!s->series[series])
        TRY(seq_open(s->db, series, n_cols[kind], s->growing, s->cache, &s->series[series], f));
    *out = s->series[series];
    return 0;
}

int store__tab(struct store *s, enum coltab_table t, struct coltab **out, struct fault *f) {
    if (!s->tabs[t]) TRY(coltab_open(s->db, t, &s->tabs[t], f));
    *out = s->tabs[t];
    return 0;
}

/* ---- meta ---- */

static char *copy_text(sqlite3_stmt *stmt, int column) {
    const char *text = (const char *)sqlite3_column_text(stmt, column);
    return strdup(text ? text : "");
}

static void set_meta(struct store *s, const char *key, sqlite3_stmt *stmt) {
    struct store_info *i = &s->info;
    const struct {
        const char *key;
        int64_t *value;
    } numbers[] = {{"first_ts", &i->first_ts},         {"duration_ns", &i->duration_ns},
                   {"wall_unix_ns", &i->wall_unix_ns}, {"n_events", &i->n_events},
                   {"n_slices", &i->n_slices},         {"n_waits", &i->n_waits},
                   {"wait_ns", &i->wait_ns},           {"damage_offset", &s->damage_offset}};
    int64_t v = sqlite3_column_int64(stmt, 1);
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        if (!strcmp(key, numbers[k].key)) *numbers[k].value = v;
    if (!strcmp(key, "format_version")) i->format_version = (int)v;
    if (!strcmp(key, "newer")) i->newer = v != 0;
    if (!strcmp(key, "complete")) i->complete = v != 0;
    if (!strcmp(key, "threads_reliable")) i->threads_reliable = v != 0;
    if (!strcmp(key, "trace_bytes")) i->trace_bytes = (uint64_t)v;
    char **text = !strcmp(key, "source_name")   ? &s->source_name
                  : !strcmp(key, "damage_text") ? &s->damage_text
                                                : NULL;
    if (!text) return;
    free(*text);
    *text = copy_text(stmt, 1);
}

static int load_meta(struct store *s, struct fault *f) {
    sqlite3_stmt *stmt;
    TRY(db_prepare(s->db, "SELECT key, value FROM meta", &stmt, f));
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        if (sqlite3_column_type(stmt, 0) == SQLITE_TEXT)
            set_meta(s, (const char *)sqlite3_column_text(stmt, 0), stmt);
    int code = rc == SQLITE_DONE ? 0 : sql_fault(f, s->db, "reading the store");
    sqlite3_finalize(stmt);
    s->info.source_name = s->source_name ? s->source_name : "";
    if (s->info.duration_ns < 0 || s->info.duration_ns > INT64_MAX / 4)
        return fault_set(f, PV_ECORRUPT, -1, "the store's duration is impossible");
    return code;
}

static int load_ids(struct store *s, const char *kind, int64_t **out, uint32_t *n,
                    struct fault *f) {
    sqlite3_stmt *stmt;
    TRY(db_prepare(s->db, "SELECT id FROM ids WHERE kind=?1 ORDER BY id", &stmt, f));
    sqlite3_bind_text(stmt, 1, kind, -1, SQLITE_STATIC);
    uint32_t cap = 0;
    int rc, code = 0;
    *n = 0;
    while (code == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (*n == cap || !*out) {
            cap = cap ? cap * 2 : 64;
            int64_t *ids = realloc(*out, cap * sizeof *ids);
            if (!ids)
                code = store__no_memory(f);
            else
                *out = ids;
        }
        if (code == 0) (*out)[(*n)++] = sqlite3_column_int64(stmt, 0);
    }
    if (code == 0 && rc != SQLITE_DONE) code = sql_fault(f, s->db, "reading the store");
    sqlite3_finalize(stmt);
    return code;
}

static int load_gaps(struct store *s, struct fault *f) {
    struct coltab *t;
    TRY(store__tab(s, TAB_GAPS, &t, f));
    int64_t n = coltab_n_rows(t);
    if (n > 1000000) return fault_set(f, PV_ECORRUPT, -1, "the store's list of gaps is damaged");
    free(s->gaps);
    s->gaps = calloc((size_t)n + 1, sizeof *s->gaps);
    if (!s->gaps) return store__no_memory(f);
    struct coltab_scan *scan;
    TRY(coltab_scan_open(t, &scan, f));
    const int64_t *row;
    uint32_t i = 0;
    int rc;
    while ((rc = coltab_scan_next(scan, &row, f)) == 1 && i < n)
        s->gaps[i++] =
            (struct store_gap){row[COL_GAPS_FROM], row[COL_GAPS_TO], row[COL_GAPS_OFFSET],
                               store_string(s, (uint32_t)row[COL_GAPS_CAUSE])};
    coltab_scan_close(scan);
    if (s->damage_text)
        s->gaps[i++] = (struct store_gap){s->info.duration_ns,
                                          s->info.duration_ns,
                                          s->damage_offset,
                                          {s->damage_text, strlen(s->damage_text)}};
    s->info.gaps = s->gaps;
    s->info.n_gaps = i;
    return rc < 0 ? rc : 0;
}

static int load(struct store *s, struct fault *f) {
    TRY(load_meta(s, f));
    TRY(store__load_names(s, f));
    TRY(load_ids(s, "p", &s->procs, &s->info.n_procs, f));
    TRY(load_ids(s, "m", &s->threads, &s->info.n_threads, f));
    s->info.procs = s->procs;
    s->info.threads = s->threads;
    struct coltab *t;
    TRY(store__tab(s, TAB_GOROUTINES, &t, f));
    s->info.n_goroutines = coltab_n_rows(t);
    return load_gaps(s, f);
}

/* ---- opening ---- */

static int check_version(struct store *s, struct fault *f) {
    sqlite3_stmt *stmt;
    TRY(db_prepare(s->db, "PRAGMA user_version", &stmt, f));
    int version = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int(stmt, 0) : 0;
    sqlite3_finalize(stmt);
    if (version == STORE_FORMAT) return 0;
    return fault_set(f, PV_EVERSION, -1,
                     "a store of version %d, this program reads version %d: import the trace again",
                     version, STORE_FORMAT);
}

/* As a URI, so that nothing is locked or written; every byte of the path is escaped. */
static int open_immutable(const char *path, sqlite3 **db) {
    size_t n = strlen(path);
    char *uri = malloc(n * 3 + 32);
    if (!uri) return SQLITE_NOMEM;
    char *p = uri + sprintf(uri, "file:");
    for (size_t i = 0; i < n; i++) p += sprintf(p, "%%%02x", (unsigned char)path[i]);
    strcpy(p, "?immutable=1");
    int rc = sqlite3_open_v2(uri, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                             NULL);
    free(uri);
    return rc;
}

static struct file_id file_at(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0) return (struct file_id){0};
    return (struct file_id){true, (uint64_t)st.st_dev, (uint64_t)st.st_ino, st.st_size,
                            (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec};
}

static int open_database(struct store *s, const char *path, struct fault *f) {
    if (!s->growing) s->file = file_at(path);
    int rc = s->growing
                 ? sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL)
                 : open_immutable(path, &s->db);
    if (rc != SQLITE_OK)
        return fault_set(f, PV_EIO, -1, "the store cannot be opened: %s",
                         s->db ? sqlite3_errmsg(s->db) : "no memory");
    sqlite3_busy_timeout(s->db, 2000);
    /* Mapped pages count as memory of the process, once for each connection: so a few only. */
    if (!s->growing) TRY(db_exec(s->db, "PRAGMA mmap_size=4194304", f));
    TRY(check_version(s, f));
    TRY(load(s, f));
    s->file.known &= file_at(path).inode == s->file.inode; /* else it was replaced meanwhile */
    if (s->growing || s->info.complete) return 0;
    return fault_set(f, PV_EINCOMPLETE, -1, "a store that was never finished");
}

/* An import that was killed between its last write and the rename leaves a file that says it is
 * complete; but it may not be on the disk as a whole, so its name decides. */
static bool is_partial(const char *path) {
    static const char tail[] = ".partial";
    size_t n = strlen(path), k = sizeof tail - 1;
    return n >= k && memcmp(path + n - k, tail, k) == 0;
}

static int open_file(const char *path, bool growing, struct store **out, struct fault *f) {
    int64_t bytes, found;
    if (!growing && !read_header(path, &bytes, &found))
        return fault_set(f, PV_EFORMAT, 0, "not a Parkview store");
    if (!growing && found < bytes)
        return fault_set(f, PV_ECORRUPT, found, "a store of %" PRId64 " bytes that is cut off",
                         bytes);
    if (!growing && is_partial(path))
        return fault_set(f, PV_EINCOMPLETE, -1, "a store that was never finished");
    struct store *s = calloc(1, sizeof *s);
    if (!s) return store__no_memory(f);
    s->growing = growing;
    s->cache = seq_cache_new();
    int rc = s->cache ? open_database(s, path, f) : store__no_memory(f);
    if (rc < 0)
        store_close(s);
    else
        *out = s;
    return rc;
}

int store_open(const char *path, struct store **out, struct fault *f) {
    return open_file(path, false, out, f);
}

int store_open_growing(const char *path, struct store **out, struct fault *f) {
    return open_file(path, true, out, f);
}

int store_refresh(struct store *s, struct fault *f) {
    if (!s->growing) return 0;
    int64_t before = s->info.n_events;
    TRY(load_meta(s, f));
    if (s->info.n_events == before) return 0;
    for (int i = 0; i < N_SERIES; i++)
        if (s->series[i]) TRY(seq_reload(s->series[i], f));
    for (int i = 0; i < N_COLTABS; i++)
        if (s->tabs[i]) TRY(coltab_reload(s->tabs[i], f));
    map_free(&s->lod_from_map);
    s->n_lod_from = 0;
    s->gos_loaded = false;
    TRY(load(s, f));
    return 1;
}

const struct store_info *store_info(struct store *s) {
    return &s->info;
}

void store_close(struct store *s) {
    if (!s) return;
    for (int i = 0; i < N_SERIES; i++) seq_close(s->series[i]);
    seq_cache_free(s->cache);
    for (int i = 0; i < N_COLTABS; i++) coltab_close(s->tabs[i]);
    store__free_names(s);
    store__free_gos(s);
    tiles_free(s->tile);
    map_free(&s->lod_from_map);
    free(s->lod_from);
    free(s->gaps);
    free(s->procs);
    free(s->threads);
    free(s->source_name);
    free(s->damage_text);
    free(s->members);
    free(s->ranges);
    free(s->points);
    free(s->waits);
    free(s->span_types);
    free(s->levels);
    free(s->spans);
    free(s->notes);
    sqlite3_close(s->db);
    free(s);
}
