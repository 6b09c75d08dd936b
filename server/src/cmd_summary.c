/* server/src/cmd_summary.c - `parkview summary`: what is in a trace, on one page or as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/src/cached.h"
#include "server/src/commands.h"
#include "server/src/options.h"
#include "server/src/report.h"
#include "server/src/summary.h"

static bool wants_colour(void) {
    const char *no_color = getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) && !(no_color && *no_color);
}

int cmd_summary(int argc, char **argv) {
    bool json = false;
    const struct opt opts[] = {{"--json", OPT_FLAG, &json, NULL}, {0}};
    int n = options_parse(argc, argv, opts);
    if (n < 0 || options_operands(argv[0], n, 1, 1) < 0) return EXIT_USAGE;
    if (wants_events(argv[0], argv[1])) return EXIT_CANNOT_OPEN;
    const char *path = argv[1];
    struct facts *facts;
    struct fault f = {0};
    facts_read(path, &(struct facts_options){.sums = true, .digests = json}, &facts, &f);
    if (!facts) return report_fault(path, &f);
    int status = !facts->fault.code ? EXIT_FINE : facts->opened ? EXIT_DAMAGED : EXIT_CANNOT_OPEN;
    if (json) {
        char *text = summary_json(facts);
        if (text) fputs(text, stdout);
        if (!text) {
            fprintf(stderr, "parkview: %s: out of memory\n", argv[0]);
            status = EXIT_CANNOT_OPEN;
        }
        free(text);
    } else if (!facts->opened) {
        report_fault(path, &facts->fault);
    } else {
        summary_page(facts, path, wants_colour(), stdout);
    }
    facts_free(facts);
    return status;
}
