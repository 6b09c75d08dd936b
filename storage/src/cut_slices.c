/* storage/src/cut_slices.c - the slices of a span as transitions of their goroutines.
 *
 * A slice stands in the chunk in which it ended, so a chunk knows all transitions of its time but
 * for one thing: into what the last of each goroutine led.  That slice lasts beyond the chunk, and
 * a later one lists it as carried; all carried slices are therefore collected first, by start.
 * Slices that end where the span does are told with the next one. */
#include <stdlib.h>
#include <string.h>

#include "storage/src/cut_impl.h"

struct life { /* a row of the goroutines table that begins in the span */
    int64_t g, start, parent;
    uint32_t func;
    uint8_t last_state;
    bool created, used;
};
struct object { /* of a wait that begins in the span */
    int64_t g, start;
    uint64_t object, holder;
};
struct row_list {
    struct seq_row *rows; /* note: BEGIN_ONLY */
    uint32_t n, cap;
};
enum { BEGIN_ONLY = 1 };

struct cut_slices {
    struct seq *seq;
    struct seq_page page;
    struct seq_carried *carried; /* by start */
    uint32_t n_carried, cap_carried, next_carried;
    struct row_list chunk, beside, held; /* beside: carried ones, and those held from before */
    struct life *lives;
    uint32_t n_lives, cap_lives;
    struct object *objects;
    uint32_t n_objects, cap_objects;
};

static int64_t row_end(const struct seq_row *r) {
    return cut_end(r->start_ns, r->dur_ns);
}

static bool is_open(const struct seq_row *r) {
    return r->v[4] & 1;
}

/* ---- what lasts beyond its chunk ---- */

static int by_start(const void *a, const void *b) {
    const struct seq_carried *x = a, *y = b;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static int collect_carried(struct cut *c, uint32_t i, struct fault *f) {
    struct cut_slices *l = c->slices;
    const struct seq_chunk *chunk = seq_carried(l->seq, i, f);
    if (!chunk) return f->code;
    for (uint32_t k = 0; k < chunk->n_carried; k++) {
        if (chunk->carried[k].start_ns >= c->to) continue;
        void *rows = cut__grow(c, l->carried, l->n_carried, &l->cap_carried, sizeof *l->carried);
        if (!rows) return store__no_memory(f);
        l->carried = rows;
        l->carried[l->n_carried++] = chunk->carried[k];
    }
    seq_forget(l->seq, i);
    return 0;
}

int cut__slices_begin(struct cut *c, uint32_t *first_chunk, struct fault *f) {
    struct cut_slices *l = c->slices = calloc(1, sizeof *l);
    if (!l) return store__no_memory(f);
    TRY(store__slices(c->s, &l->seq, f));
    *first_chunk = seq_first_chunk_after(l->seq, c->from);
    for (uint32_t i = *first_chunk + 1; i < seq_n_chunks(l->seq); i++)
        if (seq_chunk_bounds(l->seq, i)->min_start_ns < c->to) TRY(collect_carried(c, i, f));
    if (l->n_carried) qsort(l->carried, l->n_carried, sizeof *l->carried, by_start);
    return 0;
}

void cut__slices_free(struct cut *c) {
    struct cut_slices *l = c->slices;
    if (!l) return;
    free(l->carried);
    free(l->chunk.rows);
    free(l->beside.rows);
    free(l->held.rows);
    free(l->lives);
    free(l->objects);
    free(l);
}

int64_t cut__span_end(const struct cut *c, uint32_t i_chunk) {
    const struct seq *seq = c->slices->seq;
    if (i_chunk >= seq_n_chunks(seq)) return c->to;
    int64_t t1 = seq_chunk_bounds(seq, i_chunk)->t1;
    return t1 < c->to ? t1 : c->to;
}

/* ---- the rows of a span ---- */

static void add_row(struct cut *c, struct row_list *to, const struct seq_row *row) {
    void *rows = cut__grow(c, to->rows, to->n, &to->cap, sizeof *to->rows);
    if (!rows) return;
    to->rows = rows;
    to->rows[to->n++] = *row;
}

static int read_chunk(struct cut *c, uint32_t i, struct fault *f) {
    struct cut_slices *l = c->slices;
    const struct seq_page *p = &l->page;
    if (i >= seq_n_chunks(l->seq)) return 0;
    if (seq_chunk_bounds(l->seq, i)->min_start_ns >= c->to) return 0;
    uint32_t n = seq_chunk_bounds(l->seq, i)->n_rows;
    for (uint32_t page = 0; page * SEQ_PAGE_ROWS < n; page++) {
        TRY(seq_read_page(l->seq, i, page, SLICE_ALL, &l->page, f));
        for (uint32_t k = 0; k < p->n; k++) {
            struct seq_row row = {.key = p->key[k],
                                  .start_ns = p->start_ns[k],
                                  .dur_ns = p->dur_ns[k],
                                  .wide = p->wide[k]};
            for (int v = 0; v < SEQ_MAX_COLS; v++) row.v[v] = (uint32_t)p->v[v][k];
            if (row_end(&row) > c->from && row.start_ns < c->to) add_row(c, &l->chunk, &row);
        }
    }
    seq_forget(l->seq, i);
    return 0;
}

static int by_goroutine(const void *a, const void *b) {
    const struct seq_row *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static int read_rows(struct cut *c, uint32_t i_chunk, struct fault *f) {
    struct cut_slices *l = c->slices;
    l->chunk.n = 0;
    struct row_list held = l->held; /* the new list begins empty */
    l->held = l->beside;
    l->held.n = 0;
    l->beside = held;
    TRY(read_chunk(c, i_chunk, f));
    while (l->next_carried < l->n_carried && l->carried[l->next_carried].start_ns < c->b) {
        const struct seq_carried *x = &l->carried[l->next_carried++];
        struct seq_row row = {.key = x->key,
                              .start_ns = x->start_ns,
                              .dur_ns = x->dur_ns,
                              .wide = x->wide,
                              .note = BEGIN_ONLY,
                              .v = {x->v0, x->v1}};
        add_row(c, &l->beside, &row);
    }
    if (l->beside.n) qsort(l->beside.rows, l->beside.n, sizeof *l->beside.rows, by_goroutine);
    return 0;
}

/* ---- what else is known of the goroutines ---- */

static void add_life(struct cut *c, const int64_t *v) {
    struct cut_slices *l = c->slices;
    if (v[COL_GOROUTINES_END] <= c->from && v[COL_GOROUTINES_START] < c->from) return;
    void *rows = cut__grow(c, l->lives, l->n_lives, &l->cap_lives, sizeof *l->lives);
    if (!rows) return;
    l->lives = rows;
    l->lives[l->n_lives++] = (struct life){.g = v[COL_GOROUTINES_G],
                                           .start = v[COL_GOROUTINES_START],
                                           .parent = cut_or_none(v[COL_GOROUTINES_PARENT]),
                                           .func = (uint32_t)v[COL_GOROUTINES_FUNC],
                                           .last_state = (uint8_t)v[COL_GOROUTINES_LAST_STATE],
                                           .created = v[COL_GOROUTINES_CREATED] != 0};
}

static void add_object(struct cut *c, const int64_t *v) {
    struct cut_slices *l = c->slices;
    int64_t start = v[COL_WAIT_OBJECTS_START], holder = v[COL_WAIT_OBJECTS_HOLDER];
    if (cut_end(start, v[COL_WAIT_OBJECTS_DUR]) <= c->from) return;
    void *rows = cut__grow(c, l->objects, l->n_objects, &l->cap_objects, sizeof *l->objects);
    if (!rows) return;
    l->objects = rows;
    l->objects[l->n_objects++] =
        (struct object){v[COL_WAIT_OBJECTS_G], start, (uint64_t)v[COL_WAIT_OBJECTS_OBJECT],
                        holder == COLTAB_NULL ? 0 : (uint64_t)holder};
}

/* Both kinds begin with g and start. */
_Static_assert(offsetof(struct life, start) == offsetof(struct object, start),
               "one order for both");
static int by_go(const void *a, const void *b) {
    const struct object *x = a, *y = b;
    if (x->g != y->g) return x->g < y->g ? -1 : 1;
    return (x->start > y->start) - (x->start < y->start);
}

static int read_lives(struct cut *c, struct fault *f) {
    struct cut_slices *l = c->slices;
    l->n_lives = l->n_objects = 0;
    TRY(cut__begins(c, TAB_GOROUTINES, COL_GOROUTINES_START, add_life, f));
    TRY(cut__begins(c, TAB_WAIT_OBJECTS, COL_WAIT_OBJECTS_START, add_object, f));
    if (l->n_lives) qsort(l->lives, l->n_lives, sizeof *l->lives, by_go);
    if (l->n_objects) qsort(l->objects, l->n_objects, sizeof *l->objects, by_go);
    return 0;
}

/* The life of g that began at `start`, or the last before it; NULL = not known. */
static struct life *life_of(struct cut_slices *l, int64_t g, int64_t start) {
    uint32_t low = 0, high = l->n_lives;
    while (low < high) { /* the first behind it */
        uint32_t mid = low + (high - low) / 2;
        const struct life *x = &l->lives[mid];
        if (x->g < g || (x->g == g && x->start <= start))
            low = mid + 1;
        else
            high = mid;
    }
    return low && l->lives[low - 1].g == g ? &l->lives[low - 1] : NULL;
}

/* ---- telling ---- */

/* The transition into the slice: all but from what, and by whom. */
static void tell_into(struct cut *c, struct told *t, const struct seq_row *r,
                      const struct slice *x) {
    const struct cut_slices *l = c->slices;
    struct slice_class class = slices_class(c->s, x->class_id);
    t->ev.id = (uint64_t)r->key;
    t->ev.to = class.state;
    t->ev.str = cut__string(c, class.reason);
    t->ev.tstack = cut__stack(c, class.stack);
    if (class.state == GO_RUNNING || class.state == GO_SYSCALL) {
        t->ev.p = x->p;
        t->ev.m = x->m;
    }
    const struct object key = {.g = r->key, .start = r->start_ns};
    const struct object *o =
        l->n_objects ? bsearch(&key, l->objects, l->n_objects, sizeof key, by_go) : NULL;
    if (!o || class.state != GO_WAITING) return;
    t->ev.aux = o->object;
    t->args[0] = o->holder;
    t->ev.n_args = o->holder != 0;
}

static void tell_change(struct cut *c, const struct seq_row *before, const struct seq_row *r,
                        struct fault *f) {
    struct slice x, was;
    store__slice(c->s, r, &x, f);
    store__slice(c->s, before, &was, f);
    struct told *t = cut__tell(c, r->start_ns, RANK_BEGIN, EV_GO_TRANSITION);
    t->ev.from = slices_class(c->s, was.class_id).state;
    tell_into(c, t, r, &x);
    if (t->ev.from != GO_WAITING) return;
    uint32_t stack = cut__stack(c, was.waker_stack);
    t->ev.g = was.waker_g;
    t->ev.stack = stack;
    if (t->ev.to == GO_RUNNING || t->ev.to == GO_SYSCALL) return;
    t->ev.p = was.waker_p;
    t->ev.m = was.waker_m;
}

static void tell_know(struct cut *c, int64_t when, const struct seq_row *r, const struct life *l,
                      const struct slice *x) {
    uint32_t func = l ? cut__string(c, l->func) : 0;
    struct told *t = cut__tell(c, when, RANK_BIRTH, (enum ev_kind)EV_KNOW);
    t->ev.id = (uint64_t)r->key;
    t->ev.str = func;
    t->ev.aux = (uint64_t)(l ? l->parent : NO_ID);
    t->ev.p = x->p;
    t->ev.m = x->m;
}

/* A system call that lost its processor before the window has none in it, either. */
static void tell_lost(struct cut *c, const struct seq_row *r, const struct slice *x) {
    int64_t kept_until = cut_end(r->start_ns, slice_kept_ns(r->dur_ns, r->wide));
    if (r->start_ns >= c->from || kept_until > c->from || x->p < 0) return;
    struct told *t = cut__tell(c, kept_until, RANK_BEGIN, EV_PROC_TRANSITION);
    t->ev.id = (uint64_t)x->p;
    t->ev.from = PROC_RUNNING;
    t->ev.to = PROC_IDLE;
}

static void tell_birth(struct cut *c, const struct seq_row *r, struct fault *f) {
    struct slice x;
    store__slice(c->s, r, &x, f);
    struct life *l = life_of(c->slices, r->key, r->start_ns);
    bool created = l && l->created && l->start == r->start_ns && r->start_ns >= c->from;
    if (l) l->used = true;
    /* What is first seen in the middle is so since the last sync. */
    if (!created && r->start_ns > c->from) cut__tell(c, r->start_ns, RANK_SYNC, EV_SYNC);
    tell_know(c, r->start_ns, r, l, &x);
    struct told *t = cut__tell(c, r->start_ns, RANK_BIRTH, EV_GO_TRANSITION);
    t->ev.from = created ? GO_NOTEXIST : GO_UNDETERMINED;
    if (created) t->ev.g = l->parent;
    tell_into(c, t, r, &x);
    if (t->ev.to == GO_SYSCALL) tell_lost(c, r, &x);
}

/* Goroutines that were seen for a moment only, which is no slice. */
static void tell_moments(struct cut *c) {
    const struct cut_slices *l = c->slices;
    for (uint32_t i = 0; i < l->n_lives; i++) {
        const struct life *x = &l->lives[i];
        if (x->used || x->start < c->from) continue;
        if (x->last_state == GO_NOTEXIST || x->last_state > GO_SYSCALL) continue;
        const struct seq_row nowhere = {.key = x->g};
        tell_know(c, x->start, &nowhere, x, &(struct slice){.p = NO_ID, .m = NO_ID});
        struct told *t = cut__tell(c, x->start, RANK_BIRTH, EV_GO_TRANSITION);
        t->ev.id = (uint64_t)x->g;
        t->ev.from = x->created ? GO_NOTEXIST : GO_UNDETERMINED;
        t->ev.to = x->last_state;
        if (x->created) t->ev.g = x->parent;
    }
}

/* Nothing follows the slice: its goroutine ended with it, unless it was cut. */
static void tell_end(struct cut *c, const struct seq_row *r) {
    if (r->note == BEGIN_ONLY || is_open(r) || row_end(r) >= c->b) return;
    struct told *t = cut__tell(c, row_end(r), RANK_BEGIN, EV_GO_TRANSITION);
    t->ev.id = (uint64_t)r->key;
    t->ev.from = slices_class(c->s, r->v[0]).state;
    t->ev.to = GO_NOTEXIST;
}

static const struct seq_row *next_row(struct cut_slices *l, uint32_t *i, uint32_t *k) {
    if (*i == l->chunk.n) return *k < l->beside.n ? &l->beside.rows[(*k)++] : NULL;
    if (*k == l->beside.n || by_goroutine(&l->chunk.rows[*i], &l->beside.rows[*k]) < 0)
        return &l->chunk.rows[(*i)++];
    return &l->beside.rows[(*k)++];
}

int cut__slices(struct cut *c, uint32_t i_chunk, struct fault *f) {
    struct cut_slices *l = c->slices;
    TRY(read_rows(c, i_chunk, f));
    TRY(read_lives(c, f));
    const struct seq_row *before = NULL, *r;
    for (uint32_t i = 0, k = 0; !c->no_memory && (r = next_row(l, &i, &k)) != NULL; before = r) {
        bool follows = before && before->key == r->key && row_end(before) == r->start_ns;
        bool goes_on = follows && !is_open(before);
        if (before && !goes_on) tell_end(c, before);
        if (goes_on)
            tell_change(c, before, r, f);
        else if (c->first || r->start_ns >= c->a)
            tell_birth(c, r, f);
        if (row_end(r) == c->b && r->note != BEGIN_ONLY) add_row(c, &l->held, r);
    }
    if (before) tell_end(c, before);
    tell_moments(c);
    return c->no_memory ? store__no_memory(f) : 0;
}
