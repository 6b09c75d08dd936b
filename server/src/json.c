/* server/src/json.c - whole 64-bit numbers, hostile text and checked arguments for cJSON. */
#include "server/src/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/quote.h"

#define EXACT_MAX 9007199254740992 /* 2^53: up to here a JSON number is exact everywhere */

char *text_utf8(struct text t) {
    char *out = t.n < SIZE_MAX / 4 ? malloc(3 * t.n + 1) : NULL;
    if (!out) return NULL;
    char *o = out;
    for (size_t i = 0; i < t.n;) {
        size_t n = t.data[i] ? utf8_length(t.data + i, t.n - i) : 0;
        memcpy(o, n ? t.data + i : "\xef\xbf\xbd", n ? n : 3);
        o += n ? n : 3;
        i += n ? n : 1;
    }
    *o = 0;
    return out;
}

cJSON *json_text(struct text t) {
    char *clean = text_utf8(t);
    cJSON *json = cJSON_CreateString(clean ? clean : "");
    free(clean);
    return json;
}

void json_add_text(cJSON *object, const char *key, struct text t) {
    cJSON_AddItemToObject(object, key, json_text(t));
}

void json_add_int(cJSON *object, const char *key, int64_t v) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, v);
    cJSON_AddRawToObject(object, key, digits);
}

cJSON *json_id(int64_t id) {
    char digits[24];
    if (id == NO_ID) return cJSON_CreateNull();
    snprintf(digits, sizeof digits, "%" PRId64, id);
    bool exact = id >= -EXACT_MAX && id <= EXACT_MAX;
    return exact ? cJSON_CreateRaw(digits) : cJSON_CreateString(digits);
}

void json_add_id(cJSON *object, const char *key, int64_t id) {
    cJSON_AddItemToObject(object, key, json_id(id));
}

void json_add_counts(cJSON *object, const char *key, const uint32_t *v, uint32_t n) {
    char *text = malloc((size_t)n * 11 + 3), *c = text;
    if (!text) return;
    *c++ = '[';
    for (uint32_t i = 0; i < n; i++) c += sprintf(c, i ? ",%u" : "%u", v[i]);
    memcpy(c, "]", 2);
    cJSON_AddRawToObject(object, key, text);
    free(text);
}

const char *json_state_name(unsigned state) {
    static const char *const names[] = {"undetermined", "notexist", "runnable",
                                        "running",      "waiting",  "syscall"};
    return state < sizeof names / sizeof *names ? names[state] : "undetermined";
}

void json_add_state_ns(cJSON *object, const char *key, const int64_t state_ns[6]) {
    cJSON *o = cJSON_AddObjectToObject(object, key);
    static const uint8_t shown[] = {GO_RUNNING, GO_RUNNABLE, GO_SYSCALL, GO_WAITING};
    for (size_t i = 0; i < sizeof shown; i++)
        json_add_int(o, json_state_name(shown[i]), state_ns[shown[i]]);
}

static int not_whole(const char *key, int64_t min, int64_t max, struct fault *f) {
    return fault_set(f, PV_EUSAGE, -1, "'%s' must be a whole number from %" PRId64 " to %" PRId64,
                     key, min, max);
}

static int whole_of(const cJSON *v, const char *key, int64_t min, int64_t max, int64_t *out,
                    struct fault *f) {
    if (!cJSON_IsNumber(v)) return not_whole(key, min, max, f);
    double d = v->valuedouble;
    if (d != floor(d) || fabs(d) > 0x1p62) return not_whole(key, min, max, f);
    int64_t whole = (int64_t)d;
    if (whole < min || whole > max) return not_whole(key, min, max, f);
    *out = whole;
    return 0;
}

int arg_int(const cJSON *request, const char *key, int64_t min, int64_t max, int64_t *out,
            struct fault *f) {
    return whole_of(cJSON_GetObjectItemCaseSensitive(request, key), key, min, max, out, f);
}

int arg_int_or(const cJSON *request, const char *key, int64_t min, int64_t max, int64_t *out,
               struct fault *f) {
    return arg_has(request, key) ? arg_int(request, key, min, max, out, f) : 0;
}

int arg_id(const cJSON *request, const char *key, int64_t *out, struct fault *f) {
    return value_id(cJSON_GetObjectItemCaseSensitive(request, key), key, out, f);
}

int value_id(const cJSON *v, const char *key, int64_t *out, struct fault *f) {
    if (!cJSON_IsString(v)) return whole_of(v, key, INT64_MIN, INT64_MAX, out, f);
    char *end;
    *out = strtoll(v->valuestring, &end, 10);
    if (end == v->valuestring || *end) return fault_set(f, PV_EUSAGE, -1, "'%s' is no id", key);
    return 0;
}

int arg_window(const cJSON *request, int64_t *from_ns, int64_t *to_ns, struct fault *f) {
    const int64_t most = INT64_C(1) << 62;
    TRY(arg_int(request, "from", 0, most, from_ns, f));
    return arg_int(request, "to", *from_ns, most, to_ns, f);
}

int arg_text(const cJSON *request, const char *key, const char **out, struct fault *f) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(request, key);
    if (!cJSON_IsString(v)) return fault_set(f, PV_EUSAGE, -1, "'%s' must be a text", key);
    *out = v->valuestring;
    return 0;
}

bool arg_has(const cJSON *request, const char *key) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(request, key);
    return v && !cJSON_IsNull(v);
}

int arg_choice(const cJSON *request, const char *key, const char *choices, int *out,
               struct fault *f) {
    const char *text = "";
    TRY(arg_text(request, key, &text, f));
    size_t n = strlen(text);
    int i = 0;
    for (const char *c = choices; c; i++) {
        const char *end = strchrnul(c, '|');
        if ((size_t)(end - c) == n && memcmp(c, text, n) == 0) {
            *out = i;
            return 0;
        }
        c = *end ? end + 1 : NULL;
    }
    return fault_set(f, PV_EUSAGE, -1, "'%s' must be one of %s", key, choices);
}
