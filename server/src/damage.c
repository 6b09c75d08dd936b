/* server/src/damage.c - one way to tell a person what is wrong with a file. */
#include "server/src/damage.h"

#include <stdio.h>

#include "server/src/commands.h"

int damage_report(const char *command, const char *path, const struct fault *f, bool opened) {
    if (!f->code) return EXIT_FINE;
    fprintf(stderr, "parkview: %s: %s: ", command, path);
    if (opened && f->code == PV_ECORRUPT) fputs("the trace is damaged: ", stderr);
    fputs(f->text, stderr);
    if (f->offset >= 0) fprintf(stderr, " (at byte %lld)", (long long)f->offset);
    if (opened && f->code == PV_ECORRUPT) fputs("; what comes before was read", stderr);
    fputc('\n', stderr);
    return opened ? EXIT_DAMAGED : EXIT_CANNOT_OPEN;
}
