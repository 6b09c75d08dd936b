/* server/src/tile_record.h - one tile as bytes: PROTOCOL.md, "Tiles". */
#ifndef PARKVIEW_SERVER_TILE_RECORD_H
#define PARKVIEW_SERVER_TILE_RECORD_H

#include "storage/store.h"

struct tile_counts {
    uint32_t longs, solids, runs, rows, codes;
    bool narrow; /* solids: nobody but a processor below 65535, no group */
};

struct tile_record { /* what stands in front of a tile */
    uint32_t i_lane;
    int level;
    int64_t index;
    bool grows;                /* the store may gain something here */
    struct tile_counts counts; /* by tile_record_bytes */
};
enum { TILE_GROWS = 1, TILE_COARSE = 2, TILE_NARROW = 4 };

/* tile_record_bytes - a multiple of 8; counts what the tile has for tile_record_put. */
size_t tile_record_bytes(const struct tile *t, struct tile_record *r);
/* tile_record_put - so many bytes at `at`, which is 8-byte aligned. */
void tile_record_put(const struct tile *t, const struct tile_record *r, unsigned char *at);

#endif
