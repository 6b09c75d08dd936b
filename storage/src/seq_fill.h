/* storage/src/seq_fill.h - the rows of a chunk while it fills, and their order by key. */
#ifndef PARKVIEW_STORAGE_SEQ_FILL_H
#define PARKVIEW_STORAGE_SEQ_FILL_H

#include "storage/src/seq.h"

struct fill_slot { /* a distinct key */
    int64_t key;
    uint32_t n, place;
};

struct filling {
    struct seq_row *rows;
    uint32_t *row_slot; /* slot << 16 | how many of its rows came before */
    uint32_t *order;
    uint32_t n, room, max; /* rows: used, with room in the other arrays, of a full chunk */
    struct fill_slot *slots;
    uint32_t n_slots;
    bool own_hints;  /* each key's rows come with a hint of its own: there is no table */
    uint32_t *table; /* hash of key -> slot + 1; 2 * room entries */
    unsigned table_shift;
};

/* fill_add - a row of the key, the rest of which the caller fills in.  *hint: the key's slot if the
 * caller has it from before, right or wrong; the right one on return.  NULL when out of memory. */
struct seq_row *fill_add(struct filling *c, int64_t key, uint32_t *hint);
/* fill_sort - order[0 … n) lists the rows by key, those of one key as they were added; slots[] is
 * sorted by key.  fill_clear comes next. */
bool fill_sort(struct filling *c);
void fill_clear(struct filling *c);
void fill_free(struct filling *c);

#endif
