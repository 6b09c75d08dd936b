/* server/src/req_slices.c - one slice with all that is known of it, its neighbours, and the chain
 * of who woke whom. */
#include <stdlib.h>

#include "server/src/json.h"
#include "server/src/requests.h"
#include "server/src/shapes.h"

enum {
    MAX_FRAMES = 200,
    MAX_LINKS = 100,
    MAX_STEPS = 64 /* back from a waker's wake-up to the wait before it */
};

cJSON *stack_json(struct store *s, uint32_t id) {
    struct stack stack = store_stack(s, id);
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; i < stack.n && i < MAX_FRAMES; i++) {
        const struct frame *frame = &stack.frames[i];
        struct text func = store_string(s, frame->func);
        cJSON *o = cJSON_CreateObject();
        json_add_text(o, "func", func);
        json_add_text(o, "file", store_string(s, frame->file));
        json_add_int(o, "line", (int64_t)(frame->line & INT64_MAX));
        cJSON_AddBoolToObject(o, "library", refine_is_library(func));
        cJSON_AddItemToArray(array, o);
    }
    return array;
}

static int group_of(struct store *s, int64_t g, uint32_t *group, struct fault *f) {
    struct store_goroutine found;
    *group = 0;
    if (g == NO_ID) return 0;
    int rc = store_goroutine(s, g, &found, f);
    if (rc == 1) *group = found.group;
    return rc < 0 ? rc : 0;
}

static int add_waker(struct store *s, const struct store_slice *slice, cJSON *o, struct fault *f) {
    uint32_t group;
    if (slice->waker_g == NO_ID && slice->waker_p == NO_ID && slice->waker_m == NO_ID &&
        !slice->waker_stack) {
        cJSON_AddNullToObject(o, "waker");
        return 0;
    }
    TRY(group_of(s, slice->waker_g, &group, f));
    cJSON *w = cJSON_AddObjectToObject(o, "waker");
    json_add_id(w, "g", slice->waker_g);
    json_add_int(w, "group", group);
    json_add_text(w, "func", store_group(s, group).func);
    json_add_id(w, "p", slice->waker_p);
    json_add_id(w, "m", slice->waker_m);
    cJSON_AddItemToObject(w, "stack", stack_json(s, slice->waker_stack));
    return 0;
}

static int add_neighbour(struct store *s, const struct store_slice *slice, int step,
                         const char *key, cJSON *o, struct fault *f) {
    struct store_slice near;
    int rc = store_slice_step(s, slice, step, &near, f);
    if (rc < 0) return rc;
    if (rc == 0) {
        cJSON_AddNullToObject(o, key);
        return 0;
    }
    cJSON *brief = cJSON_AddObjectToObject(o, key);
    json_add_int(brief, "start", near.start_ns);
    json_add_int(brief, "dur", near.dur_ns);
    cJSON_AddStringToObject(brief, "state", json_state_name(near.state));
    json_add_int(brief, "tag", near.tag);
    json_add_id(brief, "p", near.p);
    json_add_id(brief, "m", near.m);
    return 0;
}

static int fill_slice(struct store *s, const struct store_slice *slice, cJSON *o, struct fault *f) {
    struct store_tag tag = store_tag(s, slice->tag);
    json_add_int(o, "start", slice->start_ns);
    json_add_int(o, "dur", slice->dur_ns);
    cJSON_AddBoolToObject(o, "open", slice->open);
    json_add_id(o, "g", slice->g);
    json_add_int(o, "group", slice->group);
    json_add_text(o, "func", store_group(s, slice->group).func);
    cJSON_AddStringToObject(o, "state", json_state_name(slice->state));
    json_add_int(o, "tag", slice->tag);
    json_add_text(o, "reason", tag.reason);
    json_add_text(o, "refined", tag.refined);
    cJSON_AddStringToObject(o, "family", family_token(tag.family));
    json_add_id(o, "p", slice->p);
    json_add_id(o, "m", slice->m);
    cJSON_AddItemToObject(o, "stack", stack_json(s, slice->stack));
    json_add_text(o, "user_func", store_string(s, slice->user_func));
    TRY(add_waker(s, slice, o, f));
    TRY(add_neighbour(s, slice, -1, "prev", o, f));
    return add_neighbour(s, slice, 1, "next", o, f);
}

int slice_json(struct store *s, const struct store_slice *slice, cJSON **out, struct fault *f) {
    cJSON *o = cJSON_CreateObject();
    int rc = fill_slice(s, slice, o, f);
    if (rc < 0) {
        cJSON_Delete(o);
        return rc;
    }
    *out = o;
    return 0;
}

/* rc as store_slice_at gives it. */
static int answer_slice(struct job *j, int rc, const struct store_slice *slice, struct answer *a,
                        struct fault *f) {
    if (rc == 1) return slice_json(j->store, slice, &a->ok, f);
    if (rc == 0) a->ok = cJSON_CreateNull();
    return rc;
}

int req_slice(struct job *j, struct answer *a, struct fault *f) {
    struct store_slice slice;
    struct lane lane;
    const char *name;
    int64_t at;
    TRY(arg_text(j->request, "lane", &name, f));
    TRY(arg_int(j->request, "at", 0, INT64_MAX, &at, f));
    if (lane_parse(name, &lane) < 0 || lane.kind >= LANE_GROUP)
        return fault_set(f, PV_EUSAGE, -1, "a lane with slices is P0, G17 or M3059");
    return answer_slice(j, store_slice_at(j->store, lane, at, &slice, f), &slice, a, f);
}

static int slice_of_g(struct job *j, struct store_slice *out, struct fault *f) {
    int64_t g, at;
    TRY(arg_id(j->request, "g", &g, f));
    TRY(arg_int(j->request, "at", 0, INT64_MAX, &at, f));
    return store_slice_at(j->store, (struct lane){LANE_G, g}, at, out, f);
}

int req_step(struct job *j, struct answer *a, struct fault *f) {
    struct store_slice from, slice;
    int64_t step;
    TRY(arg_int(j->request, "step", -1, 1, &step, f));
    int rc = slice_of_g(j, &from, f);
    if (rc == 1) rc = step ? store_slice_step(j->store, &from, (int)step, &slice, f) : 0;
    return answer_slice(j, rc, &slice, a, f);
}

/* The last wait of the goroutine that was over before a time.  1, 0 none, < 0 fault. */
static int wait_before(struct job *j, int64_t g, int64_t time_ns, struct store_slice *out,
                       struct fault *f) {
    if (g == NO_ID || time_ns <= 0) return 0;
    int rc = store_slice_at(j->store, (struct lane){LANE_G, g}, time_ns - 1, out, f);
    for (int steps = 0; rc == 1 && steps < MAX_STEPS; steps++) {
        if (out->state == GO_WAITING && out->start_ns + out->dur_ns <= time_ns) return 1;
        struct store_slice before;
        TRY(job_canceled(j, f));
        rc = store_slice_step(j->store, out, -1, &before, f);
        if (rc == 1) *out = before;
    }
    return rc < 0 ? rc : 0;
}

int req_chain(struct job *j, struct answer *a, struct fault *f) {
    struct store_slice slice;
    int64_t limit = 16;
    TRY(arg_int_or(j->request, "limit", 0, MAX_LINKS, &limit, f));
    int rc = slice_of_g(j, &slice, f);
    if (rc < 0) return rc;
    a->ok = cJSON_CreateObject();
    cJSON *links = cJSON_AddArrayToObject(a->ok, "links");
    for (int64_t i = 0; rc == 1 && i < limit; i++) {
        cJSON *link;
        TRY(slice_json(j->store, &slice, &link, f));
        cJSON_AddItemToArray(links, link);
        rc = wait_before(j, slice.waker_g, slice.start_ns + slice.dur_ns, &slice, f);
    }
    return rc < 0 ? rc : 0;
}
