/* storage/src/temporary.h - unlinked temporary files, in $TMPDIR, else /var/tmp, else /tmp,
 * else in memory. */
#ifndef PARKVIEW_STORAGE_TEMPORARY_H
#define PARKVIEW_STORAGE_TEMPORARY_H

#include <stddef.h>
#include <stdint.h>

#include "storage/fault.h"

/* temporary_open - an empty file without a name, open for both; the caller closes it.  PV_EIO. */
int temporary_open(struct fault *f);
/* temporary_write - all n bytes, at the file's position.  PV_EFULL, PV_EIO. */
int temporary_write(int fd, const uint8_t *data, size_t n, struct fault *f);

#endif
