/* server/src/report.c - sentences, progress and figures for a person at a terminal. */
#include "server/src/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/src/commands.h"
#include "server/src/terminal.h"

enum { REDRAW_NS = 100000000, FIRST_NS = 150000000 };

static void report(const char *file, const char *what, const struct fault *f) {
    const char *text = f->text[0] ? f->text : fault_name(f->code);
    if (strcmp(file, "-") == 0) file = "standard input";
    char *name = terminal_text((struct text){file, strlen(file)});
    fprintf(stderr, "parkview: %s: %s%s", name, what, text);
    if (f->offset >= 0 && !strstr(text, " byte ")) fprintf(stderr, ", at byte %" PRId64, f->offset);
    fputc('\n', stderr);
    free(name);
}

int report_fault(const char *file, const struct fault *f) {
    report(file, "", f);
    return EXIT_CANNOT_OPEN;
}

int report_damage(const char *file, const struct fault *f) {
    report(file, "damaged, opened as far as it goes: ", f);
    return EXIT_DAMAGED;
}

int64_t monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static const char *figure(double v, const char *const *units, size_t n_units, double step,
                          char out[FIGURE_CHARS]) {
    size_t i = 0;
    while (i + 1 < n_units && v >= 999.5) {
        v /= step;
        i++;
    }
    int digits = i == 0 || v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2;
    snprintf(out, FIGURE_CHARS, "%.*f%s%s", digits, v, units[i][0] ? " " : "", units[i]);
    return out;
}

const char *figure_ns(int64_t ns, char out[FIGURE_CHARS]) {
    static const char *const units[] = {"ns", "\u00b5s", "ms", "s"};
    if (ns < 0) { /* nothing here lasts less than nothing; shown as it is */
        snprintf(out, FIGURE_CHARS, "%" PRId64 " ns", ns);
        return out;
    }
    return figure((double)ns, units, 4, 1000, out);
}

const char *figure_bytes(uint64_t n, char out[FIGURE_CHARS]) {
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    return figure((double)n, units, 5, 1000, out);
}

const char *figure_count(uint64_t n, char out[FIGURE_CHARS]) {
    static const char *const units[] = {"", "k", "M", "G"};
    if (n >= 10000) return figure((double)n, units, 4, 1000, out);
    snprintf(out, FIGURE_CHARS, "%" PRIu64, n);
    return out;
}

void report_progress(struct report_progress *r, const struct store_progress *p) {
    int64_t now = monotonic_ns();
    if (!r->started_ns) r->started_ns = now;
    if (now - r->started_ns < FIRST_NS || now - r->shown_ns < REDRAW_NS || !isatty(2)) return;
    r->shown_ns = now;
    double seconds = (double)(now - r->started_ns) / 1e9;
    double rate = (double)p->bytes_done / seconds;
    char done[FIGURE_CHARS], speed[FIGURE_CHARS], events[FIGURE_CHARS], left[FIGURE_CHARS];
    char share[32], eta[48] = "";
    snprintf(share, sizeof share, "%s", figure_bytes(p->bytes_done, done));
    if (p->bytes_total && p->bytes_done <= p->bytes_total) {
        snprintf(share, sizeof share, "%3.0f %%",
                 100.0 * (double)p->bytes_done / (double)p->bytes_total);
        if (rate > 0)
            snprintf(
                eta, sizeof eta, ", %s left",
                figure_ns((int64_t)((double)(p->bytes_total - p->bytes_done) / rate * 1e9), left));
    }
    char *name = terminal_text((struct text){r->file, strlen(r->file)});
    fprintf(stderr, "\r\033[Kparkview: %s: %s, %s/s, %s events/s%s", name, share,
            figure_bytes((uint64_t)rate, speed),
            figure_count((uint64_t)((double)p->n_events / seconds), events), eta);
    free(name);
    fflush(stderr);
}

void report_progress_end(struct report_progress *r) {
    if (r->shown_ns) fputs("\r\033[K", stderr);
    r->shown_ns = 0;
}
