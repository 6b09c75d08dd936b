/* server/src/server_life.h - start, run and end the server; for `parkview open`. */
#ifndef PARKVIEW_SERVER_SERVER_LIFE_H
#define PARKVIEW_SERVER_SERVER_LIFE_H

#include <stdatomic.h>

#include "server/src/server.h"

/* server_start - listens; *s must live until the process ends (server_end); port 0 is any free one.
 * -1: said why on standard error. */
int server_start(struct server *s, int port, const char *assets_dir);
/* server_run - serves until *stop; whoever sets it calls lws_cancel_service(s->lws). */
void server_run(struct server *s, const atomic_int *stop);
/* server_end - stops imports and queries, closes all connections. */
void server_end(struct server *s);

#endif
