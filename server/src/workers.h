/* server/src/workers.h - the threads that answer requests, each with its own stores.
 *
 * Invariants  1. A struct store belongs to one worker.
 *             2. Of the N_WORKERS one never takes a request marked heavy (SQL, search, sets), so
 *                that a long query does not hold up the timeline.
 *             3. Tiles are taken before what was asked earlier: somebody looks at their place.
 *             4. Each job is answered exactly once, unless its client has gone. */
#ifndef PARKVIEW_SERVER_WORKERS_H
#define PARKVIEW_SERVER_WORKERS_H

#include <cjson/cJSON.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "server/src/server.h"
#include "server/src/trace.h"

enum { N_WORKERS = 2, MAX_QUEUED_JOBS = 512 /* of one client */ };

struct job;
struct answer {
    cJSON *ok;              /* or */
    struct message *binary; /* a whole message */
};

/* What a request does: fills the answer and returns 0, or a code and f. */
typedef int request_function(struct job *j, struct answer *a, struct fault *f);

enum weight { OP_PICTURE, OP_QUICK, OP_HEAVY }; /* in the order in which they are taken */

struct operation {
    const char *name;
    request_function *run;
    enum weight weight;
};

struct job {
    struct job *next;
    struct server *server;
    uint64_t client; /* EVERYBODY: INFO for all, which nobody asked for */
    uint32_t id;
    const struct operation *operation;
    cJSON *request;
    struct trace *trace;
    struct store *store; /* of the worker that runs the job */
    atomic_int canceled; /* set by the service thread, read while the job runs */
};

/* job_canceled - PV_ECANCELED where the request was canceled; to be asked between pieces of work.
 */
int job_canceled(struct job *j, struct fault *f);

int workers_start(struct server *s);
/* workers_end - cancels what is queued and running, waits, closes the stores. */
void workers_end(struct server *s);

/* workers_add - takes j; 0, or PV_ELIMIT (not taken). */
int workers_add(struct server *s, struct job *j);
void workers_cancel(struct server *s, uint64_t client, uint32_t id);
void workers_cancel_client(struct server *s, uint64_t client);
/* workers_push_info - sends INFO of a trace to all clients, where it has changed. */
void workers_push_info(struct server *s, struct trace *t);

#endif
