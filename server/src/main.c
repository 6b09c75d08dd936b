/* server/src/main.c - finds the command and runs it.
 * Not here    the commands (commands.def, cmd_*.c). */
#include "server/src/commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MAX_LENGTH = 32 };

/* How many letters must change to make b of a; swaps of neighbours count once. */
static int distance(const char *a, const char *b) {
    int n = (int)strlen(a), m = (int)strlen(b);
    int d[NAME_MAX_LENGTH + 1][NAME_MAX_LENGTH + 1];
    if (n > NAME_MAX_LENGTH || m > NAME_MAX_LENGTH) return NAME_MAX_LENGTH;
    for (int i = 0; i <= n; i++) d[i][0] = i;
    for (int j = 0; j <= m; j++) d[0][j] = j;
    for (int i = 1; i <= n; i++) {
        for (int j = 1; j <= m; j++) {
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[n][m];
}

static const char *suggestion(const char *word) {
    const char *best = NULL;
    int least = 3; /* further away is not a slip of the finger */
    for (size_t i = 0; i < n_commands; i++) {
        if (!commands[i].name) continue;
        int d = strncmp(commands[i].name, word, strlen(word)) == 0 && strlen(word) > 1
                    ? 1
                    : distance(word, commands[i].name);
        if (d < least) {
            least = d;
            best = commands[i].name;
        }
    }
    return best;
}

static int unknown(const char *word) {
    const char *near = suggestion(word);
    fprintf(stderr, "parkview: '%s' is neither a command nor a file", word);
    if (near)
        fprintf(stderr, "; did you mean '%s'?\n", near);
    else
        fputs("; `parkview help` lists the commands\n", stderr);
    return EXIT_USAGE;
}

static int wants_help(int argc, char **argv) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return 1;
    return 0;
}

static int finish(int status) {
    /* A full disk or a closed pipe shows only when the last of the output is written. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        /* Whoever has read enough (`| head`) need not be told. */
        if (errno != EPIPE) perror("parkview: standard output");
        if (status < EXIT_USAGE) status = EXIT_CANNOT_OPEN;
    }
    return status;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        cmd_help(1, argv);
        return EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--version") == 0) {
        puts("parkview " PARKVIEW_VERSION);
        return finish(EXIT_FINE);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) return finish(cmd_help(1, argv));
    const struct command *c = command_find(word);
    if (!c && (access(word, F_OK) == 0 || strchr(word, '/'))) {
        c = command_find("open"); /* `parkview trace.out` */
    } else {
        argc--;
        argv++;
    }
    if (!c) return unknown(word);
    if (wants_help(argc, argv)) {
        fputs(c->usage, stdout);
        return finish(EXIT_FINE);
    }
    signal(SIGPIPE, SIG_IGN); /* a write to a closed pipe is an error like others; */
    signal(SIGXFSZ, SIG_IGN); /* so is one beyond the limit of a file's size */
    return finish(c->run(argc, argv));
}
