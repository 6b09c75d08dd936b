/* server/src/cmd_waits.c - `parkview waits`: time spent waiting, as a table, CSV or JSON.
 * Not here    the figures themselves (store_waits). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/src/cached.h"
#include "server/src/commands.h"
#include "server/src/json.h"
#include "server/src/options.h"
#include "server/src/report.h"
#include "server/src/shapes.h"
#include "server/src/terminal.h"

enum { FORMAT_TABLE, FORMAT_CSV, FORMAT_JSON, MAX_FRAMES = 8, MAX_KEY_COLUMNS = 60 };

static struct text no_name(struct text t) {
    static const char unnamed[] = "(none)";
    return t.n ? t : (struct text){unnamed, sizeof unnamed - 1};
}

static void print_frames(struct store *s, uint32_t id) {
    struct stack stack = store_stack(s, id);
    for (uint32_t i = 0; i < stack.n && i < MAX_FRAMES; i++) {
        char *func = terminal_text(store_string(s, stack.frames[i].func));
        char *file = terminal_text(store_string(s, stack.frames[i].file));
        printf("    %s  %s:%" PRIu64 "\n", func, file, stack.frames[i].line);
        free(func);
        free(file);
    }
    if (stack.n > MAX_FRAMES) printf("    and %u more\n", stack.n - MAX_FRAMES);
}

static void print_table(struct store *s, const struct store_wait_query *q,
                        const struct store_waits *w) {
    static const char *const heads[] = {"reason", "refined reason", "function", "stack"};
    char a[FIGURE_CHARS], b[FIGURE_CHARS], c[FIGURE_CHARS];
    int width = (int)strlen(heads[q->by]);
    for (uint32_t i = 0; i < w->n; i++) {
        char *key = terminal_text(no_name(w->rows[i].key));
        int columns = terminal_columns(key);
        if (columns > width) width = columns < MAX_KEY_COLUMNS ? columns : MAX_KEY_COLUMNS;
        free(key);
    }
    printf("%s to %s: %" PRId64 " wait%s, %s in all\n\n", figure_ns(q->from_ns, a),
           figure_ns(q->to_ns, b), w->count, w->count == 1 ? "" : "s", figure_ns(w->total_ns, c));
    if (w->n)
        printf("%-*s  %10s  %9s  %9s  %9s  %9s  %9s\n", width, heads[q->by], "count", "total",
               "mean", "p50", "p99", "max");
    for (uint32_t i = 0; i < w->n; i++) {
        const struct store_wait *row = &w->rows[i];
        char *key = terminal_text_upto(no_name(row->key), width);
        terminal_left(stdout, key, width);
        printf("  %10" PRId64, row->count);
        const int64_t times[] = {row->total_ns, row->mean_ns, row->p50_ns, row->p99_ns,
                                 row->max_ns};
        for (size_t t = 0; t < sizeof times / sizeof *times; t++)
            terminal_right(stdout, figure_ns(times[t], a), 11);
        putchar('\n');
        free(key);
        if (q->by == WAIT_BY_STACK) print_frames(s, row->stack);
    }
}

static void print_csv_text(struct text t) {
    char *text = text_utf8(t);
    putchar('"');
    for (const char *c = text ? text : ""; *c; c++) {
        if (*c == '"') putchar('"');
        putchar(*c);
    }
    putchar('"');
    free(text);
}

static void print_csv(const struct store_waits *w) {
    puts("key,reason,refined,function,family,count,total_ns,mean_ns,p50_ns,p99_ns,max_ns,stack");
    for (uint32_t i = 0; i < w->n; i++) {
        const struct store_wait *row = &w->rows[i];
        const struct text texts[] = {row->key, row->reason, row->refined, row->func};
        for (size_t k = 0; k < 4; k++) {
            print_csv_text(texts[k]);
            putchar(',');
        }
        printf("%s,%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%u\n",
               family_token(row->family), row->count, row->total_ns, row->mean_ns, row->p50_ns,
               row->p99_ns, row->max_ns, row->stack);
    }
}

static cJSON *row_json(struct store *s, const struct store_wait_query *q,
                       const struct store_wait *row) {
    cJSON *o = cJSON_CreateObject();
    json_add_text(o, "key", row->key);
    json_add_text(o, "reason", row->reason);
    json_add_text(o, "refined", row->refined);
    json_add_text(o, "function", row->func);
    cJSON_AddStringToObject(o, "family", family_token(row->family));
    json_add_int(o, "count", row->count);
    json_add_int(o, "total_ns", row->total_ns);
    json_add_int(o, "mean_ns", row->mean_ns);
    json_add_int(o, "p50_ns", row->p50_ns);
    json_add_int(o, "p99_ns", row->p99_ns);
    json_add_int(o, "max_ns", row->max_ns);
    if (q->by == WAIT_BY_STACK) cJSON_AddItemToObject(o, "stack", stack_json(s, row->stack));
    return o;
}

static int print_json(struct store *s, const struct store_wait_query *q,
                      const struct store_waits *w) {
    static const char *const by[] = {"reason", "refined", "function", "stack"};
    cJSON *o = cJSON_CreateObject();
    json_add_int(o, "from_ns", q->from_ns);
    json_add_int(o, "to_ns", q->to_ns);
    if (q->one_g) json_add_id(o, "g", q->g);
    cJSON_AddStringToObject(o, "by", by[q->by]);
    json_add_int(o, "count", w->count);
    json_add_int(o, "total_ns", w->total_ns);
    cJSON *rows = cJSON_AddArrayToObject(o, "rows");
    for (uint32_t i = 0; i < w->n; i++) cJSON_AddItemToArray(rows, row_json(s, q, &w->rows[i]));
    char *text = cJSON_Print(o);
    if (text) puts(text);
    cJSON_free(text);
    cJSON_Delete(o);
    return text ? 0 : -1;
}

static int answer(const char *file, struct store *s, struct store_wait_query *q, int format) {
    struct store_waits w;
    struct fault f = {.offset = -1};
    if (store_waits(s, q, &w, &f) < 0) {
        report_fault(file, &f);
        return -1;
    }
    if (format == FORMAT_JSON) return print_json(s, q, &w);
    if (format == FORMAT_CSV)
        print_csv(&w);
    else
        print_table(s, q, &w);
    return 0;
}

int cmd_waits(int argc, char **argv) {
    struct store_wait_query q = {.to_ns = -1, .g = -1};
    int by = WAIT_BY_REASON, format = FORMAT_TABLE;
    bool strict = false;
    const struct opt opts[] = {{"--from", OPT_TIME, &q.from_ns, NULL},
                               {"--to", OPT_TIME, &q.to_ns, NULL},
                               {"--g", OPT_INT, &q.g, NULL},
                               {"--by", OPT_CHOICE, &by, "reason|refined|function|stack"},
                               {"--format", OPT_CHOICE, &format, "table|csv|json"},
                               {"--strict", OPT_FLAG, &strict, NULL},
                               {0}};
    int n = options_parse(argc, argv, opts);
    if (n < 0 || options_operands("waits", n, 1, 1) < 0) return EXIT_USAGE;
    if (q.to_ns >= 0 && q.from_ns > q.to_ns) {
        fputs("parkview: waits: --from is later than --to\n", stderr);
        return EXIT_USAGE;
    }
    q.by = (enum wait_key)by;
    q.one_g = q.g >= 0;
    struct cached c;
    int status = open_store(argv[1], strict, &c);
    if (status > EXIT_DAMAGED) return status;
    if (q.to_ns < 0) q.to_ns = store_info(c.store)->duration_ns;
    if (q.from_ns > q.to_ns) q.from_ns = q.to_ns; /* a window beyond the end is empty */
    if (answer(argv[1], c.store, &q, format) < 0) status = EXIT_CANNOT_OPEN;
    close_store(&c);
    return status;
}
