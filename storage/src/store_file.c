/* storage/src/store_file.c - a store's file, from its first byte under another name to the end.
 *
 * What was written goes to the disk from time to time, begun by a thread that may wait for it, so
 * that putting the store in place waits for the last tenth of a second and not for all of it. */
#include "storage/src/store_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "storage/src/db.h"
#include "storage/store.h"

enum { BUSY_MS = 10000 }; /* readers of a growing store hold it for moments */
enum { WRITE_BACK_NS = 100000000 };

void store_partial_path(const char *store, char *out, size_t n) {
    snprintf(out, n, "%s.partial", store);
}

static void remove_partial(const struct store_file *s) {
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    char path[sizeof s->partial + 16];
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        snprintf(path, sizeof path, "%s%s", s->partial, tails[i]);
        unlink(path);
    }
}

static void *write_back(void *arg) {
    struct store_file *s = arg;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        pthread_mutex_unlock(&s->lock);
        (void)sync_file_range(s->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        t.tv_nsec += WRITE_BACK_NS;
        t.tv_sec += t.tv_nsec / 1000000000;
        t.tv_nsec %= 1000000000;
        pthread_mutex_lock(&s->lock);
        if (!s->stop) pthread_cond_timedwait(&s->changed, &s->lock, &t);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void start_write_back(struct store_file *s) {
    if (s->fd < 0) return;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->threaded = pthread_create(&s->thread, NULL, write_back, s) == 0;
    if (s->threaded) return;
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
}

static void stop_write_back(struct store_file *s) {
    if (!s->threaded) return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    s->threaded = false;
}

int store_file_create(struct store_file *s, const char *path, bool growing, struct fault *f) {
    *s = (struct store_file){.path = path, .growing = growing, .fd = -1};
    if (strlen(path) + 32 > sizeof s->partial)
        return fault_set(f, PV_EUSAGE, -1, "the store's path is too long");
    store_partial_path(path, s->partial, sizeof s->partial);
    remove_partial(s);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    if (sqlite3_open_v2(s->partial, &s->db, flags, NULL) != SQLITE_OK)
        return fault_set(f, PV_EIO, -1, "cannot write %s: %s", s->partial,
                         s->db ? sqlite3_errmsg(s->db) : "no memory");
    s->fd = open(s->partial, O_RDONLY | O_CLOEXEC);
    start_write_back(s);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    char sql[320];
    /* Nothing is ever vacuumed: but with auto_vacuum SQLite keeps a map of which page follows
     * which, and gets to the middle of a blob without reading all of it before that.  Of a
     * blob 1 to 4 KB are wanted at a time: pages of 8 KB hold most of that and halve the calls. */
    snprintf(sql, sizeof sql,
             "PRAGMA page_size=8192; PRAGMA auto_vacuum=INCREMENTAL;"
             "PRAGMA application_id=%d; PRAGMA user_version=%d;"
             "PRAGMA synchronous=OFF; PRAGMA cache_size=-2048; PRAGMA journal_mode=%s;"
             "PRAGMA temp_store=MEMORY",
             STORE_APPLICATION_ID, STORE_FORMAT, growing ? "WAL" : "OFF");
    TRY(db_exec(s->db, sql, f));
    TRY(build_create(s->db, f));
    return db_exec(s->db, "BEGIN", f);
}

static int set_name(struct store_file *s, const char *name, struct fault *f) {
    sqlite3_stmt *stmt;
    TRY(db_prepare(s->db, "INSERT OR REPLACE INTO meta VALUES('source_name',?1)", &stmt, f));
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    int rc = db_run(s->db, stmt, f);
    sqlite3_finalize(stmt);
    return rc;
}

int store_file_meta(struct store_file *s, struct builder *b, const struct store_origin *o,
                    bool complete, struct fault *f) {
    struct build_counts c = build_counts(b);
    const struct {
        const char *key;
        int64_t value;
    } rows[] = {{"store_version", STORE_FORMAT},
                {"format_version", o->format_version},
                {"newer", o->newer},
                {"threads_reliable", o->threads_reliable},
                {"first_ts", c.first_ts},
                {"duration_ns", c.duration_ns},
                {"wall_unix_ns", c.wall_unix_ns},
                {"trace_bytes", (int64_t)o->trace_bytes},
                {"n_events", (int64_t)c.n_events},
                {"n_slices", (int64_t)c.n_slices},
                {"n_waits", (int64_t)c.n_waits},
                {"wait_ns", c.wait_ns},
                {"complete", complete}};
    sqlite3_stmt *stmt;
    TRY(db_prepare(s->db, "INSERT OR REPLACE INTO meta VALUES(?1,?2)", &stmt, f));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof rows / sizeof *rows; i++) {
        sqlite3_bind_text(stmt, 1, rows[i].key, -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 2, rows[i].value);
        rc = db_run(s->db, stmt, f);
    }
    sqlite3_finalize(stmt);
    TRY(rc);
    TRY(build_write_ids(b, f));
    return set_name(s, o->source_name, f);
}

int store_file_finish(struct store_file *s, struct fault *f) {
    TRY(db_exec(s->db, "COMMIT", f));
    stop_write_back(s);
    if (s->growing) {
        int rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        if (rc != SQLITE_OK) return sql_fault(f, s->db, "finishing the store");
        sqlite3_exec(s->db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    }
    sqlite3_close(s->db);
    s->db = NULL;
    bool placed = s->fd >= 0 && fsync(s->fd) == 0 && rename(s->partial, s->path) == 0;
    if (!placed) return fault_set(f, PV_EIO, -1, "cannot put %s in place", s->path);
    s->partial[0] = 0;
    return 0;
}

void store_file_abandon(struct store_file *s) {
    stop_write_back(s);
    sqlite3_close(s->db);
    s->db = NULL;
    if (s->path && s->fd >= 0) close(s->fd);
    s->fd = -1;
    if (s->partial[0]) remove_partial(s);
    s->partial[0] = 0;
}
