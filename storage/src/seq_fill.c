/* storage/src/seq_fill.c - a chunk's rows, counted by key as they come and sorted in two passes.
 *
 * A counting sort needs to know only how many rows each key has: a row's slot is found once, when
 * it is added, and the rows themselves are never moved. */
#include "storage/src/seq_fill.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ROWS_AT_FIRST = 256, WRITE_AHEAD = 8, HUGE_PAGE = 2 << 20, RANK_BITS = 16 };
_Static_assert(SEQ_CHUNK_ROWS <= 1 << RANK_BITS, "a row's slot and its rank among its key's rows");

/* The place of the key in the table: its slot's, or the empty one where it belongs. */
static uint32_t *place_of(struct filling *c, int64_t key) {
    uint32_t mask = c->room * 2 - 1;
    uint32_t i = (uint32_t)(((uint64_t)key * 0x9e3779b97f4a7c15u) >> c->table_shift);
    while (c->table[i] && c->slots[c->table[i] - 1].key != key) i = (i + 1) & mask;
    return &c->table[i];
}

static bool grow(void *array, uint32_t room, size_t size) {
    void **p = array, *grown = realloc(*p, room * size);
    if (grown) *p = grown;
    return grown != NULL;
}

/* Rows of slices are all in use soon, and read in no order of memory: they lie in huge pages, of
 * which the system gives one at a touch, and whose places the processor remembers.  Other rows lie
 * in small ones, as most of them are never touched. */
static struct seq_row *new_rows(const struct filling *c) {
    size_t bytes = ((size_t)c->max + WRITE_AHEAD) * sizeof(struct seq_row);
    if (!c->own_hints || bytes < HUGE_PAGE) return aligned_alloc(sizeof(struct seq_row), bytes);
    size_t pages = bytes / HUGE_PAGE + 1;
    struct seq_row *rows = aligned_alloc(HUGE_PAGE, pages * HUGE_PAGE);
    if (rows) (void)madvise(rows, (pages - 1) * HUGE_PAGE, MADV_HUGEPAGE);
    return rows;
}

/* Most levels of detail hold few rows: arrays start small and double.  Only the rows have room for
 * all from the start, which the system gives when it is touched: a row is one cache line, and not a
 * piece of two, as they are gathered in no order of memory; and realloc would not keep it so.
 * This and slot_of stand apart from fill_add, so that its common way stays short. */
static __attribute__((noinline)) bool make_room(struct filling *c) {
    uint32_t room = c->room ? c->room * 2 : ROWS_AT_FIRST;
    if (!c->rows) c->rows = new_rows(c);
    if (!c->rows || !grow(&c->row_slot, room, sizeof *c->row_slot) ||
        !grow(&c->order, room, sizeof *c->order) || !grow(&c->slots, room, sizeof *c->slots))
        return false;
    c->room = room;
    if (c->own_hints) return true;
    free(c->table);
    c->table = calloc((size_t)room * 2, sizeof *c->table);
    if (!c->table) return false;
    c->table_shift = 64 - (unsigned)__builtin_ctz(room * 2);
    for (uint32_t s = 0; s < c->n_slots; s++) *place_of(c, c->slots[s].key) = s + 1;
    return true;
}

static uint32_t add_slot(struct filling *c, int64_t key) {
    c->slots[c->n_slots] = (struct fill_slot){.key = key};
    return c->n_slots++;
}

static __attribute__((noinline)) uint32_t slot_of(struct filling *c, int64_t key) {
    if (c->own_hints) return add_slot(c, key);
    uint32_t *place = place_of(c, key);
    if (!*place) *place = add_slot(c, key) + 1;
    return *place - 1;
}

struct seq_row *fill_add(struct filling *c, int64_t key, uint32_t *hint) {
    if (c->n == c->room && !make_room(c)) return NULL;
    if (*hint >= c->n_slots || c->slots[*hint].key != key) *hint = slot_of(c, key);
    c->row_slot[c->n] = *hint << RANK_BITS | c->slots[*hint].n++;
    struct seq_row *row = &c->rows[c->n++];
    __builtin_prefetch(row + WRITE_AHEAD, 1); /* its last use is megabytes ago */
    row->key = key;
    return row;
}

/* Slots by key, those of equal keys as they were: a radix sort, byte by byte of what the keys
 * differ in, as where qsort branches nobody foresees. */
struct keyed {
    uint64_t key; /* above the smallest */
    uint32_t slot;
};

static void sort_by_byte(const struct keyed *from, struct keyed *to, uint32_t n, unsigned shift) {
    uint32_t place[256] = {0}, before = 0;
    for (uint32_t i = 0; i < n; i++) place[from[i].key >> shift & 0xff]++;
    for (uint32_t b = 0; b < 256; b++) {
        before += place[b];
        place[b] = before - place[b];
    }
    for (uint32_t i = 0; i < n; i++) to[place[from[i].key >> shift & 0xff]++] = from[i];
}

/* keys[] and other[] have room for all slots; which of them has the result is returned. */
static const struct keyed *sort_slots(const struct filling *c, struct keyed *keys,
                                      struct keyed *other) {
    int64_t min = INT64_MAX, max = INT64_MIN;
    bool ascending = true;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        int64_t key = c->slots[i].key;
        ascending &= key >= max;
        if (key < min) min = key;
        if (key > max) max = key;
    }
    for (uint32_t i = 0; i < c->n_slots; i++)
        keys[i] = (struct keyed){(uint64_t)c->slots[i].key - (uint64_t)min, i};
    uint64_t span = ascending ? 0 : (uint64_t)max - (uint64_t)min;
    for (unsigned shift = 0; shift < 64 && span >> shift; shift += 8) {
        sort_by_byte(keys, other, c->n_slots, shift);
        struct keyed *sorted = other;
        other = keys;
        keys = sorted;
    }
    return keys;
}

bool fill_sort(struct filling *c) {
    struct keyed *scratch = malloc(2 * (size_t)(c->n_slots + 1) * sizeof *scratch);
    struct fill_slot *slots = malloc((size_t)(c->n_slots + 1) * sizeof *slots);
    if (!scratch || !slots) {
        free(scratch);
        free(slots);
        return false;
    }
    const struct keyed *sorted = sort_slots(c, scratch, scratch + c->n_slots + 1);
    uint32_t place = 0, n_keys = 0;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        struct fill_slot *slot = &c->slots[sorted[i].slot];
        slot->place = place;
        place += slot->n;
        if (n_keys && slots[n_keys - 1].key == slot->key)
            slots[n_keys - 1].n += slot->n; /* of a second hint: its rows came later */
        else
            slots[n_keys++] = *slot;
    }
    for (uint32_t i = 0; i < c->n; i++)
        c->order[c->slots[c->row_slot[i] >> RANK_BITS].place + c->row_slot[i] % (1u << RANK_BITS)] =
            i;
    memcpy(c->slots, slots, n_keys * sizeof *slots);
    c->n_slots = n_keys;
    free(scratch);
    free(slots);
    return true;
}

void fill_clear(struct filling *c) {
    c->n = c->n_slots = 0;
    if (c->table) memset(c->table, 0, (size_t)c->room * 2 * sizeof *c->table);
}

void fill_free(struct filling *c) {
    free(c->rows);
    free(c->row_slot);
    free(c->order);
    free(c->slots);
    free(c->table);
    *c = (struct filling){0};
}
