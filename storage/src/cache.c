/* storage/src/cache.c - names, locks and eviction of the stores in the cache folder.
 *
 * Layout      NAME-HASH.pvstore        a store; .partial behind it: being made
 *             NAME-HASH.pvstore.lock   empty; flock: shared = in use, exclusive = being made
 *             uploads/                 traces that the page sent, until they are stores
 * Invariants  1. A store is removed only under an exclusive lock.
 *             2. The lock is a file of its own: to close a descriptor of the store itself would
 *                drop SQLite's locks on it (POSIX locks belong to the process, not to the open). */
#include "storage/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "storage/store.h"
#include "tracer/format.h"

static const char ending[] = ".pvstore", lock_ending[] = ".lock", temporary_mark[] = "-once-";
enum { HASH_DIGITS = 16, NAME_LENGTH = 80, STALE_SECONDS = 24 * 3600 };

static int errno_fault(struct fault *f, const char *what, const char *path) {
    int code = errno == ENOSPC || errno == EDQUOT ? PV_EFULL : PV_EIO;
    return fault_set(f, code, -1, "%s %s: %s", what, path, strerror(errno));
}

/* ---- the folder ---------------------------------------------------------------------------- */

static int make_folder(const char *path, struct fault *f) {
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = part + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        if (mkdir(part, 0700) < 0 && errno != EEXIST) return errno_fault(f, "making", part);
        *slash = '/';
    }
    if (mkdir(part, 0700) < 0 && errno != EEXIST) return errno_fault(f, "making", part);
    return 0;
}

int cache_folder(const char *within, char *out, size_t n, struct fault *f) {
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length;
    if (xdg && xdg[0] == '/')
        length = snprintf(out, n, "%s/parkview", xdg);
    else if (home && home[0] == '/')
        length = snprintf(out, n, "%s/.cache/parkview", home);
    else
        length = snprintf(out, n, "/tmp/parkview-%u", (unsigned)getuid());
    if (length < 0 || (size_t)length >= n)
        return fault_set(f, PV_EIO, -1, "the path of the cache folder is too long");
    if (within) {
        size_t rest = n - (size_t)length;
        if ((size_t)snprintf(out + length, rest, "/%s", within) >= rest)
            return fault_set(f, PV_EIO, -1, "the path of the cache folder is too long");
    }
    TRY(make_folder(out, f));
    struct stat st;
    if (stat(out, &st) < 0) return errno_fault(f, "reading", out);
    if (st.st_uid != geteuid())
        return fault_set(f, PV_EIO, -1, "the cache folder %s belongs to another user", out);
    return 0;
}

/* ---- names --------------------------------------------------------------------------------- */

bool cache_may_keep(const char *trace) {
    struct pv_ring_header h;
    int fd = open(trace, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return true;
    bool is_ring = read(fd, &h, sizeof h) == (ssize_t)sizeof h &&
                   memcmp(h.magic, PV_RING_MAGIC, sizeof h.magic) == 0;
    close(fd);
    return !is_ring || h.state != PV_RING_RECORDING;
}

static uint64_t hash_bytes(uint64_t h, const void *data, size_t n) { /* FNV-1a */
    for (const unsigned char *c = data; n; n--) h = (h ^ *c++) * 0x100000001b3u;
    return h;
}

static uint64_t hash_identity(const char *path, const struct stat *st) {
    const uint64_t numbers[] = {
        STORE_FORMAT,          (uint64_t)st->st_dev,         (uint64_t)st->st_ino,
        (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec};
    uint64_t h = hash_bytes(0xcbf29ce484222325u, path, strlen(path) + 1);
    return hash_bytes(h, numbers, sizeof numbers);
}

/* The last part of a path, with only plain letters, so that it can stand in a file name. */
static void plain_name(const char *path, char *out, size_t n) {
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    size_t i = 0;
    for (; base[i] && i + 1 < n; i++) {
        char c = base[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '-' || (c == '.' && i > 0);
        out[i] = plain ? c : '_';
    }
    out[i] = 0;
}

static int slot_path(const char *name, const char *mark, uint64_t hash, struct cache_slot *slot,
                     struct fault *f) {
    char folder[PATH_MAX], plain[NAME_LENGTH];
    TRY(cache_folder(NULL, folder, sizeof folder, f));
    plain_name(name, plain, sizeof plain);
    if ((size_t)snprintf(slot->store, sizeof slot->store, "%s/%s%s%016llx%s", folder, plain, mark,
                         (unsigned long long)hash, ending) >= sizeof slot->store - 16)
        return fault_set(f, PV_EIO, -1, "the path of the cache folder is too long");
    return 0;
}

static bool ends_with(const char *text, const char *tail) {
    size_t n = strlen(text), m = strlen(tail);
    return n > m && strcmp(text + n - m, tail) == 0;
}

/* ---- locks --------------------------------------------------------------------------------- */

/* Locks STORE.lock; the file that is locked is the one that stands there now, not one that was
 * removed in between.  how: LOCK_SH or LOCK_EX, with LOCK_NB: -1 and errno EWOULDBLOCK. */
static int lock_store(const char *store, int how) {
    char path[PATH_MAX + NAME_MAX + 16];
    snprintf(path, sizeof path, "%s%s", store, lock_ending);
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) return -1;
        struct stat held, there;
        if (flock(fd, how) == 0 && fstat(fd, &held) == 0) {
            if (stat(path, &there) == 0 && there.st_ino == held.st_ino) return fd;
        } else if (errno != EINTR) {
            int why = errno;
            close(fd);
            errno = why;
            return -1;
        }
        close(fd);
    }
}

static bool is_there(const char *store) {
    struct stat st;
    return lstat(store, &st) == 0 && S_ISREG(st.st_mode);
}

/* A shared lock, and the store noted as used now. */
static int use(struct cache_slot *slot, struct fault *f) {
    slot->lock = lock_store(slot->store, LOCK_SH);
    if (slot->lock < 0) return errno_fault(f, "locking", slot->store);
    if (is_there(slot->store)) {
        utimensat(AT_FDCWD, slot->store, NULL, 0);
        return 1;
    }
    cache_release(slot);
    return 0;
}

int cache_find(const char *trace, struct cache_slot *slot, struct fault *f) {
    char path[PATH_MAX];
    struct stat st;
    slot->lock = -1;
    if (!realpath(trace, path) || stat(path, &st) < 0)
        return fault_set(f, PV_EIO, -1, "cannot be opened: %s", strerror(errno));
    TRY(slot_path(trace, "-", hash_identity(path, &st), slot, f));
    for (;;) {
        int rc = use(slot, f);
        if (rc != 0) return rc;
        slot->lock = lock_store(slot->store, LOCK_EX);
        if (slot->lock < 0) return errno_fault(f, "locking", slot->store);
        if (!is_there(slot->store)) return 0;
        cache_release(slot); /* made by another process while we waited */
    }
}

int cache_temporary(const char *name, struct cache_slot *slot, struct fault *f) {
    uint64_t number;
    slot->lock = -1;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
        return errno_fault(f, "reading", "random numbers");
    TRY(slot_path(name, temporary_mark, number, slot, f));
    slot->lock = lock_store(slot->store, LOCK_EX);
    return slot->lock < 0 ? errno_fault(f, "locking", slot->store) : 0;
}

int cache_keep(const char *file_name, struct cache_slot *slot, struct fault *f) {
    char folder[PATH_MAX];
    slot->lock = -1;
    if (strchr(file_name, '/') || file_name[0] == '.' || !ends_with(file_name, ending)) return 0;
    TRY(cache_folder(NULL, folder, sizeof folder, f));
    if ((size_t)snprintf(slot->store, sizeof slot->store, "%s/%s", folder, file_name) >=
        sizeof slot->store)
        return 0;
    return is_there(slot->store) ? use(slot, f) : 0;
}

void cache_made(struct cache_slot *slot) {
    if (slot->lock >= 0) flock(slot->lock, LOCK_SH);
}

/* Removes a store with all that belongs to it; the caller holds its lock alone. */
static void remove_store(const char *store) {
    static const char *const parts[] = {
        "", ".partial", ".partial-journal", ".partial-wal", ".partial-shm", ".lock"};
    char path[PATH_MAX + NAME_MAX + 32];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(path, sizeof path, "%s%s", store, parts[i]);
        unlink(path);
    }
}

void cache_release(struct cache_slot *slot) {
    if (slot->lock < 0) return;
    bool once = strstr(slot->store, temporary_mark) != NULL;
    /* A slot whose store was not made leaves no lock file behind either. */
    if ((once || !is_there(slot->store)) && flock(slot->lock, LOCK_EX | LOCK_NB) == 0 &&
        (once || !is_there(slot->store)))
        remove_store(slot->store);
    close(slot->lock);
    slot->lock = -1;
}

/* ---- list, trim, clear --------------------------------------------------------------------- */

/* NAME of NAME-HASH.pvstore; false where the file name is not of that form. */
static bool trace_name(const char *file_name, char *out, size_t n) {
    size_t length = strlen(file_name), tail = 1 + HASH_DIGITS + strlen(ending);
    if (!ends_with(file_name, ending) || length <= tail || length - tail >= n) return false;
    memcpy(out, file_name, length - tail);
    out[length - tail] = 0;
    return file_name[length - tail] == '-';
}

static int last_used_first(const void *a, const void *b) {
    const struct cache_entry *x = a, *y = b;
    if (x->used_unix != y->used_unix) return x->used_unix > y->used_unix ? -1 : 1;
    return strcmp(x->file_name, y->file_name);
}

int cache_list(struct cache_entry **out, size_t *n, struct fault *f) {
    char folder[PATH_MAX];
    *out = NULL;
    *n = 0;
    TRY(cache_folder(NULL, folder, sizeof folder, f));
    DIR *dir = opendir(folder);
    if (!dir) return errno_fault(f, "reading", folder);
    size_t cap = 0;
    int rc = 0;
    for (struct dirent *d; rc == 0 && (d = readdir(dir));) {
        struct cache_entry e = {0};
        struct stat st;
        if (!trace_name(d->d_name, e.name, sizeof e.name)) continue;
        if (strstr(d->d_name, temporary_mark)) continue;
        if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
            continue;
        if (*n == cap) {
            cap = cap ? cap * 2 : 64;
            struct cache_entry *grown = realloc(*out, cap * sizeof *grown);
            if (!grown) {
                rc = fault_set(f, PV_ENOMEM, -1, "listing the cache");
                break;
            }
            *out = grown;
        }
        snprintf(e.file_name, sizeof e.file_name, "%s", d->d_name);
        e.bytes = (uint64_t)st.st_blocks * 512;
        e.used_unix = st.st_mtim.tv_sec;
        (*out)[(*n)++] = e;
    }
    closedir(dir);
    if (rc == 0 && *n) qsort(*out, *n, sizeof **out, last_used_first);
    if (rc < 0) {
        free(*out);
        *out = NULL;
        *n = 0;
    }
    return rc;
}

uint64_t cache_limit_bytes(void) {
    const char *text = getenv("PARKVIEW_CACHE_SIZE");
    char *end;
    uint64_t v = text ? strtoull(text, &end, 10) : 0;
    if (!text || end == text) return UINT64_C(8000000000);
    static const char units[] = "KMG";
    const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
    for (const char *u = units; unit && u <= unit; u++)
        if (__builtin_mul_overflow(v, UINT64_C(1000), &v)) return UINT64_MAX;
    return v;
}

/* true: removed; false: in use. */
static bool remove_unused(const char *folder, const char *file_name) {
    char store[PATH_MAX + NAME_MAX + 2];
    snprintf(store, sizeof store, "%s/%s", folder, file_name);
    int lock = lock_store(store, LOCK_EX | LOCK_NB);
    if (lock < 0) return false;
    remove_store(store);
    close(lock);
    return true;
}

/* What a crash left: unfinished and temporary stores, lock files without a store. */
static void remove_leftovers(const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    for (struct dirent *d; (d = readdir(dir));) {
        char store[NAME_MAX + 1];
        const char *tail = strstr(d->d_name, ending);
        if (!tail) continue;
        tail += strlen(ending);
        if (!*tail && !strstr(d->d_name, temporary_mark)) continue;
        snprintf(store, sizeof store, "%.*s", (int)(tail - d->d_name), d->d_name);
        struct stat st;
        bool complete = fstatat(dirfd(dir), store, &st, AT_SYMLINK_NOFOLLOW) == 0;
        if (!complete || strstr(store, temporary_mark)) remove_unused(folder, store);
    }
    closedir(dir);
}

/* A folder with one file in it, if nothing has written there for a day. */
static void remove_old_upload(const char *path) {
    struct stat st;
    DIR *dir = opendir(path);
    if (!dir) return;
    bool old = true;
    for (struct dirent *d; (d = readdir(dir));)
        old = old && fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
              (!S_ISREG(st.st_mode) || st.st_mtim.tv_sec + STALE_SECONDS < time(NULL));
    rewinddir(dir);
    for (struct dirent *d; old && (d = readdir(dir));)
        if (d->d_name[0] != '.') unlinkat(dirfd(dir), d->d_name, 0);
    closedir(dir);
    if (old && stat(path, &st) == 0 && st.st_mtim.tv_sec + STALE_SECONDS < time(NULL)) rmdir(path);
}

/* Uploads that a crash left. */
static void remove_old_uploads(const char *folder) {
    char path[PATH_MAX + 16], upload[PATH_MAX + NAME_MAX + 32];
    snprintf(path, sizeof path, "%s/uploads", folder);
    DIR *dir = opendir(path);
    if (!dir) return;
    for (struct dirent *d; (d = readdir(dir));) {
        if (d->d_name[0] == '.') continue;
        snprintf(upload, sizeof upload, "%s/%s", path, d->d_name);
        remove_old_upload(upload);
    }
    closedir(dir);
}

int cache_trim(struct fault *f) {
    char folder[PATH_MAX];
    struct cache_entry *entries;
    size_t n;
    TRY(cache_folder(NULL, folder, sizeof folder, f));
    remove_leftovers(folder);
    remove_old_uploads(folder);
    TRY(cache_list(&entries, &n, f));
    uint64_t sum = 0, limit = cache_limit_bytes();
    for (size_t i = 0; i < n; i++) sum += entries[i].bytes;
    for (size_t i = n; i-- > 0 && sum > limit;)
        if (remove_unused(folder, entries[i].file_name)) sum -= entries[i].bytes;
    free(entries);
    return 0;
}

int cache_clear(size_t *n_removed, uint64_t *bytes_removed, struct fault *f) {
    char folder[PATH_MAX];
    struct cache_entry *entries;
    size_t n;
    *n_removed = 0;
    *bytes_removed = 0;
    TRY(cache_folder(NULL, folder, sizeof folder, f));
    remove_leftovers(folder);
    TRY(cache_list(&entries, &n, f));
    for (size_t i = 0; i < n; i++) {
        if (!remove_unused(folder, entries[i].file_name)) continue;
        (*n_removed)++;
        *bytes_removed += entries[i].bytes;
    }
    free(entries);
    return 0;
}
