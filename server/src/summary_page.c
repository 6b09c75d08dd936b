/* server/src/summary_page.c - the facts of a trace on one page for a person in a terminal.
 *
 * A sentence before each table; numbers to three digits with their unit; columns aligned by
 * code points, as "µs" is three bytes; at most WIDTH columns.  Colour is for states only. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/src/report.h"
#include "server/src/summary.h"
#include "server/src/terminal.h"

enum { WIDTH = 96, BAR = 20, N_REASONS = 12, N_BUSIEST = 12, CELL = 64 };

static const char bold[] = "\033[1m", dim[] = "\033[2m", red[] = "\033[1;31m", plain[] = "\033[0m";
static const char running[] = "\033[38;5;71m", runnable[] = "\033[38;5;214m",
                  in_syscall[] = "\033[38;5;137m", waiting[] = "\033[38;5;68m";

struct page {
    const struct facts *facts;
    FILE *out;
    bool colour;
};

/* ---- cells ---------------------------------------------------------------------------------- */

static void ink(const struct page *p, const char *code) {
    if (p->colour) fputs(code, p->out);
}

/* 1234567 as 1,234,567. */
static const char *count(char out[CELL], int64_t n) {
    char digits[CELL];
    int length = snprintf(digits, sizeof digits, "%" PRId64, n);
    char *o = out;
    for (int i = 0; i < length; i++) {
        *o++ = digits[i];
        int rest = length - 1 - i;
        if (rest && rest % 3 == 0 && digits[i] != '-') *o++ = ',';
    }
    *o = 0;
    return out;
}

static const char *counted(char out[CELL], int64_t n, const char *one, const char *many) {
    size_t length = strlen(count(out, n));
    snprintf(out + length, CELL - length, " %s", n == 1 ? one : many);
    return out;
}

static const char *share(char out[CELL], double part) {
    if (part > 0 && part < 0.0005)
        snprintf(out, CELL, "<0.1 %%");
    else
        snprintf(out, CELL, "%.1f %%", 100 * part);
    return out;
}

static void name(const struct page *p, struct text text, int width) {
    char *safe = terminal_text_upto(text, width);
    terminal_left(p->out, safe[0] ? safe : "(no reason given)", width);
    free(safe);
}

/* A bar of up to BAR columns, in eighths. */
static void bar(const struct page *p, const char *colour, double part) {
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    if (!(part > 0)) return;
    int n = (int)lround((part > 1 ? 1 : part) * BAR * 8);
    if (n == 0) n = 1;
    ink(p, colour);
    for (int i = 0; i < n / 8; i++) fputs("█", p->out);
    fputs(eighths[n % 8], p->out);
    ink(p, plain);
}

static void heading(const struct page *p, const char *title, int width) {
    fputc('\n', p->out);
    ink(p, bold);
    terminal_left(p->out, title, width);
    ink(p, plain);
}

static void titles(const struct page *p, const char *const *names, size_t n, int width) {
    ink(p, dim);
    for (size_t i = 0; i < n; i++) terminal_right(p->out, names[i], width);
    ink(p, plain);
    fputc('\n', p->out);
}

/* ---- what the file is ----------------------------------------------------------------------- */

static const char *go_version(int format) {
    switch (format) {
    case 11:
        return "Go 1.11 to 1.18";
    case 19:
        return "Go 1.19 or 1.20";
    case 21:
        return "Go 1.21";
    case 22:
        return "Go 1.22";
    case 23:
        return "Go 1.23 or 1.24";
    case 25:
        return "Go 1.25";
    case 26:
        return "Go 1.26";
    case FORMAT_RING:
        return "libparkview";
    default:
        return NULL;
    }
}

static void damage(const struct page *p) {
    const struct fault *f = &p->facts->fault;
    if (!f->code) return;
    char until[CELL];
    ink(p, red);
    fputs("This trace is damaged: ", p->out);
    ink(p, plain);
    fputs(f->text, p->out);
    if (f->offset >= 0) fprintf(p->out, " (at byte %" PRId64 ")", f->offset);
    if (p->facts->duration_ns > 0)
        fprintf(p->out, ".\nAll figures are of what Go's own reader gives of it: the first %s.",
                figure_ns(p->facts->duration_ns, until));
    else
        fputs(".\nGo's own reader gives nothing of it, and these figures follow it.", p->out);
    fputs("  The timeline\nshows what else can be read.\n\n", p->out);
}

/* How much of their time the processors ran goroutines, in all and at the extremes. */
static void busy_sentence(const struct page *p) {
    const struct facts *f = p->facts;
    double all = 0, least = 1, most = 0;
    for (uint32_t i = 0; i < f->n_per_p; i++) {
        if (f->per_p[i].id < 0) continue;
        double part = (double)f->per_p[i].running_ns / (double)f->duration_ns;
        all += part;
        if (part < least) least = part;
        if (part > most) most = part;
    }
    if (f->procs <= 0 || f->duration_ns <= 0) return;
    char a[CELL], b[CELL], c[CELL];
    fprintf(p->out, "The processors ran goroutines %s of the time",
            share(a, all / (double)f->procs));
    if (f->procs > 1)
        fprintf(p->out, " (the busiest %s, the least busy %s)", share(b, most), share(c, least));
    fputs(".\n", p->out);
}

static void what_it_is(const struct page *p, const char *path) {
    const struct facts *f = p->facts;
    const char *slash = strrchr(path, '/');
    const char *base = strcmp(path, "-") == 0 ? "standard input" : slash ? slash + 1 : path;
    char a[CELL], b[CELL], c[CELL], d[CELL], e[CELL];
    const char *version = go_version(f->format_version);
    char unknown[CELL];
    snprintf(unknown, sizeof unknown, "Go 1.%d (newer than known here)", f->format_version);
    ink(p, bold);
    char *shown = terminal_text_upto((struct text){base, strlen(base)}, CELL);
    fputs(shown, p->out);
    free(shown);
    ink(p, plain);
    fprintf(p->out, " shows %s of a %s program:\n", figure_ns(f->duration_ns, a),
            version ? version : unknown);
    fprintf(p->out, "%s of %s on %s", counted(b, f->events, "event", "events"),
            counted(c, f->goroutines, "goroutine", "goroutines"),
            counted(d, f->procs, "processor", "processors"));
    if (f->format_version >= 22) /* before, traces do not tell threads reliably */
        fprintf(p->out, " and %s", counted(e, f->threads, "thread", "threads"));
    fputs(".\n", p->out);
    busy_sentence(p);
    time_t seconds = (time_t)(f->wall_unix_ns / 1000000000);
    struct tm tm;
    char when[CELL];
    if (f->wall_unix_ns <= 0 || !gmtime_r(&seconds, &tm)) return;
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
    fprintf(p->out, "It begins at %s.%03d UTC.\n", when, (int)(f->wall_unix_ns / 1000000 % 1000));
}

/* ---- tables --------------------------------------------------------------------------------- */

static void states(const struct page *p) {
    static const struct {
        const char *key, *label, *colour;
    } rows[] = {{"running", "running", running},
                {"runnable", "runnable: ready, without a processor", runnable},
                {"syscall", "in a system call", in_syscall},
                {"waiting", "waiting", waiting}};
    static const char *const names[] = {"time", "share"};
    double all = 0;
    for (size_t i = 0; i < 4; i++) {
        const struct fact *s = facts_find(&p->facts->go_states, rows[i].key);
        if (s) all += (double)s->total_ns;
    }
    heading(p, "Time of all goroutines", 40);
    titles(p, names, 2, 11);
    for (size_t i = 0; i < 4; i++) {
        const struct fact *s = facts_find(&p->facts->go_states, rows[i].key);
        int64_t ns = s ? s->total_ns : 0;
        double part = all > 0 ? (double)ns / all : 0;
        char a[CELL], b[CELL];
        fputs("  ", p->out);
        terminal_left(p->out, rows[i].label, 38);
        terminal_right(p->out, figure_ns(ns, a), 11);
        terminal_right(p->out, share(b, part), 11);
        fputs("  ", p->out);
        bar(p, rows[i].colour, part);
        fputc('\n', p->out);
    }
}

/* The costliest reasons, most first; returns how many. */
static uint32_t costliest(const struct fact_list *list, const struct fact *top[N_REASONS]) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        const struct fact *f = &list->at[i];
        uint32_t at = n;
        while (at > 0 && (top[at - 1]->total_ns < f->total_ns ||
                          (top[at - 1]->total_ns == f->total_ns && top[at - 1]->count < f->count)))
            at--;
        if (at == N_REASONS) continue;
        if (n < N_REASONS) n++;
        for (uint32_t k = n - 1; k > at; k--) top[k] = top[k - 1];
        top[at] = f;
    }
    return n;
}

static void reason_row(const struct page *p, const struct fact *r, double most) {
    char a[CELL], b[CELL], c[CELL], d[CELL];
    fputs("  ", p->out);
    name(p, r->name, 31);
    terminal_right(p->out, count(a, r->count), 10);
    terminal_right(p->out, figure_ns(r->total_ns, b), 10);
    terminal_right(p->out, figure_ns(r->count ? r->total_ns / r->count : 0, c), 10);
    terminal_right(p->out, figure_ns(r->max_ns, d), 10);
    fputs("  ", p->out);
    bar(p, waiting, most > 0 ? (double)r->total_ns / most : 0);
    fputc('\n', p->out);
}

static void reasons(const struct page *p) {
    const struct fact_list *list = &p->facts->wait_reasons;
    static const char *const names[] = {"waits", "total", "mean", "longest"};
    const struct fact *top[N_REASONS];
    uint32_t n = costliest(list, top);
    if (!n) return;
    heading(p, "Why goroutines waited", 33);
    titles(p, names, 4, 10);
    int64_t rest = 0;
    for (uint32_t i = 0; i < list->n; i++) rest += list->at[i].total_ns;
    for (uint32_t i = 0; i < n; i++) {
        reason_row(p, top[i], (double)top[0]->total_ns);
        rest -= top[i]->total_ns;
    }
    char a[CELL];
    if (list->n > n)
        fprintf(p->out, "  and %u other reasons for %s\n", list->n - n, figure_ns(rest, a));
}

static const char stw[] = "stop-the-world (";

static bool is_stw(const struct fact_range *r) {
    return r->name.n >= sizeof stw - 1 && memcmp(r->name.data, stw, sizeof stw - 1) == 0;
}

static void collector_sentence(const struct page *p) {
    int64_t cycles = 0, mark_ns = 0, stops = 0, stop_ns = 0, longest = 0;
    for (uint32_t i = 0; i < p->facts->n_ranges; i++) {
        const struct fact_range *r = &p->facts->ranges[i];
        static const char mark[] = "GC concurrent mark phase";
        if (r->name.n == sizeof mark - 1 && memcmp(r->name.data, mark, r->name.n) == 0) {
            cycles = r->count;
            mark_ns = r->total_ns;
        }
        if (!is_stw(r)) continue;
        stops += r->count;
        stop_ns += r->total_ns;
        if (r->max_ns > longest) longest = r->max_ns;
    }
    char a[CELL], b[CELL], c[CELL], d[CELL], e[CELL], f[CELL];
    double all = (double)p->facts->duration_ns;
    fprintf(p->out, "  %s, marking %s of the time.\n  The world stopped %s for %s, at most %s.\n",
            counted(a, cycles, "GC cycle", "GC cycles"),
            share(b, all > 0 ? (double)mark_ns / all : 0), counted(c, stops, "time", "times"),
            figure_ns(stop_ns, d), figure_ns(longest, e));
    for (uint32_t i = 0; i < p->facts->n_metrics; i++) {
        const struct fact_metric *m = &p->facts->metrics[i];
        static const char heap[] = "/memory/classes/heap/objects:bytes";
        if (m->name.n == sizeof heap - 1 && memcmp(m->name.data, heap, m->name.n) == 0)
            fprintf(p->out, "  The heap held between %s and %s.\n", figure_bytes(m->min, a),
                    figure_bytes(m->max, f));
    }
}

static void ranges(const struct page *p) {
    static const char *const names[] = {"count", "total", "mean", "longest"};
    if (!p->facts->n_ranges) return;
    heading(p, "Collector and stop-the-world\n", 0);
    collector_sentence(p);
    terminal_left(p->out, "", 45);
    titles(p, names, 4, 11);
    for (uint32_t i = 0; i < p->facts->n_ranges; i++) {
        const struct fact_range *r = &p->facts->ranges[i];
        char a[CELL], b[CELL], c[CELL], d[CELL];
        fputs("  ", p->out);
        name(p, r->name, 43);
        terminal_right(p->out, count(a, r->count), 11);
        terminal_right(p->out, figure_ns(r->total_ns, b), 11);
        terminal_right(p->out, figure_ns(r->count ? r->total_ns / r->count : 0, c), 11);
        terminal_right(p->out, figure_ns(r->max_ns, d), 11);
        fputc('\n', p->out);
    }
}

static void busiest(const struct page *p) {
    static const char *const names[] = {"running", "runnable", "syscall", "waiting"};
    const struct facts *f = p->facts;
    uint32_t n = f->n_top_goroutines < N_BUSIEST ? f->n_top_goroutines : N_BUSIEST;
    if (!n) return;
    heading(p, "Busiest goroutines", 54);
    titles(p, names, 4, 10);
    for (uint32_t i = 0; i < n; i++) {
        const struct fact_go *g = &f->top_goroutines[i];
        char a[CELL], id[CELL];
        snprintf(id, sizeof id, "%" PRId64, g->id);
        terminal_right(p->out, id, 9);
        fputs("  ", p->out);
        name(p, g->name.n ? g->name : (struct text){"(start function not known)", 26}, 43);
        terminal_right(p->out, figure_ns(g->running_ns, a), 10);
        terminal_right(p->out, figure_ns(g->runnable_ns, a), 10);
        terminal_right(p->out, figure_ns(g->syscall_ns, a), 10);
        terminal_right(p->out, figure_ns(g->waiting_ns, a), 10);
        fputc('\n', p->out);
    }
}

static void marks(const struct page *p) {
    const struct facts *f = p->facts;
    int64_t regions = 0, logs = 0;
    for (uint32_t i = 0; i < f->n_regions; i++) regions += f->regions[i].count;
    for (uint32_t i = 0; i < f->logs.n; i++) logs += f->logs.at[i].count;
    if (!f->task_count && !regions && !logs && !f->stack_samples) return;
    char a[CELL], b[CELL], c[CELL], d[CELL];
    fprintf(p->out, "\nThe program marked %s, %s and %s; the trace holds %s.\n",
            counted(a, f->task_count, "task", "tasks"), counted(b, regions, "region", "regions"),
            counted(c, logs, "log message", "log messages"),
            counted(d, f->stack_samples, "CPU sample", "CPU samples"));
}

void summary_page(const struct facts *facts, const char *path, bool colour, FILE *out) {
    const struct page p = {facts, out, colour};
    damage(&p);
    what_it_is(&p, path);
    if (!facts->events) return;
    states(&p);
    reasons(&p);
    ranges(&p);
    busiest(&p);
    marks(&p);
    fputs("\nparkview open shows it on a timeline; parkview waits tells more about each reason.\n",
          out);
}
