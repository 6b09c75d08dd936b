/* storage/src/area_scan.h - the slices of an area, one by one. */
#ifndef PARKVIEW_STORAGE_AREA_SCAN_H
#define PARKVIEW_STORAGE_AREA_SCAN_H

#include "storage/area.h"
#include "storage/src/slices.h"

struct area_slice {
    struct slice slice;
    struct slice_class class;
    uint32_t group;
    int64_t inside_ns; /* of it, inside the area */
    bool forever;      /* a wait that Go counts as the goroutine's end: with no time */
};

struct area_scan;
int area_scan_open(struct store *s, const struct store_area *area, struct area_scan **out,
                   struct fault *f);
/* area_scan_next - 1: *out is filled; 0: end; < 0: fault. */
int area_scan_next(struct area_scan *scan, struct area_slice *out, struct fault *f);
void area_scan_close(struct area_scan *scan);

#endif
