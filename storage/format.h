/* storage/format.h - numbers of the formats that are no version of Go's.
 *
 * A format_version below is the N of "go 1.N trace". */
#ifndef PARKVIEW_STORAGE_FORMAT_H
#define PARKVIEW_STORAGE_FORMAT_H

enum { FORMAT_RING = 100000 }; /* a ring file of tracer/ */

#endif
