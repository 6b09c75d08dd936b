/* storage/src/sets_members.c - which goroutines share a creator, a type of task, a label.
 *
 * A pair is (life, set): life << 32 | set, so that sorted pairs are the lists of each life.  A
 * goroutine names its task's type once for each region, so doubles go whenever the room is full.
 * Sets are numbered as they are met, and in the end by their size; no set is numbered that has the
 * same goroutines as a group: the group's picture is there already. */
#include <string.h>

#include "storage/src/sets_impl.h"

enum { MOST_RANGES = 1024, LOOK_EVERY_ROWS = 65536 };
#define NO_SET         UINT32_MAX
#define ALL_OF_CREATOR (UINT64_C(1) << 63)

struct found {
    struct text name;
    uint32_t creator, group;
    uint32_t n, number; /* when they are in order; NO_SET: not kept */
};

struct finder {
    struct store *s;
    struct store_sets *out;
    const atomic_int *cancel;
    struct map index; /* whatever names a set -> found */
    struct found *found;
    uint32_t n_found, cap_found;
    uint64_t *pairs;
    size_t n_pairs, cap_pairs;
    struct fault *f;
    uint32_t until_look;
};

/* ---- pairs ---- */

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void sort_pairs(struct finder *w) {
    size_t n = 0;
    if (w->n_pairs > 1) qsort(w->pairs, w->n_pairs, sizeof *w->pairs, by_value);
    for (size_t i = 0; i < w->n_pairs; i++)
        if (!i || w->pairs[i] != w->pairs[n - 1]) w->pairs[n++] = w->pairs[i];
    w->n_pairs = n;
}

static int add_pair(struct finder *w, uint32_t life, uint32_t set) {
    uint64_t pair = (uint64_t)life << 32 | set;
    if (w->n_pairs && w->pairs[w->n_pairs - 1] == pair) return 0;
    if (w->n_pairs == w->cap_pairs) sort_pairs(w);
    if (w->n_pairs * 2 >= w->cap_pairs) {
        size_t cap = w->cap_pairs ? w->cap_pairs * 2 : 4096;
        uint64_t *grown = realloc(w->pairs, cap * sizeof *grown);
        if (!grown) return store__no_memory(w->f);
        w->pairs = grown;
        w->cap_pairs = cap;
    }
    w->pairs[w->n_pairs++] = pair;
    return 0;
}

/* The set of that key; `like` where it is a new one. */
static int set_of(struct finder *w, uint64_t key, const struct found *like, uint32_t *out) {
    *out = map_get(&w->index, key);
    if (*out != MAP_NONE) return 0;
    if (w->n_found == w->cap_found) {
        uint32_t cap = w->cap_found ? w->cap_found * 2 : 64;
        struct found *grown = realloc(w->found, cap * sizeof *grown);
        if (!grown) return store__no_memory(w->f);
        w->found = grown;
        w->cap_found = cap;
    }
    if (!map_put(&w->index, key, w->n_found)) return store__no_memory(w->f);
    w->found[w->n_found] = *like;
    *out = w->n_found++;
    return 0;
}

static int look(struct finder *w) {
    if (w->until_look--) return 0;
    w->until_look = LOOK_EVERY_ROWS;
    return store__look_up(w->cancel, w->f);
}

/* A goroutine that is named at a time, in the set that has a name. */
static int add_named(struct finder *w, int64_t g, int64_t at_ns, uint32_t name) {
    uint32_t set;
    TRY(look(w));
    const struct go_index *life = g == COLTAB_NULL ? NULL : store__find_go(w->s, g, at_ns);
    if (!life) return 0;
    struct found like = {store_string(w->s, name), STORE_NO_GROUP, STORE_NO_GROUP, 0, 0};
    TRY(set_of(w, name, &like, &set));
    return add_pair(w, (uint32_t)(life - w->s->gos), set);
}

/* ---- by task, label, creator ---- */

typedef int (*row_fn)(struct finder *w, const int64_t *v);

static int each_row(struct finder *w, enum coltab_table table, uint32_t columns, row_fn visit) {
    struct coltab *t;
    struct coltab_scan *scan;
    const int64_t *v;
    TRY(store__tab(w->s, table, &t, w->f));
    TRY(coltab_scan_open(t, &scan, w->f));
    coltab_scan_want(scan, columns);
    int rc;
    while ((rc = coltab_scan_next(scan, &v, w->f)) == 1 && (rc = visit(w, v)) == 0) {
    }
    coltab_scan_close(scan);
    return rc;
}

static int on_label(struct finder *w, const int64_t *v) {
    return add_named(w, v[COL_LABELS_G], v[COL_LABELS_TIME], (uint32_t)v[COL_LABELS_LABEL]);
}

/* Tasks are found by id while their regions are read: `index` has both, ids with a bit. */
#define TASK_ID(id) ((uint64_t)(id) | UINT64_C(1) << 63)

static int on_task(struct finder *w, const int64_t *v) {
    uint32_t type = (uint32_t)v[COL_TASKS_TYPE];
    if (!map_put(&w->index, TASK_ID(v[COL_TASKS_ID]), type)) return store__no_memory(w->f);
    int64_t start = v[COL_TASKS_START];
    return add_named(w, v[COL_TASKS_G], start == COLTAB_NULL ? 0 : start, type);
}

static int on_region(struct finder *w, const int64_t *v) {
    int64_t task = v[COL_REGIONS_TASK];
    if (!task || task == COLTAB_NULL) return 0;
    uint32_t type = map_get(&w->index, TASK_ID(task));
    return type == MAP_NONE ? 0 : add_named(w, v[COL_REGIONS_G], v[COL_REGIONS_START], type);
}

static uint32_t creator_of(struct store *s, const struct store_goroutine *g) {
    const struct go_index *parent =
        g->parent == NO_ID ? NULL : store__find_go(s, g->parent, g->start_ns);
    return parent ? parent->group : STORE_NO_GROUP;
}

static int on_goroutine(void *arg, const int64_t *v) {
    struct finder *w = arg;
    struct store *s = w->s;
    struct store_goroutine g;
    store__fill_goroutine(s, v, &g);
    if (g.group >= s->n_groups || s->groups[g.group].kind != GO_KIND_USER) return 0;
    const struct go_index *life = store__find_go(s, g.g, g.start_ns);
    uint32_t creator = creator_of(s, &g), all, part;
    struct found like = {{"", 0}, creator, STORE_NO_GROUP, 0, 0};
    if (!life || look(w) < 0) return w->f->code;
    if (set_of(w, creator | ALL_OF_CREATOR, &like, &all) < 0) return 1;
    like.group = g.group;
    if (set_of(w, (uint64_t)g.group << 32 | creator, &like, &part) < 0) return 1;
    uint32_t i = (uint32_t)(life - s->gos);
    return add_pair(w, i, all) < 0 || add_pair(w, i, part) < 0;
}

static int find_pairs(struct finder *w, enum sets_by by) {
    if (by == SETS_BY_CREATOR) {
        w->f->code = 0;
        TRY(store__each_go(w->s, INT64_MIN + 1, INT64_MAX, on_goroutine, w, w->f));
        return w->f->code;
    }
    if (by == SETS_BY_LABEL) return each_row(w, TAB_LABELS, UINT32_MAX, on_label);
    uint32_t columns = 1u << COL_REGIONS_START | 1u << COL_REGIONS_G | 1u << COL_REGIONS_TASK;
    TRY(each_row(w, TAB_TASKS, UINT32_MAX, on_task));
    return each_row(w, TAB_REGIONS, columns, on_region);
}

/* ---- their order ---- */

static int text_order(struct text a, struct text b) {
    int rc = memcmp(a.data, b.data, a.n < b.n ? a.n : b.n);
    return rc ? rc : (a.n > b.n) - (a.n < b.n);
}

static int largest_first(const void *a, const void *b) {
    const struct found *x = *(struct found *const *)a, *y = *(struct found *const *)b;
    if (x->n != y->n) return x->n > y->n ? -1 : 1;
    if (x->creator != y->creator) return x->creator < y->creator ? -1 : 1;
    if (x->group != y->group) return x->group > y->group ? -1 : 1; /* all that it made: first */
    return text_order(x->name, y->name);
}

static int put_rows(struct finder *w, struct found *const *order) {
    struct store_sets *out = w->out;
    size_t bytes = 0;
    for (uint32_t i = 0; i < out->n; i++) bytes += order[i]->name.n;
    out->rows = calloc((size_t)out->n + 1, sizeof *out->rows);
    out->names = malloc(bytes + 1);
    if (!out->rows || !out->names) return store__no_memory(w->f);
    char *at = out->names;
    for (uint32_t i = 0; i < out->n; i++) {
        struct found *x = order[i];
        bool whole = x->group != STORE_NO_GROUP && x->n == w->s->groups[x->group].n_goroutines;
        struct lane lane = {LANE_SET, (int64_t)out->by * SETS_IDS + i};
        if (whole) lane = (struct lane){LANE_GROUP, x->group};
        memcpy(at, x->name.data, x->name.n);
        out->rows[i] = (struct store_set){.lane = lane,
                                          .name = {at, x->name.n},
                                          .creator = x->creator,
                                          .group = x->group,
                                          .n = x->n};
        at += x->name.n;
        x->number = whole ? NO_SET : i;
    }
    return 0;
}

static int number_sets(struct finder *w) {
    struct found **order = malloc(((size_t)w->n_found + 1) * sizeof *order);
    if (!order) return store__no_memory(w->f);
    for (size_t i = 0; i < w->n_pairs; i++) w->found[(uint32_t)w->pairs[i]].n++;
    for (uint32_t i = 0; i < w->n_found; i++) {
        order[i] = &w->found[i];
        w->found[i].number = NO_SET;
    }
    if (w->n_found > 1) qsort(order, w->n_found, sizeof *order, largest_first);
    w->out->n_all = w->n_found;
    w->out->n = w->n_found < SETS_MAX ? w->n_found : SETS_MAX;
    int rc = put_rows(w, order);
    free(order);
    return rc;
}

/* ---- who is in them ---- */

static int put_lives(struct finder *w) {
    struct store_sets *out = w->out;
    out->of = malloc((w->n_pairs + 1) * sizeof *out->of);
    out->lives = malloc((w->n_pairs + 1) * sizeof *out->lives);
    out->first = malloc((w->n_pairs + 1) * sizeof *out->first);
    if (!out->of || !out->lives || !out->first) return store__no_memory(w->f);
    uint32_t n = 0, last = NO_SET;
    for (size_t i = 0; i < w->n_pairs; i++) {
        uint32_t life = (uint32_t)(w->pairs[i] >> 32);
        uint32_t number = w->found[(uint32_t)w->pairs[i]].number;
        if (number == NO_SET) continue;
        const struct go_index *go = &w->s->gos[life];
        if (life != last) {
            out->first[out->n_lives] = n;
            out->lives[out->n_lives++] = (struct set_life){go->g, go->start_ns};
        }
        last = life;
        out->of[n++] = (uint16_t)number;
    }
    out->first[out->n_lives] = n;
    return 0;
}

static int part_order(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Which groups the goroutines of each set have, and those of all sets, each once. */
static int put_parts(struct finder *w) {
    struct store_sets *out = w->out;
    uint64_t *of = malloc((w->n_pairs + 1) * sizeof *of); /* set << 32 | group */
    out->parts = malloc((w->n_pairs + 1) * sizeof *out->parts);
    out->covered = calloc((size_t)w->s->n_groups + 1, sizeof *out->covered);
    if (!of || !out->parts || !out->covered) {
        free(of);
        return store__no_memory(w->f);
    }
    uint32_t n_of = 0, n = 0, last = NO_SET;
    for (uint32_t i = 0; i < w->s->n_groups; i++) out->covered[i].group = i;
    out->n_covered = w->s->n_groups;
    for (size_t i = 0; i < w->n_pairs; i++) {
        uint32_t life = (uint32_t)(w->pairs[i] >> 32), group = w->s->gos[life].group;
        uint32_t number = w->found[(uint32_t)w->pairs[i]].number;
        if (number == NO_SET || group >= w->s->n_groups) continue;
        of[n_of++] = (uint64_t)number << 32 | group;
        out->covered[group].n += life != last;
        last = life;
    }
    if (n_of > 1) qsort(of, n_of, sizeof *of, part_order);
    for (uint32_t i = 0; i < n_of; i++) {
        struct store_set *row = &out->rows[of[i] >> 32];
        if (!i || of[i] != of[i - 1]) {
            if (!row->n_parts++) row->parts = out->parts + n;
            out->parts[n++] = (struct store_set_part){(uint32_t)of[i], 0};
        }
        out->parts[n - 1].n++;
    }
    free(of);
    return 0;
}

/* Stretches of ids in which the goroutines stand, so few that a sweep finds its way fast. */
static int put_ranges(struct finder *w) {
    struct store_sets *out = w->out;
    out->ranges = malloc((MOST_RANGES + 1) * sizeof *out->ranges);
    if (!out->ranges) return store__no_memory(w->f);
    for (uint64_t gap = 16;; gap *= 2) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < out->n_lives && n <= MOST_RANGES; i++) {
            int64_t g = out->lives[i].g;
            if (n && (uint64_t)g - (uint64_t)out->ranges[n - 1].max <= gap)
                out->ranges[n - 1].max = g;
            else if (n++ < MOST_RANGES)
                out->ranges[n - 1] = (struct seq_range){g, g};
        }
        out->n_ranges = n;
        if (n <= MOST_RANGES || gap > UINT64_MAX / 2) return 0;
    }
}

int store__find_sets(struct store *s, struct store_sets *out, const atomic_int *cancel,
                     struct fault *f) {
    struct finder w = {.s = s, .out = out, .cancel = cancel, .f = f};
    int rc = find_pairs(&w, out->by);
    if (rc == 0) {
        sort_pairs(&w);
        rc = number_sets(&w);
    }
    if (rc == 0) rc = put_lives(&w);
    if (rc == 0) rc = put_parts(&w);
    if (rc == 0) rc = put_ranges(&w);
    map_free(&w.index);
    free(w.found);
    free(w.pairs);
    return rc;
}
