/* samples/pipeline.c - a pipeline over channels whose middle stage is too narrow.
 *
 *     pipeline [RING]
 *
 * read -> parse (3 goroutines) -> store.  Storing takes three times as long as parsing an item, so
 * items pile up before it: the parsers wait in "chan send", the reader behind them too, and the
 * storer never waits.  That is the sign of the stage to widen. */
#include <stdio.h>
#include <time.h>

#include "tracer/parkview.h"
#include "tracer/runtime/goroutine.h"

enum { ITEMS = 600, PARSERS = 3, QUEUE = 8 };

struct item {
    int64_t number, sum;
};

static struct pv_chan *lines, *parsed;
static struct pv_waitgroup parsers;
static int64_t total;

/* Work that takes a processor for about so many microseconds. */
static int64_t compute(int64_t us) {
    int64_t end = pv_nanotime() + us * 1000, n = 0;
    while (pv_nanotime() < end) n++;
    return n;
}

static void read_lines(void *arg) {
    (void)arg;
    for (int64_t i = 0; i < ITEMS; i++) {
        struct item item = {.number = i};
        pv_chan_send(lines, &item);
    }
    pv_chan_close(lines);
}

static void parse(void *arg) {
    struct item item;
    (void)arg;
    while (pv_chan_recv(lines, &item) == 1) {
        compute(20);
        item.sum = item.number * 2;
        pv_chan_send(parsed, &item);
    }
    pv_waitgroup_done(&parsers);
}

static void close_when_parsed(void *arg) {
    (void)arg;
    pv_waitgroup_wait(&parsers);
    pv_chan_close(parsed);
}

static void store(void *arg) {
    struct item item;
    (void)arg;
    lines = pv_chan_make(sizeof(struct item), QUEUE);
    parsed = pv_chan_make(sizeof(struct item), QUEUE);
    pv_waitgroup_add(&parsers, PARSERS);
    for (int i = 0; i < PARSERS; i++) pv_go(parse, NULL);
    pv_go(read_lines, NULL);
    pv_go(close_when_parsed, NULL);
    while (pv_chan_recv(parsed, &item) == 1) {
        compute(60);
        total += item.sum;
    }
}

int main(int argc, char **argv) {
    struct pv_options ring = {
        .path = argc > 1 ? argv[1] : NULL, .ring_bytes = 1 << 20, .max_goroutines = 1024};
    struct pv_run_options o = {.maxprocs = 4, .record = ring.path ? &ring : NULL};
    int rc = pv_run(&o, store, NULL);
    printf("stored %d items, sum %lld\n", ITEMS, (long long)total);
    pv_chan_free(lines);
    pv_chan_free(parsed);
    return rc < 0;
}
