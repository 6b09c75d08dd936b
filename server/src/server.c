/* server/src/server.c - the server's life: bind, check, serve until told to stop.
 *
 * Invariants  1. It listens on 127.0.0.1 and nowhere else.  libwebsockets 4.1 with IPv6 binds every
 *                interface when it is told "127.0.0.1"; so IPv6 is off, and what the kernel says
 *                about each listening socket is checked before the first request is answered.
 * Not here    HTTP (http.c), websocket (ws.c), requests (requests.c). */
#include "server/src/server_life.h"
#include "server/src/workers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* Answers go out in pieces of this size; as large as most answers, so that they are not copied. */
enum { TX_PACKET_BYTES = 256 << 10, MAX_FDS = 1024 };

static int callback(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in,
                    size_t n) {
    switch (why) {
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_CLOSED:
        return ws_callback(wsi, why, user, in, n);
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        ws_deliver(lws_context_user(lws_get_context(wsi)));
        return 0;
    default:
        return http_callback(wsi, why, user, in, n);
    }
}

static const struct lws_protocols protocols[] = {
    {"parkview", callback, sizeof(struct session), 64 << 10, 0, NULL, TX_PACKET_BYTES},
    {NULL, NULL, 0, 0, 0, NULL, 0}};

static int make_token(char *token) {
    unsigned char bytes[TOKEN_LENGTH / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) return -1;
    for (size_t i = 0; i < sizeof bytes; i++) sprintf(token + 2 * i, "%02x", bytes[i]);
    return 0;
}

/* 0 where every listening TCP socket of this process is on 127.0.0.1, and one is on the port. */
static int check_bound(int port) {
    int n_found = 0;
    for (int fd = 0; fd < MAX_FDS; fd++) {
        int listening = 0;
        socklen_t n = sizeof listening;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) < 0 || !listening) continue;
        struct sockaddr_in a = {0};
        n = sizeof a;
        if (getsockname(fd, (struct sockaddr *)&a, &n) < 0) return -1;
        if (a.sin_family != AF_INET || a.sin_addr.s_addr != htonl(INADDR_LOOPBACK)) return -1;
        n_found += ntohs(a.sin_port) == port;
    }
    return n_found == 1 ? 0 : -1;
}

/* Why the port could not be had: asks the kernel itself, as libwebsockets does not say. */
static const char *why_not(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return strerror(errno);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int failed = bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 1) < 0;
    int why = errno;
    close(fd);
    return failed ? strerror(why) : "libwebsockets could not listen";
}

int server_start(struct server *s, int port, const char *assets_dir) {
    memset(s, 0, sizeof *s);
    s->assets_dir = assets_dir;
    s->mail_tail = &s->mail;
    pthread_mutex_init(&s->mail_lock, NULL);
    pthread_mutex_init(&s->traces.lock, NULL);
    if (make_token(s->token) < 0) {
        perror("parkview: no random numbers for the token");
        return -1;
    }
    lws_set_log_level(0, NULL);
    struct lws_context_creation_info info = {
        .port = port,
        .iface = "127.0.0.1",
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_DISABLE_IPV6 | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .server_string = "parkview",
        .max_http_header_data = 8192,
        .pt_serv_buf_size = TX_PACKET_BYTES,
        .user = s,
    };
    s->lws = lws_create_context(&info);
    struct lws_vhost *vhost = s->lws ? lws_create_vhost(s->lws, &info) : NULL;
    if (!vhost || (s->port = lws_get_vhost_listen_port(vhost)) <= 0) {
        fprintf(stderr, "parkview: port %d of 127.0.0.1 cannot be had: %s\n", port, why_not(port));
        return -1;
    }
    if (check_bound(s->port) < 0) {
        fprintf(stderr,
                "parkview: the server is not bound to 127.0.0.1 alone; it does not start\n");
        return -1;
    }
    if (workers_start(s) < 0) {
        fputs("parkview: no threads to answer requests\n", stderr);
        return -1;
    }
    return 0;
}

void server_run(struct server *s, const atomic_int *stop) {
    while (!atomic_load_explicit(stop, memory_order_relaxed))
        if (lws_service(s->lws, 0) < 0) break;
}

void server_end(struct server *s) {
    if (!traces_stop(s)) return; /* the process ends; nothing that a thread uses is freed */
    workers_end(s);
    if (s->lws) lws_context_destroy(s->lws);
    while (s->mail) {
        struct message *next = s->mail->next;
        free(s->mail);
        s->mail = next;
    }
    traces_free(s);
    pthread_mutex_destroy(&s->mail_lock);
}
