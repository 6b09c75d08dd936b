/* server/src/requests.c - a request: text to JSON, its operation, and the answer's envelope.
 * Source      server/PROTOCOL.md; the operations are listed in requests.def */
#include "server/src/requests.h"

#include <stdlib.h>
#include <string.h>

#include "server/src/json.h"

static const struct operation operations[] = {
#define NOW(name)
#define PICTURE(name) {#name, req_##name, OP_PICTURE},
#define QUICK(name)   {#name, req_##name, OP_QUICK},
#define HEAVY(name)   {#name, req_##name, OP_HEAVY},
#include "server/src/requests.def"
#undef NOW
#undef PICTURE
#undef QUICK
#undef HEAVY
};

typedef int now_function(struct server *, uint64_t, const cJSON *, cJSON **, struct fault *);
static const struct {
    const char *name;
    now_function *run;
} now_operations[] = {
#define NOW(name) {#name, req_##name},
#define PICTURE(name)
#define QUICK(name)
#define HEAVY(name)
#include "server/src/requests.def"
#undef NOW
#undef PICTURE
#undef QUICK
#undef HEAVY
};

const struct operation *request_info_operation(void) {
    static const struct operation push_info = {"info", req_info, OP_QUICK};
    return &push_info;
}

static void print_and_post(struct server *s, uint64_t client, cJSON *message) {
    char *text = cJSON_PrintUnformatted(message);
    server_post(s, message_text(client, text));
    cJSON_free(text);
    cJSON_Delete(message);
}

static cJSON *error_json(int rc, const struct fault *f) {
    cJSON *error = cJSON_CreateObject();
    cJSON_AddStringToObject(error, "code", fault_name(rc));
    cJSON_AddStringToObject(error, "text", f->text[0] ? f->text : fault_name(rc));
    if (f->offset >= 0) json_add_int(error, "offset", f->offset);
    return error;
}

static void answer(struct server *s, uint64_t client, cJSON *id, int rc, cJSON *ok,
                   const struct fault *f) {
    cJSON *message = cJSON_CreateObject();
    cJSON_AddItemToObject(message, "id", id);
    if (rc < 0) {
        cJSON_Delete(ok);
        cJSON_AddItemToObject(message, "error", error_json(rc, f));
    } else {
        cJSON_AddItemToObject(message, "ok", ok ? ok : cJSON_CreateObject());
    }
    print_and_post(s, client, message);
}

void request_answer(struct job *j, int rc, struct answer *a, const struct fault *f) {
    if (rc >= 0 && a->binary) {
        server_post(j->server, a->binary);
    } else if (j->client != EVERYBODY) {
        answer(j->server, j->client, cJSON_CreateNumber(j->id), rc, a->ok, f);
        a->ok = NULL;
    } else if (rc >= 0 && a->ok) {
        cJSON *message = cJSON_CreateObject();
        cJSON_AddStringToObject(message, "push", "info");
        json_add_int(message, "trace", j->trace->number);
        cJSON_AddItemToObject(message, "info", a->ok);
        a->ok = NULL;
        print_and_post(j->server, EVERYBODY, message);
    }
    cJSON_Delete(a->ok);
    if (rc < 0) free(a->binary);
}

/* Hands a request to the workers, which then own it. */
static int add_job(struct server *s, uint64_t client, uint32_t id, const struct operation *op,
                   cJSON **request, struct fault *f) {
    int64_t number;
    TRY(arg_int(*request, "trace", 0, MAX_TRACES, &number, f));
    struct trace *t = trace_get(s, (int)number);
    if (!t) return fault_set(f, PV_EUSAGE, -1, "there is no trace %d", (int)number);
    struct job *j = calloc(1, sizeof *j);
    if (!j) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    j->server = s;
    j->client = client;
    j->id = id;
    j->operation = op;
    j->trace = t;
    j->request = *request;
    if (workers_add(s, j) < 0) {
        free(j);
        return fault_set(f, PV_ELIMIT, -1, "more than %d requests wait", (int)MAX_QUEUED_JOBS);
    }
    *request = NULL;
    return 0;
}

/* 1: answered later by a worker, or not at all; 0: *ok is the answer; < 0 fault. */
static int dispatch(struct server *s, uint64_t client, uint32_t id, cJSON **request, cJSON **ok,
                    struct fault *f) {
    const char *name;
    TRY(arg_text(*request, "op", &name, f));
    if (strcmp(name, "cancel") == 0) {
        workers_cancel(s, client, id);
        return 1;
    }
    for (size_t i = 0; i < sizeof now_operations / sizeof *now_operations; i++)
        if (strcmp(now_operations[i].name, name) == 0)
            return now_operations[i].run(s, client, *request, ok, f);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (strcmp(operations[i].name, name) != 0) continue;
        int rc = add_job(s, client, id, &operations[i], request, f);
        return rc < 0 ? rc : 1;
    }
    return fault_set(f, PV_EUSAGE, -1, "there is no operation '%s'", name);
}

void request_handle(struct server *s, uint64_t client, const char *text, size_t n) {
    struct fault f = {.offset = -1};
    cJSON *request = cJSON_ParseWithLength(text, n), *ok = NULL;
    int64_t id;
    if (!cJSON_IsObject(request) || arg_int(request, "id", 0, UINT32_MAX, &id, &f) < 0) {
        fault_set(&f, PV_EUSAGE, -1,
                  "a request is {\"id\":N,\"op\":\"...\"}; id is a whole number below 2^32");
        answer(s, client, cJSON_CreateNull(), PV_EUSAGE, NULL, &f);
    } else {
        int rc = dispatch(s, client, (uint32_t)id, &request, &ok, &f);
        if (rc <= 0) answer(s, client, cJSON_CreateNumber((double)id), rc, ok, &f);
    }
    cJSON_Delete(request);
}

void request_client_gone(struct server *s, uint64_t client) {
    workers_cancel_client(s, client);
}
