/* storage/src/names.h - the small dictionaries of a store: classes, tags, groups, places.
 *
 * class   (state, reason, stack): what a slice is.  Rows name it by number.
 * tag     (state, reason, refined reason): what it is coloured and called by.  The first
 *         TAG_FIRST_WAIT are fixed: enum fixed_tag.
 * group   all goroutines with one start function.  Group 0 has no name.
 * place   (processor, thread). Place 0 is nowhere.
 * All are numbered from 0 in order of appearance and written to plain SQL tables, with the strings
 * and stacks that they name, by names_write(). */
#ifndef PARKVIEW_STORAGE_NAMES_H
#define PARKVIEW_STORAGE_NAMES_H

#include <sqlite3.h>

#include "storage/fault.h"
#include "storage/src/dict.h"
#include "storage/src/map.h"
#include "storage/src/refine.h"
#include "storage/src/slices.h"

/* Running slices have class CLASS_RUNNING; their tag follows from the kind of goroutine. */
enum fixed_tag { TAG_RUNNING, TAG_RUNNING_GC, TAG_RUNNING_RUNTIME, TAG_FIRST_OTHER };

struct names;
struct names *names_new(sqlite3 *db, const struct dict *d);
void names_free(struct names *n);
/* names_create - the SQL tables. */
int names_create(sqlite3 *db, struct fault *f);
/* names_write - what is new since the last call.  dict entries are only written up to the ids that
 * were seen by names_see_* (the reader may be adding more in its own thread). */
int names_write(struct names *n, struct fault *f);

/* All return MAP_NONE when out of memory. */
uint32_t names_class(struct names *n, uint8_t state, uint32_t reason, uint32_t stack);
uint32_t names_place(struct names *n, int64_t p, int64_t m);
/* names_group - by the string id of the start function. */
uint32_t names_group(struct names *n, uint32_t func);

/* names_is_forever - waiting with reason "forever": Go's summary counts no time for it. */
bool names_is_forever(const struct names *n, uint32_t class_id);
struct slice_class names_class_of(const struct names *n, uint32_t class_id);
enum go_kind names_group_kind(const struct names *n, uint32_t group);
uint32_t names_group_func(const struct names *n, uint32_t group); /* string id */
void names_place_of(const struct names *n, uint32_t place, int64_t *p, int64_t *m);
static inline uint32_t tag_of(const struct slice_class *c, enum go_kind kind) {
    return c->state == GO_RUNNING ? (uint32_t)TAG_RUNNING + (uint32_t)kind : c->tag;
}

/* Strings and stacks that rows name outside of classes and groups. */
void names_see_string(struct names *n, uint32_t id);
void names_see_stack(struct names *n, uint32_t id);

#endif
