/* server/src/shapes.h - the protocol's shapes that more than one request answers with. */
#ifndef PARKVIEW_SERVER_SHAPES_H
#define PARKVIEW_SERVER_SHAPES_H

#include <cjson/cJSON.h>

#include "storage/store.h"

/* lane_parse - "P0", "G17", "M3059", "F2", "S7", "ALL"; 0 or -1. */
int lane_parse(const char *text, struct lane *out);

cJSON *goroutine_json(struct store *s, const struct store_goroutine *g);
/* FRAME of the protocol, leaf first; at most 200. */
cJSON *stack_json(struct store *s, uint32_t stack);
/* SLICE of the protocol; < 0 fault. */
int slice_json(struct store *s, const struct store_slice *slice, cJSON **out, struct fault *f);

#endif
