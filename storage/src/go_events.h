/* storage/src/go_events.h - the table of go_events.def as constants and as data. */
#ifndef PARKVIEW_STORAGE_GO_EVENTS_H
#define PARKVIEW_STORAGE_GO_EVENTS_H

#include <stdint.h>

enum go_event {
    GOEV_NONE = 0,
#define X(code, ident, ...) GOEV_##ident = code,
#include "storage/src/go_events.def"
#undef X
    GOEV_LIMIT = 137 /* codes from here on are invalid; gaps below have no name */
};

enum { GOEV_MAX_ARGS = 4 /* of a timed event, time difference not counted */ };

struct go_event_spec {
    const char *name; /* NULL = no such event */
    const char *args; /* names, separated by a blank */
    uint8_t since, timed, n_args, own_stack, other_stack, string1, string2, start;
};

extern const struct go_event_spec go_event_specs[GOEV_LIMIT];
/* The same for speed: how many numbers follow the time difference; GOEV_NOT_TIMED for what cannot
 * stand in an M's batch. */
enum { GOEV_NOT_TIMED = 255 };
extern const uint8_t go_event_numbers[256];

#endif
