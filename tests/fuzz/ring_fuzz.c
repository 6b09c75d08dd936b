/* tests/fuzz/ring_fuzz.c - the reader of ring files.
 *
 * A ring's parts lie megabytes apart, so an input is not a file but its parts, one after another,
 * each with its length before it (2 bytes), put together here: the header (the places of the parts
 * are ours), live goroutines, batches (at most 8, as they are), threads, and the index and bytes of
 * strings, frames and stacks. */
#include "tests/fuzz/read_all.h"
#include "tracer/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    N_BATCHES = 8,
    SLOTS_AT = 4096,
    BATCHES_AT = 65536 * 2,
    THREADS_AT = BATCHES_AT + N_BATCHES * PV_BATCH_BYTES,
    NAMES_AT = THREADS_AT + 65536,
    NAMES_BYTES = 65536,
    FILE_BYTES = NAMES_AT + 6 * NAMES_BYTES
};

struct parts {
    const uint8_t *p;
    size_t n;
};

static size_t next_part(struct parts *from, uint8_t *to, size_t room) {
    if (from->n < 2) return 0;
    size_t n = (size_t)(from->p[0] | from->p[1] << 8);
    from->p += 2;
    from->n -= 2;
    if (n > from->n) n = from->n;
    memcpy(to, from->p, n < room ? n : room);
    from->p += n;
    from->n -= n;
    return n < room ? n : room;
}

static void place(struct pv_ring_table *t, uint64_t at) {
    t->index_at = at;
    t->bytes_at = at + NAMES_BYTES;
    t->bytes = NAMES_BYTES;
    t->capacity = NAMES_BYTES / 8;
    if (t->n > t->capacity) t->n %= t->capacity;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct parts from = {data, n};
    struct pv_ring_header h = {0};
    uint8_t *file = calloc(1, FILE_BYTES);
    if (!file) return 0;
    next_part(&from, (uint8_t *)&h, sizeof h);
    memcpy(h.magic, PV_RING_MAGIC, sizeof h.magic);
    h.version = PV_RING_VERSION;
    h.header_bytes = sizeof h;
    h.batch_bytes = PV_BATCH_BYTES;
    h.n_batches = N_BATCHES;
    h.slots_at = SLOTS_AT;
    h.batches_at = BATCHES_AT;
    h.threads_at = THREADS_AT;
    h.n_slots = (BATCHES_AT - SLOTS_AT) / sizeof(struct pv_ring_slot);
    h.n_threads = 512;
    h.slots_used %= h.n_slots + 1;
    h.threads_used %= h.n_threads + 1;
    if (!h.ticks_per_s) h.ticks_per_s = 1000000000;
    h.tick_shift &= 63;
    place(&h.strings, NAMES_AT);
    place(&h.frames, NAMES_AT + 2 * NAMES_BYTES);
    place(&h.stacks, NAMES_AT + 4 * NAMES_BYTES);
    memcpy(file, &h, sizeof h);
    next_part(&from, file + SLOTS_AT, BATCHES_AT - SLOTS_AT);
    for (int i = 0; i < N_BATCHES; i++) {
        uint8_t *batch = file + BATCHES_AT + i * PV_BATCH_BYTES;
        size_t used = next_part(&from, batch, PV_BATCH_END);
        uint32_t length = (uint32_t)used;
        if (used < PV_BATCH_DATA) continue;
        memcpy(batch + 24, &length, sizeof length);
        memcpy(batch + PV_BATCH_END, batch, 8);
    }
    next_part(&from, file + THREADS_AT, NAMES_AT - THREADS_AT);
    for (int i = 0; i < 6; i++) next_part(&from, file + NAMES_AT + i * NAMES_BYTES, NAMES_BYTES);
    read_all(file, FILE_BYTES, false);
    read_all(file, FILE_BYTES, true);
    free(file);
    return 0;
}
