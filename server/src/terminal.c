/* server/src/terminal.c - a trace's text, fit to be printed at a terminal. */
#include "server/src/terminal.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/src/commands.h"
#include "server/src/json.h"

char *terminal_text(struct text t) {
    char *text = text_utf8(t);
    if (!text) {
        fputs("parkview: out of memory\n", stderr);
        exit(EXIT_CANNOT_OPEN);
    }
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f) *c = '?';
        if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) { /* C1 controls, one of them is CSI */
            c[0] = '?';
            c[1] = '?';
        }
    }
    return text;
}

int terminal_columns(const char *utf8) {
    int n = 0;
    for (; *utf8; utf8++) n += ((unsigned char)*utf8 & 0xc0) != 0x80;
    return n;
}
