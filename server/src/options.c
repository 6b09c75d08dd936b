/* server/src/options.c - reads the options of a command into variables.
 * Not here    the texts of --help (commands.def). */
#include "server/src/options.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int time_parse(const char *text, int64_t *ns) {
    static const struct {
        const char *unit;
        int digits; /* a unit is 10^digits ns */
    } units[] = {{"", 0}, {"ns", 0}, {"us", 3}, {"\xc2\xb5s", 3}, {"ms", 6}, {"s", 9}};
    /* Digits are gathered as whole numbers: 0.1s is exactly 100000000 ns. */
    int64_t value = 0;
    int n_digits = 0, after_point = -1;
    const char *c = text;
    for (; (*c >= '0' && *c <= '9') || (*c == '.' && after_point < 0); c++) {
        if (*c == '.') {
            after_point = 0;
            continue;
        }
        if (after_point >= 9) continue; /* below a nanosecond in every unit */
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *c - '0', &value))
            return -1;
        n_digits++;
        if (after_point >= 0) after_point++;
    }
    if (n_digits == 0) return -1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(c, units[i].unit) != 0) continue;
        int shift = units[i].digits - (after_point > 0 ? after_point : 0);
        for (; shift > 0; shift--)
            if (__builtin_mul_overflow(value, 10, &value)) return -1;
        for (; shift < 0; shift++) value /= 10;
        *ns = value;
        return 0;
    }
    return -1;
}

static int parse_choice(const char *choices, const char *text) {
    size_t n = strlen(text);
    int i = 0;
    for (const char *c = choices; c; i++) {
        const char *end = strchrnul(c, '|');
        if ((size_t)(end - c) == n && memcmp(c, text, n) == 0) return i;
        c = *end ? end + 1 : NULL;
    }
    return -1;
}

static int set_value(const char *command, const struct opt *o, const char *text) {
    switch (o->kind) {
    case OPT_TEXT:
        *(const char **)o->value = text;
        return 0;
    case OPT_INT: {
        char *end;
        errno = 0;
        long long v = strtoll(text, &end, 10);
        if (errno || end == text || *end || v < 0) {
            fprintf(stderr, "parkview: %s: %s takes a whole number, not '%s'\n", command, o->name,
                    text);
            return -1;
        }
        *(int64_t *)o->value = v;
        return 0;
    }
    case OPT_TIME:
        if (time_parse(text, o->value) < 0) {
            fprintf(stderr,
                    "parkview: %s: %s takes a time like 12.3ms, 1.5s or 250 (ns), not '%s'\n",
                    command, o->name, text);
            return -1;
        }
        return 0;
    case OPT_CHOICE: {
        int i = parse_choice(o->choices, text);
        if (i < 0) {
            fprintf(stderr, "parkview: %s: %s takes %s, not '%s'\n", command, o->name, o->choices,
                    text);
            return -1;
        }
        *(int *)o->value = i;
        return 0;
    }
    case OPT_FLAG:
        break;
    }
    fprintf(stderr, "parkview: %s: %s takes no value\n", command, o->name);
    return -1;
}

/* The option that arg names; *inline_value is what follows its "=", or NULL. */
static const struct opt *find(const struct opt *opts, const char *arg, const char **inline_value) {
    const char *equals = arg[1] == '-' ? strchr(arg, '=') : NULL;
    size_t n = equals ? (size_t)(equals - arg) : strlen(arg);
    *inline_value = equals ? equals + 1 : NULL;
    for (; opts->name; opts++)
        if (strlen(opts->name) == n && memcmp(opts->name, arg, n) == 0) return opts;
    return NULL;
}

int options_parse(int argc, char **argv, const struct opt *opts) {
    int n = 0;
    bool only_operands = false;
    for (int i = 1; i < argc; i++) {
        char *arg = argv[i];
        if (only_operands || arg[0] != '-' || arg[1] == 0) {
            argv[++n] = arg;
            continue;
        }
        if (strcmp(arg, "--") == 0) {
            only_operands = true;
            continue;
        }
        const char *value;
        const struct opt *o = find(opts, arg, &value);
        if (!o) {
            fprintf(stderr, "parkview: %s: no option '%s'; `parkview %s --help` lists them\n",
                    argv[0], arg, argv[0]);
            return -1;
        }
        if (o->kind == OPT_FLAG && !value) {
            *(bool *)o->value = true;
            continue;
        }
        if (!value && ++i >= argc) {
            fprintf(stderr, "parkview: %s: %s needs a value\n", argv[0], o->name);
            return -1;
        }
        if (set_value(argv[0], o, value ? value : argv[i]) < 0) return -1;
    }
    return n;
}

int options_operands(const char *command, int n, int min, int max) {
    if (n >= min && n <= max) return 0;
    fprintf(stderr, "parkview: %s: %s; `parkview %s --help` shows how it is used\n", command,
            n < min ? "a file is missing" : "too many files or words", command);
    return -1;
}
