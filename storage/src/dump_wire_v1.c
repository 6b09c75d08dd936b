/* storage/src/dump_wire_v1.c - the events of a Go 1.11 to 1.21 trace file, before ordering, as
 * text.
 *
 * Layout      byte: type in the low 6 bits, count in the top 2.  Count 0, 1, 2: that many + 1
 *             numbers follow; 3: the byte length of the numbers, then the numbers.  As text in the
 *             form of dump_wire.c: the events of a P follow its Batch line.
 * Source      go1.26 src/internal/trace/internal/tracev1/parser.go; go_v1_events.def */
#include <string.h>

#include "storage/src/dump_impl.h"
#include "storage/src/go_v1_impl.h"

enum { STRING_MAX = 1000000 /* as in the reader */ };

static const char *const argument_names[64] = {
#define X(code, ident, name, since, n_args, stack, args, order) [code] = (args),
#include "storage/src/go_v1_events.def"
#undef X
};

static int stack(struct dump_wire *w) {
    uint64_t id, n;
    TRY(dump__number(w, &id));
    TRY(dump__number(w, &n));
    dump__argument(&w->text, ' ', "id", id);
    dump__argument(&w->text, ' ', "n", n);
    return dump__frames(w, n);
}

/* Numbers up to the end of the event: `n` of them, or until the file offset `end`. */
static int numbers(struct dump_wire *w, const char *names, unsigned n, int64_t end) {
    for (unsigned i = 0; end ? dump__offset(w) < end : i < n; i++) {
        uint64_t v;
        if (!dump__room(&w->text, DUMP_LINE_ROOM)) return 0;
        TRY(dump__number(w, &v));
        const char *known = *names && *names != ',' ? names : "more";
        const char *left = dump__argument(&w->text, ' ', known, v);
        if (known == names) names = left;
    }
    return 0;
}

static int event_body(struct dump_wire *w, unsigned type, unsigned count) {
    int64_t end = 0;
    uint64_t bytes;
    if (type == V1_STRING) {
        TRY(dump__number(w, &bytes));
        dump__argument(&w->text, ' ', "id", bytes);
        return dump__data(w, STRING_MAX);
    }
    if (count == 3) {
        TRY(dump__number(w, &bytes));
        end = dump__offset(w) + (int64_t)(bytes & INT32_MAX);
    }
    if (type == V1_STACK) return stack(w);
    TRY(numbers(w, argument_names[type], count + 1, end));
    return type == V1_LOG ? dump__data(w, STRING_MAX) : 0;
}

int dump__event_v1(struct dump_wire *w) {
    struct dump_source *s = &w->source;
    TRY(dump__fill(w, 1));
    if (s->at == s->n) return 0;
    unsigned type = s->bytes[s->at] & 63, count = s->bytes[s->at] >> 6;
    if (!argument_names[type])
        return fault_set(w->fault, PV_ECORRUPT, dump__offset(w), "unknown event type %u", type);
    s->at++;
    if (!dump__room(&w->text, DUMP_LINE_ROOM)) return 0;
    size_t n = strlen(v1_specs[type].name);
    memcpy(w->text.p, v1_specs[type].name, n);
    w->text.p += n;
    int rc = event_body(w, type, count);
    *w->text.p++ = '\n';
    w->n_events += rc == 0;
    return rc < 0 ? rc : !w->text.failed;
}
