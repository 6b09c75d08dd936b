/* storage/src/go_batch.c - Go 1.22+ traces: bytes -> batches -> one generation at a time.
 *
 * Layout      EventBatch(1) gen m time size, size bytes
 *             ExperimentalBatch(49) experiment(1 byte) gen m time size, size bytes
 *             EndOfGeneration(52), alone, from 1.26 on
 * Invariants  1. Only headers are read here, through a view of the trace that moves with them.
 *             2. A batch that is listed is there as a whole.
 *             3. Nothing is allocated for a length in the file.
 * Resuming    Every generation's first batch is its clock (Frequency or Sync, of no thread).  After
 *             damage the next such batch is looked for, and believed when it parses and another
 *             batch header of the same generation, or the end, follows it.
 * Not here    what is in the batches (go_tables.c, go_cursor.c).
 * Source      go1.26 src/internal/trace/batch.go, generation.go */
#include <stdlib.h>
#include <string.h>

#include "storage/src/go_v2_impl.h"
#include "storage/src/varint.h"

enum {
    HEADER_BYTES = 2 + 4 * UVARINT_MAX_BYTES + 1, /* and the first byte of the data */
    CLOCK_BYTES = 128,
    SCAN_NEEDS = 2 * HEADER_BYTES + CLOCK_BYTES /* a clock batch and the next header */
};
static const uint64_t MAX_GENERATION_BYTES = (uint64_t)4 << 30;

int go_source_open(struct go_source *s, struct input *in, int version, bool resume,
                   struct fault *f) {
    *s = (struct go_source){.version = version, .resume = resume, .offset = 16};
    return go_bytes_open(&s->bytes, in, s->offset, f);
}

void go_source_close(struct go_source *s) {
    go_bytes_close(&s->bytes);
}

void go_gen_free(struct go_gen *g) {
    free(g->batches);
    *g = (struct go_gen){0};
}

/* Makes n bytes available from byte `at` on, if the input has them. */
static int need(struct go_source *s, uint64_t at, size_t n, struct fault *f) {
    int rc = go_bytes_need(&s->bytes, at, n, f);
    if (rc < 0) s->input_failed = true;
    return rc;
}

/* What of the trace is seen from byte `at` on. */
struct piece {
    const uint8_t *p, *end;
    uint64_t at;
};

/* want bytes, or all that there are up to the end of the trace; often some more. */
static int look(struct go_source *s, uint64_t at, size_t want, struct piece *out, struct fault *f) {
    uint64_t skip = at - s->view_at; /* very much where the view begins later */
    if (skip > s->n_view || s->n_view - skip < want) {
        TRY(need(s, at, want, f));
        uint64_t there = s->bytes.n > at ? s->bytes.n - at : 0;
        s->view_at = at;
        s->n_view = there < GO_VIEW_BYTES ? (size_t)there : GO_VIEW_BYTES;
        int rc = go_bytes_get(&s->bytes, at, s->view, s->n_view, f);
        if (rc < 0) return s->input_failed = true, s->n_view = 0, rc;
        skip = 0;
    }
    *out = (struct piece){.p = s->view + skip, .end = s->view + s->n_view, .at = at};
    return 0;
}

struct header {
    uint64_t gen, m, time, size;
    uint64_t data; /* where the data begin */
    uint8_t type, experiment;
    uint8_t first; /* byte of the data; meaningless without data */
};

enum { HEADER_OK = 1, HEADER_EOF = 0 };

/* A number of a header; the text of a fault is Go's. */
static int header_number(struct piece *in, const char *what, uint64_t *out, struct fault *f) {
    int n = uvarint_get(in->p, (size_t)(in->end - in->p), out);
    if (n > 0) {
        in->p += n;
        in->at += (uint64_t)n;
        return 0;
    }
    const char *why = n == UVARINT_OVERFLOW ? "varint overflows a 64-bit integer"
                      : in->p == in->end    ? "EOF"
                                            : "unexpected EOF";
    return fault_set(f, PV_ECORRUPT, (int64_t)in->at, "error reading batch %s: %s", what, why);
}

/* in: at least HEADER_BYTES, or up to the end of the trace; left at the data. */
static int parse_header(struct piece *in, struct header *h, struct fault *f) {
    *h = (struct header){0};
    if (in->p == in->end) return HEADER_EOF;
    uint64_t start = in->at++;
    h->type = *in->p++;
    h->data = in->at;
    if (h->type == GOEV_END_OF_GENERATION) return HEADER_OK;
    if (h->type != GOEV_EVENT_BATCH && h->type != GOEV_EXPERIMENTAL_BATCH)
        return fault_set(f, PV_ECORRUPT, (int64_t)start, "expected batch event, got event %u",
                         h->type);
    if (h->type == GOEV_EXPERIMENTAL_BATCH) {
        if (in->p == in->end) return HEADER_EOF; /* Go takes this for the end of the file too */
        h->experiment = *in->p++;
        in->at++;
    }
    TRY(header_number(in, "gen", &h->gen, f));
    TRY(header_number(in, "M ID", &h->m, f));
    TRY(header_number(in, "timestamp", &h->time, f));
    TRY(header_number(in, "size", &h->size, f));
    if (h->size > GO_MAX_BATCH_BYTES)
        return fault_set(f, PV_ECORRUPT, (int64_t)start, "invalid batch size %llu, maximum is %d",
                         (unsigned long long)h->size, GO_MAX_BATCH_BYTES);
    h->data = in->at;
    if (in->p < in->end) h->first = *in->p;
    return HEADER_OK;
}

/* The header at byte `at`, with its data available.  HEADER_OK, HEADER_EOF or a fault. */
static int read_header(struct go_source *s, uint64_t at, struct header *h, struct fault *f) {
    struct piece in;
    TRY(look(s, at, HEADER_BYTES, &in, f));
    int rc = parse_header(&in, h, f);
    if (rc != HEADER_OK) return rc;
    TRY(need(s, h->data, h->size, f));
    uint64_t there = s->bytes.n - h->data;
    if (there >= h->size) return HEADER_OK;
    return fault_set(f, PV_ECORRUPT, (int64_t)h->data,
                     "failed to read full batch: read %llu but wanted %llu",
                     (unsigned long long)there, (unsigned long long)h->size);
}

static uint8_t classify(int version, const struct header *h) {
    if (h->experiment) return GO_BATCH_EXPERIMENT;
    if (h->size == 0) return GO_BATCH_EVENTS;
    switch (h->first) {
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

static int judge(const struct go_source *s, struct go_gen *g, const struct header *h, uint64_t at,
                 enum verdict *v, struct fault *f) {
    bool explicit_end = s->version >= 26;
    bool is_end = h->type == GOEV_END_OF_GENERATION ||
                  (h->size > 0 && !h->experiment && h->first == GOEV_END_OF_GENERATION);
    int64_t offset = (int64_t)at;
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
static int next_batch(struct go_source *s, struct go_gen *g, struct fault *f) {
    struct header h;
    uint64_t at = g->end_offset;
    bool keeps = s->version < 26 && g->number != 0; /* what was read so far stands */
    g->end = keeps ? GO_END_LATER : GO_END_FAULT;
    int rc = read_header(s, at, &h, f);
    if (rc < 0) return rc;
    if (rc == HEADER_EOF) {
        g->end = GO_END_FILE;
        if (s->version < 26 || g->n_event_batches == 0) return 0;
        g->end = GO_END_FAULT;
        return fault_set(f, PV_ECORRUPT, (int64_t)at,
                         "incomplete generation found; trace likely truncated");
    }
    g->end = GO_END_FAULT;
    enum verdict v;
    TRY(judge(s, g, &h, at, &v, f));
    g->end = GO_END_NEXT;
    if (v != ENDS_BEFORE) g->end_offset = h.data + h.size;
    if (v != BELONGS) return 0;
    if (g->end_offset - g->offset > MAX_GENERATION_BYTES)
        return fault_set(f, PV_ELIMIT, (int64_t)g->offset,
                         "a generation of more than %llu MiB, which is not read",
                         (unsigned long long)MAX_GENERATION_BYTES >> 20);
    TRY(add_batch(g, &h, classify(s->version, &h), f));
    return 1;
}

/* Does a clock batch begin here that is good enough to begin a generation with? */
static bool is_plausible_start(const struct go_source *s, struct piece in) {
    struct header h, next;
    struct fault ignored;
    if (parse_header(&in, &h, &ignored) != HEADER_OK || h.type != GOEV_EVENT_BATCH || h.gen == 0 ||
        h.m != GO_NO_THREAD || h.size < 2 || h.size > CLOCK_BYTES ||
        (uint64_t)(in.end - in.p) < h.size || classify(s->version, &h) != GO_BATCH_SYNC)
        return false;
    in.p += h.size;
    in.at += h.size;
    int rc = parse_header(&in, &next, &ignored);
    if (rc == HEADER_EOF) return s->bytes.at_end;
    return rc == HEADER_OK && next.type != GOEV_END_OF_GENERATION && next.gen == h.gen;
}

/* After damage: moves on to the next plausible generation.  1 found, 0 none. */
static int find_start(struct go_source *s, struct fault *f) {
    for (;;) {
        struct piece in;
        TRY(look(s, s->offset, SCAN_NEEDS, &in, f));
        if (in.p == in.end) return 0;
        const uint8_t *hit = memchr(in.p, GOEV_EVENT_BATCH, (size_t)(in.end - in.p));
        if (!hit) hit = in.end;
        s->offset += (uint64_t)(hit - in.p);
        if (hit == in.end) continue;
        TRY(look(s, s->offset, SCAN_NEEDS, &in, f));
        if (is_plausible_start(s, in)) return 1;
        s->offset++;
    }
}

int go_source_next(struct go_source *s, struct go_gen *g, struct fault *f) {
    g->number = g->min_time = 0;
    g->n_batches = g->n_event_batches = 0;
    g->offset = g->end_offset = s->offset;
    g->end = GO_END_FILE;
    g->fault.code = 0;
    if (s->input_failed) return 0; /* the fault was reported with the generation before */
    if (s->lost) {
        s->lost = false;
        int found = find_start(s, f);
        g->offset = g->end_offset = s->offset;
        if (found < 0 && !s->input_failed) return found;
        if (found <= 0) return 0;
    }
    struct fault fault = {0};
    int rc;
    while ((rc = next_batch(s, g, &fault)) == 1)
        ;
    s->offset = g->end_offset;
    if (rc == PV_ENOMEM || rc == PV_ELIMIT || rc == PV_ECANCELED) return *f = fault, rc;
    if (rc < 0) {
        g->fault = fault;
        s->lost = true;
    }
    return 0;
}
