/* storage/src/reader.h - any trace, as events in order: Go's, and ring files of tracer/.
 *
 *     struct input *in; struct reader *r; struct fault f;
 *     if (input_open(path, &in, &f) < 0 || reader_open(in, NULL, &r, &f) < 0) ...
 *     while ((rc = reader_next(r, batch, &f)) == 1)
 *         for (uint32_t i = 0; i < batch->n; i++) use(&batch->ev[i]);
 *     // rc 0: clean end.  rc < 0: f says what and where; all events before it were given out.
 */
#ifndef PARKVIEW_STORAGE_READER_H
#define PARKVIEW_STORAGE_READER_H

#include <stdbool.h>

#include "storage/fault.h"
#include "storage/format.h"
#include "storage/src/dict.h"
#include "storage/src/event.h"
#include "storage/src/input.h"

struct reader;

struct reader_options {
    bool resume; /* after a fault go on with the next good generation (EV_GAP between) */
    bool early;  /* go 1.11 to 1.21: events before the whole trace was checked.  After a fault
                    Go would have given none: who must agree with Go reads again without */
    bool single_thread; /* no decode-ahead thread */
    int *version;       /* where not NULL: set once the header is read, even if opening fails */
};

/* reader_open - reads the header and chooses the reader (go_v1.c, go_v2.c).  Does not take
 * ownership of in, which must outlive the reader.  Codes: PV_EFORMAT (not a trace: says what was
 * found), PV_EVERSION (names the version), PV_EIO. */
int reader_open(struct input *in, const struct reader_options *o, struct reader **out,
                struct fault *f);

/* reader_next - fills *b.  1: b->n > 0 events; 0: clean end; < 0: fault, sticky.
 * With resume, faults that were skipped are not returned here but as EV_GAP events; the first of
 * them is kept in reader_first_fault(). */
int reader_next(struct reader *r, struct ev_batch *b, struct fault *f);

/* reader_ready - reader_next would not wait for input. */
bool reader_ready(struct reader *r);

/* The 26 of "go 1.26 trace"; FORMAT_RING for a ring file. */
int reader_version(const struct reader *r);
/* Version newer than what we know: attempted with the newest rules. */
bool reader_is_newer(const struct reader *r);
const struct fault *reader_first_fault(const struct reader *r); /* code 0 = none */
/* Strings and stacks of the events; lives as long as the reader. */
struct dict *reader_dict(const struct reader *r);

void reader_close(struct reader *r);

#endif
