/* tracer/src/recorder.h - what the recorder's files share.  Private to them.
 *
 *   session.c   a recording: its file, its mapping, start and stop
 *   batch.c     a thread's place: taking batches from the ring and giving them back
 *   events.c    the calls that record
 *   slots.c     the table of living goroutines
 *   names.c     strings, frames, stacks: each once, in memory and in the file
 *   symbols.c   return address -> function, from the program's own symbol tables
 *   snapshot.c  a consistent copy of a ring that is being written */
#ifndef PARKVIEW_TRACER_RECORDER_H
#define PARKVIEW_TRACER_RECORDER_H

#include <stdatomic.h>
#include <string.h>

#include "tracer/format.h"
#include "tracer/parkview.h"

enum {
    PV_CODED_BITS = 56, /* of pv_g's coded: from there on how many bits its id takes */
    RECORD_ROOM = 96,   /* a record without text is shorter: 1 + 10 + 5 * 10 + 5 */
    LOST_RETRY = 64     /* while it loses events, a thread looks for a batch at every 64th */
};

struct ring_cell { /* of the queue of free batches */
    _Atomic uint64_t turn;
    _Atomic uint32_t batch;
};

enum names_kind { NAMES_STRINGS, NAMES_FRAMES, NAMES_STACKS, NAMES_KINDS };

struct names_file { /* one table of names, as it lies in a recording's file */
    struct pv_ring_table *table;
    uint64_t *index, *words;
};

/* A recording.  The structs stay for ever, so that a thread that still has an old one may look into
 * it; the mapping goes when nobody is attached any more. */
struct session {
    struct session *next; /* older */
    uint32_t number;
    _Atomic uint32_t refs; /* attached threads, and those that just add a name */
    uint8_t *map;          /* NULL once unmapped */
    size_t map_bytes;
    uint8_t *copy; /* the last snapshot, NULL = none yet */
    bool taken;    /* copy holds one */
    char *path;
    struct pv_ring_header *header;
    struct pv_ring_slot *slots;
    struct pv_ring_thread *threads;
    uint8_t *batches;
    uint64_t late_ticks; /* a wait of this length is told once more when it ends */
    bool stop_when_full;
    bool parents; /* it was running when this process was forked */
    struct names_file names[NAMES_KINDS];

    /* Batches that may be written, the longest untouched first: a bounded queue of many producers
     * and consumers (Vyukov's); cell i is for turn i, i + n, i + 2n, ... */
    struct ring_cell *cells;
    uint64_t n_cells; /* power of two */
    _Atomic uint64_t head, tail;
    _Atomic uint64_t *last_ticks; /* per batch: when its last event was, 0 = never used */
    _Atomic uint64_t next_seq;
    _Atomic uint64_t free_slot; /* tag << 32 | slot */
};

struct pv_m {
    /* What every event needs: one cache line. */
    _Alignas(64) uint8_t *at;   /* where the next event goes */
    uint8_t *end;               /* where the batch's room ends; at = end where there is none */
    uint8_t *batch;             /* NULL = none */
    uint64_t last;              /* ticks of the last event */
    uint64_t object;            /* the last wait object in this batch */
    uint64_t g;                 /* on this thread, 0 = none */
    struct pv_ring_slot *slots; /* of s */
    _Atomic uint32_t session;   /* number of s, 0 = none; set after i_row: a thief looks at both */
    bool in_syscall;            /* g is */

    uint64_t late_ticks; /* of s */
    struct session *s;
    struct pv_ring_thread *row; /* NULL: there was no room */
    _Atomic uint32_t i_row;
    int32_t p; /* held, -1 = none */
    uint32_t i_batch;
    uint64_t lost, lost_from; /* since the last batch */
    char name[sizeof((struct pv_ring_thread *)0)->name];
};

/* ---- atomic access to what lies in the mapping ---- */

static inline uint64_t load64(const uint64_t *p) {
    return atomic_load_explicit((const _Atomic uint64_t *)p, memory_order_acquire);
}
static inline uint32_t load32(const uint32_t *p) {
    return atomic_load_explicit((const _Atomic uint32_t *)p, memory_order_acquire);
}
/* Release, so that no field can be seen before those stored earlier: partner is load64/load32 of a
 * reader, which checks a sequence number last. */
static inline void store64(uint64_t *p, uint64_t v) {
    atomic_store_explicit((_Atomic uint64_t *)p, v, memory_order_release);
}
static inline void store32(uint32_t *p, uint32_t v) {
    atomic_store_explicit((_Atomic uint32_t *)p, v, memory_order_release);
}
static inline uint8_t *put_byte(uint8_t *p, uint64_t v) {
    atomic_store_explicit((_Atomic uint8_t *)p, (uint8_t)v, memory_order_release);
    return p + 1;
}

/* Eight bytes at once, of which the caller counts the first few: the next record overwrites the
 * rest.  Not atomic, as at any address: nobody believes them before `used` is stored, and who
 * copies a batch while it is overwritten finds that by its sequence numbers, which begin_words puts
 * before all of its words.  Byte by byte where TSan watches, which does not know fences. */
#if defined __SANITIZE_THREAD__ || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
static inline void put_word(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p = put_byte(p, v >> 8 * i);
}
static inline void begin_words(void) {}
#else
static inline void put_word(uint8_t *p, uint64_t v) {
    memcpy(p, &v, sizeof v);
}
/* Partner: load64 of who copies a batch, which reads the words before the numbers. */
static inline void begin_words(void) {
    atomic_thread_fence(memory_order_release);
}
#endif

/* ---- session.c ---- */
extern _Atomic(struct session *) pv__current;
/* pv__hold - counts the caller in s if it is still running; pv__release ends that. */
bool pv__hold(struct session *s);
void pv__release(struct session *s);
/* The number of m's recording; only its own thread and a thief ask. */
static inline uint32_t session_of(const struct pv_m *m) {
    return atomic_load_explicit(&m->session, memory_order_acquire);
}
static inline uint32_t row_of(const struct pv_m *m) {
    return atomic_load_explicit(&m->i_row, memory_order_relaxed);
}
/* pv__attach - joins the running recording; false: there is none.  pv__detach leaves it. */
bool pv__attach(struct pv_m *m);
void pv__detach(struct pv_m *m);

/* ---- batch.c ---- */
void pv__ring_init(struct session *s);
/* pv__refill - room for a record of that size, in a new batch if need be; false: the event is lost.
 */
bool pv__refill(struct pv_m *m, size_t room);
/* pv__leave_batch - gives the thread's batch back, if it has one. */
void pv__leave_batch(struct pv_m *m);

/* ---- slots.c ---- */
/* pv__slot_take - gives g a place in the table of m's recording.  False: there is no recording. */
bool pv__slot_take(struct pv_m *m, struct pv_g *g);
/* g's entry there, NULL = none. */
static inline struct pv_ring_slot *slot_of(struct pv_m *m, struct pv_g *g) {
    if (__builtin_expect(g->session != session_of(m), 0) && !pv__slot_take(m, g)) return NULL;
    return g->slot ? &m->slots[g->slot] : NULL;
}
void pv__slot_free(struct pv_m *m, struct pv_g *g);

/* ---- snapshot.c ---- */
/* pv__snapshot_take - map as it is now to *copy, memory of the same size that is made if it is
 * NULL. */
int pv__snapshot_take(const uint8_t *map, size_t bytes, uint8_t **copy);
int pv__snapshot_write(const uint8_t *copy, size_t bytes, const char *path);

#endif
