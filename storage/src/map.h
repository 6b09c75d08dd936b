/* storage/src/map.h - a hash from 64-bit numbers to 32-bit numbers; linear probing.
 *
 * Grows as needed; map_remove keeps it dense by moving back what followed. */
#ifndef PARKVIEW_STORAGE_MAP_H
#define PARKVIEW_STORAGE_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define MAP_NONE UINT32_MAX

struct map_entry {
    uint64_t key;
    uint32_t value; /* MAP_NONE = empty */
};

struct map {
    struct map_entry *entries;
    uint32_t n, cap; /* cap is 0 or a power of two */
    unsigned shift;
};

static inline uint32_t map_place(const struct map *m, uint64_t key) {
    return (uint32_t)((key * 0x9e3779b97f4a7c15u) >> m->shift);
}

static inline uint32_t map_get(const struct map *m, uint64_t key) {
    if (!m->cap) return MAP_NONE;
    for (uint32_t i = map_place(m, key);; i = (i + 1) & (m->cap - 1)) {
        const struct map_entry *e = &m->entries[i];
        if (e->value == MAP_NONE || e->key == key) return e->value;
    }
}

bool map_grow(struct map *m);

/* map_put - false when out of memory. */
static inline bool map_put(struct map *m, uint64_t key, uint32_t value) {
    if (m->n * 2 >= m->cap && !map_grow(m)) return false;
    uint32_t i = map_place(m, key);
    while (m->entries[i].value != MAP_NONE && m->entries[i].key != key) i = (i + 1) & (m->cap - 1);
    if (m->entries[i].value == MAP_NONE) m->n++;
    m->entries[i] = (struct map_entry){key, value};
    return true;
}

void map_remove(struct map *m, uint64_t key);

static inline void map_free(struct map *m) {
    free(m->entries);
    *m = (struct map){0};
}

#endif
