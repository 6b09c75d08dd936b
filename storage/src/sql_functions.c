/* storage/src/sql_functions.c - the functions that SQL gains: percentile, histograms, hash
 * aggregates, stack(), fmt_ns().
 *
 * Memory of aggregates comes from sqlite3_malloc, so that the query's limit sees it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/src/vtab.h"

/* ---- percentile ---------------------------------------------------------------------------- */

/* From here on room grows by little: the query's memory is limited. */
enum { MANY = 1 << 20 };

struct numbers {
    double *values;
    int64_t n, capacity;
    double p;
    bool all_whole, bad_p;
};

static void percentile_step(sqlite3_context *c, int argc, sqlite3_value **argv) {
    (void)argc;
    struct numbers *s = sqlite3_aggregate_context(c, sizeof *s);
    int type = sqlite3_value_numeric_type(argv[0]);
    if (!s) {
        sqlite3_result_error_nomem(c);
        return;
    }
    if (s->n == 0) s->all_whole = true;
    s->p = sqlite3_value_double(argv[1]);
    s->bad_p |= !(s->p >= 0 && s->p <= 100) || sqlite3_value_type(argv[1]) == SQLITE_NULL;
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) return;
    if (s->n == s->capacity) {
        int64_t more = s->capacity < MANY ? 2 * s->capacity + 64 : s->capacity + s->capacity / 4;
        double *values = sqlite3_realloc64(s->values, (sqlite3_uint64)more * sizeof *values);
        if (!values) {
            sqlite3_result_error_nomem(c);
            return;
        }
        s->values = values;
        s->capacity = more;
    }
    s->all_whole &= type == SQLITE_INTEGER;
    s->values[s->n++] = sqlite3_value_double(argv[0]);
}

/* nth_smallest - quickselect with the middle of three as pivot. */
static double nth_smallest(double *v, int64_t n, int64_t k) {
    int64_t low = 0, high = n - 1;
    while (low < high) {
        double a = v[low], b = v[low + (high - low) / 2], c = v[high];
        double pivot = a < b ? (b < c ? b : (a < c ? c : a)) : (a < c ? a : (b < c ? c : b));
        int64_t i = low, j = high;
        while (i <= j) {
            while (v[i] < pivot) i++;
            while (v[j] > pivot) j--;
            if (i <= j) {
                double t = v[i];
                v[i++] = v[j];
                v[j--] = t;
            }
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            break;
    }
    return v[k];
}

static void percentile_final(sqlite3_context *c) {
    struct numbers *s = sqlite3_aggregate_context(c, 0);
    if (!s) return;
    if (s->bad_p) {
        sqlite3_result_error(c, "percentile(x, p): p is a number from 0 to 100", -1);
    } else if (s->n) {
        int64_t rank = (int64_t)ceil(s->p / 100 * (double)s->n);
        double v = nth_smallest(s->values, s->n, rank > 0 ? rank - 1 : 0);
        if (s->all_whole && fabs(v) < 9007199254740992.0)
            sqlite3_result_int64(c, (int64_t)v);
        else
            sqlite3_result_double(c, v);
    }
    sqlite3_free(s->values);
}

/* ---- histograms ---------------------------------------------------------------------------- */

struct histogram {
    int64_t counts[64]; /* 0: below 1; k + 1: [2^k, 2^(k+1)) */
    int64_t n;
};

static void histogram_step(sqlite3_context *c, int argc, sqlite3_value **argv) {
    (void)argc;
    struct histogram *h = sqlite3_aggregate_context(c, sizeof *h);
    int type = sqlite3_value_numeric_type(argv[0]);
    if (!h) {
        sqlite3_result_error_nomem(c);
        return;
    }
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) return;
    int64_t v = sqlite3_value_int64(argv[0]);
    h->counts[v < 1 ? 0 : 64 - __builtin_clzll((uint64_t)v)]++;
    h->n++;
}

static void histogram_final(sqlite3_context *c) {
    const struct histogram *h = sqlite3_aggregate_context(c, 0);
    sqlite3_str *json = sqlite3_str_new(sqlite3_context_db_handle(c));
    sqlite3_str_appendchar(json, 1, '{');
    for (int b = 0; h && b < 64; b++) {
        if (!h->counts[b]) continue;
        sqlite3_str_appendf(json, "%s\"%lld\":%lld", sqlite3_str_length(json) > 1 ? "," : "",
                            b ? 1ll << (b - 1) : 0ll, h->counts[b]);
    }
    sqlite3_str_appendchar(json, 1, '}');
    sqlite3_result_text(c, sqlite3_str_finish(json), -1, sqlite3_free);
}

static void sparkline_final(sqlite3_context *c) {
    static const char *const bars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const struct histogram *h = sqlite3_aggregate_context(c, 0);
    char text[64 * 3 + 1] = "";
    int first = 0, last = 63;
    int64_t most = 0;
    if (!h || !h->n) return;
    while (!h->counts[first]) first++;
    while (!h->counts[last]) last--;
    for (int b = first; b <= last; b++)
        if (h->counts[b] > most) most = h->counts[b];
    for (int b = first; b <= last; b++) /* whatever is there has at least the lowest bar */
        strcat(text, bars[h->counts[b] ? 1 + (int)(7 * (double)h->counts[b] / (double)most) : 0]);
    sqlite3_result_text(c, text, -1, SQLITE_TRANSIENT);
}

/* ---- count_by, sum_by ---------------------------------------------------------------------- */

struct key_sum {
    uint64_t hash;
    char *key; /* NULL: SQL's null */
    int n;
    double sum;
    int64_t whole;
};
struct key_sums {
    struct key_sum *sums; /* hash table, a power of two; hash 0 = free */
    size_t n, n_slots;
    bool real; /* some x was not a whole number, or the sum left int64 */
};

static uint64_t hash_text(const char *text, int n) {
    uint64_t h = 1469598103934665603u;
    for (int i = 0; i < n; i++) h = (h ^ (unsigned char)text[i]) * 1099511628211u;
    return h ? h : 1;
}

static struct key_sum *find_sum(struct key_sums *s, uint64_t hash, const char *key, int n) {
    size_t i = hash & (s->n_slots - 1);
    for (; s->sums[i].hash; i = (i + 1) & (s->n_slots - 1)) {
        const struct key_sum *k = &s->sums[i];
        if (k->hash == hash && k->n == n && !k->key == !key &&
            (!n || !memcmp(k->key, key, (size_t)n)))
            break;
    }
    return &s->sums[i];
}

static bool grow_sums(struct key_sums *s) {
    struct key_sums bigger = {
        .n_slots = s->n_slots ? 2 * s->n_slots : 64, .n = s->n, .real = s->real};
    bigger.sums = sqlite3_malloc64(bigger.n_slots * sizeof *bigger.sums);
    if (!bigger.sums) return false;
    memset(bigger.sums, 0, bigger.n_slots * sizeof *bigger.sums);
    for (size_t i = 0; i < s->n_slots; i++)
        if (s->sums[i].hash)
            *find_sum(&bigger, s->sums[i].hash, s->sums[i].key, s->sums[i].n) = s->sums[i];
    sqlite3_free(s->sums);
    *s = bigger;
    return true;
}

static struct key_sum *sum_of(struct key_sums *s, sqlite3_value *value) {
    const char *key = (const char *)sqlite3_value_text(value);
    int n = key ? sqlite3_value_bytes(value) : 0;
    uint64_t hash = hash_text(key, n) ^ (key ? 0 : 2);
    if (2 * s->n >= s->n_slots && !grow_sums(s)) return NULL;
    struct key_sum *k = find_sum(s, hash, key, n);
    if (k->hash) return k;
    char *copy = key ? sqlite3_malloc(n + 1) : NULL;
    if (key && !copy) return NULL;
    if (n) memcpy(copy, key, (size_t)n);
    *k = (struct key_sum){.hash = hash, .key = copy, .n = n};
    s->n++;
    return k;
}

static void by_step(sqlite3_context *c, int argc, sqlite3_value **argv) {
    struct key_sums *s = sqlite3_aggregate_context(c, sizeof *s);
    struct key_sum *k = s ? sum_of(s, argv[0]) : NULL;
    if (!k) {
        sqlite3_result_error_nomem(c);
        return;
    }
    int type = argc > 1 ? sqlite3_value_numeric_type(argv[1]) : SQLITE_INTEGER;
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) return;
    s->real |= type == SQLITE_FLOAT;
    k->sum += argc > 1 ? sqlite3_value_double(argv[1]) : 1;
    s->real |=
        __builtin_add_overflow(k->whole, argc > 1 ? sqlite3_value_int64(argv[1]) : 1, &k->whole);
}

static int by_sum_descending(const void *a, const void *b) {
    const struct key_sum *x = a, *y = b;
    if (x->sum != y->sum) return x->sum < y->sum ? 1 : -1;
    size_t n = (size_t)(x->n < y->n ? x->n : y->n);
    int order = n ? memcmp(x->key, y->key, n) : 0;
    return order ? order : x->n - y->n;
}

static void json_string(sqlite3_str *out, const char *text, int n) {
    sqlite3_str_appendchar(out, 1, '"');
    for (int i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)text[i];
        if (ch == '"' || ch == '\\')
            sqlite3_str_appendf(out, "\\%c", ch);
        else if (ch < 0x20)
            sqlite3_str_appendf(out, "\\u%04x", ch);
        else
            sqlite3_str_append(out, text + i, 1);
    }
    sqlite3_str_appendchar(out, 1, '"');
}

static void by_final(sqlite3_context *c) {
    struct key_sums *s = sqlite3_aggregate_context(c, 0);
    sqlite3_str *json = sqlite3_str_new(sqlite3_context_db_handle(c));
    size_t n = 0;
    sqlite3_str_appendchar(json, 1, '{');
    for (size_t i = 0; s && i < s->n_slots; i++)
        if (s->sums[i].hash) s->sums[n++] = s->sums[i];
    if (n) qsort(s->sums, n, sizeof *s->sums, by_sum_descending);
    for (size_t i = 0; i < n; i++) {
        const struct key_sum *k = &s->sums[i];
        if (i) sqlite3_str_appendchar(json, 1, ',');
        json_string(json, k->key ? k->key : "null", k->key ? k->n : 4);
        if (s->real)
            sqlite3_str_appendf(json, ":%!.17g", k->sum);
        else
            sqlite3_str_appendf(json, ":%lld", k->whole);
        sqlite3_free(k->key);
    }
    if (s) sqlite3_free(s->sums);
    sqlite3_str_appendchar(json, 1, '}');
    if (sqlite3_str_errcode(json) == SQLITE_TOOBIG) sqlite3_result_error_toobig(c);
    if (sqlite3_str_errcode(json) == SQLITE_NOMEM) sqlite3_result_error_nomem(c);
    bool bad = sqlite3_str_errcode(json) != SQLITE_OK;
    char *text = sqlite3_str_finish(json);
    if (!bad)
        sqlite3_result_text(c, text, -1, sqlite3_free);
    else
        sqlite3_free(text);
}

/* ---- stack, fmt_ns ------------------------------------------------------------------------- */

void result_stack(sqlite3_context *c, struct store *s, int64_t id, uint32_t max_frames) {
    if (id < 1 || id > UINT32_MAX || id >= store__n_stacks(s)) return;
    struct stack stack = store_stack(s, (uint32_t)id);
    sqlite3_str *text = sqlite3_str_new(sqlite3_context_db_handle(c));
    for (uint32_t i = 0; i < stack.n && i < max_frames; i++) {
        struct text func = store_string(s, stack.frames[i].func);
        if (i) sqlite3_str_append(text, " < ", 3);
        sqlite3_str_append(text, func.n ? func.data : "?", func.n ? (int)func.n : 1);
    }
    int n = sqlite3_str_length(text);
    char *all = sqlite3_str_finish(text);
    if (all) sqlite3_result_text(c, all, n, sqlite3_free);
}

static void stack_function(sqlite3_context *c, int argc, sqlite3_value **argv) {
    const struct query *q = sqlite3_user_data(c);
    int64_t most = argc > 1 ? sqlite3_value_int64(argv[1]) : UINT32_MAX;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) return;
    result_stack(c, q->store, sqlite3_value_int64(argv[0]),
                 most < 0            ? 0
                 : most > UINT32_MAX ? UINT32_MAX
                                     : (uint32_t)most);
}

static void fmt_ns_function(sqlite3_context *c, int argc, sqlite3_value **argv) {
    (void)argc;
    static const struct {
        double ns;
        const char *unit;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) return;
    double ns = sqlite3_value_double(argv[0]), size = fabs(ns);
    char text[64];
    snprintf(text, sizeof text, "%.0f ns", ns);
    for (size_t i = 0; i < 3; i++) {
        double v = size / units[i].ns;
        if (v < 0.9995) continue;
        int decimals = v < 9.995 ? 2 : v < 99.95 ? 1 : 0;
        snprintf(text, sizeof text, "%.*f %s", decimals, ns / units[i].ns, units[i].unit);
        break;
    }
    sqlite3_result_text(c, text, -1, SQLITE_TRANSIENT);
}

int sql_functions_register(struct query *q) {
    static const struct {
        const char *name;
        int n_args;
        void (*call)(sqlite3_context *, int, sqlite3_value **);
        void (*step)(sqlite3_context *, int, sqlite3_value **);
        void (*final)(sqlite3_context *);
    } functions[] = {
        {"percentile", 2, NULL, percentile_step, percentile_final},
        {"log_histogram", 1, NULL, histogram_step, histogram_final},
        {"sparkline", 1, NULL, histogram_step, sparkline_final},
        {"count_by", 1, NULL, by_step, by_final},
        {"sum_by", 2, NULL, by_step, by_final},
        {"stack", 1, stack_function, NULL, NULL},
        {"stack", 2, stack_function, NULL, NULL},
        {"fmt_ns", 1, fmt_ns_function, NULL, NULL},
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof functions / sizeof *functions && rc == SQLITE_OK; i++)
        rc = sqlite3_create_function(q->db, functions[i].name, functions[i].n_args,
                                     SQLITE_UTF8 | SQLITE_DETERMINISTIC, q, functions[i].call,
                                     functions[i].step, functions[i].final);
    return rc;
}
