/* server/src/commands.c - the table of commands, and help.
 * Not here    what commands do (cmd_*.c); the shell's completion (cmd_completion.c). */
#include "server/src/commands.h"

#include <stdio.h>
#include <string.h>

const struct command commands[] = {
#define SECTION(heading)              {NULL, NULL, heading, NULL},
#define COMMAND(name, summary, usage) {#name, cmd_##name, summary, usage},
#include "server/src/commands.def"
#undef SECTION
#undef COMMAND
};
const size_t n_commands = sizeof commands / sizeof *commands;

const struct command *command_find(const char *name) {
    for (size_t i = 0; i < n_commands; i++)
        if (commands[i].name && strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static void print_list(void) {
    puts("Parkview shows why a program in Go or C was waiting: it opens execution traces.\n\n"
         "usage: parkview COMMAND [OPTION...] [FILE...]\n"
         "       parkview FILE...              as: parkview open FILE...");
    for (size_t i = 0; i < n_commands; i++) {
        if (!commands[i].name)
            printf("\n%s\n", commands[i].summary);
        else
            printf("  %-12s %s\n", commands[i].name, commands[i].summary);
    }
    puts("\nA FILE is a trace of any Go since 1.11, a ring file that a C program writes with\n"
         "libparkview, or a store that `parkview import` made; traces and rings may be in gzip or\n"
         "zstd, and - is standard input.  Times are written 12.3ms, 1.5s, 250us, or as plain\n"
         "nanoseconds, and count from the trace's first event.\n\n"
         "Exit status: 0 fine, 1 the trace is damaged but was opened as far as it goes, 2 usage,\n"
         "3 cannot be opened.  `parkview help COMMAND` says more about one command.");
}

int cmd_help(int argc, char **argv) {
    if (argc < 2) {
        print_list();
        return EXIT_FINE;
    }
    const struct command *c = command_find(argv[1]);
    if (!c || argc > 2) {
        fprintf(stderr, "parkview: help: no command '%s'; `parkview help` lists them\n",
                argv[argc > 2 ? 2 : 1]);
        return EXIT_USAGE;
    }
    fputs(c->usage, stdout);
    return EXIT_FINE;
}
