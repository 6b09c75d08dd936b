/* storage/src/go_v1_spool.c - a trace's bytes, kept where they can be read more than once.
 *
 * Small traces stay on the heap.  Larger ones go into a temporary file that is mapped: its pages
 * are the kernel's to take back, and the passes give back what lies behind them.  Nobody else can
 * truncate that file, so reading it cannot fault.
 * V1_SLACK zeros follow the bytes, so that a number may be loaded as a word. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "storage/src/go_v1_impl.h"
#include "storage/src/temporary.h"

enum { V1_HEAP_BYTES = 1 << 20, V1_PAGE = 4096 };

/* Reads until buf is full or the input ends; the count, or a code. */
static int64_t read_full(struct input *in, uint8_t *buf, size_t n, struct fault *f) {
    size_t have = 0;
    while (have < n) {
        int64_t got = input_read(in, buf + have, n - have, f);
        if (got < 0) return got;
        if (got == 0) break;
        have += (size_t)got;
    }
    return (int64_t)have;
}

static int map_file(struct v1_spool *s, int fd, struct fault *f) {
    size_t n = (size_t)s->n + V1_SLACK;
    void *data = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return fault_set(f, PV_EIO, -1, "cannot map the temporary copy of the trace: %s",
                         strerror(errno));
    s->data = data;
    s->mapped = n;
    return 0;
}

static int spill(struct v1_spool *s, struct input *in, uint8_t *buf, struct fault *f) {
    static const uint8_t zeros[V1_SLACK];
    int fd = temporary_open(f);
    if (fd < 0) return fd;
    int64_t got = V1_HEAP_BYTES;
    int rc;
    do {
        s->n += (uint64_t)got;
        rc = temporary_write(fd, buf, (size_t)got, f);
        if (rc == 0) got = read_full(in, buf, V1_HEAP_BYTES, f);
        if (got < 0) rc = (int)got;
    } while (rc == 0 && got > 0);
    if (rc == 0) rc = temporary_write(fd, zeros, sizeof zeros, f);
    if (rc == 0) rc = map_file(s, fd, f);
    close(fd);
    return rc;
}

int v1_spool_fill(struct v1_spool *s, struct input *in, struct fault *f) {
    uint8_t *buf = malloc(V1_HEAP_BYTES + V1_SLACK);
    if (!buf) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    int64_t got = read_full(in, buf, V1_HEAP_BYTES, f);
    int rc = got < 0 ? (int)got : 0;
    if (got == V1_HEAP_BYTES) {
        rc = spill(s, in, buf, f);
    } else if (got >= 0) {
        memset(buf + got, 0, V1_SLACK);
        s->n = (uint64_t)got;
        s->data = buf;
        return 0;
    }
    free(buf);
    return rc;
}

void v1_spool_drop(const struct v1_spool *s, uint64_t from, uint64_t to) {
    if (!s->mapped) return;
    from = from / V1_PAGE * V1_PAGE; /* outward: a page that is still read comes back by itself */
    madvise((void *)(uintptr_t)(s->data + from), to - from, MADV_DONTNEED);
}

void v1_spool_free(struct v1_spool *s) {
    if (s->mapped)
        munmap((void *)(uintptr_t)s->data, s->mapped);
    else
        free((void *)(uintptr_t)s->data);
    *s = (struct v1_spool){0};
}
