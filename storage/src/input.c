/* storage/src/input.c - bytes from files, pipes and buffers, unpacked on the way.
 *
 * Layout      raw bytes (fd or memory) -> 256 KiB buffer -> nothing, inflate or zstd -> the caller
 * Invariants  1. The kind of packing is decided once, by the first bytes.
 *             2. A packed stream that ends inside a member or frame is a fault, never a clean end.
 *             3. Faults are sticky: a later read returns the same one.
 * Not here    what the bytes mean (reader.c). */
#include "storage/src/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { RAW_BYTES = 256 << 10, MAGIC_BYTES = 4, CANCEL_POLL_MS = 100 };

struct input {
    int fd; /* -1 = memory */
    bool owns_fd;
    const uint8_t *data; /* memory */
    size_t n_data;
    uint64_t base; /* of the file's first byte that counts: standard input may begin anywhere */
    enum input_packing packing;
    uint8_t *raw; /* the window of raw bytes that is not yet used: [raw_at, raw_end) */
    size_t raw_at, raw_end;
    bool raw_eof;
    bool inside; /* within a gzip member or a zstd frame */
    z_stream gzip;
    ZSTD_DStream *zstd;
    struct fault fault; /* code 0 = none yet */
    _Atomic bool canceled;
    bool is_stream; /* reads may wait for ever */
    _Atomic uint64_t done;
    uint64_t total; /* 0 = not known */
    uint64_t given; /* bytes handed out */
};

static int fail(struct input *in, int code, const char *what, const char *why) {
    fault_set(&in->fault, code, (int64_t)in->given, "%s: %s", what, why);
    return code;
}

/* Until there is something to read.  Looks up now and then to see whether it shall stop. */
static void wait_for_stream(struct input *in) {
    struct pollfd p = {.fd = in->fd, .events = POLLIN};
    while (poll(&p, 1, CANCEL_POLL_MS) == 0)
        if (atomic_load_explicit(&in->canceled, memory_order_relaxed)) return;
}

/* Up to n raw bytes into buf; 0 = end. */
static int64_t read_raw(struct input *in, void *buf, size_t n) {
    if (in->fd < 0) {
        uint64_t done = atomic_load_explicit(&in->done, memory_order_relaxed);
        if (n > in->n_data - done) n = in->n_data - done;
        if (n) memcpy(buf, in->data + done, n);
    } else {
        ssize_t got;
        if (in->is_stream) wait_for_stream(in);
        /* Relaxed: a flag alone; what it is about is passed on by joining the thread. */
        if (atomic_load_explicit(&in->canceled, memory_order_relaxed))
            return fail(in, PV_ECANCELED, "reading stopped", "canceled");
        do got = read(in->fd, buf, n);
        while (got < 0 && errno == EINTR);
        if (got < 0) return fail(in, PV_EIO, "reading failed", strerror(errno));
        n = (size_t)got;
    }
    /* Only a progress figure: nothing else is published with it. */
    atomic_fetch_add_explicit(&in->done, n, memory_order_relaxed);
    return (int64_t)n;
}

/* Makes [raw_at, raw_end) not empty unless the raw bytes are at their end. */
static int fill_raw(struct input *in, size_t want) {
    if (in->raw_at == in->raw_end) in->raw_at = in->raw_end = 0;
    while (in->raw_end - in->raw_at < want && !in->raw_eof) {
        int64_t got = read_raw(in, in->raw + in->raw_end, RAW_BYTES - in->raw_end);
        if (got < 0) return (int)got;
        if (got == 0) in->raw_eof = true;
        in->raw_end += (size_t)got;
    }
    return 0;
}

static int start(struct input *in) {
    static const uint8_t zstd_magic[4] = {0x28, 0xb5, 0x2f, 0xfd};
    TRY(fill_raw(in, MAGIC_BYTES));
    const uint8_t *p = in->raw;
    if (in->raw_end >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8) {
        in->packing = INPUT_GZIP;
        if (inflateInit2(&in->gzip, 15 + 16) != Z_OK)
            return fail(in, PV_ENOMEM, "gzip", "out of memory");
    } else if (in->raw_end >= 4 && (memcmp(p, zstd_magic, 4) == 0)) {
        in->packing = INPUT_ZSTD;
        in->zstd = ZSTD_createDStream();
        if (!in->zstd) return fail(in, PV_ENOMEM, "zstd", "out of memory");
    }
    return 0;
}

static int new_input(struct input **out, struct fault *f) {
    struct input *in = calloc(1, sizeof *in);
    if (in) in->raw = malloc(RAW_BYTES);
    if (!in || !in->raw) {
        free(in);
        return fault_set(f, PV_ENOMEM, -1, "out of memory");
    }
    in->fd = -1;
    *out = in;
    return 0;
}

static uint64_t size_of(const struct input *in, const struct stat *st) {
    uint64_t size = (uint64_t)st->st_size;
    return size > in->base ? size - in->base : 0;
}

static int finish_open(struct input *in, struct input **out, struct fault *f) {
    int rc = start(in);
    if (rc < 0) {
        *f = in->fault;
        input_close(in);
        return rc;
    }
    *out = in;
    return 0;
}

int input_open(const char *path, struct input **out, struct fault *f) {
    *out = NULL;
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return fault_set(f, PV_EIO, -1, "cannot be opened: %s", strerror(errno));
    struct input *in = NULL;
    int rc = new_input(&in, f);
    if (rc < 0) {
        if (!is_stdin) close(fd);
        return rc;
    }
    in->fd = fd;
    in->owns_fd = !is_stdin;
    struct stat st;
    if (fstat(fd, &st) < 0) {
        rc = fault_set(f, PV_EIO, -1, "cannot be opened: %s", strerror(errno));
    } else if (S_ISDIR(st.st_mode)) {
        rc = fault_set(f, PV_EIO, -1, "is a directory, not a trace file");
    } else if (S_ISREG(st.st_mode) && st.st_size > 0) { /* files of /proc have no size */
        off_t base = is_stdin ? lseek(fd, 0, SEEK_CUR) : 0;
        in->base = base > 0 ? (uint64_t)base : 0;
        in->total = size_of(in, &st);
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    } else {
        in->is_stream = true;
    }
    if (rc < 0) {
        input_close(in);
        return rc;
    }
    return finish_open(in, out, f);
}

int input_open_memory(const void *data, size_t n, struct input **out, struct fault *f) {
    *out = NULL;
    struct input *in = NULL;
    TRY(new_input(&in, f));
    in->data = data;
    in->n_data = n;
    in->total = n;
    return finish_open(in, out, f);
}

static int64_t read_plain(struct input *in, void *buf, size_t n) {
    size_t left = in->raw_end - in->raw_at;
    if (!left) return in->raw_eof ? 0 : read_raw(in, buf, n);
    if (n > left) n = left;
    memcpy(buf, in->raw + in->raw_at, n);
    in->raw_at += n;
    return (int64_t)n;
}

/* Between gzip members: another member, the end, or padding, which gzip(1) ignores too. */
static int gzip_next_member(struct input *in, bool *more) {
    while (in->raw_at < in->raw_end && in->raw[in->raw_at] == 0) {
        in->raw_at++;
        TRY(fill_raw(in, 1));
    }
    *more = in->raw_at < in->raw_end;
    if (*more && inflateReset(&in->gzip) != Z_OK)
        return fail(in, PV_ECORRUPT, "damaged gzip data", "cannot go on after a member");
    in->inside = *more;
    return 0;
}

static int64_t read_gzip(struct input *in, void *buf, size_t n) {
    if (n > 1u << 30) n = 1u << 30;
    in->gzip.next_out = buf;
    in->gzip.avail_out = (uInt)n;
    while (in->gzip.avail_out == n) {
        TRY(fill_raw(in, 1));
        if (!in->inside) {
            bool more;
            TRY(gzip_next_member(in, &more));
            if (!more) return 0;
        }
        in->gzip.next_in = in->raw + in->raw_at;
        in->gzip.avail_in = (uInt)(in->raw_end - in->raw_at);
        int rc = inflate(&in->gzip, Z_NO_FLUSH);
        in->raw_at = in->raw_end - in->gzip.avail_in;
        if (rc == Z_STREAM_END)
            in->inside = false;
        else if (rc == Z_MEM_ERROR)
            return fail(in, PV_ENOMEM, "gzip", "out of memory");
        else if (rc != Z_OK && rc != Z_BUF_ERROR)
            return fail(in, PV_ECORRUPT, "damaged gzip data",
                        in->gzip.msg ? in->gzip.msg : "not valid");
        else if (in->gzip.avail_out == n && in->raw_eof && in->raw_at == in->raw_end)
            return fail(in, PV_ECORRUPT, "damaged gzip data", "the file is cut off");
    }
    return (int64_t)(n - in->gzip.avail_out);
}

static int64_t read_zstd(struct input *in, void *buf, size_t n) {
    ZSTD_outBuffer out = {.dst = buf, .size = n};
    while (out.pos == 0) {
        TRY(fill_raw(in, 1));
        bool at_end = in->raw_eof && in->raw_at == in->raw_end;
        if (at_end && !in->inside) return 0;
        ZSTD_inBuffer src = {.src = in->raw, .size = in->raw_end, .pos = in->raw_at};
        size_t rc = ZSTD_decompressStream(in->zstd, &out, &src);
        if (ZSTD_isError(rc))
            return fail(in, PV_ECORRUPT, "damaged zstd data", ZSTD_getErrorName(rc));
        in->raw_at = src.pos;
        in->inside = rc != 0;
        if (at_end && in->inside && out.pos == 0)
            return fail(in, PV_ECORRUPT, "damaged zstd data", "the file is cut off");
    }
    return (int64_t)out.pos;
}

int64_t input_read(struct input *in, void *buf, size_t n, struct fault *f) {
    if (n == 0) return 0;
    int64_t got = in->fault.code;
    if (got == 0) {
        switch (in->packing) {
        case INPUT_PLAIN:
            got = read_plain(in, buf, n);
            break;
        case INPUT_GZIP:
            got = read_gzip(in, buf, n);
            break;
        case INPUT_ZSTD:
            got = read_zstd(in, buf, n);
            break;
        }
    }
    if (got < 0) {
        if (f) *f = in->fault;
        return got;
    }
    in->given += (uint64_t)got;
    return got;
}

enum input_packing input_packing(const struct input *in) {
    return in->packing;
}

bool input_is_random(const struct input *in) {
    return in->packing == INPUT_PLAIN && !in->is_stream;
}

int input_fd(const struct input *in) {
    return input_is_random(in) ? in->fd : -1;
}

int64_t input_size(const struct input *in, struct fault *f) {
    if (in->fd < 0) return (int64_t)in->n_data;
    struct stat st;
    if (fstat(in->fd, &st) < 0)
        return fault_set(f, PV_EIO, -1, "reading failed: %s", strerror(errno));
    return (int64_t)size_of(in, &st);
}

int64_t input_pread(int fd, uint64_t at, void *buf, size_t n, struct fault *f) {
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(fd, (char *)buf + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return fault_set(f, PV_EIO, (int64_t)at, "reading failed: %s", strerror(errno));
        if (got == 0) break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

int64_t input_at(const struct input *in, uint64_t at, void *buf, size_t n, struct fault *f) {
    if (atomic_load_explicit(&in->canceled, memory_order_relaxed))
        return fault_set(f, PV_ECANCELED, (int64_t)at, "reading stopped: canceled");
    if (in->fd >= 0) return input_pread(in->fd, in->base + at, buf, n, f);
    if (at >= in->n_data) return 0;
    if (n > in->n_data - at) n = in->n_data - at;
    if (n) memcpy(buf, in->data + at, n);
    return (int64_t)n;
}

void input_soon(const struct input *in, uint64_t at, uint64_t n) {
    if (in->fd >= 0)
        (void)posix_fadvise(in->fd, (off_t)(in->base + at), (off_t)n, POSIX_FADV_WILLNEED);
}

void input_reached(struct input *in, uint64_t done) {
    if (done > atomic_load_explicit(&in->done, memory_order_relaxed)) /* only one thread calls */
        atomic_store_explicit(&in->done, done, memory_order_relaxed);
}

void input_progress(const struct input *in, uint64_t *done, uint64_t *total) {
    *done = atomic_load_explicit(&in->done, memory_order_relaxed);
    *total = in->total;
}

void input_cancel(struct input *in) {
    atomic_store_explicit(&in->canceled, true, memory_order_relaxed);
}

void input_close(struct input *in) {
    if (!in) return;
    if (in->packing == INPUT_GZIP) inflateEnd(&in->gzip);
    ZSTD_freeDStream(in->zstd);
    if (in->owns_fd) close(in->fd);
    free(in->raw);
    free(in);
}
