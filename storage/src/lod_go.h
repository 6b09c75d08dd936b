/* storage/src/lod_go.h - levels of detail of goroutines, built from chunks of slices.
 *
 * From LOD_FIRST_G on they hold all goroutines (but see LOD_G_RAW_SLICES).  The levels below it
 * hold a goroutine only where it is dense: all its slices of those chunks in which it has at least
 * LOD_DENSE slices to the bucket.  Both the writer and the reader know that from the chunk's
 * directory, so slices that are not dense are simply read as they are. */
#ifndef PARKVIEW_STORAGE_LOD_GO_H
#define PARKVIEW_STORAGE_LOD_GO_H

#include "storage/src/lod.h"

enum { LOD_DENSE_FIRST = 16, LOD_DENSE = 8 };

/* lod_is_dense - a goroutine that has n of the slices of a chunk, at a level below LOD_FIRST_G. */
static inline bool lod_is_dense(uint32_t n, int64_t t0, int64_t t1, int level) {
    return (uint64_t)n << level > ((uint64_t)t1 - (uint64_t)t0) * LOD_DENSE;
}

struct lod_go;
struct lod_go *lod_go_new(sqlite3 *db);
/* lod_go_chunk - a chunk of slices that is being sealed. */
int lod_go_chunk(struct lod_go *w, const struct seq_chunk_view *view, struct fault *f);
int lod_go_seal(struct lod_go *w, struct fault *f);
void lod_go_free(struct lod_go *w);

#endif
