/* storage/src/goroutines.c - goroutines of a store: all, one, and what the index says of one.
 *
 * Those that have ended stand in the column table.  While a store grows, those that are alive stand
 * in the table `live`, written anew with each publication; a complete store has none there. */
#include <string.h>

#include "storage/src/db.h"
#include "storage/src/store_impl.h"

int store__each_live(struct store *s, int64_t g_min, int64_t g_max, go_fn visit, void *arg,
                     struct fault *f) {
    sqlite3_stmt *stmt;
    TRY(db_prepare(s->db, "SELECT * FROM live WHERE g BETWEEN ?1 AND ?2", &stmt, f));
    sqlite3_bind_int64(stmt, 1, g_min);
    sqlite3_bind_int64(stmt, 2, g_max);
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int64_t v[COLTAB_MAX_COLS] = {0};
        for (int i = 0; i < sqlite3_column_count(stmt) && i < COLTAB_MAX_COLS; i++)
            v[i] = sqlite3_column_int64(stmt, i);
        if (visit(arg, v)) break;
    }
    int code = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : sql_fault(f, s->db, "reading the store");
    sqlite3_finalize(stmt);
    return code;
}

int store__each_go(struct store *s, int64_t g_min, int64_t g_max, go_fn visit, void *arg,
                   struct fault *f) {
    struct coltab *t;
    struct coltab_scan *scan;
    TRY(store__tab(s, TAB_GOROUTINES, &t, f));
    TRY(coltab_scan_open(t, &scan, f));
    coltab_scan_bound(scan, COL_GOROUTINES_G, g_min, g_max);
    const int64_t *v;
    int rc;
    while ((rc = coltab_scan_next(scan, &v, f)) == 1 && !visit(arg, v)) {
    }
    coltab_scan_close(scan);
    if (rc < 0 || !s->growing) return rc < 0 ? rc : 0;
    return store__each_live(s, g_min, g_max, visit, arg, f);
}

/* ---- from the index (go_index.c) ---- */

/* The first life of g, or where it would stand.  Ids are mostly dense, so that its place is nearly
 * where its share of all ids says. */
static uint32_t first_life(const struct store *s, int64_t g) {
    enum { NEAR = 64 };
    uint32_t low = 0, high = s->n_gos;
    if (!high || g <= s->gos[0].g || g > s->gos[high - 1].g)
        return !high || g <= s->gos[0].g ? 0 : high;
    double share =
        ((double)g - (double)s->gos[0].g) / ((double)s->gos[high - 1].g - (double)s->gos[0].g);
    uint32_t guess = (uint32_t)(share * (high - 1));
    if (guess > NEAR && s->gos[guess - NEAR].g < g) low = guess - NEAR;
    if (high - guess > NEAR && s->gos[guess + NEAR].g >= g) high = guess + NEAR;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (s->gos[mid].g < g)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct go_index *store__find_go(struct store *s, int64_t g, int64_t at_ns) {
    struct fault f;
    if (store__load_gos(s, &f) < 0) return NULL;
    uint32_t i = first_life(s, g);
    if (i == s->n_gos || s->gos[i].g != g) return NULL;
    while (i + 1 < s->n_gos && s->gos[i + 1].g == g && s->gos[i + 1].start_ns <= at_ns) i++;
    return &s->gos[i];
}

int64_t store__slices_of(struct store *s, int64_t g) {
    int64_t n = 0;
    for (uint32_t i = first_life(s, g); i < s->n_gos && s->gos[i].g == g; i++)
        n += s->gos[i].n_slices;
    return n;
}

static int add_life(void *arg, const int64_t *v) {
    struct go_index *life = arg;
    if (v[COL_GOROUTINES_START] < life->start_ns) life->start_ns = v[COL_GOROUTINES_START];
    if (v[COL_GOROUTINES_END] > life->end_ns) life->end_ns = v[COL_GOROUTINES_END];
    return 0;
}

int store__lives_of(struct store *s, int64_t g, int64_t *from_ns, int64_t *to_ns, struct fault *f) {
    struct go_index all = {.start_ns = INT64_MAX, .end_ns = INT64_MIN};
    *from_ns = INT64_MIN;
    *to_ns = INT64_MAX;
    if (s->growing) return 0;
    if (!s->gos_loaded) TRY(store__each_go(s, g, g, add_life, &all, f));
    for (uint32_t i = first_life(s, g); s->gos_loaded && i < s->n_gos && s->gos[i].g == g; i++) {
        if (s->gos[i].start_ns < all.start_ns) all.start_ns = s->gos[i].start_ns;
        if (s->gos[i].end_ns > all.end_ns) all.end_ns = s->gos[i].end_ns;
    }
    if (all.start_ns > all.end_ns) return 0;
    *from_ns = all.start_ns;
    *to_ns = all.end_ns;
    return 0;
}

uint32_t store__group_of(struct store *s, int64_t g, int64_t at_ns) {
    const struct go_index *go = store__find_go(s, g, at_ns);
    return go ? go->group : 0;
}

uint32_t store__tag_of(struct store *s, uint32_t class_id, int64_t g, int64_t at_ns) {
    struct slice_class c = slices_class(s, class_id);
    if (c.state != GO_RUNNING) return c.tag;
    uint32_t group = store__group_of(s, g, at_ns);
    return tag_of(&c, group < s->n_groups ? s->groups[group].kind : GO_KIND_USER);
}

uint32_t store_n_groups(struct store *s) {
    return s->n_groups;
}

struct store_group store_group(struct store *s, uint32_t group) {
    struct fault f;
    static const struct store_group none = {.func = {"", 0}};
    store__load_gos(s, &f);
    return group < s->n_groups ? s->groups[group] : none;
}

/* ---- one goroutine ---- */

void store__fill_goroutine(struct store *s, const int64_t *v, struct store_goroutine *out) {
    uint32_t group = map_get(&s->group_of_func, (uint64_t)v[COL_GOROUTINES_FUNC]);
    *out = (struct store_goroutine){
        .g = v[COL_GOROUTINES_G],
        .group = group == MAP_NONE ? 0 : group,
        .start_ns = v[COL_GOROUTINES_START],
        .end_ns = v[COL_GOROUTINES_END],
        .created = v[COL_GOROUTINES_CREATED] != 0,
        .ended = v[COL_GOROUTINES_ENDED] != 0,
        .parent = v[COL_GOROUTINES_PARENT] == COLTAB_NULL ? NO_ID : v[COL_GOROUTINES_PARENT],
        .n_slices = v[COL_GOROUTINES_SLICES]};
    out->state_ns[GO_RUNNING] = v[COL_GOROUTINES_RUNNING];
    out->state_ns[GO_RUNNABLE] = v[COL_GOROUTINES_RUNNABLE];
    out->state_ns[GO_SYSCALL] = v[COL_GOROUTINES_SYSCALL];
    out->state_ns[GO_WAITING] = v[COL_GOROUTINES_WAITING];
}

struct found {
    struct store *s;
    struct store_goroutine *out;
    int n;
};

static int keep_last(void *arg, const int64_t *v) { /* of several lives the last one */
    struct found *found = arg;
    store__fill_goroutine(found->s, v, found->out);
    found->n = 1;
    return 0;
}

int store_goroutine(struct store *s, int64_t g, struct store_goroutine *out, struct fault *f) {
    struct found found = {s, out, 0};
    TRY(store__each_go(s, g, g, keep_last, &found, f));
    return found.n;
}
