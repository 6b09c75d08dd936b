/* server/src/req_waits.c - waiting in a window, by reason, refined reason, function or stack. */
#include "server/src/json.h"
#include "server/src/requests.h"
#include "server/src/shapes.h"

enum { MAX_ROWS = 1000 }; /* the largest; count and total are of all */

static cJSON *wait_json(const struct store_wait *w) {
    cJSON *o = cJSON_CreateObject();
    json_add_text(o, "key", w->key);
    json_add_text(o, "reason", w->reason);
    json_add_text(o, "refined", w->refined);
    json_add_text(o, "func", w->func);
    cJSON_AddStringToObject(o, "family", family_token(w->family));
    json_add_int(o, "stack", w->stack);
    json_add_int(o, "count", w->count);
    json_add_int(o, "total", w->total_ns);
    json_add_int(o, "mean", w->mean_ns);
    json_add_int(o, "p50", w->p50_ns);
    json_add_int(o, "p99", w->p99_ns);
    json_add_int(o, "max", w->max_ns);
    json_add_counts(o, "hist", w->hist, WAIT_HIST_BUCKETS);
    return o;
}

int req_waits(struct job *j, struct answer *a, struct fault *f) {
    struct store_wait_query q = {.cancel = &j->canceled};
    struct store_waits w;
    int by = 0;
    int64_t group = 0;
    TRY(arg_window(j->request, &q.from_ns, &q.to_ns, f));
    TRY(arg_choice(j->request, "by", "reason|refined|function|stack", &by, f));
    q.by = (enum wait_key)by;
    q.one_g = arg_has(j->request, "g");
    if (q.one_g) TRY(arg_id(j->request, "g", &q.g, f));
    q.one_group = arg_has(j->request, "group");
    if (q.one_group) TRY(arg_int(j->request, "group", 0, UINT32_MAX, &group, f));
    q.group = (uint32_t)group;
    TRY(store_waits(j->store, &q, &w, f));
    a->ok = cJSON_CreateObject();
    json_add_int(a->ok, "count", w.count);
    json_add_int(a->ok, "total", w.total_ns);
    cJSON *rows = cJSON_AddArrayToObject(a->ok, "rows");
    for (uint32_t i = 0; i < w.n && i < MAX_ROWS; i++)
        cJSON_AddItemToArray(rows, wait_json(&w.rows[i]));
    return 0;
}
