/* storage/src/reader_impl.h - what reader.c asks of each format.  Private to the readers.
 *
 * Each gets the input just after the 16 header bytes, so its first byte has offset 16. */
#ifndef PARKVIEW_STORAGE_READER_IMPL_H
#define PARKVIEW_STORAGE_READER_IMPL_H

#include "storage/src/reader.h"

/* reader_header - reads the 16 bytes and their version; PV_EFORMAT where they are not a header. */
int reader_header(struct input *in, int *version, struct fault *f);

struct go_v1; /* versions 11, 19, 21: go_v1.c */
int go_v1_open(struct input *in, int version, const struct reader_options *o, struct dict *d,
               struct go_v1 **out, struct fault *f);
int go_v1_next(struct go_v1 *r, struct ev_batch *b, struct fault *f);
bool go_v1_ready(const struct go_v1 *r);
void go_v1_close(struct go_v1 *r);

struct go_v2; /* versions 22, 23, 25, 26 and newer: go_v2.c, go_order.c */
int go_v2_open(struct input *in, int version, const struct reader_options *o, struct dict *d,
               struct go_v2 **out, struct fault *f);
int go_v2_next(struct go_v2 *r, struct ev_batch *b, struct fault *f);
const struct fault *go_v2_first_fault(const struct go_v2 *r);
bool go_v2_ready(struct go_v2 *r);
void go_v2_close(struct go_v2 *r);

struct ring; /* ring files of Parkview's own tracer: ring.c */
int ring_open(struct input *in, const struct reader_options *o, struct dict *d, struct ring **out,
              struct fault *f);
int ring_next(struct ring *r, struct ev_batch *b, struct fault *f);
const struct fault *ring_first_fault(const struct ring *r);
void ring_close(struct ring *r);

#endif
