/* server/src/cmd_dump.c - `parkview dump`: the events as text, for grep. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "server/src/cached.h"
#include "server/src/commands.h"
#include "server/src/options.h"
#include "server/src/report.h"
#include "storage/facts.h"

int cmd_dump(int argc, char **argv) {
    struct dump_options dump = {0};
    const struct opt opts[] = {{"--wire", OPT_FLAG, &dump.wire, NULL}, {0}};
    int n = options_parse(argc, argv, opts);
    if (n < 0 || options_operands(argv[0], n, 1, 1) < 0) return EXIT_USAGE;
    if (wants_events(argv[0], argv[1])) return EXIT_CANNOT_OPEN;
    signal(SIGPIPE, SIG_DFL); /* `parkview dump FILE | head` ends quietly, as filters do */
    struct dump_result result;
    struct fault f = {0};
    if (facts_dump(argv[1], &dump, stdout, &result, &f) == 0) return EXIT_FINE;
    if (result.write_failed) clearerr(stdout); /* it is said here */
    if (result.opened && !result.write_failed) return report_damage(argv[1], &f);
    return report_fault(argv[1], &f);
}
