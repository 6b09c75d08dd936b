/* tracer/src/names.c - strings, frames and stacks: each once, named by small numbers.
 *
 * Layout      three tables of one kind: an index of entries by id, their bytes, a hash of ids.
 *             They live as long as the process, so that ids hold over recordings; a recording's
 *             file has the same index and bytes, entry for entry at the same place.
 * Invariants  1. An index entry is written once, after its bytes.  The bytes never change.
 *             2. Nobody waits for anybody: who finds a hash cell taken meanwhile looks at what was
 *                put there.  An id that was given out for nothing stays an entry of its own.
 *             3. An entry reaches the file: its maker stores it in memory and then looks for a
 *                file; who binds a file makes it known and then looks at the entries (both
 *                sequentially consistent), so one of the two copies it.  Both write the same.
 * Not here    function names (symbols.c). */
#include "tracer/src/names.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#define ENTRY_THERE        ((uint64_t)1 << 63)
#define ENTRY_AT(entry)    ((size_t)((entry) >> 16 & 0xffffffff))
#define ENTRY_BYTES(entry) ((size_t)((entry)&0xffff))

struct names {
    uint32_t capacity; /* ids */
    uint64_t n_words;  /* room for their bytes */
    size_t key_bytes;  /* entries are equal when that many bytes are; 0 = all */
    _Atomic uint64_t *index, *words;
    _Atomic uint32_t *hash; /* 2 * capacity, power of two; ids, 0 = free */
    _Atomic uint32_t n;
    _Atomic uint64_t words_used;
};

static struct names kinds[NAMES_KINDS] = {
    [NAMES_STRINGS] = {.capacity = 1 << 15, .n_words = 1 << 17},
    [NAMES_FRAMES] = {.capacity = 1 << 15, .n_words = 3 << 15, .key_bytes = sizeof(uint64_t)},
    [NAMES_STACKS] = {.capacity = 1 << 16, .n_words = 1 << 20},
};
static _Atomic(struct session *) bound; /* whose file names go to */
static _Atomic bool ready;

uint32_t pv__names_capacity(enum names_kind kind) {
    return kinds[kind].capacity;
}

uint64_t pv__names_bytes(enum names_kind kind) {
    return kinds[kind].n_words * sizeof(uint64_t);
}

static void *zeroed(size_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void make_tables(void) {
    for (int i = 0; i < NAMES_KINDS; i++) {
        struct names *t = &kinds[i];
        t->index = zeroed(t->capacity * sizeof *t->index);
        t->words = zeroed(t->n_words * sizeof *t->words);
        t->hash = zeroed(2 * t->capacity * sizeof *t->hash);
        if (!t->index || !t->words || !t->hash) return;
        atomic_store_explicit(&t->n, 1, memory_order_relaxed);
    }
    atomic_store_explicit(&ready, true, memory_order_release);
}

int pv__names_init(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_tables);
    return atomic_load_explicit(&ready, memory_order_acquire) ? 0 : -ENOMEM;
}

static uint64_t hash_of(const void *data, size_t n) {
    const uint8_t *p = data;
    uint64_t h = n * 0x9e3779b97f4a7c15u, w = 0;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&w, p, 8);
        h = (h ^ w) * 0xbf58476d1ce4e5b9u;
        h ^= h >> 29;
    }
    w = 0;
    if (n) memcpy(&w, p, n);
    h = (h ^ w) * 0x94d049bb133111ebu;
    return h ^ h >> 32;
}

static bool same(const struct names *t, uint32_t id, const void *data, size_t n) {
    uint64_t entry = atomic_load_explicit(&t->index[id], memory_order_acquire);
    if (!entry || (!t->key_bytes && ENTRY_BYTES(entry) != n)) return false;
    return memcmp((const void *)&t->words[ENTRY_AT(entry)], data,
                  t->key_bytes ? t->key_bytes : n) == 0;
}

/* Looks from cell *at on; the id, or 0 and the free cell. */
static uint32_t find_from(const struct names *t, uint64_t *at, const void *data, size_t n) {
    uint64_t mask = 2 * (uint64_t)t->capacity - 1;
    for (uint64_t i = *at & mask, steps = 0; steps <= mask; i = (i + 1) & mask, steps++) {
        uint32_t id = atomic_load_explicit(&t->hash[i], memory_order_acquire);
        *at = i;
        if (id == 0 || same(t, id, data, n)) return id;
    }
    return 0;
}

static void raise_count(uint32_t *count, uint32_t n) {
    _Atomic uint32_t *c = (_Atomic uint32_t *)count;
    uint32_t now = atomic_load_explicit(c, memory_order_relaxed);
    while (now < n && !atomic_compare_exchange_weak_explicit(c, &now, n, memory_order_release,
                                                             memory_order_relaxed)) {
    }
}

static void copy_to_file(const struct names *t, const struct names_file *f, uint32_t id) {
    uint64_t entry = atomic_load_explicit(&t->index[id], memory_order_seq_cst);
    if (!entry) return;
    size_t at = ENTRY_AT(entry), n = (ENTRY_BYTES(entry) + 7) / 8;
    for (size_t i = at; i < at + n; i++)
        store64(&f->words[i], atomic_load_explicit(&t->words[i], memory_order_relaxed));
    store64(&f->index[id], entry);
    raise_count(&f->table->n, id + 1);
}

static uint32_t no_room(void) {
    struct session *s = atomic_load_explicit(&bound, memory_order_acquire);
    if (!s || !pv__hold(s)) return 0;
    atomic_fetch_add_explicit((_Atomic uint64_t *)&s->header->names_lost, 1, memory_order_relaxed);
    pv__release(s);
    return 0;
}

static uint32_t add(enum names_kind kind, const void *data, size_t n, uint64_t at) {
    struct names *t = &kinds[kind];
    size_t n_words = (n + 7) / 8;
    /* Looked at before it is taken, so that the counts do not run away once a table is full. */
    if (atomic_load_explicit(&t->n, memory_order_relaxed) >= t->capacity - 64 ||
        atomic_load_explicit(&t->words_used, memory_order_relaxed) + n_words > t->n_words - 8192)
        return no_room();
    uint32_t id = atomic_fetch_add_explicit(&t->n, 1, memory_order_relaxed);
    uint64_t word = atomic_fetch_add_explicit(&t->words_used, n_words, memory_order_relaxed);
    if (id >= t->capacity || word + n_words > t->n_words) return no_room();
    for (size_t i = 0; i < n_words; i++) {
        uint64_t w = 0;
        memcpy(&w, (const char *)data + 8 * i, n - 8 * i < 8 ? n - 8 * i : 8);
        atomic_store_explicit(&t->words[word + i], w, memory_order_relaxed);
    }
    /* Sequentially consistent: invariant 3; the release of it: invariant 1. */
    atomic_store_explicit(&t->index[id], ENTRY_THERE | word << 16 | n, memory_order_seq_cst);
    struct session *s = atomic_load_explicit(&bound, memory_order_seq_cst);
    if (s && pv__hold(s)) {
        copy_to_file(t, &s->names[kind], id);
        pv__release(s);
    }
    for (;;) {
        uint32_t there = 0;
        if (atomic_compare_exchange_strong_explicit(&t->hash[at], &there, id, memory_order_acq_rel,
                                                    memory_order_acquire))
            return id;
        there = find_from(t, &at, data, n);
        if (there) return there;
    }
}

static uint32_t find(enum names_kind kind, const void *data, size_t n, uint64_t *at) {
    *at = hash_of(data, kinds[kind].key_bytes ? kinds[kind].key_bytes : n);
    return find_from(&kinds[kind], at, data, n);
}

static uint32_t intern(enum names_kind kind, const void *data, size_t n) {
    uint64_t at;
    if (!atomic_load_explicit(&ready, memory_order_acquire) && pv__names_init() < 0) return 0;
    uint32_t id = find(kind, data, n, &at);
    return id ? id : add(kind, data, n, at);
}

void pv__names_bind(struct session *s) {
    struct pv_ring_table *tables[NAMES_KINDS] = {&s->header->strings, &s->header->frames,
                                                 &s->header->stacks};
    for (int i = 0; i < NAMES_KINDS; i++)
        s->names[i] = (struct names_file){.table = tables[i],
                                          .index = (void *)(s->map + tables[i]->index_at),
                                          .words = (void *)(s->map + tables[i]->bytes_at)};
    atomic_store_explicit(&bound, s, memory_order_seq_cst);
    for (int i = 0; i < NAMES_KINDS; i++) {
        uint32_t n = atomic_load_explicit(&kinds[i].n, memory_order_seq_cst);
        if (n > kinds[i].capacity) n = kinds[i].capacity;
        for (uint32_t id = 1; id < n; id++) copy_to_file(&kinds[i], &s->names[i], id);
    }
}

void pv__names_unbind(void) {
    atomic_store_explicit(&bound, NULL, memory_order_seq_cst);
}

/* ---- the public calls ---- */

uint32_t pv_string_n(const char *s, size_t n) {
    return n == 0 ? 0 : intern(NAMES_STRINGS, s, n < PV_MAX_TEXT ? n : PV_MAX_TEXT);
}

uint32_t pv_string(const char *s) {
    return s ? pv_string_n(s, strlen(s)) : 0;
}

static void know_frame(uintptr_t pc) {
    struct pv_ring_frame f = {.pc = pc};
    uint64_t at;
    if (find(NAMES_FRAMES, &f, sizeof f, &at)) return;
    const char *module = NULL, *func = pv__symbol(pc - 1, &module);
    f.func = pv_string(func);
    f.file = pv_string(module);
    add(NAMES_FRAMES, &f, sizeof f, at);
}

uint32_t pv_stack(const uintptr_t *pcs, size_t n) {
    if (!pv_on() || n == 0) return 0;
    if (n > PV_MAX_FRAMES) n = PV_MAX_FRAMES;
    uint64_t at;
    uint32_t id = find(NAMES_STACKS, pcs, n * sizeof *pcs, &at);
    if (id) return id;
    for (size_t i = 0; i < n; i++) know_frame(pcs[i]);
    return add(NAMES_STACKS, pcs, n * sizeof *pcs, at);
}

uint32_t pv_stack_entry(const void *fn) {
    uintptr_t pc = (uintptr_t)fn + 1; /* as if its first instruction had been a call */
    return fn ? pv_stack(&pc, 1) : 0;
}

uint32_t pv_stack_walk(const void *fp, const void *lo, const void *hi) {
    uintptr_t pcs[PV_MAX_FRAMES], at = (uintptr_t)fp;
    size_t n = 0;
    if (!pv_on()) return 0;
    while (n < PV_MAX_FRAMES && at >= (uintptr_t)lo && at % sizeof at == 0 &&
           (uintptr_t)hi >= 2 * sizeof at && at <= (uintptr_t)hi - 2 * sizeof at) {
        const uintptr_t *frame = (const uintptr_t *)at;
        if (frame[1] == 0) break;
        pcs[n++] = frame[1];
        if (frame[0] <= at) break;
        at = frame[0];
    }
    return pv_stack(pcs, n);
}

uintptr_t pv_frame(const char *func, const char *file, uint32_t line) {
    struct pv_ring_frame f = {.func = pv_string(func), .file = pv_string(file), .line = line};
    f.pc = (uint64_t)1 << 63 | (uint64_t)f.func << 40 | (uint64_t)f.file << 20 | line;
    intern(NAMES_FRAMES, &f, sizeof f);
    return (uintptr_t)f.pc;
}
