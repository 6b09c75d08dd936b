/* storage/src/go_bytes.h - the bytes of a trace at any place, none of them held in memory.
 *
 * What can be read anywhere is read where it lies.  Of a pipe and of what is packed a temporary
 * file keeps the generations that are being read; its pages are the kernel's to take back.
 * Offsets are those in the (unpacked) trace. */
#ifndef PARKVIEW_STORAGE_GO_BYTES_H
#define PARKVIEW_STORAGE_GO_BYTES_H

#include "storage/src/input.h"

struct go_bytes {
    struct input *in;
    int copy;      /* the temporary file, -1 = none is needed */
    uint8_t *buf;  /* on the way into it */
    uint64_t n;    /* bytes of the trace that are there */
    uint64_t soon; /* the kernel was told that what precedes this will be wanted */
    bool at_end;   /* of the input: there will be no more */
};

/* go_bytes_open - `at`: how many bytes of the trace input_read has given out. */
int go_bytes_open(struct go_bytes *b, struct input *in, uint64_t at, struct fault *f);
/* go_bytes_need - makes n bytes available from byte `at` on, if the trace has them: b->n says how
 * far it goes, and b->at_end that it goes no further.  One thread. */
int go_bytes_need(struct go_bytes *b, uint64_t at, size_t n, struct fault *f);
/* go_bytes_get - bytes that are available.  Any thread. */
int go_bytes_get(const struct go_bytes *b, uint64_t at, void *buf, size_t n, struct fault *f);
/* go_bytes_reached - how far reading has come, for input_progress. */
void go_bytes_reached(struct go_bytes *b, uint64_t at);
/* go_bytes_done - what precedes `upto` will not be asked for again.  Any thread. */
void go_bytes_done(struct go_bytes *b, uint64_t upto);
void go_bytes_close(struct go_bytes *b);

#endif
