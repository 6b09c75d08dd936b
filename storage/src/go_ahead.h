/* storage/src/go_ahead.h - generations, one after the other, read ahead by a thread. */
#ifndef PARKVIEW_STORAGE_GO_AHEAD_H
#define PARKVIEW_STORAGE_GO_AHEAD_H

#include <pthread.h>

#include "storage/src/go_v2_impl.h"

struct go_ahead_slot {
    struct go_gen gen;
    struct fault fault;
    int rc;
    bool ready; /* true: the reader's, false: the thread's */
};

struct go_ahead {
    struct go_source *source; /* the thread's alone, once it runs */
    bool threaded;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t turn; /* something below has changed */
    struct go_ahead_slot slots[2];
    bool holds;       /* the reader has a generation: slots[current] */
    unsigned current; /* the reader's slot */
    bool stop, over;  /* the thread shall end; it has ended */
};

/* go_ahead_start - *a is zero.  Whoever starts stops. */
void go_ahead_start(struct go_ahead *a, struct go_source *source, bool threaded);
/* The next generation; the one before is gone. Result as go_source_next's. */
int go_ahead_next(struct go_ahead *a, struct go_gen **out, struct fault *f);
/* Would go_ahead_next return without waiting for input? */
bool go_ahead_ready(struct go_ahead *a);
void go_ahead_stop(struct go_ahead *a);

#endif
