/* server/src/cached.h - a FILE of the command line, opened as a store.
 *
 *     struct cached c;
 *     int status = open_store(file, false, &c);      // has said what was wrong
 *     if (status > EXIT_DAMAGED) return status;
 *     ... c.store, store_info(c.store) ...
 *     close_store(&c);
 *     return status;
 */
#ifndef PARKVIEW_SERVER_CACHED_H
#define PARKVIEW_SERVER_CACHED_H

#include "storage/cache.h"
#include "storage/store.h"

struct cached {
    struct store *store;
    struct cache_slot slot;
    char path[PATH_MAX]; /* of the store */
};

/* open_store - file: a trace (imported into the cache where it is not there yet, with progress on
 * standard error), "-" (standard
 * input) or another stream, or a store.  Returns the exit status: EXIT_FINE,
 * EXIT_DAMAGED (opened, and the damage told), EXIT_CANNOT_OPEN (told why; nothing is held). */
int open_store(const char *file, bool strict, struct cached *out);
void close_store(struct cached *c);

/* import_cached - the store of how->trace, from the cache or made there (how->store is not looked
 * at).  slot is held on success.  0 sound, 1 damaged (f says where), < 0 fault. */
int import_cached(const struct store_import_options *how, struct cache_slot *slot, struct fault *f);

/* file_is_stream - standard input ("-"), a pipe, a device: it can be read only once, and what it is
 * cannot be looked up in the cache. */
bool file_is_stream(const char *file);
/* file_is_store - a store, and not a stream: those are not even looked into. */
bool file_is_store(const char *file);
/* wants_events - for commands that read a trace's events, which a store keeps no more: EXIT_FINE,
 * or for a store a sentence on standard error and EXIT_CANNOT_OPEN. */
int wants_events(const char *command, const char *file);

/* fault_of_gaps - 1 and the first damage of a store as a fault, 0 where it is sound. */
int fault_of_gaps(struct store *s, struct fault *f);

#endif
