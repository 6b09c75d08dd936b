/* storage/src/dict.c - the trace's strings and stacks, each once.
 *
 * Invariants  1. Entries sit in segments of 1024, 2048, 4096, ... that never move, and their bytes
 *                in chunks that never move: a borrowed pointer lives as long as the dictionary.
 *             2. One thread adds.  Another may look up an id once it has received it from the adder
 *                through something that synchronises (a queue, a lock).
 *             3. Hash tables hold ids only and belong to the adding thread. */
#include "storage/src/dict.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SEGMENT_LOG2 = 10, N_SEGMENTS = 22, CHUNK_BYTES = 256 << 10 };
static const uint32_t NO_MEMORY = UINT32_MAX;

struct entry { /* a string's bytes or a stack's frames */
    const void *data;
    size_t n;
    uint64_t hash;
};

struct table {
    struct entry *segments[N_SEGMENTS];
    _Atomic uint32_t n;
    uint32_t *slots; /* ids + 1; 0 = free */
    uint32_t mask;
};

struct chunk {
    struct chunk *next;
    size_t used, size;
    _Alignas(16) unsigned char bytes[];
};

struct dict {
    struct table strings, stacks;
    struct chunk *chunks;
};

static struct entry *entry_at(const struct table *t, uint32_t id) {
    uint32_t biased = id + (1u << FIRST_SEGMENT_LOG2);
    unsigned segment = 31 - (unsigned)__builtin_clz(biased);
    return &t->segments[segment - FIRST_SEGMENT_LOG2][biased - (1u << segment)];
}

static uint64_t hash_bytes(const void *data, size_t n) {
    const unsigned char *p = data;
    uint64_t h = 0x9e3779b97f4a7c15 ^ n;
    uint64_t w;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&w, p, 8);
        h = (h ^ w) * 0xff51afd7ed558ccd;
        h ^= h >> 32;
    }
    w = 0;
    if (n) memcpy(&w, p, n);
    h = (h ^ w) * 0xc4ceb9fe1a85ec53;
    return h ^ h >> 29;
}

static void *chunk_alloc(struct dict *d, size_t n) {
    n = (n + 15) & ~(size_t)15;
    struct chunk *c = d->chunks;
    if (!c || c->size - c->used < n) {
        size_t size = n > CHUNK_BYTES ? n : CHUNK_BYTES;
        c = malloc(sizeof *c + size);
        if (!c) return NULL;
        *c = (struct chunk){.next = d->chunks, .size = size};
        d->chunks = c;
    }
    void *p = c->bytes + c->used;
    c->used += n;
    return p;
}

static int grow_slots(struct table *t) {
    uint32_t n_new = t->slots ? (t->mask + 1) * 2 : 2048;
    uint32_t *slots = calloc(n_new, sizeof *slots);
    if (!slots) return -1;
    uint32_t n = atomic_load_explicit(&t->n, memory_order_relaxed); /* our own writes */
    for (uint32_t id = 0; id < n; id++) {
        uint32_t i = (uint32_t)entry_at(t, id)->hash & (n_new - 1);
        while (slots[i]) i = (i + 1) & (n_new - 1);
        slots[i] = id + 1;
    }
    free(t->slots);
    t->slots = slots;
    t->mask = n_new - 1;
    return 0;
}

/* n counts bytes or frames; size is its length in bytes. */
static uint32_t add(struct dict *d, struct table *t, const void *data, size_t n, size_t size) {
    uint32_t id = atomic_load_explicit(&t->n, memory_order_relaxed); /* our own writes */
    if ((!t->slots || id * 2 >= t->mask) && grow_slots(t) < 0) return NO_MEMORY;
    uint64_t hash = hash_bytes(data, size);
    uint32_t i = (uint32_t)hash & t->mask;
    for (; t->slots[i]; i = (i + 1) & t->mask) {
        const struct entry *e = entry_at(t, t->slots[i] - 1);
        if (e->hash == hash && e->n == n && (size == 0 || memcmp(e->data, data, size) == 0))
            return t->slots[i] - 1;
    }
    if (id >= (1u << (FIRST_SEGMENT_LOG2 + N_SEGMENTS - 1))) return NO_MEMORY;
    unsigned segment = 31 - (unsigned)__builtin_clz(id + (1u << FIRST_SEGMENT_LOG2));
    struct entry **home = &t->segments[segment - FIRST_SEGMENT_LOG2];
    if (!*home && !(*home = calloc((size_t)1 << segment, sizeof **home))) return NO_MEMORY;
    void *copy = chunk_alloc(d, size + 1);
    if (!copy) return NO_MEMORY;
    if (size) memcpy(copy, data, size);
    ((char *)copy)[size] = 0; /* so that a debugger can show it */
    *entry_at(t, id) = (struct entry){.data = copy, .n = n, .hash = hash};
    t->slots[i] = id + 1;
    /* Readers that count only want a recent number; ids reach them by another way (invariant 2). */
    atomic_store_explicit(&t->n, id + 1, memory_order_relaxed);
    return id;
}

struct dict *dict_new(void) {
    struct dict *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    if (dict_add_string(d, "", 0) != 0 || dict_add_stack(d, NULL, 0) != 0) {
        dict_free(d);
        return NULL;
    }
    return d;
}

static void table_free(struct table *t) {
    for (int i = 0; i < N_SEGMENTS; i++) free(t->segments[i]);
    free(t->slots);
}

void dict_free(struct dict *d) {
    if (!d) return;
    table_free(&d->strings);
    table_free(&d->stacks);
    for (struct chunk *c = d->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(d);
}

uint32_t dict_add_string(struct dict *d, const char *data, size_t n) {
    return add(d, &d->strings, data, n, n);
}

uint32_t dict_add_stack(struct dict *d, const struct frame *frames, uint32_t n) {
    return add(d, &d->stacks, frames, n, n * sizeof *frames);
}

struct text dict_string(const struct dict *d, uint32_t id) {
    const struct entry *e = entry_at(&d->strings, id);
    return (struct text){.data = e->data, .n = e->n};
}

struct stack dict_stack(const struct dict *d, uint32_t id) {
    const struct entry *e = entry_at(&d->stacks, id);
    return (struct stack){.frames = e->data, .n = (uint32_t)e->n};
}

uint32_t dict_n_strings(const struct dict *d) {
    return atomic_load_explicit(&d->strings.n, memory_order_relaxed);
}

uint32_t dict_n_stacks(const struct dict *d) {
    return atomic_load_explicit(&d->stacks.n, memory_order_relaxed);
}
