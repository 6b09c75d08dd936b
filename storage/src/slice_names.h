/* storage/src/slice_names.h - what the numbers in a slice are called, looked up once a query. */
#ifndef PARKVIEW_STORAGE_SLICE_NAMES_H
#define PARKVIEW_STORAGE_SLICE_NAMES_H

#include "storage/src/vtab.h"

struct class_names {
    struct text state, reason, refined, family, user_func;
    uint32_t stack;
};

struct start_of { /* a goroutine and its start function */
    int64_t g;
    uint32_t func; /* string id, 0 = not known */
    bool used;
};

struct slice_names {
    struct class_names *classes;
    uint32_t n_classes;
    struct start_of *starts; /* hash table, a power of two */
    size_t n_slots;
};

/* slice_names_load - SQLITE_OK or an error.  q owns the result. */
int slice_names_load(struct query *q, const struct slice_names **out);
void slice_names_free(struct slice_names *n);
/* slice_names_func - string id of the start function of g. */
uint32_t slice_names_func(const struct slice_names *n, int64_t g);
/* slice_names_find - the goroutines that start with a function of this name: its string id, and
 * the range in which their ids lie; false where there are none. */
bool slice_names_find(const struct slice_names *n, struct store *s, struct text name,
                      uint32_t *func, int64_t *g_min, int64_t *g_max);

#endif
