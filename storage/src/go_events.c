/* storage/src/go_events.c - go_events.def as a lookup table. */
#include "storage/src/go_events.h"

const struct go_event_spec go_event_specs[GOEV_LIMIT] = {
#define X(code, ident, event_name, first, is_timed, n, arg_names, own, other, str1, str2, opens)   \
    [code] = {.name = event_name,                                                                  \
              .args = arg_names,                                                                   \
              .since = first,                                                                      \
              .timed = is_timed,                                                                   \
              .n_args = n,                                                                         \
              .own_stack = own,                                                                    \
              .other_stack = other,                                                                \
              .string1 = str1,                                                                     \
              .string2 = str2,                                                                     \
              .start = opens},
#include "storage/src/go_events.def"
#undef X
};

#define NONE    GOEV_NOT_TIMED
#define NONE_8  NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE
#define NONE_64 NONE_8, NONE_8, NONE_8, NONE_8, NONE_8, NONE_8, NONE_8, NONE_8

/* First all are none, then the timed ones are set: a later initialiser wins. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
const uint8_t go_event_numbers[256] = {
    NONE_64,
    NONE_64,
    NONE_64,
    NONE_64,
#define X(code, ident, event_name, first, is_timed, n, ...) [code] = (is_timed) ? (n) : NONE,
#include "storage/src/go_events.def"
#undef X
};
#pragma GCC diagnostic pop
