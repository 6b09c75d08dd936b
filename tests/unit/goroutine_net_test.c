/* tests/unit/goroutine_net_test.c - the poller: accept, connect, read, write, closing under a
 * reader, pipes, and many connections at once. */
#include "tests/unit/goroutines.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { CLIENTS = 50, TURNS = 20, BIG = 1 << 20 };

static struct pv_waitgroup wg;
static uint16_t port;

static void echo(void *arg) {
    int fd = (int)(intptr_t)arg;
    char buffer[512];
    ssize_t n;
    while ((n = pv_read(fd, buffer, sizeof buffer)) > 0)
        CHECK(pv_write(fd, buffer, (size_t)n) == n);
    CHECK(n == 0);
    CHECK(pv_close(fd) == 0);
    pv_waitgroup_done(&wg);
}

static void serve(void *arg) {
    int listener = (int)(intptr_t)arg, fd;
    while ((fd = pv_accept(listener)) >= 0) {
        pv_waitgroup_add(&wg, 1);
        CHECK(pv_go(echo, (void *)(intptr_t)fd) == 0);
    }
    CHECK(fd == -ECANCELED);
    pv_waitgroup_done(&wg);
}

static void client(void *arg) {
    char sent[64], got[64];
    int fd = pv_connect("127.0.0.1", port);
    CHECK(fd >= 0);
    for (int i = 0; i < TURNS; i++) {
        int n = snprintf(sent, sizeof sent, "turn %d of client %d", i, (int)(intptr_t)arg);
        CHECK(pv_write(fd, sent, (size_t)n) == n);
        for (ssize_t at = 0, some; at < n; at += some) {
            some = pv_read(fd, got + at, sizeof got - (size_t)at);
            if (some <= 0) break;
        }
        CHECK(memcmp(sent, got, (size_t)n) == 0);
    }
    CHECK(pv_close(fd) == 0);
    pv_waitgroup_done(&wg);
}

static void test_echo(void *arg) {
    (void)arg;
    int listener = pv_listen("127.0.0.1", 0);
    CHECK(listener >= 0);
    port = (uint16_t)pv_local_port(listener);
    pv_waitgroup_add(&wg, CLIENTS);
    pv_waitgroup_add(&wg, 1);
    pv_go(serve, (void *)(intptr_t)listener);
    for (intptr_t i = 0; i < CLIENTS; i++) CHECK(pv_go(client, (void *)i) == 0);
    pv_sleep(1000000);
    while (pv_num_goroutine() > 2) pv_sleep(500000); /* the server and this one */
    CHECK(pv_close(listener) == 0);
    CHECK(pv_waitgroup_wait(&wg) == 0);
}

/* More than the kernel takes at once: the writer waits until the reader made room. */
static int ends[2];

static void write_big(void *arg) {
    char *big = malloc(BIG);
    (void)arg;
    memset(big, 'b', BIG);
    CHECK(pv_write(ends[1], big, BIG) == BIG);
    CHECK(pv_close(ends[1]) == 0);
    free(big);
}

static void test_big(void *arg) {
    static char buffer[70000];
    size_t all = 0;
    ssize_t n;
    (void)arg;
    CHECK(pipe(ends) == 0 && pv_poll_add(ends[0]) == 0 && pv_poll_add(ends[1]) == 0);
    CHECK(pv_go(write_big, NULL) == 0);
    while ((n = pv_read(ends[0], buffer, sizeof buffer)) > 0) all += (size_t)n;
    CHECK(n == 0 && all == BIG);
    CHECK(pv_close(ends[0]) == 0);
}

static void read_closed(void *arg) {
    char c;
    (void)arg;
    CHECK(pv_read(ends[0], &c, 1) == -ECANCELED);
    pv_waitgroup_done(&wg);
}

static void test_close_wakes(void *arg) {
    char c;
    (void)arg;
    CHECK(pipe(ends) == 0 && pv_poll_add(ends[0]) == 0);
    pv_waitgroup_add(&wg, 1);
    CHECK(pv_go(read_closed, NULL) == 0);
    pv_sleep(2000000);
    CHECK(pv_read(ends[0], &c, 1) == -EBUSY); /* one reader at a time */
    CHECK(pv_close(ends[0]) == 0);
    CHECK(pv_waitgroup_wait(&wg) == 0);
    CHECK(close(ends[1]) == 0);
}

static void test_refused(void *arg) {
    char c;
    (void)arg;
    int listener = pv_listen("127.0.0.1", 0);
    int closed_port = pv_local_port(listener);
    CHECK(pv_close(listener) == 0);
    CHECK(pv_connect("127.0.0.1", (uint16_t)closed_port) == -ECONNREFUSED);
    CHECK(pv_connect("nowhere", 1) == -EINVAL && pv_listen("nowhere", 1) == -EINVAL);
    CHECK(pv_poll_add(-1) == -EBADF && pv_close(-1) == -EBADF && pv_accept(-1) == -EBADF);
    CHECK(pv_read(-1, &c, 1) == -EBADF && pv_write(-1, &c, 1) == -EBADF);
    int file = open("/dev/null", O_RDWR); /* not pollable: system calls */
    CHECK(pv_poll_add(file) == -EPERM);
    CHECK(pv_write(file, "abc", 3) == 3 && pv_read(file, &c, 1) == 0);
    CHECK(pv_close(file) == 0);
}

/* A peer that is gone is an error, no signal. */
static void test_broken(void *arg) {
    static char junk[1 << 16];
    (void)arg;
    int listener = pv_listen("127.0.0.1", 0);
    int a = pv_connect("127.0.0.1", (uint16_t)pv_local_port(listener)), b = pv_accept(listener);
    CHECK(a >= 0 && b >= 0 && pv_close(b) == 0);
    ssize_t rc = 0;
    for (int i = 0; i < 100 && rc >= 0; i++) rc = pv_write(a, junk, sizeof junk);
    CHECK(rc == -EPIPE || rc == -ECONNRESET);
    CHECK(pv_close(a) == 0 && pv_close(listener) == 0);
}

static const struct goroutines_test tests[] = {
    {"echo", test_echo, 0},       {"big", test_big, 0},       {"close wakes", test_close_wakes, 0},
    {"refused", test_refused, 0}, {"broken", test_broken, 0},
};

int main(void) {
    return RUN(tests);
}
