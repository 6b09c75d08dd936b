/* storage/src/dump_impl.h - the buffer that the two dumps write through. */
#ifndef PARKVIEW_STORAGE_DUMP_IMPL_H
#define PARKVIEW_STORAGE_DUMP_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "storage/facts.h"
#include "storage/src/input.h"

struct dump_text { /* write at p after dump__room */
    char *begin, *p, *end;
    FILE *out;
    bool failed; /* sticky; what is written afterwards is lost */
    int error;   /* errno */
};

bool dump__open(struct dump_text *t, FILE *out);
/* dump__room - n bytes at t->p; what was there before may have gone out.  Where it fails there is
 * still room for a line without strings. */
bool dump__room(struct dump_text *t, size_t n);
bool dump__flush(struct dump_text *t);
/* dump__close - flushes; rc, or the fault of a failed write. */
int dump__close(struct dump_text *t, int rc, struct dump_result *result, struct fault *f);

/* ---- the wire dumps ---- */

struct dump_source { /* the file's bytes, a window of them */
    struct input *in;
    uint8_t *bytes;
    size_t at, n;
    int64_t base; /* file offset of bytes[0] */
    bool ended;
};

struct dump_wire {
    struct dump_source source;
    struct dump_text text;
    struct fault *fault;
    int64_t n_events;
};

enum { DUMP_LINE_ROOM = 1024 };

/* dump__fill - makes n bytes readable at source.at, or as many as the file still has. */
int dump__fill(struct dump_wire *w, size_t n);
int dump__number(struct dump_wire *w, uint64_t *out);
int dump__cut_short(struct dump_wire *w);
int64_t dump__offset(const struct dump_wire *w);
/* " name=value" after a blank or tab; returns the names that are left (a comma ends them). */
const char *dump__argument(struct dump_text *t, char before, const char *names, uint64_t value);
/* Length and bytes from the file, as a line of their own. */
int dump__data(struct dump_wire *w, uint64_t max);
/* n frames, a line each. */
int dump__frames(struct dump_wire *w, uint64_t n);
/* One event: 1 it is written, 0 the end, < 0 a fault. */
int dump__event_v1(struct dump_wire *w);

int dump__wire(struct input *in, FILE *out, struct dump_result *result, struct fault *f);

#endif
