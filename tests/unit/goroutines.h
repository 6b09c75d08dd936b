/* tests/unit/goroutines.h - what the tests of the runtime share: checks that may fail on any
 * goroutine, and one run of each test on one, two and four processors. */
#ifndef PARKVIEW_TESTS_GOROUTINES_H
#define PARKVIEW_TESTS_GOROUTINES_H

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tracer/runtime/goroutine.h"

#if defined(__has_feature) /* clang's way of telling */
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif

#ifdef SANITIZED
#define MANY 500 /* the sanitizers keep shadows of each */
#else
#define MANY 10000
#endif

static _Atomic int n_checks, n_failed;

static inline void check_at(bool ok, const char *what, const char *file, int line) {
    atomic_fetch_add(&n_checks, 1);
    if (ok) return;
    atomic_fetch_add(&n_failed, 1);
    printf("failed: %s:%d: %s\n", file, line, what);
}
#define CHECK(condition) check_at((condition), #condition, __FILE__, __LINE__)

struct goroutines_test {
    const char *name;
    pv_fn *fn;
    int result; /* of pv_run */
};

static inline int goroutines_run_with(const struct goroutines_test *tests, size_t n,
                                      struct pv_run_options o) {
    static const int procs[] = {1, 2, 4};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof procs / sizeof *procs; k++) {
            o.maxprocs = procs[k];
            int rc = pv_run(&o, tests[i].fn, NULL);
            if (rc != tests[i].result) printf("%s on %d: pv_run %d\n", tests[i].name, procs[k], rc);
            CHECK(rc == tests[i].result);
        }
    printf("%d passed, %d failed\n", n_checks - n_failed, n_failed);
    return n_failed != 0;
}
#define RUN(tests)                                                                                 \
    goroutines_run_with(tests, sizeof tests / sizeof *tests, (struct pv_run_options){0})

#endif
