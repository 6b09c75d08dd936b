/* server/src/req_area.c - an area: figures of its slices, or the slices themselves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/src/json.h"
#include "server/src/requests.h"
#include "server/src/sets.h"
#include "server/src/shapes.h"
#include "storage/area.h"

enum { MAX_ROWS = 2000, MAX_LANES = 1024, MAX_MATCHES = 5000, MAX_MARKS = 8192 };

static const char *const states = "all|waiting|runnable|running|syscall";
static const uint32_t state_bits[] = {0, 1u << GO_WAITING, 1u << GO_RUNNABLE, 1u << GO_RUNNING,
                                      1u << GO_SYSCALL};

static int read_lanes(const cJSON *request, struct lane *lanes, uint32_t *n, struct fault *f) {
    const cJSON *item, *array = cJSON_GetObjectItemCaseSensitive(request, "lanes");
    *n = 0;
    cJSON_ArrayForEach(item, array) {
        const char *text = cJSON_GetStringValue(item);
        if (*n == MAX_LANES)
            return fault_set(f, PV_ELIMIT, -1, "at most %d lanes at a time", MAX_LANES);
        if (!text || lane_parse(text, &lanes[(*n)++]) < 0)
            return fault_set(f, PV_EUSAGE, -1, "a lane is P0, G17, M3059, F2, S7 or ALL");
    }
    return 0;
}

static int read_part(const cJSON *request, const char *key, struct text *out, struct fault *f) {
    const char *text = "";
    if (arg_has(request, key)) TRY(arg_text(request, key, &text, f));
    *out = (struct text){text, strlen(text)};
    return 0;
}

/* set: only goroutines of that one; it stands behind the lanes, so that the sets are looked for
 * among all that are named. */
static int read_set(const cJSON *r, struct lane *out, uint32_t *n, struct fault *f) {
    const char *text;
    *n = 0;
    if (!arg_has(r, "set")) return 0;
    TRY(arg_text(r, "set", &text, f));
    if (lane_parse(text, out) < 0 || out->kind != LANE_SET)
        return fault_set(f, PV_EUSAGE, -1, "'set' is the lane of one, as S7");
    *n = 1;
    return 0;
}

/* lanes: room for MAX_LANES + 1; *sets is the caller's to free, where there is no fault. */
static int read_area(struct job *j, struct lane *lanes, struct store_area *area,
                     struct store_sets **sets, struct fault *f) {
    const cJSON *r = j->request;
    int state = 0;
    *area = (struct store_area){.lanes = lanes, .cancel = &j->canceled};
    TRY(arg_window(r, &area->from_ns, &area->to_ns, f));
    TRY(read_lanes(r, lanes, &area->n_lanes, f));
    if (arg_has(r, "state")) TRY(arg_choice(r, "state", states, &state, f));
    area->states = state_bits[state];
    TRY(arg_int_or(r, "min", 0, INT64_MAX / 2, &area->dur_min_ns, f));
    TRY(arg_int_or(r, "max", 0, INT64_MAX / 2, &area->dur_max_ns, f));
    TRY(read_part(r, "reason", &area->reason, f));
    TRY(read_part(r, "func", &area->func, f));
    uint32_t n_set;
    TRY(read_set(r, &lanes[area->n_lanes], &n_set, f));
    TRY(sets_take_for(j, lanes, area->n_lanes + n_set, sets, f));
    area->sets = *sets;
    if (n_set) area->of = &lanes[area->n_lanes];
    return 0;
}

/* Without the zeros at its end. */
static void add_counts(cJSON *o, const char *key, const uint32_t *v, uint32_t n) {
    while (n && !v[n - 1]) n--;
    json_add_counts(o, key, v, n);
}

static cJSON *figure_json(struct store *s, const struct store_figure *r) {
    cJSON *o = cJSON_CreateObject();
    json_add_text(o, "key", r->key);
    json_add_text(o, "reason", r->reason);
    json_add_text(o, "refined", r->refined);
    json_add_text(o, "func", r->func);
    json_add_text(o, "start_func", store_group(s, r->group).func);
    cJSON_AddStringToObject(o, "state", json_state_name(r->state));
    cJSON_AddStringToObject(o, "family", family_token(r->family));
    json_add_int(o, "tag", r->tag);
    json_add_int(o, "group", r->group);
    json_add_int(o, "stack", r->stack);
    json_add_int(o, "count", r->count);
    json_add_int(o, "total", r->total_ns);
    json_add_state_ns(o, "state_ns", r->state_ns);
    json_add_int(o, "mean", r->mean_ns);
    json_add_int(o, "p50", r->p50_ns);
    json_add_int(o, "p99", r->p99_ns);
    json_add_int(o, "p999", r->p999_ns);
    json_add_int(o, "max", r->max_ns);
    json_add_id(o, "g", r->worst_g);
    json_add_int(o, "at", r->worst_start_ns);
    add_counts(o, "hist", r->hist, WAIT_HIST_BUCKETS);
    return o;
}

int req_area(struct job *j, struct answer *a, struct fault *f) {
    struct lane lanes[MAX_LANES + 1];
    struct store_area area;
    struct store_figures figures;
    struct store_sets *sets;
    int by = 0;
    TRY(arg_choice(j->request, "by", "reason|refined|function|stack|goroutine|start|state", &by,
                   f));
    TRY(read_area(j, lanes, &area, &sets, f));
    int rc = store_figures(j->store, &area, (enum figure_key)by, &figures, f);
    if (rc == 0) {
        a->ok = cJSON_CreateObject();
        json_add_int(a->ok, "count", figures.count);
        json_add_int(a->ok, "total", figures.total_ns);
        json_add_int(a->ok, "all", figures.n);
        cJSON *rows = cJSON_AddArrayToObject(a->ok, "rows");
        for (uint32_t i = 0; i < figures.n && i < MAX_ROWS; i++)
            cJSON_AddItemToArray(rows, figure_json(j->store, &figures.rows[i]));
    }
    store_figures_free(&figures);
    store_sets_free(sets);
    return rc;
}

static cJSON *match_json(const struct store_match *m) {
    cJSON *o = cJSON_CreateObject();
    json_add_id(o, "g", m->g);
    json_add_int(o, "group", m->group);
    json_add_int(o, "start", m->start_ns);
    json_add_int(o, "dur", m->dur_ns);
    json_add_int(o, "tag", m->tag);
    json_add_text(o, "func", m->func);
    return o;
}

int req_find(struct job *j, struct answer *a, struct fault *f) {
    struct lane lanes[MAX_LANES + 1];
    struct store_area area;
    struct store_matches matches;
    struct store_sets *sets;
    int64_t limit = 500, n_marks = 1000;
    int order = 0;
    TRY(arg_choice(j->request, "order", "time|longest", &order, f));
    TRY(arg_int_or(j->request, "limit", 0, MAX_MATCHES, &limit, f));
    TRY(arg_int_or(j->request, "marks", 0, MAX_MARKS, &n_marks, f));
    TRY(read_area(j, lanes, &area, &sets, f));
    int rc = store_matches(j->store, &area, (enum match_order)order, (uint32_t)limit,
                           (uint32_t)n_marks, &matches, f);
    if (rc == 0) {
        a->ok = cJSON_CreateObject();
        json_add_int(a->ok, "count", matches.count);
        json_add_int(a->ok, "total", matches.total_ns);
        cJSON *rows = cJSON_AddArrayToObject(a->ok, "rows");
        for (uint32_t i = 0; i < matches.n; i++)
            cJSON_AddItemToArray(rows, match_json(&matches.rows[i]));
        add_counts(a->ok, "marks", matches.marks, matches.n_marks);
    }
    store_matches_free(&matches);
    store_sets_free(sets);
    return rc;
}
