/* tests/unit/quote_test.c - names of any bytes as Go's %q and encoding/json write them (the
 * expected texts are Go's), and as a terminal may see them; numbers as text. */
#include "storage/quote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/src/digits.h"

static int n_failed;

static void expect(const char *what, const char *got, size_t n, const char *expected) {
    if (n == strlen(expected) && memcmp(got, expected, n) == 0) return;
    printf("failed: %s: got %.*s, expected %s\n", what, (int)n, got, expected);
    n_failed++;
}

#define BYTES(literal)                                                                             \
    { literal, sizeof literal - 1 }

static const struct quote_case {
    struct text text;
    const char *go, *json, *plain;
} cases[] = {
    {BYTES(""), "\"\"", "\"\"", ""},
    {BYTES("chan receive"), "\"chan receive\"", "\"chan receive\"", "chan receive"},
    {BYTES("a\"b\\c"), "\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\"", "a\"b\\c"},
    {BYTES("\a\b\f\n\r\t\v"), "\"\\a\\b\\f\\n\\r\\t\\v\"",
     "\"\\u0007\\u0008\\u000c\\u000a\\u000d\\u0009\\u000b\"", "???????"},
    {BYTES("\0\x1b[31m\x7f"), "\"\\x00\\x1b[31m\\x7f\"", "\"\\u0000\\u001b[31m\x7f\"", "??[31m?"},
    {BYTES("<script>&"), "\"<script>&\"", "\"<script>&\"", "<script>&"},
    {BYTES("\xff\xfe"), "\"\\xff\\xfe\"", "\"\\ufffd\\ufffd\"", "??"},
    {BYTES("\xc3\xa9t\xc3\xa9"), "\"\xc3\xa9t\xc3\xa9\"", "\"\xc3\xa9t\xc3\xa9\"",
     "\xc3\xa9t\xc3\xa9"},
    {BYTES("\xc2\xa0|\xc2\xad"), "\"\\u00a0|\\u00ad\"", "\"\xc2\xa0|\xc2\xad\"", "?|?"},
    {BYTES("\xe2\x80\xa8"), "\"\\u2028\"", "\"\\u2028\"", "?"},
    {BYTES("\xef\xbf\xbd"), "\"\xef\xbf\xbd\"", "\"\xef\xbf\xbd\"", "\xef\xbf\xbd"},
    {BYTES("\xf0\x9f\x90\xb9"), "\"\xf0\x9f\x90\xb9\"", "\"\xf0\x9f\x90\xb9\"", "\xf0\x9f\x90\xb9"},
    {BYTES("\xf3\xa0\x80\x81"), "\"\\U000e0001\"", "\"\xf3\xa0\x80\x81\"", "?"},
    /* overlong, surrogate, beyond U+10FFFF, cut off */
    {BYTES("\xc0\x80"), "\"\\xc0\\x80\"", "\"\\ufffd\\ufffd\"", "??"},
    {BYTES("\xe0\x80\x80"), "\"\\xe0\\x80\\x80\"", "\"\\ufffd\\ufffd\\ufffd\"", "???"},
    {BYTES("\xed\xa0\x80"), "\"\\xed\\xa0\\x80\"", "\"\\ufffd\\ufffd\\ufffd\"", "???"},
    {BYTES("\xf4\x90\x80\x80"), "\"\\xf4\\x90\\x80\\x80\"", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"",
     "????"},
    {BYTES("x\xe2\x82"), "\"x\\xe2\\x82\"", "\"x\\ufffd\\ufffd\"", "x??"},
};

/* The exact room that the header promises, so that a sanitizer sees what goes beyond. */
static void test_cases(void) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text text = cases[i].text;
        char *room = malloc(QUOTE_MAX(text.n));
        expect("quote_go", room, (size_t)(quote_go(room, text) - room), cases[i].go);
        expect("quote_json", room, (size_t)(quote_json(room, text) - room), cases[i].json);
        free(room);
        room = malloc(text.n + 3);
        expect("quote_plain", room, (size_t)(quote_plain(room, text, 99) - room), cases[i].plain);
        free(room);
    }
}

/* Every single byte needs at most the promised room. */
static void test_room(void) {
    for (int byte = 0; byte < 256; byte++) {
        char one = (char)byte, room[QUOTE_MAX(1)];
        struct text text = {&one, 1};
        if (quote_go(room, text) > room + sizeof room ||
            quote_json(room, text) > room + sizeof room) {
            printf("failed: byte %d needs more room\n", byte);
            n_failed++;
        }
    }
}

static void test_cut(void) {
    char room[32];
    struct text long_name = BYTES("main.(*T).f");
    expect("cut", room, (size_t)(quote_plain(room, long_name, 6) - room), "main.\xe2\x80\xa6");
    expect("not cut", room, (size_t)(quote_plain(room, long_name, 11) - room), "main.(*T).f");
    struct text cafe = BYTES("caf\xc3\xa9");
    expect("last of two bytes", room, (size_t)(quote_plain(room, cafe, 4) - room), "caf\xc3\xa9");
}

static void test_numbers(void) {
    static const int64_t numbers[] = {0,   1,     9,     10,       99,        100,       101, -1,
                                      -10, 12345, 99999, 10000000, INT64_MAX, INT64_MIN, 42};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char ours[DIGITS_MAX], expected[32];
        snprintf(expected, sizeof expected, "%" PRId64, numbers[i]);
        expect("put_i64", ours, (size_t)(put_i64(ours, numbers[i]) - ours), expected);
    }
    char ours[DIGITS_MAX];
    expect("put_u64", ours, (size_t)(put_u64(ours, UINT64_MAX) - ours), "18446744073709551615");
}

int main(void) {
    test_cases();
    test_room();
    test_cut();
    test_numbers();
    return n_failed != 0;
}
