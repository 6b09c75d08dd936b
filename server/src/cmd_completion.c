/* server/src/cmd_completion.c - `parkview completion bash`: the shell's completion, made from the
 * table of commands.  Options are found in the usage texts, so that the two cannot disagree. */
#include "server/src/commands.h"

#include <stdio.h>
#include <string.h>

/* Prints the options that a usage text describes: lines that begin with "  -". */
static void print_options(const char *usage) {
    for (const char *line = usage; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, "  -", 3) != 0) continue;
        const char *c = line + 2;
        while (*c == '-') { /* "  -o STORE", "  --from T, --to T" */
            size_t n = strcspn(c, " ,\n");
            printf(" %.*s", (int)n, c);
            const char *next = strstr(c + n, ", -");
            size_t rest = strcspn(c + n, "\n");
            if (!next || (size_t)(next - (c + n)) > rest || next - (c + n) > 12) break;
            c = next + 2;
        }
    }
    fputs(" --help", stdout);
}

int cmd_completion(int argc, char **argv) {
    if (argc != 2 || strcmp(argv[1], "bash") != 0) {
        fputs("parkview: completion: name the shell: bash\n", stderr);
        return EXIT_USAGE;
    }
    fputs("# bash completion for parkview; made by `parkview completion bash`\n"
          "_parkview() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} options=\"\"\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        COMPREPLY=($(compgen -W \"",
          stdout);
    for (size_t i = 0; i < n_commands; i++)
        if (commands[i].name) printf("%s ", commands[i].name);
    fputs("--help --version\" -- \"$word\") $(compgen -f -- \"$word\"))\n"
          "        return\n"
          "    fi\n"
          "    case ${COMP_WORDS[1]} in\n",
          stdout);
    for (size_t i = 0; i < n_commands; i++) {
        if (!commands[i].name) continue;
        printf("    %s) options=\"", commands[i].name);
        print_options(commands[i].usage);
        puts("\" ;;");
    }
    fputs("    esac\n"
          "    case $word in\n"
          "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
          "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
          "    esac\n"
          "}\n"
          "complete -o filenames -F _parkview parkview\n",
          stdout);
    return EXIT_FINE;
}
