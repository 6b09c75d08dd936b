/* server/src/requests.c - a request: text to JSON, its operation, and the answer's envelope.
 * Source      server/PROTOCOL.md */
#include "server/src/server.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Answers {"id":ID, "error":{"code", "text"}}; takes id. */
static void answer_error(struct server *s, uint64_t client, cJSON *id, const char *code,
                         const char *text) {
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddItemToObject(answer, "id", id ? id : cJSON_CreateNull());
    cJSON *error = cJSON_AddObjectToObject(answer, "error");
    cJSON_AddStringToObject(error, "code", code);
    cJSON_AddStringToObject(error, "text", text);
    char *printed = cJSON_PrintUnformatted(answer);
    ws_send(s, message_text(client, printed));
    cJSON_free(printed);
    cJSON_Delete(answer);
}

static void answer_traces(struct server *s, uint64_t client, cJSON *id) {
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddItemToObject(answer, "id", id);
    cJSON *ok = cJSON_AddObjectToObject(answer, "ok");
    cJSON_AddArrayToObject(ok, "traces");
    cJSON_AddArrayToObject(ok, "recent");
    cJSON_AddArrayToObject(ok, "samples");
    char *printed = cJSON_PrintUnformatted(answer);
    ws_send(s, message_text(client, printed));
    cJSON_free(printed);
    cJSON_Delete(answer);
}

void request_handle(struct server *s, uint64_t client, const char *text, size_t n) {
    cJSON *request = cJSON_ParseWithLength(text, n);
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(request, "id");
    const char *op = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(request, "op"));
    bool has_id = cJSON_IsNumber(id) && id->valuedouble >= 0 && id->valuedouble <= UINT32_MAX &&
                  id->valuedouble == floor(id->valuedouble);
    if (!has_id || !op) {
        answer_error(s, client, NULL, "bad argument",
                     "A request is {\"id\":N,\"op\":\"...\"}; id is a whole number below 2^32.");
    } else if (strcmp(op, "traces") == 0) {
        answer_traces(s, client, cJSON_CreateNumber(id->valuedouble));
    } else {
        answer_error(s, client, cJSON_CreateNumber(id->valuedouble), "bad argument",
                     "There is no such operation.");
    }
    cJSON_Delete(request);
}

void request_client_gone(struct server *s, uint64_t client) {
    (void)s;
    (void)client;
}
