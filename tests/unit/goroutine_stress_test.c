/* tests/unit/goroutine_stress_test.c - everything at once, for some seconds: workers choose at
 * random between channels, select, locks, timers, system calls, pipes, new goroutines and collected
 * memory, and what is conserved is counted.
 *
 *     goroutine_stress_test [SECONDS]        default 3; 1 where PARKVIEW_QUICK is set
 *
 * Each round takes about a second, with another number of processors; PV_TRACE records it. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/goroutines.h"

enum { WORKERS = 60, TOKENS = 12, PIPES = 4, LISTS = 30, ROUND_MS = 900 };

static struct pv_chan *tokens, *narrow, *answers;
static struct pv_waitgroup workers;
static struct pv_mutex mutex;
static struct pv_rwmutex rw;
static struct pv_cond cond;
static int64_t under_mutex, left_half, right_half, waiting_in_cond;
static _Atomic int64_t n_under_mutex, n_written, n_sent, n_received, n_children, n_ended, n_ops[9];
static int pipes[PIPES][2];
static int64_t until_ns;
static bool collect;

struct worker {
    uint32_t random;
};

static uint32_t next_random(struct worker *w) {
    w->random ^= w->random << 13;
    w->random ^= w->random >> 17;
    w->random ^= w->random << 5;
    return w->random;
}

static void use_token(struct worker *w) {
    int64_t token = -1;
    CHECK(pv_chan_recv(tokens, &token) == 1);
    CHECK(token >= 0 && token < TOKENS);
    if (next_random(w) % 2) pv_yield();
    CHECK(pv_chan_send(tokens, &token) == 0);
}

static void use_mutex(struct worker *w) {
    CHECK(pv_mutex_lock(&mutex) == 0);
    int64_t before = under_mutex++;
    if (next_random(w) % 8 == 0) pv_yield();
    if (next_random(w) % 512 == 0) pv_sleep(100000);
    CHECK(under_mutex == before + 1);
    atomic_fetch_add(&n_under_mutex, 1);
    CHECK(pv_mutex_unlock(&mutex) == 0);
}

static void use_rwmutex(struct worker *w) {
    if (next_random(w) % 4 == 0) {
        CHECK(pv_rwmutex_lock(&rw) == 0);
        left_half++;
        if (next_random(w) % 4 == 0) pv_yield();
        right_half++;
        atomic_fetch_add(&n_written, 1);
        CHECK(pv_rwmutex_unlock(&rw) == 0);
    } else {
        CHECK(pv_rwmutex_rlock(&rw) == 0);
        CHECK(left_half == right_half);
        CHECK(pv_rwmutex_runlock(&rw) == 0);
    }
}

/* Sends or receives, whichever comes first, or gives up. */
static void use_select(struct worker *w) {
    int64_t out = next_random(w), in, at;
    struct pv_timer *timer = pv_timer_start(1000 + next_random(w) % 200000, 0);
    struct pv_case cases[] = {{.chan = narrow, .dir = PV_SEND, .out_elem = &out},
                              {.chan = narrow, .dir = PV_RECV, .elem = &in},
                              {.chan = pv_timer_chan(timer), .dir = PV_RECV, .elem = &at}};
    int i = pv_select(cases, 3, true);
    CHECK(i >= 0 && cases[i].result == (cases[i].dir == PV_RECV));
    if (i == 0) atomic_fetch_add(&n_sent, out);
    if (i == 1) atomic_fetch_add(&n_received, in);
    pv_timer_free(timer);
}

static void use_kernel(struct worker *w) {
    struct timespec t = {0, (long)(next_random(w) % 300000)};
    pv_syscall_begin();
    nanosleep(&t, NULL);
    pv_syscall_end();
}

/* One byte in, one byte out: nobody waits for ever. */
static void use_pipe(struct worker *w) {
    int i = (int)(next_random(w) % PIPES);
    char c = 'p';
    ssize_t n = pv_write(pipes[i][1], &c, 1);
    CHECK(n == 1 || n == -EBUSY);
    if (n != 1) return;
    while ((n = pv_read(pipes[i][0], &c, 1)) == -EBUSY) pv_sleep(10000);
    CHECK(n == 1 && c == 'p');
}

static void child(void *arg) {
    int64_t n = (int64_t)(intptr_t)arg;
    if (n % 3 == 0) pv_sleep(n % 50000);
    CHECK(pv_chan_send(answers, &n) == 0);
    atomic_fetch_add(&n_ended, 1);
    if (n % 5 == 0) pv_goexit();
}

static void use_children(struct worker *w) {
    int64_t n;
    for (int i = 0; i < 3; i++) CHECK(pv_go(child, (void *)(intptr_t)(next_random(w) >> 1)) == 0);
    atomic_fetch_add(&n_children, 3);
    for (int i = 0; i < 3; i++) CHECK(pv_chan_recv(answers, &n) == 1); /* perhaps of others' */
}

static void use_cond(struct worker *w) {
    CHECK(pv_mutex_lock(&mutex) == 0);
    if (waiting_in_cond < WORKERS / 4 && next_random(w) % 2 && pv_nanotime() < until_ns) {
        waiting_in_cond++;
        CHECK(pv_cond_wait(&cond, &mutex) == 0);
        waiting_in_cond--;
    } else if (next_random(w) % 4) {
        pv_cond_signal(&cond);
    } else {
        pv_cond_broadcast(&cond);
    }
    CHECK(pv_mutex_unlock(&mutex) == 0);
}

struct node {
    struct node *next;
    uint64_t value;
};

static void use_memory(struct worker *w) {
    struct node *list = NULL;
    uint64_t seed = next_random(w);
    if (!collect) return;
    for (uint64_t i = 0; i < LISTS; i++) {
        struct node *n = pv_alloc(sizeof *n);
        if (!n) abort();
        *n = (struct node){list, seed + i};
        list = n;
        if (i % 10 == 0) pv_yield();
    }
    for (uint64_t i = LISTS; i-- > 0; list = list->next) CHECK(list->value == seed + i);
}

static void work(void *arg) {
    static void (*const ops[])(struct worker *) = {use_token,    use_mutex,  use_rwmutex,
                                                   use_select,   use_kernel, use_pipe,
                                                   use_children, use_cond,   use_memory};
    struct worker w = {(uint32_t)(uintptr_t)arg};
    while (pv_nanotime() < until_ns) {
        uint32_t i = next_random(&w) % (sizeof ops / sizeof *ops);
        ops[i](&w);
        atomic_fetch_add_explicit(&n_ops[i], 1, memory_order_relaxed);
    }
    CHECK(pv_mutex_lock(&mutex) == 0);
    pv_cond_broadcast(&cond); /* who waited is past the end as well */
    CHECK(pv_mutex_unlock(&mutex) == 0);
    pv_waitgroup_done(&workers);
}

static void round_of_all(void *arg) {
    (void)arg;
    until_ns = pv_nanotime() + (int64_t)ROUND_MS * 1000000;
    tokens = pv_chan_make(sizeof(int64_t), TOKENS);
    narrow = pv_chan_make(sizeof(int64_t), 0);
    answers = pv_chan_make(sizeof(int64_t), 2);
    for (int i = 0; i < PIPES; i++)
        CHECK(pipe(pipes[i]) == 0 && pv_poll_add(pipes[i][0]) == 0 &&
              pv_poll_add(pipes[i][1]) == 0);
    for (int64_t i = 0; i < TOKENS; i++) CHECK(pv_chan_send(tokens, &i) == 0);
    under_mutex = left_half = right_half = waiting_in_cond = 0;
    n_under_mutex = n_written = n_sent = n_received = n_children = n_ended = 0;
    pv_waitgroup_add(&workers, WORKERS);
    for (uintptr_t i = 0; i < WORKERS; i++) CHECK(pv_go(work, (void *)(i * 7919 + 1)) == 0);
    CHECK(pv_waitgroup_wait(&workers) == 0);
    while (pv_num_goroutine() > 1) pv_sleep(100000);
    CHECK(n_children == n_ended);
    CHECK(under_mutex == n_under_mutex && left_half == n_written && right_half == n_written);
    CHECK(n_sent == n_received);
    CHECK(pv_chan_len(tokens) == TOKENS);
    int64_t sum = 0;
    for (int64_t i = 0, token; i < TOKENS; i++)
        sum += pv_chan_recv(tokens, &token) == 1 ? token : 0;
    CHECK(sum == TOKENS * (TOKENS - 1) / 2);
    for (int i = 0; i < PIPES; i++) CHECK(pv_close(pipes[i][0]) == 0 && pv_close(pipes[i][1]) == 0);
    pv_chan_free(tokens);
    pv_chan_free(narrow);
    pv_chan_free(answers);
}

static int64_t now_s(void) {
    return pv_nanotime() / 1000000000;
}

int main(int argc, char **argv) {
    static const int procs[] = {2, 4, 1, 8};
    const char *quick = getenv("PARKVIEW_QUICK");
    int64_t end = now_s() + (argc > 1 ? atoi(argv[1]) : quick && *quick ? 1 : 3), all = 0;
    int n = 0;
    do {
        struct pv_run_options o = {.maxprocs = procs[n % 4]};
#ifndef __SANITIZE_THREAD__
        o.collect = n % 2 == 0;
#endif
        collect = o.collect;
        int rc = pv_run(&o, round_of_all, NULL);
        if (rc == -ENOSYS) {
            o.collect = collect = false;
            rc = pv_run(&o, round_of_all, NULL);
        }
        CHECK(rc == 0);
        n++;
    } while (now_s() < end && n_failed == 0);
    for (int i = 0; i < 9; i++) all += n_ops[i];
    printf("%d rounds, %lld operations\n", n, (long long)all);
    printf("%d passed, %d failed\n", n_checks - n_failed, n_failed);
    return n_failed != 0;
}
