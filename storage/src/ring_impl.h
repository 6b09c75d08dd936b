/* storage/src/ring_impl.h - what the files of the ring reader share.  Private to them.
 *
 *   ring_load.c    a file, perhaps still being written -> its parts, checked
 *   ring_names.c   its strings and stacks -> the dictionary
 *   ring_lines.c   an address -> file and line, from the program's own DWARF
 *   ring_cursor.c  a thread's batches -> its next record
 *   ring_order.c   may this record come now?  what does it change?  what is given out?
 *   ring_marks.c   the records that change no state: collector, tasks, regions, metrics
 *   ring.c         windows without loss, many threads -> one order; as reader_impl.h wants it */
#ifndef PARKVIEW_STORAGE_RING_IMPL_H
#define PARKVIEW_STORAGE_RING_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/src/idmap.h"
#include "storage/src/reader_impl.h"
#include "tracer/format.h"

/* ---- ring_load.c ---- */

struct ring_batch {
    struct pv_ring_batch h;
    uint8_t *bytes; /* the batch from its begin on; n of them, whole records */
    uint32_t n;
    uint32_t thread;  /* index in ring_file.threads */
    uint64_t file_at; /* offset in the file */
    uint64_t last;    /* ticks of its last record */
};

struct ring_thread {
    struct pv_ring_thread row;
    uint32_t first, n; /* its batches, in order */
};

struct ring_hole { /* ticks in which events were lost: [from, to) */
    uint64_t from, to;
    uint64_t n;       /* events, 0 = not known */
    int64_t offset;   /* of damage, -1 = events were dropped or overwritten */
    const char *what; /* of damage */
};

struct ring_table {
    uint64_t *index;
    uint32_t n;
    uint8_t *bytes;
    size_t n_bytes;
    uint32_t *ids; /* of the dictionary, + 1; 0 = not looked up yet */
};

struct ring_file {
    struct pv_ring_header h;
    struct pv_ring_slot *slots; /* of living goroutines, whole ones only */
    uint32_t n_slots;
    struct ring_batch *batches; /* by thread, then by sequence number */
    uint32_t n_batches;
    struct ring_thread *threads;
    uint32_t n_threads;
    struct ring_hole *holes; /* sorted, apart */
    uint32_t n_holes, cap_holes;
    struct ring_table strings, frames, stacks;
    struct idmap frame_of_pc; /* index in frames */
    struct ring_lines *lines; /* NULL: nobody asked yet */
    double ns_per_tick;
    struct fault fault; /* the first damage, code 0 = none */
};

/* ring_load - after the 16 bytes of the magic, which in has given already. */
int ring_load(struct input *in, struct ring_file *file, struct fault *f);
void ring_file_free(struct ring_file *file);

/* Nanoseconds as CLOCK_MONOTONIC counts them. */
static inline int64_t ring_ns(const struct ring_file *file, uint64_t ticks) {
    double since = (double)(int64_t)(ticks - file->h.start_ticks) * file->ns_per_tick;
    if (!(since > -4e18 && since < 4e18)) since = 0;
    return (int64_t)(file->h.start_mono_ns & INT64_MAX >> 1) + (int64_t)since;
}

/* ---- ring_names.c ---- */

int ring_names_load(struct ring_file *file);
/* Dictionary ids; what the file does not have is "(lost)" or no stack. */
uint32_t ring_string(struct ring_file *file, struct dict *d, uint64_t id);
uint32_t ring_stack(struct ring_file *file, struct dict *d, uint64_t id);

/* As they lie in the file.  False: it is not there; of a text also: it is not one. */
bool ring_frame(const struct ring_file *file, uint64_t id, struct pv_ring_frame *out);
bool ring_text(const struct ring_file *file, uint64_t id, char out[PV_MAX_TEXT + 1]);

/* ---- ring_lines.c ---- */

/* ring_line - where the frame's code was written; *path lasts as long as file.  False: not known.
 */
bool ring_line(struct ring_file *file, const struct pv_ring_frame *frame, const char **path,
               uint32_t *line);
void ring_lines_free(struct ring_lines *lines); /* NULL is fine */

/* ---- ring_cursor.c ---- */

enum { RING_MAX_ARGS = 8 };

struct ring_record {
    uint64_t t; /* ticks */
    uint64_t a[RING_MAX_ARGS];
    const char *text;
    uint32_t stack;
    uint32_t code; /* enum pv_event */
};

struct ring_place { /* within one batch */
    const uint8_t *p, *end;
    uint64_t t, object;
};

void ring_place_begin(struct ring_place *at, const struct ring_batch *b);
/* ring_place_next - 1 a record, 0 the batch's end, -1 it is not one: at->p is where it begins. */
int ring_place_next(struct ring_place *at, struct ring_record *out);

/* ---- ring_order.c, ring_marks.c ---- */

struct ring_g {
    uint64_t id;
    uint8_t state; /* enum go_state; GO_NOTEXIST: gone */
    uint8_t seq;   /* low 7 bits of the number of its changes */
    bool seq_known;
};

struct ring_p {
    int64_t id;
    uint8_t state; /* enum proc_state */
    uint32_t m;    /* where it runs */
};

struct ring_m {
    int64_t id;       /* of the operating system */
    uint64_t g;       /* 0 = none */
    uint64_t g_since; /* ticks, at the window's begin: when g came */
    int64_t p;        /* NO_ID = none */
    bool in_syscall;
    int64_t taken_p;  /* its loss was implied, the thief's record is still to come; NO_ID = none */
    bool weak_p;      /* it may have been taken away before the window began */
    uint32_t stw;     /* name of the stop-the-world that it began, 0 = none */
    uint32_t i_batch; /* the present one, index in ring_file.batches */
    struct ring_place place;
    struct ring_record record; /* the next one */
    bool has;
};

struct ring_task {
    uint64_t parent;
    uint32_t name;
};

struct ring_order {
    struct ring_file *file;
    struct dict *dict;
    struct ev_batch *out;
    int64_t now_ns;  /* of the present record */
    int64_t last_ns; /* of the last event given out */
    struct ring_m *ms;
    uint32_t n_ms;
    struct ring_g *gs;
    struct ring_p *ps;
    struct ring_task *tasks;
    uint32_t n_gs, cap_gs, n_ps, cap_ps, n_tasks, cap_tasks;
    struct idmap g_map, p_map, task_map;
    uint32_t name_procs, name_heap, name_goal, name_gc, name_sweep, name_assist;
    bool no_memory;
};

enum ring_step { RING_BAD = -1, RING_WAIT, RING_DONE };
enum { RING_STEP_EVENTS = 8, RING_STEP_ARGS = 8 }; /* room that one step may need */

int ring_order_init(struct ring_order *o, struct ring_file *file, struct dict *d, struct fault *f);
/* Forgets all states: a window begins. */
void ring_order_reset(struct ring_order *o);
void ring_order_free(struct ring_order *o);
struct ev *ring_emit(struct ring_order *o, const struct ring_m *m, enum ev_kind kind);
void ring_args(struct ring_order *o, struct ev *e, const uint64_t *args, uint32_t n);
void ring_sync(struct ring_order *o, int64_t time_ns, uint64_t n);
/* ring_step - the record of m, if it may come now.  alone: no record of another thread could still
 * tell more about what came before it. */
enum ring_step ring_step(struct ring_order *o, uint32_t i_m, bool alone);
/* What was so when the window began; false: nothing was given out.  A thread with what it holds:
 * all of them first; a goroutine of the live table, if its last change was before `until` ticks. */
bool ring_know_thread(struct ring_order *o, uint32_t i_m);
bool ring_know_slot(struct ring_order *o, const struct pv_ring_slot *slot, uint64_t until);
/* ring_imply - what a record says about the goroutine it is about, if nothing else was known. */
void ring_imply(struct ring_order *o, uint32_t i_m);
/* ring_track - m's own idea of what it holds, without giving anything out. */
void ring_track(struct ring_m *m);
/* ring_mark - the records that change no state. */
enum ring_step ring_mark(struct ring_order *o, struct ring_m *m);

#endif
