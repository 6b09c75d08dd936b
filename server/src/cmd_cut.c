/* server/src/cmd_cut.c - `parkview cut`: a window as a smaller store, to share. */
#include <stdio.h>
#include <sys/stat.h>

#include "server/src/cached.h"
#include "server/src/commands.h"
#include "server/src/options.h"
#include "server/src/report.h"

static bool same_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void say_what(const char *out, int64_t from_ns, int64_t to_ns) {
    char a[FIGURE_CHARS], b[FIGURE_CHARS], bytes[FIGURE_CHARS];
    struct stat st;
    if (stat(out, &st) != 0) return;
    puts(out);
    fprintf(stderr, "%s: %s to %s, %s\n", out, figure_ns(from_ns, a), figure_ns(to_ns, b),
            figure_bytes((uint64_t)st.st_size, bytes));
}

int cmd_cut(int argc, char **argv) {
    int64_t from = 0, to = -1;
    const char *out = NULL;
    const struct opt opts[] = {{"--from", OPT_TIME, &from, NULL},
                               {"--to", OPT_TIME, &to, NULL},
                               {"-o", OPT_TEXT, &out, NULL},
                               {0}};
    int n = options_parse(argc, argv, opts);
    if (n < 0 || options_operands("cut", n, 1, 1) < 0) return EXIT_USAGE;
    if (!out || (to >= 0 && from >= to)) {
        fputs(out ? "parkview: cut: --from must be before --to\n"
                  : "parkview: cut: where to? Give -o STORE\n",
              stderr);
        return EXIT_USAGE;
    }
    struct cached c;
    struct fault f = {.offset = -1};
    int status = open_store(argv[1], false, &c);
    if (status > EXIT_DAMAGED) return status;
    int64_t duration = store_info(c.store)->duration_ns;
    if (to < 0 || to > duration) to = duration;
    if (from >= to) {
        char a[FIGURE_CHARS];
        fprintf(stderr, "parkview: cut: nothing to cut: the trace ends at %s\n",
                figure_ns(duration, a));
        status = EXIT_USAGE;
    } else if (same_file(out, argv[1]) || same_file(out, c.path)) {
        fprintf(stderr, "parkview: cut: %s is what is being cut; give another name\n", out);
        status = EXIT_USAGE;
    } else if (store_cut(c.store, from, to, out, &f) < 0) {
        status = report_fault(out, &f);
    } else {
        say_what(out, from, to);
    }
    close_store(&c);
    return status;
}
