/* storage/src/go_batch.c - Go 1.22+ traces: bytes -> batches -> one generation at a time.
 *
 * Layout      EventBatch(1) gen m time size, size bytes
 *             ExperimentalBatch(49) experiment(1 byte) gen m time size, size bytes
 *             EndOfGeneration(52), alone, from 1.26 on
 * Invariants  1. A generation's bytes lie in one piece, headers included; batches point into it.
 *             2. Bytes read beyond its end are carried over to the next one, which therefore
 *                always begins at a batch header.
 *             3. Nothing is allocated for a length in the file before the bytes are there.
 * Resuming    Every generation's first batch is its clock (Frequency or Sync, of no thread).  After
 *             damage the next such batch is looked for, and believed when it parses and another
 *             batch header of the same generation, or the end, follows it.
 * Not here    what is in the batches (go_tables.c, go_cursor.c).
 * Source      go1.26 src/internal/trace/batch.go, generation.go */
#include "storage/src/go_ahead.h"
#include "storage/src/varint.h"

enum {
    READ_BYTES = 1 << 20,
    HEADER_BYTES = 2 + 4 * UVARINT_MAX_BYTES,
    SCAN_NEEDS = 2 * HEADER_BYTES + 128 /* a clock batch and the next header */
};
static const size_t MAX_GENERATION_BYTES = (size_t)4 << 30;

void go_source_init(struct go_source *s, struct input *in, int version, bool resume) {
    *s = (struct go_source){.in = in, .version = version, .resume = resume, .offset = 16};
}

void go_source_free(struct go_source *s) {
    free(s->carry);
    s->carry = NULL;
}

void go_gen_free(struct go_gen *g) {
    free(g->bytes);
    free(g->batches);
    *g = (struct go_gen){0};
}

static int reserve(struct go_gen *g, size_t more, struct fault *f) {
    size_t want = g->n + more + GO_ARENA_SLACK;
    if (want <= g->capacity) return 0;
    if (want > MAX_GENERATION_BYTES)
        return fault_set(f, PV_ELIMIT, (int64_t)g->offset,
                         "a generation of more than %zu MiB, which is not read",
                         MAX_GENERATION_BYTES >> 20);
    size_t capacity = g->capacity + g->capacity / 4 + (2 * READ_BYTES);
    if (capacity < want) capacity = want;
    uint8_t *bytes = realloc(g->bytes, capacity); /* large blocks are moved by the page table */
    if (!bytes) return fault_set(f, PV_ENOMEM, -1, "out of memory for a generation");
    g->bytes = bytes;
    g->capacity = capacity;
    return 0;
}

/* Makes n bytes available from at on, if the input has them. */
static int need(struct go_source *s, struct go_gen *g, size_t at, size_t n, struct fault *f) {
    while (g->n - at < n && !s->at_end) {
        if (s->ahead && !go_ahead_admit(s->ahead, g->n + READ_BYTES))
            return fault_set(f, PV_ECANCELED, -1, "reading was stopped");
        TRY(reserve(g, READ_BYTES, f));
        int64_t got = input_read(s->in, g->bytes + g->n, READ_BYTES, f);
        if (got < 0) {
            s->input_failed = true;
            s->at_end = true;
            return (int)got;
        }
        if (got == 0) s->at_end = true;
        g->n += (size_t)got;
    }
    return 0;
}

/* Begins g with the bytes that the one before left over. */
static int take_carry(struct go_source *s, struct go_gen *g, struct fault *f) {
    g->n = 0;
    g->offset = s->offset;
    TRY(reserve(g, s->n_carry, f));
    if (s->n_carry) memcpy(g->bytes, s->carry, s->n_carry);
    g->n = s->n_carry;
    s->n_carry = 0;
    return 0;
}

/* Ends g at byte at; the rest is kept for the next generation. */
static int leave_carry(struct go_source *s, struct go_gen *g, size_t at, struct fault *f) {
    size_t n = g->n - at;
    if (n > s->cap_carry) {
        uint8_t *carry = realloc(s->carry, n);
        if (!carry) return fault_set(f, PV_ENOMEM, -1, "out of memory");
        s->carry = carry;
        s->cap_carry = n;
    }
    if (n) memcpy(s->carry, g->bytes + at, n);
    s->n_carry = n;
    s->offset = g->offset + at;
    g->n = at;
    memset(g->bytes + g->n, 0, GO_ARENA_SLACK);
    return 0;
}

struct header {
    uint64_t gen, m, time, size;
    size_t data; /* where the data begin */
    uint8_t type, experiment;
};

enum { HEADER_OK = 1, HEADER_EOF = 0 };

/* A number of a header; the text of a fault is Go's. */
static int header_number(const struct go_gen *g, size_t *at, const char *what, uint64_t *out,
                         struct fault *f) {
    int n = uvarint_get(g->bytes + *at, g->n - *at, out);
    if (n > 0) {
        *at += (size_t)n;
        return 0;
    }
    const char *why = n == UVARINT_OVERFLOW ? "varint overflows a 64-bit integer"
                      : *at == g->n         ? "EOF"
                                            : "unexpected EOF";
    return fault_set(f, PV_ECORRUPT, (int64_t)(g->offset + *at), "error reading batch %s: %s", what,
                     why);
}

static int parse_header(const struct go_gen *g, size_t at, struct header *h, struct fault *f) {
    *h = (struct header){0};
    if (at == g->n) return HEADER_EOF;
    size_t start = at;
    h->type = g->bytes[at++];
    h->data = at;
    if (h->type == GOEV_END_OF_GENERATION) return HEADER_OK;
    if (h->type != GOEV_EVENT_BATCH && h->type != GOEV_EXPERIMENTAL_BATCH)
        return fault_set(f, PV_ECORRUPT, (int64_t)(g->offset + start),
                         "expected batch event, got event %u", h->type);
    if (h->type == GOEV_EXPERIMENTAL_BATCH) {
        if (at == g->n) return HEADER_EOF; /* Go takes this for the end of the file too */
        h->experiment = g->bytes[at++];
    }
    TRY(header_number(g, &at, "gen", &h->gen, f));
    TRY(header_number(g, &at, "M ID", &h->m, f));
    TRY(header_number(g, &at, "timestamp", &h->time, f));
    TRY(header_number(g, &at, "size", &h->size, f));
    if (h->size > GO_MAX_BATCH_BYTES)
        return fault_set(f, PV_ECORRUPT, (int64_t)(g->offset + start),
                         "invalid batch size %llu, maximum is %d", (unsigned long long)h->size,
                         GO_MAX_BATCH_BYTES);
    h->data = at;
    return HEADER_OK;
}

/* The header at byte at, with its data in memory.  HEADER_OK, HEADER_EOF or a fault. */
static int read_header(struct go_source *s, struct go_gen *g, size_t at, struct header *h,
                       struct fault *f) {
    TRY(need(s, g, at, HEADER_BYTES, f));
    int rc = parse_header(g, at, h, f);
    if (rc != HEADER_OK) return rc;
    TRY(need(s, g, h->data, h->size, f));
    if (g->n - h->data < h->size)
        return fault_set(f, PV_ECORRUPT, (int64_t)(g->offset + h->data),
                         "failed to read full batch: read %zu but wanted %llu", g->n - h->data,
                         (unsigned long long)h->size);
    return HEADER_OK;
}

static uint8_t classify(int version, const struct header *h, const uint8_t *data) {
    if (h->experiment) return GO_BATCH_EXPERIMENT;
    if (h->size == 0) return GO_BATCH_EVENTS;
    switch (data[0]) {
    case GOEV_STRINGS:
        return GO_BATCH_STRINGS;
    case GOEV_STACKS:
        return GO_BATCH_STACKS;
    case GOEV_CPU_SAMPLES:
        return GO_BATCH_SAMPLES;
    case GOEV_FREQUENCY:
        return version < 25 ? GO_BATCH_SYNC : GO_BATCH_EVENTS;
    case GOEV_SYNC:
        return version >= 25 ? GO_BATCH_SYNC : GO_BATCH_EVENTS;
    case GOEV_END_OF_GENERATION:
        return GO_BATCH_STRAY_END;
    default:
        return GO_BATCH_EVENTS;
    }
}

static int add_batch(struct go_gen *g, const struct header *h, uint8_t class, struct fault *f) {
    if (g->min_time == 0 || h->time < g->min_time) g->min_time = h->time;
    if (g->n_batches == g->cap_batches) {
        uint32_t cap = g->cap_batches ? g->cap_batches * 2 : 256;
        struct go_batch *batches =
            cap > g->cap_batches ? realloc(g->batches, cap * sizeof *batches) : NULL;
        if (!batches) return fault_set(f, PV_ENOMEM, -1, "out of memory for batches");
        g->batches = batches;
        g->cap_batches = cap;
    }
    g->batches[g->n_batches++] = (struct go_batch){.m = h->m,
                                                   .time = h->time,
                                                   .at = h->data,
                                                   .size = (uint32_t)h->size,
                                                   .class = class,
                                                   .experiment = h->experiment};
    g->n_event_batches += class == GO_BATCH_EVENTS;
    return 0;
}

/* What is the batch h to g?  1 belongs to it, 0 its end comes before h (rewind) or with h. */
enum verdict { BELONGS, ENDS_BEFORE, ENDS_WITH };

static int judge(const struct go_source *s, struct go_gen *g, const struct header *h, size_t at,
                 enum verdict *v, struct fault *f) {
    bool explicit_end = s->version >= 26;
    bool is_end = h->type == GOEV_END_OF_GENERATION ||
                  (h->size > 0 && !h->experiment && g->bytes[h->data] == GOEV_END_OF_GENERATION);
    int64_t offset = (int64_t)(g->offset + at);
    if (g->number == 0 && explicit_end) g->number = h->gen;
    if (explicit_end && is_end) {
        *v = ENDS_WITH;
        return 0;
    }
    if (h->gen == 0) return fault_set(f, PV_ECORRUPT, offset, "invalid generation number 0");
    if (g->number == 0) g->number = h->gen;
    *v = !explicit_end && h->gen == g->number + 1 ? ENDS_BEFORE : BELONGS;
    if (*v == ENDS_BEFORE || h->gen == g->number) return 0;
    return fault_set(f, PV_ECORRUPT, offset,
                     explicit_end ? "broken trace: missing end-of-generation event, or "
                                    "generations are interleaved (%llu after %llu)"
                                  : "generations out of order (%llu after %llu)",
                     (unsigned long long)h->gen, (unsigned long long)g->number);
}

/* One batch: 1 go on, 0 the generation is complete, < 0 a fault. */
static int next_batch(struct go_source *s, struct go_gen *g, size_t *at, struct fault *f) {
    struct header h;
    bool keeps = s->version < 26 && g->number != 0; /* what was read so far stands */
    g->end = keeps ? GO_END_LATER : GO_END_FAULT;
    int rc = read_header(s, g, *at, &h, f);
    if (rc < 0) return rc;
    if (rc == HEADER_EOF) {
        g->end = GO_END_FILE;
        if (s->version < 26 || g->n_event_batches == 0) return 0;
        g->end = GO_END_FAULT;
        return fault_set(f, PV_ECORRUPT, (int64_t)(g->offset + *at),
                         "incomplete generation found; trace likely truncated");
    }
    g->end = GO_END_FAULT;
    enum verdict v;
    TRY(judge(s, g, &h, *at, &v, f));
    g->end = GO_END_NEXT;
    if (v != ENDS_BEFORE) *at = h.data + h.size;
    if (v != BELONGS) return 0;
    TRY(add_batch(g, &h, classify(s->version, &h, g->bytes + h.data), f));
    return 1;
}

/* Is the clock batch whose header is h good enough to begin a generation with? */
static bool is_plausible_start(const struct go_source *s, const struct go_gen *g,
                               const struct header *h) {
    if (h->type != GOEV_EVENT_BATCH || h->gen == 0 || h->m != GO_NO_THREAD || h->size < 2 ||
        h->size > 128 || g->n - h->data < h->size)
        return false;
    if (classify(s->version, h, g->bytes + h->data) != GO_BATCH_SYNC) return false;
    struct header next;
    struct fault ignored;
    int rc = parse_header(g, h->data + h->size, &next, &ignored);
    if (rc == HEADER_EOF) return s->at_end;
    return rc == HEADER_OK && next.type != GOEV_END_OF_GENERATION && next.gen == h->gen;
}

/* After damage: moves on to the next plausible generation.  1 found, 0 none. */
static int find_start(struct go_source *s, struct go_gen *g, struct fault *f) {
    size_t at = 0;
    for (;;) {
        TRY(need(s, g, at, SCAN_NEEDS, f));
        if (at >= g->n) return 0;
        size_t stop = s->at_end ? g->n : g->n - SCAN_NEEDS + 1;
        for (; at < stop; at++) {
            const uint8_t *hit = memchr(g->bytes + at, GOEV_EVENT_BATCH, stop - at);
            if (!hit) {
                at = stop;
                break;
            }
            at = (size_t)(hit - g->bytes);
            struct header h;
            struct fault ignored;
            if (parse_header(g, at, &h, &ignored) == HEADER_OK && is_plausible_start(s, g, &h)) {
                memmove(g->bytes, g->bytes + at, g->n - at);
                g->n -= at;
                g->offset += at;
                return 1;
            }
        }
        memmove(g->bytes, g->bytes + at, g->n - at); /* keep the buffer small */
        g->n -= at;
        g->offset += at;
        at = 0;
    }
}

int go_source_next(struct go_source *s, struct go_gen *g, struct fault *f) {
    g->number = g->min_time = 0;
    g->n_batches = g->n_event_batches = 0;
    g->end = GO_END_FILE;
    g->fault.code = 0;
    TRY(take_carry(s, g, f));
    if (s->input_failed) return 0; /* the fault was reported with the generation before */
    if (s->lost) {
        s->lost = false;
        int found = find_start(s, g, f);
        if (found < 0 && !s->input_failed) return found;
        if (found <= 0) return 0;
    }
    size_t at = 0;
    struct fault fault = {0};
    int rc;
    while ((rc = next_batch(s, g, &at, &fault)) == 1)
        ;
    if (rc == PV_ENOMEM || rc == PV_ELIMIT || rc == PV_ECANCELED) return *f = fault, rc;
    if (rc < 0) {
        g->fault = fault;
        s->lost = true;
    }
    return leave_carry(s, g, at, f);
}
