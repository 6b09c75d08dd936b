/* storage/src/sets_slices.c - what the goroutines of sets did: once all of it, summed; and a window
 * of it, painted on lanes that are finer than those sums. */
#include <string.h>

#include "storage/src/sets_impl.h"

enum { LOOK_EVERY_SPANS = 32, WORK_SLICES = 50000, WORK_SHIFT = 3 /* as of groups */ };

struct walk {
    struct store *s;
    const struct store_sets *sets;
    const atomic_int *cancel;
    struct fault *f;
    uint32_t until_look; /* pages' stretches */
    /* of the row before */
    const struct go_index *life;
    const uint16_t *of; /* its sets */
    uint32_t n_of;
    /* where it goes: one of them */
    struct set_steps *steps;
    struct canvas *c;
    const int16_t *lane_of; /* by set */
};

static int add(struct walk *w, uint32_t tag, int64_t start, int64_t end) {
    for (uint32_t i = 0; i < w->n_of; i++) {
        if (w->steps)
            TRY(set_steps_add(w->steps, w->of[i], tag, start, end, w->f));
        else if (w->lane_of[w->of[i]] >= 0)
            canvas_count(w->c, (uint32_t)w->lane_of[w->of[i]], tag, start, end, 1);
    }
    return 0;
}

/* Slices of one goroutine. */
static int take(void *arg, const struct seq_page *p, uint32_t i, uint32_t end) {
    struct walk *w = arg;
    if (!w->until_look--) {
        w->until_look = LOOK_EVERY_SPANS;
        TRY(store__look_up(w->cancel, w->f));
    }
    for (; i < end; i++) {
        int64_t g = p->key[i], start = p->start_ns[i];
        const struct go_index *l = w->life;
        if (!l || l->g != g || start < l->start_ns || start >= l->end_ns) {
            w->life = store__find_go(w->s, g, start);
            if (w->life != l || !l) w->n_of = 0;
            if (w->life && w->life != l)
                w->of = store__in_sets(w->sets, g, w->life->start_ns, &w->n_of);
        }
        if (!w->n_of) continue;
        struct slice_class c = store__class(w->s, p->v[0][i]);
        int64_t stop = (int64_t)((uint64_t)start + (uint64_t)p->dur_ns[i]);
        TRY(add(w, store__tag_in(w->s, &c, w->life), start, stop));
    }
    return w->c && (w->c->failed || w->c->damaged);
}

static int sweep(struct walk *w, int64_t from_ns, int64_t to_ns) {
    struct seq *slices;
    struct seq_sweep of = {from_ns, to_ns, w->sets->ranges, w->sets->n_ranges, SLICE_CLASS, 0};
    if (!of.n_ranges) return 0;
    TRY(store__slices(w->s, &slices, w->f));
    return seq_spans(slices, &of, take, w, w->f);
}

int store__sum_sets(struct store *s, struct store_sets *sets, const atomic_int *cancel,
                    struct fault *f) {
    sets->steps = set_steps_new(s->info.duration_ns);
    if (!sets->steps) return store__no_memory(f);
    struct walk w = {.s = s, .sets = sets, .cancel = cancel, .f = f, .steps = sets->steps};
    TRY(sweep(&w, INT64_MIN, INT64_MAX));
    return set_steps_finish(sets->steps, sets->n, f);
}

/* How far the lanes are widened, so that they need not be painted slice by slice. */
static int shift_of(struct walk *w, const struct canvas *c, int level, int *out) {
    struct seq *slices;
    uint64_t n;
    *out = 0;
    if (c->level >= level || level - c->level > WORK_SHIFT) return 0;
    TRY(store__slices(w->s, &slices, w->f));
    struct seq_sweep of = {c->from_ns, c->to_ns, w->sets->ranges, w->sets->n_ranges, 0, 0};
    TRY(seq_count(slices, &of, &n, w->f));
    if (n > WORK_SLICES) *out = level - c->level;
    return 0;
}

int store__paint_sets(struct store *s, const struct store_sets *sets, struct canvas *c, bool wide,
                      struct fault *f) {
    int16_t lane_of[SETS_MAX];
    struct walk w = {.s = s, .sets = sets, .f = f, .c = c, .lane_of = lane_of};
    int level = set_steps_level(sets->steps), shift = 0;
    if (wide) TRY(shift_of(&w, c, level, &shift));
    memset(lane_of, -1, sizeof lane_of);
    bool any = false;
    for (uint32_t i = 0; i < c->n_lanes; i++) {
        struct canvas_lane *l = &c->lanes[i];
        int64_t set = l->lane.id - (int64_t)sets->by * SETS_IDS;
        if (l->lane.kind != LANE_SET || set < 0 || set >= sets->n) continue;
        l->shift = shift;
        lane_of[set] = (int16_t)i;
        any |= c->level + shift < level;
        if (c->level + shift >= level) set_steps_paint(sets->steps, (uint32_t)set, c, i);
    }
    return any ? sweep(&w, c->from_ns, c->to_ns) : 0;
}
