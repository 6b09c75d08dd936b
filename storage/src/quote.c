/* storage/src/quote.c - names from a trace, which may be any bytes, as text that is safe to print.
 *
 * Source  go1.26 strconv/quote.go, encoding/json (what is escaped and how); UTF-8 as in RFC 3629:
 *         no overlong forms, no surrogates; each bad byte stands for itself. */
#include "storage/quote.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char hex[] = "0123456789abcdef";

static const struct {
    uint32_t first, last;
} printable[] = {
#define X(first, last) {first, last},
#include "storage/src/printable.def"
#undef X
};

static bool is_printable(uint32_t rune) {
    if (rune < 0x80) return rune >= 0x20 && rune < 0x7f;
    size_t low = 0, high = sizeof printable / sizeof *printable;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (rune > printable[mid].last)
            low = mid + 1;
        else
            high = mid;
    }
    return low < sizeof printable / sizeof *printable && rune >= printable[low].first;
}

static bool is_tail(unsigned char c) {
    return (c & 0xc0) == 0x80;
}

/* Bytes of the code point at s (n > 0 of them are there), 0 = not UTF-8. */
static size_t decode(const unsigned char *s, size_t n, uint32_t *rune) {
    if (s[0] < 0x80) {
        *rune = s[0];
        return 1;
    }
    if (s[0] >= 0xc2 && s[0] < 0xe0 && n >= 2 && is_tail(s[1])) {
        *rune = (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f);
        return 2;
    }
    if ((s[0] & 0xf0) == 0xe0 && n >= 3 && is_tail(s[1]) && is_tail(s[2])) {
        *rune = (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
        return *rune >= 0x800 && (*rune < 0xd800 || *rune >= 0xe000) ? 3 : 0;
    }
    if ((s[0] & 0xf8) == 0xf0 && n >= 4 && is_tail(s[1]) && is_tail(s[2]) && is_tail(s[3])) {
        *rune = (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3f) << 12 |
                (uint32_t)(s[2] & 0x3f) << 6 | (s[3] & 0x3f);
        return *rune >= 0x10000 && *rune < 0x110000 ? 4 : 0;
    }
    return 0;
}

size_t utf8_length(const char *p, size_t n) {
    uint32_t rune;
    return decode((const unsigned char *)p, n, &rune);
}

static char *put_hex(char *p, char escape, uint32_t value, int digits) {
    *p++ = '\\';
    *p++ = escape;
    for (int i = digits - 1; i >= 0; i--) *p++ = hex[value >> (4 * i) & 15];
    return p;
}

static char *escape_go(char *p, uint32_t rune) {
    static const char letters[] = "abtnvfr"; /* from 7 on */
    if (rune >= 7 && rune <= 13) {
        *p++ = '\\';
        *p++ = letters[rune - 7];
        return p;
    }
    if (rune < 0x80) return put_hex(p, 'x', rune, 2);
    return rune < 0x10000 ? put_hex(p, 'u', rune, 4) : put_hex(p, 'U', rune, 8);
}

char *quote_go(char *p, struct text text) {
    const unsigned char *s = (const unsigned char *)text.data;
    *p++ = '"';
    for (size_t i = 0, used; i < text.n; i += used) {
        uint32_t rune;
        used = decode(s + i, text.n - i, &rune);
        if (used == 0) {
            p = put_hex(p, 'x', s[i], 2);
            used = 1;
        } else if (rune == '"' || rune == '\\') {
            *p++ = '\\';
            *p++ = (char)rune;
        } else if (is_printable(rune)) {
            memcpy(p, s + i, used);
            p += used;
        } else {
            p = escape_go(p, rune);
        }
    }
    *p++ = '"';
    return p;
}

char *quote_json(char *p, struct text text) {
    const unsigned char *s = (const unsigned char *)text.data;
    *p++ = '"';
    for (size_t i = 0, used; i < text.n; i += used) {
        uint32_t rune;
        used = decode(s + i, text.n - i, &rune);
        if (used == 0) {
            p = put_hex(p, 'u', 0xfffd, 4);
            used = 1;
        } else if (rune == '"' || rune == '\\') {
            *p++ = '\\';
            *p++ = (char)rune;
        } else if (rune < 0x20 || rune == 0x2028 || rune == 0x2029) {
            p = put_hex(p, 'u', rune, 4);
        } else {
            memcpy(p, s + i, used);
            p += used;
        }
    }
    *p++ = '"';
    return p;
}

char *quote_plain(char *p, struct text text, size_t max) {
    const unsigned char *s = (const unsigned char *)text.data;
    size_t columns = 0;
    for (size_t i = 0, used; i < text.n; i += used) {
        uint32_t rune;
        used = decode(s + i, text.n - i, &rune);
        bool plain = used && is_printable(rune);
        if (!used) used = 1;
        if (++columns >= max && i + used < text.n) {
            memcpy(p, "\xe2\x80\xa6", 3); /* an ellipsis stands for the rest */
            return p + 3;
        }
        if (plain)
            memcpy(p, s + i, used);
        else
            *p = '?';
        p += plain ? used : 1;
    }
    return p;
}
