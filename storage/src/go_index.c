/* storage/src/go_index.c - the goroutines of a store by id: when each lived, and its group.
 *
 * 32 bytes each, and the same in every store of one file.  A complete store never changes, so those
 * who have the same file open (the workers of a server) share one index: the first that needs it
 * builds it, the last that closes frees it.  What grows has one of its own, built anew each time.
 * A file is known by device, inode, size and time of change, looked at before it was opened and
 * after: its inode is not used again as long as anybody has it open. */
#include <pthread.h>
#include <string.h>

#include "storage/src/store_impl.h"

struct group_sum {
    int64_t n_goroutines, state_ns[6];
};

struct go_table {
    struct go_table *next; /* of those that are shared */
    struct file_id file;
    unsigned refs;
    pthread_mutex_t building;
    bool built; /* guarded by it; from then on nothing changes */
    struct go_index *rows;
    uint32_t n, cap;
    struct group_sum *sums; /* by group */
    uint32_t n_sums;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the list and refs */
static struct go_table *shared;

static bool same_file(const struct file_id *a, const struct file_id *b) {
    return a->known && b->known && a->device == b->device && a->inode == b->inode &&
           a->bytes == b->bytes && a->changed_ns == b->changed_ns;
}

static struct go_table *table_new(const struct file_id *file) {
    struct go_table *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->file = *file;
    t->refs = 1;
    pthread_mutex_init(&t->building, NULL);
    return t;
}

static struct go_table *take(const struct file_id *file) {
    if (!file->known) return table_new(file);
    pthread_mutex_lock(&lock);
    struct go_table *t = shared;
    while (t && !same_file(&t->file, file)) t = t->next;
    if (t) {
        t->refs++;
    } else if ((t = table_new(file)) != NULL) {
        t->next = shared;
        shared = t;
    }
    pthread_mutex_unlock(&lock);
    return t;
}

void store__free_gos(struct store *s) {
    struct go_table *t = s->table;
    s->table = NULL;
    if (!t) return;
    pthread_mutex_lock(&lock);
    bool last = --t->refs == 0;
    struct go_table **at = &shared;
    while (last && *at && *at != t) at = &(*at)->next;
    if (last && *at) *at = t->next;
    pthread_mutex_unlock(&lock);
    if (!last) return;
    pthread_mutex_destroy(&t->building);
    free(t->rows);
    free(t->sums);
    free(t);
}

/* ---- building ---- */

static int go_order(const void *a, const void *b) {
    const struct go_index *x = a, *y = b;
    if (x->g != y->g) return x->g < y->g ? -1 : 1;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static int count_go(void *arg, const int64_t *v) {
    (void)v;
    ++*(int64_t *)arg;
    return 0;
}

static int index_go(void *arg, const int64_t *v) {
    struct store *s = arg;
    struct go_table *t = s->table;
    if (t->n == t->cap) return 0;
    uint32_t group = map_get(&s->group_of_func, (uint64_t)v[COL_GOROUTINES_FUNC]);
    if (group == MAP_NONE) group = 0;
    t->rows[t->n++] = (struct go_index){.g = v[COL_GOROUTINES_G],
                                        .start_ns = v[COL_GOROUTINES_START],
                                        .end_ns = v[COL_GOROUTINES_END],
                                        .group = group,
                                        .n_slices = (uint32_t)v[COL_GOROUTINES_SLICES]};
    if (group >= t->n_sums) return 0;
    struct group_sum *sum = &t->sums[group];
    sum->n_goroutines++;
    sum->state_ns[GO_RUNNING] += v[COL_GOROUTINES_RUNNING];
    sum->state_ns[GO_RUNNABLE] += v[COL_GOROUTINES_RUNNABLE];
    sum->state_ns[GO_SYSCALL] += v[COL_GOROUTINES_SYSCALL];
    sum->state_ns[GO_WAITING] += v[COL_GOROUTINES_WAITING];
    return 0;
}

static int build(struct store *s, struct fault *f) {
    struct go_table *t = s->table;
    struct coltab *rows;
    TRY(store__tab(s, TAB_GOROUTINES, &rows, f));
    int64_t n = coltab_n_rows(rows);
    if (s->growing) TRY(store__each_live(s, INT64_MIN, INT64_MAX, count_go, &n, f));
    if (n > UINT32_MAX / 2)
        return fault_set(f, PV_ECORRUPT, -1, "the store's table of goroutines is damaged");
    free(t->rows);
    free(t->sums);
    t->n = 0;
    t->cap = (uint32_t)n;
    t->n_sums = s->n_groups;
    t->rows = malloc(((size_t)n + 1) * sizeof *t->rows);
    t->sums = calloc((size_t)s->n_groups + 1, sizeof *t->sums);
    if (!t->rows || !t->sums) return store__no_memory(f);
    TRY(store__each_go(s, INT64_MIN + 1, INT64_MAX, index_go, s, f));
    if (t->n > 1) qsort(t->rows, t->n, sizeof *t->rows, go_order);
    t->built = true;
    return 0;
}

int store__load_gos(struct store *s, struct fault *f) {
    if (s->gos_loaded) return 0;
    if (!s->table) s->table = take(&s->file);
    struct go_table *t = s->table;
    if (!t) return store__no_memory(f);
    s->n_gos = 0;
    pthread_mutex_lock(&t->building);
    int rc = t->built && !s->growing ? 0 : build(s, f);
    pthread_mutex_unlock(&t->building);
    TRY(rc);
    s->gos = t->rows;
    s->n_gos = t->n;
    for (uint32_t i = 0; i < s->n_groups && i < t->n_sums; i++) {
        s->groups[i].n_goroutines = t->sums[i].n_goroutines;
        memcpy(s->groups[i].state_ns, t->sums[i].state_ns, sizeof t->sums[i].state_ns);
    }
    s->gos_loaded = true;
    return 0;
}
