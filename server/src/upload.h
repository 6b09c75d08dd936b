/* server/src/upload.h - a trace that the page sends: to disk as it comes, then imported. */
#ifndef PARKVIEW_SERVER_UPLOAD_H
#define PARKVIEW_SERVER_UPLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "storage/fault.h"

struct server;
struct upload;

/* upload_begin - name as the page says it (any bytes).  PV_EFULL where the disk has no room. */
int upload_begin(const char *name, uint64_t bytes, struct upload **out, struct fault *f);
/* upload_data - after a fault the rest is dropped, and upload_end reports it. */
void upload_data(struct upload *u, const void *data, size_t n);
/* upload_end - the last byte is there: the file gets its name and its import begins.  Frees u. */
int upload_end(struct upload *u, struct server *s, int *trace, struct fault *f);
/* upload_abort - leaves nothing behind; frees u; NULL is allowed. */
void upload_abort(struct upload *u);

/* upload_remove - the file of an upload that is a store by now. */
void upload_remove(const char *path);

#endif
