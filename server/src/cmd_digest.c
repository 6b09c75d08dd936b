/* server/src/cmd_digest.c - `parkview digest`: two hashes by which readers are compared.
 * A file that is no trace has the digests of nothing, as in Go's reader; a file that cannot be
 * opened has none. */
#include <inttypes.h>
#include <stdio.h>

#include "server/src/cached.h"
#include "server/src/commands.h"
#include "server/src/options.h"
#include "server/src/report.h"
#include "storage/facts.h"

int cmd_digest(int argc, char **argv) {
    const struct opt opts[] = {{0}};
    int n = options_parse(argc, argv, opts);
    if (n < 0 || options_operands(argv[0], n, 1, 1) < 0) return EXIT_USAGE;
    if (wants_events(argv[0], argv[1])) return EXIT_CANNOT_OPEN;
    struct facts *facts;
    struct fault f = {0};
    int rc = facts_read(argv[1], &(struct facts_options){.digests = true}, &facts, &f);
    if (!facts) return report_fault(argv[1], &f);
    printf("%s %s lines=%" PRIu64 " result=", facts->digest, facts->digest_per_goroutine,
           facts->digest_lines);
    int status = EXIT_FINE;
    if (rc < 0) {
        printf("error: %s", facts->fault.text);
        if (facts->fault.offset >= 0) printf(" (at byte %" PRId64 ")", facts->fault.offset);
        putchar('\n');
        status = facts->opened ? EXIT_DAMAGED : EXIT_CANNOT_OPEN;
    } else {
        puts("ok");
    }
    facts_free(facts);
    return status;
}
