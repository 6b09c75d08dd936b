/* server/src/json.h - what cJSON lacks: whole 64-bit numbers, hostile text, checked arguments.
 *
 * A trace's text is raw bytes: what is not UTF-8, and NUL, becomes U+FFFD here and nowhere else. */
#ifndef PARKVIEW_SERVER_JSON_H
#define PARKVIEW_SERVER_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "storage/store.h"

/* text_utf8 - valid UTF-8, NUL-terminated, malloc'ed; NULL where memory is out. */
char *text_utf8(struct text t);

cJSON *json_text(struct text t);
void json_add_text(cJSON *object, const char *key, struct text t);
void json_add_int(cJSON *object, const char *key, int64_t v);
/* json_id - a number, a string beyond 2^53, null for NO_ID. */
cJSON *json_id(int64_t id);
void json_add_id(cJSON *object, const char *key, int64_t id);

/* [1,0,17] */
void json_add_counts(cJSON *object, const char *key, const uint32_t *v, uint32_t n);

/* "running" and so on; the page's names of enum go_state. */
const char *json_state_name(unsigned state);
/* {"running":ns, "runnable":ns, "syscall":ns, "waiting":ns} */
void json_add_state_ns(cJSON *object, const char *key, const int64_t state_ns[6]);

/* arg_* - a field of a request: 0, or PV_EUSAGE and a sentence. */
int arg_int(const cJSON *request, const char *key, int64_t min, int64_t max, int64_t *out,
            struct fault *f);
/* Absent: *out stays as it is. */
int arg_int_or(const cJSON *request, const char *key, int64_t min, int64_t max, int64_t *out,
               struct fault *f);
/* A number or a string of digits; a sign is allowed. */
int arg_id(const cJSON *request, const char *key, int64_t *out, struct fault *f);
/* The same of an item of the array that is called so. */
int value_id(const cJSON *v, const char *key, int64_t *out, struct fault *f);
/* from and to; from <= to, both within 0 ... 2^62. */
int arg_window(const cJSON *request, int64_t *from_ns, int64_t *to_ns, struct fault *f);
int arg_text(const cJSON *request, const char *key, const char **out, struct fault *f);
bool arg_has(const cJSON *request, const char *key);
/* arg_choice - index of the text in the choices ("id|wait|running"). */
int arg_choice(const cJSON *request, const char *key, const char *choices, int *out,
               struct fault *f);

#endif
