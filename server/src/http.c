/* server/src/http.c - HTTP: who may ask, the page's files, and what every answer carries.
 *
 * Invariants  1. Nothing is answered but 403 unless the Host is ours (a rebound DNS name is not),
 *                the Origin is ours or absent, and the token is right: in the query, or in the
 *                cookie that the page itself was given.
 *             2. There are no mounts: libwebsockets would serve those without asking us.
 * Not here    the websocket after its upgrade (ws.c). */
#include "server/src/assets.h"
#include "server/src/server.h"
#include "server/src/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 64 << 10, HEADERS_BYTES = 4096 };

static bool equal_in_constant_time(const char *a, const char *b, size_t n) {
    unsigned char difference = 0;
    for (size_t i = 0; i < n; i++) difference |= (unsigned char)(a[i] ^ b[i]);
    return difference == 0;
}

static bool is_token(const struct server *s, const char *text, size_t n) {
    return n == TOKEN_LENGTH && equal_in_constant_time(text, s->token, TOKEN_LENGTH);
}

static bool token_in_query(const struct server *s, struct lws *wsi) {
    char value[128];
    const char *token = lws_get_urlarg_by_name(wsi, "token=", value, sizeof value);
    return token && is_token(s, token, strlen(token));
}

static bool token_in_cookie(const struct server *s, struct lws *wsi) {
    char cookies[4096], name[32];
    if (lws_hdr_copy(wsi, cookies, sizeof cookies, WSI_TOKEN_HTTP_COOKIE) <= 0) return false;
    size_t n = (size_t)snprintf(name, sizeof name, "parkview_%d=", s->port);
    for (const char *c = cookies; c; c = strchr(c, ';')) {
        c += strspn(c, "; ");
        if (strncmp(c, name, n) == 0 && is_token(s, c + n, strcspn(c + n, "; "))) return true;
    }
    return false;
}

/* Is the header PREFIX127.0.0.1:PORT or PREFIXlocalhost:PORT? */
static bool names_us(const struct server *s, struct lws *wsi, enum lws_token_indexes header,
                     const char *prefix) {
    char value[128], ours[64];
    if (lws_hdr_copy(wsi, value, sizeof value, header) <= 0) return false;
    snprintf(ours, sizeof ours, "%s127.0.0.1:%d", prefix, s->port);
    if (strcmp(value, ours) == 0) return true;
    snprintf(ours, sizeof ours, "%slocalhost:%d", prefix, s->port);
    return strcmp(value, ours) == 0;
}

/* NULL: allowed; otherwise the sentence that refuses. */
static const char *refusal(const struct server *s, struct lws *wsi) {
    if (!names_us(s, wsi, WSI_TOKEN_HOST, ""))
        return "Refused: the Host header does not name this server.\n";
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) > 0 &&
        !names_us(s, wsi, WSI_TOKEN_ORIGIN, "http://"))
        return "Refused: another site asked for this.\n";
    if (!token_in_query(s, wsi) && !token_in_cookie(s, wsi))
        return "Refused: the token is missing or wrong. Open the address that parkview printed.\n";
    return NULL;
}

static int add_header(struct lws *wsi, const char *name, const char *value, unsigned char **p,
                      unsigned char *end) {
    return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
                                       (const unsigned char *)value, (int)strlen(value), p, end);
}

static int send_headers(struct lws *wsi, const struct server *s, unsigned status, const char *type,
                        size_t body_bytes, bool set_cookie) {
    static const char *const fixed[][2] = {
        {"cache-control:", "no-store"},
        {"x-content-type-options:", "nosniff"},
        {"x-frame-options:", "DENY"},
        {"referrer-policy:", "no-referrer"},
        {"cross-origin-opener-policy:", "same-origin"},
        {"cross-origin-resource-policy:", "same-origin"},
        {"cross-origin-embedder-policy:", "require-corp"},
        {"permissions-policy:", "camera=(), geolocation=(), microphone=()"},
    };
    unsigned char buffer[LWS_PRE + HEADERS_BYTES], *start = buffer + LWS_PRE, *p = start,
                                                   *end = buffer + sizeof buffer - 1;
    if (lws_add_http_common_headers(wsi, status, type, body_bytes, &p, end)) return -1;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (add_header(wsi, fixed[i][0], fixed[i][1], &p, end)) return -1;
    char text[512];
    snprintf(text, sizeof text,
             "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
             "font-src 'self'; connect-src 'self' ws://127.0.0.1:%d ws://localhost:%d; "
             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
             s->port, s->port);
    if (add_header(wsi, "content-security-policy:", text, &p, end)) return -1;
    if (set_cookie) {
        snprintf(text, sizeof text, "parkview_%d=%s; HttpOnly; SameSite=Strict; Path=/", s->port,
                 s->token);
        if (add_header(wsi, "set-cookie:", text, &p, end)) return -1;
    }
    return lws_finalize_write_http_header(wsi, start, &p, end);
}

/* Answers with a short text at once.  1: the connection goes on; -1: it is to be closed. */
static int send_text(struct lws *wsi, const struct server *s, unsigned status, const char *type,
                     const char *text) {
    char body[1024];
    size_t n = strlen(text);
    if (n >= sizeof body || send_headers(wsi, s, status, type, n, false)) return -1;
    memcpy(body, text, n);
    return lws_write(wsi, (unsigned char *)body, n, LWS_WRITE_HTTP_FINAL) < 0 ? -1 : 1;
}

static int refuse(struct lws *wsi, const struct server *s, unsigned status, const char *sentence) {
    return send_text(wsi, s, status, "text/plain; charset=utf-8", sentence);
}

/* Forgets what is left of an exchange: an answer's body, an upload that was broken off. */
static void drop_exchange(struct session *session) {
    if (session->upload) session->server->n_uploads--;
    upload_abort(session->upload);
    session->upload = NULL;
    free(session->body_owned);
    session->body_owned = NULL;
    session->body_left = 0;
}

static int end_with(struct lws *wsi, int rc) {
    return rc < 0 || lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int send_asset(struct lws *wsi, struct session *session, const char *path) {
    struct server *s = session->server;
    struct asset asset;
    int rc = asset_find(s->assets_dir, path, &asset);
    if (rc < 0) return end_with(wsi, refuse(wsi, s, 404, "There is no such file here.\n"));
    session->body = asset.data;
    session->body_left = asset.n;
    session->body_owned = asset.owned;
    bool is_page = strcmp(path, "/") == 0;
    if (send_headers(wsi, s, 200, asset.type, asset.n, is_page && token_in_query(s, wsi)))
        return -1;
    lws_callback_on_writable(wsi);
    return 0;
}

/* One chunk of the answer's body. */
static int send_more(struct lws *wsi, struct session *session) {
    size_t n = session->body_left < CHUNK_BYTES ? session->body_left : CHUNK_BYTES;
    bool last = n == session->body_left;
    unsigned char chunk[LWS_PRE + CHUNK_BYTES];
    memcpy(chunk + LWS_PRE, session->body, n);
    if (lws_write(wsi, chunk + LWS_PRE, n, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0)
        return -1;
    session->body += n;
    session->body_left -= n;
    if (!last) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    drop_exchange(session);
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* POST /upload: 0 and its body follows, or -1: answered, and the connection ends. */
static int begin_upload(struct lws *wsi, struct session *session) {
    struct server *s = session->server;
    char length[32], name[256] = "", *end;
    struct fault f = {.offset = -1};
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
        lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0) {
        refuse(wsi, s, 411, "An upload must say its Content-Length.\n");
        return -1;
    }
    unsigned long long bytes = strtoull(length, &end, 10);
    if (*end || length[0] == '-' || bytes == 0) {
        refuse(wsi, s, 400, bytes ? "The Content-Length is no number.\n" : "The file is empty.\n");
        return -1;
    }
    if (s->n_uploads >= MAX_UPLOADS) {
        refuse(wsi, s, 503, "Too many uploads at a time.\n");
        return -1;
    }
    const char *named = lws_get_urlarg_by_name(wsi, "name=", name, sizeof name);
    int rc = upload_begin(named ? named : "", bytes, &session->upload, &f);
    if (rc < 0) { /* its body is read all the same, or the browser would not see the answer */
        snprintf(session->refusal, sizeof session->refusal, "%s\n", f.text);
        session->refusal_status = rc == PV_EFULL ? 507 : 500;
        return 0;
    }
    s->n_uploads++;
    return 0;
}

static int end_upload(struct lws *wsi, struct session *session) {
    struct server *s = session->server;
    struct fault f = {.offset = -1};
    char text[64];
    int trace = -1;
    if (session->refusal_status)
        return end_with(wsi, refuse(wsi, s, session->refusal_status, session->refusal));
    if (!session->upload) return -1;
    int rc = upload_end(session->upload, s, &trace, &f);
    session->upload = NULL;
    s->n_uploads--;
    if (rc < 0) {
        snprintf(session->refusal, sizeof session->refusal, "%s\n", f.text);
        return end_with(wsi, refuse(wsi, s, rc == PV_EFULL ? 507 : 500, session->refusal));
    }
    snprintf(text, sizeof text, "{\"trace\":%d}", trace);
    return end_with(wsi, send_text(wsi, s, 200, "application/json", text));
}

static int on_request(struct lws *wsi, struct session *session, const char *path) {
    struct server *s = session->server;
    char *uri;
    int uri_n;
    int method = lws_http_get_uri_and_method(wsi, &uri, &uri_n);
    const char *sentence = refusal(s, wsi);
    if (!sentence && method == LWSHUMETH_POST && strcmp(path, "/upload") == 0)
        return begin_upload(wsi, session);
    if (!sentence && method == LWSHUMETH_GET) return send_asset(wsi, session, path);
    int rc = sentence ? refuse(wsi, s, 403, sentence)
                      : refuse(wsi, s, 405, "Files are fetched by GET; traces go to /upload.\n");
    /* A body that follows is not read: then the connection cannot be used again. */
    return method == LWSHUMETH_GET ? end_with(wsi, rc) : -1;
}

/* Before the websocket: 0 goes on with it, 1 it was answered, -1 hang up. */
static int on_upgrade(struct lws *wsi, struct server *s, const char *protocol) {
    char *uri;
    int uri_n;
    const char *sentence = refusal(s, wsi);
    if (sentence) return refuse(wsi, s, 403, sentence);
    if (strcasecmp(protocol, "websocket") != 0 ||
        lws_http_get_uri_and_method(wsi, &uri, &uri_n) != LWSHUMETH_GET || uri_n != 3 ||
        memcmp(uri, "/ws", 3) != 0)
        return refuse(wsi, s, 404, "The websocket is at /ws.\n");
    if (s->n_clients >= MAX_CLIENTS) return refuse(wsi, s, 503, "Too many pages are open.\n");
    return 0;
}

int http_callback(struct lws *wsi, enum lws_callback_reasons why, struct session *session, void *in,
                  size_t n) {
    struct server *s = lws_context_user(lws_get_context(wsi));
    switch (why) {
    case LWS_CALLBACK_HTTP:
        drop_exchange(session);
        session->server = s;
        session->refusal_status = 0;
        return on_request(wsi, session, in);
    case LWS_CALLBACK_HTTP_BODY:
        if (session->upload) upload_data(session->upload, in, n);
        return 0;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return end_upload(wsi, session);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return session->body_left ? send_more(wsi, session) : 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(wsi, s, in);
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
    case LWS_CALLBACK_CLOSED_HTTP:
        if (session) drop_exchange(session);
        return 0;
    default:
        return lws_callback_http_dummy(wsi, why, session, in, n);
    }
}
