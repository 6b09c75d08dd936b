/* tests/unit/go_index_test.c - stores of one file share their index of goroutines: one is built,
 * whoever asks first; it outlives who built it; and a file of the same name is not mistaken for it.
 * What several threads may do wrong here, TSan sees. */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "storage/src/store_impl.h"
#include "tests/unit/check.h"

enum { N_THREADS = 4, ROUNDS = 20 };

static char path[512], other[520];

static struct store *open_store(const char *at) {
    struct store *s = NULL;
    CHECK(store_open(at, &s, &fault) == 0);
    return s;
}

static void import(const char *trace, const char *to) {
    struct store_import_options o = {.trace = trace, .store = to};
    CHECK(store_import(&o, &fault) == 0);
}

/* What it says of all groups, and of each goroutine of the index. */
static uint64_t all_of(struct store *s) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < store_n_groups(s); i++) {
        struct store_group g = store_group(s, i);
        sum = sum * 31 + (uint64_t)g.n_goroutines + (uint64_t)g.state_ns[GO_WAITING];
    }
    for (uint32_t i = 0; i < s->n_gos; i++)
        sum = sum * 31 + store__group_of(s, s->gos[i].g, s->gos[i].start_ns);
    return sum;
}

static pthread_barrier_t together;

static void *ask(void *arg) {
    uint64_t *want = arg;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&together);
        struct store *s = NULL;
        struct fault f;
        if (store_open(path, &s, &f) < 0 || all_of(s) != *want) return arg;
        store_close(s);
    }
    return NULL;
}

int main(void) {
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/go_index_test.%d", tmp ? tmp : "/tmp", (int)getpid());
    snprintf(other, sizeof other, "%s.other", path);
    import("tests/corpus/go1.26-g10000.trace.zst", path);
    import("tests/corpus/go1.22-leak.trace", other);

    struct store *a = open_store(path), *b = open_store(path);
    uint64_t want = all_of(a);
    CHECK(a->n_gos > 10000 && all_of(b) == want);
    CHECK(a->gos == b->gos);
    store_close(a);
    CHECK(all_of(b) == want);

    CHECK(rename(other, path) == 0);
    struct store *c = open_store(path);
    CHECK(all_of(c) != want && c->gos != b->gos);
    CHECK(all_of(b) == want);
    store_close(b);
    want = all_of(c);
    store_close(c);

    pthread_t threads[N_THREADS];
    pthread_barrier_init(&together, NULL, N_THREADS);
    for (int i = 0; i < N_THREADS; i++) CHECK(pthread_create(&threads[i], NULL, ask, &want) == 0);
    for (int i = 0; i < N_THREADS; i++) {
        void *failed;
        CHECK(pthread_join(threads[i], &failed) == 0 && !failed);
    }
    unlink(path);
    puts("1 passed, 0 failed");
    return 0;
}
