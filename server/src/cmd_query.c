/* server/src/cmd_query.c - `parkview query`: any question in SQL, answered as table, CSV or JSON.
 * Source      storage/SQL.md, RFC 4180 (CSV), RFC 8259 (JSON) */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/src/cached.h"
#include "server/src/commands.h"
#include "server/src/options.h"
#include "storage/query.h"
#include "storage/quote.h"

enum { TABLE_LIMIT = 1000, TERMINAL_CELL = 100, FILE_CELL = 10000, SQL_BYTES_MAX = 1 << 20 };
static const int64_t default_timeout_ns = 60000000000, memory_bytes = (int64_t)1 << 30;

struct cell { /* of a table: printed only when all widths are known */
    char *text;
    uint32_t width;
    bool number;
};

struct answer {
    enum { AS_TABLE, AS_CSV, AS_JSON } format;
    uint32_t n_columns;
    char **names; /* JSON: quoted; else plain */
    struct cell *cells;
    size_t n_cells, capacity;
    size_t cell_max;
    char *scratch;
    size_t scratch_size;
    int64_t n_rows;
    bool failed; /* out of memory */
};

static char *scratch(struct answer *a, size_t n) {
    if (n > a->scratch_size) {
        char *more = realloc(a->scratch, n);
        if (!more) {
            a->failed = true;
            return NULL;
        }
        a->scratch = more;
        a->scratch_size = n;
    }
    return a->scratch;
}

static struct text text_of(const char *s) {
    return (struct text){s, strlen(s)};
}

/* ---- values as text ------------------------------------------------------------------------ */

/* number_text - the shortest digits that read back as the same number; JSON knows no infinity. */
static int number_text(char *p, size_t n, const struct query_value *v) {
    if (v->type == QUERY_INT) return snprintf(p, n, "%" PRId64, v->i);
    if (!isfinite(v->real)) return snprintf(p, n, "null");
    int length = 0;
    for (int digits = 15; digits <= 17; digits++) {
        length = snprintf(p, n, "%.*g", digits, v->real);
        if (strtod(p, NULL) == v->real) break;
    }
    return length;
}

/* hex_text - a blob as SQL writes it; borrowed until the next use of scratch. */
static struct text hex_text(struct answer *a, struct text blob) {
    char *p = scratch(a, 2 * blob.n + 4);
    if (!p) return (struct text){0};
    p[0] = 'x';
    p[1] = '\'';
    for (size_t i = 0; i < blob.n; i++) snprintf(p + 2 + 2 * i, 3, "%02x", (uint8_t)blob.data[i]);
    p[2 + 2 * blob.n] = '\'';
    return (struct text){p, 2 * blob.n + 3};
}

static void print_json_text(struct answer *a, struct text t) {
    char *p = malloc(QUOTE_MAX(t.n));
    if (p)
        fwrite(p, 1, (size_t)(quote_json(p, t) - p), stdout);
    else
        a->failed = true;
    free(p);
}

static void print_json(struct answer *a, const struct query_value *v) {
    char number[64];
    switch (v->type) {
    case QUERY_INT:
    case QUERY_REAL:
        fwrite(number, 1, (size_t)number_text(number, sizeof number, v), stdout);
        break;
    case QUERY_TEXT:
        print_json_text(a, v->text);
        break;
    case QUERY_BLOB:
        print_json_text(a, hex_text(a, v->text));
        break;
    default:
        fputs("null", stdout);
        break;
    }
}

/* An empty text is quoted, so that it is not taken for null. */
static void print_csv_text(struct text t) {
    bool quote = t.n == 0;
    for (size_t i = 0; i < t.n && !quote; i++)
        quote = t.data[i] == ',' || t.data[i] == '"' || t.data[i] == '\n' || t.data[i] == '\r';
    if (!quote) {
        fwrite(t.data, 1, t.n, stdout);
        return;
    }
    putchar('"');
    for (size_t i = 0; i < t.n; i++) {
        if (t.data[i] == '"') putchar('"');
        putchar((unsigned char)t.data[i]);
    }
    putchar('"');
}

static void print_csv(struct answer *a, const struct query_value *v) {
    char number[64];
    switch (v->type) {
    case QUERY_INT:
    case QUERY_REAL:
        fwrite(number, 1, (size_t)number_text(number, sizeof number, v), stdout);
        break;
    case QUERY_TEXT:
        print_csv_text(v->text);
        break;
    case QUERY_BLOB:
        print_csv_text(hex_text(a, v->text));
        break;
    default:
        break;
    }
}

/* ---- tables -------------------------------------------------------------------------------- */

static uint32_t width_of(const char *utf8) {
    uint32_t n = 0;
    for (; *utf8; utf8++) n += ((unsigned char)*utf8 & 0xc0) != 0x80;
    return n;
}

static void keep(struct answer *a, struct text t, bool number) {
    char *copy = malloc(t.n + 4);
    if (a->n_cells == a->capacity) {
        size_t more = a->capacity ? 2 * a->capacity : 256;
        struct cell *cells = realloc(a->cells, more * sizeof *cells);
        if (cells) {
            a->cells = cells;
            a->capacity = more;
        }
    }
    if (!copy || a->n_cells == a->capacity) {
        free(copy);
        a->failed = true;
        return;
    }
    *quote_plain(copy, t, a->cell_max) = 0;
    a->cells[a->n_cells++] = (struct cell){copy, width_of(copy), number};
}

static void keep_value(struct answer *a, const struct query_value *v) {
    char number[64];
    switch (v->type) {
    case QUERY_INT:
    case QUERY_REAL:
        keep(a, (struct text){number, (size_t)number_text(number, sizeof number, v)}, true);
        break;
    case QUERY_TEXT:
        keep(a, v->text, false);
        break;
    case QUERY_BLOB:
        keep(a, hex_text(a, v->text), false);
        break;
    default:
        keep(a, text_of("-"), false);
        break;
    }
}

struct column {
    uint32_t width;
    bool right;
};

static struct column column_layout(const struct answer *a, uint32_t c) {
    struct column l = {width_of(a->names[c]), false};
    bool text = false;
    for (size_t i = c; i < a->n_cells; i += a->n_columns) {
        const struct cell *cell = &a->cells[i];
        if (cell->width > l.width) l.width = cell->width;
        l.right |= cell->number;
        text |= !cell->number && strcmp(cell->text, "-") != 0;
    }
    l.right &= !text;
    return l;
}

static void print_cell(const char *text, uint32_t width, struct column l, bool last) {
    int pad = (int)(l.width - width);
    if (l.right) printf("%*s", pad, "");
    fputs(text, stdout);
    if (!l.right && !last) printf("%*s", pad, "");
    fputs(last ? "\n" : "  ", stdout);
}

static void print_table(struct answer *a) {
    struct column *layout = malloc((a->n_columns + 1) * sizeof *layout);
    if (!layout) {
        a->failed = true;
        return;
    }
    for (uint32_t c = 0; c < a->n_columns; c++) {
        layout[c] = column_layout(a, c);
        print_cell(a->names[c], width_of(a->names[c]), layout[c], c + 1 == a->n_columns);
    }
    for (size_t i = 0; i < a->n_cells; i++) {
        uint32_t c = (uint32_t)(i % a->n_columns);
        print_cell(a->cells[i].text, a->cells[i].width, layout[c], c + 1 == a->n_columns);
    }
    free(layout);
}

/* ---- the answer ---------------------------------------------------------------------------- */

static int on_columns(void *arg, uint32_t n, const char *const *names) {
    struct answer *a = arg;
    a->names = calloc(n + 1, sizeof *a->names);
    if (!a->names) return 1;
    a->n_columns = n;
    for (uint32_t i = 0; i < n; i++) {
        struct text name = text_of(names[i]);
        a->names[i] = malloc(QUOTE_MAX(name.n) + 4);
        if (!a->names[i]) return 1;
        if (a->format == AS_JSON)
            *quote_json(a->names[i], name) = 0;
        else
            *quote_plain(a->names[i], name, FILE_CELL) = 0;
    }
    for (uint32_t i = 0; i < n && a->format == AS_CSV; i++) {
        if (i) putchar(',');
        print_csv_text(text_of(a->names[i]));
    }
    if (a->format == AS_CSV) fputs("\r\n", stdout);
    return 0;
}

static int on_row(void *arg, uint32_t n, const struct query_value *values) {
    struct answer *a = arg;
    if (a->format == AS_JSON) fputs(a->n_rows ? ",\n{" : "[\n{", stdout);
    for (uint32_t i = 0; i < n; i++) {
        if (a->format == AS_TABLE) {
            keep_value(a, &values[i]);
        } else if (a->format == AS_CSV) {
            if (i) putchar(',');
            print_csv(a, &values[i]);
        } else {
            printf("%s%s:", i ? "," : "", a->names[i]);
            print_json(a, &values[i]);
        }
    }
    if (a->format == AS_JSON) putchar('}');
    if (a->format == AS_CSV) fputs("\r\n", stdout);
    a->n_rows++;
    return a->failed || ferror(stdout);
}

static void answer_free(struct answer *a) {
    for (uint32_t i = 0; i < a->n_columns && a->names; i++) free(a->names[i]);
    for (size_t i = 0; i < a->n_cells; i++) free(a->cells[i].text);
    free(a->names);
    free(a->cells);
    free(a->scratch);
}

static int ask(struct store *s, const char *sql, const struct query_limits *limits,
               struct answer *a) {
    struct query_output out = {on_columns, on_row, a};
    struct query_result result;
    struct fault f = {0};
    int rc = query_run(s, sql, limits, &out, NULL, &result, &f);
    if (a->format == AS_JSON && (rc == 0 || a->n_rows)) fputs(a->n_rows ? "\n]\n" : "[]\n", stdout);
    if (a->format == AS_TABLE && a->n_columns && (rc == 0 || a->n_cells)) print_table(a);
    if (a->failed) fault_set(&f, rc = PV_ENOMEM, -1, "no memory for the answer");
    if (rc < 0 && !ferror(stdout)) fprintf(stderr, "parkview query: %s\n", f.text);
    if (rc == 0 && result.truncated)
        fprintf(stderr, "parkview query: only the first %" PRId64 " rows; see --limit\n",
                result.n_rows);
    return rc == 0 ? EXIT_FINE : rc == PV_EQUERY ? EXIT_USAGE : EXIT_CANNOT_OPEN;
}

/* ---- the command --------------------------------------------------------------------------- */

static char *read_sql(FILE *in) {
    char *sql = malloc(SQL_BYTES_MAX + 1);
    if (!sql) return NULL;
    size_t n = fread(sql, 1, SQL_BYTES_MAX, in);
    sql[n] = 0;
    return sql;
}

static int write_reference(void *arg, const char *text, size_t n) {
    return fwrite(text, 1, n, arg) == n ? 0 : 1;
}

static int query_file(const char *file, const char *sql, const struct query_limits *limits,
                      struct answer *a) {
    struct cached c;
    int status = open_store(file, false, &c);
    if (status > EXIT_DAMAGED) return status;
    int asked = ask(c.store, sql, limits, a);
    close_store(&c);
    return asked == EXIT_FINE ? status : asked;
}

int cmd_query(int argc, char **argv) {
    int format = AS_TABLE;
    int64_t limit = -1, timeout = default_timeout_ns;
    bool tables = false;
    const struct opt opts[] = {{"--format", OPT_CHOICE, &format, "table|csv|json"},
                               {"--limit", OPT_INT, &limit, NULL},
                               {"--timeout", OPT_TIME, &timeout, NULL},
                               {"--tables", OPT_FLAG, &tables, NULL},
                               {0}};
    int n = options_parse(argc, argv, opts);
    if (n < 0) return EXIT_USAGE;
    if (tables) {
        if (options_operands(argv[0], n, 0, 0) < 0) return EXIT_USAGE;
        return query_reference(write_reference, stdout) < 0 ? EXIT_CANNOT_OPEN : EXIT_FINE;
    }
    if (options_operands(argv[0], n, 2, 2) < 0) return EXIT_USAGE;
    bool from_stdin = strcmp(argv[2], "-") == 0;
    if (from_stdin && strcmp(argv[1], "-") == 0) {
        fputs("parkview query: trace and SQL cannot both come from standard input\n", stderr);
        return EXIT_USAGE;
    }
    char *read = from_stdin ? read_sql(stdin) : NULL;
    if (from_stdin && !read) return EXIT_CANNOT_OPEN;
    if (limit < 0) limit = format == AS_TABLE ? TABLE_LIMIT : 0;
    struct query_limits limits = {.time_ns = timeout, .n_rows = limit, .bytes = memory_bytes};
    struct answer a = {.format = (unsigned)format,
                       .cell_max = isatty(STDOUT_FILENO) ? TERMINAL_CELL : FILE_CELL};
    int status = query_file(argv[1], read ? read : argv[2], &limits, &a);
    answer_free(&a);
    free(read);
    return status;
}
