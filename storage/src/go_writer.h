/* storage/src/go_writer.h - batches, tables and generations of Go 1.26's format, written.  Private
 * to the export. */
#ifndef PARKVIEW_STORAGE_GO_WRITER_H
#define PARKVIEW_STORAGE_GO_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "storage/src/dict.h"
#include "storage/src/idmap.h"

enum { GO_WRITER_ARGS = 5 };

struct go_writer_m { /* a thread's batch that is being filled */
    int64_t m;       /* NO_ID: the batch of no thread */
    int64_t base, last;
    uint32_t n;
    uint8_t *bytes;
};

struct go_writer {
    FILE *out;
    const struct dict *dict;
    uint64_t generation;
    int64_t first_ns;
    struct go_writer_m *ms;
    uint32_t n_ms, cap_ms;
    struct idmap m_map;
    uint8_t *strings, *stacks; /* bit maps of the dictionary's ids that were used */
    uint64_t n_events;
    bool no_memory;
};

/* go_writer_begin - header, and a generation whose first moment that is. */
void go_writer_begin(struct go_writer *w, int64_t time_ns, uint64_t wall_ns);
/* go_writer_event - n arguments after the time difference. */
void go_writer_event(struct go_writer *w, int64_t m, int64_t time_ns, unsigned type,
                     const uint64_t *args, uint32_t n);
/* The id of a string or stack in the file's tables: the dictionary's, marked as used. */
uint64_t go_writer_string(struct go_writer *w, uint32_t id);
uint64_t go_writer_stack(struct go_writer *w, uint32_t id);
/* go_writer_end - the tables, and an empty generation that says when the trace ended. */
void go_writer_end(struct go_writer *w, int64_t end_ns, uint64_t wall_ns);
void go_writer_free(struct go_writer *w);

#endif
