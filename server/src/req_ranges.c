/* server/src/req_ranges.c - what lies over all lanes: ranges (GC, stop-the-world) and counters. */
#include <inttypes.h>
#include <stdio.h>

#include "server/src/json.h"
#include "server/src/requests.h"

enum { MAX_RANGES = 20000, MAX_POINTS = 8192 };

int req_ranges(struct job *j, struct answer *a, struct fault *f) {
    static const char *const scopes[] = {"none", "g", "p", "m"};
    const struct store_range *rows;
    int64_t from, to, limit = 2000;
    uint32_t n, n_all;
    TRY(arg_window(j->request, &from, &to, f));
    TRY(arg_int_or(j->request, "limit", 0, MAX_RANGES, &limit, f));
    bool all = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(j->request, "all"));
    TRY(store_ranges(j->store, from, to, all, (uint32_t)limit, &rows, &n, &n_all, f));
    a->ok = cJSON_CreateObject();
    json_add_int(a->ok, "all", n_all);
    cJSON *array = cJSON_AddArrayToObject(a->ok, "rows");
    for (uint32_t i = 0; i < n; i++) {
        cJSON *o = cJSON_CreateObject();
        json_add_int(o, "start", rows[i].start_ns);
        json_add_int(o, "dur", rows[i].dur_ns);
        json_add_text(o, "name", rows[i].name);
        cJSON_AddStringToObject(o, "scope", scopes[rows[i].scope & 3]);
        json_add_id(o, "scope_id", rows[i].scope_id);
        cJSON_AddItemToArray(array, o);
    }
    return 0;
}

int req_counter(struct job *j, struct answer *a, struct fault *f) {
    const struct store_point *points;
    const char *name;
    int64_t from, to, px = 1000;
    uint32_t n;
    TRY(arg_text(j->request, "name", &name, f));
    TRY(arg_window(j->request, &from, &to, f));
    TRY(arg_int_or(j->request, "px", 1, MAX_POINTS, &px, f));
    TRY(store_counter(j->store, name, from, to, (uint32_t)px, &points, &n, f));
    a->ok = cJSON_CreateObject();
    cJSON *array = cJSON_AddArrayToObject(a->ok, "points");
    for (uint32_t i = 0; i < n; i++) {
        char text[96];
        snprintf(text, sizeof text, "[%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 "]",
                 points[i].time_ns, points[i].min, points[i].max, points[i].last);
        cJSON_AddItemToArray(array, cJSON_CreateRaw(text));
    }
    return 0;
}
