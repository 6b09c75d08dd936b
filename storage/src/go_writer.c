/* storage/src/go_writer.c - batches, tables and generations of Go 1.26's format, written.
 *
 * One generation holds all: a ring fits in memory, and so does what Go's reader keeps of a
 * generation. Times are nanoseconds: the frequency is 1e9, with which Go's conversion is exact.
 * Go wants a file and a line of every frame: where there is none, the function's name and 1 stand.
 * Source      go1.26 src/internal/trace/tracev2/events.go, src/runtime/tracetime.go */
#include "storage/src/go_writer.h"

#include <stdlib.h>
#include <string.h>

#include "storage/src/buffer.h"
#include "storage/src/event.h"
#include "storage/src/go_events.h"

enum { BATCH_BYTES = 60000, EVENT_BYTES = 1 + 10 * (GO_WRITER_ARGS + 1), STRING_BYTES = 1024 };

static void put(struct go_writer *w, const void *data, size_t n) {
    fwrite(data, 1, n, w->out);
}

static void put_batch(struct go_writer *w, int64_t m, int64_t time_ns, const uint8_t *data,
                      size_t n) {
    uint8_t head[64], *p = head;
    *p++ = GOEV_EVENT_BATCH;
    p = varint_put(p, w->generation);
    p = varint_put(p, (uint64_t)m); /* NO_ID is Go's "no thread" */
    p = varint_put(p, (uint64_t)time_ns);
    p = varint_put(p, n);
    put(w, head, (size_t)(p - head));
    put(w, data, n);
}

static void put_sync(struct go_writer *w, int64_t time_ns, uint64_t wall_ns) {
    uint8_t data[64], *p = data;
    *p++ = GOEV_SYNC;
    *p++ = GOEV_FREQUENCY;
    p = varint_put(p, 1000000000);
    *p++ = GOEV_CLOCK_SNAPSHOT;
    p = varint_put(p, 0);
    p = varint_put(p, (uint64_t)time_ns);
    p = varint_put(p, wall_ns / 1000000000);
    p = varint_put(p, wall_ns % 1000000000);
    put_batch(w, NO_ID, time_ns, data, (size_t)(p - data));
}

void go_writer_begin(struct go_writer *w, int64_t time_ns, uint64_t wall_ns) {
    static const char header[16] = "go 1.26 trace";
    w->generation = 1;
    w->first_ns = time_ns;
    put(w, header, sizeof header);
    put_sync(w, time_ns, wall_ns);
}

static struct go_writer_m *thread(struct go_writer *w, int64_t m) {
    uint32_t i = idmap_get(&w->m_map, (uint64_t)m);
    if (i) return &w->ms[i - 1];
    if (w->n_ms == w->cap_ms) {
        uint32_t cap = w->cap_ms ? w->cap_ms * 2 : 16;
        struct go_writer_m *more = reallocarray(w->ms, cap, sizeof *more);
        if (!more) return NULL;
        w->ms = more;
        w->cap_ms = cap;
    }
    uint8_t *bytes = malloc(BATCH_BYTES);
    if (!bytes || idmap_put(&w->m_map, (uint64_t)m, w->n_ms + 1) < 0) {
        free(bytes);
        return NULL;
    }
    w->ms[w->n_ms] = (struct go_writer_m){.m = m, .bytes = bytes};
    return &w->ms[w->n_ms++];
}

static void flush(struct go_writer *w, struct go_writer_m *t) {
    if (t->n) put_batch(w, t->m, t->base, t->bytes, t->n);
    t->n = 0;
}

void go_writer_event(struct go_writer *w, int64_t m, int64_t time_ns, unsigned type,
                     const uint64_t *args, uint32_t n) {
    struct go_writer_m *t = thread(w, m);
    if (!t) {
        w->no_memory = true;
        return;
    }
    if (t->n + EVENT_BYTES > BATCH_BYTES) flush(w, t);
    if (!t->n) t->base = t->last = time_ns;
    uint8_t *p = t->bytes + t->n;
    *p++ = (uint8_t)type;
    p = varint_put(p, (uint64_t)(time_ns - t->last));
    for (uint32_t i = 0; i < n; i++) p = varint_put(p, args[i]);
    t->last = time_ns;
    t->n = (uint32_t)(p - t->bytes);
    w->n_events++;
}

/* ---- tables ---- */

static void mark(struct go_writer *w, uint8_t **map, uint32_t id) {
    if (!*map) *map = calloc(1, UINT32_MAX / 8 / 64); /* 64 M ids; untouched pages cost nothing */
    if (!*map || id / 8 >= UINT32_MAX / 8 / 64)
        w->no_memory = true;
    else
        (*map)[id / 8] |= (uint8_t)(1u << id % 8);
}

static bool is_marked(const uint8_t *map, uint32_t id) {
    return map && id / 8 < UINT32_MAX / 8 / 64 && map[id / 8] >> id % 8 & 1;
}

uint64_t go_writer_string(struct go_writer *w, uint32_t id) {
    if (id) mark(w, &w->strings, id);
    return id;
}

uint64_t go_writer_stack(struct go_writer *w, uint32_t id) {
    if (!id) return 0;
    mark(w, &w->stacks, id);
    struct stack s = dict_stack(w->dict, id);
    for (uint32_t i = 0; i < s.n; i++) {
        go_writer_string(w, s.frames[i].func);
        go_writer_string(w, s.frames[i].file ? s.frames[i].file : s.frames[i].func);
    }
    return id;
}

struct table {
    struct go_writer *w;
    uint8_t code;
    struct buffer bytes;
};

/* Room for n more bytes in the table's batch. */
static void make_room(struct table *t, size_t n) {
    if (t->bytes.n && t->bytes.n + n > BATCH_BYTES) {
        put_batch(t->w, NO_ID, t->w->first_ns, t->bytes.data, t->bytes.n);
        t->bytes.n = 0;
    }
    if (!t->bytes.n) buffer_bytes(&t->bytes, &t->code, 1);
}

static void end_table(struct table *t) {
    if (t->bytes.n) put_batch(t->w, NO_ID, t->w->first_ns, t->bytes.data, t->bytes.n);
    if (t->bytes.bad) t->w->no_memory = true;
    buffer_free(&t->bytes);
}

static void put_stacks(struct go_writer *w) {
    static const uint8_t code = GOEV_STACK;
    struct table t = {.w = w, .code = GOEV_STACKS};
    for (uint32_t id = 1; id < dict_n_stacks(w->dict); id++) {
        if (!is_marked(w->stacks, id)) continue;
        struct stack s = dict_stack(w->dict, id);
        make_room(&t, 32 + (size_t)s.n * 40);
        buffer_bytes(&t.bytes, &code, 1);
        buffer_varint(&t.bytes, id);
        buffer_varint(&t.bytes, s.n);
        for (uint32_t i = 0; i < s.n; i++) {
            buffer_varint(&t.bytes, s.frames[i].pc);
            buffer_varint(&t.bytes, s.frames[i].func);
            buffer_varint(&t.bytes, s.frames[i].file ? s.frames[i].file : s.frames[i].func);
            buffer_varint(&t.bytes, s.frames[i].line ? s.frames[i].line : 1);
        }
    }
    end_table(&t);
}

static void put_strings(struct go_writer *w) {
    static const uint8_t code = GOEV_STRING;
    struct table t = {.w = w, .code = GOEV_STRINGS};
    for (uint32_t id = 1; id < dict_n_strings(w->dict); id++) {
        if (!is_marked(w->strings, id)) continue;
        struct text s = dict_string(w->dict, id);
        size_t n = s.n < STRING_BYTES ? s.n : STRING_BYTES;
        make_room(&t, 32 + n);
        buffer_bytes(&t.bytes, &code, 1);
        buffer_varint(&t.bytes, id);
        buffer_varint(&t.bytes, n);
        buffer_bytes(&t.bytes, s.data, n);
    }
    end_table(&t);
}

void go_writer_end(struct go_writer *w, int64_t end_ns, uint64_t wall_ns) {
    static const uint8_t end = GOEV_END_OF_GENERATION;
    for (uint32_t i = 0; i < w->n_ms; i++) flush(w, &w->ms[i]);
    put_stacks(w);
    put_strings(w);
    put(w, &end, 1);
    if (end_ns == INT64_MIN) return;
    w->generation++;
    put_sync(w, end_ns, wall_ns);
    put(w, &end, 1);
}

void go_writer_free(struct go_writer *w) {
    for (uint32_t i = 0; i < w->n_ms; i++) free(w->ms[i].bytes);
    free(w->ms);
    idmap_free(&w->m_map);
    free(w->strings);
    free(w->stacks);
}
