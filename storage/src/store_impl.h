/* storage/src/store_impl.h - an open store, shared by the files that answer questions from it. */
#ifndef PARKVIEW_STORAGE_STORE_IMPL_H
#define PARKVIEW_STORAGE_STORE_IMPL_H

#include <sqlite3.h>

#include "storage/src/coltab.h"
#include "storage/src/lod.h"
#include "storage/src/map.h"
#include "storage/src/names.h"
#include "storage/src/seq.h"
#include "storage/src/slices.h"
#include "storage/store.h"

enum { N_SERIES = 5 * 64 };

struct place {
    int64_t p, m;
};

struct go_index { /* a goroutine's life, sorted by g */
    int64_t g;
    int64_t start_ns, end_ns;
    uint32_t group, n_slices;
};

struct file_id { /* of a complete store */
    bool known;
    uint64_t device, inode;
    int64_t bytes, changed_ns;
};

struct store {
    sqlite3 *db;
    bool growing;
    struct store_info info;
    struct store_gap *gaps;
    int64_t *procs, *threads;
    char *source_name, *damage_text;
    int64_t damage_offset;

    struct seq *series[N_SERIES]; /* opened on demand */
    struct seq_cache *cache;      /* what they share */
    struct coltab *tabs[N_COLTABS];

    /* names.c's tables, read back */
    struct slice_class *classes;
    struct store_tag *tags;
    char **refined; /* texts that the tags name */
    struct store_group *groups;
    struct place *places;
    uint32_t n_classes, n_tags, n_groups, n_places;
    struct map group_of_func;
    sqlite3_stmt *get_string, *get_stack;
    struct text *strings; /* by id; data NULL = not read yet */
    struct stack *stacks; /* by id; frames NULL = not read yet */
    uint32_t n_strings, n_stacks;

    struct file_id file;
    struct go_table *table; /* whose rows gos are */
    const struct go_index *gos;
    uint32_t n_gos;
    bool gos_loaded;

    struct map lod_from_map; /* goroutine -> index of lod_from */
    int64_t *lod_from;
    uint32_t n_lod_from;

    /* answers that are borrowed until the next call */
    struct store_goroutine *members;
    struct store_range *ranges;
    struct store_point *points;
    struct store_wait *waits;
    struct store_span_type *span_types;
    struct store_level *levels;
    struct store_span *spans;
    struct store_note *notes;
    struct tiles *tile; /* of store_tile */
};

int store__no_memory(struct fault *f);
enum { LOOK_EVERY = 4096 }; /* slices between two looks at `cancel` */
/* store__look_up - PV_ECANCELED once somebody has set it; cancel may be NULL. */
static inline int store__look_up(const atomic_int *cancel, struct fault *f) {
    /* relaxed: nothing else is handed over with it */
    if (!cancel || !atomic_load_explicit(cancel, memory_order_relaxed)) return 0;
    return fault_set(f, PV_ECANCELED, -1, "canceled");
}

/* store__seq - the series of that kind and level, opened if need be. */
int store__seq(struct store *s, enum seq_kind kind, int level, struct seq **out, struct fault *f);
int store__tab(struct store *s, enum coltab_table t, struct coltab **out, struct fault *f);
static inline int store__slices(struct store *s, struct seq **out, struct fault *f) {
    return store__seq(s, SEQ_SLICES, 0, out, f);
}

/* A row of the goroutines table, by COL_GOROUTINES_…; returns 0 to go on. */
typedef int (*go_fn)(void *arg, const int64_t *v);
int store__each_go(struct store *s, int64_t g_min, int64_t g_max, go_fn visit, void *arg,
                   struct fault *f);
void store__fill_goroutine(struct store *s, const int64_t *v, struct store_goroutine *out);

/* store__each_live - those that are alive in a growing store. */
int store__each_live(struct store *s, int64_t g_min, int64_t g_max, go_fn visit, void *arg,
                     struct fault *f);

/* store_names.c, go_index.c, goroutines.c */
int store__load_names(struct store *s, struct fault *f);
void store__free_names(struct store *s);
int store__load_gos(struct store *s, struct fault *f);
void store__free_gos(struct store *s);
/* store__find_go - the (last) life of g that began at or before at_ns; NULL if unknown. */
const struct go_index *store__find_go(struct store *s, int64_t g, int64_t at_ns);
/* store__lives_of - from its first start to its last end; everything where that is not known. */
int store__lives_of(struct store *s, int64_t g, int64_t *from_ns, int64_t *to_ns, struct fault *f);
/* store__slices_of - how many slices all its lives have; the index must be loaded. */
int64_t store__slices_of(struct store *s, int64_t g);
uint32_t store__group_of(struct store *s, int64_t g, int64_t at_ns);
/* store__tag_of - of a slice of that class and goroutine. */
uint32_t store__tag_of(struct store *s, uint32_t class_id, int64_t g, int64_t at_ns);

/* A class by its number, also one that a growing store has gained. */
static inline struct slice_class store__class(struct store *s, uint64_t id) {
    return id < s->n_classes ? s->classes[id] : slices_class(s, (uint32_t)id);
}
/* store__tag_in - of a slice of that class in that life (NULL: not known). */
static inline uint32_t store__tag_in(const struct store *s, const struct slice_class *c,
                                     const struct go_index *life) {
    if (c->state != GO_RUNNING) return c->tag;
    uint32_t group = life ? life->group : 0;
    return tag_of(c, group < s->n_groups ? s->groups[group].kind : GO_KIND_USER);
}

/* slices.c: column masks of the slice series, and a row as a slice */
enum {
    SLICE_CLASS = 1 << 0,
    SLICE_PLACE = 1 << 1,
    SLICE_OPEN = 1 << 4,
    SLICE_WIDE = 1 << 5, /* waits: waker + 1; system calls: how long P was kept, + 1 */
    SLICE_WAKER = 1 << 2 | 1 << 3 | SLICE_WIDE, /* place, stack, goroutine */
    SLICE_ALL = SLICE_CLASS | SLICE_PLACE | SLICE_WAKER | SLICE_OPEN | SLICE_WIDE
};
/* How long a system call kept its P (the whole of it unless it lost the P). */
static inline int64_t slice_kept_ns(int64_t dur_ns, uint64_t wide) {
    return wide && wide - 1 < (uint64_t)dur_ns ? (int64_t)wide - 1 : dur_ns;
}
void store__slice(struct store *s, const struct seq_row *row, struct slice *out, struct fault *f);

/* store__is_forever - such a wait counts as the goroutine's end, with no time (area_scan.c). */
bool store__is_forever(struct store *s, const struct slice_class *c);

#endif
