/* tracer/format.h - what lies in a ring file: see FORMAT.md.  For the recorder and for readers.
 *
 * All numbers are little-endian.  The offsets of the parts stand in the header:
 *     header | live goroutines | batches | threads | strings | frames | stacks
 * so that whoever copies the file from front to back copies events before the names in them, and
 * what was lost after the events. */
#ifndef PARKVIEW_TRACER_FORMAT_H
#define PARKVIEW_TRACER_FORMAT_H

#include <stdint.h>
#include <time.h>

#define PV_RING_MAGIC "parkview ring\n\0"

enum {
    PV_RING_VERSION = 1,
    PV_BATCH_BYTES = 65536,
    PV_BATCH_DATA = 64,                /* where a batch's events begin */
    PV_BATCH_END = PV_BATCH_BYTES - 8, /* where its second sequence number stands */
    PV_MAX_TEXT = 1024,                /* bytes of a string or message */
    PV_MAX_FRAMES = 128,               /* of a stack */
    PV_STACK_FOLLOWS = 0x80,           /* bit of an event's code */
    PV_STATE_BITS = 4
};

enum pv_event {
#define X(code, ident, name, args, meaning) PV_EV_##ident = code,
#include "tracer/events.def"
#undef X
    PV_EV_LAST = PV_EV_LOG
};

enum pv_ring_state { PV_RING_RECORDING = 1, PV_RING_STOPPED, PV_RING_SNAPSHOT };
enum pv_ring_flags { PV_RING_STOP_WHEN_FULL = 1 };

/* States of a live-table entry beside PV_RUNNABLE and PV_WAITING. */
enum { PV_SLOT_FREE = 0, PV_SLOT_BUSY = 15 };

struct pv_ring_table { /* strings, frames or stacks: entries by id from 1 */
    uint64_t index_at; /* entry: bit 63 | offset in words of 8 bytes << 16 | length in bytes; 0: not
                          there */
    uint64_t bytes_at;
    uint64_t bytes;    /* capacity */
    uint32_t capacity; /* entries in the index, [0] included */
    uint32_t n;        /* ids given out, 0 included */
};
_Static_assert(sizeof(struct pv_ring_table) == 32, "struct pv_ring_table changed size");

struct pv_ring_header {
    char magic[16];
    uint32_t version, header_bytes;
    uint32_t batch_bytes, n_batches;
    uint32_t n_slots, n_threads;       /* capacities of the live table and the thread table */
    uint32_t slots_used, threads_used; /* highest ones that were ever in use */
    uint64_t slots_at, batches_at, threads_at;
    struct pv_ring_table strings, frames, stacks;
    uint32_t state, flags;
    uint64_t start_ticks, start_mono_ns, start_wall_ns;
    uint64_t ticks_per_s; /* measured at the start; the batches' pairs measure it better */
    uint64_t end_ticks, end_mono_ns; /* when it was stopped or copied; 0 = not yet */
    uint64_t unlisted;               /* goroutines without room in the live table */
    uint64_t names_lost;
    uint64_t lost_without_thread; /* events of threads that the thread table had no room for */
    uint32_t pid, tick_shift;     /* a tick is the processor's counter >> tick_shift */
    uint8_t boot_id[16];          /* the machine's run: whether its clock is that of the reader */
    uint64_t unused[30];
};
_Static_assert(sizeof(struct pv_ring_header) == 512, "struct pv_ring_header changed size");

struct pv_ring_slot { /* a living goroutine, as it last became runnable or began to wait */
    uint64_t word;    /* state | number of its changes << 4; PV_SLOT_BUSY: written, or not known */
    uint64_t id;
    uint64_t since; /* ticks */
    uint64_t object, holder;
    uint32_t reason, start_stack;
    uint64_t unused;
    uint64_t next_free; /* of the recorder */
};
_Static_assert(sizeof(struct pv_ring_slot) == 64, "struct pv_ring_slot changed size");

struct pv_ring_batch {   /* then its events, at PV_BATCH_END once more seq */
    uint64_t seq;        /* 0 = void; else grows from batch to batch in the whole file */
    uint64_t base;       /* ticks; the first event's difference counts from here */
    uint64_t mono_ns;    /* CLOCK_MONOTONIC at base */
    uint32_t used;       /* bytes from the batch's begin; grows with each event */
    uint32_t thread;     /* row of the thread table */
    uint64_t g;          /* on the thread at the begin, 0 = none */
    int32_t p;           /* held by the thread at the begin, -1 = none */
    uint32_t in_syscall; /* g is in a system call */
    uint64_t lost;       /* events of the thread that were dropped just before this batch ... */
    uint64_t lost_from;  /* ... from this tick on */
};
_Static_assert(sizeof(struct pv_ring_batch) == 64, "struct pv_ring_batch changed size");

struct pv_ring_thread {
    uint64_t id;                /* of the operating system */
    uint64_t opened, closed;    /* ticks; closed 0 = not yet */
    uint64_t lost;              /* events dropped in all */
    uint64_t lost_from;         /* since when they are being dropped; 0 = they are not */
    uint64_t overwritten_until; /* ticks: events up to here were overwritten by this thread */
    char name[48];              /* NUL-terminated where shorter */
    uint64_t unused[4];
};
_Static_assert(sizeof(struct pv_ring_thread) == 128, "struct pv_ring_thread changed size");

struct pv_ring_frame {
    uint64_t pc;
    uint32_t func, file; /* string ids */
    uint64_t line;
};
_Static_assert(sizeof(struct pv_ring_frame) == 24, "struct pv_ring_frame changed size");

#if defined __x86_64__
enum { PV_TICK_SHIFT = 4 };
/* rdtsc and not rdtscp: waiting for earlier instructions would double the cost of an event. */
static inline uint64_t pv_ticks(void) {
    return __builtin_ia32_rdtsc() >> PV_TICK_SHIFT;
}
#elif defined __aarch64__
enum { PV_TICK_SHIFT = 0 };
static inline uint64_t pv_ticks(void) {
    uint64_t t;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
    return t;
}
#else
enum { PV_TICK_SHIFT = 0 };
static inline uint64_t pv_ticks(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
#endif

#endif
