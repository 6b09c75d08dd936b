/* server/src/server.h - the running server, as its files see it.
 *
 * Threads     the service thread runs libwebsockets and every callback, and never waits for disk
 *             or store; workers (workers.c) answer requests; imports (imports.c) make stores.
 * Invariants  1. Only the service thread touches sockets, clients and sessions.
 *             2. Other threads hand a struct message to server_post(), which wakes the service
 *                thread by lws_cancel_service(), the one libwebsockets call that is thread-safe.
 *             3. A message names its client by number, so that a client that has gone in the
 *                meantime is noticed, and its message is dropped. */
#ifndef PARKVIEW_SERVER_SERVER_H
#define PARKVIEW_SERVER_SERVER_H

#include <libwebsockets.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/src/trace.h"

enum {
    TOKEN_LENGTH = 32,           /* hexadecimal digits: 128 bits */
    MAX_CLIENTS = 16,            /* websockets at a time */
    MAX_UPLOADS = 4,             /* at a time */
    MAX_REQUEST_BYTES = 1 << 18, /* one request; SQL may be long */
    MAX_QUEUED_BYTES = 64 << 20, /* answers that one client has not yet taken */
    EVERYBODY = 0                /* a message for all clients; clients are numbered from 1 */
};

struct message {
    struct message *next;
    uint64_t client;
    bool binary;
    size_t n;             /* bytes of text or data */
    unsigned char room[]; /* LWS_PRE bytes for the frame's header, then n bytes */
};

struct client;
struct workers;
struct server {
    struct lws_context *lws;
    int port;
    char token[TOKEN_LENGTH + 1];
    const char *assets_dir; /* NULL: the embedded ones */
    struct client *clients;
    uint32_t n_clients, n_uploads;
    uint64_t last_client;
    pthread_mutex_t mail_lock; /* guards mail and its tail */
    struct message *mail, **mail_tail;
    struct trace_list traces;
    struct workers *workers;
};

/* message_new - room for n bytes (at message_data); NULL where memory is out. */
struct message *message_new(uint64_t client, bool binary, size_t n);
static inline unsigned char *message_data(struct message *m) {
    return m->room + LWS_PRE;
}
struct message *message_text(uint64_t client, const char *text);

/* server_post - from any thread; takes m (NULL is allowed and does nothing). */
void server_post(struct server *s, struct message *m);

/* ---- the parts that share libwebsockets' one callback ---- */

struct upload;
struct session { /* one connection */
    struct server *server;
    const unsigned char *body; /* what is left of an HTTP answer */
    size_t body_left;
    unsigned char *body_owned; /* to free when it is sent; or NULL */
    struct upload *upload;     /* that is being received */
    unsigned refusal_status;   /* of an upload that cannot be stored; 0 = none */
    char refusal[512];
    struct client *client; /* after the upgrade to websocket */
};

int http_callback(struct lws *wsi, enum lws_callback_reasons why, struct session *session, void *in,
                  size_t n);
int ws_callback(struct lws *wsi, enum lws_callback_reasons why, struct session *session, void *in,
                size_t n);
/* ws_deliver - moves posted messages to their clients; service thread. */
void ws_deliver(struct server *s);

/* ws_send - queues an answer; service thread; takes m. */
void ws_send(struct server *s, struct message *m);

/* request_handle - one request of a client (JSON text, not NUL-terminated). */
void request_handle(struct server *s, uint64_t client, const char *text, size_t n);
/* request_client_gone - what the client still waits for is stopped. */
void request_client_gone(struct server *s, uint64_t client);

#endif
