/* server/src/terminal.c - a trace's text, fit to be printed at a terminal. */
#include "server/src/terminal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/src/commands.h"
#include "storage/quote.h"

char *terminal_text(struct text t) {
    return terminal_text_upto(t, INT_MAX);
}

char *terminal_text_upto(struct text t, int columns) {
    char *text = malloc(t.n + 4);
    if (!text) {
        fputs("parkview: out of memory\n", stderr);
        exit(EXIT_CANNOT_OPEN);
    }
    *quote_plain(text, t, (size_t)columns) = 0;
    return text;
}

int terminal_columns(const char *utf8) {
    int n = 0;
    for (; *utf8; utf8++) n += ((unsigned char)*utf8 & 0xc0) != 0x80;
    return n;
}

void terminal_right(FILE *out, const char *text, int columns) {
    int pad = columns - terminal_columns(text);
    fprintf(out, "%*s%s", pad > 0 ? pad : 0, "", text);
}

void terminal_left(FILE *out, const char *text, int columns) {
    int pad = columns - terminal_columns(text);
    fprintf(out, "%s%*s", text, pad > 0 ? pad : 0, "");
}
