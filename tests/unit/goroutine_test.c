/* tests/unit/goroutine_test.c - goroutines' lives: made, yielding, ended, many, deadlocked; timers;
 * system calls that keep nobody else waiting; and runs one after another. */
#include "tests/unit/goroutines.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct pv_waitgroup wg;
static _Atomic int count;

static void add_one(void *arg) {
    (void)arg;
    atomic_fetch_add(&count, 1);
    pv_waitgroup_done(&wg);
}

static void test_many(void *arg) {
    (void)arg;
    count = 0;
    CHECK(pv_goid() == 1);
    for (int round = 0; round < 3; round++) {
        pv_waitgroup_add(&wg, MANY);
        for (int i = 0; i < MANY; i++) CHECK(pv_go(add_one, NULL) == 0);
        CHECK(pv_waitgroup_wait(&wg) == 0);
        CHECK(count == (round + 1) * MANY);
    }
}

static uint64_t use_stack(int depth) {
    volatile char page[512];
    memset((char *)page, depth, sizeof page);
    if (depth == 0) return pv_goid();
    if (depth % 7 == 0) pv_yield();
    uint64_t id = use_stack(depth - 1);
    return page[100] == (char)depth ? id : 0;
}

static void deep(void *arg) {
    (void)arg;
    CHECK(use_stack(40) == pv_goid());
    pv_waitgroup_done(&wg);
}

static void test_stacks(void *arg) {
    (void)arg;
    pv_waitgroup_add(&wg, 100);
    for (int i = 0; i < 100; i++) CHECK(pv_go(deep, NULL) == 0);
    CHECK(pv_waitgroup_wait(&wg) == 0);
}

static void end_early(void *arg) {
    pv_waitgroup_done(&wg);
    pv_goexit();
    atomic_store((_Atomic int *)arg, -1);
}

static void test_exit(void *arg) {
    (void)arg;
    count = 0;
    pv_waitgroup_add(&wg, 10);
    for (int i = 0; i < 10; i++) CHECK(pv_go(end_early, &count) == 0);
    pv_waitgroup_wait(&wg);
    while (pv_num_goroutine() > 1) pv_yield();
    CHECK(count == 0);
    pv_goexit(); /* also the first may */
}

/* Two that only yield let a third run, on one processor as well. */
static void spin_until(void *arg) {
    while (atomic_load((_Atomic int *)arg) == 0) pv_yield();
    pv_waitgroup_done(&wg);
}

static void test_yield(void *arg) {
    (void)arg;
    count = 0;
    pv_waitgroup_add(&wg, 3);
    pv_go(spin_until, &count);
    pv_go(spin_until, &count);
    pv_go(add_one, NULL);
    CHECK(pv_waitgroup_wait(&wg) == 0);
}

static void test_sleep(void *arg) {
    (void)arg;
    int64_t begun = pv_nanotime();
    CHECK(pv_sleep(3000000) == 0);
    CHECK(pv_nanotime() - begun >= 3000000);
    CHECK(pv_sleep(0) == 0 && pv_sleep(-5) == 0);
}

static _Atomic int order;

static void sleep_for(void *arg) {
    int ms = (int)(intptr_t)arg;
    pv_sleep((int64_t)ms * 10000000);
    int place = atomic_fetch_add(&order, 1);
    CHECK(place == ms - 1 || pv_num_proc() > 1); /* of two threads the kernel may stop one */
    pv_waitgroup_done(&wg);
}

static void test_sleep_order(void *arg) {
    (void)arg;
    static const int ms[] = {3, 1, 5, 2, 4};
    order = 0;
    pv_waitgroup_add(&wg, 5);
    for (int i = 0; i < 5; i++) pv_go(sleep_for, (void *)(intptr_t)ms[i]);
    CHECK(pv_waitgroup_wait(&wg) == 0);
}

static void test_timer(void *arg) {
    (void)arg;
    int64_t at, begun = pv_nanotime();
    struct pv_timer *once = pv_timer_start(2000000, 0), *often = pv_timer_start(1000000, 1000000);
    struct pv_timer *never = pv_timer_start(INT64_MAX, 0);
    CHECK(pv_chan_recv(pv_timer_chan(once), &at) == 1 && at - begun >= 2000000);
    for (int i = 0; i < 3; i++) CHECK(pv_chan_recv(pv_timer_chan(often), &at) == 1);
    CHECK(at - begun >= 3000000);
    CHECK(!pv_timer_stop(once));
    CHECK(pv_timer_stop(often) && !pv_timer_stop(often));
    CHECK(pv_timer_stop(never));
    pv_timer_free(once);
    pv_timer_free(often);
    pv_timer_free(never);
    pv_timer_free(NULL);
}

/* Who computes and passes a checkpoint gives way after a while. */
static void compute(void *arg) {
    while (atomic_load((_Atomic int *)arg) == 0) pv_checkpoint();
    pv_waitgroup_done(&wg);
}

static void test_checkpoint(void *arg) {
    (void)arg;
    count = 0;
    pv_waitgroup_add(&wg, 9);
    for (int i = 0; i < 8; i++) pv_go(compute, &count);
    pv_go(add_one, NULL);
    CHECK(pv_waitgroup_wait(&wg) == 0);
}

/* A thread in a system call loses its processor, so that others go on meanwhile. */
static int pipe_fds[2];

static void write_one(void *arg) {
    (void)arg;
    CHECK(write(pipe_fds[1], "x", 1) == 1);
}

static void test_syscall(void *arg) {
    char c = 0;
    (void)arg;
    CHECK(pipe(pipe_fds) == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(pv_go(write_one, NULL) == 0);
        /* Read in the kernel: with one processor the writer runs only if that one is given away. */
        CHECK(pv_read(pipe_fds[0], &c, 1) == 1 && c == 'x');
    }
    pv_syscall_begin();
    CHECK(pv_sleep(1) == -EPERM); /* not between the two */
    pv_syscall_end();
    CHECK(pv_goid() == 1);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void read_one(void *arg) {
    char c;
    *(ssize_t *)arg = read(pipe_fds[0], &c, 1);
}

static void test_block(void *arg) {
    ssize_t got = 0;
    (void)arg;
    CHECK(pipe(pipe_fds) == 0);
    CHECK(pv_go(write_one, NULL) == 0);
    CHECK(pv_block(read_one, &got) == 0);
    CHECK(got == 1);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

/* Thirty at once in system calls, on fewer processors. */
static void nap(void *arg) {
    struct timespec t = {0, 2000000};
    (void)arg;
    for (int i = 0; i < 5; i++) {
        pv_syscall_begin();
        nanosleep(&t, NULL);
        pv_syscall_end();
    }
    pv_waitgroup_done(&wg);
}

static void test_syscalls(void *arg) {
    (void)arg;
    pv_waitgroup_add(&wg, 30);
    for (int i = 0; i < 30; i++) CHECK(pv_go(nap, NULL) == 0);
    CHECK(pv_waitgroup_wait(&wg) == 0);
}

/* One is left behind in a system call when the first goroutine ends: it must not come back into a
 * later run.  (pv_run waits for nobody.) */
static void stay(void *arg) {
    struct timespec t = {0, 30000000};
    (void)arg;
    atomic_fetch_add(&count, 1);
    pv_syscall_begin();
    nanosleep(&t, NULL);
    pv_syscall_end();
    pv_yield();
    atomic_fetch_add(&count, 100);
}

static void test_left_behind(void *arg) {
    (void)arg;
    count = 0;
    pv_go(stay, NULL);
    while (count == 0) pv_yield();
}

static void test_after_it(void *arg) {
    (void)arg;
    pv_sleep(40000000);
    CHECK(count == 1);
}

static void park_for_ever(void *arg) {
    (void)arg;
    pv_chan_recv(NULL, NULL);
}

static void test_deadlock(void *arg) {
    (void)arg;
    for (int i = 0; i < 5; i++) pv_go(park_for_ever, NULL);
    pv_sleep(1000000);
    pv_chan_send(NULL, NULL);
}

static void test_left_waiting(void *arg) {
    (void)arg;
    for (int i = 0; i < 5; i++) pv_go(park_for_ever, NULL);
    for (int i = 0; i < 5; i++) pv_go(sleep_for, (void *)1000000);
    pv_yield();
}

static void test_outside(void) {
    struct pv_mutex mutex = {0};
    int64_t v;
    CHECK(pv_go(add_one, NULL) == -EPERM);
    CHECK(pv_sleep(1) == -EPERM);
    CHECK(pv_chan_recv(NULL, &v) == -EPERM);
    CHECK(pv_mutex_lock(&mutex) == -EPERM);
    CHECK(pv_select(NULL, 0, true) == -EPERM);
    CHECK(pv_read(0, &v, 1) == -EPERM);
    CHECK(pv_goid() == 0);
    CHECK(pv_alloc(1) == NULL);
    pv_yield();
    pv_checkpoint();
    pv_syscall_begin();
    pv_syscall_end();
    struct pv_run_options bad = {.maxprocs = -1};
    CHECK(pv_run(&bad, add_one, NULL) == -EINVAL);
    CHECK(pv_run(NULL, NULL, NULL) == -EINVAL);
}

static void run_again(void *arg) {
    *(int *)arg = pv_run(NULL, add_one, NULL);
}

/* Each stack ends at a guard: who runs over it is named, and the program ends. */
static int fall(int depth) {
    volatile char page[3000];
    page[0] = (char)depth;
    return depth < 1 << 20 ? fall(depth + 1) + page[0] : 0;
}

static void overflow(void *arg) {
    *(int *)arg = fall(0);
}

static void test_overflow(void) {
    int unused, status = 0, said[2];
    struct pv_run_options o = {.maxprocs = 1, .stack_bytes = 32768};
    CHECK(pipe(said) == 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(said[1], STDERR_FILENO);
        pv_run(&o, overflow, &unused);
        _exit(0);
    }
    close(said[1]);
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
#ifdef SANITIZED
    CHECK(!WIFEXITED(status) ||
          WEXITSTATUS(status) != 0); /* the sanitizer says it in its own words */
#else
    char text[200] = "";
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    CHECK(read(said[0], text, sizeof text - 1) > 0);
    CHECK(strstr(text, "goroutine 1: its stack of 32768 bytes is full") != NULL);
#endif
    close(said[0]);
}

static const struct goroutines_test tests[] = {
    {"many", test_many, 0},
    {"stacks", test_stacks, 0},
    {"exit", test_exit, 0},
    {"yield", test_yield, 0},
    {"sleep", test_sleep, 0},
    {"sleep order", test_sleep_order, 0},
    {"timer", test_timer, 0},
    {"checkpoint", test_checkpoint, 0},
    {"syscall", test_syscall, 0},
    {"block", test_block, 0},
    {"syscalls", test_syscalls, 0},
    {"left behind", test_left_behind, 0},
    {"after it", test_after_it, 0},
    {"deadlock", test_deadlock, -EDEADLK},
    {"left waiting", test_left_waiting, 0},
};

int main(void) {
    int again = 0;
    test_outside();
    test_overflow();
    CHECK(pv_run(NULL, run_again, &again) == 0 && again == -EBUSY);
    return RUN(tests);
}
