/* storage/src/cut_impl.h - a cut under way; private to cut*.c.
 *
 * The window is told span by span: a span is the time of one chunk of slices, so that what is held
 * is one chunk, what is open, and a line for each slice that lasts beyond its chunk. */
#ifndef PARKVIEW_STORAGE_CUT_IMPL_H
#define PARKVIEW_STORAGE_CUT_IMPL_H

#include "storage/src/event.h"
#include "storage/src/store_impl.h"

/* What happens at the same time (much does where the window begins) happens in this order. */
enum cut_rank { RANK_END, RANK_SYNC, RANK_BIRTH, RANK_BEGIN, RANK_LAST, RANK_GAP };

/* An event that is none: what the source knows of the goroutine `id` beyond the window: str = start
 * function, aux = parent, p and m = where it last was (build_know). */
enum { EV_KNOW = 0x80 };

struct told {
    int64_t at, when; /* in the window; in the source, before clipping */
    uint32_t order;
    uint8_t rank;
    struct ev ev;
    uint64_t args[2];
};
struct told_list {
    struct told *rows;
    uint32_t n, cap;
};

struct cut {
    struct store *s;
    struct dict *dict;          /* of the new store */
    struct map strings, stacks; /* ids of the source -> ids of dict */
    int64_t from, to;
    int64_t a, b; /* the span [a, b) */
    bool first;   /* it is the first one */
    struct told_list now, later;
    struct told spare; /* what is told to no end, or when memory ran out */
    bool no_memory;
    struct cut_slices *slices;
};

/* cut__grow - room for one more row; NULL = out of memory, which c remembers. */
void *cut__grow(struct cut *c, void *rows, uint32_t n, uint32_t *cap, size_t size);
/* cut__tell - an event of the source's time `when`, to be filled in; of the window's end or later:
 * nothing is told.  Borrowed until the next call. */
struct told *cut__tell(struct cut *c, int64_t when, enum cut_rank rank, enum ev_kind kind);
uint32_t cut__string(struct cut *c, uint32_t id);
uint32_t cut__stack(struct cut *c, uint32_t id);
static inline int64_t cut_end(int64_t start, int64_t dur) { /* of damaged stores, too */
    int64_t end;
    return __builtin_add_overflow(start, dur, &end) ? INT64_MAX : end;
}
static inline int64_t cut_or_none(int64_t v) {
    return v == COLTAB_NULL ? NO_ID : v;
}

typedef void (*cut_row_fn)(struct cut *c, const int64_t *v);
/* cut__begins - rows of a table of things that last: those that begin in the span; in the first
 * also all that began before. */
int cut__begins(struct cut *c, enum coltab_table table, uint32_t start_column, cut_row_fn visit,
                struct fault *f);

/* cut_tables.c: what the span has of every other table. */
int cut__tables(struct cut *c, struct fault *f);

/* cut_slices.c: begin - what lasts beyond its chunk; the next span ends with chunk i's time. */
int cut__slices_begin(struct cut *c, uint32_t *first_chunk, struct fault *f);
int cut__slices(struct cut *c, uint32_t i_chunk, struct fault *f);
void cut__slices_free(struct cut *c);
/* cut__span_end - where the span of chunk i ends. */
int64_t cut__span_end(const struct cut *c, uint32_t i_chunk);

#endif
