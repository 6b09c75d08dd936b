/* storage/src/sums.c - waits of a chunk, summed by class while it is sealed, and read back. */
#include "storage/src/sums.h"

#include <string.h>

#include "storage/src/column.h"

enum { SUMS_MAX_BYTES = 16 << 20, KEEP_CLASSES = 1024, SOME_ROWS = 256 };

struct class_sum {
    struct sum sum;
    uint16_t low, high; /* buckets in use */
    uint32_t buckets[WAIT_FINE_BUCKETS];
};

struct sums_writer {
    struct column_codec *codec;
    struct class_sum **by_class; /* allocated once, used by many chunks */
    uint32_t n_by_class;
    uint32_t *used; /* classes of this chunk */
    uint32_t n_used, cap_used;
    struct buffer raw;
};

struct sums_writer *sums_writer_new(void) {
    struct sums_writer *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->codec = column_codec_new();
    if (w->codec) return w;
    free(w);
    return NULL;
}

void sums_writer_free(struct sums_writer *w) {
    if (!w) return;
    column_codec_free(w->codec);
    for (uint32_t i = 0; i < w->n_by_class; i++) free(w->by_class[i]);
    free(w->by_class);
    free(w->used);
    buffer_free(&w->raw);
    free(w);
}

static bool use_class(struct sums_writer *w, uint32_t class_id) {
    if (class_id >= w->n_by_class) {
        uint32_t n = class_id + class_id / 2 + 64;
        struct class_sum **by_class = realloc(w->by_class, n * sizeof(void *));
        if (!by_class) return false;
        memset(by_class + w->n_by_class, 0, (n - w->n_by_class) * sizeof(void *));
        w->by_class = by_class;
        w->n_by_class = n;
    }
    if (!w->by_class[class_id]) w->by_class[class_id] = calloc(1, sizeof(struct class_sum));
    struct class_sum *c = w->by_class[class_id];
    if (!c) return false;
    if (c->sum.count) return true;
    if (w->n_used == w->cap_used) {
        uint32_t cap = w->cap_used ? w->cap_used * 2 : 64;
        uint32_t *used = realloc(w->used, cap * sizeof *used);
        if (!used) return false;
        w->used = used;
        w->cap_used = cap;
    }
    w->used[w->n_used++] = class_id;
    c->sum = (struct sum){.class_id = class_id};
    c->low = UINT16_MAX;
    c->high = 0;
    return true;
}

static void add(struct class_sum *c, int64_t dur) {
    uint32_t b = wait_bucket(dur);
    c->sum.count++;
    c->sum.total_ns += dur;
    if (dur > c->sum.max_ns) c->sum.max_ns = dur;
    c->buckets[b]++;
    if (b < c->low) c->low = (uint16_t)b;
    if (b > c->high) c->high = (uint16_t)b;
}

/* Those that wait are found without a branch, as nobody foresees which. */
static bool add_some(struct sums_writer *w, const struct seq_row *rows, uint32_t n) {
    uint8_t waiting[SOME_ROWS];
    uint32_t n_waiting = 0;
    for (uint32_t i = 0; i < n; i++) {
        waiting[n_waiting] = (uint8_t)i;
        n_waiting += (rows[i].note & NOTE_WAITING) != 0;
    }
    for (uint32_t i = 0; i < n_waiting; i++) {
        const struct seq_row *row = &rows[waiting[i]];
        if (!use_class(w, row->v[0])) return false;
        add(w->by_class[row->v[0]], waited_ns(row->note & NOTE_FOREVER, row->dur_ns));
    }
    return true;
}

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void put_class(struct sums_writer *w, struct class_sum *c, uint32_t previous) {
    struct buffer *out = &w->raw;
    buffer_varint(out, c->sum.class_id - previous);
    buffer_varint(out, (uint64_t)c->sum.count);
    buffer_varint(out, (uint64_t)c->sum.total_ns);
    buffer_varint(out, (uint64_t)c->sum.max_ns);
    uint32_t n = 0, before = 0;
    for (uint32_t b = c->low; b <= c->high; b++) n += c->buckets[b] != 0;
    buffer_varint(out, n);
    for (uint32_t b = c->low; b <= c->high; b++) {
        if (!c->buckets[b]) continue;
        buffer_varint(out, b - before);
        buffer_varint(out, c->buckets[b]);
        before = b;
        c->buckets[b] = 0;
    }
    c->sum.count = 0;
}

int sums_write(struct sums_writer *w, const struct seq_chunk_view *view, struct buffer *out,
               struct fault *f) {
    w->n_used = 0;
    for (uint32_t i = 0; i < view->n; i += SOME_ROWS)
        if (!add_some(w, view->rows + i, view->n - i < SOME_ROWS ? view->n - i : SOME_ROWS))
            return fault_set(f, PV_ENOMEM, -1, "out of memory while summing waits");
    if (w->n_used) qsort(w->used, w->n_used, sizeof *w->used, by_number);
    w->raw.n = 0;
    buffer_varint(&w->raw, w->n_used);
    uint32_t previous = 0;
    for (uint32_t i = 0; i < w->n_used; i++) {
        put_class(w, w->by_class[w->used[i]], previous);
        previous = w->used[i];
    }
    for (uint32_t i = KEEP_CLASSES; i < w->n_used; i++) { /* 8 KB each: do not keep many */
        free(w->by_class[w->used[i]]);
        w->by_class[w->used[i]] = NULL;
    }
    bytes_put(w->codec, out, &w->raw);
    return out->bad ? fault_set(f, PV_ENOMEM, -1, "out of memory while summing waits") : 0;
}

int sums_read(struct column_codec *codec, struct buffer *scratch, const uint8_t *data, size_t n,
              sums_visit_fn visit, void *arg, struct fault *f) {
    struct cursor packed = {data, data + n, false};
    scratch->n = 0;
    int rc = bytes_get(codec, &packed, scratch, SUMS_MAX_BYTES);
    if (rc < 0) return fault_set(f, rc, -1, "the sums of a chunk in the store are damaged");
    struct cursor in = {scratch->data, scratch->data + scratch->n, false};
    struct sum_bucket buckets[WAIT_FINE_BUCKETS];
    uint64_t n_classes = cursor_varint(&in), class_id = 0;
    for (uint64_t i = 0; i < n_classes && !in.bad; i++) {
        class_id += cursor_varint(&in);
        struct sum s = {.class_id = (uint32_t)class_id};
        s.count = (int64_t)cursor_varint(&in);
        s.total_ns = (int64_t)cursor_varint(&in);
        s.max_ns = (int64_t)cursor_varint(&in);
        uint64_t n_buckets = cursor_varint(&in), bucket = 0;
        if (n_buckets > WAIT_FINE_BUCKETS) in.bad = true;
        for (uint64_t b = 0; b < n_buckets && !in.bad; b++) {
            bucket += cursor_varint(&in);
            if (bucket >= WAIT_FINE_BUCKETS)
                in.bad = true;
            else
                buckets[b] = (struct sum_bucket){(uint32_t)bucket, (uint32_t)cursor_varint(&in)};
        }
        if (!in.bad && visit(arg, &s, buckets, (uint32_t)n_buckets)) return 0;
    }
    return in.bad ? fault_set(f, PV_ECORRUPT, -1, "the sums of a chunk in the store are damaged")
                  : 0;
}
