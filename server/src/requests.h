/* server/src/requests.h - the table of requests, from requests.def; and their envelopes. */
#ifndef PARKVIEW_SERVER_REQUESTS_H
#define PARKVIEW_SERVER_REQUESTS_H

#include "server/src/workers.h"

#define NOW(name)                                                                                  \
    int req_##name(struct server *s, uint64_t client, const cJSON *request, cJSON **ok,            \
                   struct fault *f);
#define PICTURE(name) QUICK(name)
#define QUICK(name)   request_function req_##name;
#define HEAVY(name)   request_function req_##name;
#include "server/src/requests.def"
#undef NOW
#undef PICTURE
#undef QUICK
#undef HEAVY

/* request_answer - sends what a job came to; takes what the answer holds.  Any thread. */
void request_answer(struct job *j, int rc, struct answer *a, const struct fault *f);

const struct operation *request_info_operation(void);

#endif
