/* storage/src/creators.c - which start functions were created by goroutines of which. */
#include "storage/src/store_impl.h"

struct pairs {
    struct store *s;
    struct map index; /* group and creator's group -> row */
    struct store_creator *rows;
    uint32_t n, cap;
    bool failed;
};

static uint32_t creator_of(struct store *s, const struct store_goroutine *g) {
    const struct go_index *parent =
        g->parent == NO_ID ? NULL : store__find_go(s, g->parent, g->start_ns);
    return parent ? parent->group : STORE_NO_GROUP;
}

static int add_pair(void *arg, const int64_t *v) {
    struct pairs *p = arg;
    struct store_goroutine g;
    store__fill_goroutine(p->s, v, &g);
    uint32_t creator = creator_of(p->s, &g);
    uint64_t key = (uint64_t)g.group << 32 | creator;
    uint32_t i = map_get(&p->index, key);
    if (i != MAP_NONE) {
        p->rows[i].n++;
        return 0;
    }
    if (p->n == p->cap) {
        uint32_t cap = p->cap ? p->cap * 2 : 64;
        struct store_creator *grown = realloc(p->rows, cap * sizeof *grown);
        if (grown) p->rows = grown;
        p->failed = !grown;
        if (p->failed) return 1;
        p->cap = cap;
    }
    p->failed = !map_put(&p->index, key, p->n);
    p->rows[p->n++] = (struct store_creator){.group = g.group, .creator = creator, .n = 1};
    return p->failed;
}

static int most_first(const void *a, const void *b) {
    const struct store_creator *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    if (x->n != y->n) return x->n > y->n ? -1 : 1;
    return (x->creator > y->creator) - (x->creator < y->creator);
}

int store_creators(struct store *s, const struct store_creator **out, uint32_t *n,
                   struct fault *f) {
    struct pairs p = {.s = s};
    *n = 0;
    TRY(store__load_gos(s, f));
    int rc = store__each_go(s, INT64_MIN + 1, INT64_MAX, add_pair, &p, f);
    if (rc == 0 && p.failed) rc = store__no_memory(f);
    map_free(&p.index);
    free(s->creators);
    s->creators = p.rows;
    if (rc < 0) return rc;
    if (p.n > 1) qsort(p.rows, p.n, sizeof *p.rows, most_first);
    *out = p.rows;
    *n = p.n;
    return 0;
}
