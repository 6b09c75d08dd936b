/* storage/src/go_v1_index.h - a v1 trace's bytes, and what the first pass over them leaves.
 *
 * Private to the go_v1 reader: go_v1_spool.c, go_v1_scan.c, go_v1_index.c. */
#ifndef PARKVIEW_STORAGE_GO_V1_INDEX_H
#define PARKVIEW_STORAGE_GO_V1_INDEX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/fault.h"
#include "storage/src/dict.h"
#include "storage/src/go_v1_events.h"
#include "storage/src/idmap.h"
#include "storage/src/input.h"

/* v1_grow - doubles an array of elements of the given size so that index n exists.  0, PV_ENOMEM.
 */
int v1_grow(void *array, uint32_t n, uint32_t *cap, size_t size);

/* ---- spool ---- */

struct v1_spool {
    const uint8_t *data; /* bytes, and V1_SLACK zeros after them */
    size_t mapped;       /* length of the mapping; 0 = data is on the heap */
    /* Private: */
    struct input *in;
    int fd;
    uint8_t *buf;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    bool ready, threaded;
    uint64_t have; /* bytes copied so far; with the following by the lock */
    bool copied;
    struct fault fault;
};
/* v1_spool_fill - beside: a file may be copied in a thread while it is scanned.  v1_spool_free in
 * any case. */
int v1_spool_fill(struct v1_spool *s, struct input *in, bool beside, struct fault *f);
/* v1_spool_wait - until *n bytes are there, or all: true.  *n: how many are there. */
bool v1_spool_wait(struct v1_spool *s, uint64_t *n);
/* v1_spool_end - after the scan: waits for the thread; what ended the copying early. */
int v1_spool_end(struct v1_spool *s, struct fault *f);
/* The bytes [from, to) will not be needed soon. */
void v1_spool_drop(const struct v1_spool *s, uint64_t from, uint64_t to);
void v1_spool_free(struct v1_spool *s);

/* ---- scan ---- */

enum v1_bad_what {
    V1_BAD_NONE,
    V1_BAD_TYPE,      /* a = type */
    V1_BAD_ARG,       /* a = type */
    V1_BAD_VARINT,    /* a bare malformed number */
    V1_BAD_ARG_BYTES, /* a = type, b = bytes */
    V1_BAD_EOF,
    V1_BAD_UNEXPECTED_EOF,
    V1_BAD_BATCH_ARGS,   /* a = found */
    V1_BAD_BATCH_P,      /* a = P */
    V1_BAD_NO_BATCH,     /* a = type */
    V1_BAD_SAMPLE_ARGS,  /* a = found */
    V1_BAD_N_ARGS,       /* a = type, b = found */
    V1_BAD_STACK_SHORT,  /* a = found */
    V1_BAD_STACK_FRAMES, /* a = frames */
    V1_BAD_STACK_ARGS,   /* a = wanted, b = found */
    V1_BAD_STRING_ZERO_ID,
    V1_BAD_STRING_TWICE, /* a = id */
    V1_BAD_STRING_EMPTY,
    V1_BAD_STRING_LENGTH, /* a = length */
    V1_BAD_LOG_LENGTH,    /* a = length */
    V1_BAD_FREQUENCY,
    V1_BAD_TOO_MANY_PROCS,
};
struct v1_bad {
    uint64_t off; /* in the spool */
    uint64_t a, b;
    uint32_t batch;
    uint8_t what; /* enum v1_bad_what */
};
int v1_bad_fault(const struct v1_bad *bad, struct fault *f);

struct v1_batch { /* ends where the next one in the file begins */
    uint64_t off;
    uint32_t next; /* of the same P; UINT32_MAX = none */
    uint32_t bad;  /* index + 1 in v1_index.bads */
};

struct v1_proc {          /* a P of the file, or a fake one */
    int64_t m;            /* conversion: its thread, as far as events may name it; or NO_ID */
    uint64_t g;           /* validation: the goroutine that runs on it; 0 = none */
    uint32_t first, last; /* batches; UINT32_MAX = none */
    uint32_t next_batch;  /* merge: not yet loaded */
    int32_t id;
    bool has_m, seen, running, sweeping;
};

struct v1_sample {
    int64_t ts;
    uint64_t g;
    int32_t p;
    uint32_t stack;
};

/* Ids of the file -> small numbers (0 = none): an array as far as the ids are dense, and a hash. */
struct v1_refs {
    uint32_t *dense;
    uint32_t n_dense;
    uint32_t n;          /* entries in both */
    struct idmap sparse; /* id -> index + 1 in values */
    uint32_t *values;
    uint32_t n_values, cap_values;
};
int v1_refs_set(struct v1_refs *r, uint64_t id, uint32_t value);
uint32_t v1_refs_get_sparse(const struct v1_refs *r, uint64_t id);
static inline uint32_t v1_refs_get(const struct v1_refs *r, uint64_t id) {
    if (id < r->n_dense && r->dense[id]) return r->dense[id];
    return r->n_values ? v1_refs_get_sparse(r, id) : 0;
}
void v1_refs_free(struct v1_refs *r);

/* For each stretch of ticks: the smallest time that a system call exit which was written in it or
 * later is to be put back to.  The stretches grow with the trace, the table does not. */
enum { V1_N_STRETCHES = 1 << 16 };
struct v1_exits {
    int64_t base; /* ticks at which the first stretch begins */
    uint32_t shift;
    bool any;
    int64_t *min;
};
int v1_exits_note(struct v1_exits *x, int64_t written, int64_t real);
void v1_exits_finish(struct v1_exits *x);
/* No exit that is written at ticks or later goes back before the result; nor for later ticks that
 * are before *until. */
int64_t v1_exits_bound(const struct v1_exits *x, int64_t ticks, int64_t *until);

/* Strings that Go's converter adds to a file's own, in its order: wait and stop reasons, then
 * what the world is stopped for. */
enum { V1_N_WAITS = 12, V1_N_STOPS = 17 };
extern const char *const v1_built_in[V1_N_WAITS + V1_N_STOPS];

struct v1_index {
    struct v1_batch *batches;
    uint32_t n_batches, cap_batches;
    struct v1_proc *procs; /* ascending by id once the scan is over; fake ones included */
    uint32_t n_procs, cap_procs;
    struct v1_bad *bads;
    uint32_t n_bads, cap_bads;
    struct v1_sample *samples; /* ascending by time once the scan is over */
    uint32_t n_samples, cap_samples;
    struct v1_refs strings, stacks;
    struct idmap timers; /* timer goroutines */
    int64_t frequency;   /* ticks per second; 0 = none */
    uint64_t max_string; /* the largest string id */
    bool has_logs;
    bool wide_lengths; /* the numbers of an event are so many bytes in a number of two or more */
    uint32_t built_in[V1_N_WAITS + V1_N_STOPS]; /* v1_built_in in the dictionary */
    uint64_t end;                               /* events were understood up to here */
    struct v1_bad stop; /* why not further; what == V1_BAD_NONE: the file's end */
    struct v1_exits exits;
};
int v1_scan(struct v1_index *x, struct v1_spool *s, int version, struct dict *d, struct fault *f);
/* What Go's converter finds under a string id (dictionary id). */
uint32_t v1_string(const struct v1_index *x, uint64_t id);
struct v1_proc *v1_proc_find(const struct v1_index *x, int32_t id);
void v1_index_free(struct v1_index *x);

#endif
