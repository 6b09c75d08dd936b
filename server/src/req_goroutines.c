/* server/src/req_goroutines.c - one goroutine, the goroutines of a group or set. */
#include "server/src/json.h"
#include "server/src/requests.h"
#include "server/src/sets.h"
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

/* group:2 or set:"S7" */
static int read_group(const cJSON *r, struct lane *out, struct fault *f) {
    const char *text;
    *out = (struct lane){LANE_GROUP, 0};
    if (!arg_has(r, "set")) return arg_int_or(r, "group", 0, UINT32_MAX, &out->id, f);
    TRY(arg_text(r, "set", &text, f));
    if (lane_parse(text, out) == 0 && out->kind == LANE_SET) return 0;
    return fault_set(f, PV_EUSAGE, -1, "'set' is the lane of one, as S7");
}

int req_members(struct job *j, struct answer *a, struct fault *f) {
    const cJSON *r = j->request;
    struct store_member_query q = {.cancel = &j->canceled};
    struct store_sets *sets;
    int64_t offset = 0, limit = 100;
    int order = MEMBERS_BY_ID;
    TRY(read_group(r, &q.of, f));
    TRY(arg_window(r, &q.from_ns, &q.to_ns, f));
    if (arg_has(r, "order")) TRY(arg_choice(r, "order", "id|wait|running|start", &order, f));
    TRY(arg_int_or(r, "offset", 0, UINT32_MAX, &offset, f));
    TRY(arg_int_or(r, "limit", 0, MAX_MEMBERS, &limit, f));
    q.order = (enum store_member_order)order;
    q.offset = (uint32_t)offset;
    q.limit = (uint32_t)limit;
    TRY(sets_take_for(j, &q.of, 1, &sets, f));
    q.sets = sets;
    int rc = answer_members(j, &q, a, f);
    store_sets_free(sets);
    return rc;
}
