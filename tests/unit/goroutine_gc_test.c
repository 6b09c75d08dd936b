/* tests/unit/goroutine_gc_test.c - collected memory under goroutines that change threads: what is
 * reachable from parked, running and never-run goroutines, from channels and from collected memory
 * stays; what is not is collected.  Skips where the runtime was built without a collector. */
#include "tests/unit/goroutines.h"

#include <string.h>

enum { BUILDERS = 40, ROUNDS = 60, LENGTH = 50 };

static struct pv_waitgroup wg;
static struct pv_chan *chan;

struct node {
    struct node *next;
    uint64_t value, check;
    char more[104];
};

static uint64_t check_of(uint64_t value) {
    return value * 0x9e3779b97f4a7c15u ^ 0x5bd1e995;
}

static struct node *make_list(uint64_t seed) {
    struct node *list = NULL;
    for (uint64_t i = 0; i < LENGTH; i++) {
        struct node *n = pv_alloc(sizeof *n);
        if (!n) abort();
        *n = (struct node){.next = list, .value = seed + i, .check = check_of(seed + i)};
        list = n;
        if (i % 17 == 0) pv_yield();
    }
    return list;
}

static bool list_is_whole(const struct node *list, uint64_t seed) {
    for (uint64_t i = LENGTH; i-- > 0; list = list->next)
        if (!list || list->value != seed + i || list->check != check_of(seed + i)) return false;
    return list == NULL;
}

/* Lists that only this stack knows, across switches, sleeps and threads. */
static void build(void *arg) {
    uint64_t seed = (uint64_t)(uintptr_t)arg * 1000003;
    struct node *kept = make_list(seed);
    for (int i = 0; i < ROUNDS; i++) {
        struct node *list = make_list(seed + (uint64_t)i);
        if (i % 10 == 0) pv_sleep(200000);
        CHECK(list_is_whole(list, seed + (uint64_t)i));
    }
    CHECK(list_is_whole(kept, seed));
    pv_waitgroup_done(&wg);
}

static void test_stacks(void *arg) {
    struct pv_gc_stats stats;
    (void)arg;
    CHECK(pv_waitgroup_add(&wg, BUILDERS) == 0);
    for (uintptr_t i = 0; i < BUILDERS; i++) CHECK(pv_go(build, (void *)i) == 0);
    while (pv_num_goroutine() > BUILDERS / 2) {
        pv_gc();
        pv_sleep(500000);
    }
    CHECK(pv_waitgroup_wait(&wg) == 0);
    pv_gc_stats(&stats);
    CHECK(stats.n_collections > 0 && stats.pause_total_ns >= stats.pause_max_ns);
    CHECK(stats.pause_max_ns > 0 && stats.heap_bytes > 0);
}

/* Only the channel's buffer, then only a sender's stack, knows the list. */
static void send_lists(void *arg) {
    (void)arg;
    for (uint64_t i = 0; i < 20; i++) {
        struct node *list = make_list(i * 7919);
        CHECK(pv_chan_send(chan, &list) == 0);
    }
    pv_chan_close(chan);
}

static void test_channels(void *arg) {
    (void)arg;
    for (size_t cap = 0; cap < 10; cap += 5) {
        struct node *list;
        uint64_t i = 0;
        chan = pv_chan_make(sizeof list, cap);
        CHECK(pv_go(send_lists, NULL) == 0);
        for (; pv_chan_recv(chan, &list) == 1; i++) {
            pv_gc();
            CHECK(list_is_whole(list, i * 7919));
        }
        CHECK(i == 20);
        pv_chan_free(chan);
    }
}

/* The argument of a goroutine that has not run yet. */
static void take_list(void *arg) {
    CHECK(list_is_whole(arg, 31337));
    pv_waitgroup_done(&wg);
}

static void test_arguments(void *arg) {
    (void)arg;
    CHECK(pv_waitgroup_add(&wg, 20) == 0);
    for (int i = 0; i < 20; i++) {
        CHECK(pv_go(take_list, make_list(31337)) == 0);
        if (i % 5 == 0) pv_gc();
    }
    CHECK(pv_waitgroup_wait(&wg) == 0);
}

/* Without a collection this would take 2 GB. */
static void test_reclaimed(void *arg) {
    struct pv_gc_stats stats;
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        char *big = pv_alloc_atomic(1 << 20);
        CHECK(big && big[0] == 0 && big[(1 << 20) - 1] == 0);
        memset(big, 0xff, 1 << 20);
    }
    pv_gc_stats(&stats);
    CHECK(stats.n_collections >= 10);
    CHECK(stats.heap_bytes < (uint64_t)200 << 20);
    CHECK(stats.allocated_bytes >= (uint64_t)2000 << 20);
    CHECK(pv_alloc(SIZE_MAX) == NULL);
}

static const struct goroutines_test tests[] = {
    {"stacks", test_stacks, 0},
    {"channels", test_channels, 0},
    {"arguments", test_arguments, 0},
    {"reclaimed", test_reclaimed, 0},
};

int main(void) {
#ifdef __SANITIZE_THREAD__
    puts(
        "skipped: the thread sanitizer holds back the signal by which the collector stops threads");
    return 77;
#endif
    struct pv_run_options o = {.collect = true};
    if (pv_run(&o, test_arguments, NULL) == -ENOSYS) {
        puts("skipped: built without libgc");
        return 77;
    }
    return goroutines_run_with(tests, sizeof tests / sizeof *tests, o);
}
