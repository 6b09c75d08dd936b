/* tracer/src/snapshot.c - a consistent copy of a ring that is being written.
 *
 * The end is read off the clock first: all events up to then are in the copy, and readers leave out
 * what is later.  Then the live table, the batches, the threads and the names, in that order (see
 * events.c and format.h).  A batch that changed hands while it was copied is left out: what it held
 * was the oldest, and the thread that took it has said up to where that went.
 * The same for one's own ring and for another process's file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/src/recorder.h"

struct copy {
    const uint8_t *map;
    size_t bytes;
    int fd;
    uint64_t *buffer; /* PV_BATCH_BYTES */
};

static int write_at(int fd, const void *data, size_t n, uint64_t at) {
    const char *p = data;
    while (n) {
        ssize_t done = pwrite(fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -errno;
        p += done;
        at += (size_t)done;
        n -= (size_t)done;
    }
    return 0;
}

/* n words at map + at, each read whole and in order. */
static void load_words(const struct copy *c, uint64_t at, size_t n, uint64_t *out) {
    const uint64_t *from = (const void *)(c->map + at);
    for (size_t i = 0; i < n; i++) out[i] = load64(&from[i]);
}

static int copy_plain(const struct copy *c, uint64_t at, uint64_t n) {
    if (at > c->bytes || n > c->bytes - at) return -EINVAL;
    while (n) {
        size_t part = n < PV_BATCH_BYTES ? n : PV_BATCH_BYTES;
        load_words(c, at, (part + 7) / 8, c->buffer);
        int rc = write_at(c->fd, c->buffer, part, at);
        if (rc < 0) return rc;
        at += part;
        n -= part;
    }
    return 0;
}

/* A slot whose word is the same before and after its fields were read is whole. */
static int copy_slots(const struct copy *c, const struct pv_ring_header *h) {
    enum {
        WORDS = sizeof(struct pv_ring_slot) / 8,
        PART = PV_BATCH_BYTES / sizeof(struct pv_ring_slot)
    };
    for (uint32_t i = 0; i < h->slots_used; i += PART) {
        uint32_t n = h->slots_used - i < PART ? h->slots_used - i : PART;
        uint64_t at = h->slots_at + (uint64_t)i * sizeof(struct pv_ring_slot);
        for (uint32_t k = 0; k < n; k++) {
            uint64_t *slot = c->buffer + (size_t)k * WORDS,
                     from = at + k * sizeof(struct pv_ring_slot);
            load_words(c, from, WORDS, slot);
            if (load64((const void *)(c->map + from)) != slot[0]) slot[0] |= PV_SLOT_BUSY;
        }
        int rc = write_at(c->fd, c->buffer, (size_t)n * sizeof(struct pv_ring_slot), at);
        if (rc < 0) return rc;
    }
    return 0;
}

static int copy_batch(const struct copy *c, uint64_t at) {
    const struct pv_ring_batch *from = (const void *)(c->map + at);
    uint64_t seq = load64(&from->seq);
    uint32_t used = load32(&from->used);
    if (seq == 0 || used > PV_BATCH_END || used < PV_BATCH_DATA) return 0;
    load_words(c, at, (used + 7) / 8, c->buffer);
    struct pv_ring_batch *b = (void *)c->buffer;
    b->used = used; /* what was published when the copy began */
    if (b->seq != seq || load64((const void *)(c->map + at + PV_BATCH_END)) != seq ||
        load64(&from->seq) != seq)
        return 0;
    int rc = write_at(c->fd, c->buffer, used, at);
    return rc < 0 ? rc : write_at(c->fd, &seq, sizeof seq, at + PV_BATCH_END);
}

static int copy_table(const struct copy *c, const struct pv_ring_table *t) {
    if (t->n > t->capacity) return -EINVAL;
    if (t->n <= 1) return 0;
    int rc = copy_plain(c, t->index_at, (uint64_t)t->n * sizeof(uint64_t));
    if (rc < 0) return rc;
    uint64_t end = 0; /* of the bytes that the entries name */
    const uint64_t *index = (const void *)(c->map + t->index_at);
    for (uint32_t i = 1; i < t->n; i++) {
        uint64_t entry = load64(&index[i]);
        uint64_t last = (entry >> 16 & 0xffffffff) * 8 + (entry & 0xffff);
        if (entry && last > end) end = last;
    }
    return copy_plain(c, t->bytes_at, (end + 7) & ~(uint64_t)7);
}

static int copy_ring(const struct copy *c) {
    struct pv_ring_header h;
    struct timespec now;
    uint64_t words[sizeof h / 8];
    uint64_t end = pv_ticks();
    clock_gettime(CLOCK_MONOTONIC, &now);
    load_words(c, 0, sizeof h / 8, words);
    memcpy(&h, words, sizeof h);
    if (memcmp(h.magic, PV_RING_MAGIC, sizeof h.magic) != 0 || h.version != PV_RING_VERSION ||
        h.batch_bytes != PV_BATCH_BYTES || h.slots_used > h.n_slots || h.batches_at > c->bytes ||
        h.n_batches > (c->bytes - h.batches_at) / PV_BATCH_BYTES || h.slots_at > h.batches_at ||
        h.n_slots > (h.batches_at - h.slots_at) / sizeof(struct pv_ring_slot))
        return -EINVAL;
    if (h.state == PV_RING_RECORDING) {
        h.end_ticks = end;
        h.end_mono_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
        h.state = PV_RING_SNAPSHOT;
    }
    int rc = copy_slots(c, &h);
    for (uint32_t i = 0; rc == 0 && i < h.n_batches; i++)
        rc = copy_batch(c, h.batches_at + (uint64_t)i * PV_BATCH_BYTES);
    if (rc < 0) return rc;
    const struct pv_ring_header *live = (const void *)c->map;
    h.threads_used = load32(&live->threads_used);
    h.unlisted = load64(&live->unlisted);
    h.names_lost = load64(&live->names_lost);
    h.lost_without_thread = load64(&live->lost_without_thread);
    h.strings.n = load32(&live->strings.n);
    h.frames.n = load32(&live->frames.n);
    h.stacks.n = load32(&live->stacks.n);
    rc = copy_plain(c, h.threads_at, (uint64_t)h.threads_used * sizeof(struct pv_ring_thread));
    /* Stacks name frames, and frames strings: each was there before what names it, so it is copied
     * after it. */
    if (rc == 0) rc = copy_table(c, &h.stacks);
    if (rc == 0) rc = copy_table(c, &h.frames);
    if (rc == 0) rc = copy_table(c, &h.strings);
    if (rc == 0 && ftruncate(c->fd, (off_t)c->bytes) < 0) rc = -errno;
    return rc == 0 ? write_at(c->fd, &h, sizeof h, 0) : rc;
}

int pv__snapshot_map(const uint8_t *map, size_t bytes, const char *path) {
    struct copy c = {.map = map, .bytes = bytes};
    c.buffer = malloc(PV_BATCH_BYTES);
    if (!c.buffer) return -ENOMEM;
    c.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int rc = c.fd < 0 ? -errno : copy_ring(&c);
    if (c.fd >= 0 && close(c.fd) < 0 && rc == 0) rc = -errno;
    if (rc < 0 && c.fd >= 0) unlink(path);
    free(c.buffer);
    return rc;
}

int pv_snapshot_of(const char *ring, const char *path) {
    struct stat a, b;
    int fd = open(ring, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int rc = fstat(fd, &a) < 0 ? -errno : 0;
    if (rc == 0 && (!S_ISREG(a.st_mode) || (size_t)a.st_size < sizeof(struct pv_ring_header)))
        rc = -EINVAL;
    if (rc == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
        rc = -EINVAL;
    uint8_t *map = MAP_FAILED;
    if (rc == 0) {
        map = mmap(NULL, (size_t)a.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED) rc = -errno;
    }
    close(fd);
    if (rc < 0) return rc;
    rc = pv__snapshot_map(map, (size_t)a.st_size, path);
    munmap(map, (size_t)a.st_size);
    return rc;
}
