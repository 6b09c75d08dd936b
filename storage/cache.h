/* storage/cache.h - the folder in which stores are kept, so that a trace opened again opens at
 * once.
 *
 *     struct cache_slot slot;
 *     int rc = cache_find("trace.out", &slot, &f);     // rc 1: slot.store is there
 *     if (rc == 0) ... store_import() to slot.store ..., cache_trim(&f);
 *     ... use the store ...
 *     cache_release(&slot);
 *
 * The folder is $XDG_CACHE_HOME/parkview (~/.cache/parkview), readable by its owner alone.  A
 * store's name holds the trace's name, for people, and a hash of what the trace is: path, device,
 * inode, size, time of change in nanoseconds, and the store's format.  So a changed trace or a
 * newer program never meets an old store.  A store's own time of change is when it was used last;
 * past the limit (8 GB, or $PARKVIEW_CACHE_SIZE bytes, K, M, G) the longest unused go first.
 * Whoever uses or makes a store holds a lock on STORE.lock; what is in use is not removed. */
#ifndef PARKVIEW_STORAGE_CACHE_H
#define PARKVIEW_STORAGE_CACHE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/fault.h"

struct cache_slot {
    char store[PATH_MAX];
    int lock; /* descriptor, -1 = none */
};

/* cache_may_keep - false for a ring file whose program records, or was killed while it did: what it
 * holds changes without a change of its identity. */
bool cache_may_keep(const char *trace);

/* cache_find - takes the slot of a trace, waiting while another process imports the same trace.
 * 1: the store is there, and locked against removal; 0: it is not there, and the slot is locked
 * for the caller alone, who makes the store; < 0 fault, nothing is held. */
int cache_find(const char *trace, struct cache_slot *slot, struct fault *f);

/* cache_temporary - a slot for what has no identity (standard input); its store is removed by
 * cache_release.  < 0 fault. */
int cache_temporary(const char *name, struct cache_slot *slot, struct fault *f);

/* cache_keep - takes a slot of the list by its file name; 1 there, 0 not, < 0 fault. */
int cache_keep(const char *file_name, struct cache_slot *slot, struct fault *f);

/* cache_made - the store of a slot that was empty is now there: others may use it too. */
void cache_made(struct cache_slot *slot);
void cache_release(struct cache_slot *slot);

/* cache_folder - the folder (made if need be), or a folder within it. */
int cache_folder(const char *within, char *out, size_t n, struct fault *f);

struct cache_entry {
    char file_name[NAME_MAX + 1]; /* of the store, within the folder */
    char name[NAME_MAX + 1];      /* of the trace */
    uint64_t bytes;
    int64_t used_unix; /* seconds */
};
/* cache_list - the stores, last used first; the caller frees *out. */
int cache_list(struct cache_entry **out, size_t *n, struct fault *f);

/* cache_trim - removes the longest unused stores past the limit, and what crashes left. */
int cache_trim(struct fault *f);
/* cache_clear - removes every store that is not in use. */
int cache_clear(size_t *n_removed, uint64_t *bytes_removed, struct fault *f);

uint64_t cache_limit_bytes(void);

#endif
