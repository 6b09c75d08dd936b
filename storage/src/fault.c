/* storage/src/fault.c - the one way in which storage reports what went wrong. */
#include "storage/fault.h"

#include <stdarg.h>
#include <stdio.h>

/* Names and reasons come from hostile files: whatever is not plain text becomes '?'. */
static void make_printable(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c >= 0x7f) *c = '?';
}

int fault_set(struct fault *f, int code, int64_t offset, const char *format, ...) {
    if (!f) return code;
    f->code = code;
    f->offset = offset;
    va_list args;
    va_start(args, format);
    vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
    make_printable(f->text);
    return code;
}

const char *fault_name(int code) {
    switch (code) {
#define X(name, value, text)                                                                       \
    case name:                                                                                     \
        return text;
#include "storage/src/errors.def"
#undef X
    default:
        return "unknown error";
    }
}
