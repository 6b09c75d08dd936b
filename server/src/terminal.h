/* server/src/terminal.h - a trace's text, fit to be printed at a terminal. */
#ifndef PARKVIEW_SERVER_TERMINAL_H
#define PARKVIEW_SERVER_TERMINAL_H

#include <stdio.h>

#include "storage/store.h"

/* terminal_text - what can be printed, the rest as '?' (control and format characters could rewrite
 * the screen, or turn a name around); malloc'ed, never NULL: the process ends where memory is out.
 * terminal_text_upto - at most so many columns; an ellipsis where it was cut. */
char *terminal_text(struct text t);
char *terminal_text_upto(struct text t, int columns);

/* terminal_columns - how many columns a text takes, one for each character. */
int terminal_columns(const char *utf8);

/* Print a text in a cell of so many columns: figures to the right, names to the left. */
void terminal_right(FILE *out, const char *text, int columns);
void terminal_left(FILE *out, const char *text, int columns);

#endif
