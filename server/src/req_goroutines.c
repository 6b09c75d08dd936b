/* server/src/req_goroutines.c - one goroutine, the goroutines of a group, who created whom. */
#include <stdlib.h>

#include "server/src/json.h"
#include "server/src/requests.h"
#include "server/src/shapes.h"

enum { MAX_MEMBERS = 2000, MAX_IDS = 20000 };

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

static int by_id(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* ids:[…], ascending; *ids is the caller's to free.  None where the request has none. */
static int read_ids(const cJSON *request, int64_t **ids, uint32_t *n, struct fault *f) {
    const cJSON *item, *array = cJSON_GetObjectItemCaseSensitive(request, "ids");
    int length = cJSON_GetArraySize(array);
    *ids = NULL;
    *n = 0;
    if (length == 0) return 0;
    if (length > MAX_IDS)
        return fault_set(f, PV_ELIMIT, -1, "at most %d goroutines at a time", MAX_IDS);
    if (!(*ids = malloc((size_t)length * sizeof **ids)))
        return fault_set(f, PV_ENOMEM, -1, "no memory for %d ids", length);
    cJSON_ArrayForEach(item, array) TRY(value_id(item, "ids", &(*ids)[(*n)++], f));
    qsort(*ids, *n, sizeof **ids, by_id);
    return 0;
}

static int answer_members(struct job *j, const struct store_member_query *q, struct answer *a,
                          struct fault *f) {
    const struct store_goroutine *rows;
    uint32_t n, n_all;
    TRY(store_members(j->store, q, &rows, &n, &n_all, f));
    a->ok = cJSON_CreateObject();
    json_add_int(a->ok, "all", n_all);
    cJSON *array = cJSON_AddArrayToObject(a->ok, "rows");
    for (uint32_t i = 0; i < n; i++)
        cJSON_AddItemToArray(array, goroutine_json(j->store, &rows[i]));
    return 0;
}

int req_members(struct job *j, struct answer *a, struct fault *f) {
    const cJSON *r = j->request;
    struct store_member_query q = {.cancel = &j->canceled};
    int64_t group = 0, offset = 0, limit = 100, *ids;
    int order = MEMBERS_BY_ID;
    TRY(arg_int_or(r, "group", 0, UINT32_MAX, &group, f));
    TRY(arg_window(r, &q.from_ns, &q.to_ns, f));
    if (arg_has(r, "order")) TRY(arg_choice(r, "order", "id|wait|running|start", &order, f));
    TRY(arg_int_or(r, "offset", 0, UINT32_MAX, &offset, f));
    TRY(arg_int_or(r, "limit", 0, MAX_MEMBERS, &limit, f));
    q.group = (uint32_t)group;
    q.order = (enum store_member_order)order;
    q.offset = (uint32_t)offset;
    q.limit = (uint32_t)limit;
    int rc = read_ids(r, &ids, &q.n_gs, f);
    q.gs = ids;
    if (rc == 0) rc = answer_members(j, &q, a, f);
    free(ids);
    return rc;
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
