/* tests/unit/column_test.c - columns of numbers as bytes, and back: every part of every column, and
 * that damaged bytes are refused or give other numbers, never more than was asked for. */
#include "storage/src/column.h"

#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/random.h"

enum { ROUNDS = 3000, PARTS = 8, DAMAGES = 4 };

static uint64_t values[COLUMN_MAX], got[COLUMN_MAX];

/* Numbers of few bits, some of them of many; of some columns all are alike or repeat. */
static uint32_t some_column(void) {
    uint32_t n = 1 + (uint32_t)(random64() % COLUMN_MAX), width = (uint32_t)(random64() % 65);
    uint32_t long_one_in = 1 + (uint32_t)(random64() % 200), kind = (uint32_t)(random64() % 4);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bits = random64() % long_one_in ? width : (uint32_t)(random64() % 65);
        values[i] = bits ? random64() >> (64 - bits) : 0;
        if (kind == 0) values[i] = values[0];
        if (kind == 1 && i >= 5) values[i] = values[i % 5];
    }
    return n;
}

static struct cursor cursor_of(const struct buffer *b) {
    return (struct cursor){b->data, b->data + b->n, false};
}

static void test_part(struct column_codec *codec, const struct buffer *bytes, uint32_t n) {
    uint32_t first = (uint32_t)(random64() % n), part = 1 + (uint32_t)(random64() % (n - first));
    struct cursor in = cursor_of(bytes);
    memset(got, 0x55, sizeof got);
    CHECK(column_get_part(codec, &in, got, (struct column_part){n, first, part}) == 0);
    CHECK(in.p == in.end && !in.bad);
    CHECK(memcmp(got, values + first, part * sizeof *got) == 0);
    for (uint32_t i = part; i < COLUMN_MAX; i++) CHECK(got[i] == 0x5555555555555555);
}

/* On the heap and no longer than they are, so that a sanitizer sees what is read behind them. */
static void test_damage(struct column_codec *codec, const struct buffer *bytes, uint32_t n) {
    size_t size = bytes->n;
    if (random64() & 1) size = (size_t)(random64() % (size + 1));
    uint8_t *copy = malloc(size ? size : 1);
    CHECK(copy);
    memcpy(copy, bytes->data, size);
    for (int k = 0; size && k < 3; k++) copy[random64() % size] = (uint8_t)random64();
    struct cursor in = {copy, copy + size, false};
    uint32_t first = (uint32_t)(random64() % n);
    memset(got, 0x55, sizeof got);
    column_get_part(codec, &in, got, (struct column_part){n, first, n - first});
    for (uint32_t i = n - first; i < COLUMN_MAX; i++) CHECK(got[i] == 0x5555555555555555);
    CHECK(in.p <= in.end);
    free(copy);
}

/* Rows of four columns, of few different ones or of very many. */
static uint64_t rows[PALETTE_COLUMNS][COLUMN_MAX], got_rows[PALETTE_COLUMNS][COLUMN_MAX];
static struct palette palette;

static bool some_rows(uint32_t n, uint64_t *codes) {
    uint32_t different = 1 + (uint32_t)(random64() % (PALETTE_MAX + 20));
    bool full = false;
    palette_clear(&palette);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t like = i < different ? i : (uint32_t)(random64() % different);
        for (uint32_t k = 0; k < PALETTE_COLUMNS; k++)
            rows[k][i] = like < i ? rows[k][like] : (uint32_t)random64() >> (random64() % 33) % 32;
        codes[i] =
            palette_code(&palette, rows[0][i] | rows[1][i] << 32, rows[2][i] | rows[3][i] << 32);
        full = full || codes[i] == PALETTE_FULL;
    }
    return !full;
}

static void test_some(struct column_codec *codec, struct cursor in, uint32_t n, bool damaged) {
    uint64_t *out[PALETTE_COLUMNS];
    uint32_t first = (uint32_t)(random64() % n), part = 1 + (uint32_t)(random64() % (n - first));
    for (uint32_t k = 0; k < PALETTE_COLUMNS; k++) out[k] = random64() % 4 ? got_rows[k] : NULL;
    memset(got_rows, 0x55, sizeof got_rows);
    int rc = column_get_rows(codec, &in, out, (struct column_part){n, first, part});
    CHECK(damaged ? in.p <= in.end : rc == 0 && in.p == in.end);
    for (uint32_t k = 0; k < PALETTE_COLUMNS; k++) {
        if (out[k] && !damaged)
            CHECK(memcmp(got_rows[k], rows[k] + first, part * sizeof *rows[k]) == 0);
        for (uint32_t i = out[k] ? part : 0; i < COLUMN_MAX; i++)
            CHECK(got_rows[k][i] == 0x5555555555555555);
    }
}

static void test_rows(struct column_codec *codec) {
    uint32_t n = 1 + (uint32_t)(random64() % COLUMN_MAX);
    struct buffer bytes = {0};
    struct column_past past[PALETTE_COLUMNS] = {0};
    if (!some_rows(n, values) || !column_put_rows(&bytes, &palette, values, n)) {
        column_put_apart(&bytes);
        for (uint32_t k = 0; k < PALETTE_COLUMNS; k++)
            column_put(codec, &bytes, rows[k], n, &past[k]);
    }
    CHECK(!bytes.bad);
    for (int k = 0; k < PARTS; k++) test_some(codec, cursor_of(&bytes), n, false);
    for (int k = 0; k < DAMAGES; k++) {
        size_t size = random64() & 1 ? (size_t)(random64() % bytes.n) : bytes.n;
        uint8_t *copy = malloc(size ? size : 1); /* on the heap, as in test_damage */
        CHECK(copy);
        memcpy(copy, bytes.data, size);
        for (int i = 0; size && i < 3; i++) copy[random64() % size] = (uint8_t)random64();
        test_some(codec, (struct cursor){copy, copy + size, false}, n, true);
        free(copy);
    }
    buffer_free(&bytes);
}

int main(void) {
    struct column_codec *codec = column_codec_new();
    struct buffer bytes = {0};
    struct column_past past = {0};
    uint64_t n_bytes = 0, n_values = 0;
    CHECK(codec);
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t n = some_column();
        bytes.n = 0;
        if (i % 2) past = (struct column_past){0};
        column_put(codec, &bytes, values, n, &past);
        CHECK(!bytes.bad);
        n_bytes += bytes.n;
        n_values += n;
        struct cursor in = cursor_of(&bytes);
        CHECK(column_get(codec, &in, got, n) == 0 && in.p == in.end);
        CHECK(memcmp(got, values, n * sizeof *got) == 0);
        in = cursor_of(&bytes);
        CHECK(column_get(codec, &in, NULL, n) == 0 && in.p == in.end);
        for (int k = 0; k < PARTS; k++) test_part(codec, &bytes, n);
        for (int k = 0; k < DAMAGES; k++) test_damage(codec, &bytes, n);
        test_rows(codec);
    }
    printf("%d columns, %.2f bytes a number\n", ROUNDS, (double)n_bytes / (double)n_values);
    buffer_free(&bytes);
    column_codec_free(codec);
    return 0;
}
