/* storage/src/set_steps.c - step functions of counts, fed in any order.
 *
 * A change of a count by `step` at time t inside a bucket adds step to all buckets behind it, and
 * step x (what is left of the bucket) to its own.  Both are sums, so the order does not matter:
 * slices come chunk by chunk and goroutine by goroutine.  Changes of one bucket are one entry of a
 * hash; where those get too many, buckets become twice as wide, and no time is lost by that. */
#include "storage/src/set_steps.h"

#include <stdlib.h>
#include <string.h>

#include "storage/src/lod.h"

enum {
    FIRST_CHANGES = 1 << 13,
    MOST_CHANGES = 1 << 20, /* 24 bytes each, twice, while they are collected; 16 kept */
    MOST_LEVEL = 44,
    BUCKET_BITS = 31,
    TIME_BITS = 61,
    NEAR_BITS = 3 /* so many buckets stand beside each other: a goroutine changes often */
};
#define NO_KEY UINT64_MAX

struct change {
    uint64_t key; /* set << 48 | tag << 32 | bucket */
    int64_t ns;
    int64_t step;
};

struct point { /* of a (set, tag): a bucket, and what holds from its end to the next point */
    uint32_t bucket;
    int32_t count;
    int64_t ns; /* goroutine-ns in the bucket */
};

struct run { /* the points of a (set, tag) */
    uint32_t tag;
    uint32_t first, n;
};

struct set_steps {
    int level;
    struct change *changes;
    uint32_t n_changes, cap; /* a power of two */
    struct point *points;
    struct run *runs;
    uint32_t *first_run; /* by set, and one behind the last */
    uint32_t n_sets;
};

static struct change *new_changes(uint32_t cap) {
    struct change *changes = malloc((size_t)cap * sizeof *changes);
    for (uint32_t i = 0; changes && i < cap; i++) changes[i].key = NO_KEY;
    return changes;
}

struct set_steps *set_steps_new(int64_t duration_ns) {
    struct set_steps *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->level = LOD_FIRST;
    while ((uint64_t)duration_ns >> s->level >> BUCKET_BITS) s->level++;
    s->cap = 2 * FIRST_CHANGES;
    s->changes = new_changes(s->cap);
    if (s->changes) return s;
    free(s);
    return NULL;
}

void set_steps_free(struct set_steps *s) {
    if (!s) return;
    free(s->changes);
    free(s->points);
    free(s->runs);
    free(s->first_run);
    free(s);
}

static int no_memory(struct fault *f) {
    return fault_set(f, PV_ENOMEM, -1, "out of memory while counting goroutines");
}

/* ---- collecting ---- */

/* Where the key stands, or would. */
static inline struct change *place_of(const struct set_steps *s, uint64_t key) {
    uint32_t mask = s->cap - 1;
    uint32_t i = ((uint32_t)((key >> NEAR_BITS) * 0x9e3779b97f4a7c15u >> 32) << NEAR_BITS |
                  ((uint32_t)key & ((1u << NEAR_BITS) - 1))) &
                 mask;
    while (s->changes[i].key != key && s->changes[i].key != NO_KEY) i = (i + 1) & mask;
    return &s->changes[i];
}

static inline void add_to(struct set_steps *s, struct change *at, const struct change *c) {
    if (at->key == NO_KEY) {
        *at = *c;
        s->n_changes++;
        return;
    }
    at->ns = bins_sum(at->ns, c->ns);
    at->step += c->step;
}

/* Everything again into a table of that room, with buckets 2^wider times as wide. */
static bool rebuild(struct set_steps *s, uint32_t cap, int wider) {
    struct change *old = s->changes;
    uint32_t n = s->cap;
    int64_t width = INT64_C(1) << s->level;
    struct change *changes = new_changes(cap);
    if (!changes) return false;
    s->changes = changes;
    s->cap = cap;
    s->n_changes = 0;
    s->level += wider;
    for (uint32_t i = 0; i < n; i++) {
        struct change c = old[i];
        if (c.key == NO_KEY) continue;
        uint32_t bucket = (uint32_t)c.key;
        c.key = (c.key & ~(uint64_t)UINT32_MAX) | bucket >> wider;
        if (wider && !(bucket & 1)) c.ns = bins_sum(c.ns, bins_times(c.step, width));
        add_to(s, place_of(s, c.key), &c);
    }
    free(old);
    return true;
}

static int make_room(struct set_steps *s, struct fault *f) {
    while (s->n_changes >= MOST_CHANGES / 2 && s->cap >= 2 * MOST_CHANGES && s->level < MOST_LEVEL)
        if (!rebuild(s, s->cap, 1)) return no_memory(f);
    if (s->n_changes * 2 < s->cap) return 0;
    if (s->cap > UINT32_MAX / 4 || !rebuild(s, s->cap * 2, 0)) return no_memory(f);
    return 0;
}

static inline int add(struct set_steps *s, uint64_t key, int64_t at, int64_t step,
                      struct fault *f) {
    if (s->n_changes * 2 >= s->cap) TRY(make_room(s, f));
    uint64_t bucket = (uint64_t)at >> s->level;
    int64_t left = (int64_t)((bucket + 1) << s->level) - at;
    struct change c = {key | bucket, step * left, step};
    add_to(s, place_of(s, c.key), &c);
    return 0;
}

int set_steps_add(struct set_steps *s, uint32_t set, uint32_t tag, int64_t from_ns, int64_t to_ns,
                  struct fault *f) {
    int bits = s->level + BUCKET_BITS < TIME_BITS ? s->level + BUCKET_BITS : TIME_BITS;
    int64_t most = INT64_C(1) << bits; /* beyond it only in a damaged store */
    if (from_ns < 0) from_ns = 0;
    if (to_ns > most) to_ns = most;
    if (from_ns >= to_ns) return 0;
    uint64_t key = (uint64_t)set << 48 | (uint64_t)(tag & 0xffff) << 32;
    TRY(add(s, key, from_ns, 1, f));
    return add(s, key, to_ns, -1, f);
}

/* ---- once all are there ---- */

static int key_order(const void *a, const void *b) {
    const struct change *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* The changes that are any, in order, at the front. */
static void sort_changes(struct set_steps *s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->cap; i++) {
        struct change c = s->changes[i];
        if (c.key != NO_KEY && (c.ns || c.step)) s->changes[n++] = c;
    }
    s->n_changes = n;
    if (n > 1) qsort(s->changes, n, sizeof *s->changes, key_order);
}

static uint32_t count_runs(const struct set_steps *s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_changes; i++)
        n += !i || s->changes[i].key >> 32 != s->changes[i - 1].key >> 32;
    return n;
}

int set_steps_finish(struct set_steps *s, uint32_t n_sets, struct fault *f) {
    sort_changes(s);
    uint32_t n_runs = count_runs(s), run = 0, set = 0;
    s->n_sets = n_sets;
    s->points = malloc(((size_t)s->n_changes + 1) * sizeof *s->points);
    s->runs = calloc((size_t)n_runs + 1, sizeof *s->runs);
    s->first_run = calloc((size_t)n_sets + 1, sizeof *s->first_run);
    if (!s->points || !s->runs || !s->first_run) return no_memory(f);
    int64_t count = 0;
    for (uint32_t i = 0; i < s->n_changes; i++) {
        const struct change *c = &s->changes[i];
        if (!i || c->key >> 32 != c[-1].key >> 32) {
            count = 0;
            for (; set <= c->key >> 48 && set < n_sets; set++) s->first_run[set] = run;
            s->runs[run++] = (struct run){(uint32_t)(c->key >> 32) & 0xffff, i, 0};
        }
        int64_t ns = bins_sum(bins_times(count, INT64_C(1) << s->level), c->ns);
        count += c->step;
        s->points[i] = (struct point){(uint32_t)c->key, (int32_t)count, ns};
        s->runs[run - 1].n++;
    }
    for (; set <= n_sets; set++) s->first_run[set] = run;
    free(s->changes);
    s->changes = NULL;
    return 0;
}

int set_steps_level(const struct set_steps *s) {
    return s->level;
}

/* ---- painting ---- */

static uint32_t first_from(const struct point *p, uint32_t n, uint64_t bucket) {
    uint32_t low = 0, high = n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (p[mid].bucket < bucket)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void set_steps_paint(const struct set_steps *s, uint32_t set, struct canvas *c, uint32_t lane) {
    if (set >= s->n_sets) return;
    int64_t width = INT64_C(1) << s->level;
    for (uint32_t r = s->first_run[set]; r < s->first_run[set + 1]; r++) {
        const struct run *run = &s->runs[r];
        const struct point *p = s->points + run->first;
        uint32_t i = first_from(p, run->n, (uint64_t)c->from_ns >> s->level);
        int64_t count = i ? p[i - 1].count : 0, at = c->from_ns;
        for (; i < run->n; i++) {
            int64_t start = (int64_t)p[i].bucket << s->level;
            if (start >= c->to_ns) break;
            if (count) canvas_count(c, lane, run->tag, at, start, count);
            if (p[i].ns) canvas_ns(c, lane, run->tag, start, p[i].ns);
            at = start + width;
            count = p[i].count;
        }
        if (count) canvas_count(c, lane, run->tag, at, c->to_ns, count);
    }
}
