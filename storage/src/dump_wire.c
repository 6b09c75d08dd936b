/* storage/src/dump_wire.c - what a trace file holds, in the order of its bytes, as text.
 *
 * Layout      as `go tool trace -d=wire` prints it: "Name arg=1 arg=2", in the order of the file,
 *             batch headers and tables included; data and stack frames on lines of their own after
 *             a tab.
 * Not here    order, states, times in ns: dump.c.  Nothing is checked but the form of the bytes.
 * Source      go1.26 src/internal/trace/raw/doc.go (the text format); go_events.def (the arguments)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "storage/quote.h"
#include "storage/src/digits.h"
#include "storage/src/dump_impl.h"
#include "storage/src/go_events.h"
#include "storage/src/reader_impl.h"
#include "storage/src/varint.h"

enum { HEADER_BYTES = 16, SOURCE_CAP = 1 << 18, DATA_MAX = 1 << 20 };

int64_t dump__offset(const struct dump_wire *w) {
    return w->source.base + (int64_t)w->source.at;
}

int dump__fill(struct dump_wire *w, size_t n) {
    struct dump_source *s = &w->source;
    if (s->n - s->at >= n || s->ended) return 0;
    memmove(s->bytes, s->bytes + s->at, s->n - s->at);
    s->base += (int64_t)s->at;
    s->n -= s->at;
    s->at = 0;
    while (s->n < n && !s->ended) {
        int64_t got = input_read(s->in, s->bytes + s->n, SOURCE_CAP - s->n, w->fault);
        if (got < 0) return (int)got;
        s->ended = got == 0;
        s->n += (size_t)got;
    }
    return 0;
}

int dump__cut_short(struct dump_wire *w) {
    return fault_set(w->fault, PV_ECORRUPT, w->source.base + (int64_t)w->source.n,
                     "unexpected end of the trace inside an event");
}

int dump__number(struct dump_wire *w, uint64_t *out) {
    struct dump_source *s = &w->source;
    TRY(dump__fill(w, UVARINT_MAX_BYTES));
    int used = uvarint_get(s->bytes + s->at, s->n - s->at, out);
    if (used == UVARINT_SHORT) return dump__cut_short(w);
    if (used == UVARINT_OVERFLOW)
        return fault_set(w->fault, PV_ECORRUPT, dump__offset(w), "a number of more than 64 bits");
    s->at += (size_t)used;
    return 0;
}

const char *dump__argument(struct dump_text *t, char before, const char *names, uint64_t value) {
    size_t n = strcspn(names, " ,");
    *t->p++ = before;
    memcpy(t->p, names, n);
    t->p += n;
    *t->p++ = '=';
    t->p = put_u64(t->p, value);
    return names + n + (names[n] == ' ');
}

int dump__data(struct dump_wire *w, uint64_t max) {
    struct dump_source *s = &w->source;
    uint64_t n;
    int64_t start = dump__offset(w);
    TRY(dump__number(w, &n));
    if (n > max)
        return fault_set(w->fault, PV_ECORRUPT, start, "%llu bytes of data; at most %llu can be",
                         (unsigned long long)n, (unsigned long long)max);
    char *copy = malloc(n ? n : 1);
    if (!copy) return fault_set(w->fault, PV_ENOMEM, -1, "out of memory");
    int rc = 0;
    for (size_t done = 0; done < n && rc == 0;) {
        rc = dump__fill(w, 1);
        size_t piece = s->n - s->at < n - done ? s->n - s->at : n - done;
        if (rc == 0 && piece == 0) rc = dump__cut_short(w);
        memcpy(copy + done, s->bytes + s->at, piece);
        s->at += piece;
        done += piece;
    }
    if (rc == 0 && dump__room(&w->text, QUOTE_MAX(n) + DUMP_LINE_ROOM)) {
        memcpy(w->text.p, "\n\tdata=", 7);
        w->text.p = quote_go(w->text.p + 7, (struct text){copy, n});
    }
    free(copy);
    return rc;
}

int dump__frames(struct dump_wire *w, uint64_t n) {
    for (uint64_t i = 0; i < n && dump__room(&w->text, DUMP_LINE_ROOM); i++) {
        *w->text.p++ = '\n';
        const char *names = "pc func file line";
        for (int a = 0; a < 4; a++) {
            uint64_t v;
            TRY(dump__number(w, &v));
            names = dump__argument(&w->text, a ? ' ' : '\t', names, v);
        }
    }
    return 0;
}

/* ---- Go 1.22 and later ---------------------------------------------------------------------- */

static int arguments(struct dump_wire *w, const struct go_event_spec *spec, unsigned code) {
    const char *names = spec->args;
    uint64_t v = 0;
    if (spec->timed) {
        TRY(dump__number(w, &v));
        dump__argument(&w->text, ' ', "dt", v);
    }
    unsigned n =
        spec->n_args - (code == GOEV_EXPERIMENTAL_BATCH); /* its size is that of its data */
    uint64_t last = 0;
    for (unsigned i = 0; i < n; i++) {
        TRY(dump__number(w, &last));
        names = dump__argument(&w->text, ' ', names, last);
    }
    if (code == GOEV_STACK) return dump__frames(w, last);
    if (code == GOEV_STRING || code == GOEV_EXPERIMENTAL_BATCH) return dump__data(w, DATA_MAX);
    return 0;
}

/* 1 an event, 0 the end. */
static int event(struct dump_wire *w) {
    struct dump_source *s = &w->source;
    TRY(dump__fill(w, 1));
    if (s->at == s->n) return 0;
    unsigned code = s->bytes[s->at];
    const struct go_event_spec *spec = code < GOEV_LIMIT ? &go_event_specs[code] : NULL;
    if (!spec || !spec->name)
        return fault_set(w->fault, PV_ECORRUPT, dump__offset(w), "invalid event type: %u", code);
    s->at++;
    if (!dump__room(&w->text, DUMP_LINE_ROOM)) return 0;
    size_t n = strlen(spec->name);
    memcpy(w->text.p, spec->name, n);
    w->text.p += n;
    int rc = arguments(w, spec, code);
    *w->text.p++ = '\n';
    w->n_events += rc == 0;
    return rc < 0 ? rc : !w->text.failed;
}

int dump__wire(struct input *in, FILE *out, struct dump_result *result, struct fault *f) {
    struct dump_wire w = {.source.in = in, .fault = f};
    w.source.bytes = malloc(SOURCE_CAP);
    if (!w.source.bytes || !dump__open(&w.text, out)) {
        free(w.source.bytes);
        return fault_set(f, PV_ENOMEM, -1, "out of memory");
    }
    int version = 0;
    int rc = reader_header(in, &version, f);
    if (rc == 0 && version == FORMAT_RING)
        rc = fault_set(f, PV_EVERSION, 0,
                       "the raw form of ring files is in tracer/FORMAT.md; it has no text form");
    if (rc == 0 && version < 11)
        rc = fault_set(f, PV_EVERSION, 0, "unknown or unsupported trace version go 1.%d", version);
    result->opened = rc == 0;
    w.source.base = HEADER_BYTES;
    if (rc == 0) rc = 1;
    while (rc == 1) rc = version < 22 ? dump__event_v1(&w) : event(&w);
    result->events = w.n_events;
    free(w.source.bytes);
    return dump__close(&w.text, rc, result, f);
}
