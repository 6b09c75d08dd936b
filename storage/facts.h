/* storage/facts.h - what Go's own reader would say about a trace: digests and sums, without a
 * store.
 *
 *     struct facts *facts;
 *     struct fault f;
 *     int rc = facts_read("trace.out", &(struct facts_options){.digests = true}, &facts, &f);
 *     if (!facts) ...;                                      // nothing could be read at all
 *     printf("%s lines=%" PRIu64 "\n", facts->digest, facts->digest_lines);
 *     if (rc < 0) printf("damaged: %s\n", facts->fault.text);
 *     facts_free(facts);
 *
 * One pass over the events in order, memory by the number of goroutines and not of events.  As
 * Go's reader does, it stops at the first fault; what came before it is counted.
 * Times are nanoseconds; open intervals end at the last event.  Sums wrap as Go's do. */
#ifndef PARKVIEW_STORAGE_FACTS_H
#define PARKVIEW_STORAGE_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "storage/fault.h"
#include "storage/format.h"
#include "storage/src/dict.h" /* struct text */

/* A named count.  total_ns and max_ns where the list says so. */
struct fact {
    struct text name; /* any bytes */
    int64_t count, total_ns, max_ns;
};
struct fact_list { /* sorted by the bytes of the names, which are all different */
    struct fact *at;
    uint32_t n;
};

struct fact_range {
    struct text name;
    int64_t count, total_ns, max_ns;
    int64_t open_at_end;   /* closed at the last event */
    int64_t stray_end;     /* ends without a begin */
    int64_t active_events; /* "still open" at a generation's start */
};
struct fact_metric {
    struct text name;
    int64_t count;
    uint64_t first, last, min, max;
};
struct fact_task {
    uint64_t id;
    int64_t parent; /* -1 none or not known */
    struct text type;
    int64_t start_ns, end_ns; /* since the first event */
    bool has_start, has_end;
};
struct fact_proc {
    int64_t id; /* -1: goroutines that ran without a processor */
    int64_t running_ns, syscall_ns;
    int64_t slices; /* stretches of one goroutine, syscalls that kept the P included */
    int64_t proc_running_ns, proc_starts;
};
struct fact_go {
    int64_t id;
    struct text name; /* start function, or the root of the first stack seen */
    int64_t running_ns, runnable_ns, syscall_ns, waiting_ns;
    int64_t transitions;
    struct fact_list waits; /* total_ns by reason; only for those among top_goroutines */
};
struct fact_function {
    struct text name;
    int64_t goroutines, running_ns;
};

struct facts {
    int format_version; /* 26 = "go 1.26 trace", FORMAT_RING; 0 = not a trace */
    bool newer;         /* newer than this program: read with the newest rules it knows */
    struct fault fault; /* code 0 = clean end */
    bool opened;        /* false: not even the header could be used */

    int64_t events, first_ts, last_ts, duration_ns;
    int64_t wall_unix_ns; /* wall clock of the first event, 0 = not known */

    uint64_t digest_lines; /* with options.digests */
    char digest[65], digest_per_goroutine[65];

    /* All below only with options.sums. */
    int64_t goroutines, procs, threads;
    struct fact_list kinds, go_transitions, proc_transitions; /* count */
    struct fact_list go_states;                               /* count, total_ns */
    struct fact_list wait_reasons;                            /* count, total_ns, max_ns */
    struct fact_list stop_reasons, logs, labels;              /* count */
    struct fact_proc *per_p;                                  /* by id */
    uint32_t n_per_p;
    struct fact_go *top_goroutines; /* by running_ns, ties by id */
    uint32_t n_top_goroutines;
    struct fact_function *by_start_function; /* by name */
    uint32_t n_by_start_function;
    struct fact_range *ranges, *regions; /* by name */
    uint32_t n_ranges, n_regions;
    struct fact_metric *metrics; /* by name */
    uint32_t n_metrics;
    struct fact_task *tasks; /* in order of their first event, the first max_tasks of them */
    uint32_t n_tasks;
    int64_t task_count;
    int64_t stack_samples, distinct_stacks;
};

struct facts_options {
    bool digests, sums;
    uint32_t max_goroutines; /* of top_goroutines; 0 = 200 */
    uint32_t max_tasks;      /* of tasks; 0 = 2000 */
};

/* facts_read - path may be "-".  0: clean; < 0: f (and facts->fault) says what and where.
 * *out is NULL only where the file could not be opened or memory ran out; a file that is not a
 * trace yields facts without events and opened = false.  The caller frees. */
int facts_read(const char *path, const struct facts_options *o, struct facts **out,
               struct fault *f);
void facts_free(struct facts *facts);

/* facts_find - the entry of that name, NULL where there is none. */
const struct fact *facts_find(const struct fact_list *list, const char *name);

struct dump_options {
    bool wire; /* what the file holds, before ordering */
};
struct dump_result {
    bool opened;       /* the file is a trace */
    bool write_failed; /* the fault is that of out, not of the trace */
    int64_t events;
};

/* facts_dump - one line per event, as written down in tests/conformance/README.md.  A fault ends
 * it after the lines of the events before it. */
int facts_dump(const char *path, const struct dump_options *o, FILE *out,
               struct dump_result *result, struct fault *f);

#endif
