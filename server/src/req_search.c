/* server/src/req_search.c - finds goroutines, functions and reasons by a part of their name. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/src/json.h"
#include "server/src/requests.h"
#include "server/src/shapes.h"

enum { MAX_HITS = 200 };

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
    return 0;
}
