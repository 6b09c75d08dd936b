/* server/src/cmd_cache.c - `parkview cache`: the stores that are kept, and their removal. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "server/src/commands.h"
#include "server/src/options.h"
#include "server/src/report.h"
#include "storage/cache.h"

static int show(void) {
    struct cache_entry *entries;
    struct fault f;
    size_t n;
    char folder[PATH_MAX], bytes[FIGURE_CHARS], limit[FIGURE_CHARS];
    if (cache_folder(NULL, folder, sizeof folder, &f) < 0 || cache_list(&entries, &n, &f) < 0) {
        report_fault("cache", &f);
        return EXIT_CANNOT_OPEN;
    }
    uint64_t sum = 0;
    if (n) printf("%-16s  %10s  %s\n", "last used", "size", "trace");
    for (size_t i = 0; i < n; i++) {
        char when[32];
        struct tm tm;
        time_t used = (time_t)entries[i].used_unix;
        strftime(when, sizeof when, "%Y-%m-%d %H:%M", localtime_r(&used, &tm));
        printf("%-16s  %10s  %s\n", when, figure_bytes(entries[i].bytes, bytes), entries[i].name);
        sum += entries[i].bytes;
    }
    printf("%s%zu store%s in %s, %s of at most %s\n", n ? "\n" : "", n, n == 1 ? "" : "s", folder,
           figure_bytes(sum, bytes), figure_bytes(cache_limit_bytes(), limit));
    free(entries);
    return EXIT_FINE;
}

static int clear(void) {
    struct cache_entry *left;
    struct fault f;
    size_t n, n_left;
    uint64_t sum;
    char bytes[FIGURE_CHARS];
    if (cache_clear(&n, &sum, &f) < 0 || cache_list(&left, &n_left, &f) < 0) {
        report_fault("cache", &f);
        return EXIT_CANNOT_OPEN;
    }
    free(left);
    printf("%zu store%s removed, %s", n, n == 1 ? "" : "s", figure_bytes(sum, bytes));
    if (n_left) printf("; %zu in use", n_left);
    puts("");
    return EXIT_FINE;
}

int cmd_cache(int argc, char **argv) {
    bool wants_clear = false;
    const struct opt opts[] = {{"--clear", OPT_FLAG, &wants_clear, NULL}, {0}};
    int n = options_parse(argc, argv, opts);
    if (n < 0 || options_operands("cache", n, 0, 0) < 0) return EXIT_USAGE;
    return wants_clear ? clear() : show();
}
