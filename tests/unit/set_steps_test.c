/* tests/unit/set_steps_test.c - counts of goroutines that are fed in no order, and more of them
 * than there is room for: buckets get wider, and every sum stays what it was. */
#include <string.h>

#include "storage/src/set_steps.h"
#include "tests/unit/check.h"
#include "tests/unit/random.h"

enum { SETS = 3, TAGS = 5, DURATION_BITS = 37 };

struct stretch {
    int64_t from_ns, to_ns;
    uint16_t set, tag;
};

static struct stretch *make(uint32_t n) {
    struct stretch *all = calloc(n, sizeof *all);
    CHECK(all);
    for (uint32_t i = 0; i < n; i++) {
        struct stretch *x = &all[i];
        int64_t length = (int64_t)(random64() >> (64 - 10 - random64() % 24));
        x->from_ns = (int64_t)(random64() >> (64 - DURATION_BITS));
        x->to_ns = x->from_ns + length;
        x->set = (uint16_t)(random64() % SETS);
        x->tag = (uint16_t)(random64() % TAGS);
    }
    return all;
}

static void spread(double (*want)[TILE_BUCKETS], const struct stretch *x, int64_t origin,
                   int64_t width) {
    int64_t end = origin + TILE_BUCKETS * width;
    int64_t a = x->from_ns > origin ? x->from_ns : origin, b = x->to_ns < end ? x->to_ns : end;
    for (int64_t i = (a - origin) / width; a < b; i++) {
        int64_t edge = origin + (i + 1) * width, stop = b < edge ? b : edge;
        want[x->tag][i] += (double)(stop - a);
        a = stop;
    }
}

static void check_tile(const struct set_steps *steps, const struct stretch *all, uint32_t n,
                       int level, int64_t index, uint16_t set) {
    static double want[TAGS][TILE_BUCKETS], got[TAGS][TILE_BUCKETS];
    memset(want, 0, sizeof want);
    memset(got, 0, sizeof got);
    int64_t width = INT64_C(1) << level, origin = index * TILE_BUCKETS * width;
    for (uint32_t i = 0; i < n; i++)
        if (all[i].set == set) spread(want, &all[i], origin, width);
    struct lane lane = {LANE_SET, set};
    struct canvas *c = canvas_new(&lane, 1, level, index, 1, TAGS);
    CHECK(c);
    set_steps_paint(steps, set, c, 0);
    canvas_finish(c);
    CHECK(!c->failed && !c->damaged);
    struct tile_room room = {0};
    struct tile t;
    CHECK(canvas_take(c, 0, 0, 0, &room, &t));
    for (uint32_t i = 0; i < t.n_parts; i++)
        for (int b = 0; b < t.parts[i].n; b++)
            got[t.parts[i].tag][t.parts[i].bucket + b] = (double)t.parts[i].cover * (double)width;
    for (int tag = 0; tag < TAGS; tag++)
        for (int b = 0; b < TILE_BUCKETS; b++) {
            double off = want[tag][b] - got[tag][b]; /* cover is a float */
            if (off < 0) off = -off;
            CHECK(off <= 0.5 + 1e-6 * (want[tag][b] + (double)width));
        }
    canvas_free(c);
    free(room.solids);
    free(room.parts);
}

/* All that n stretches come to, at the level that they fit and above. */
static int check(uint32_t n) {
    struct stretch *all = make(n);
    struct set_steps *steps = set_steps_new(INT64_C(1) << DURATION_BITS);
    CHECK(steps);
    for (uint32_t i = 0; i < n; i++)
        CHECK(set_steps_add(steps, all[i].set, all[i].tag, all[i].from_ns, all[i].to_ns, &fault) ==
              0);
    CHECK(set_steps_finish(steps, SETS, &fault) == 0);
    int first = set_steps_level(steps);
    for (int level = first; level < DURATION_BITS + 1; level += 1 + level % 3)
        for (uint16_t set = 0; set < SETS; set++) {
            int64_t tiles = (INT64_C(1) << DURATION_BITS) / TILE_BUCKETS >> level;
            check_tile(steps, all, n, level, (int64_t)(random64() % (uint64_t)(tiles + 1)), set);
        }
    set_steps_free(steps);
    free(all);
    return first;
}

int main(void) {
    static const uint32_t sizes[] = {0, 1, 100, 20000, 1200000};
    const int n = sizeof sizes / sizeof *sizes;
    int level = 0;
    for (int i = 0; i < n; i++) level = check(sizes[i]);
    CHECK(level > 16 && level < 28); /* the last ones did not fit */
    printf("%d passed, 0 failed\n", n + 1);
    return 0;
}
