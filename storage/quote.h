/* storage/quote.h - names from a trace, which may be any bytes, as text that is safe to print. */
#ifndef PARKVIEW_STORAGE_QUOTE_H
#define PARKVIEW_STORAGE_QUOTE_H

#include <stddef.h>

#include "storage/src/dict.h" /* struct text */

/* utf8_length - bytes of the code point at p, of which n > 0 are there; 0 = not UTF-8. */
size_t utf8_length(const char *p, size_t n);

/* Both write the text in double quotes at p and return the end; no NUL.  p has room for
 * QUOTE_MAX(text.n) bytes. */
#define QUOTE_MAX(n) (6 * (size_t)(n) + 2)

/* quote_go - as Go's %q: escapes \x \u \U for what is not printable, invalid UTF-8 as \xHH. */
char *quote_go(char *p, struct text text);

/* quote_json - as Go's encoding/json without HTML escapes: invalid UTF-8 becomes \ufffd. */
char *quote_json(char *p, struct text text);

/* quote_plain - for a person's terminal, without quotes: control bytes and what is not UTF-8
 * become '?'.  At most max columns (one per code point), the last one an ellipsis where it was
 * cut; room for text.n + 3 bytes. */
char *quote_plain(char *p, struct text text, size_t max);

#endif
