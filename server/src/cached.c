/* server/src/cached.c - traces as stores, by way of the cache.
 * Invariants  1. A cached store holds the trace as far as it goes.  --strict stops earlier, so its
 *                store never takes the name under which the whole would be looked for. */
#include "server/src/cached.h"
#include "server/src/commands.h"
#include "server/src/report.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int fault_of_gaps(struct store *s, struct fault *f) {
    const struct store_info *info = store_info(s);
    if (!info->n_gaps) return 0;
    const struct store_gap *gap = &info->gaps[0];
    int n = gap->cause.n < 300 ? (int)gap->cause.n : 300;
    fault_set(f, PV_ECORRUPT, gap->offset, "%.*s", n, gap->cause.data);
    return 1;
}

bool file_is_stream(const char *file) {
    struct stat st;
    if (strcmp(file, "-") == 0) return true;
    return stat(file, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

bool file_is_store(const char *file) {
    return !file_is_stream(file) && store_is(file);
}

int wants_events(const char *command, const char *file) {
    if (!file_is_store(file)) return EXIT_FINE;
    fprintf(
        stderr,
        "parkview: %s: %s is a store, which keeps slices and not events: give the trace that it "
        "was made from, or ask the store with `parkview waits`, `query` or `open`\n",
        command, file);
    return EXIT_CANNOT_OPEN;
}

/* What the cache holds: 1 damaged, 0 sound, < 0 not usable. */
static int look_at(const char *path, struct fault *f) {
    struct store *s;
    TRY(store_open(path, &s, f));
    int rc = fault_of_gaps(s, f);
    store_close(s);
    return rc;
}

static int take_slot(const char *file, bool strict, struct cache_slot *slot, struct fault *f) {
    if (file_is_stream(file) || !cache_may_keep(file))
        return cache_temporary("stream", slot, f) < 0 ? f->code : 0;
    int rc = cache_find(file, slot, f);
    if (rc == 1 && look_at(slot->store, f) < 0) { /* not readable after all: made anew */
        unlink(slot->store);
        cache_release(slot);
        rc = cache_find(file, slot, f);
    }
    if (rc < 0 || !strict) return rc;
    if (rc == 1 && look_at(slot->store, f) == 0) return 1; /* sound: strict reads the same */
    cache_release(slot);
    return cache_temporary(file, slot, f) < 0 ? f->code : 0;
}

int import_cached(const struct store_import_options *how, struct cache_slot *slot,
                  struct fault *f) {
    int rc = take_slot(how->trace, how->strict, slot, f);
    if (rc < 0) return rc;
    if (rc == 1) return look_at(slot->store, f);
    struct store_import_options o = *how;
    o.store = slot->store;
    rc = store_import(&o, f);
    if (rc < 0) {
        cache_release(slot);
        return rc;
    }
    cache_made(slot);
    struct fault ignored;
    cache_trim(&ignored); /* a cache that cannot be trimmed is no reason to refuse the trace */
    return rc;
}

static int show_progress(void *arg, const struct store_progress *p) {
    report_progress(arg, p);
    return 0;
}

int open_store(const char *file, bool strict, struct cached *out) {
    struct fault f = {.offset = -1};
    struct report_progress line = {.file = file};
    int rc = 0;
    out->slot.lock = -1;
    out->store = NULL;
    if (file_is_store(file)) {
        snprintf(out->path, sizeof out->path, "%s", file);
    } else {
        const struct store_import_options how = {
            .trace = file, .strict = strict, .progress = show_progress, .progress_arg = &line};
        rc = import_cached(&how, &out->slot, &f);
        report_progress_end(&line);
        if (rc >= 0) snprintf(out->path, sizeof out->path, "%s", out->slot.store);
    }
    if (rc >= 0) {
        struct fault opening = {.offset = -1};
        if (store_open(out->path, &out->store, &opening) < 0) {
            rc = opening.code;
            f = opening;
            cache_release(&out->slot);
        } else if (rc == 0) {
            rc = fault_of_gaps(out->store, &f);
        }
    }
    if (rc < 0) return report_fault(file, &f);
    return rc > 0 ? report_damage(file, &f) : EXIT_FINE;
}

void close_store(struct cached *c) {
    store_close(c->store);
    c->store = NULL;
    cache_release(&c->slot);
}
