/* storage/src/dump.c - a trace as text, one line per event in final order, for grep.
 *
 * Layout      "TIME M=m P=p G=g Kind ..."; TIME since the first event; what follows the kind is
 *             written down in tests/conformance/README.md.
 * Invariants  1. no printf, hashing or quoting per event: stack hashes and quoted strings are made
 *             once per id.  2. every line is made in the buffer, after room() for all of it.
 * Not here    events before ordering (dump_wire.c).
 * Source      go1.26 src/internal/trace/event.go and resources.go for the words */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "storage/quote.h"
#include "storage/src/digits.h"
#include "storage/src/dump_impl.h"
#include "storage/src/facts_impl.h"
#include "storage/src/go_events.h"

enum { FIXED_ROOM = 4096 /* of a line without its strings */ };

struct stack_text { /* " stack=" follows from the use; zero = not made yet */
    char hex[16];
    uint8_t made, empty;
};

struct lines {
    struct dump_text text;
    const struct dict *dict;
    int64_t first, events;
    struct stack_text *stacks; /* by stack id */
    uint32_t n_stacks;
    struct text *quoted; /* by string id; data NULL = not made yet */
    uint32_t n_quoted;
    bool no_memory;
};

/* ---- the buffer ----------------------------------------------------------------------------- */

bool dump__flush(struct dump_text *t) {
    size_t n = (size_t)(t->p - t->begin);
    if (n && !t->failed && fwrite(t->begin, 1, n, t->out) != n) {
        t->failed = true;
        t->error = errno;
    }
    t->p = t->begin;
    return !t->failed;
}

bool dump__room(struct dump_text *t, size_t n) {
    if ((size_t)(t->end - t->p) >= n) return true;
    if (!dump__flush(t)) return false;
    size_t cap = (size_t)(t->end - t->begin);
    if (cap >= n) return true;
    char *bigger = realloc(t->begin, n);
    if (!bigger) {
        t->failed = true;
        t->error = ENOMEM;
        return false;
    }
    t->begin = t->p = bigger;
    t->end = bigger + n;
    return true;
}

bool dump__open(struct dump_text *t, FILE *out) {
    enum { CAP = 1 << 20 };
    t->out = out;
    t->begin = t->p = malloc(CAP);
    t->end = t->begin ? t->begin + CAP : NULL;
    return t->begin != NULL;
}

int dump__close(struct dump_text *t, int rc, struct dump_result *result, struct fault *f) {
    dump__flush(t);
    if (!t->failed && fflush(t->out) != 0) {
        t->failed = true;
        t->error = errno;
    }
    free(t->begin);
    if (!t->failed) return rc;
    if (t->error == ENOMEM) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    result->write_failed = true;
    return fault_set(f, PV_EIO, -1, "cannot write: %s", strerror(t->error));
}

/* ---- parts of a line ------------------------------------------------------------------------ */

/* Appends a string literal. */
#define PUT(t, literal)                                                                            \
    do {                                                                                           \
        memcpy((t)->p, "" literal, sizeof(literal) - 1);                                           \
        (t)->p += sizeof(literal) - 1;                                                             \
    } while (0)

static void put(struct dump_text *t, const char *text) {
    size_t n = strlen(text);
    memcpy(t->p, text, n);
    t->p += n;
}

static void put_i(struct dump_text *t, int64_t v) {
    t->p = put_i64(t->p, v);
}

static void put_u(struct dump_text *t, uint64_t v) {
    t->p = put_u64(t->p, v);
}

/* What is known of an id: grows *known to the dictionary's size, new ones all zero. */
static void *by_id(struct lines *l, void *known, uint32_t *n_known, uint32_t id, uint32_t n_dict,
                   size_t size) {
    char *at;
    memcpy(&at, known, sizeof at); /* a pointer to a pointer of any type */
    if (id >= *n_known) {
        uint32_t n = (id >= n_dict ? id + 1 : n_dict) + 1024;
        at = reallocarray(at, n, size);
        if (!at) {
            l->no_memory = true;
            return NULL;
        }
        memset(at + *n_known * size, 0, (n - *n_known) * size);
        memcpy(known, &at, sizeof at);
        *n_known = n;
    }
    return at + (size_t)id * size;
}

static struct text quoted(struct lines *l, uint32_t string) {
    struct text *q =
        by_id(l, &l->quoted, &l->n_quoted, string, dict_n_strings(l->dict), sizeof *l->quoted);
    if (q && !q->data) {
        struct text raw = dict_string(l->dict, string);
        char *made = malloc(QUOTE_MAX(raw.n));
        if (!made) {
            l->no_memory = true;
        } else {
            q->n = (size_t)(quote_go(made, raw) - made);
            q->data = made;
        }
    }
    return q && q->data ? *q : (struct text){"", 0};
}

/* Makes room for the string and FIXED_ROOM more. */
static void put_quoted(struct lines *l, uint32_t string) {
    struct text q = quoted(l, string);
    if (!dump__room(&l->text, q.n + FIXED_ROOM)) return;
    memcpy(l->text.p, q.data, q.n);
    l->text.p += q.n;
}

static void put_stack(struct lines *l, const char *label, uint32_t stack) {
    if (!stack) return;
    struct stack_text *s =
        by_id(l, &l->stacks, &l->n_stacks, stack, dict_n_stacks(l->dict), sizeof *l->stacks);
    if (!s) return;
    if (!s->made) {
        static const char digits[] = "0123456789abcdef";
        struct stack frames = dict_stack(l->dict, stack);
        uint64_t hash = facts__stack_hash(l->dict, frames);
        for (int i = 0; i < 16; i++) s->hex[i] = digits[hash >> (60 - 4 * i) & 15];
        s->empty = frames.n == 0;
        s->made = 1;
    }
    if (s->empty) return;
    put(&l->text, label);
    memcpy(l->text.p, s->hex, sizeof s->hex);
    l->text.p += sizeof s->hex;
}

static void put_scope(struct dump_text *t, unsigned scope, uint64_t id) {
    static const char *const kinds[] = {"None", "Goroutine(", "Proc(", "Thread("};
    put(t, kinds[scope & 3]);
    if (scope == SCOPE_NONE) return;
    put_i(t, (int64_t)id);
    *t->p++ = ')';
}

/* ---- events --------------------------------------------------------------------------------- */

static void sync_event(struct lines *l, const struct ev *e, const uint64_t *args) {
    struct dump_text *t = &l->text;
    PUT(t, " n=");
    put_u(t, e->n_args ? args[0] : 0);
    if (e->n_args < 5 || !args[1]) return;
    PUT(t, " snap=");
    put_i(t, facts__since((int64_t)args[2], l->first));
    PUT(t, " mono=");
    put_u(t, args[3]);
    PUT(t, " wall=");
    put_i(t, (int64_t)args[4]);
}

static void metric_event(struct lines *l, const struct ev *e) {
    struct text name = dict_string(l->dict, e->str);
    if (!dump__room(&l->text, name.n + FIXED_ROOM)) return;
    *l->text.p++ = ' ';
    memcpy(l->text.p, name.data, name.n);
    l->text.p += name.n;
    *l->text.p++ = '=';
    put_u(&l->text, e->id);
}

static void range_event(struct lines *l, const struct ev *e, const uint64_t *args) {
    static const char *const attributes[] = {" \"bytes swept\"=", " \"bytes reclaimed\"="};
    struct dump_text *t = &l->text;
    *t->p++ = ' ';
    put_quoted(l, e->str);
    PUT(t, " scope=");
    put_scope(t, e->scope, e->id);
    for (unsigned i = 0; e->kind == EV_RANGE_END && i < e->n_args && i < 2; i++) {
        put(t, attributes[i]);
        put_u(t, args[i]);
    }
}

static void task_event(struct lines *l, const struct ev *e) {
    struct dump_text *t = &l->text;
    PUT(t, " id=");
    put_u(t, e->id);
    PUT(t, " parent=");
    put_i(t, (int64_t)e->aux);
    PUT(t, " type=");
    put_quoted(l, e->str);
}

static void region_event(struct lines *l, const struct ev *e) {
    PUT(&l->text, " task=");
    put_u(&l->text, e->id);
    PUT(&l->text, " type=");
    put_quoted(l, e->str);
}

static void log_event(struct lines *l, const struct ev *e) {
    struct dump_text *t = &l->text;
    PUT(t, " task=");
    put_u(t, e->id);
    PUT(t, " category=");
    put_quoted(l, e->str);
    PUT(t, " message=");
    struct text message = dict_string(l->dict, (uint32_t)e->aux); /* each its own: not kept */
    if (!dump__room(t, QUOTE_MAX(message.n) + FIXED_ROOM)) return;
    t->p = quote_go(t->p, message);
}

static void transition_event(struct lines *l, const struct ev *e, const uint64_t *args) {
    struct dump_text *t = &l->text;
    if (e->kind == EV_GO_TRANSITION) {
        PUT(t, " go=");
        put_i(t, (int64_t)e->id);
        *t->p++ = ' ';
        put(t, facts__go_state_name(e->from));
        PUT(t, "->");
        put(t, facts__go_state_name(e->to));
        PUT(t, " reason=");
        put_quoted(l, e->str);
    } else {
        PUT(t, " proc=");
        put_i(t, (int64_t)e->id);
        *t->p++ = ' ';
        put(t, facts__proc_state_name(e->from));
        PUT(t, "->");
        put(t, facts__proc_state_name(e->to));
    }
    if (e->kind == EV_GO_TRANSITION && e->n_args) { /* of a ring file: what is waited for */
        PUT(t, " object=");
        put_u(t, e->aux);
        PUT(t, " holder=");
        put_u(t, args[0]);
    }
    put_stack(l, " tstack=", e->tstack);
}

static void experimental_event(struct lines *l, const struct ev *e, const uint64_t *args) {
    struct dump_text *t = &l->text;
    if (e->aux >= GOEV_LIMIT || !go_event_specs[e->aux].name) return;
    const struct go_event_spec *spec = &go_event_specs[e->aux];
    PUT(t, " AllocFree/");
    put(t, spec->name);
    const char *name = spec->args;
    for (unsigned i = 0; i < e->n_args && *name; i++) {
        size_t n = strcspn(name, " ");
        *t->p++ = ' ';
        memcpy(t->p, name, n);
        t->p += n;
        *t->p++ = '=';
        put_u(t, args[i]);
        name += n + (name[n] == ' ');
    }
}

static void details(struct lines *l, const struct ev *e, const uint64_t *args) {
    switch (e->kind) {
    case EV_SYNC:
        sync_event(l, e, args);
        break;
    case EV_METRIC:
        metric_event(l, e);
        break;
    case EV_LABEL:
        *l->text.p++ = ' ';
        put_quoted(l, e->str);
        *l->text.p++ = ' ';
        put_scope(&l->text, SCOPE_GO, e->id);
        break;
    case EV_RANGE_BEGIN:
    case EV_RANGE_ACTIVE:
    case EV_RANGE_END:
        range_event(l, e, args);
        break;
    case EV_TASK_BEGIN:
    case EV_TASK_END:
        task_event(l, e);
        break;
    case EV_REGION_BEGIN:
    case EV_REGION_END:
        region_event(l, e);
        break;
    case EV_LOG:
        log_event(l, e);
        break;
    case EV_GO_TRANSITION:
    case EV_PROC_TRANSITION:
        transition_event(l, e, args);
        break;
    case EV_EXPERIMENTAL:
        experimental_event(l, e, args);
        break;
    default:
        break;
    }
}

static void line(struct lines *l, const struct ev *e, const uint64_t *args) {
    struct dump_text *t = &l->text;
    if (!dump__room(t, 2 * FIXED_ROOM)) return;
    if (l->events++ == 0) l->first = e->time_ns;
    put_i(t, facts__since(e->time_ns, l->first));
    PUT(t, " M=");
    put_i(t, e->m);
    PUT(t, " P=");
    put_i(t, e->p);
    PUT(t, " G=");
    put_i(t, e->g);
    *t->p++ = ' ';
    put(t, facts__kind_name(e->kind));
    details(l, e, args);
    put_stack(l, " stack=", e->stack);
    *t->p++ = '\n';
}

static int dump_events(struct reader *r, struct lines *l, struct fault *f) {
    struct ev_batch *batch = malloc(sizeof *batch);
    if (!batch) return fault_set(f, PV_ENOMEM, -1, "out of memory");
    int rc = 1;
    while (!l->text.failed && !l->no_memory && (rc = reader_next(r, batch, f)) == 1) {
        const uint64_t *args = batch->args;
        for (uint32_t i = 0; i < batch->n && !l->text.failed; i++) {
            line(l, &batch->ev[i], args);
            args += batch->ev[i].n_args;
        }
    }
    free(batch);
    return l->no_memory ? fault_set(f, PV_ENOMEM, -1, "out of memory") : rc < 0 ? rc : 0;
}

static void lines_free(struct lines *l) {
    for (uint32_t i = 0; i < l->n_quoted; i++) free((void *)(uintptr_t)l->quoted[i].data);
    free(l->quoted);
    free(l->stacks);
}

int facts_dump(const char *path, const struct dump_options *o, FILE *out,
               struct dump_result *result, struct fault *f) {
    *result = (struct dump_result){0};
    struct input *in;
    TRY(input_open(path, &in, f));
    if (o->wire) {
        int rc = dump__wire(in, out, result, f);
        input_close(in);
        return rc;
    }
    struct reader *r = NULL;
    struct lines l = {0};
    int rc = reader_open(in, NULL, &r, f);
    if (rc >= 0) {
        result->opened = true;
        l.dict = reader_dict(r);
        rc = dump__open(&l.text, out) ? dump_events(r, &l, f)
                                      : fault_set(f, PV_ENOMEM, -1, "out of memory");
        result->events = l.events;
        if (l.text.begin) rc = dump__close(&l.text, rc, result, f);
        lines_free(&l);
        reader_close(r);
    }
    input_close(in);
    return rc;
}
