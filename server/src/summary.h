/* server/src/summary.h - the facts of a trace for a person and for a program. */
#ifndef PARKVIEW_SERVER_SUMMARY_H
#define PARKVIEW_SERVER_SUMMARY_H

#include <stdbool.h>
#include <stdio.h>

#include "storage/facts.h"

/* summary_page - at most 100 columns; colour only where asked for. */
void summary_page(const struct facts *facts, const char *path, bool colour, FILE *out);

/* summary_json - a document in malloc'ed memory with a final newline; NULL = out of memory. */
char *summary_json(const struct facts *facts);

#endif
