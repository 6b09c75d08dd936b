/* storage/src/go_bytes.c - the bytes of a trace at any place, none of them held in memory.
 *
 * Invariants  1. The copy of a stream has the trace's offsets; what is done with is punched out.
 *             2. One thread makes bytes available; another gets those of which it was told through
 *                something that synchronises.
 *             3. A file that others change while it is read gives other bytes, or a fault. */
#include "storage/src/go_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/src/temporary.h"

enum { COPY_BYTES = 256 << 10 };
static const uint64_t SOON_BYTES = 4 << 20;

int go_bytes_open(struct go_bytes *b, struct input *in, uint64_t at, struct fault *f) {
    *b = (struct go_bytes){.in = in, .copy = -1, .n = at, .soon = at};
    if (input_is_random(in)) return 0;
    b->buf = malloc(COPY_BYTES);
    if (!b->buf) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    b->copy = temporary_open(f);
    if (b->copy < 0) return b->copy;
    if (lseek(b->copy, (off_t)at, SEEK_SET) >= 0) return 0;
    return fault_set(f, PV_EIO, -1, "the temporary copy of the trace: %s", strerror(errno));
}

static int copy_more(struct go_bytes *b, struct fault *f) {
    int64_t got = input_read(b->in, b->buf, COPY_BYTES, f);
    b->at_end = got <= 0;
    if (got < 0) return (int)got;
    TRY(temporary_write(b->copy, b->buf, (size_t)got, f));
    b->n += (uint64_t)got;
    return 0;
}

int go_bytes_need(struct go_bytes *b, uint64_t at, size_t n, struct fault *f) {
    if (b->copy >= 0) {
        while (b->n < at + n && !b->at_end) TRY(copy_more(b, f));
        return 0;
    }
    while (b->soon < at + n + SOON_BYTES && b->soon < b->n) {
        input_soon(b->in, b->soon, SOON_BYTES);
        b->soon += SOON_BYTES;
    }
    if (b->n >= at + n || b->at_end) return 0;
    int64_t size = input_size(b->in, f);
    if (size < 0) return b->at_end = true, (int)size;
    if (b->n < (uint64_t)size) b->n = (uint64_t)size;
    b->at_end = b->n < at + n;
    return 0;
}

int go_bytes_get(const struct go_bytes *b, uint64_t at, void *buf, size_t n, struct fault *f) {
    int64_t got =
        b->copy >= 0 ? input_pread(b->copy, at, buf, n, f) : input_at(b->in, at, buf, n, f);
    if (got < 0 || (size_t)got == n) return got < 0 ? (int)got : 0;
    return fault_set(f, PV_EIO, (int64_t)at, "the file became shorter while it was read");
}

void go_bytes_reached(struct go_bytes *b, uint64_t at) {
    if (b->copy < 0) input_reached(b->in, at);
}

void go_bytes_done(struct go_bytes *b, uint64_t upto) {
    go_bytes_reached(b, upto);
    if (b->copy >= 0) /* where this cannot be done, the copy grows */
        (void)fallocate(b->copy, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)upto);
}

void go_bytes_close(struct go_bytes *b) {
    if (b->copy >= 0) close(b->copy);
    free(b->buf);
    *b = (struct go_bytes){.copy = -1};
}
