/* tests/fuzz/base_store.h - the sound store that the targets of the store and of SQL begin with. */
#ifndef PARKVIEW_TESTS_FUZZ_BASE_STORE_H
#define PARKVIEW_TESTS_FUZZ_BASE_STORE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "storage/store.h"

/* base_store_make - imports a sample into a file that is this process's own; returns its path.
 * The targets are started at the project's root. */
static const char *base_store_make(void) {
    static char path[200];
    const char *trace = getenv("PARKVIEW_FUZZ_TRACE");
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/parkview-fuzz-%d.store", folder ? folder : "/tmp",
             (int)getpid());
    struct store_import_options options = {
        .trace = trace ? trace : "tests/corpus/go1.23-tasks.trace",
        .store = path,
    };
    struct fault fault = {0};
    if (store_import(&options, &fault) < 0) {
        fprintf(stderr, "cannot import %s: %s\n", options.trace, fault.text);
        exit(2);
    }
    return path;
}

#endif
