/* server/src/req_info.c - INFO: what a trace is, its lanes, tags and groups. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/src/json.h"
#include "server/src/report.h"
#include "server/src/requests.h"
#include "server/src/shapes.h"

static cJSON *ids_json(const int64_t *ids, uint32_t n) {
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; i < n; i++) cJSON_AddItemToArray(array, json_id(ids[i]));
    return array;
}

static cJSON *gaps_json(const struct store_info *info) {
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; i < info->n_gaps; i++) {
        cJSON *o = cJSON_CreateObject();
        json_add_int(o, "from", info->gaps[i].from_ns);
        json_add_int(o, "to", info->gaps[i].to_ns);
        json_add_int(o, "offset", info->gaps[i].offset);
        json_add_text(o, "text", info->gaps[i].cause);
        cJSON_AddItemToArray(array, o);
    }
    return array;
}

static cJSON *tags_json(struct store *s) {
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0, n = store_n_tags(s); i < n; i++) {
        struct store_tag tag = store_tag(s, i);
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "state", json_state_name(tag.state));
        cJSON_AddStringToObject(o, "family", family_token(tag.family));
        json_add_text(o, "reason", tag.reason);
        json_add_text(o, "refined", tag.refined);
        cJSON_AddItemToArray(array, o);
    }
    return array;
}

static cJSON *groups_json(struct store *s) {
    static const char *const kinds[] = {
        [GO_KIND_USER] = "user", [GO_KIND_GC] = "gc", [GO_KIND_RUNTIME] = "runtime"};
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0, n = store_n_groups(s); i < n; i++) {
        struct store_group g = store_group(s, i);
        cJSON *o = cJSON_CreateObject();
        json_add_text(o, "func", g.func);
        cJSON_AddStringToObject(o, "kind", kinds[g.kind]);
        json_add_int(o, "n", g.n_goroutines);
        json_add_state_ns(o, "state_ns", g.state_ns);
        cJSON_AddItemToArray(array, o);
    }
    return array;
}

static const char *const heap = "/memory/classes/heap/objects:bytes";

static cJSON *info_json(struct job *j) {
    const struct store_info *info = store_info(j->store);
    cJSON *o = cJSON_CreateObject();
    char text[32];
    json_add_text(o, "name", (struct text){j->trace->name, strlen(j->trace->name)});
    if (info->format_version == FORMAT_RING)
        snprintf(text, sizeof text, "ring file");
    else
        snprintf(text, sizeof text, "Go 1.%d", info->format_version);
    cJSON_AddStringToObject(o, "format", text);
    cJSON_AddBoolToObject(o, "newer", info->newer);
    cJSON_AddBoolToObject(o, "complete", info->complete);
    json_add_int(o, "duration", info->duration_ns);
    if (info->wall_unix_ns) {
        snprintf(text, sizeof text, "%" PRId64, info->wall_unix_ns);
        cJSON_AddStringToObject(o, "wall_unix_ns", text);
    } else {
        cJSON_AddNullToObject(o, "wall_unix_ns");
    }
    json_add_int(o, "bytes", (int64_t)info->trace_bytes);
    json_add_int(o, "events", info->n_events);
    json_add_int(o, "slices", info->n_slices);
    json_add_int(o, "goroutines", info->n_goroutines);
    json_add_int(o, "waits", info->n_waits);
    json_add_int(o, "wait_ns", info->wait_ns);
    cJSON_AddBoolToObject(o, "threads_reliable", info->threads_reliable);
    cJSON_AddBoolToObject(o, "heap", store_has_counter(j->store, heap));
    cJSON_AddItemToObject(o, "procs", ids_json(info->procs, info->n_procs));
    cJSON_AddItemToObject(o, "threads", ids_json(info->threads, info->n_threads));
    cJSON_AddItemToObject(o, "gaps", gaps_json(info));
    cJSON_AddItemToObject(o, "tags", tags_json(j->store));
    cJSON_AddItemToObject(o, "groups", groups_json(j->store));
    return o;
}

int req_info(struct job *j, struct answer *a, struct fault *f) {
    (void)f;
    a->ok = info_json(j);
    return 0;
}
