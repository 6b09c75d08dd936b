/* tests/unit/goroutine_chan_test.c - channels and select: order, capacity, closing, waiting from
 * both sides, every element once under load. */
#include "tests/unit/goroutines.h"

#include <string.h>

static struct pv_waitgroup wg;
static struct pv_chan *chan, *other;

static void send_three(void *arg) {
    (void)arg;
    for (int64_t i = 1; i <= 3; i++) CHECK(pv_chan_send(chan, &i) == 0);
    CHECK(pv_chan_close(chan) == 0);
}

static void test_order(void *arg) {
    (void)arg;
    for (size_t cap = 0; cap < 5; cap++) {
        int64_t v = -1;
        chan = pv_chan_make(sizeof v, cap);
        CHECK(pv_chan_cap(chan) == cap && pv_chan_len(chan) == 0);
        CHECK(pv_go(send_three, NULL) == 0);
        for (int64_t i = 1; i <= 3; i++) CHECK(pv_chan_recv(chan, &v) == 1 && v == i);
        CHECK(pv_chan_recv(chan, &v) == 0 && v == 0);
        CHECK(pv_chan_recv(chan, NULL) == 0);
        CHECK(pv_chan_send(chan, &v) == -EPIPE);
        CHECK(pv_chan_try_send(chan, &v) == -EPIPE);
        CHECK(pv_chan_try_recv(chan, &v) == 0);
        CHECK(pv_chan_close(chan) == -EPIPE);
        pv_chan_free(chan);
    }
    CHECK(pv_chan_close(NULL) == -EINVAL);
    CHECK(pv_chan_try_send(NULL, NULL) == -EAGAIN && pv_chan_try_recv(NULL, NULL) == -EAGAIN);
    CHECK(pv_chan_make(SIZE_MAX / 2, 3) == NULL);
    pv_chan_free(NULL);
}

static void test_try(void *arg) {
    int64_t v = 7;
    (void)arg;
    chan = pv_chan_make(sizeof v, 2);
    CHECK(pv_chan_try_recv(chan, &v) == -EAGAIN && v == 7);
    CHECK(pv_chan_try_send(chan, &v) == 0 && pv_chan_try_send(chan, &v) == 0);
    CHECK(pv_chan_try_send(chan, &v) == -EAGAIN && pv_chan_len(chan) == 2);
    v = 0;
    CHECK(pv_chan_try_recv(chan, &v) == 1 && v == 7);
    pv_chan_free(chan);
    struct pv_chan *signals = pv_chan_make(0, 1); /* elements of no size */
    CHECK(pv_chan_send(signals, NULL) == 0 && pv_chan_recv(signals, NULL) == 1);
    pv_chan_free(signals);
}

struct wide {
    char text[100];
};

static void send_wide(void *arg) {
    struct wide w = {"a wide element"};
    (void)arg;
    for (int i = 0; i < 100; i++) {
        w.text[99] = (char)i;
        CHECK(pv_chan_send(chan, &w) == 0);
    }
}

static void test_wide(void *arg) {
    (void)arg;
    chan = pv_chan_make(sizeof(struct wide), 3);
    CHECK(pv_go(send_wide, NULL) == 0);
    for (int i = 0; i < 100; i++) {
        struct wide w;
        CHECK(pv_chan_recv(chan, &w) == 1);
        CHECK(w.text[99] == (char)i && strcmp(w.text, "a wide element") == 0);
    }
    pv_chan_free(chan);
}

/* Several senders and receivers: the sum tells whether each element arrived once. */
enum { SENDERS = 8, RECEIVERS = 5, EACH = MANY / 5 };
static _Atomic int64_t sum;

static void send_many(void *arg) {
    int64_t from = (int64_t)(intptr_t)arg * EACH;
    for (int64_t i = from; i < from + EACH; i++) {
        CHECK(pv_chan_send(chan, &i) == 0);
        if (i % 97 == 0) pv_yield();
    }
    pv_waitgroup_done(&wg);
}

static void recv_many(void *arg) {
    int64_t v, mine = 0;
    (void)arg;
    while (pv_chan_recv(chan, &v) == 1) mine += v;
    atomic_fetch_add(&sum, mine);
    CHECK(pv_chan_send(other, NULL) == 0);
}

static void test_load(void *arg) {
    (void)arg;
    for (size_t cap = 0; cap < 20; cap += 7) {
        int64_t n = SENDERS * EACH;
        chan = pv_chan_make(sizeof(int64_t), cap);
        other = pv_chan_make(0, 0);
        sum = 0;
        pv_waitgroup_add(&wg, SENDERS);
        for (int i = 0; i < RECEIVERS; i++) pv_go(recv_many, NULL);
        for (intptr_t i = 0; i < SENDERS; i++) pv_go(send_many, (void *)i);
        CHECK(pv_waitgroup_wait(&wg) == 0);
        pv_chan_close(chan);
        for (int i = 0; i < RECEIVERS; i++) CHECK(pv_chan_recv(other, NULL) == 1);
        CHECK(sum == n * (n - 1) / 2);
        pv_chan_free(chan);
        pv_chan_free(other);
    }
}

static void expect_closed_send(void *arg) {
    int64_t v = 1;
    (void)arg;
    CHECK(pv_chan_send(chan, &v) == -EPIPE);
    pv_waitgroup_done(&wg);
}

static void expect_closed_recv(void *arg) {
    int64_t v = 1;
    (void)arg;
    CHECK(pv_chan_recv(other, &v) == 0 && v == 0);
    pv_waitgroup_done(&wg);
}

static void test_close_wakes(void *arg) {
    (void)arg;
    chan = pv_chan_make(sizeof(int64_t), 0);
    other = pv_chan_make(sizeof(int64_t), 0);
    pv_waitgroup_add(&wg, 8);
    for (int i = 0; i < 4; i++) {
        pv_go(expect_closed_send, NULL);
        pv_go(expect_closed_recv, NULL);
    }
    pv_sleep(1000000);
    CHECK(pv_chan_close(chan) == 0 && pv_chan_close(other) == 0);
    CHECK(pv_waitgroup_wait(&wg) == 0);
    pv_chan_free(chan);
    pv_chan_free(other);
}

/* ---- select ---- */

static void test_select_now(void *arg) {
    int64_t v = 5, got = 0;
    (void)arg;
    chan = pv_chan_make(sizeof v, 1);
    other = pv_chan_make(sizeof v, 1);
    struct pv_case cases[] = {{.chan = chan, .dir = PV_RECV, .elem = &got},
                              {.chan = other, .dir = PV_RECV, .elem = &got},
                              {.chan = NULL, .dir = PV_SEND, .out_elem = &v}};
    CHECK(pv_select(cases, 3, false) == -EAGAIN);
    CHECK(pv_select(cases, PV_SELECT_MAX + 1, false) == -EINVAL);
    CHECK(pv_select(cases, -1, false) == -EINVAL);
    CHECK(pv_select(NULL, 0, false) == -EAGAIN);
    CHECK(pv_chan_send(other, &v) == 0);
    CHECK(pv_select(cases, 3, true) == 1 && cases[1].result == 1 && got == 5);
    cases[2].chan = other;
    CHECK(pv_select(cases, 3, true) == 2 && cases[2].result == 0);
    CHECK(pv_chan_close(chan) == 0 && pv_chan_recv(other, &got) == 1);
    got = 9;
    cases[2].chan = NULL;
    CHECK(pv_select(cases, 3, true) == 0 && cases[0].result == 0 && got == 0);
    int n_of[2] = {0, 0}; /* of two that can, neither always wins */
    CHECK(pv_chan_close(other) == 0);
    for (int i = 0; i < 200; i++) n_of[pv_select(cases, 2, true)]++;
    CHECK(n_of[0] > 0 && n_of[1] > 0);
    cases[2].chan = other;
    cases[0].chan = cases[1].chan = NULL;
    CHECK(pv_select(cases, 3, true) == 2 && cases[2].result == -EPIPE);
    pv_chan_free(chan);
    pv_chan_free(other);
}

static void select_sender(void *arg) {
    int64_t from = (int64_t)(intptr_t)arg * EACH, v;
    struct pv_case cases[] = {{.chan = chan, .dir = PV_SEND, .out_elem = &v},
                              {.chan = other, .dir = PV_SEND, .out_elem = &v}};
    for (v = from; v < from + EACH; v++) {
        int i = pv_select(cases, 2, true);
        CHECK(i >= 0 && cases[i].result == 0);
    }
    pv_waitgroup_done(&wg);
}

/* Everybody selects on the same two channels, some from both sides. */
static void test_select_load(void *arg) {
    (void)arg;
    int64_t v, n = SENDERS * EACH;
    for (size_t cap = 0; cap < 4; cap += 3) {
        chan = pv_chan_make(sizeof(int64_t), cap);
        other = pv_chan_make(sizeof(int64_t), 0);
        sum = 0;
        pv_waitgroup_add(&wg, SENDERS);
        for (intptr_t i = 0; i < SENDERS; i++) pv_go(select_sender, (void *)i);
        struct pv_case cases[] = {{.chan = other, .dir = PV_RECV, .elem = &v},
                                  {.chan = NULL, .dir = PV_RECV, .elem = &v},
                                  {.chan = chan, .dir = PV_RECV, .elem = &v}};
        for (int64_t i = 0; i < n; i++) {
            int got = pv_select(cases, 3, true);
            CHECK((got == 0 || got == 2) && cases[got].result == 1);
            sum += v;
        }
        CHECK(sum == n * (n - 1) / 2);
        CHECK(pv_waitgroup_wait(&wg) == 0);
        pv_chan_free(chan);
        pv_chan_free(other);
    }
}

static void select_closed(void *arg) {
    int64_t v = 3;
    (void)arg;
    struct pv_case cases[] = {{.chan = chan, .dir = PV_RECV, .elem = &v},
                              {.chan = chan, .dir = PV_RECV, .elem = &v}};
    int i = pv_select(cases, 2, true);
    CHECK(i >= 0 && cases[i].result == 0 && v == 0);
    struct pv_case sends[] = {{.chan = other, .dir = PV_SEND, .out_elem = &v}};
    CHECK(pv_select(sends, 1, true) == 0 && sends[0].result == -EPIPE);
    pv_waitgroup_done(&wg);
}

static void test_select_close(void *arg) {
    (void)arg;
    chan = pv_chan_make(sizeof(int64_t), 0);
    other = pv_chan_make(sizeof(int64_t), 0);
    pv_waitgroup_add(&wg, 4);
    for (int i = 0; i < 4; i++) pv_go(select_closed, NULL);
    pv_sleep(1000000);
    CHECK(pv_chan_close(chan) == 0);
    pv_sleep(1000000);
    CHECK(pv_chan_close(other) == 0);
    CHECK(pv_waitgroup_wait(&wg) == 0);
    pv_chan_free(chan);
    pv_chan_free(other);
}

static void test_select_timeout(void *arg) {
    int64_t at = 0;
    (void)arg;
    chan = pv_chan_make(sizeof at, 0);
    struct pv_timer *timer = pv_timer_start(2000000, 0);
    struct pv_case cases[] = {{.chan = chan, .dir = PV_RECV, .elem = &at},
                              {.chan = pv_timer_chan(timer), .dir = PV_RECV, .elem = &at}};
    CHECK(pv_select(cases, 2, true) == 1 && cases[1].result == 1 && at > 0);
    pv_timer_free(timer);
    pv_chan_free(chan);
}

static void test_select_nothing(void *arg) {
    (void)arg;
    pv_select(NULL, 0, true); /* for ever */
    CHECK(false);
}

static const struct goroutines_test tests[] = {
    {"order", test_order, 0},
    {"try", test_try, 0},
    {"wide", test_wide, 0},
    {"load", test_load, 0},
    {"close wakes", test_close_wakes, 0},
    {"select now", test_select_now, 0},
    {"select load", test_select_load, 0},
    {"select close", test_select_close, 0},
    {"select timeout", test_select_timeout, 0},
    {"select nothing", test_select_nothing, -EDEADLK},
};

int main(void) {
    return RUN(tests);
}
