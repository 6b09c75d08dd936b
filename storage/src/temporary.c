/* storage/src/temporary.c - files that nobody else sees, for a trace that can be read only once. */
#include "storage/src/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int temporary_open(struct fault *f) {
    const char *dirs[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
    int error = ENOENT;
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        char path[4096];
        if (!dirs[i] || !*dirs[i]) continue;
        int n = snprintf(path, sizeof path, "%s/parkview-XXXXXX", dirs[i]);
        if (n < 0 || (size_t)n >= sizeof path) continue;
        int fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0) {
            unlink(path);
            return fd;
        }
        error = errno;
    }
    int fd = memfd_create("parkview", MFD_CLOEXEC);
    if (fd >= 0) return fd;
    return fault_set(f, PV_EIO, -1, "cannot make a temporary file for the trace: %s",
                     strerror(error));
}

int temporary_write(int fd, const uint8_t *data, size_t n, struct fault *f) {
    while (n > 0) {
        ssize_t done = write(fd, data, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) {
            int code = errno == ENOSPC || errno == EDQUOT ? PV_EFULL : PV_EIO;
            return fault_set(f, code, -1, "cannot write the temporary copy of the trace: %s",
                             strerror(errno));
        }
        data += done;
        n -= (size_t)done;
    }
    return 0;
}
