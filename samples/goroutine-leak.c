/* samples/goroutine-leak.c - goroutines that wait for ever.
 *
 *     goroutine-leak [RING]
 *
 * Each lookup asks three replicas and takes the first answer, over a channel without a buffer.  The
 * two others find nobody who receives: they stay in "chan send" to the end of the trace, 4 KiB and
 * more each.  A channel of capacity 3 would let them go. */
#include <stdio.h>

#include "tracer/parkview.h"
#include "tracer/runtime/goroutine.h"

enum { LOOKUPS = 60, REPLICAS = 3 };

struct question {
    struct pv_chan *answers;
    int replica;
};

static void ask_replica(void *arg) {
    struct question question = *(struct question *)arg;
    pv_sleep(500000 + 300000 * question.replica);
    pv_chan_send(question.answers, &question.replica);
}

static int first_answer(void) {
    struct pv_chan *answers = pv_chan_make(sizeof(int), 0);
    struct question questions[REPLICAS];
    int first = -1;
    for (int i = 0; i < REPLICAS; i++) {
        questions[i] = (struct question){answers, i};
        pv_go(ask_replica, &questions[i]);
    }
    pv_chan_recv(answers, &first);
    return first; /* the channel cannot be freed: others still wait on it */
}

static void start(void *arg) {
    int n_of[REPLICAS] = {0};
    (void)arg;
    for (int i = 0; i < LOOKUPS; i++) n_of[first_answer()]++;
    printf("answers from replica 0, 1, 2: %d %d %d; goroutines left: %lld\n", n_of[0], n_of[1],
           n_of[2], (long long)pv_num_goroutine());
}

int main(int argc, char **argv) {
    struct pv_options ring = {
        .path = argc > 1 ? argv[1] : NULL, .ring_bytes = 1 << 20, .max_goroutines = 1024};
    struct pv_run_options o = {.maxprocs = 2, .record = ring.path ? &ring : NULL};
    return pv_run(&o, start, NULL) < 0;
}
