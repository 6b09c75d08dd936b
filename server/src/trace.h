/* server/src/trace.h - the traces that the page can see, and the threads that import them.
 *
 * A trace is added once and stays until the server ends; its number is its place in the list.
 * `lock` guards the fields between it and the next, and nothing is waited for while it is held. */
#ifndef PARKVIEW_SERVER_TRACE_H
#define PARKVIEW_SERVER_TRACE_H

#include <cjson/cJSON.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "storage/cache.h"
#include "storage/sets.h"
#include "storage/store.h"

enum { MAX_TRACES = 64, MAX_IMPORTS_AT_ONCE = 2 };

enum trace_state { TRACE_IMPORTING, TRACE_READY, TRACE_FAILED };

struct server;
struct trace {
    int number;
    struct server *server;
    char file[PATH_MAX]; /* trace or store; "-" standard input */
    char name[NAME_MAX + 1];
    bool strict;
    bool remove_file; /* an upload: the store holds all of it */
    pthread_t thread;
    atomic_bool stop;
    struct cache_slot slot;

    pthread_mutex_t lock;
    enum trace_state state;
    struct store_progress progress;
    int64_t started_ns, finished_ns;
    struct fault fault;        /* code 0: none */
    char store_path[PATH_MAX]; /* what workers open; "" = nothing yet */
    bool growing;
    unsigned epoch; /* raised when store_path is another one: open anew */
    int64_t pushed_ns, info_pushed_ns;
    struct store_sets *sets[N_SETS_BY]; /* the last that were made, or NULL (sets.h) */

    pthread_mutex_t making_sets; /* held by the one who makes some; taken before lock */
};

struct trace_list {
    struct trace *all[MAX_TRACES];
    atomic_int n;
    pthread_mutex_t lock; /* guards adding, and running */
    int running;          /* imports */
};

struct trace_options {
    const char *name; /* to be shown; NULL: the file's own */
    bool strict, remove_file;
    struct cache_slot *slot; /* a store of the cache that is held already; taken over */
};

/* trace_add - a file or store to show; its import starts in a thread of its own.  NULL: too many
 * traces, or no thread.  o may be NULL. */
struct trace *trace_add(struct server *s, const char *file, const struct trace_options *o);
struct trace *trace_get(struct server *s, int number);
/* trace_stop - asks an import to end; it says so when it has. */
void trace_stop(struct trace *t);
/* traces_stop - stops all imports and waits for their threads; false: one waits for a pipe, and
 * still uses what it has. */
bool traces_stop(struct server *s);
void traces_free(struct server *s);

/* TRACE of the protocol. */
cJSON *trace_json(struct trace *t);

/* trace_first_word - waits up to ms until the import is sure of a trace, is done, or failed. */
enum trace_state trace_first_word(struct trace *t, int ms);

#endif
