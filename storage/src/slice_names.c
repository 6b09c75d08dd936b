/* storage/src/slice_names.c - what the numbers in a slice are called, looked up once a query.
 *
 * Texts are borrowed from the store, which does not change while a query runs. */
#include "storage/src/slice_names.h"

#include <stdlib.h>
#include <string.h>

static struct text literal(const char *text) {
    return (struct text){text, text ? strlen(text) : 0};
}

static const char *const family_tokens[N_FAMILIES] = {
#define X(name, token, legend) [FAMILY_##name] = token,
#include "storage/src/families.def"
#undef X
};

static int load_classes(struct query *q, struct slice_names *n) {
    struct store *s = q->store;
    uint32_t n_tags = store_n_tags(s);
    n->n_classes = slices_n_classes(s);
    n->classes = calloc((size_t)n->n_classes + 1, sizeof *n->classes);
    if (!n->classes) return SQLITE_NOMEM;
    query__spend(q, (int64_t)(n->n_classes * sizeof *n->classes));
    for (uint32_t i = 0; i < n->n_classes; i++) {
        struct slice_class c = slices_class(s, i);
        struct store_tag tag = c.tag < n_tags ? store_tag(s, c.tag) : (struct store_tag){0};
        n->classes[i] = (struct class_names){
            .state = literal(sql_state_name(c.state)),
            .reason = store_string(s, c.reason),
            .refined = tag.refined,
            .family = literal(c.family < N_FAMILIES ? family_tokens[c.family] : NULL),
            .user_func = c.user_func ? store_string(s, c.user_func) : (struct text){0},
            .stack = c.stack};
    }
    return SQLITE_OK;
}

struct text slice_names_class(const struct class_names *c, int column) {
    switch (column) {
    case SQLCOL_SLICES_STATE:
        return c->state;
    case SQLCOL_SLICES_REASON:
        return c->reason;
    case SQLCOL_SLICES_REFINED:
        return c->refined;
    case SQLCOL_SLICES_FAMILY:
        return c->family;
    case SQLCOL_SLICES_USER_FUNC:
        return c->user_func;
    default:
        return (struct text){0};
    }
}

uint32_t slice_names_group(struct slice_names *n, int64_t g, int64_t at_ns) {
    const struct go_index *go = n->last;
    if (!go || go->g != g || at_ns < go->start_ns || at_ns > go->end_ns)
        go = n->last = store__find_go(n->store, g, at_ns);
    return go ? go->group : 0;
}

struct text slice_names_start(const struct slice_names *n, uint32_t group) {
    return group < n->store->n_groups ? n->store->groups[group].func : (struct text){0};
}

int slice_names_find(struct query *q, struct text name, uint32_t *group, int64_t *g_min,
                     int64_t *g_max) {
    struct store *s = q->store;
    struct fault f;
    *group = 0;
    *g_min = INT64_MAX;
    *g_max = INT64_MIN;
    if (store__load_gos(s, &f) < 0) return query__fail(q, &f);
    for (uint32_t i = 1; i < s->n_groups; i++) {
        struct text t = s->groups[i].func;
        if (t.n == name.n && (t.n == 0 || memcmp(t.data, name.data, t.n) == 0)) *group = i;
    }
    for (uint32_t i = 0; i < s->n_gos && *group; i++) {
        if (s->gos[i].group != *group) continue;
        if (s->gos[i].g < *g_min) *g_min = s->gos[i].g;
        if (s->gos[i].g > *g_max) *g_max = s->gos[i].g;
    }
    return SQLITE_OK;
}

int slice_names_load(struct query *q, struct slice_names **out) {
    int rc = SQLITE_OK;
    if (!q->names) {
        q->names = calloc(1, sizeof *q->names);
        if (!q->names) return SQLITE_NOMEM;
        q->names->store = q->store;
        rc = load_classes(q, q->names);
    }
    *out = q->names;
    return rc;
}

void slice_names_free(struct slice_names *n) {
    if (!n) return;
    free(n->classes);
    free(n);
}
