/* server/src/upload.c - a trace that the page sends.
 *
 * Layout      CACHE/uploads/NUMBER/NAME.partial, then NAME, then gone: the store has it all.
 * Invariants  1. Nothing of it is kept in memory, whatever its size.
 *             2. Room on the disk is taken before the first byte, so that a full disk is known at
 *                once (where the file system can do so; else when it happens). */
#include "server/src/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/src/trace.h"
#include "storage/cache.h"

enum { NAME_CHARS = 120 };

struct upload {
    int fd;
    struct fault fault; /* code 0: none */
    char name[256];     /* as the page said it */
    char path[PATH_MAX];
};

static int fail(struct fault *f, const char *doing) {
    int code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? PV_EFULL : PV_EIO;
    return fault_set(f, code, -1, "%s the upload: %s", doing, strerror(errno));
}

/* A file name of plain letters; never empty, hidden, or one with a path. */
static void plain_name(const char *name, char *out) {
    const char *slash = strrchr(name, '/'), *back = strrchr(name, '\\');
    if (slash) name = slash + 1;
    if (back && back >= name) name = back + 1;
    size_t n = 0;
    for (; name[n] && n < NAME_CHARS; n++) {
        char c = name[n];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '-' || (c == '.' && n > 0);
        out[n] = plain ? c : '_';
    }
    out[n] = 0;
    if (n == 0) strcpy(out, "upload.trace");
}

static void partial_path(const struct upload *u, char out[PATH_MAX + 16]) {
    snprintf(out, PATH_MAX + 16, "%s.partial", u->path);
}

void upload_remove(const char *path) {
    char folder[PATH_MAX];
    unlink(path);
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) {
        *slash = 0;
        rmdir(folder);
    }
}

void upload_abort(struct upload *u) {
    char partial[PATH_MAX + 16];
    if (!u) return;
    if (u->fd >= 0) close(u->fd);
    partial_path(u, partial);
    unlink(partial);
    upload_remove(u->path);
    free(u);
}

static int make_path(struct upload *u, struct fault *f) {
    char within[64], folder[PATH_MAX], plain[NAME_CHARS + 16];
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) return fail(f, "naming");
    snprintf(within, sizeof within, "uploads/%016llx", (unsigned long long)number);
    TRY(cache_folder(within, folder, sizeof folder, f));
    plain_name(u->name, plain);
    if ((size_t)snprintf(u->path, sizeof u->path, "%s/%s", folder, plain) >= sizeof u->path)
        return fault_set(f, PV_EIO, -1, "the path of the cache folder is too long");
    return 0;
}

static int open_file(struct upload *u, uint64_t bytes, struct fault *f) {
    char partial[PATH_MAX + 16];
    TRY(make_path(u, f));
    partial_path(u, partial);
    u->fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (u->fd < 0) return fail(f, "storing");
    if (bytes > INT64_MAX) return fault_set(f, PV_EFULL, -1, "the upload is too large");
    if (fallocate(u->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) < 0 && errno != EOPNOTSUPP &&
        errno != ENOSYS && errno != EINTR)
        return fail(f, "storing");
    return 0;
}

int upload_begin(const char *name, uint64_t bytes, struct upload **out, struct fault *f) {
    struct upload *u = calloc(1, sizeof *u);
    if (!u) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    u->fd = -1;
    snprintf(u->name, sizeof u->name, "%s", name[0] ? name : "upload.trace");
    int rc = open_file(u, bytes, f);
    if (rc < 0) {
        upload_abort(u);
        return rc;
    }
    *out = u;
    return 0;
}

void upload_data(struct upload *u, const void *data, size_t n) {
    const char *at = data;
    while (n && !u->fault.code) {
        ssize_t wrote = write(u->fd, at, n);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) {
            fail(&u->fault, "storing");
            if (ftruncate(u->fd, 0) < 0) return; /* gives the room back at once */
            return;
        }
        at += wrote;
        n -= (size_t)wrote;
    }
}

int upload_end(struct upload *u, struct server *s, int *trace, struct fault *f) {
    char partial[PATH_MAX + 16];
    partial_path(u, partial);
    int rc = 0;
    if (u->fault.code) {
        *f = u->fault;
        rc = f->code;
    } else if (rename(partial, u->path) < 0) {
        rc = fail(f, "storing");
    }
    if (rc == 0) {
        const struct trace_options o = {.name = u->name, .remove_file = true};
        struct trace *t = trace_add(s, u->path, &o);
        if (t) *trace = t->number;
        if (!t) rc = fault_set(f, PV_ELIMIT, -1, "no more than %d traces", (int)MAX_TRACES);
    }
    if (rc < 0) {
        upload_abort(u);
        return rc;
    }
    close(u->fd);
    free(u);
    return 0;
}
