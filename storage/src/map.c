/* storage/src/map.c - the parts of struct map that are too long to be inlined. */
#include "storage/src/map.h"

bool map_grow(struct map *m) {
    struct map grown = {.cap = m->cap ? m->cap * 2 : 64};
    grown.entries = grown.cap ? malloc(grown.cap * sizeof *grown.entries) : NULL;
    if (!grown.entries) return false;
    grown.shift = 64 - (unsigned)__builtin_ctz(grown.cap);
    for (uint32_t i = 0; i < grown.cap; i++) grown.entries[i].value = MAP_NONE;
    for (uint32_t i = 0; i < m->cap; i++) {
        if (m->entries[i].value == MAP_NONE) continue;
        uint32_t to = map_place(&grown, m->entries[i].key);
        while (grown.entries[to].value != MAP_NONE) to = (to + 1) & (grown.cap - 1);
        grown.entries[to] = m->entries[i];
        grown.n++;
    }
    free(m->entries);
    *m = grown;
    return true;
}

void map_remove(struct map *m, uint64_t key) {
    if (!m->cap) return;
    uint32_t mask = m->cap - 1, i = map_place(m, key);
    while (m->entries[i].value != MAP_NONE && m->entries[i].key != key) i = (i + 1) & mask;
    if (m->entries[i].value == MAP_NONE) return;
    m->n--;
    for (uint32_t hole = i;;) {
        i = (i + 1) & mask;
        if (m->entries[i].value == MAP_NONE) {
            m->entries[hole].value = MAP_NONE;
            return;
        }
        /* What stands at i may move to the hole if its own place is not between the two. */
        uint32_t home = map_place(m, m->entries[i].key);
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        m->entries[hole] = m->entries[i];
        hole = i;
    }
}
