/* storage/src/sets.c - sets of goroutines: their life, and who is in which.
 * Not here    how they are found (sets_members.c), what their goroutines did (sets_slices.c). */
#include "storage/src/sets_impl.h"

#include <stdlib.h>

int store_sets_new(struct store *s, enum sets_by by, const atomic_int *cancel,
                   struct store_sets **out, struct fault *f) {
    struct store_sets *sets = calloc(1, sizeof *sets);
    if (!sets) return store__no_memory(f);
    atomic_init(&sets->refs, 1);
    sets->by = by;
    sets->complete = s->info.complete;
    sets->n_slices = s->info.n_slices;
    int rc = store__load_gos(s, f);
    if (rc == 0) rc = store__find_sets(s, sets, cancel, f);
    if (rc == 0) rc = store__sum_sets(s, sets, cancel, f);
    if (rc == 0)
        *out = sets;
    else
        store_sets_free(sets);
    return rc;
}

struct store_sets *store_sets_share(struct store_sets *sets) {
    atomic_fetch_add_explicit(&sets->refs, 1, memory_order_relaxed); /* whoever shares has one */
    return sets;
}

void store_sets_free(struct store_sets *sets) {
    /* acq_rel: the last one sees that all others are done */
    if (!sets || atomic_fetch_sub_explicit(&sets->refs, 1, memory_order_acq_rel) > 1) return;
    free(sets->rows);
    free(sets->names);
    free(sets->parts);
    free(sets->covered);
    free(sets->lives);
    free(sets->first);
    free(sets->of);
    free(sets->ranges);
    set_steps_free(sets->steps);
    free(sets);
}

uint32_t store_n_sets(const struct store_sets *sets) {
    return sets->n;
}

uint32_t store_n_all_sets(const struct store_sets *sets) {
    return sets->n_all;
}

const struct store_set *store_set(const struct store_sets *sets, uint32_t i) {
    return &sets->rows[i];
}

const struct store_set_part *store_sets_covered(const struct store_sets *sets, uint32_t *n) {
    *n = sets->n_covered;
    return sets->covered;
}

bool store_sets_are_of(const struct store_sets *sets, struct store *s) {
    return sets->complete || (!s->info.complete && sets->n_slices == s->info.n_slices);
}

/* The first life that is not before (g, start). */
static uint32_t first_life(const struct store_sets *sets, int64_t g, int64_t start_ns) {
    uint32_t low = 0, high = sets->n_lives;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        const struct set_life *l = &sets->lives[mid];
        if (l->g < g || (l->g == g && l->start_ns < start_ns))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const uint16_t *store__in_sets(const struct store_sets *sets, int64_t g, int64_t start_ns,
                               uint32_t *n) {
    *n = 0;
    uint32_t i = first_life(sets, g, start_ns);
    if (i == sets->n_lives || sets->lives[i].g != g || sets->lives[i].start_ns != start_ns)
        return NULL;
    *n = sets->first[i + 1] - sets->first[i];
    return sets->of + sets->first[i];
}

bool store__is_in_set(const struct store_sets *sets, struct lane lane, int64_t g,
                      int64_t start_ns) {
    uint32_t n = 0;
    const uint16_t *of = sets ? store__in_sets(sets, g, start_ns, &n) : NULL;
    for (uint32_t i = 0; i < n; i++)
        if (sets->rows[of[i]].lane.id == lane.id) return true;
    return false;
}

uint32_t store_sets_of(const struct store_sets *sets, int64_t g, struct lane *out, uint32_t room) {
    uint32_t n = 0;
    for (uint32_t i = first_life(sets, g, INT64_MIN); i < sets->n_lives && sets->lives[i].g == g;
         i++)
        for (uint32_t k = sets->first[i]; k < sets->first[i + 1]; k++, n++)
            if (n < room) out[n] = sets->rows[sets->of[k]].lane;
    return n;
}
