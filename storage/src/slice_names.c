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

static struct start_of *slot_of(const struct slice_names *n, int64_t g) {
    size_t i = (size_t)(((uint64_t)g * 0x9e3779b97f4a7c15u) >> 20) & (n->n_slots - 1);
    while (n->starts[i].used && n->starts[i].g != g) i = (i + 1) & (n->n_slots - 1);
    return &n->starts[i];
}

uint32_t slice_names_func(const struct slice_names *n, int64_t g) {
    const struct start_of *s = slot_of(n, g);
    return s->used ? s->func : 0;
}

/* load_starts - a goroutine id that lives twice (cgo callbacks) keeps the name it had last. */
static int load_starts(struct query *q, struct slice_names *n) {
    struct coltab *t;
    struct coltab_scan *scan;
    const int64_t *row;
    struct fault f;
    int rc = query__coltab(q, TAB_GOROUTINES, &t);
    if (rc != SQLITE_OK) return rc;
    n->n_slots = 64;
    while ((int64_t)n->n_slots < 2 * coltab_n_rows(t)) n->n_slots *= 2;
    n->starts = calloc(n->n_slots, sizeof *n->starts);
    if (!n->starts) return SQLITE_NOMEM;
    query__spend(q, (int64_t)(n->n_slots * sizeof *n->starts));
    if (coltab_scan_open(t, &scan, &f) < 0) return query__fail(q, &f);
    coltab_scan_want(scan, 1u << COL_GOROUTINES_G | 1u << COL_GOROUTINES_FUNC);
    while ((rc = coltab_scan_next(scan, &row, &f)) == 1) {
        int64_t g = row[COL_GOROUTINES_G];
        *slot_of(n, g) = (struct start_of){g, (uint32_t)row[COL_GOROUTINES_FUNC], true};
    }
    coltab_scan_close(scan);
    return rc < 0 ? query__fail(q, &f) : SQLITE_OK;
}

bool slice_names_find(const struct slice_names *n, struct store *s, struct text name,
                      uint32_t *func, int64_t *g_min, int64_t *g_max) {
    *func = 0;
    *g_min = INT64_MAX;
    *g_max = INT64_MIN;
    for (size_t i = 0; i < n->n_slots; i++) {
        const struct start_of *slot = &n->starts[i];
        if (!slot->func) continue;
        struct text t = *func ? name : store_string(s, slot->func);
        if (*func ? slot->func != *func : t.n != name.n || memcmp(t.data, name.data, t.n)) continue;
        *func = slot->func;
        if (slot->g < *g_min) *g_min = slot->g;
        if (slot->g > *g_max) *g_max = slot->g;
    }
    return *func != 0;
}

int slice_names_load(struct query *q, const struct slice_names **out) {
    if (!q->names) {
        q->names = calloc(1, sizeof *q->names);
        if (!q->names) return SQLITE_NOMEM;
        int rc = load_classes(q, q->names);
        if (rc == SQLITE_OK) rc = load_starts(q, q->names);
        if (rc != SQLITE_OK) return rc;
    }
    *out = q->names;
    return SQLITE_OK;
}

void slice_names_free(struct slice_names *n) {
    if (!n) return;
    free(n->classes);
    free(n->starts);
    free(n);
}
