/* server/src/damage.h - one way to tell a person what is wrong with a file. */
#ifndef PARKVIEW_SERVER_DAMAGE_H
#define PARKVIEW_SERVER_DAMAGE_H

#include <stdbool.h>

#include "storage/fault.h"

/* damage_report - a sentence on standard error where f holds a fault; returns the exit status:
 * EXIT_FINE, EXIT_DAMAGED where the file could be opened, EXIT_CANNOT_OPEN where not. */
int damage_report(const char *command, const char *path, const struct fault *f, bool opened);

#endif
