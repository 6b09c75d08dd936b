/* server/src/commands.h - the table of commands, from commands.def. */
#ifndef PARKVIEW_SERVER_COMMANDS_H
#define PARKVIEW_SERVER_COMMANDS_H

#include <stddef.h>

#define PARKVIEW_VERSION "0.1.0"

/* Exit status of every command. */
enum {
    EXIT_FINE = 0,
    EXIT_DAMAGED = 1, /* the trace is damaged, but was opened as far as it goes */
    EXIT_USAGE = 2,
    EXIT_CANNOT_OPEN = 3 /* the file cannot be opened at all; also: the work cannot be done */
};

struct command {
    const char *name; /* NULL: a heading of the list, in summary */
    int (*run)(int argc, char **argv);
    const char *summary;
    const char *usage;
};

extern const struct command commands[];
extern const size_t n_commands;

/* command_find - NULL where there is none of that name. */
const struct command *command_find(const char *name);

#define SECTION(heading)
#define COMMAND(name, summary, usage) int cmd_##name(int argc, char **argv);
#include "server/src/commands.def"
#undef SECTION
#undef COMMAND

#endif
