/* server/src/req_goroutines.c - one goroutine, the goroutines of a group, who created whom. */
#include "server/src/json.h"
#include "server/src/requests.h"
#include "server/src/shapes.h"

enum { MAX_MEMBERS = 2000 };

cJSON *goroutine_json(struct store *s, const struct store_goroutine *g) {
    cJSON *o = cJSON_CreateObject();
    json_add_id(o, "g", g->g);
    json_add_int(o, "group", g->group);
    json_add_text(o, "func", store_group(s, g->group).func);
    json_add_int(o, "start", g->start_ns);
    json_add_int(o, "end", g->end_ns);
    cJSON_AddBoolToObject(o, "created", g->created);
    cJSON_AddBoolToObject(o, "ended", g->ended);
    json_add_id(o, "parent", g->parent);
    json_add_state_ns(o, "state_ns", g->state_ns);
    json_add_int(o, "slices", g->n_slices);
    json_add_int(o, "run_window", g->run_window_ns);
    json_add_int(o, "wait_window", g->wait_window_ns);
    json_add_int(o, "wait_window_tag", g->wait_window_tag);
    return o;
}

int req_goroutine(struct job *j, struct answer *a, struct fault *f) {
    struct store_goroutine g;
    int64_t id;
    TRY(arg_id(j->request, "g", &id, f));
    int rc = store_goroutine(j->store, id, &g, f);
    if (rc < 0) return rc;
    a->ok = rc ? goroutine_json(j->store, &g) : cJSON_CreateNull();
    return 0;
}

int req_members(struct job *j, struct answer *a, struct fault *f) {
    const struct store_goroutine *rows;
    int64_t group, from, to, offset = 0, limit = 100;
    int order = MEMBERS_BY_ID;
    uint32_t n, n_all;
    TRY(arg_int(j->request, "group", 0, UINT32_MAX, &group, f));
    TRY(arg_window(j->request, &from, &to, f));
    if (arg_has(j->request, "order"))
        TRY(arg_choice(j->request, "order", "id|wait|running|start", &order, f));
    TRY(arg_int_or(j->request, "offset", 0, UINT32_MAX, &offset, f));
    TRY(arg_int_or(j->request, "limit", 0, MAX_MEMBERS, &limit, f));
    TRY(store_members(j->store, (uint32_t)group, from, to, (enum store_member_order)order,
                      (uint32_t)offset, (uint32_t)limit, &rows, &n, &n_all, f));
    a->ok = cJSON_CreateObject();
    json_add_int(a->ok, "all", n_all);
    cJSON *array = cJSON_AddArrayToObject(a->ok, "rows");
    for (uint32_t i = 0; i < n; i++)
        cJSON_AddItemToArray(array, goroutine_json(j->store, &rows[i]));
    return 0;
}

int req_creators(struct job *j, struct answer *a, struct fault *f) {
    const struct store_creator *rows;
    uint32_t n;
    TRY(store_creators(j->store, &rows, &n, f));
    a->ok = cJSON_CreateObject();
    cJSON *array = cJSON_AddArrayToObject(a->ok, "rows");
    for (uint32_t i = 0; i < n; i++) {
        cJSON *o = cJSON_CreateObject();
        json_add_int(o, "group", rows[i].group);
        if (rows[i].creator == STORE_NO_GROUP)
            cJSON_AddNullToObject(o, "creator");
        else
            json_add_int(o, "creator", rows[i].creator);
        json_add_int(o, "n", rows[i].n);
        cJSON_AddItemToArray(array, o);
    }
    return 0;
}
