/* storage/src/steps.c - counts of goroutines by group and tag, as runs and bucket sums.
 *
 * A group's steps are an array by tag, so that a change is two array look-ups. */
#include "storage/src/steps.h"

#include <stdlib.h>
#include <string.h>

struct step {
    int64_t bucket; /* start of the present bucket */
    int64_t sum_ns; /* goroutine-ns in it, if nothing changes up to its end */
    int32_t count;
    uint32_t hint; /* see seq_add */
};

struct by_tag {
    struct step *steps;
    uint32_t n;
};

struct late {
    int64_t key, at_ns;
    int delta;
};

struct steps {
    struct seq_writer *out;
    struct by_tag *groups;
    uint32_t n_groups;
    struct late *late;
    size_t n_late, cap_late;
};

enum { WIDTH_BITS = LOD_FIRST };
#define WIDTH (INT64_C(1) << WIDTH_BITS)

struct steps *steps_new(struct lod_writer *out) {
    struct steps *s = calloc(1, sizeof *s);
    if (s) s->out = lod_first(out);
    return s;
}

void steps_free(struct steps *s) {
    if (!s) return;
    for (uint32_t i = 0; i < s->n_groups; i++) free(s->groups[i].steps);
    free(s->groups);
    free(s->late);
    free(s);
}

static int no_memory(struct fault *f) {
    return fault_set(f, PV_ENOMEM, -1, "out of memory while counting goroutines");
}

static struct step *step_of(struct by_tag *t, uint32_t tag) {
    if (tag >= t->n) {
        uint32_t n = tag + 8;
        struct step *steps = realloc(t->steps, n * sizeof *steps);
        if (!steps) return NULL;
        memset(steps + t->n, 0, (n - t->n) * sizeof *steps);
        t->steps = steps;
        t->n = n;
    }
    return &t->steps[tag];
}

static struct by_tag *group_of(struct steps *s, uint32_t group) {
    if (group >= s->n_groups) {
        uint32_t n = group + group / 2 + 16;
        struct by_tag *groups = realloc(s->groups, n * sizeof *groups);
        if (!groups) return NULL;
        memset(groups + s->n_groups, 0, (n - s->n_groups) * sizeof *groups);
        s->groups = groups;
        s->n_groups = n;
    }
    return &s->groups[group];
}

static int emit(struct steps *s, struct step *t, int64_t key, int64_t start, int64_t dur,
                int64_t ns, struct fault *f) {
    if (!ns) return 0;
    struct seq_row *row = seq_add(s->out, key, start + dur, &t->hint, f);
    if (!row) return f->code;
    row->start_ns = start;
    row->dur_ns = dur;
    row->wide = (uint64_t)ns;
    row->v[0] = 0;
    return 0;
}

/* Closes the bucket that the step stands in, and the run of whole buckets up to that of `at`.
 * Apart, so that the common change of a count within its bucket is a few instructions. */
static __attribute__((noinline)) int advance(struct steps *s, struct step *t, int64_t key,
                                             int64_t at, struct fault *f) {
    int64_t edge = t->bucket + WIDTH, now = at >> WIDTH_BITS << WIDTH_BITS;
    TRY(emit(s, t, key, t->bucket, WIDTH, t->sum_ns, f));
    if (now > edge) TRY(emit(s, t, key, edge, now - edge, t->count * (now - edge), f));
    t->bucket = now;
    t->sum_ns = t->count * WIDTH;
    return 0;
}

static inline int change(struct steps *s, struct step *t, int64_t key, int64_t at, int delta,
                         struct fault *f) {
    if (at >= t->bucket + WIDTH) TRY(advance(s, t, key, at, f));
    t->sum_ns += delta * (t->bucket + WIDTH - at);
    t->count += delta;
    return 0;
}

int steps_change(struct steps *s, uint32_t group, uint32_t tag, int64_t at_ns, int delta,
                 struct fault *f) {
    struct by_tag *g = group_of(s, group);
    struct step *t = g ? step_of(g, tag) : NULL;
    if (!t) return no_memory(f);
    return change(s, t, lod_group_key(group, tag), at_ns, delta, f);
}

int steps_move(struct steps *s, uint32_t group, uint32_t from, uint32_t to, int64_t at_ns,
               struct fault *f) {
    struct by_tag *g = group_of(s, group);
    if (!g || !step_of(g, from > to ? from : to)) return no_memory(f);
    TRY(change(s, &g->steps[from], lod_group_key(group, from), at_ns, -1, f));
    return change(s, &g->steps[to], lod_group_key(group, to), at_ns, 1, f);
}

static int add_late(struct steps *s, int64_t key, int64_t at, int delta, struct fault *f) {
    if (s->n_late == s->cap_late) {
        size_t cap = s->cap_late ? s->cap_late * 2 : 256;
        struct late *late = realloc(s->late, cap * sizeof *late);
        if (!late) return no_memory(f);
        s->late = late;
        s->cap_late = cap;
    }
    s->late[s->n_late++] = (struct late){key, at, delta};
    return 0;
}

int steps_late(struct steps *s, uint32_t group, uint32_t tag, int64_t from_ns, int64_t to_ns,
               struct fault *f) {
    if (from_ns >= to_ns) return 0;
    int64_t key = lod_group_key(group, tag);
    TRY(add_late(s, key, from_ns, 1, f));
    return add_late(s, key, to_ns, -1, f);
}

static int late_order(const void *a, const void *b) {
    const struct late *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns);
}

static int finish_late(struct steps *s, struct fault *f) {
    if (s->n_late) qsort(s->late, s->n_late, sizeof *s->late, late_order);
    struct step step = {0};
    for (size_t i = 0; i < s->n_late; i++) {
        const struct late *l = &s->late[i];
        if (i && l->key != l[-1].key)
            TRY(advance(s, &step, l[-1].key | LOD_LATE, step.bucket + WIDTH, f));
        if (!i || l->key != l[-1].key)
            step = (struct step){.bucket = l->at_ns >> WIDTH_BITS << WIDTH_BITS};
        TRY(change(s, &step, l->key | LOD_LATE, l->at_ns, l->delta, f));
    }
    if (!s->n_late) return 0;
    return advance(s, &step, s->late[s->n_late - 1].key | LOD_LATE, step.bucket + WIDTH, f);
}

static int finish_group(struct steps *s, struct by_tag *g, uint32_t group, int64_t end,
                        struct fault *f) {
    for (uint32_t tag = 0; tag < g->n; tag++) {
        struct step *t = &g->steps[tag];
        int64_t key = lod_group_key(group, tag);
        TRY(change(s, t, key, end, -t->count, f));
        TRY(advance(s, t, key, t->bucket + WIDTH, f));
    }
    return 0;
}

int steps_finish(struct steps *s, int64_t end_ns, struct fault *f) {
    for (uint32_t i = 0; i < s->n_groups; i++) TRY(finish_group(s, &s->groups[i], i, end_ns, f));
    return finish_late(s, f);
}
