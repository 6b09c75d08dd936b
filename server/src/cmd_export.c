/* server/src/cmd_export.c - `parkview export`: a ring file as a trace for Go's own tools. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/src/commands.h"
#include "server/src/options.h"
#include "server/src/report.h"
#include "storage/export.h"

int cmd_export(int argc, char **argv) {
    const char *out = NULL, *format = "gotrace";
    const struct opt opts[] = {
        {"--format", OPT_TEXT, &format, NULL}, {"-o", OPT_TEXT, &out, NULL}, {0}};
    int n = options_parse(argc, argv, opts);
    if (n < 0 || options_operands("export", n, 1, 1) < 0) return EXIT_USAGE;
    if (!out || strcmp(format, "gotrace") != 0) {
        fputs(out ? "parkview: export: the only format is gotrace\n"
                  : "parkview: export: where to? Give -o FILE\n",
              stderr);
        return EXIT_USAGE;
    }
    struct export_result result;
    struct fault f = {.offset = -1};
    int rc = export_gotrace(argv[1], out, &result, &f);
    if (rc < 0) return report_fault(argv[1], &f);
    char bytes[FIGURE_CHARS];
    puts(out);
    fprintf(stderr, "%s: %" PRIu64 " events, %s", out, result.events,
            figure_bytes(result.bytes, bytes));
    if (result.left_out)
        fprintf(stderr, "; %" PRIu64 " marks left out, for which Go's format has no place",
                result.left_out);
    fputc('\n', stderr);
    return rc > 0 ? report_damage(argv[1], &f) : EXIT_FINE;
}
