/* storage/src/ring_load.c - a ring file, perhaps still being written, as its parts.
 *
 * What is there of a file that is cut off or damaged is taken; what is wrong becomes a hole: a time
 * in which events were lost.  So do batches that were overwritten and events that were dropped.
 * Order       live table, batches, threads, names: what is read later explains what was read before
 *             (tracer/format.h).  A batch whose sequence number changed while it was read is left
 *             out; the thread that took it has said up to where it held events.
 * Not here    what the records mean (ring_order.c). */
#include "storage/src/ring_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, TABLE_ENTRIES_MAX = 1 << 24, THREADS_MAX = 1 << 20 };

struct bytes { /* where the file's bytes come from: a file that can be read anywhere, or memory */
    int fd;    /* -1 = memory */
    uint8_t *data;
    uint64_t n;
    struct fault *fault;
};

static int no_memory(struct fault *f) {
    return fault_set(f, PV_ENOMEM, -1, "out of memory while reading a ring file");
}

/* What is there of [at, at + n) goes to out, the rest is zero.  Returns how much was there. */
static int64_t read_at(const struct bytes *b, uint64_t at, size_t n, void *out) {
    size_t got = 0;
    if (b->fd < 0) {
        got = at >= b->n ? 0 : n < b->n - at ? n : (size_t)(b->n - at);
        if (got) memcpy(out, b->data + at, got);
    }
    while (b->fd >= 0 && got < n && at <= INT64_MAX - n) {
        ssize_t now = pread(b->fd, (char *)out + got, n - got, (off_t)(at + got));
        if (now < 0 && errno == EINTR) continue;
        if (now < 0)
            return fault_set(b->fault, PV_EIO, (int64_t)at, "reading failed: %s", strerror(errno));
        if (now == 0) break;
        got += (size_t)now;
    }
    memset((char *)out + got, 0, n - got);
    return (int64_t)got;
}

/* How many of n things of that size lie within what there is of the file. */
static uint32_t there(const struct bytes *b, uint64_t at, uint32_t n, size_t size) {
    uint64_t fit = at < b->n ? (b->n - at) / size : 0;
    return n < fit ? n : (uint32_t)fit;
}

/* A stream is read whole; its first 16 bytes were the magic. */
static int read_stream(struct input *in, struct bytes *b) {
    size_t cap = CHUNK;
    b->fd = -1;
    b->data = malloc(cap);
    if (!b->data) return no_memory(b->fault);
    memcpy(b->data, PV_RING_MAGIC, 16);
    for (b->n = 16;;) {
        if (b->n == cap) {
            uint8_t *more = realloc(b->data, cap * 2);
            if (!more) return no_memory(b->fault);
            b->data = more;
            cap *= 2;
        }
        int64_t got = input_read(in, b->data + b->n, cap - b->n, b->fault);
        if (got <= 0) return (int)got;
        b->n += (uint64_t)got;
    }
}

static int damage(struct ring_file *file, int64_t offset, const char *what) {
    if (!file->fault.code) fault_set(&file->fault, PV_ECORRUPT, offset, "%s", what);
    return 0;
}

static int add_hole(struct ring_file *file, struct ring_hole hole, struct fault *f) {
    if (hole.from >= hole.to) return 0;
    if (file->n_holes == file->cap_holes) {
        uint32_t cap = file->cap_holes ? file->cap_holes * 2 : 16;
        struct ring_hole *more = realloc(file->holes, cap * sizeof *more);
        if (!more) return no_memory(f);
        file->holes = more;
        file->cap_holes = cap;
    }
    file->holes[file->n_holes++] = hole;
    return 0;
}

/* ---- header ---- */

static bool lies_within(uint64_t at, uint64_t count, uint64_t each, uint64_t end) {
    uint64_t bytes;
    return !__builtin_mul_overflow(count, each, &bytes) && at <= end && bytes <= end - at;
}

static bool table_fits(const struct pv_ring_table *t, uint64_t end) {
    return t->capacity <= TABLE_ENTRIES_MAX && t->n <= t->capacity && t->index_at % 8 == 0 &&
           t->bytes_at % 8 == 0 && lies_within(t->index_at, t->capacity, 8, end) &&
           lies_within(t->bytes_at, t->bytes, 1, end);
}

/* Nothing in a header is believed before this; end: beyond it nothing can lie. */
static int check_header(const struct pv_ring_header *h, uint64_t end, struct fault *f) {
    if (h->version != PV_RING_VERSION)
        return fault_set(f, PV_EVERSION, 16, "unknown or unsupported version %u of a ring file",
                         h->version);
    if (h->header_bytes != sizeof *h || h->batch_bytes != PV_BATCH_BYTES || h->n_batches == 0 ||
        h->slots_used > h->n_slots || h->threads_used > h->n_threads ||
        h->n_threads > THREADS_MAX || h->ticks_per_s == 0 || h->tick_shift > 63 ||
        !lies_within(h->slots_at, h->n_slots, sizeof(struct pv_ring_slot), end) ||
        !lies_within(h->batches_at, h->n_batches, PV_BATCH_BYTES, end) ||
        !lies_within(h->threads_at, h->n_threads, sizeof(struct pv_ring_thread), end) ||
        !table_fits(&h->strings, end) || !table_fits(&h->frames, end) ||
        !table_fits(&h->stacks, end))
        return fault_set(f, PV_ECORRUPT, 16, "the header of the ring file contradicts itself");
    return 0;
}

/* A file that is still being written: events up to now are read, so that no thread is shown longer
 * than another.  Only where this machine's clock is that of the file. */
static void set_end(struct pv_ring_header *h, bool live) {
    char text[64] = "";
    uint8_t boot[16] = {0};
    if (!live || h->state != PV_RING_RECORDING || h->tick_shift != PV_TICK_SHIFT) return;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    int digits = 0;
    for (ssize_t i = 0; i < n && digits < 32; i++) {
        char c = text[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (v >= 0) boot[digits / 2] = (uint8_t)(boot[digits / 2] << 4 | v), digits++;
    }
    if (digits == 32 && memcmp(boot, h->boot_id, sizeof boot) == 0) h->end_ticks = pv_ticks();
}

/* ---- parts ---- */

static int load_slots(const struct bytes *b, struct ring_file *file) {
    const struct pv_ring_header *h = &file->h;
    enum { PART = 256 };
    struct pv_ring_slot part[PART], again[PART];
    for (uint32_t i = 0; i < h->slots_used; i += PART) {
        uint32_t n = h->slots_used - i < PART ? h->slots_used - i : PART;
        uint64_t at = h->slots_at + (uint64_t)i * sizeof *part;
        int64_t got = read_at(b, at, n * sizeof *part, part);
        if (got <= 0) return (int)got;
        /* Entries may change while they are read: only those that are the same twice are whole. */
        if (b->fd >= 0) got = read_at(b, at, n * sizeof *part, again);
        if (got < 0) return (int)got;
        struct pv_ring_slot *more = realloc(file->slots, (file->n_slots + n) * sizeof *more);
        if (!more) return no_memory(b->fault);
        file->slots = more;
        for (uint32_t k = 0; k < n; k++) {
            uint64_t state = part[k].word & PV_SLOT_BUSY;
            if (state < 1 || state > 4 || part[k].id == 0 || part[k].id > INT64_MAX) continue;
            if (b->fd < 0 || memcmp(&part[k], &again[k], sizeof *part) == 0)
                file->slots[file->n_slots++] = part[k];
        }
    }
    return 0;
}

static int load_batch(const struct bytes *b, struct ring_file *file, uint64_t at) {
    struct pv_ring_batch h, again;
    uint64_t end_seq;
    if (read_at(b, at, sizeof h, &h) < (int64_t)sizeof h)
        return damage(file, (int64_t)at, "the file is cut off: batches are missing");
    if (h.seq == 0) return 0;
    if (h.used < PV_BATCH_DATA || h.used > PV_BATCH_END || h.g > INT64_MAX || h.p < -1)
        return damage(file, (int64_t)at, "the head of a batch contradicts itself");
    struct ring_batch *out = &file->batches[file->n_batches];
    *out = (struct ring_batch){.h = h, .n = h.used, .thread = h.thread, .file_at = at};
    out->bytes = malloc(h.used);
    if (!out->bytes) return no_memory(b->fault);
    int64_t got = read_at(b, at, h.used, out->bytes);
    if (got >= 0) got = read_at(b, at + PV_BATCH_END, sizeof end_seq, &end_seq);
    bool whole = got == (int64_t)sizeof end_seq;
    if (got >= 0) got = read_at(b, at, sizeof again, &again);
    if (got < 0 || end_seq != h.seq || again.seq != h.seq) {
        free(out->bytes);
        if (got < 0) return (int)got;
        return whole || b->fd >= 0
                   ? 0
                   : damage(file, (int64_t)at, "the file is cut off: a batch is not whole");
    }
    file->n_batches++;
    return 0;
}

static int load_batches(const struct bytes *b, struct ring_file *file) {
    const struct pv_ring_header *h = &file->h;
    uint32_t n = there(b, h->batches_at, h->n_batches, PV_BATCH_BYTES);
    if (n < h->n_batches) n++; /* the one that is cut through */
    file->batches = calloc(n, sizeof *file->batches);
    if (!file->batches) return no_memory(b->fault);
    for (uint32_t i = 0; i < n; i++)
        TRY(load_batch(b, file, h->batches_at + (uint64_t)i * PV_BATCH_BYTES));
    return 0;
}

static int load_threads(const struct bytes *b, struct ring_file *file) {
    struct pv_ring_header now;
    if (read_at(b, 0, sizeof now, &now) == (int64_t)sizeof now &&
        now.threads_used <= file->h.n_threads)
        file->h.threads_used = now.threads_used; /* some may have come while batches were read */
    uint32_t n = there(b, file->h.threads_at, file->h.threads_used, sizeof(struct pv_ring_thread));
    if (n < file->h.threads_used)
        damage(file, (int64_t)b->n, "the file is cut off: threads and names are missing");
    file->threads = calloc((size_t)n + 1, sizeof *file->threads);
    if (!file->threads) return no_memory(b->fault);
    for (uint32_t i = 0; i < n; i++) {
        int64_t got = read_at(b, file->h.threads_at + i * sizeof(struct pv_ring_thread),
                              sizeof(struct pv_ring_thread), &file->threads[i].row);
        if (got < 0) return (int)got;
    }
    file->n_threads = n;
    return 0;
}

static int load_table(const struct bytes *b, const struct pv_ring_table *t,
                      struct ring_table *out) {
    out->n = there(b, t->index_at, t->n, sizeof *out->index);
    out->index = calloc((size_t)out->n + 1, sizeof *out->index);
    if (!out->index) return no_memory(b->fault);
    int64_t got = read_at(b, t->index_at, out->n * sizeof *out->index, out->index);
    if (got < 0) return (int)got;
    uint64_t end = 0;
    for (uint32_t i = 1; i < out->n; i++) {
        uint64_t last = (out->index[i] >> 16 & UINT32_MAX) * 8 + (out->index[i] & 0xffff);
        if (last > t->bytes) out->index[i] = last = 0;
        if (last > end) end = last;
    }
    if (b->n <= t->bytes_at)
        end = 0;
    else if (end > b->n - t->bytes_at)
        end = b->n - t->bytes_at;
    out->bytes = malloc(end + 1);
    if (!out->bytes) return no_memory(b->fault);
    got = read_at(b, t->bytes_at, end, out->bytes);
    out->n_bytes = got < 0 ? 0 : (size_t)got;
    return got < 0 ? (int)got : 0;
}

static int load_names(const struct bytes *b, struct ring_file *file) {
    struct pv_ring_header now;
    if (read_at(b, 0, sizeof now, &now) == (int64_t)sizeof now) {
        struct pv_ring_table *tables[] = {&file->h.strings, &file->h.frames, &file->h.stacks};
        uint32_t n[] = {now.strings.n, now.frames.n, now.stacks.n};
        for (int i = 0; i < 3; i++)
            if (n[i] <= tables[i]->capacity) tables[i]->n = n[i];
    }
    TRY(load_table(b, &file->h.stacks, &file->stacks));
    TRY(load_table(b, &file->h.frames, &file->frames));
    TRY(load_table(b, &file->h.strings, &file->strings));
    return ring_names_load(file) < 0 ? no_memory(b->fault) : 0;
}

/* ---- what follows from them ---- */

static int by_thread(const void *a, const void *b) {
    const struct ring_batch *x = a, *y = b;
    if (x->thread != y->thread) return x->thread < y->thread ? -1 : 1;
    return x->h.seq < y->h.seq ? -1 : x->h.seq > y->h.seq;
}

static int sort_batches(struct ring_file *file) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < file->n_batches; i++) {
        if (file->batches[i].thread < file->n_threads) {
            file->batches[n++] = file->batches[i];
            continue;
        }
        damage(file, (int64_t)file->batches[i].file_at, "a batch is of a thread that there is not");
        free(file->batches[i].bytes);
    }
    file->n_batches = n;
    if (n) qsort(file->batches, n, sizeof *file->batches, by_thread);
    for (uint32_t i = 0; i < n; i++) {
        struct ring_thread *t = &file->threads[file->batches[i].thread];
        if (t->n++ == 0) t->first = i;
    }
    return 0;
}

/* Where a batch's bytes are not records it ends there, and the thread's next one begins a new
 * window. */
static int check_batches(struct ring_file *file, struct fault *f) {
    for (uint32_t i = 0; i < file->n_batches; i++) {
        struct ring_batch *b = &file->batches[i];
        struct ring_place at;
        struct ring_record record;
        ring_place_begin(&at, b);
        int rc;
        while ((rc = ring_place_next(&at, &record)) == 1) {
        }
        b->last = at.t;
        bool more = i + 1 < file->n_batches && file->batches[i + 1].thread == b->thread;
        uint64_t next = more ? file->batches[i + 1].h.base : UINT64_MAX;
        if (rc < 0) {
            b->n = (uint32_t)(at.p - b->bytes);
            int64_t offset = (int64_t)b->file_at + b->n;
            static const char what[] = "bytes that are no record";
            damage(file, offset, what);
            struct ring_hole hole = {at.t + 1, next, 0, offset, what};
            TRY(add_hole(file, hole, f));
        }
        if (b->h.lost) {
            struct ring_hole hole = {b->h.lost_from, b->h.base, b->h.lost, -1, NULL};
            TRY(add_hole(file, hole, f));
        }
    }
    return 0;
}

static int by_begin(const void *a, const void *b) {
    const struct ring_hole *x = a, *y = b;
    return x->from < y->from ? -1 : x->from > y->from;
}

static int find_holes(struct ring_file *file, struct fault *f) {
    TRY(check_batches(file, f));
    for (uint32_t i = 0; i < file->n_threads; i++) {
        const struct pv_ring_thread *row = &file->threads[i].row;
        struct ring_hole lost = {row->lost_from, UINT64_MAX, row->lost, -1, NULL};
        struct ring_hole over = {0, row->overwritten_until + 1, 0, -1, NULL};
        if (row->lost_from) TRY(add_hole(file, lost, f));
        if (row->overwritten_until && row->overwritten_until < UINT64_MAX)
            TRY(add_hole(file, over, f));
    }
    if (!file->n_holes) return 0;
    qsort(file->holes, file->n_holes, sizeof *file->holes, by_begin);
    uint32_t n = 0;
    for (uint32_t i = 1; i < file->n_holes; i++) {
        struct ring_hole *last = &file->holes[n], *next = &file->holes[i];
        if (next->from > last->to) {
            file->holes[++n] = *next;
            continue;
        }
        if (next->to > last->to) last->to = next->to;
        last->n += next->n;
        if (last->offset < 0) last->offset = next->offset, last->what = next->what;
    }
    file->n_holes = n + 1;
    return 0;
}

/* The pair of clocks that lies farthest from the start measures the frequency best. */
static void set_clock(struct ring_file *file) {
    const struct pv_ring_header *h = &file->h;
    uint64_t ticks = h->end_mono_ns ? h->end_ticks : 0, mono = h->end_mono_ns;
    for (uint32_t i = 0; i < file->n_batches; i++)
        if (file->batches[i].h.base > ticks && !h->end_mono_ns)
            ticks = file->batches[i].h.base, mono = file->batches[i].h.mono_ns;
    file->ns_per_tick = 1e9 / (double)h->ticks_per_s;
    enum { LONG_ENOUGH_NS = 10000000 };
    if (ticks <= h->start_ticks || mono <= h->start_mono_ns + LONG_ENOUGH_NS) return;
    double measured = (double)(mono - h->start_mono_ns) / (double)(ticks - h->start_ticks);
    /* A pair that contradicts the first measurement is no pair. */
    if (measured > file->ns_per_tick * 0.9 && measured < file->ns_per_tick * 1.1)
        file->ns_per_tick = measured;
}

int ring_load(struct input *in, struct ring_file *file, struct fault *f) {
    struct bytes b = {.fd = input_fd(in), .fault = f};
    uint64_t done = 0;
    int rc = 0;
    if (b.fd >= 0)
        input_progress(in, &done, &b.n);
    else
        rc = read_stream(in, &b);
    if (rc == 0 && read_at(&b, 0, sizeof file->h, &file->h) < (int64_t)sizeof file->h)
        rc = fault_set(f, PV_ECORRUPT, (int64_t)b.n, "the header of the ring file is cut off");
    /* A file that is cut off still is read as far as it goes. */
    if (rc == 0) rc = check_header(&file->h, (uint64_t)1 << 48, f);
    if (rc == 0) set_end(&file->h, b.fd >= 0);
    if (rc == 0) rc = load_slots(&b, file);
    if (rc == 0) rc = load_batches(&b, file);
    if (rc == 0) rc = load_threads(&b, file);
    if (rc == 0) rc = load_names(&b, file);
    if (rc == 0) rc = sort_batches(file);
    if (rc == 0) rc = find_holes(file, f);
    if (rc == 0) set_clock(file);
    free(b.data);
    return rc;
}

static void table_free(struct ring_table *t) {
    free(t->index);
    free(t->bytes);
    free(t->ids);
}

void ring_file_free(struct ring_file *file) {
    for (uint32_t i = 0; i < file->n_batches; i++) free(file->batches[i].bytes);
    free(file->batches);
    free(file->slots);
    free(file->threads);
    free(file->holes);
    table_free(&file->strings);
    table_free(&file->frames);
    table_free(&file->stacks);
    idmap_free(&file->frame_of_pc);
    ring_lines_free(file->lines);
}
