/* storage/src/idmap.h - 64-bit ids of a trace -> small indexes (1, 2, ...; 0 = absent).
 *
 * Open addressing with linear probing, at most half full; removal shifts back, so that there are
 * no tombstones and a long trace does not slow it down. */
#ifndef PARKVIEW_STORAGE_IDMAP_H
#define PARKVIEW_STORAGE_IDMAP_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storage/fault.h"

struct idmap_slot {
    uint64_t key;
    uint32_t value; /* 0 = free */
    uint32_t unused;
};

struct idmap {
    struct idmap_slot *slots; /* NULL while empty */
    uint32_t bits;            /* log2 of their number */
    uint32_t mask, n;
};

static inline uint32_t idmap_home(const struct idmap *map, uint64_t key) {
    return (uint32_t)(key * 0x9e3779b97f4a7c15 >> (64 - map->bits));
}

static inline uint32_t idmap_get(const struct idmap *map, uint64_t key) {
    if (!map->slots) return 0;
    for (uint32_t i = idmap_home(map, key);; i = (i + 1) & map->mask) {
        const struct idmap_slot *s = &map->slots[i];
        if (s->value == 0 || s->key == key) return s->value;
    }
}

static inline int idmap_grow(struct idmap *map) {
    struct idmap old = *map;
    uint32_t n_old = old.slots ? old.mask + 1 : 0;
    uint32_t n_new = n_old ? n_old * 2 : 64;
    if (n_new < n_old) return PV_ENOMEM;
    struct idmap_slot *slots = calloc(n_new, sizeof *slots);
    if (!slots) return PV_ENOMEM;
    map->slots = slots;
    map->mask = n_new - 1;
    map->bits = (uint32_t)__builtin_ctz(n_new);
    for (uint32_t i = 0; i < n_old; i++) {
        if (!old.slots[i].value) continue;
        uint32_t to = idmap_home(map, old.slots[i].key);
        while (slots[to].value) to = (to + 1) & map->mask;
        slots[to] = old.slots[i];
    }
    free(old.slots);
    return 0;
}

/* idmap_put - key must be absent, value > 0.  0 or PV_ENOMEM. */
static inline int idmap_put(struct idmap *map, uint64_t key, uint32_t value) {
    if (!map->slots || map->n * 2 > map->mask) TRY(idmap_grow(map));
    uint32_t i = idmap_home(map, key);
    while (map->slots[i].value) i = (i + 1) & map->mask;
    map->slots[i] = (struct idmap_slot){.key = key, .value = value};
    map->n++;
    return 0;
}

static inline void idmap_remove(struct idmap *map, uint64_t key) {
    if (!map->slots) return;
    uint32_t hole = idmap_home(map, key);
    while (map->slots[hole].key != key || !map->slots[hole].value) {
        if (!map->slots[hole].value) return;
        hole = (hole + 1) & map->mask;
    }
    for (uint32_t i = (hole + 1) & map->mask; map->slots[i].value; i = (i + 1) & map->mask) {
        uint32_t from_home = (i - idmap_home(map, map->slots[i].key)) & map->mask;
        uint32_t from_hole = (i - hole) & map->mask;
        if (from_home < from_hole) continue;
        map->slots[hole] = map->slots[i];
        hole = i;
    }
    map->slots[hole].value = 0;
    map->n--;
}

/* Empties the map and keeps its memory. */
static inline void idmap_clear(struct idmap *map) {
    if (map->n) memset(map->slots, 0, (size_t)(map->mask + 1) * sizeof *map->slots);
    map->n = 0;
}

static inline void idmap_free(struct idmap *map) {
    free(map->slots);
    *map = (struct idmap){0};
}

#endif
