/* storage/store.h - a trace as a store: made once, then asked for any window.
 *
 *     struct fault f;
 *     struct store_import_options o = {.trace = "trace.out", .store = "trace.pvstore"};
 *     if (store_import(&o, &f) < 0) ...;
 *     struct store *s;
 *     if (store_open("trace.pvstore", &s, &f) < 0) ...;
 *     const struct store_info *i = store_info(s);
 *     struct store_waits w;
 *     store_waits(s, &(struct store_wait_query){.from_ns = 0, .to_ns = i->duration_ns}, &w, &f);
 *
 * Times are int64 nanoseconds since the trace's first event.  A struct store belongs to one thread
 * at a time; open one for each.  What a call returns in arrays is borrowed until the next call of
 * the same function on that store, unless it says otherwise.  Texts hold raw bytes. */
#ifndef PARKVIEW_STORAGE_STORE_H
#define PARKVIEW_STORAGE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/fault.h"
#include "storage/format.h"
#include "storage/src/dict.h"   /* struct text, struct frame */
#include "storage/src/event.h"  /* enum go_state */
#include "storage/src/refine.h" /* enum family */

/* ---- making a store ------------------------------------------------------------------------ */

/* Raised whenever this program cannot use stores that an older one made (or would make better
 * ones): cached stores are then made anew. */
enum { STORE_FORMAT = 16 };

struct store_progress {
    uint64_t bytes_done, bytes_total; /* of the input; total 0 = not known */
    uint64_t n_events, n_slices;
    int64_t duration_ns; /* of the trace, so far */
    bool readable;       /* the store file can be opened and grows */
};

struct store_import_options {
    const char *trace; /* path, "-" = standard input */
    const char *store; /* path to write; written under STORE.partial and renamed when complete */
    bool strict;       /* stop at the first fault, as Go does */
    bool growing;      /* readable while it is written (store_open_growing); a little slower */
    /* Called about 20 times a second from the importing thread; not 0 cancels. */
    int (*progress)(void *arg, const struct store_progress *);
    void *progress_arg;
};

/* store_import - 0 complete and sound; 1 complete, but the trace is damaged (f says where; the
 * damage is in the store as gaps); < 0 nothing was left behind (not a trace, disk full, canceled,
 * no permission, ...). */
int store_import(const struct store_import_options *o, struct fault *f);

/* The name under which store_import writes until it is done: STORE.partial */
void store_partial_path(const char *store, char *out, size_t n);

/* store_is - true when the file looks like a store (SQLite header and our application id). */
bool store_is(const char *path);

/* store_cut - a window of an open store as a new store (same rules of writing as store_import),
 * with everything that the store has of the window.  Times start at 0 again; what began before the
 * window begins with it, what lasts beyond it is open at its end.  Holds a chunk of slices in
 * memory, and what is open. */
struct store;
int store_cut(struct store *s, int64_t from_ns, int64_t to_ns, const char *out, struct fault *f);

/* ---- opening ------------------------------------------------------------------------------- */

struct store;

/* store_open - read-only.  A store that an import has not finished is PV_EINCOMPLETE here; use
 * store_open_growing for the .partial file of an import that runs in this process. */
int store_open(const char *path, struct store **out, struct fault *f);
int store_open_growing(const char *path, struct store **out, struct fault *f);
/* store_refresh - see what a growing store has gained.  1 it grew, 0 not, < 0 fault. */
int store_refresh(struct store *s, struct fault *f);
void store_close(struct store *s);

struct store_gap {
    int64_t from_ns, to_ns; /* lost stretch; from == to where nothing follows */
    int64_t offset;         /* byte offset of the fault */
    struct text cause;
};

struct store_info {
    int format_version; /* 26 = "go 1.26 trace", FORMAT_RING */
    bool newer;         /* newer than this program: read with the newest rules it knows */
    bool complete;      /* false while it grows */
    int64_t first_ts, duration_ns;
    int64_t wall_unix_ns; /* wall clock of the trace's start, 0 = not known */
    uint64_t trace_bytes;
    int64_t n_events, n_slices, n_goroutines;
    int64_t n_waits, wait_ns; /* all of the trace */
    bool threads_reliable;    /* false for traces before Go 1.22: no thread lanes */
    const char *source_name;  /* base name of the trace file */
    const struct store_gap *gaps;
    uint32_t n_gaps;
    const int64_t *procs; /* ids, ascending */
    uint32_t n_procs;
    const int64_t *threads; /* ids, ascending */
    uint32_t n_threads;
};
const struct store_info *store_info(struct store *s);

/* ---- names --------------------------------------------------------------------------------- */

/* A tag is what a stretch of a lane is coloured and named by: state, reason, refined reason.
 * Tags are few (tens to hundreds), ids are dense from 0, and a growing store only adds. */
struct store_tag {
    uint8_t state;  /* enum go_state */
    uint8_t family; /* enum family; running: RUNNING user code, GC GC workers, SYS other runtime */
    struct text reason, refined;
};
uint32_t store_n_tags(struct store *s);
struct store_tag store_tag(struct store *s, uint32_t tag);

/* A group is all goroutines with one start function.  Ids are dense from 0, biggest first is the
 * caller's business; group 0 is "no name known". */
struct store_group {
    struct text func;
    enum go_kind kind;
    int64_t n_goroutines;
    int64_t state_ns[6]; /* by enum go_state, whole trace */
};
#define STORE_NO_GROUP UINT32_MAX
uint32_t store_n_groups(struct store *s);
struct store_group store_group(struct store *s, uint32_t group);

struct store_goroutine {
    int64_t g;
    uint32_t group;
    int64_t start_ns, end_ns; /* first and last seen; end = duration where it lived on */
    bool created, ended;      /* creation / end are in the trace */
    int64_t parent;           /* who created it, NO_ID = not known */
    int64_t state_ns[6];
    int64_t n_slices;
    int64_t run_window_ns;    /* store_members only: running inside the window */
    int64_t wait_window_ns;   /* and waiting */
    uint16_t wait_window_tag; /* its costliest reason */
};
/* store_goroutine - 1 found, 0 no such goroutine. */
int store_goroutine(struct store *s, int64_t g, struct store_goroutine *out, struct fault *f);

enum lane_kind { LANE_P, LANE_G, LANE_M, LANE_GROUP, LANE_ALL, LANE_SET };
struct lane {
    enum lane_kind kind;
    int64_t id; /* processor, goroutine, thread, group, set (sets.h); 0 for LANE_ALL */
};
struct store_sets; /* what LANE_SET is of */

enum store_member_order { MEMBERS_BY_ID, MEMBERS_BY_WAIT, MEMBERS_BY_RUNNING, MEMBERS_BY_START };
struct store_member_query {
    struct lane of;                /* LANE_GROUP or LANE_SET: its goroutines */
    const struct store_sets *sets; /* of LANE_SET */
    int64_t from_ns, to_ns;
    enum store_member_order order; /* by wait and by running: inside the window, most first */
    uint32_t offset, limit;
    const atomic_int *cancel; /* NULL, or the call ends with PV_ECANCELED when it becomes 1 */
};
/* store_members - goroutines that live in [from, to), a page of them; *n_all = how many in all. */
int store_members(struct store *s, const struct store_member_query *q,
                  const struct store_goroutine **out, uint32_t *n, uint32_t *n_all,
                  struct fault *f);

struct text store_string(struct store *s, uint32_t id);
/* store_stack - frames leaf first; n = 0 for id 0. */
struct stack store_stack(struct store *s, uint32_t id);

/* ---- pictures ------------------------------------------------------------------------------ */

/* A tile is TILE_BUCKETS buckets of 2^level ns of one lane: tile i covers
 * [i * TILE_BUCKETS << level, (i + 1) * TILE_BUCKETS << level).
 * Stretches at least one bucket long are solids with their true edges (they may reach beyond the
 * tile); shorter ones are summed as parts of the bucket that holds them: nothing vanishes, and
 * solids + parts add up to the lane's whole time to the nanosecond.
 * Lanes of groups, sets and all have parts only: cover is then the mean number of goroutines.
 * A dense tile may come coarser than it was asked for: its buckets are then 2^shift times as wide,
 * and solids maybe only what is longer than four of them; all else holds. */
enum { TILE_BUCKETS = 1024, TILE_MAX_LEVEL = 48, TILES_MAX_LANES = 64, TILES_MAX = 8 };

struct tile_solid {
    int64_t start_ns, dur_ns;
    int64_t who;    /* P and M lanes: goroutine; G lanes: processor it ran on, NO_ID = none */
    uint32_t group; /* of the goroutine */
    uint16_t tag;
    uint16_t pad;
};
struct tile_part { /* n equal buckets of a tag, from `bucket` on; sorted by tag, then bucket */
    uint16_t bucket, n;
    uint16_t tag;
    float cover; /* of each: ns in this state / bucket width */
};
struct tile {
    const struct tile_solid *solids;
    const struct tile_part *parts;
    uint32_t n_solids, n_parts;
    uint8_t shift;
    bool coarse; /* asked for with fewer others it may come finer */
};

/* The tiles that a window asks for, painted in one go; at most TILES_MAX_LANES lanes and TILES_MAX
 * tiles of each. */
struct tile_query {
    const struct lane *lanes; /* copied */
    uint32_t n_lanes;
    int level;
    int64_t first, end; /* tile indexes, end exclusive */
    /* 0: as asked, whatever it costs.  Else about so many bytes of server/PROTOCOL.md may they
     * take, and of more than a few lanes bounded work: what is denser comes coarser. */
    uint32_t budget_bytes;
    const struct store_sets *sets; /* of LANE_SET; may be NULL where there is none */
};
struct tiles;
int store_tiles(struct store *s, const struct tile_query *q, struct tiles **out, struct fault *f);
/* tiles_get - a tile of the lane with that index in the query; borrowed until the next call on
 * these tiles. */
int tiles_get(struct tiles *t, uint32_t i_lane, int64_t index, struct tile *out, struct fault *f);
void tiles_free(struct tiles *t);

/* store_tile - a single one, as asked; borrowed until the next call on the store. */
int store_tile(struct store *s, struct lane lane, int level, int64_t index, struct tile *out,
               struct fault *f);

/* Ranges over all lanes: GC cycles, stop-the-world, mark assists, sweeps. */
struct store_range {
    int64_t start_ns, dur_ns;
    struct text name; /* "stop-the-world (GC mark termination)", "GC concurrent mark phase", ... */
    uint8_t scope;    /* enum ev_scope */
    int64_t scope_id;
};
/* store_ranges - those with SCOPE_NONE or stop-the-world names, or all, that touch the window;
 * the longest `limit` of them, by start.  *n_all counts all. */
int store_ranges(struct store *s, int64_t from_ns, int64_t to_ns, bool all_scopes, uint32_t limit,
                 const struct store_range **out, uint32_t *n, uint32_t *n_all, struct fault *f);

/* A counter over a window, at most n_px points of (time, min, max, last). */
struct store_point {
    int64_t time_ns;
    int64_t min, max, last;
};
/* name: as in the trace, "/memory/classes/heap/objects:bytes", "/gc/heap/goal:bytes",
 * "/sched/gomaxprocs:threads". */
int store_counter(struct store *s, const char *name, int64_t from_ns, int64_t to_ns, uint32_t n_px,
                  const struct store_point **out, uint32_t *n, struct fault *f);

/* store_has_counter - false where no reading of it is in the trace (or cannot be read). */
bool store_has_counter(struct store *s, const char *name);

/* ---- what the program said about itself ---------------------------------------------------- */

/* A type of user task or region.  What began before the trace begins with it, what never ended
 * lasts until its end. */
struct store_level { /* a mean that holds until the next */
    int64_t time_ns;
    float mean;
};
struct store_span_type {
    uint32_t id; /* names it in store_spans, together with region */
    bool region;
    struct text name;
    int64_t count;                    /* that touch the window */
    int64_t max_ns;                   /* the longest of them, whole */
    const struct store_level *levels; /* how many were under way, over the wide window */
    uint32_t n_levels;
};
struct store_span_query {
    int64_t from_ns, to_ns;           /* window of the figures */
    int64_t wide_from_ns, wide_to_ns; /* of the levels; at most n_px of them */
    uint32_t n_px;
    const atomic_int *cancel; /* as of store_member_query */
};
/* store_span_types - tasks before regions, those with most first. */
int store_span_types(struct store *s, const struct store_span_query *q,
                     const struct store_span_type **out, uint32_t *n, struct fault *f);

struct store_span {
    int64_t start_ns, dur_ns;
    int64_t id;        /* of the task; of a region, its task (0 none) */
    int64_t g;         /* who began it; NO_ID = not in the trace */
    bool began, ended; /* in the trace */
};
/* store_spans - the tasks or regions of a type that touch the window, longest first; *n_all counts
 * all. */
int store_spans(struct store *s, bool regions, uint32_t type, int64_t from_ns, int64_t to_ns,
                uint32_t offset, uint32_t limit, const struct store_span **out, uint32_t *n,
                uint32_t *n_all, struct fault *f);

/* What stands beside a lane's slices. */
enum note_kind { NOTE_REGION, NOTE_ASSIST, NOTE_SWEEP, NOTE_LOG, NOTE_SAMPLE };
struct note_lane {
    enum { NOTES_OF_G, NOTES_OF_P, NOTES_OF_M, NOTES_OF_TASK } kind;
    int64_t id;
};
struct store_note {
    uint32_t lane; /* index */
    uint8_t kind;
    uint32_t n; /* so many of one kind in one pixel are one note */
    int64_t start_ns, dur_ns;
    struct text text, more; /* of the first: name; category and message; function */
};
/* store_notes - of all lanes, each in order of start; where there are more than n_most, pixels are
 * taken to be wider.  G: regions, mark assists, logs, samples; P: sweeps, samples; M: samples;
 * tasks: regions and logs, whoever wrote them. */
int store_notes(struct store *s, const struct note_lane *lanes, uint32_t n_lanes, int64_t from_ns,
                int64_t to_ns, uint32_t n_px, uint32_t n_most, const struct store_note **out,
                uint32_t *n, struct fault *f);

/* ---- waiting ------------------------------------------------------------------------------- */

enum wait_key { WAIT_BY_REASON, WAIT_BY_REFINED, WAIT_BY_FUNCTION, WAIT_BY_STACK };
enum { WAIT_HIST_BUCKETS = 48 }; /* bucket b: durations in [2^b, 2^(b+1)) ns */

struct store_wait_query {
    int64_t from_ns, to_ns;
    bool one_g; /* only goroutine g */
    int64_t g;
    bool one_group;
    uint32_t group;
    enum wait_key by;
    const atomic_int *cancel; /* as of store_member_query */
};
/* Exact to the nanosecond but p50 and p99, which may be up to 1/32 too high (area.h has exact ones,
 * for the price of reading every slice). */
struct store_wait {
    struct text key; /* reason, refined reason, user function, or stack's leaf, by `by` */
    struct text reason, refined, func;
    uint8_t family;
    uint32_t stack;   /* of the key where by = stack, else of the costliest one */
    int64_t count;    /* waits that touch the window, whole or in part */
    int64_t total_ns; /* inside the window */
    int64_t mean_ns, p50_ns, p99_ns, max_ns; /* of the whole waits that touch it */
    uint32_t hist[WAIT_HIST_BUCKETS];
};
struct store_waits {
    const struct store_wait *rows; /* by total, largest first */
    uint32_t n;
    int64_t count, total_ns;
};
int store_waits(struct store *s, const struct store_wait_query *q, struct store_waits *out,
                struct fault *f);

/* ---- one slice ----------------------------------------------------------------------------- */

struct store_slice {
    int64_t start_ns, dur_ns;
    int64_t g;
    uint32_t group;
    uint16_t tag;
    uint8_t state;
    bool open;      /* was still so when the trace ended (or a gap began) */
    int64_t p, m;   /* running, syscall: where; else where it last was; NO_ID = not known */
    uint32_t stack; /* at its start */
    int64_t waker_g, waker_p, waker_m; /* who ended a wait; NO_ID = the runtime itself, unknown */
    uint32_t waker_stack;
    uint32_t user_func; /* string id, 0 = none */
};
/* store_slice_at - the slice of a P, G or M lane that holds the time; 1 found, 0 none there. */
int store_slice_at(struct store *s, struct lane lane, int64_t at_ns, struct store_slice *out,
                   struct fault *f);
/* store_slice_step - the slice of the same goroutine before (-1) or after (+1) it. */
int store_slice_step(struct store *s, const struct store_slice *from, int step,
                     struct store_slice *out, struct fault *f);

#endif
