/* tests/unit/model.h - every slice of a trace in one array, by a pass over its events that shares
 * nothing with the store but the reader and the names of refined reasons.
 *
 * For tests that ask the array, by walking all of it, what they ask the store.  CHECK ends the test
 * with what failed, in the words given, and the fault's text. */
#ifndef PARKVIEW_TESTS_UNIT_MODEL_H
#define PARKVIEW_TESTS_UNIT_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/src/map.h"
#include "storage/src/reader.h"
#include "storage/src/refine.h"

static struct fault fault;
static long n_checks;

#define CHECK(x, ...)                                                                              \
    do {                                                                                           \
        n_checks++;                                                                                \
        if (!(x)) {                                                                                \
            printf("%s:%d: failed: %s: ", __FILE__, __LINE__, #x);                                 \
            printf(__VA_ARGS__);                                                                   \
            printf(" (%s)\n", fault.text);                                                         \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct m_slice {
    int64_t g, start, end, p, m, kept_end, waker_g;
    uint32_t life; /* index into lives */
    uint32_t reason, stack, waker_stack;
    uint8_t state;
};
struct life {
    int64_t g, since, p, m, kept_end;
    uint32_t func, reason, stack;
    uint8_t state;
    bool named;
};
struct model {
    struct input *in;
    struct reader *reader;
    struct dict *dict;
    struct m_slice *slices;
    size_t n_slices, cap_slices;
    struct life *lives;
    uint32_t n_lives, cap_lives;
    struct map live;       /* g -> life */
    struct map in_syscall; /* p -> life */
    struct map refined;    /* reason and stack -> names */
    struct refined *names;
    uint32_t n_names;
    int64_t first, now, sync;
    bool gap;
};

static uint32_t life_of(struct model *m, int64_t g) {
    uint32_t i = map_get(&m->live, (uint64_t)g);
    if (i != MAP_NONE) return i;
    if (m->n_lives == m->cap_lives) {
        m->cap_lives = m->cap_lives ? m->cap_lives * 2 : 1024;
        m->lives = realloc(m->lives, m->cap_lives * sizeof *m->lives);
    }
    m->lives[m->n_lives] = (struct life){.g = g, .state = GO_NOTEXIST, .p = NO_ID, .m = NO_ID};
    map_put(&m->live, (uint64_t)g, m->n_lives);
    return m->n_lives++;
}

static void end_slice(struct model *m, uint32_t life, int64_t waker_g, uint32_t waker_stack) {
    struct life *l = &m->lives[life];
    if (l->state == GO_NOTEXIST || m->now <= l->since) return;
    if (m->n_slices == m->cap_slices) {
        m->cap_slices = m->cap_slices ? m->cap_slices * 2 : 4096;
        m->slices = realloc(m->slices, m->cap_slices * sizeof *m->slices);
    }
    m->slices[m->n_slices++] = (struct m_slice){
        l->g,    l->since, m->now,    l->p,     l->m,        l->kept_end < 0 ? m->now : l->kept_end,
        waker_g, life,     l->reason, l->stack, waker_stack, l->state};
}

/* Who sits in a system call with that P loses it now. */
static void lose(struct model *m, uint64_t p) {
    uint32_t i = map_get(&m->in_syscall, p);
    map_remove(&m->in_syscall, p);
    if (i == MAP_NONE) return;
    struct life *l = &m->lives[i];
    if (l->state == GO_SYSCALL && l->p == (int64_t)p && l->kept_end < 0) l->kept_end = m->now;
}

static void on_go(struct model *m, const struct ev *e) {
    uint32_t i = life_of(m, (int64_t)e->id);
    struct life *l = &m->lives[i];
    struct stack st = dict_stack(m->dict, e->tstack);
    if (!l->named && st.n && st.frames[st.n - 1].func) {
        l->named = true;
        l->func = st.frames[st.n - 1].func;
    }
    if (e->from == e->to) return;
    bool woken = e->from == GO_WAITING;
    if (e->from != GO_UNDETERMINED && e->from != GO_NOTEXIST)
        end_slice(m, i, woken ? e->g : NO_ID, woken ? e->stack : 0);
    l->since = e->from == GO_UNDETERMINED ? m->sync : m->now;
    l->state = e->to;
    l->reason = e->str;
    l->stack = e->tstack;
    l->kept_end = -1;
    if (e->to == GO_RUNNING || e->to == GO_SYSCALL) {
        l->p = e->p;
        l->m = e->m;
    }
    if ((e->to == GO_SYSCALL || e->to == GO_RUNNING) && e->p >= 0) lose(m, (uint64_t)e->p);
    if (e->to == GO_SYSCALL && e->p >= 0) map_put(&m->in_syscall, (uint64_t)e->p, i);
    if (e->to == GO_NOTEXIST) map_remove(&m->live, (uint64_t)l->g);
}

static void on_proc(struct model *m, const struct ev *e) {
    if (e->from != e->to && e->to == PROC_IDLE) lose(m, e->id);
}

static void close_all(struct model *m) {
    for (uint32_t i = 0; i < m->n_lives; i++) {
        if (map_get(&m->live, (uint64_t)m->lives[i].g) != i) continue;
        end_slice(m, i, NO_ID, 0);
        m->lives[i].state = GO_NOTEXIST;
    }
    map_free(&m->live);
    map_free(&m->in_syscall);
}

static void on_event(struct model *m, const struct ev *e, bool first) {
    if (first) m->first = e->time_ns;
    if (e->kind == EV_GAP) {
        if (!m->gap) close_all(m);
        m->gap = true;
        return;
    }
    m->gap = false;
    m->now = e->time_ns - m->first;
    if (e->kind == EV_SYNC) m->sync = m->now;
    if (e->kind == EV_GO_TRANSITION) on_go(m, e);
    if (e->kind == EV_PROC_TRANSITION) on_proc(m, e);
}

static void read_model(struct model *m, const char *path) {
    struct reader_options o = {.resume = true};
    CHECK(input_open(path, &m->in, &fault) == 0, "%s", path);
    CHECK(reader_open(m->in, &o, &m->reader, &fault) == 0, "%s", path);
    m->dict = reader_dict(m->reader);
    struct ev_batch *b = malloc(sizeof *b);
    bool first = true;
    while (reader_next(m->reader, b, &fault) == 1)
        for (uint32_t i = 0; i < b->n; i++, first = false) on_event(m, &b->ev[i], first);
    close_all(m);
    free(b);
}

static void free_model(struct model *m) {
    reader_close(m->reader);
    input_close(m->in); /* outlives the reader */
    free(m->slices);
    free(m->lives);
    free(m->names);
    map_free(&m->refined);
}

static bool same_text(struct text a, struct text b) {
    return a.n == b.n && (a.n == 0 || !memcmp(a.data, b.data, a.n));
}

/* Borrowed until the next call. */
static const char *refined_name(struct model *m, const struct m_slice *s) {
    uint64_t what = (uint64_t)s->reason << 32 | s->stack;
    uint32_t i = map_get(&m->refined, what);
    if (i == MAP_NONE) {
        i = m->n_names++;
        m->names = realloc(m->names, m->n_names * sizeof *m->names);
        refine_wait(m->dict, s->reason, s->stack, &m->names[i]);
        map_put(&m->refined, what, i);
    }
    return m->names[i].name;
}

static bool is_forever(struct model *m, const struct m_slice *s) {
    struct text t = dict_string(m->dict, s->reason);
    return s->state == GO_WAITING && t.n == 7 && !memcmp(t.data, "forever", 7);
}

#endif
