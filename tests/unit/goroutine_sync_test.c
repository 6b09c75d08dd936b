/* tests/unit/goroutine_sync_test.c - mutex, rwmutex, wait group, condition, once. */
#include "tests/unit/goroutines.h"

enum { WORKERS = 20, ROUNDS = MANY / 10 };

static struct pv_waitgroup wg;
static struct pv_mutex mutex;
static struct pv_rwmutex rw;
static struct pv_cond cond;
static int64_t plain, seen; /* not atomic: the locks have to protect them */

static void all(pv_fn *fn, int n) {
    CHECK(pv_waitgroup_add(&wg, n) == 0);
    for (int i = 0; i < n; i++) CHECK(pv_go(fn, (void *)(intptr_t)i) == 0);
    CHECK(pv_waitgroup_wait(&wg) == 0);
}

static void count_up(void *arg) {
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(pv_mutex_lock(&mutex) == 0);
        int64_t before = plain++;
        if (i % 50 == 0) pv_yield(); /* while holding it: the others queue */
        CHECK(plain == before + 1);
        CHECK(pv_mutex_unlock(&mutex) == 0);
    }
    (void)arg;
    pv_waitgroup_done(&wg);
}

static void foreign_unlock(void *arg) {
    (void)arg;
    CHECK(pv_mutex_unlock(&mutex) == -EPERM);
    CHECK(pv_mutex_try_lock(&mutex) == -EBUSY);
    CHECK(pv_rwmutex_unlock(&rw) == -EPERM);
    pv_waitgroup_done(&wg);
}

static void test_mutex(void *arg) {
    (void)arg;
    plain = 0;
    all(count_up, WORKERS);
    CHECK(plain == (int64_t)WORKERS * ROUNDS);
    CHECK(pv_mutex_unlock(&mutex) == -EPERM);
    CHECK(pv_mutex_try_lock(&mutex) == 0 && pv_mutex_lock(&mutex) == -EDEADLK);
    all(foreign_unlock, 1);
    CHECK(pv_mutex_unlock(&mutex) == 0);
}

/* One that waits for long is served though others lock all the time. */
static _Atomic bool served;

static void hog(void *arg) {
    (void)arg;
    while (!atomic_load(&served)) {
        CHECK(pv_mutex_lock(&mutex) == 0);
        int64_t until = pv_nanotime() + 100000;
        while (pv_nanotime() < until) pv_yield();
        CHECK(pv_mutex_unlock(&mutex) == 0);
    }
    pv_waitgroup_done(&wg);
}

static void be_served(void *arg) {
    (void)arg;
    for (int i = 0; i < 3; i++) {
        CHECK(pv_mutex_lock(&mutex) == 0);
        CHECK(pv_mutex_unlock(&mutex) == 0);
    }
    atomic_store(&served, true);
    pv_waitgroup_done(&wg);
}

static void test_starving(void *arg) {
    (void)arg;
    served = false;
    CHECK(pv_waitgroup_add(&wg, 4) == 0);
    for (int i = 0; i < 3; i++) pv_go(hog, NULL);
    pv_go(be_served, NULL);
    CHECK(pv_waitgroup_wait(&wg) == 0);
}

static void read_or_write(void *arg) {
    intptr_t me = (intptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        if ((i + me) % 5 == 0) {
            CHECK(pv_rwmutex_lock(&rw) == 0);
            plain++;
            if (i % 50 == 0) pv_yield();
            seen++;
            CHECK(pv_rwmutex_unlock(&rw) == 0);
        } else {
            CHECK(pv_rwmutex_rlock(&rw) == 0);
            int64_t a = plain;
            if (i % 30 == 0) pv_yield();
            CHECK(plain == a && seen == a);
            CHECK(pv_rwmutex_runlock(&rw) == 0);
        }
    }
    pv_waitgroup_done(&wg);
}

static void test_rwmutex(void *arg) {
    (void)arg;
    plain = seen = 0;
    all(read_or_write, WORKERS);
    CHECK(plain == (int64_t)WORKERS * ROUNDS / 5 && seen == plain);
    CHECK(pv_rwmutex_runlock(&rw) == -EPERM && pv_rwmutex_unlock(&rw) == -EPERM);
    CHECK(pv_rwmutex_lock(&rw) == 0);
    CHECK(pv_rwmutex_lock(&rw) == -EDEADLK && pv_rwmutex_rlock(&rw) == -EDEADLK);
    CHECK(pv_rwmutex_unlock(&rw) == 0);
}

/* Two readers at once, and a writer between them that waits. */
static _Atomic bool asked;

static void write_once(void *arg) {
    (void)arg;
    atomic_store(&asked, true);
    CHECK(pv_rwmutex_lock(&rw) == 0);
    plain = 1;
    CHECK(pv_rwmutex_unlock(&rw) == 0);
    pv_waitgroup_done(&wg);
}

static void read_late(void *arg) {
    (void)arg;
    CHECK(pv_rwmutex_rlock(&rw) == 0);
    CHECK(plain == 1); /* the writer was there first */
    CHECK(pv_rwmutex_runlock(&rw) == 0);
    pv_waitgroup_done(&wg);
}

static void test_writer_first(void *arg) {
    (void)arg;
    plain = 0;
    CHECK(pv_rwmutex_rlock(&rw) == 0 && pv_rwmutex_rlock(&rw) == 0);
    CHECK(pv_waitgroup_add(&wg, 2) == 0);
    asked = false;
    pv_go(write_once, NULL);
    while (!asked) pv_sleep(1000000);
    pv_sleep(20000000); /* it waits now */
    pv_go(read_late, NULL);
    pv_sleep(2000000);
    CHECK(plain == 0);
    CHECK(pv_rwmutex_runlock(&rw) == 0 && pv_rwmutex_runlock(&rw) == 0);
    CHECK(pv_waitgroup_wait(&wg) == 0);
}

static void test_waitgroup(void *arg) {
    (void)arg;
    CHECK(pv_waitgroup_done(&wg) == -ERANGE && pv_waitgroup_add(&wg, -5) == -ERANGE);
    CHECK(pv_waitgroup_add(&wg, INT64_MAX) == 0 && pv_waitgroup_add(&wg, 1) == -ERANGE);
    CHECK(pv_waitgroup_add(&wg, -INT64_MAX) == 0);
    CHECK(pv_waitgroup_wait(&wg) == 0);
}

static void consume(void *arg) {
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(pv_mutex_lock(&mutex) == 0);
        while (plain == 0) CHECK(pv_cond_wait(&cond, &mutex) == 0);
        plain--;
        seen++;
        CHECK(pv_mutex_unlock(&mutex) == 0);
    }
    pv_waitgroup_done(&wg);
}

static void produce(void *arg) {
    intptr_t me = (intptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(pv_mutex_lock(&mutex) == 0);
        plain++;
        CHECK(pv_mutex_unlock(&mutex) == 0);
        if (me % 2)
            pv_cond_signal(&cond);
        else
            pv_cond_broadcast(&cond);
    }
    pv_waitgroup_done(&wg);
}

static void test_cond(void *arg) {
    (void)arg;
    plain = seen = 0;
    CHECK(pv_cond_wait(&cond, &mutex) == -EPERM);
    CHECK(pv_waitgroup_add(&wg, WORKERS) == 0);
    for (intptr_t i = 0; i < WORKERS; i++) pv_go(i % 2 ? consume : produce, (void *)(i / 2));
    CHECK(pv_waitgroup_wait(&wg) == 0);
    CHECK(plain == 0 && seen == (int64_t)WORKERS / 2 * ROUNDS);
}

static struct pv_once once;

static void set(void *arg) {
    (void)arg;
    pv_yield();
    CHECK(pv_once_do(&once, set, NULL) == -EDEADLK);
    plain++;
}

static void use(void *arg) {
    (void)arg;
    CHECK(pv_once_do(&once, set, NULL) == 0);
    CHECK(plain == 1);
    pv_waitgroup_done(&wg);
}

static void test_once(void *arg) {
    (void)arg;
    once = (struct pv_once){0};
    plain = 0;
    all(use, WORKERS);
}

static const struct goroutines_test tests[] = {
    {"mutex", test_mutex, 0},
    {"starving", test_starving, 0},
    {"rwmutex", test_rwmutex, 0},
    {"writer first", test_writer_first, 0},
    {"wait group", test_waitgroup, 0},
    {"cond", test_cond, 0},
    {"once", test_once, 0},
};

int main(void) {
    return RUN(tests);
}
