/* storage/fault.h - what went wrong, and where.
 *
 * Every function of storage that can fail returns 0 (or 1, "got one") or a negative code from
 * src/errors.def, and fills the caller's struct fault: one sentence for a person, and the byte
 * offset in the (decompressed) trace where there is one. */
#ifndef PARKVIEW_STORAGE_FAULT_H
#define PARKVIEW_STORAGE_FAULT_H

#include <stdint.h>

enum {
#define X(name, value, text) name = value,
#include "storage/src/errors.def"
#undef X
};

struct fault {
    int code;       /* 0, or a code from errors.def */
    int64_t offset; /* byte offset in the trace, -1 = none */
    char text[480]; /* NUL-terminated; holds only printable UTF-8, whatever the trace held */
};

/* fault_set - fill f; returns code, so that `return fault_set(...)` reads well. */
int fault_set(struct fault *f, int code, int64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* fault_name - the short text of a code ("damaged trace"). */
const char *fault_name(int code);

#define TRY(x)                                                                                     \
    do {                                                                                           \
        int try_rc = (x);                                                                          \
        if (try_rc < 0) return try_rc;                                                             \
    } while (0)

#endif
