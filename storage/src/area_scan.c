/* storage/src/area_scan.c - which slices an area means.
 *
 * What depends on the class alone (state, reason, functions of the stack) is found out once a
 * class; the group of a goroutine once a run of its slices, which stand together in a chunk. */
#include "storage/src/area_scan.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "storage/src/sets_impl.h"

enum verdict { UNKNOWN, IN, OUT, IF_START /* only where the start function matches */ };

struct area_scan {
    struct store *s;
    struct store_area area;
    struct slice_scan *slices;
    uint8_t *verdicts; /* by class + 1; a growing store may add classes behind n_verdicts */
    bool *forever;
    uint32_t n_verdicts, until_look;
    /* of the last slice: */
    const struct go_index *go;
    const uint16_t *of; /* sets that it is in */
    uint32_t n_of;
};

static bool holds(struct text in, struct text part) {
    for (size_t i = 0; i + part.n <= in.n; i++)
        if (strncasecmp(in.data + i, part.data, part.n) == 0) return true;
    return false;
}

static bool stack_holds(struct store *s, uint32_t id, struct text part) {
    struct stack stack = store_stack(s, id);
    for (uint32_t i = 0; i < stack.n; i++)
        if (holds(store_string(s, stack.frames[i].func), part)) return true;
    return false;
}

static enum verdict judge(struct area_scan *scan, const struct slice_class *c) {
    const struct store_area *a = &scan->area;
    if (a->reason.n && !holds(store_string(scan->s, c->reason), a->reason) &&
        !holds(store_tag(scan->s, c->tag).refined, a->reason))
        return OUT;
    return !a->func.n || stack_holds(scan->s, c->stack, a->func) ? IN : IF_START;
}

bool store__is_forever(struct store *s, const struct slice_class *c) {
    struct text reason = store_string(s, c->reason);
    return c->state == GO_WAITING && reason.n == 7 && memcmp(reason.data, "forever", 7) == 0;
}

static int grow(struct area_scan *scan, uint32_t n, struct fault *f) {
    uint8_t *verdicts = realloc(scan->verdicts, n);
    if (verdicts) scan->verdicts = verdicts;
    bool *forever = realloc(scan->forever, n * sizeof *forever);
    if (forever) scan->forever = forever;
    if (!verdicts || !forever) return store__no_memory(f);
    memset(verdicts + scan->n_verdicts, UNKNOWN, n - scan->n_verdicts);
    scan->n_verdicts = n;
    return 0;
}

int area_scan_open(struct store *s, const struct store_area *area, struct area_scan **out,
                   struct fault *f) {
    struct area_scan *scan = calloc(1, sizeof *scan);
    if (!scan) return store__no_memory(f);
    *scan = (struct area_scan){.s = s, .area = *area, .until_look = LOOK_EVERY};
    struct slice_filter filter = {.from_ns = area->from_ns,
                                  .to_ns = area->to_ns,
                                  .g_min = area->n_lanes ? INT64_MAX : INT64_MIN,
                                  .g_max = area->n_lanes ? INT64_MIN : INT64_MAX,
                                  .states = area->states,
                                  .dur_min_ns = area->dur_min_ns,
                                  .columns = SLICE_CLASS};
    for (uint32_t i = 0; i < area->n_lanes; i++) {
        int64_t id = area->lanes[i].id;
        bool one = area->lanes[i].kind == LANE_G;
        if (area->lanes[i].kind == LANE_P || area->lanes[i].kind == LANE_M)
            filter.columns |= SLICE_PLACE;
        if (!one || id < filter.g_min) filter.g_min = one ? id : INT64_MIN;
        if (!one || id > filter.g_max) filter.g_max = one ? id : INT64_MAX;
    }
    int rc = slice_scan_open(s, &filter, &scan->slices, f);
    if (rc == 0) rc = grow(scan, slices_n_classes(s) + 1, f);
    if (rc < 0) {
        area_scan_close(scan);
        return rc;
    }
    *out = scan;
    return 0;
}

void area_scan_close(struct area_scan *scan) {
    if (!scan) return;
    if (scan->slices) slice_scan_close(scan->slices);
    free(scan->verdicts);
    free(scan->forever);
    free(scan);
}

static bool is_in(const struct area_scan *scan, int64_t set) {
    for (uint32_t i = 0; i < scan->n_of; i++)
        if (store_set(scan->area.sets, scan->of[i])->lane.id == set) return true;
    return false;
}

static bool on_lanes(const struct area_scan *scan, const struct area_slice *a) {
    const struct store_area *area = &scan->area;
    for (uint32_t i = 0; i < area->n_lanes; i++) {
        const struct lane *l = &area->lanes[i];
        if (l->kind == LANE_ALL || (l->kind == LANE_G && l->id == a->slice.g) ||
            (l->kind == LANE_GROUP && l->id == (int64_t)a->group) ||
            (l->kind == LANE_SET && is_in(scan, l->id)) ||
            (l->kind == LANE_P && l->id == a->slice.p) ||
            (l->kind == LANE_M && l->id == a->slice.m))
            return true;
    }
    return area->n_lanes == 0;
}

static uint32_t group_of(struct area_scan *scan, const struct slice *slice) {
    const struct go_index *go = scan->go, *last = go;
    if (!go || go->g != slice->g || slice->start_ns < go->start_ns || slice->start_ns > go->end_ns)
        scan->go = go = store__find_go(scan->s, slice->g, slice->start_ns);
    if (go != last) scan->n_of = 0;
    if (go != last && go && scan->area.sets)
        scan->of = store__in_sets(scan->area.sets, go->g, go->start_ns, &scan->n_of);
    return go ? go->group : 0;
}

/* The rest of what the scan below could not tell. */
static int fill(struct area_scan *scan, struct area_slice *a, struct fault *f) {
    const struct store_area *area = &scan->area;
    a->class = slices_class(scan->s, a->slice.class_id);
    uint32_t n_classes = slices_n_classes(scan->s);
    /* A damaged store may name a class that it does not have: all of those are number 0. */
    uint32_t id = a->slice.class_id < n_classes ? a->slice.class_id + 1 : 0;
    if (id >= scan->n_verdicts) TRY(grow(scan, n_classes + 1, f));
    if (scan->verdicts[id] == UNKNOWN) {
        scan->verdicts[id] = (uint8_t)judge(scan, &a->class);
        scan->forever[id] = store__is_forever(scan->s, &a->class);
    }
    if (scan->verdicts[id] == OUT) return 0;
    if (area->dur_max_ns && a->slice.dur_ns > area->dur_max_ns) return 0;
    a->group = group_of(scan, &a->slice);
    if (scan->verdicts[id] == IF_START && !holds(store_group(scan->s, a->group).func, area->func))
        return 0;
    if (!on_lanes(scan, a) || (area->of && !is_in(scan, area->of->id))) return 0;
    int64_t start = a->slice.start_ns, end = start + a->slice.dur_ns;
    a->forever = scan->forever[id];
    a->inside_ns =
        (end < area->to_ns ? end : area->to_ns) - (start > area->from_ns ? start : area->from_ns);
    if (a->forever) a->inside_ns = a->slice.dur_ns = 0;
    return 1;
}

int area_scan_next(struct area_scan *scan, struct area_slice *out, struct fault *f) {
    for (;;) {
        if (--scan->until_look == 0) {
            scan->until_look = LOOK_EVERY;
            TRY(store__look_up(scan->area.cancel, f));
        }
        int rc = slice_scan_next(scan->slices, &out->slice, f);
        if (rc == 1)
            rc = fill(scan, out, f);
        else
            return rc;
        if (rc) return rc;
    }
}
