/* storage/src/buffer.h - a growing byte buffer, and a cursor over bytes that may be hostile.
 *
 * Both are sticky: after the first failure a buffer drops what is added, a cursor yields zeros,
 * and `bad` is checked once per record.  Numbers are LEB128 varints, signed ones zigzag. */
#ifndef PARKVIEW_STORAGE_BUFFER_H
#define PARKVIEW_STORAGE_BUFFER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct buffer {
    uint8_t *data;
    size_t n, cap;
    bool bad; /* out of memory */
};

static inline bool buffer_reserve(struct buffer *b, size_t extra) {
    if (b->n + extra <= b->cap) return true;
    size_t cap = (b->cap ? b->cap * 2 : 4096) + extra;
    uint8_t *data = b->bad ? NULL : realloc(b->data, cap);
    if (!data) {
        b->bad = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

static inline uint8_t *varint_put(uint8_t *p, uint64_t v) {
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static inline uint64_t zigzag(int64_t v) {
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}
static inline int64_t unzigzag(uint64_t v) {
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static inline void buffer_varint(struct buffer *b, uint64_t v) {
    if (!buffer_reserve(b, 10)) return;
    b->n = (size_t)(varint_put(b->data + b->n, v) - b->data);
}
static inline void buffer_signed(struct buffer *b, int64_t v) {
    buffer_varint(b, zigzag(v));
}
static inline void buffer_bytes(struct buffer *b, const void *data, size_t n) {
    if (!n || !buffer_reserve(b, n)) return;
    memcpy(b->data + b->n, data, n);
    b->n += n;
}
static inline void buffer_free(struct buffer *b) {
    free(b->data);
    *b = (struct buffer){0};
}

struct cursor {
    const uint8_t *p, *end;
    bool bad; /* ran past the end, or a varint of more than 10 bytes */
};

static inline uint64_t cursor_varint(struct cursor *c) {
    if (c->p < c->end && *c->p < 0x80) return *c->p++;
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70 && c->p < c->end; shift += 7) {
        uint8_t byte = *c->p++;
        v |= (uint64_t)(byte & 0x7f) << (shift < 64 ? shift : 63);
        if (byte < 0x80) return v;
    }
    c->bad = true;
    c->p = c->end;
    return 0;
}
static inline int64_t cursor_signed(struct cursor *c) {
    return unzigzag(cursor_varint(c));
}
static inline const uint8_t *cursor_bytes(struct cursor *c, size_t n) {
    if ((size_t)(c->end - c->p) < n) {
        c->bad = true;
        c->p = c->end;
        return NULL;
    }
    const uint8_t *p = c->p;
    c->p += n;
    return p;
}

#endif
