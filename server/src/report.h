/* server/src/report.h - sentences, progress and figures for a person at a terminal. */
#ifndef PARKVIEW_SERVER_REPORT_H
#define PARKVIEW_SERVER_REPORT_H

#include <stdint.h>

#include "storage/store.h"

/* report_fault - "parkview: FILE: what was expected, at byte N" on standard error; returns
 * EXIT_CANNOT_OPEN. */
int report_fault(const char *file, const struct fault *f);
/* report_damage - the same for a trace that was opened as far as it goes; returns EXIT_DAMAGED. */
int report_damage(const char *file, const struct fault *f);

/* One line on standard error that is written anew; nothing where that is no terminal. */
struct report_progress {
    const char *file;
    int64_t started_ns, shown_ns; /* 0 = not yet */
};
void report_progress(struct report_progress *r, const struct store_progress *p);
/* report_progress_end - clears the line. */
void report_progress_end(struct report_progress *r);

int64_t monotonic_ns(void);

/* Figures with a unit, at most 12 characters: "1.25 ms", "98.1 MB", "4.2 M". */
enum { FIGURE_CHARS = 24 };
const char *figure_ns(int64_t ns, char out[FIGURE_CHARS]);
const char *figure_bytes(uint64_t n, char out[FIGURE_CHARS]);
const char *figure_count(uint64_t n, char out[FIGURE_CHARS]);

#endif
