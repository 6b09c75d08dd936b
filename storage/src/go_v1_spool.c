/* storage/src/go_v1_spool.c - a trace's bytes, kept where they can be read more than once.
 *
 * Small traces stay on the heap.  Larger ones go into a temporary file that is mapped: its pages
 * are the kernel's to take back, and the passes give back what lies behind them.  Nobody else can
 * truncate that file, so reading it cannot fault.  A file, whose size is known, is mapped before it
 * is copied, and the first pass reads what a thread has copied so far.
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

static int map_file(struct v1_spool *s, uint64_t n, struct fault *f) {
    size_t bytes = (size_t)n + V1_SLACK;
    void *data = ftruncate(s->fd, (off_t)bytes) == 0
                     ? mmap(NULL, bytes, PROT_READ, MAP_SHARED, s->fd, 0)
                     : MAP_FAILED;
    if (data == MAP_FAILED)
        return fault_set(f, PV_EIO, -1, "cannot map the temporary copy of the trace: %s",
                         strerror(errno));
    s->data = data;
    s->mapped = bytes;
    return 0;
}

/* Copies buf's n bytes, then the input's: up to `limit` bytes in all. */
static int copy(struct v1_spool *s, uint8_t *buf, size_t n, uint64_t limit, struct fault *f) {
    for (uint64_t have = 0;;) {
        if (n > limit - have) n = (size_t)(limit - have);
        TRY(temporary_write(s->fd, buf, n, f));
        have += n;
        pthread_mutex_lock(&s->lock);
        s->have = have;
        pthread_cond_signal(&s->more);
        pthread_mutex_unlock(&s->lock);
        if (have == limit) return 0;
        int64_t got = read_full(s->in, buf, V1_HEAP_BYTES, f);
        if (got <= 0) return (int)got;
        n = (size_t)got;
    }
}

/* The thread that copies a file, while what it has copied is scanned. */
static void *copy_beside(void *arg) {
    struct v1_spool *s = arg;
    struct fault fault = {0};
    copy(s, s->buf, V1_HEAP_BYTES, s->mapped - V1_SLACK, &fault);
    pthread_mutex_lock(&s->lock);
    s->fault = fault;
    s->copied = true;
    pthread_cond_signal(&s->more);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static int copy_all(struct v1_spool *s, struct fault *f) {
    TRY(copy(s, s->buf, V1_HEAP_BYTES, UINT64_MAX, f));
    s->copied = true;
    return map_file(s, s->have, f);
}

static int spill(struct v1_spool *s, bool beside, struct fault *f) {
    s->fd = temporary_open(f);
    if (s->fd < 0) return s->fd;
    int64_t size = beside && input_is_random(s->in) ? input_size(s->in, f) : 0;
    if (size <= V1_HEAP_BYTES) return copy_all(s, f);
    TRY(map_file(s, (uint64_t)size, f));
    s->threaded = pthread_create(&s->thread, NULL, copy_beside, s) == 0;
    if (!s->threaded) copy_beside(s);
    return 0;
}

int v1_spool_fill(struct v1_spool *s, struct input *in, bool beside, struct fault *f) {
    *s = (struct v1_spool){.in = in, .fd = -1};
    if (pthread_mutex_init(&s->lock, NULL) != 0)
        return fault_set(f, PV_ENOMEM, -1, "out of memory");
    if (pthread_cond_init(&s->more, NULL) != 0) {
        pthread_mutex_destroy(&s->lock);
        return fault_set(f, PV_ENOMEM, -1, "out of memory");
    }
    s->ready = true;
    s->buf = malloc(V1_HEAP_BYTES + V1_SLACK);
    if (!s->buf) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    int64_t got = read_full(in, s->buf, V1_HEAP_BYTES, f);
    if (got < 0) return (int)got;
    if (got == V1_HEAP_BYTES) return spill(s, beside, f);
    memset(s->buf + got, 0, V1_SLACK);
    s->have = (uint64_t)got;
    s->copied = true;
    s->data = s->buf;
    return 0;
}

bool v1_spool_wait(struct v1_spool *s, uint64_t *n) {
    pthread_mutex_lock(&s->lock);
    while (s->have < *n && !s->copied) pthread_cond_wait(&s->more, &s->lock);
    *n = s->have;
    bool all = s->copied;
    pthread_mutex_unlock(&s->lock);
    return all;
}

int v1_spool_end(struct v1_spool *s, struct fault *f) {
    if (s->threaded) pthread_join(s->thread, NULL);
    s->threaded = false;
    if (s->mapped) {
        free(s->buf);
        s->buf = NULL;
    }
    if (s->fault.code) *f = s->fault;
    return s->fault.code;
}

void v1_spool_drop(const struct v1_spool *s, uint64_t from, uint64_t to) {
    if (!s->mapped) return;
    from = from / V1_PAGE * V1_PAGE; /* outward: a page that is still read comes back by itself */
    madvise((void *)(uintptr_t)(s->data + from), to - from, MADV_DONTNEED);
}

void v1_spool_free(struct v1_spool *s) {
    if (!s->ready) return;
    struct fault f;
    v1_spool_end(s, &f);
    if (s->mapped) munmap((void *)(uintptr_t)s->data, s->mapped);
    if (s->fd >= 0) close(s->fd);
    free(s->buf);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->more);
    *s = (struct v1_spool){0};
}
