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
int dump__close(struct dump_text *t, int rc, struct fault *f);

/* dump_wire.c */
int dump__wire(struct input *in, FILE *out, struct dump_result *result, struct fault *f);

#endif
