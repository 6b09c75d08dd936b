/* server/src/ws.c - the websocket: clients, whole messages in, one message out per turn.
 *
 * Invariants  1. One lws_write for each WRITEABLE: libwebsockets buffers more, and says nothing.
 *             2. A client that does not read is dropped when MAX_QUEUED_BYTES wait for it.
 * Not here    what requests mean (requests.c); who may connect (http.c). */
#include "server/src/server.h"

#include <stdlib.h>
#include <string.h>

struct client {
    struct client *next;
    struct server *server;
    struct lws *wsi;
    uint64_t number;
    struct message *out, **out_tail;
    size_t out_bytes;
    char *in; /* the request that is being received */
    size_t in_bytes;
};

struct message *message_new(uint64_t client, bool binary, size_t n) {
    struct message *m = malloc(sizeof *m + LWS_PRE + n);
    if (!m) return NULL;
    *m = (struct message){.client = client, .binary = binary, .n = n};
    return m;
}

struct message *message_text(uint64_t client, const char *text) {
    size_t n = text ? strlen(text) : 0;
    struct message *m = text ? message_new(client, false, n) : NULL;
    if (m) memcpy(message_data(m), text, n);
    return m;
}

void server_post(struct server *s, struct message *m) {
    if (!m) return;
    pthread_mutex_lock(&s->mail_lock);
    *s->mail_tail = m;
    s->mail_tail = &m->next;
    pthread_mutex_unlock(&s->mail_lock);
    lws_cancel_service(s->lws);
}

static void queue(struct client *c, struct message *m) {
    m->next = NULL;
    *c->out_tail = m;
    c->out_tail = &m->next;
    c->out_bytes += m->n;
    lws_callback_on_writable(c->wsi);
}

static void queue_copy(struct client *c, const struct message *m) {
    struct message *copy = message_new(c->number, m->binary, m->n);
    if (!copy) return;
    memcpy(copy->room, m->room, LWS_PRE + m->n);
    queue(c, copy);
}

void ws_send(struct server *s, struct message *m) {
    if (!m) return;
    for (struct client *c = s->clients; c; c = c->next) {
        if (m->client == EVERYBODY) {
            queue_copy(c, m);
        } else if (m->client == c->number) {
            queue(c, m);
            return;
        }
    }
    free(m);
}

void ws_deliver(struct server *s) {
    pthread_mutex_lock(&s->mail_lock);
    struct message *m = s->mail;
    s->mail = NULL;
    s->mail_tail = &s->mail;
    pthread_mutex_unlock(&s->mail_lock);
    while (m) {
        struct message *next = m->next;
        ws_send(s, m);
        m = next;
    }
}

static int on_connect(struct lws *wsi, struct session *session) {
    struct server *s = lws_context_user(lws_get_context(wsi));
    memset(session, 0, sizeof *session);
    struct client *c = calloc(1, sizeof *c);
    if (!c || s->n_clients >= MAX_CLIENTS) {
        free(c);
        return -1;
    }
    c->wsi = wsi;
    c->server = s;
    c->number = ++s->last_client;
    c->out_tail = &c->out;
    c->next = s->clients;
    s->clients = c;
    s->n_clients++;
    session->server = s;
    session->client = c;
    return 0;
}

static void on_close(struct session *session) {
    struct client *c = session->client;
    if (!c) return;
    struct server *s = c->server;
    struct client **at = &s->clients;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    s->n_clients--;
    session->client = NULL;
    request_client_gone(s, c->number);
    while (c->out) {
        struct message *next = c->out->next;
        free(c->out);
        c->out = next;
    }
    free(c->in);
    free(c);
}

static int close_with(struct lws *wsi, enum lws_close_status status, const char *why) {
    lws_close_reason(wsi, status, (unsigned char *)(uintptr_t)why, strlen(why));
    return -1;
}

static int on_data(struct lws *wsi, struct client *c, const void *in, size_t n) {
    if (lws_frame_is_binary(wsi))
        return close_with(wsi, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, "requests are text");
    if (c->in_bytes + n > MAX_REQUEST_BYTES)
        return close_with(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "request too long");
    char *grown = realloc(c->in, c->in_bytes + n + 1);
    if (!grown) return close_with(wsi, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION, "out of memory");
    c->in = grown;
    if (n) memcpy(c->in + c->in_bytes, in, n);
    c->in_bytes += n;
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi)) return 0;
    size_t whole = c->in_bytes;
    c->in_bytes = 0;
    if (c->out_bytes > MAX_QUEUED_BYTES)
        return close_with(wsi, LWS_CLOSE_STATUS_POLICY_VIOLATION, "answers are not read");
    request_handle(c->server, c->number, c->in, whole);
    return 0;
}

static int on_writable(struct lws *wsi, struct client *c) {
    struct message *m = c->out;
    if (!m) return 0;
    c->out = m->next;
    if (!c->out) c->out_tail = &c->out;
    c->out_bytes -= m->n;
    int rc = lws_write(wsi, message_data(m), m->n, m->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
    bool ok = rc >= 0 && (size_t)rc >= m->n;
    free(m);
    if (!ok) return -1;
    if (c->out) lws_callback_on_writable(wsi);
    return 0;
}

int ws_callback(struct lws *wsi, enum lws_callback_reasons why, struct session *session, void *in,
                size_t n) {
    switch (why) {
    case LWS_CALLBACK_ESTABLISHED:
        return on_connect(wsi, session);
    case LWS_CALLBACK_RECEIVE:
        return session->client ? on_data(wsi, session->client, in, n) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return session->client ? on_writable(wsi, session->client) : -1;
    case LWS_CALLBACK_CLOSED:
        on_close(session);
        return 0;
    default:
        return 0;
    }
}
