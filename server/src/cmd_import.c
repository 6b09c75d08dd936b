/* server/src/cmd_import.c - `parkview import`: a store, in the cache or where one wants it. */
#include <stdio.h>
#include <string.h>

#include "server/src/cached.h"
#include "server/src/commands.h"
#include "server/src/options.h"
#include "server/src/report.h"

static void summarize(const char *file, const char *store, int64_t took_ns) {
    struct fault f;
    struct store *s;
    char duration[FIGURE_CHARS], events[FIGURE_CHARS], gs[FIGURE_CHARS], bytes[FIGURE_CHARS],
        took[FIGURE_CHARS];
    if (store_open(store, &s, &f) < 0) {
        report_fault(store, &f);
        return;
    }
    const struct store_info *i = store_info(s);
    fprintf(stderr, "%s: Go 1.%d, %s, %s events, %s goroutines, %s; read in %s\n", file,
            i->format_version, figure_ns(i->duration_ns, duration),
            figure_count((uint64_t)i->n_events, events),
            figure_count((uint64_t)i->n_goroutines, gs), figure_bytes(i->trace_bytes, bytes),
            figure_ns(took_ns, took));
    store_close(s);
}

static int show_progress(void *arg, const struct store_progress *p) {
    report_progress(arg, p);
    return 0;
}

/* Into a file of the user's choice. */
static int import_to(const char *file, const char *store, bool strict) {
    struct report_progress line = {.file = file};
    struct fault f = {.offset = -1};
    const struct store_import_options o = {.trace = file,
                                           .store = store,
                                           .strict = strict,
                                           .progress = show_progress,
                                           .progress_arg = &line};
    int rc = store_import(&o, &f);
    report_progress_end(&line);
    if (rc < 0) return report_fault(file, &f);
    return rc > 0 ? report_damage(file, &f) : EXIT_FINE;
}

int cmd_import(int argc, char **argv) {
    const char *store = NULL;
    bool strict = false;
    const struct opt opts[] = {
        {"-o", OPT_TEXT, &store, NULL}, {"--strict", OPT_FLAG, &strict, NULL}, {0}};
    int n = options_parse(argc, argv, opts);
    if (n < 0 || options_operands("import", n, 1, 1) < 0) return EXIT_USAGE;
    const char *file = argv[1];
    int64_t started = monotonic_ns();
    if (!store && file_is_stream(file)) {
        fputs("parkview: import: standard input or a pipe needs -o STORE\n", stderr);
        return EXIT_USAGE;
    }
    if (!store && !cache_may_keep(file)) {
        fputs("parkview: import: a ring that is being written needs -o STORE\n", stderr);
        return EXIT_USAGE;
    }
    if (!store && strict) {
        fputs("parkview: import: --strict needs -o STORE: the cache keeps whole traces\n", stderr);
        return EXIT_USAGE;
    }
    if (file_is_store(file)) {
        fprintf(stderr, "parkview: import: %s is a store already\n", file);
        return EXIT_USAGE;
    }
    if (store) {
        int status = import_to(file, store, strict);
        if (status > EXIT_DAMAGED) return status;
        puts(store);
        summarize(file, store, monotonic_ns() - started);
        return status;
    }
    struct cached c;
    int status = open_store(file, false, &c);
    if (status > EXIT_DAMAGED) return status;
    puts(c.path);
    summarize(file, c.path, monotonic_ns() - started);
    close_store(&c);
    return status;
}
