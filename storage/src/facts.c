/* storage/src/facts.c - one pass over a trace's events, adding up what Go's own reader would say.
 *
 * Invariants  1. times are differences of event times, whole ns.  2. what is first seen in the
 *             middle holds since the last Sync event.  3. open intervals end at the last event.
 * Not here    goroutines and processors (facts_go.c), ranges, regions, tasks, metrics
 *             (facts_names.c), digests (facts_digest.c), text lines (dump.c).
 * Source      go1.26 src/internal/trace/summary.go for how the edges count */
#include "storage/facts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/src/facts_impl.h"
#include "storage/src/input.h"

bool facts__room(struct facts_build *b, void *array, uint32_t *cap, uint32_t n, size_t size) {
    if (n < *cap) return true;
    void *old, *bigger = NULL;
    memcpy(&old, array, sizeof old); /* array is a pointer to a pointer of any type */
    uint32_t more = *cap ? 2 * *cap : 64;
    if (more > *cap) bigger = reallocarray(old, more, size);
    if (!bigger) {
        b->failed = true;
        return false;
    }
    memcpy(array, &bigger, sizeof bigger);
    *cap = more;
    return true;
}

uint32_t facts__index(struct facts_build *b, struct idmap *map, uint64_t key, uint32_t fresh,
                      bool *is_new) {
    uint32_t known = idmap_get(map, key);
    *is_new = !known;
    if (known) return known - 1;
    if (idmap_put(map, key, fresh + 1) == 0) return fresh;
    b->failed = true;
    return UINT32_MAX;
}

void *facts__named(struct facts_build *b, struct named *table, uint32_t string) {
    if (string >= table->n_strings) {
        uint32_t n = dict_n_strings(b->dict);
        if (n <= string) n = string + 1;
        n += n / 2;
        uint32_t *bigger = reallocarray(table->of_string, n, sizeof *bigger);
        if (!bigger) goto failed;
        memset(bigger + table->n_strings, 0, (n - table->n_strings) * sizeof *bigger);
        table->of_string = bigger;
        table->n_strings = n;
    }
    uint32_t known = table->of_string[string];
    if (known) return table->records + (size_t)(known - 1) * table->size;
    if (!facts__room(b, &table->records, &table->cap, table->n, table->size)) goto failed;
    char *record = table->records + (size_t)table->n * table->size;
    memset(record, 0, table->size);
    *(struct text *)(void *)record = dict_string(b->dict, string);
    table->of_string[string] = ++table->n;
    return record;
failed:
    b->failed = true;
    memset(b->scrap, 0, sizeof b->scrap);
    return b->scrap;
}

uint32_t facts__named_index(const struct named *table, const void *record) {
    if (table->n == 0 || (const char *)record < table->records ||
        (const char *)record >= table->records + table->n * table->size)
        return 0; /* scrap: the pass is about to end */
    return (uint32_t)((size_t)((const char *)record - table->records) / table->size);
}

const char *facts__go_state_name(unsigned state) {
    static const char *const names[] = {"Undetermined", "NotExist", "Runnable",
                                        "Running",      "Waiting",  "Syscall"};
    return state < GO_STATES ? names[state] : "Bad";
}

const char *facts__proc_state_name(unsigned state) {
    static const char *const names[] = {"Undetermined", "NotExist", "Running", "Idle"};
    return state < PROC_STATES ? names[state] : "Bad";
}

const char *facts__kind_name(unsigned kind) {
    static const char *const names[] = {
        [EV_SYNC] = "Sync",
        [EV_METRIC] = "Metric",
        [EV_LABEL] = "Label",
        [EV_STACK_SAMPLE] = "StackSample",
        [EV_RANGE_BEGIN] = "RangeBegin",
        [EV_RANGE_ACTIVE] = "RangeActive",
        [EV_RANGE_END] = "RangeEnd",
        [EV_TASK_BEGIN] = "TaskBegin",
        [EV_TASK_END] = "TaskEnd",
        [EV_REGION_BEGIN] = "RegionBegin",
        [EV_REGION_END] = "RegionEnd",
        [EV_LOG] = "Log",
        [EV_GO_TRANSITION] = "StateTransition",
        [EV_PROC_TRANSITION] = "StateTransition",
        [EV_EXPERIMENTAL] = "Experimental",
        [EV_GAP] = "Gap",
    };
    return kind < sizeof names / sizeof *names && names[kind] ? names[kind] : "Bad";
}

/* ---- one event ------------------------------------------------------------------------------ */

static void see_stack(struct facts_build *b, uint32_t stack) {
    if (stack >= b->n_stack_seen) {
        uint32_t n = dict_n_stacks(b->dict);
        if (n <= stack) n = stack + 1;
        n += n / 2;
        uint8_t *bigger = realloc(b->stack_seen, n);
        if (!bigger) {
            b->failed = true;
            return;
        }
        memset(bigger + b->n_stack_seen, 0, n - b->n_stack_seen);
        b->stack_seen = bigger;
        b->n_stack_seen = n;
    }
    b->stack_seen[stack] = 1;
}

static void see_thread(struct facts_build *b, int64_t m) {
    if (m == NO_ID || (m == b->last_thread && b->threads.n)) return;
    bool is_new;
    facts__index(b, &b->threads, (uint64_t)m, 0, &is_new);
    b->last_thread = m;
}

static void sync_event(struct facts_build *b, const struct ev *e, const uint64_t *args) {
    b->sync = e->time_ns;
    bool has_snapshot = e->n_args >= 5 && args[1];
    if (has_snapshot && !b->out.wall_unix_ns)
        b->out.wall_unix_ns =
            facts__since((int64_t)args[4], facts__since((int64_t)args[2], b->first));
}

static void count_name(struct facts_build *b, struct named *table, uint32_t string) {
    struct fact *f = facts__named(b, table, string);
    f->count++;
}

static void sum_event(struct facts_build *b, const struct ev *e, uint32_t go) {
    see_thread(b, e->m);
    if (e->stack) see_stack(b, e->stack);
    switch (e->kind) {
    case EV_GO_TRANSITION:
        if (e->tstack) see_stack(b, e->tstack);
        facts__go_transition(b, e, go);
        break;
    case EV_PROC_TRANSITION:
        facts__proc_transition(b, e);
        break;
    case EV_METRIC:
        facts__metric(b, e);
        break;
    case EV_RANGE_BEGIN:
    case EV_RANGE_ACTIVE:
    case EV_RANGE_END:
        facts__range(b, e);
        break;
    case EV_TASK_BEGIN:
    case EV_TASK_END:
        facts__task(b, e);
        break;
    case EV_REGION_BEGIN:
    case EV_REGION_END:
        facts__region(b, e);
        break;
    case EV_LOG:
        count_name(b, &b->logs, e->str);
        break;
    case EV_LABEL:
        count_name(b, &b->labels, e->str);
        break;
    case EV_STACK_SAMPLE:
        b->out.stack_samples++;
        break;
    default:
        break;
    }
}

static void add_batch(struct facts_build *b, const struct ev_batch *batch) {
    const uint64_t *args = batch->args;
    for (uint32_t i = 0; i < batch->n && !b->failed; i++) {
        const struct ev *e = &batch->ev[i];
        if (b->out.events++ == 0) b->first = b->sync = e->time_ns;
        b->last = e->time_ns;
        b->kinds[e->kind & 31]++;
        if (e->kind == EV_SYNC) sync_event(b, e, args);
        uint32_t go = 0;
        if (e->kind == EV_GO_TRANSITION) {
            go = facts__go(b, (int64_t)e->id);
            if (go == UINT32_MAX) break;
            if (b->options.digests) facts__digest_line(b, e, go);
        }
        if (b->options.sums) sum_event(b, e, go);
        args += e->n_args;
    }
}

/* ---- the end -------------------------------------------------------------------------------- */

int facts__by_name(const void *a, const void *b) {
    const struct text *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = n ? memcmp(x->data, y->data, n) : 0;
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* Moves the records of a table out of it, sorted. */
static void *take(struct named *table, uint32_t *n) {
    void *records = table->records;
    *n = table->n;
    if (*n) qsort(records, *n, table->size, facts__by_name);
    table->records = NULL;
    table->n = table->cap = 0;
    return records;
}

static void take_list(struct named *table, struct fact_list *list) {
    list->at = take(table, &list->n);
}

/* Adds count under a name of ours, which outlives the list, merging what has the same name. */
static void add_count(struct facts_build *b, struct fact_list *list, const char *name,
                      int64_t count) {
    if (!count) return;
    struct fact *known = list->n ? (struct fact *)facts_find(list, name) : NULL;
    if (!known) {
        if (!list->at) list->at = calloc(N_OUR_NAMES, sizeof *list->at);
        if (!list->at) {
            b->failed = true;
            return;
        }
        known = &list->at[list->n++];
        known->name = (struct text){name, strlen(name)};
    }
    known->count += count;
}

/* Counts with names that are ours: kinds and transitions. */
static void finish_counts(struct facts_build *b) {
    struct facts *out = &b->out;
    for (unsigned k = 0; k < 32; k++) add_count(b, &out->kinds, facts__kind_name(k), b->kinds[k]);
    for (unsigned i = 0; i < GO_STATES * GO_STATES; i++) {
        unsigned from = i / GO_STATES, to = i % GO_STATES;
        snprintf(b->go_names[i], sizeof b->go_names[i], "%s->%s", facts__go_state_name(from),
                 facts__go_state_name(to));
        add_count(b, &out->go_transitions, b->go_names[i], b->go_transitions[from][to]);
    }
    for (unsigned i = 0; i < PROC_STATES * PROC_STATES; i++) {
        unsigned from = i / PROC_STATES, to = i % PROC_STATES;
        snprintf(b->proc_names[i], sizeof b->proc_names[i], "%s->%s", facts__proc_state_name(from),
                 facts__proc_state_name(to));
        add_count(b, &out->proc_transitions, b->proc_names[i], b->proc_transitions[from][to]);
    }
    static const char *const states[GO_STATES] = {NULL,      "notexist", "runnable",
                                                  "running", "waiting",  "syscall"};
    for (unsigned i = 1; i < GO_STATES; i++) {
        add_count(b, &out->go_states, states[i], b->states[i].count);
        struct fact *state = (struct fact *)facts_find(&out->go_states, states[i]);
        if (state) state->total_ns = b->states[i].total_ns;
    }
    struct fact_list *lists[] = {&out->kinds, &out->go_transitions, &out->proc_transitions,
                                 &out->go_states};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i]->n) qsort(lists[i]->at, lists[i]->n, sizeof(struct fact), facts__by_name);
}

static void count_stacks(struct facts_build *b) {
    struct idmap hashes = {0};
    for (uint32_t i = 1; i < b->n_stack_seen; i++) {
        if (!b->stack_seen[i]) continue;
        struct stack stack = dict_stack(b->dict, i);
        bool is_new;
        if (stack.n == 0) continue;
        facts__index(b, &hashes, facts__stack_hash(b->dict, stack), 0, &is_new);
        b->out.distinct_stacks += is_new;
    }
    idmap_free(&hashes);
}

static void finish(struct facts_build *b) {
    struct facts *out = &b->out;
    out->first_ts = b->first;
    out->last_ts = b->last;
    out->duration_ns = facts__since(b->last, b->first);
    if (b->options.digests) facts__digest_finish(b);
    if (!b->options.sums || b->failed) return;
    out->threads = (int64_t)b->threads.n;
    facts__go_finish(b);
    facts__names_finish(b);
    finish_counts(b);
    count_stacks(b);
    take_list(&b->wait_reasons, &out->wait_reasons);
    take_list(&b->stop_reasons, &out->stop_reasons);
    take_list(&b->logs, &out->logs);
    take_list(&b->labels, &out->labels);
    out->ranges = take(&b->ranges, &out->n_ranges);
    out->regions = take(&b->regions, &out->n_regions);
    out->metrics = take(&b->metrics, &out->n_metrics);
    out->by_start_function = take(&b->functions, &out->n_by_start_function);
}

/* ---- reading -------------------------------------------------------------------------------- */

static struct facts_build *build_new(const struct facts_options *o) {
    struct facts_build *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    b->options = *o;
    if (!b->options.max_goroutines) b->options.max_goroutines = 200;
    if (!b->options.max_tasks) b->options.max_tasks = 2000;
    struct named *of_facts[] = {&b->wait_reasons, &b->stop_reasons, &b->logs, &b->labels};
    for (size_t i = 0; i < sizeof of_facts / sizeof *of_facts; i++)
        of_facts[i]->size = sizeof(struct fact);
    b->functions.size = sizeof(struct fact_function);
    b->ranges.size = b->regions.size = sizeof(struct fact_range);
    b->metrics.size = sizeof(struct fact_metric);
    if (o->digests && !facts__digest_start(b)) {
        free(b);
        return NULL;
    }
    return b;
}

static int read_all(struct facts_build *b, struct fault *f) {
    struct ev_batch *batch = malloc(sizeof *batch);
    if (!batch) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    int rc;
    while ((rc = reader_next(b->reader, batch, f)) == 1 && !b->failed) add_batch(b, batch);
    free(batch);
    bool only_sync = b->out.events == b->kinds[EV_SYNC];
    if (rc >= 0 || !b->out.newer || !only_sync) return rc;
    /* No event of the new version could be read: as in Go's reader, nothing was. */
    memset(b->kinds, 0, sizeof b->kinds);
    b->out.events = b->first = b->last = 0;
    char why[256];
    snprintf(why, sizeof why, "%.255s", f->text);
    return fault_set(f, PV_EVERSION, f->offset,
                     "unknown or unsupported trace version go 1.%d: %s when read as go 1.26",
                     b->out.format_version, why);
}

/* early: as reader_options.early, for a path that can be read again. */
static int read_path(const char *path, const struct facts_options *o, bool early,
                     struct facts **out, struct fault *f) {
    *out = NULL;
    struct facts_build *b = build_new(o);
    if (!b) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    int rc = input_open(path, &b->in, f);
    if (rc < 0) goto failed;
    const struct reader_options options = {.version = &b->out.format_version, .early = early};
    rc = reader_open(b->in, &options, &b->reader, f);
    if (rc >= 0) {
        b->out.opened = true;
        b->out.newer = reader_is_newer(b->reader);
        b->dict = reader_dict(b->reader);
        rc = read_all(b, f);
    }
    finish(b);
    if (b->failed) rc = fault_set(f, PV_ENOMEM, -1, "out of memory");
    if (rc == PV_ENOMEM || rc == PV_EIO) goto failed; /* this says nothing of the trace */
    if (rc < 0) b->out.fault = *f;
    *out = &b->out;
    return rc < 0 ? rc : 0;
failed:
    facts_free(&b->out);
    return rc;
}

int facts_read(const char *path, const struct facts_options *o, struct facts **out,
               struct fault *f) {
    struct stat st;
    bool early = stat(path, &st) == 0 && S_ISREG(st.st_mode);
    int rc = read_path(path, o, early, out, f);
    if (rc >= 0 || !early || !*out || (*out)->format_version > 21) return rc;
    facts_free(*out); /* Go gives no event of a trace of this version that it refuses */
    return read_path(path, o, false, out, f);
}

static void list_free(struct fact_list *list) {
    free(list->at);
}

static void named_free(struct named *table) {
    free(table->of_string);
    free(table->records);
}

static void out_free(struct facts *out) {
    struct fact_list *lists[] = {&out->kinds,     &out->go_transitions, &out->proc_transitions,
                                 &out->go_states, &out->wait_reasons,   &out->stop_reasons,
                                 &out->logs,      &out->labels};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) list_free(lists[i]);
    for (uint32_t i = 0; i < out->n_top_goroutines; i++) list_free(&out->top_goroutines[i].waits);
    free(out->top_goroutines);
    free(out->per_p);
    free(out->by_start_function);
    free(out->ranges);
    free(out->regions);
    free(out->metrics);
    free(out->tasks);
}

void facts_free(struct facts *facts) {
    if (!facts) return;
    struct facts_build *b = (struct facts_build *)facts;
    out_free(facts);
    struct named *tables[] = {&b->wait_reasons, &b->stop_reasons, &b->logs,    &b->labels,
                              &b->functions,    &b->ranges,       &b->regions, &b->metrics};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) named_free(tables[i]);
    struct idmap *maps[] = {&b->go_index,    &b->proc_index,  &b->threads,   &b->go_wait,
                            &b->scope_index, &b->range_index, &b->task_index};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) idmap_free(maps[i]);
    facts__digest_free(b);
    free(b->goroutines);
    free(b->procs);
    free(b->go_wait_ns);
    free(b->open_ranges);
    free(b->open_range_name);
    free(b->open_regions);
    free(b->stack_seen);
    if (b->reader) reader_close(b->reader);
    if (b->in) input_close(b->in);
    free(b);
}

const struct fact *facts_find(const struct fact_list *list, const char *name) {
    size_t n = strlen(name);
    for (uint32_t i = 0; i < list->n; i++)
        if (list->at[i].name.n == n && memcmp(list->at[i].name.data, name, n) == 0)
            return &list->at[i];
    return NULL;
}
