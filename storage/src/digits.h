/* storage/src/digits.h - numbers as text, fast: printf costs more than reading an event. */
#ifndef PARKVIEW_STORAGE_DIGITS_H
#define PARKVIEW_STORAGE_DIGITS_H

#include <stdint.h>
#include <string.h>

enum { DIGITS_MAX = 20 }; /* of any 64-bit number, sign included */

/* put_u64, put_i64 - decimal at p, which has room for DIGITS_MAX; returns the end. No NUL. */
static inline char *put_u64(char *p, uint64_t v) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    if (v < 10) {
        *p = (char)('0' + v);
        return p + 1;
    }
    char text[DIGITS_MAX];
    char *t = text + sizeof text;
    while (v >= 100) {
        uint64_t rest = v / 100;
        t -= 2;
        memcpy(t, pairs + 2 * (v - 100 * rest), 2);
        v = rest;
    }
    if (v >= 10) {
        t -= 2;
        memcpy(t, pairs + 2 * v, 2);
    } else {
        *--t = (char)('0' + v);
    }
    size_t n = (size_t)(text + sizeof text - t);
    memcpy(p, t, n);
    return p + n;
}

static inline char *put_i64(char *p, int64_t v) {
    if (v >= 0) return put_u64(p, (uint64_t)v);
    *p = '-';
    return put_u64(p + 1, 0 - (uint64_t)v);
}

#endif
