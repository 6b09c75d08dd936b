/* storage/export.h - a ring file as a trace that Go's own tools read.
 *
 *     struct export_result result;
 *     int rc = export_gotrace("app.ring", "app.trace", &result, &f);
 *     // rc 0: all of it; 1: up to the fault f; < 0: nothing was written */
#ifndef PARKVIEW_STORAGE_EXPORT_H
#define PARKVIEW_STORAGE_EXPORT_H

#include <stdint.h>

#include "storage/fault.h"

struct export_result {
    uint64_t events; /* that were written */
    uint64_t
        left_out; /* for which Go's format has no place: marks without a goroutine or processor */
    uint64_t bytes;
};

/* export_gotrace - writes Go 1.26's format (see src/go_export.c).  What is there at `out` is
 * replaced once the whole is written.  Codes as the reader's; PV_EFORMAT where in is no ring file.
 */
int export_gotrace(const char *in, const char *out, struct export_result *result, struct fault *f);

#endif
