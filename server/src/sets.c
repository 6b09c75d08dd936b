/* server/src/sets.c - one list of sets of each kind for each trace; workers share it. */
#include "server/src/sets.h"

static struct store_sets *shared(struct trace *t, enum sets_by by) {
    pthread_mutex_lock(&t->lock);
    struct store_sets *sets = t->sets[by] ? store_sets_share(t->sets[by]) : NULL;
    pthread_mutex_unlock(&t->lock);
    return sets;
}

static int make(struct job *j, enum sets_by by, struct store_sets **out, struct fault *f) {
    struct trace *t = j->trace;
    struct store_sets *made;
    TRY(store_sets_new(j->store, by, &j->canceled, &made, f));
    *out = store_sets_share(made);
    pthread_mutex_lock(&t->lock);
    struct store_sets *old = t->sets[by];
    t->sets[by] = made;
    pthread_mutex_unlock(&t->lock);
    store_sets_free(old);
    return 0;
}

int sets_take(struct job *j, enum sets_by by, bool fresh, struct store_sets **out,
              struct fault *f) {
    struct trace *t = j->trace;
    *out = shared(t, by);
    if (*out && (!fresh || store_sets_are_of(*out, j->store))) return 0;
    store_sets_free(*out);
    pthread_mutex_lock(&t->making_sets);
    *out = shared(t, by); /* somebody may have made them meanwhile */
    int rc = 0;
    if (!*out || (fresh && !store_sets_are_of(*out, j->store))) {
        store_sets_free(*out);
        rc = make(j, by, out, f);
    }
    pthread_mutex_unlock(&t->making_sets);
    return rc;
}

int sets_take_for(struct job *j, const struct lane *lanes, uint32_t n, struct store_sets **out,
                  struct fault *f) {
    int64_t by = -1;
    *out = NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (lanes[i].kind != LANE_SET) continue;
        int64_t of = lanes[i].id < 0 ? -1 : lanes[i].id / SETS_IDS;
        if (of < 0 || of >= N_SETS_BY || (by >= 0 && of != by))
            return fault_set(f, PV_EUSAGE, -1, "'sets' names the sets; ask for one kind at a time");
        by = of;
    }
    return by < 0 ? 0 : sets_take(j, (enum sets_by)by, false, out, f);
}
