/* tracer/src/snapshot.c - a consistent copy of a ring that is being written.
 *
 * The end is read off the clock first: all events up to then are in the copy, and readers leave out
 * what is later.  Then the live table, the batches, the threads and the names, in that order (see
 * events.c and format.h).  A batch that changed hands while it was copied is left out: what it held
 * was the oldest, and the thread that took it has said up to where that went.
 * The copy goes to memory, which takes a fraction of a millisecond, and from there to a file: a new
 * file's pages cost five times as much.  The same for one's own ring and for another process's. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/src/recorder.h"

struct copy {
    const uint8_t *map; /* the ring */
    size_t bytes;
    uint8_t *to; /* as large; what was not copied is zero or left from before */
};

/* ---- taking it: memory to memory ---- */

/* n words, each read whole and in order. */
static void load_words(const struct copy *c, uint64_t at, size_t n) {
    const uint64_t *from = (const void *)(c->map + at);
    uint64_t *to = (void *)(c->to + at);
    for (size_t i = 0; i < n; i++) to[i] = load64(&from[i]);
}

/* A slot whose word and time are the same before and after its fields were read is whole.  (The
 * word alone may come again: another goroutine in the same entry.) */
static void take_slots(const struct copy *c, const struct pv_ring_header *h) {
    for (uint32_t i = 0; i < h->slots_used; i++) {
        uint64_t at = h->slots_at + (uint64_t)i * sizeof(struct pv_ring_slot);
        struct pv_ring_slot *to = (void *)(c->to + at);
        const struct pv_ring_slot *from = (const void *)(c->map + at);
        load_words(c, at, sizeof *to / 8);
        if (load64(&from->since) != to->since || load64(&from->id) != to->id ||
            load64(&from->word) != to->word)
            to->word |= PV_SLOT_BUSY;
    }
}

static void take_batch(const struct copy *c, uint64_t at) {
    const struct pv_ring_batch *from = (const void *)(c->map + at);
    struct pv_ring_batch *to = (void *)(c->to + at);
    uint64_t seq = load64(&from->seq);
    uint32_t used = load32(&from->used); /* what was published when the copy began */
    if (seq == 0 || used > PV_BATCH_END || used < PV_BATCH_DATA) {
        to->seq = 0;
        return;
    }
    load_words(c, at, (used + 7) / 8);
    to->used = used;
    uint64_t end = load64((const void *)(c->map + at + PV_BATCH_END));
    if (to->seq != seq || end != seq || load64(&from->seq) != seq) to->seq = 0;
}

/* Of a table its index and the bytes that it names; returns how many those are. */
static uint64_t table_bytes(const uint8_t *copy, const struct pv_ring_table *t) {
    const uint64_t *index = (const void *)(copy + t->index_at);
    uint64_t end = 0;
    for (uint32_t i = 1; i < t->n; i++) {
        uint64_t last = (index[i] >> 16 & 0xffffffff) * 8 + (index[i] & 0xffff);
        if (last > end && last <= t->bytes) end = last;
    }
    return (end + 7) & ~(uint64_t)7;
}

static void take_table(const struct copy *c, const struct pv_ring_table *t) {
    load_words(c, t->index_at, t->n);
    load_words(c, t->bytes_at, table_bytes(c->to, t) / 8);
}

static bool fits(const struct copy *c, uint64_t at, uint64_t n, uint64_t each) {
    return at % 8 == 0 && at <= c->bytes && n <= (c->bytes - at) / each;
}

static bool table_fits(const struct copy *c, const struct pv_ring_table *t) {
    return t->n <= t->capacity && fits(c, t->index_at, t->capacity, 8) && t->bytes % 8 == 0 &&
           fits(c, t->bytes_at, t->bytes, 1);
}

/* Another process's file may hold anything. */
static bool is_sound(const struct copy *c, const struct pv_ring_header *h) {
    return memcmp(h->magic, PV_RING_MAGIC, sizeof h->magic) == 0 && h->version == PV_RING_VERSION &&
           h->batch_bytes == PV_BATCH_BYTES && h->slots_used <= h->n_slots &&
           h->threads_used <= h->n_threads &&
           fits(c, h->slots_at, h->n_slots, sizeof(struct pv_ring_slot)) &&
           fits(c, h->batches_at, h->n_batches, PV_BATCH_BYTES) &&
           fits(c, h->threads_at, h->n_threads, sizeof(struct pv_ring_thread)) &&
           table_fits(c, &h->strings) && table_fits(c, &h->frames) && table_fits(c, &h->stacks);
}

static int take(const struct copy *c) {
    struct pv_ring_header *h = (void *)c->to;
    struct timespec now;
    uint64_t end = pv_ticks();
    clock_gettime(CLOCK_MONOTONIC, &now);
    load_words(c, 0, sizeof *h / 8);
    if (!is_sound(c, h)) return -EINVAL;
    take_slots(c, h);
    for (uint32_t i = 0; i < h->n_batches; i++)
        take_batch(c, h->batches_at + (uint64_t)i * PV_BATCH_BYTES);
    load_words(c, 0, sizeof *h / 8); /* threads and names may have come meanwhile */
    if (!is_sound(c, h)) return -EINVAL;
    load_words(c, h->threads_at, h->threads_used * sizeof(struct pv_ring_thread) / 8);
    /* Stacks name frames, and frames strings: each was there before what names it, so it is copied
     * after it. */
    take_table(c, &h->stacks);
    take_table(c, &h->frames);
    take_table(c, &h->strings);
    if (h->state != PV_RING_RECORDING) return 0;
    h->end_ticks = end;
    h->end_mono_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    h->state = PV_RING_SNAPSHOT;
    return 0;
}

static uint8_t *memory_for(size_t bytes) {
    uint8_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

int pv__snapshot_take(const uint8_t *map, size_t bytes, uint8_t **copy) {
    if (!*copy) *copy = memory_for(bytes);
    return *copy ? take(&(struct copy){map, bytes, *copy}) : -ENOMEM;
}

/* ---- writing it ---- */

struct file {
    const uint8_t *copy;
    int fd, error;
};

static void put(struct file *f, uint64_t at, uint64_t n) {
    while (n && !f->error) {
        ssize_t done = pwrite(f->fd, f->copy + at, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) f->error = -errno;
        at += done < 0 ? 0 : (uint64_t)done;
        n -= done < 0 ? 0 : (uint64_t)done;
    }
}

static void put_batch(struct file *f, uint64_t at) {
    const struct pv_ring_batch *b = (const void *)(f->copy + at);
    if (!b->seq) return;
    put(f, at, b->used);
    if (!f->error && pwrite(f->fd, &b->seq, sizeof b->seq, (off_t)(at + PV_BATCH_END)) < 0)
        f->error = -errno;
}

static void put_table(struct file *f, const struct pv_ring_table *t) {
    put(f, t->index_at, (uint64_t)t->n * 8);
    put(f, t->bytes_at, table_bytes(f->copy, t));
}

int pv__snapshot_write(const uint8_t *copy, size_t bytes, const char *path) {
    const struct pv_ring_header *h = (const void *)copy;
    struct file f = {.copy = copy};
    f.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (f.fd < 0) return -errno;
    put(&f, h->slots_at, (uint64_t)h->slots_used * sizeof(struct pv_ring_slot));
    for (uint32_t i = 0; i < h->n_batches; i++)
        put_batch(&f, h->batches_at + (uint64_t)i * PV_BATCH_BYTES);
    put(&f, h->threads_at, (uint64_t)h->threads_used * sizeof(struct pv_ring_thread));
    put_table(&f, &h->stacks);
    put_table(&f, &h->frames);
    put_table(&f, &h->strings);
    if (!f.error && ftruncate(f.fd, (off_t)bytes) < 0) f.error = -errno;
    put(&f, 0, sizeof *h);
    if (close(f.fd) < 0 && !f.error) f.error = -errno;
    if (f.error) unlink(path);
    return f.error;
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
    uint8_t *copy = NULL;
    rc = pv__snapshot_take(map, (size_t)a.st_size, &copy);
    if (rc == 0) rc = pv__snapshot_write(copy, (size_t)a.st_size, path);
    if (copy) munmap(copy, (size_t)a.st_size);
    munmap(map, (size_t)a.st_size);
    return rc;
}
