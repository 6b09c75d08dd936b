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
