/* storage/src/dict.h - strings and stacks of a trace, each stored once, named by small numbers.
 *
 * Id 0 is the empty string / no stack.  Ids grow without holes.  Entries never move, so a thread
 * that received an id through a queue may look it up while another thread adds new ones. */
#ifndef PARKVIEW_STORAGE_DICT_H
#define PARKVIEW_STORAGE_DICT_H

#include <stddef.h>
#include <stdint.h>

struct text { /* any bytes, NUL and invalid UTF-8 included; never owns */
    const char *data;
    size_t n;
};

struct frame {
    uint64_t pc;
    uint32_t func, file; /* string ids */
    uint64_t line;
};

struct stack { /* leaf first */
    const struct frame *frames;
    uint32_t n;
};

struct dict;

struct dict *dict_new(void);
void dict_free(struct dict *d);

/* dict_add_* - the id of an equal entry, or of a new one (copied); 0xffffffff: out of memory. */
uint32_t dict_add_string(struct dict *d, const char *data, size_t n);
uint32_t dict_add_stack(struct dict *d, const struct frame *frames, uint32_t n);

struct text dict_string(const struct dict *d, uint32_t id);
struct stack dict_stack(const struct dict *d, uint32_t id);

/* Entries so far, id 0 included. */
uint32_t dict_n_strings(const struct dict *d);
uint32_t dict_n_stacks(const struct dict *d);

#endif
