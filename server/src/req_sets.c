/* server/src/req_sets.c - sets of goroutines: which there are, and which one a goroutine is in. */
#include <stdio.h>

#include "server/src/json.h"
#include "server/src/requests.h"
#include "server/src/sets.h"

static const char *const kinds = "creator|task|label";

static void add_lane(cJSON *o, struct lane lane) {
    char text[32];
    snprintf(text, sizeof text, "%c%lld", lane.kind == LANE_SET ? 'S' : 'F', (long long)lane.id);
    cJSON_AddStringToObject(o, "lane", text);
}

static void add_group(cJSON *o, const char *key, uint32_t group) {
    if (group == STORE_NO_GROUP)
        cJSON_AddNullToObject(o, key);
    else
        json_add_int(o, key, group);
}

/* [[group, n], …] of those that have any. */
static cJSON *parts_json(const struct store_set_part *parts, uint32_t n) {
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; i < n; i++) {
        char text[32];
        if (!parts[i].n) continue;
        snprintf(text, sizeof text, "[%u,%u]", parts[i].group, parts[i].n);
        cJSON_AddItemToArray(array, cJSON_CreateRaw(text));
    }
    return array;
}

static cJSON *set_json(const struct store_set *set) {
    cJSON *o = cJSON_CreateObject();
    add_lane(o, set->lane);
    json_add_text(o, "name", set->name);
    add_group(o, "creator", set->creator);
    add_group(o, "group", set->group);
    json_add_int(o, "n", set->n);
    cJSON_AddItemToObject(o, "parts", parts_json(set->parts, set->n_parts));
    return o;
}

int req_sets(struct job *j, struct answer *a, struct fault *f) {
    struct store_sets *sets;
    int by = 0;
    TRY(arg_choice(j->request, "by", kinds, &by, f));
    TRY(sets_take(j, (enum sets_by)by, true, &sets, f));
    a->ok = cJSON_CreateObject();
    json_add_int(a->ok, "all", store_n_all_sets(sets));
    cJSON *rows = cJSON_AddArrayToObject(a->ok, "rows");
    for (uint32_t i = 0; i < store_n_sets(sets); i++)
        cJSON_AddItemToArray(rows, set_json(store_set(sets, i)));
    uint32_t n;
    const struct store_set_part *covered = store_sets_covered(sets, &n);
    cJSON_AddItemToObject(a->ok, "covered", parts_json(covered, n));
    store_sets_free(sets);
    return 0;
}

int req_sets_of(struct job *j, struct answer *a, struct fault *f) {
    enum { ROOM = 256 };
    struct lane lanes[ROOM];
    struct store_sets *sets;
    int by = 0;
    int64_t g;
    TRY(arg_choice(j->request, "by", kinds, &by, f));
    TRY(arg_id(j->request, "g", &g, f));
    TRY(sets_take(j, (enum sets_by)by, false, &sets, f));
    uint32_t n = store_sets_of(sets, g, lanes, ROOM);
    store_sets_free(sets);
    a->ok = cJSON_CreateObject();
    cJSON *array = cJSON_AddArrayToObject(a->ok, "rows");
    for (uint32_t i = 0; i < n && i < ROOM; i++) {
        cJSON *o = cJSON_CreateObject();
        add_lane(o, lanes[i]);
        cJSON_AddItemToArray(array, o);
    }
    return 0;
}
