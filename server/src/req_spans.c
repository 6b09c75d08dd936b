/* server/src/req_spans.c - what the program said about itself: tasks and regions by type, and what
 * stands beside the slices of lanes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/src/json.h"
#include "server/src/requests.h"

enum { MAX_SPANS = 2000, MAX_PX = 8192, MAX_LANES = 256, MAX_TEXT = 300, MAX_NOTES = 20000 };

static cJSON *levels_json(const struct store_span_type *t) {
    cJSON *array = cJSON_CreateArray();
    for (uint32_t i = 0; i < t->n_levels; i++) {
        char text[64];
        snprintf(text, sizeof text, "[%lld,%.4g]", (long long)t->levels[i].time_ns,
                 (double)t->levels[i].mean);
        cJSON_AddItemToArray(array, cJSON_CreateRaw(text));
    }
    return array;
}

int req_span_types(struct job *j, struct answer *a, struct fault *f) {
    const struct store_span_type *rows;
    struct store_span_query q = {.cancel = &j->canceled};
    int64_t px = 1000;
    uint32_t n;
    TRY(arg_window(j->request, &q.from_ns, &q.to_ns, f));
    q.wide_from_ns = q.from_ns;
    q.wide_to_ns = q.to_ns;
    TRY(arg_int_or(j->request, "wide_from", 0, q.from_ns, &q.wide_from_ns, f));
    TRY(arg_int_or(j->request, "wide_to", q.to_ns, INT64_C(1) << 62, &q.wide_to_ns, f));
    TRY(arg_int_or(j->request, "px", 1, MAX_PX, &px, f));
    q.n_px = (uint32_t)px;
    TRY(store_span_types(j->store, &q, &rows, &n, f));
    a->ok = cJSON_CreateObject();
    cJSON *array = cJSON_AddArrayToObject(a->ok, "rows");
    for (uint32_t i = 0; i < n; i++) {
        cJSON *o = cJSON_CreateObject();
        json_add_int(o, "id", rows[i].id);
        cJSON_AddBoolToObject(o, "region", rows[i].region);
        json_add_text(o, "name", rows[i].name);
        json_add_int(o, "count", rows[i].count);
        json_add_int(o, "max", rows[i].max_ns);
        cJSON_AddItemToObject(o, "points", levels_json(&rows[i]));
        cJSON_AddItemToArray(array, o);
    }
    return 0;
}

int req_spans(struct job *j, struct answer *a, struct fault *f) {
    const struct store_span *rows;
    int64_t type, from, to, offset = 0, limit = 100;
    uint32_t n, n_all;
    TRY(arg_int(j->request, "type", 0, UINT32_MAX, &type, f));
    TRY(arg_window(j->request, &from, &to, f));
    TRY(arg_int_or(j->request, "offset", 0, UINT32_MAX, &offset, f));
    TRY(arg_int_or(j->request, "limit", 0, MAX_SPANS, &limit, f));
    bool regions = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(j->request, "region"));
    TRY(store_spans(j->store, regions, (uint32_t)type, from, to, (uint32_t)offset, (uint32_t)limit,
                    &rows, &n, &n_all, f));
    a->ok = cJSON_CreateObject();
    json_add_int(a->ok, "all", n_all);
    cJSON *array = cJSON_AddArrayToObject(a->ok, "rows");
    for (uint32_t i = 0; i < n; i++) {
        cJSON *o = cJSON_CreateObject();
        json_add_id(o, "id", rows[i].id);
        json_add_id(o, "g", rows[i].g);
        json_add_int(o, "start", rows[i].start_ns);
        json_add_int(o, "dur", rows[i].dur_ns);
        cJSON_AddBoolToObject(o, "began", rows[i].began);
        cJSON_AddBoolToObject(o, "ended", rows[i].ended);
        cJSON_AddItemToArray(array, o);
    }
    return 0;
}

/* ---- notes ---- */

static int read_lane(const cJSON *item, struct note_lane *out, struct fault *f) {
    static const char letters[] = "GPMT"; /* in the order of the kinds */
    const char *text = cJSON_GetStringValue(item), *at;
    char *end;
    if (text && *text && (at = strchr(letters, *text)) != NULL && text[1]) {
        out->kind = (unsigned)(at - letters);
        out->id = strtoll(text + 1, &end, 10);
        if (!*end) return 0;
    }
    return fault_set(f, PV_EUSAGE, -1, "a lane with notes is G17, P0, M3059 or T5 (a task)");
}

/* "category: message", or what there is of it. */
static void add_note_text(cJSON *o, const struct store_note *note) {
    char text[MAX_TEXT * 2 + 2];
    size_t n = note->text.n < MAX_TEXT ? note->text.n : MAX_TEXT;
    size_t m = note->more.n < MAX_TEXT ? note->more.n : MAX_TEXT;
    if (n) memcpy(text, note->text.data, n);
    if (n && m) {
        memcpy(text + n, ": ", 2);
        n += 2;
    }
    if (m) memcpy(text + n, note->more.data, m);
    json_add_text(o, "text", (struct text){text, n + m});
}

static void add_notes(cJSON *array, const struct store_note *rows, uint32_t n) {
    static const char *const kinds[] = {[NOTE_REGION] = "region",
                                        [NOTE_ASSIST] = "assist",
                                        [NOTE_SWEEP] = "sweep",
                                        [NOTE_LOG] = "log",
                                        [NOTE_SAMPLE] = "sample"};
    for (uint32_t i = 0; i < n; i++) {
        cJSON *o = cJSON_CreateObject();
        json_add_int(o, "lane", rows[i].lane);
        cJSON_AddStringToObject(o, "kind", kinds[rows[i].kind]);
        json_add_int(o, "start", rows[i].start_ns);
        json_add_int(o, "dur", rows[i].dur_ns);
        json_add_int(o, "n", rows[i].n);
        add_note_text(o, &rows[i]);
        cJSON_AddItemToArray(array, o);
    }
}

int req_notes(struct job *j, struct answer *a, struct fault *f) {
    struct note_lane lanes[MAX_LANES];
    const struct store_note *rows = NULL;
    int64_t from, to, px = 1000, limit = 4000;
    uint32_t n, n_lanes = 0;
    TRY(arg_window(j->request, &from, &to, f));
    TRY(arg_int_or(j->request, "px", 1, MAX_PX, &px, f));
    TRY(arg_int_or(j->request, "limit", 1, MAX_NOTES, &limit, f));
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(j->request, "lanes"), *item;
    if (!cJSON_IsArray(list)) return fault_set(f, PV_EUSAGE, -1, "'lanes' must be a list");
    if (cJSON_GetArraySize(list) > MAX_LANES)
        return fault_set(f, PV_ELIMIT, -1, "no more than %d lanes in a request", (int)MAX_LANES);
    cJSON_ArrayForEach(item, list) TRY(read_lane(item, &lanes[n_lanes++], f));
    TRY(store_notes(j->store, lanes, n_lanes, from, to, (uint32_t)px, (uint32_t)limit, &rows, &n,
                    f));
    a->ok = cJSON_CreateObject();
    add_notes(cJSON_AddArrayToObject(a->ok, "rows"), rows, n);
    return 0;
}
