/* server/src/terminal.h - a trace's text, fit to be printed at a terminal. */
#ifndef PARKVIEW_SERVER_TERMINAL_H
#define PARKVIEW_SERVER_TERMINAL_H

#include "storage/store.h"

/* terminal_text - valid UTF-8 without control characters (they could rewrite the screen);
 * malloc'ed, never NULL: the process ends where memory is out. */
char *terminal_text(struct text t);

/* terminal_columns - how many columns a text takes, one for each character. */
int terminal_columns(const char *utf8);

#endif
