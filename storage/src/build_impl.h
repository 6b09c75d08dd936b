/* storage/src/build_impl.h - the builder's state, shared by build.c (everything) and build_go.c
 * (goroutines and processors).  Times are relative to the first event. */
#ifndef PARKVIEW_STORAGE_BUILD_IMPL_H
#define PARKVIEW_STORAGE_BUILD_IMPL_H

#include "storage/src/build.h"
#include "storage/src/coltab.h"
#include "storage/src/lod.h"
#include "storage/src/lod_go.h"
#include "storage/src/map.h"
#include "storage/src/steps.h"
#include "storage/src/sums.h"

enum { NO_SLOT = -1, PENDING_MAX = 64 };

struct pending { /* a stretch of a goroutine that has no name yet */
    uint32_t tag;
    int64_t from, to;
};

struct open_region {
    uint32_t next; /* the one around it, MAP_NONE = none */
    uint32_t type, stack;
    int64_t start;
    uint64_t task;
};

/* A live goroutine: what every slice needs stands in its first two cache lines. */
struct go {
    int64_t id, since;
    int64_t kept_ns; /* in a system call: how long it kept its P, -1 = still has it */
    uint32_t class_id, tag, place, group;
    uint32_t hint;            /* see seq_add */
    uint32_t n_slices, n_raw; /* n_raw: slices of all its lives, up to LOD_G_RAW_SLICES */
    uint8_t state;            /* GO_NOTEXIST: not alive */
    bool named, created, counted, from_c, forever;
    int64_t state_ns[6];
    uint64_t object, holder; /* of the present wait; 0 = not known */
    int64_t start, parent;
    struct pending *pending;
    uint32_t n_pending, next_free, regions;
};

/* A place (processor, thread) and the numbers of their lanes, MAP_NONE = not looked up so far. */
struct site {
    int64_t p, m;
    uint32_t proc, thread;
};

struct proc {
    int64_t id, since, m;
    uint32_t in_syscall; /* go that holds it from inside a system call, MAP_NONE = none */
    bool running;
    uint32_t hint;
    struct reducer reducer;
};

struct thread {
    int64_t id;
    uint32_t hint;
    struct reducer reducer;
};

struct open_range {
    int64_t start, g, p;
    uint64_t id;
    uint32_t name, stack, next;
    uint8_t scope;
};

struct open_task {
    uint64_t id, parent;
    int64_t start, g;
    uint32_t type, next;
};

struct pool { /* rows that are used again; free ones are linked by the first word */
    void *rows;
    uint32_t n, cap, free; /* free = index + 1 */
};

struct builder {
    sqlite3 *db;
    const struct dict *dict;
    struct crew *crew;
    struct names *names;
    bool threads_reliable;

    bool started, after_gap;
    int64_t first_ts, now, sync; /* now: of the last event */
    struct build_counts counts;
    int64_t gap_row[COLTAB_MAX_COLS];

    struct map lived; /* goroutines that may live again (cgo callbacks) -> n_raw */
    struct map go_map, proc_map, thread_map, range_map, task_map;
    struct go *gos;
    uint32_t n_gos, cap_gos, free_go;
    struct proc *procs;
    uint32_t n_procs;
    struct thread *threads;
    uint32_t n_threads;
    struct site *sites; /* by place */
    uint32_t n_sites, cap_sites;
    struct pool ranges, tasks, regions;

    struct seq_writer *slices;
    struct sums_writer *sums;
    struct lod_go *lod_g;
    struct lod_writer *lod_p, *lod_m, *lod_group;
    struct steps *steps;
    struct coltab_writer *tabs[N_COLTABS];
};

int build_no_memory(struct fault *f);
/* pool_take - index of a free row, MAP_NONE when out of memory. */
uint32_t pool_take(struct pool *p, size_t size);
void pool_give(struct pool *p, size_t size, uint32_t i);

/* build_go.c */
int build_go_transition(struct builder *b, const struct ev *e, const uint64_t *args,
                        struct fault *f);
int build_proc_transition(struct builder *b, const struct ev *e, struct fault *f);
/* build_close_all - at the end of the trace or at a gap: every open slice ends now. */
int build_close_all(struct builder *b, struct fault *f);
int build_flush_lanes(struct builder *b, struct fault *f);
/* build_go_row - its row of the goroutines table, as of now. */
void build_go_row(const struct builder *b, const struct go *g, bool ended, int64_t *row);
struct go *build_find_go(struct builder *b, int64_t id);
/* build_lane_rows - the hook of the slice writer: sums of waits, first level of goroutines. */
int build_on_seal(void *arg, const struct seq_chunk_view *view, struct buffer *extra,
                  struct fault *f);

/* build.c */
int build_close_regions(struct builder *b, struct go *g, struct fault *f);

#endif
