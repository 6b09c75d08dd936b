/* server/src/options.h - the options of a command.
 *
 *     int64_t from = 0;
 *     int by = 0;
 *     const struct opt opts[] = {
 *         {"--from", OPT_TIME, &from, NULL},
 *         {"--by", OPT_CHOICE, &by, "reason|refined|function|stack"},
 *         {0}};
 *     int n = options_parse(argc, argv, opts);      // operands are now argv[1] ... argv[n]
 *     if (n < 0) return EXIT_USAGE;                 // it has said why
 */
#ifndef PARKVIEW_SERVER_OPTIONS_H
#define PARKVIEW_SERVER_OPTIONS_H

#include <stdint.h>

enum opt_kind {
    OPT_FLAG,  /* bool, set to true */
    OPT_TEXT,  /* const char * */
    OPT_INT,   /* int64_t, not negative */
    OPT_TIME,  /* int64_t, nanoseconds: 12.3ms, 1.5s, 17us, 250 */
    OPT_CHOICE /* int, index into choices */
};

struct opt {
    const char *name; /* "--port", "-o"; the list ends with NULL */
    enum opt_kind kind;
    void *value;
    const char *choices; /* "table|csv|json", OPT_CHOICE only */
};

/* options_parse - argv[0] is the command.  `--port 80`, `--port=80`, `-o x`; `--` ends options, `-`
 * is an operand.  Returns how many operands there are; -1: wrong usage, and a sentence is on
 * standard error. */
int options_parse(int argc, char **argv, const struct opt *opts);

/* options_operands - -1 and a sentence where n is not within min ... max; else 0. */
int options_operands(const char *command, int n, int min, int max);

/* time_parse - 0, or -1 where the text is no time (or beyond int64 nanoseconds). */
int time_parse(const char *text, int64_t *ns);

#endif
