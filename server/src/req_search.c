/* server/src/req_search.c - finds goroutines, functions, reasons, tasks and logs by a part of their
 * name. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/src/json.h"
#include "server/src/requests.h"
#include "server/src/shapes.h"
#include "storage/query.h"

enum { MAX_HITS = 200, SEARCH_NS = 1000000000 };

struct search {
    struct store *store;
    const char *text;
    size_t n;
    int64_t left; /* hits that are still wanted */
    cJSON *hits;
};

/* Is the text in it, whatever the case of its letters? */
static bool holds(const struct search *s, struct text in) {
    for (size_t i = 0; i + s->n <= in.n; i++)
        if (strncasecmp(in.data + i, s->text, s->n) == 0) return true;
    return false;
}

/* NULL where there are hits enough. */
static cJSON *add_hit(struct search *s, const char *kind, struct text label) {
    if (s->left <= 0) return NULL;
    s->left--;
    cJSON *o = cJSON_CreateObject();
    cJSON_AddItemToArray(s->hits, o);
    cJSON_AddStringToObject(o, "kind", kind);
    json_add_text(o, "label", label);
    return o;
}

static int find_goroutine(struct search *s, struct fault *f) {
    const char *digits = s->text + (s->text[0] == 'G' || s->text[0] == 'g');
    struct store_goroutine g;
    char *end, label[32];
    long long id = strtoll(digits, &end, 10);
    if (!isdigit((unsigned char)digits[0]) || *end) return 0;
    int rc = store_goroutine(s->store, id, &g, f);
    if (rc != 1) return rc;
    int n = snprintf(label, sizeof label, "G%lld ", id);
    struct text func = store_group(s->store, g.group).func;
    char *whole = malloc((size_t)n + func.n + 1);
    if (!whole) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    memcpy(whole, label, (size_t)n);
    if (func.n) memcpy(whole + n, func.data, func.n);
    cJSON *o = add_hit(s, "goroutine", (struct text){whole, (size_t)n + func.n});
    free(whole);
    if (!o) return 0;
    json_add_id(o, "g", g.g);
    json_add_int(o, "group", g.group);
    json_add_int(o, "at", g.start_ns);
    json_add_int(o, "dur", g.end_ns - g.start_ns);
    return 0;
}

static void find_functions(struct search *s) {
    for (uint32_t i = 0, n = store_n_groups(s->store); i < n && s->left > 0; i++) {
        struct store_group group = store_group(s->store, i);
        if (!holds(s, group.func)) continue;
        cJSON *o = add_hit(s, "function", group.func);
        if (o) json_add_int(o, "group", i);
    }
}

static void find_reasons(struct search *s) {
    for (uint32_t i = 0, n = store_n_tags(s->store); i < n && s->left > 0; i++) {
        struct store_tag tag = store_tag(s->store, i);
        if (tag.state != GO_WAITING || (!holds(s, tag.refined) && !holds(s, tag.reason))) continue;
        cJSON *o = add_hit(s, "reason", tag.refined.n ? tag.refined : tag.reason);
        if (o) json_add_int(o, "tag", i);
    }
}

/* ---- tasks and logs: by SQL, as they are rows of tables -------------------------------------- */

/* 'text' as an SQL literal for LIKE, any of it in the middle; malloc'ed. */
static char *like_literal(const char *text) {
    char *out = malloc(2 * strlen(text) + 8), *o = out;
    if (!out) return NULL;
    o += sprintf(o, "'%%");
    for (; *text; text++) {
        if (strchr("%_^", *text)) *o++ = '^';
        if (*text == '\'') *o++ = '\'';
        *o++ = *text;
    }
    sprintf(o, "%%'");
    return out;
}

/* A row of (kind, label, at, dur, g). */
static int on_row(void *arg, uint32_t n, const struct query_value *v) {
    struct search *s = arg;
    (void)n;
    char *kind = text_utf8(v[0].text);
    cJSON *o = kind ? add_hit(s, kind, v[1].text) : NULL;
    free(kind);
    if (!o) return 1;
    if (v[2].type == QUERY_INT) json_add_int(o, "at", v[2].i);
    if (v[3].type == QUERY_INT) json_add_int(o, "dur", v[3].i);
    if (v[4].type == QUERY_INT) json_add_id(o, "g", v[4].i);
    return 0;
}

static int find_rows(struct search *s, struct job *j, const char *sql, struct fault *f) {
    char *literal = like_literal(s->text), *whole = NULL;
    if (!literal || asprintf(&whole, sql, literal, literal) < 0) {
        free(literal);
        return fault_set(f, PV_ENOMEM, -1, "out of memory");
    }
    const struct query_limits limits = {.time_ns = SEARCH_NS, .n_rows = s->left};
    const struct query_output out = {.row = on_row, .arg = s};
    struct query_result result;
    int rc = s->left > 0 ? query_run(s->store, whole, &limits, &out, &j->canceled, &result, f) : 0;
    free(whole);
    free(literal);
    /* What was found in the time there was is an answer too. */
    bool enough = rc == PV_ELIMIT || (rc == PV_ECANCELED && job_canceled(j, f) == 0);
    return enough ? 0 : rc;
}

int req_search(struct job *j, struct answer *a, struct fault *f) {
    struct search s = {.store = j->store, .left = 50};
    TRY(arg_text(j->request, "text", &s.text, f));
    TRY(arg_int_or(j->request, "limit", 0, MAX_HITS, &s.left, f));
    s.n = strlen(s.text);
    a->ok = cJSON_CreateObject();
    s.hits = cJSON_AddArrayToObject(a->ok, "hits");
    if (!s.n) return 0;
    TRY(find_goroutine(&s, f));
    find_functions(&s);
    find_reasons(&s);
    TRY(find_rows(&s, j,
                  "SELECT 'task', type, coalesce(start_ns, 0), "
                  "coalesce(end_ns, start_ns) - coalesce(start_ns, 0), g FROM tasks "
                  "WHERE type LIKE %s ESCAPE '^'",
                  f));
    return find_rows(&s, j,
                     "SELECT 'log', category || ': ' || message, time_ns, 0, g FROM logs "
                     "WHERE message LIKE %s ESCAPE '^' OR category LIKE %s ESCAPE '^'",
                     f);
}
