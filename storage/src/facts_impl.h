/* storage/src/facts_impl.h - the parts of facts.c: goroutines, things with names, digests.
 *
 * Each part adds one event at a time and has nothing to free but its own tables.  Out of memory is
 * sticky: b->failed is set, results become scrap, and facts.c looks once a batch. */
#ifndef PARKVIEW_STORAGE_FACTS_IMPL_H
#define PARKVIEW_STORAGE_FACTS_IMPL_H

#include "storage/facts.h"
#include "storage/src/event.h"
#include "storage/src/idmap.h"
#include "storage/src/reader.h"

/* N_OUR_NAMES: the longest of the lists whose names are ours (goroutine transitions: 36). */
enum { GO_STATES = 6, PROC_STATES = 4, N_OUR_NAMES = 40 };

/* Records by string id, in order of first use; every record begins with struct text name. */
struct named {
    size_t size;         /* of a record */
    uint32_t *of_string; /* string id -> index + 1 */
    uint32_t n_strings;
    char *records;
    uint32_t n, cap;
};

struct goroutine {
    int64_t id;
    int64_t since, p;
    int64_t running, runnable, syscall, waiting, transitions;
    uint32_t reason;  /* index in wait_reasons, of the present wait */
    uint32_t name;    /* string id */
    uint32_t regions; /* innermost open region: index + 1 in open_regions */
    uint8_t state;
};

struct proc {
    struct fact_proc sums;
    int64_t run_since, syscall_since;
    int64_t syscall_g; /* goroutine in a syscall that still holds this P */
    bool runs, has_syscall;
};

struct open_region {
    int64_t since;
    uint32_t outer; /* index + 1 */
    uint32_t type;  /* index in regions */
};
struct open_range {
    int64_t since;
    bool open;
};

struct go_hash;
struct digests {
    struct SHA256state_st *all;
    struct go_hash *of_go; /* by index of the goroutine */
    uint32_t n, cap;
    uint64_t lines;
    char *text; /* lines that are not hashed yet */
    size_t n_text;
};

struct facts_build {
    struct facts out; /* first: what the caller sees */
    struct input *in;
    struct reader *reader;
    struct dict *dict;
    struct facts_options options;
    bool failed;
    char scrap[256];

    int64_t first, last, sync;
    int64_t kinds[32];

    struct idmap go_index; /* id -> index in goroutines */
    struct goroutine *goroutines;
    uint32_t n_goroutines, cap_goroutines;
    struct idmap proc_index;
    struct proc *procs;
    uint32_t n_procs, cap_procs;
    struct idmap threads;
    int64_t last_thread;
    int64_t go_transitions[GO_STATES][GO_STATES];
    int64_t proc_transitions[PROC_STATES][PROC_STATES];
    char go_names[GO_STATES * GO_STATES][32], proc_names[PROC_STATES * PROC_STATES][32];
    struct fact states[GO_STATES];
    struct named wait_reasons, stop_reasons, logs, labels; /* struct fact */
    struct named functions;                                /* struct fact_function */
    struct idmap go_wait; /* goroutine index << 32 | reason -> go_wait_ns */
    int64_t *go_wait_ns;
    uint32_t n_go_waits, cap_go_waits;

    struct named ranges, regions; /* struct fact_range */
    struct named metrics;         /* struct fact_metric */
    struct idmap scope_index;     /* scope id -> small number */
    struct idmap range_index;     /* that << 32 | name's index << 2 | scope -> open_ranges */
    struct open_range *open_ranges;
    uint32_t n_open_ranges, cap_open_ranges;
    uint32_t *open_range_name; /* index in ranges, beside open_ranges */
    struct open_region *open_regions;
    uint32_t n_open_regions, cap_open_regions, free_region;
    struct idmap task_index; /* of open tasks: id -> index in out.tasks, or NOT_LISTED */
    uint32_t cap_tasks;

    uint8_t *stack_seen; /* by stack id */
    uint32_t n_stack_seen;

    struct digests digests;
};

/* facts__room - makes room for one more record in *array.  false when out of memory. */
bool facts__room(struct facts_build *b, void *array, uint32_t *cap, uint32_t n, size_t size);

/* facts__index - the number of a key; where it is new it becomes `fresh` and *is_new is set.
 * UINT32_MAX when out of memory.  facts__known: UINT32_MAX where it is not there. */
uint32_t facts__index(struct facts_build *b, struct idmap *map, uint64_t key, uint32_t fresh,
                      bool *is_new);
static inline uint32_t facts__known(const struct idmap *map, uint64_t key) {
    return idmap_get(map, key) - 1;
}

/* facts__named - the record of a string, new ones all zero but for the name.  Valid until the next
 * call on the same table. */
void *facts__named(struct facts_build *b, struct named *table, uint32_t string);
uint32_t facts__named_index(const struct named *table, const void *record);

/* facts__by_name - orders records that begin with struct text by bytes, for qsort. */
int facts__by_name(const void *a, const void *b);

/* facts__add - a + b as Go adds int64: it wraps. */
static inline int64_t facts__add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static inline int64_t facts__since(int64_t now, int64_t then) {
    return (int64_t)((uint64_t)now - (uint64_t)then);
}
static inline void facts__span(struct fact_range *r, int64_t ns) {
    r->total_ns = facts__add(r->total_ns, ns);
    if (ns > r->max_ns) r->max_ns = ns;
}

const char *facts__go_state_name(unsigned state);
const char *facts__proc_state_name(unsigned state);
const char *facts__kind_name(unsigned kind);

/* facts_go.c */
uint32_t facts__go(struct facts_build *b, int64_t id); /* index; UINT32_MAX out of memory */
void facts__go_transition(struct facts_build *b, const struct ev *e, uint32_t go);
void facts__proc_transition(struct facts_build *b, const struct ev *e);
void facts__go_finish(struct facts_build *b);

/* facts_names.c */
void facts__range(struct facts_build *b, const struct ev *e);
void facts__task(struct facts_build *b, const struct ev *e);
void facts__region(struct facts_build *b, const struct ev *e);
void facts__close_regions(struct facts_build *b, struct goroutine *g, int64_t now);
void facts__metric(struct facts_build *b, const struct ev *e);
void facts__names_finish(struct facts_build *b);

/* facts_digest.c */
bool facts__digest_start(struct facts_build *b);
void facts__digest_line(struct facts_build *b, const struct ev *e, uint32_t go);
void facts__digest_finish(struct facts_build *b); /* before goroutines are reordered */
void facts__digest_free(struct facts_build *b);
/* First 8 bytes of SHA-256 over the function names, leaf first, each followed by a newline. */
uint64_t facts__stack_hash(const struct dict *d, struct stack stack);

#endif
