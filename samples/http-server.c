/* samples/http-server.c - HTTP, one goroutine a connection; `wrk http://127.0.0.1:8080/` can load
 * it.
 *
 *     http-server [PORT [RING]]         serves until it is killed
 *     http-server --self RING           serves itself a few hundred requests, recorded
 *
 * Each connection waits in "IO wait" for its next request; the table of visits has a lock, and a
 * logger takes lines over a channel: when it is slow, requests wait in "chan send". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/parkview.h"
#include "tracer/runtime/goroutine.h"

enum { BUFFER = 4096, CLIENTS = 8, REQUESTS = 50 };
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                             "Content-Length: 14\r\n\r\nhello, world!\n";

static uint16_t port = 8080;
static bool load_myself;
static struct pv_mutex visits_lock;
static int64_t visits;
static struct pv_chan *log_lines;
static struct pv_waitgroup clients;

static void count_visit(void) {
    pv_mutex_lock(&visits_lock);
    int64_t n = ++visits;
    pv_mutex_unlock(&visits_lock);
    if (n % 64 == 0) pv_chan_send(log_lines, &n);
}

static void write_log(void *arg) {
    int64_t n;
    (void)arg;
    while (pv_chan_recv(log_lines, &n) == 1)
        if (load_myself) pv_sleep(1000000); /* a slow disk */
}

/* One request after another, also several at once in the buffer. */
static void serve(void *arg) {
    int fd = (int)(intptr_t)arg;
    char buffer[BUFFER + 1];
    size_t n = 0;
    for (;;) {
        ssize_t got = pv_read(fd, buffer + n, BUFFER - n);
        if (got <= 0) break;
        n += (size_t)got;
        buffer[n] = 0;
        char *end, *from = buffer;
        while ((end = strstr(from, "\r\n\r\n"))) {
            count_visit();
            if (pv_write(fd, answer, sizeof answer - 1) < 0) goto out;
            from = end + 4;
        }
        n -= (size_t)(from - buffer);
        memmove(buffer, from, n);
        if (n == BUFFER) break; /* no request is that long */
    }
out:
    pv_close(fd);
}

static void be_client(void *arg) {
    static const char request[] = "GET / HTTP/1.1\r\nHost: self\r\n\r\n";
    char buffer[BUFFER];
    (void)arg;
    int fd = pv_connect("127.0.0.1", port);
    for (int i = 0; fd >= 0 && i < REQUESTS; i++) {
        pv_write(fd, request, sizeof request - 1);
        pv_read(fd, buffer, sizeof buffer);
        pv_sleep(100000);
    }
    pv_close(fd);
    pv_waitgroup_done(&clients);
}

static void accept_all(void *arg) {
    int fd;
    while ((fd = pv_accept((int)(intptr_t)arg)) >= 0)
        if (pv_go(serve, (void *)(intptr_t)fd) < 0) pv_close(fd);
}

static void start(void *arg) {
    int listener = pv_listen("127.0.0.1", port);
    (void)arg;
    if (listener < 0) {
        fprintf(stderr, "http-server: port %d: %s\n", port, strerror(-listener));
        exit(1);
    }
    port = (uint16_t)pv_local_port(listener);
    log_lines = pv_chan_make(sizeof(int64_t), 1);
    pv_go(write_log, NULL);
    printf("http://127.0.0.1:%d/\n", port);
    fflush(stdout);
    if (!load_myself) {
        accept_all((void *)(intptr_t)listener);
        return;
    }
    pv_go(accept_all, (void *)(intptr_t)listener);
    pv_waitgroup_add(&clients, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) pv_go(be_client, NULL);
    pv_waitgroup_wait(&clients);
    pv_close(listener);
}

int main(int argc, char **argv) {
    struct pv_options ring = {.path = argc > 2 ? argv[2] : NULL, .ring_bytes = 1 << 20};
    load_myself = argc > 1 && strcmp(argv[1], "--self") == 0;
    if (argc > 1) port = (uint16_t)atoi(argv[1]); /* --self: any port */
    struct pv_run_options o = {.maxprocs = load_myself ? 4 : 0, .record = ring.path ? &ring : NULL};
    return pv_run(&o, start, NULL) < 0;
}
