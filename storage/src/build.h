/* storage/src/build.h - events in, a store's tables out.
 *
 * The rules of edges are those of Go's own summary: a state seen first in the middle of a trace
 * holds since the Sync before it; what is open at the end is closed at the last event. */
#ifndef PARKVIEW_STORAGE_BUILD_H
#define PARKVIEW_STORAGE_BUILD_H

#include <sqlite3.h>

#include "storage/src/crew.h"
#include "storage/src/event.h"
#include "storage/src/names.h"

struct builder;

/* build_create - all tables of a store, in an empty database. */
int build_create(sqlite3 *db, struct fault *f);

/* build_new - threads: false where the trace's thread ids are unreliable (before Go 1.22). */
struct builder *build_new(sqlite3 *db, const struct dict *d, bool threads);
int build_batch(struct builder *b, const struct ev_batch *batch, struct fault *f);
/* build_know - what is known of a goroutine beyond its events; before the one that shows it first.
 * Of one that the next event creates, parent is the event's. */
struct build_known {
    int64_t g, parent;
    int64_t p, m;  /* where it last was; NO_ID = not known */
    uint32_t func; /* start function, a string id; 0 = not known */
};
int build_know(struct builder *b, const struct build_known *k, struct fault *f);
/* build_publish - everything so far becomes readable (the caller commits). */
int build_publish(struct builder *b, struct fault *f);
/* build_finish - closes what is open; damage: NULL, or what ended the trace early. */
int build_finish(struct builder *b, const struct fault *damage, struct fault *f);
void build_free(struct builder *b);
/* build_crew - who seals and encodes what was built; whoever builds is its owner. */
struct crew *build_crew(struct builder *b);

/* build_write_ids - processors and threads seen so far, and the goroutines that are alive. */
int build_write_ids(struct builder *b, struct fault *f);

struct build_counts {
    uint64_t n_events, n_slices, n_waits;
    int64_t first_ts, duration_ns, wait_ns, wall_unix_ns;
    uint64_t n_gaps;
};
/* build_set_wall - the wall clock of time 0, where the events do not tell it. */
void build_set_wall(struct builder *b, int64_t unix_ns);
struct build_counts build_counts(const struct builder *b);

#endif
