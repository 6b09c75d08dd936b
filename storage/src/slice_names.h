/* storage/src/slice_names.h - what the numbers in a slice are called, looked up once a query. */
#ifndef PARKVIEW_STORAGE_SLICE_NAMES_H
#define PARKVIEW_STORAGE_SLICE_NAMES_H

#include "storage/src/store_impl.h"
#include "storage/src/vtab.h"

struct class_names {
    struct text state, reason, refined, family, user_func;
    uint32_t stack;
};

struct slice_names {
    struct class_names *classes;
    uint32_t n_classes;
    struct store *store;
    const struct go_index *last; /* the goroutine that was asked for last */
};

/* slice_names_load - SQLITE_OK or an error.  q owns the result. */
int slice_names_load(struct query *q, struct slice_names **out);
void slice_names_free(struct slice_names *n);
/* slice_names_class - a class's text in one of the columns of `slices` (SQLCOL_SLICES_…); empty in
 * those that a class does not decide. */
struct text slice_names_class(const struct class_names *c, int column);
/* slice_names_group - the group of goroutine g at that time: its start function as a number. */
uint32_t slice_names_group(struct slice_names *n, int64_t g, int64_t at_ns);
/* slice_names_start - what the group's start function is called; empty where it is not known. */
struct text slice_names_start(const struct slice_names *n, uint32_t group);
/* slice_names_find - the group with that start function, and the range in which its goroutines'
 * ids lie; SQLITE_OK, *group = 0 where there is none. */
int slice_names_find(struct query *q, struct text name, uint32_t *group, int64_t *g_min,
                     int64_t *g_max);

#endif
