/* tests/fuzz/facts_fuzz.c - what is added up from a trace, and its two text forms: sums that must
 * agree with each other whatever the trace holds.  The header is the input's own. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "storage/facts.h"
#include "tests/fuzz/promise.h"

static int64_t sum(const struct fact_list *list) {
    int64_t n = 0;
    for (uint32_t i = 0; i < list->n; i++) n += list->at[i].count;
    return n;
}

static void check(const struct facts *f) {
    PROMISE(sum(&f->kinds) == f->events);
    PROMISE((uint64_t)sum(&f->go_transitions) == f->digest_lines);
    PROMISE(strlen(f->digest) == 64 && strlen(f->digest_per_goroutine) == 64);
    const struct fact *waiting = facts_find(&f->go_states, "waiting");
    PROMISE((waiting ? waiting->count : 0) == sum(&f->wait_reasons));
    /* Sums wrap, as Go's do: they are compared as unsigned numbers. */
    uint64_t on_procs = 0, by_function = 0;
    int64_t goroutines = 0;
    for (uint32_t i = 0; i < f->n_per_p; i++) on_procs += (uint64_t)f->per_p[i].running_ns;
    for (uint32_t i = 0; i < f->n_by_start_function; i++) {
        by_function += (uint64_t)f->by_start_function[i].running_ns;
        goroutines += f->by_start_function[i].goroutines;
    }
    const struct fact *running = facts_find(&f->go_states, "running");
    PROMISE(on_procs == (running ? (uint64_t)running->total_ns : 0) && by_function == on_procs);
    PROMISE(goroutines == f->goroutines && f->n_top_goroutines <= f->goroutines);
    PROMISE(f->n_tasks <= f->task_count);
}

static void dump(const char *path, bool wire, const struct facts *facts) {
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out) return;
    struct dump_result result;
    struct fault fault = {0};
    int rc = facts_dump(path, &(struct dump_options){.wire = wire}, out, &result, &fault);
    fclose(out);
    PROMISE(rc == 0 || (fault.code == rc && fault.text[0]));
    int64_t lines = 0;
    for (size_t i = 0; i < n; i++) lines += text[i] == '\n';
    if (!wire) PROMISE(lines == result.events);
    if (!wire && !facts->newer) PROMISE(lines == facts->events);
    if (wire) PROMISE(lines >= result.events);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char path[64];
    int fd = memfd_create("trace", 0);
    if (fd < 0 || write(fd, data, n) != (ssize_t)n) return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct facts *facts;
    struct fault fault = {0};
    const struct facts_options options = {.digests = true, .sums = true};
    int rc = facts_read(path, &options, &facts, &fault);
    PROMISE(rc == 0 || (fault.code == rc && fault.text[0]));
    if (facts) {
        check(facts);
        dump(path, false, facts);
        dump(path, true, facts);
    }
    facts_free(facts);
    close(fd);
    return 0;
}
