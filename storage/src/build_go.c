/* storage/src/build_go.c - goroutine and processor transitions as slices and lanes.
 *
 * Invariants  1. a goroutine's slices tile its life: each starts where the one before ended.
 *             2. a slice is written when it ends; so rows come in the order of their ends.
 *             3. a lane's reducer is fed in order of start: a system call's stretch on its P is
 *                written when it loses the P, not when it returns.
 *             4. a goroutine counts in its group from the moment that its name is known; what it
 *                did before (pending) is added late. */
#include <string.h>

#include "storage/src/build_impl.h"

struct go *build_find_go(struct builder *b, int64_t id) {
    uint32_t i = map_get(&b->go_map, (uint64_t)id);
    return i == MAP_NONE ? NULL : &b->gos[i];
}

static struct go *add_go(struct builder *b, int64_t id) {
    uint32_t i = b->free_go;
    if (i != MAP_NONE) {
        b->free_go = b->gos[i].next_free;
    } else {
        if (b->n_gos == b->cap_gos) {
            uint32_t cap = b->cap_gos ? b->cap_gos * 2 : 256;
            struct go *gos = realloc(b->gos, cap * sizeof *gos);
            if (!gos) return NULL;
            b->gos = gos;
            b->cap_gos = cap;
        }
        i = b->n_gos++;
    }
    struct go *g = &b->gos[i];
    *g = (struct go){.id = id, .state = GO_NOTEXIST, .parent = NO_ID, .start = b->now};
    g->regions = MAP_NONE;
    uint32_t n_raw = map_get(&b->lived, (uint64_t)id);
    if (n_raw != MAP_NONE) g->n_raw = n_raw;
    return map_put(&b->go_map, (uint64_t)id, i) ? g : NULL;
}

/* ---- lanes of processors and threads ---- */

static struct lod_sink lane_sink(struct lod_writer *lod, uint32_t *hint, int64_t key) {
    return (struct lod_sink){lod_first(lod), hint, key, LOD_FIRST, NULL, NULL};
}

static struct proc *find_proc(struct builder *b, int64_t id) {
    uint32_t i = map_get(&b->proc_map, (uint64_t)id);
    if (i != MAP_NONE) return &b->procs[i];
    struct proc *procs = realloc(b->procs, (b->n_procs + 1) * sizeof *procs);
    if (!procs) return NULL;
    b->procs = procs;
    b->procs[b->n_procs] = (struct proc){.id = id, .m = NO_ID, .in_syscall = MAP_NONE};
    return map_put(&b->proc_map, (uint64_t)id, b->n_procs) ? &b->procs[b->n_procs++] : NULL;
}

static struct thread *find_thread(struct builder *b, int64_t id) {
    uint32_t i = map_get(&b->thread_map, (uint64_t)id);
    if (i != MAP_NONE) return &b->threads[i];
    struct thread *threads = realloc(b->threads, (b->n_threads + 1) * sizeof *threads);
    if (!threads) return NULL;
    b->threads = threads;
    b->threads[b->n_threads] = (struct thread){.id = id};
    return map_put(&b->thread_map, (uint64_t)id, b->n_threads) ? &b->threads[b->n_threads++] : NULL;
}

static bool add_sites(struct builder *b, uint32_t place) {
    if (place >= b->cap_sites) {
        uint32_t cap = place + place / 2 + 16;
        struct site *sites = realloc(b->sites, cap * sizeof *sites);
        if (!sites) return false;
        b->sites = sites;
        b->cap_sites = cap;
    }
    for (; b->n_sites <= place; b->n_sites++) {
        struct site *site = &b->sites[b->n_sites];
        *site = (struct site){.proc = MAP_NONE, .thread = MAP_NONE};
        names_place_of(b->names, b->n_sites, &site->p, &site->m);
    }
    return true;
}

/* NULL = out of memory.  Borrowed until the next call. */
static struct site *site_at(struct builder *b, uint32_t place) {
    return place < b->n_sites || add_sites(b, place) ? &b->sites[place] : NULL;
}

/* The processor of a site that has one. */
static struct proc *proc_at(struct builder *b, struct site *site) {
    if (site->proc != MAP_NONE) return &b->procs[site->proc];
    struct proc *proc = find_proc(b, site->p);
    if (proc) site->proc = (uint32_t)(proc - b->procs);
    return proc;
}

static int put_on_proc(struct builder *b, const struct go *g, struct proc *proc, int64_t dur,
                       struct fault *f) {
    if (dur <= 0 || reduce_within(&proc->reducer, LOD_FIRST, g->since, dur, g->tag)) return 0;
    struct lod_sink out = lane_sink(b->lod_p, &proc->hint, proc->id);
    return reduce_stretch(&proc->reducer, &out, g->since, dur, g->tag, g->id, f);
}

static int put_on_thread(struct builder *b, const struct go *g, struct site *site, int64_t dur,
                         struct fault *f) {
    if (site->m < 0 || !b->threads_reliable) return 0;
    if (site->thread == MAP_NONE) {
        const struct thread *found = find_thread(b, site->m);
        if (!found) return build_no_memory(f);
        site->thread = (uint32_t)(found - b->threads);
    }
    struct thread *thread = &b->threads[site->thread];
    if (reduce_within(&thread->reducer, LOD_FIRST, g->since, dur, g->tag)) return 0;
    struct lod_sink out = lane_sink(b->lod_m, &thread->hint, thread->id);
    return reduce_stretch(&thread->reducer, &out, g->since, dur, g->tag, g->id, f);
}

/* A running or system call slice of g, which ends now, on the lanes of where it was. */
static int put_on_lanes(struct builder *b, const struct go *g, struct site *site, int64_t dur,
                        struct fault *f) {
    if (site->p >= 0 && (g->state == GO_RUNNING || g->kept_ns < 0)) {
        struct proc *proc = proc_at(b, site);
        if (!proc) return build_no_memory(f);
        TRY(put_on_proc(b, g, proc, dur, f));
    }
    return put_on_thread(b, g, site, dur, f);
}

int build_flush_lanes(struct builder *b, struct fault *f) {
    for (uint32_t i = 0; i < b->n_procs; i++) {
        struct lod_sink out = lane_sink(b->lod_p, &b->procs[i].hint, b->procs[i].id);
        TRY(reduce_flush(&b->procs[i].reducer, &out, f));
    }
    for (uint32_t i = 0; i < b->n_threads; i++) {
        struct lod_sink out = lane_sink(b->lod_m, &b->threads[i].hint, b->threads[i].id);
        TRY(reduce_flush(&b->threads[i].reducer, &out, f));
    }
    return 0;
}

int build_on_seal(void *arg, const struct seq_chunk_view *view, struct buffer *extra,
                  struct fault *f) {
    struct builder *b = arg;
    TRY(sums_write(b->sums, view, extra, f));
    return lod_go_chunk(b->lod_g, view, f);
}

/* ---- a goroutine's name, and its group's counts ---- */

static int flush_pending(struct builder *b, struct go *g, struct fault *f) {
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < g->n_pending; i++)
        rc = steps_late(b->steps, g->group, g->pending[i].tag, g->pending[i].from, g->pending[i].to,
                        f);
    free(g->pending);
    g->pending = NULL;
    g->n_pending = 0;
    return rc;
}

static int add_pending(struct builder *b, struct go *g, int64_t to, struct fault *f) {
    if (!g->pending) g->pending = malloc(PENDING_MAX * sizeof *g->pending);
    if (!g->pending) return build_no_memory(f);
    if (g->n_pending == PENDING_MAX) TRY(flush_pending(b, g, f));
    if (!g->pending) return add_pending(b, g, to, f);
    g->pending[g->n_pending++] = (struct pending){g->tag, g->since, to};
    return 0;
}

static int name_go(struct builder *b, struct go *g, uint32_t func, struct fault *f) {
    if (!func) return 0;
    uint32_t group = names_group(b->names, func);
    if (group == MAP_NONE) return build_no_memory(f);
    g->group = group;
    g->named = true;
    if (!g->counted && g->state == GO_RUNNING)
        g->tag = TAG_RUNNING + (uint32_t)names_group_kind(b->names, group);
    return flush_pending(b, g, f);
}

static int name_by_stack(struct builder *b, struct go *g, uint32_t stack, struct fault *f) {
    struct stack st = dict_stack(b->dict, stack);
    return name_go(b, g, st.n ? st.frames[st.n - 1].func : 0, f);
}

int build_know(struct builder *b, const struct build_known *k, struct fault *f) {
    struct go *g = build_find_go(b, k->g);
    if (!g && !(g = add_go(b, k->g))) return build_no_memory(f);
    g->parent = k->parent;
    g->place = names_place(b->names, k->p, k->m);
    return g->place == MAP_NONE ? build_no_memory(f) : name_go(b, g, k->func, f);
}

/* ---- slices ---- */

struct waker {
    int64_t g;
    uint32_t place, stack;
};

static int write_slice(struct builder *b, struct go *g, int64_t now, const struct waker *w,
                       bool open, struct fault *f) {
    struct site *site = site_at(b, g->place);
    if (!site) return build_no_memory(f);
    struct seq_row *row = seq_add(b->slices, g->id, now, &g->hint, f);
    if (!row) return f->code;
    bool on = g->state == GO_RUNNING || g->state == GO_SYSCALL;
    row->start_ns = g->since;
    row->dur_ns = now - g->since;
    row->wide = g->state == GO_WAITING                      ? (uint64_t)(w->g + 1)
                : g->state == GO_SYSCALL && g->kept_ns >= 0 ? (uint64_t)g->kept_ns + 1
                                                            : 0;
    row->note = g->tag |
                (on && site->p >= 0 && site->p < 0xffff ? (uint64_t)site->p + 1 : 0) << 16 |
                (g->n_raw < LOD_G_RAW_SLICES && !b->counts.n_gaps ? NOTE_RAW_ONLY : 0) |
                (g->state == GO_WAITING ? NOTE_WAITING : 0) |
                (g->forever ? NOTE_FOREVER : 0);
    row->v[0] = g->class_id;
    row->v[1] = g->place;
    row->v[2] = w->place;
    row->v[3] = w->stack;
    row->v[4] = open;
    b->counts.n_slices++;
    return on ? put_on_lanes(b, g, site, now - g->since, f) : 0;
}

static int write_wait_object(struct builder *b, const struct go *g, int64_t dur, struct fault *f) {
    struct slice_class c = names_class_of(b->names, g->class_id);
    int64_t row[COLTAB_MAX_COLS] = {[COL_WAIT_OBJECTS_START] = g->since,
                                    [COL_WAIT_OBJECTS_DUR] = dur,
                                    [COL_WAIT_OBJECTS_G] = g->id,
                                    [COL_WAIT_OBJECTS_REASON] = c.reason,
                                    [COL_WAIT_OBJECTS_OBJECT] = (int64_t)g->object,
                                    [COL_WAIT_OBJECTS_HOLDER] =
                                        g->holder ? (int64_t)g->holder : COLTAB_NULL};
    return coltab_append(b->tabs[TAB_WAIT_OBJECTS], row, f);
}

/* The goroutine's present slice ends now. */
static int leave(struct builder *b, struct go *g, int64_t now, const struct waker *w, bool open,
                 struct fault *f) {
    if (g->state == GO_NOTEXIST) return 0;
    int64_t dur = now - g->since;
    if (dur > 0) {
        TRY(write_slice(b, g, now, w, open, f));
        if (g->object | g->holder) TRY(write_wait_object(b, g, dur, f));
        g->n_slices++;
        if (g->n_raw < LOD_G_RAW_SLICES) g->n_raw++;
        int64_t counted = waited_ns(g->forever, dur);
        g->state_ns[g->state] += counted;
        if (g->state == GO_WAITING) {
            b->counts.n_waits++;
            b->counts.wait_ns += counted;
        }
    }
    if (g->state == GO_SYSCALL) {
        const struct site *site = site_at(b, g->place);
        if (!site) return build_no_memory(f);
        if (site->proc != MAP_NONE && b->procs[site->proc].in_syscall == (uint32_t)(g - b->gos))
            b->procs[site->proc].in_syscall = MAP_NONE;
    }
    return 0;
}

/* What the goroutine was until now does not count any more. */
static int uncount(struct builder *b, struct go *g, struct fault *f) {
    if (g->state == GO_NOTEXIST) return 0;
    if (g->counted) return steps_change(b->steps, g->group, g->tag, b->now, -1, f);
    if (g->named) return steps_late(b->steps, g->group, g->tag, g->since, b->now, f);
    return add_pending(b, g, b->now, f);
}

static int lose_processor(struct builder *b, struct proc *p, struct fault *f) {
    if (p->in_syscall == MAP_NONE) return 0;
    struct go *g = &b->gos[p->in_syscall];
    p->in_syscall = MAP_NONE;
    if (g->state != GO_SYSCALL) return 0;
    g->kept_ns = b->now - g->since;
    return put_on_proc(b, g, p, g->kept_ns, f);
}

static int enter(struct builder *b, struct go *g, const struct ev *e, int64_t since,
                 struct fault *f) {
    uint32_t tag_before = g->tag;
    bool counted_before = g->counted;
    if (!counted_before) TRY(uncount(b, g, f));
    g->since = since;
    g->state = e->to;
    g->kept_ns = -1;
    g->class_id = names_class(b->names, e->to, e->str, e->tstack);
    if (e->to == GO_RUNNING || e->to == GO_SYSCALL) {
        g->place = names_place(b->names, e->p, e->m);
        if (g->place == MAP_NONE) return build_no_memory(f);
    }
    if (g->class_id == MAP_NONE) return build_no_memory(f);
    g->forever = names_is_forever(b->names, g->class_id);
    struct slice_class c = names_class_of(b->names, g->class_id);
    g->tag = tag_of(&c, names_group_kind(b->names, g->group));
    if (g->state != GO_RUNNABLE && g->state != GO_WAITING && e->p >= 0) {
        struct site *site = site_at(b, g->place);
        struct proc *p = site ? proc_at(b, site) : NULL;
        if (!p) return build_no_memory(f);
        /* Before Go 1.22 a P that left a blocked system call does not say so. */
        if (p->in_syscall != MAP_NONE) TRY(lose_processor(b, p, f));
        if (e->to == GO_SYSCALL) p->in_syscall = (uint32_t)(g - b->gos);
    }
    g->counted = g->named;
    if (!g->counted) return 0;
    TRY(steps_late(b->steps, g->group, g->tag, since, b->now, f));
    if (counted_before) return steps_move(b->steps, g->group, tag_before, g->tag, b->now, f);
    return steps_change(b->steps, g->group, g->tag, b->now, 1, f);
}

static int64_t or_null(int64_t id) {
    return id == NO_ID ? COLTAB_NULL : id;
}

void build_go_row(const struct builder *b, const struct go *g, bool ended, int64_t *row) {
    row[COL_GOROUTINES_G] = g->id;
    row[COL_GOROUTINES_FUNC] = names_group_func(b->names, g->group);
    row[COL_GOROUTINES_START] = g->start;
    row[COL_GOROUTINES_END] = b->now;
    row[COL_GOROUTINES_CREATED] = g->created;
    row[COL_GOROUTINES_ENDED] = ended;
    row[COL_GOROUTINES_PARENT] = or_null(g->parent);
    row[COL_GOROUTINES_RUNNING] = g->state_ns[GO_RUNNING];
    row[COL_GOROUTINES_RUNNABLE] = g->state_ns[GO_RUNNABLE];
    row[COL_GOROUTINES_SYSCALL] = g->state_ns[GO_SYSCALL];
    row[COL_GOROUTINES_WAITING] = g->state_ns[GO_WAITING];
    row[COL_GOROUTINES_SLICES] = g->n_slices;
    row[COL_GOROUTINES_LAST_STATE] = ended ? GO_NOTEXIST : g->state;
}

/* The goroutine's row; its place is free again. */
static int end_go(struct builder *b, struct go *g, bool ended, struct fault *f) {
    int64_t row[COLTAB_MAX_COLS];
    build_go_row(b, g, ended, row);
    TRY(coltab_append(b->tabs[TAB_GOROUTINES], row, f));
    TRY(flush_pending(b, g, f));
    TRY(build_close_regions(b, g, f));
    if (g->from_c && !map_put(&b->lived, (uint64_t)g->id, g->n_raw)) return build_no_memory(f);
    uint32_t i = (uint32_t)(g - b->gos);
    map_remove(&b->go_map, (uint64_t)g->id);
    g->state = GO_NOTEXIST;
    g->next_free = b->free_go;
    b->free_go = i;
    return 0;
}

int build_go_transition(struct builder *b, const struct ev *e, const uint64_t *args,
                        struct fault *f) {
    struct go *g = build_find_go(b, (int64_t)e->id);
    if (!g && !(g = add_go(b, (int64_t)e->id))) return build_no_memory(f);
    if (e->tstack && !g->named) TRY(name_by_stack(b, g, e->tstack, f));
    if (e->from == e->to) return 0; /* a status repeated at a generation's start */
    struct waker w = {NO_ID, 0, 0};
    int64_t since = b->now;
    if (e->from == GO_UNDETERMINED) {
        since = g->start = b->sync;
    } else if (e->from == GO_NOTEXIST) {
        g->start = b->now;
        g->created = true;
        g->from_c = e->to == GO_SYSCALL;
        g->parent = e->g;
    } else if (e->from == GO_WAITING) {
        w = (struct waker){e->g, names_place(b->names, e->p, e->m), e->stack};
        names_see_stack(b->names, e->stack);
        if (w.place == MAP_NONE) return build_no_memory(f);
    }
    TRY(leave(b, g, b->now, &w, false, f));
    if (e->to == GO_NOTEXIST) {
        TRY(uncount(b, g, f));
        return end_go(b, g, true, f);
    }
    g->object = e->to == GO_WAITING ? e->aux : 0;
    g->holder = e->to == GO_WAITING && e->n_args ? args[0] : 0;
    return enter(b, g, e, since, f);
}

int build_close_all(struct builder *b, struct fault *f) {
    const struct waker nobody = {NO_ID, 0, 0};
    for (uint32_t i = 0; i < b->n_gos; i++) {
        struct go *g = &b->gos[i];
        if (g->state == GO_NOTEXIST) continue;
        TRY(leave(b, g, b->now, &nobody, true, f));
        TRY(uncount(b, g, f));
        TRY(end_go(b, g, false, f));
    }
    for (uint32_t i = 0; i < b->n_procs; i++) {
        struct proc *p = &b->procs[i];
        if (p->running)
            TRY(coltab_append(b->tabs[TAB_PROC_SLICES],
                              (int64_t[]){p->since, b->now - p->since, p->id, or_null(p->m)}, f));
        p->running = false;
        p->in_syscall = MAP_NONE;
    }
    return build_flush_lanes(b, f);
}

/* ---- processors ---- */

int build_proc_transition(struct builder *b, const struct ev *e, struct fault *f) {
    struct proc *p = find_proc(b, (int64_t)e->id);
    if (!p) return build_no_memory(f);
    if (e->from == e->to) return 0;
    if (p->running) {
        TRY(coltab_append(b->tabs[TAB_PROC_SLICES],
                          (int64_t[]){p->since, b->now - p->since, p->id, or_null(p->m)}, f));
        p->running = false;
    }
    if (e->to == PROC_RUNNING) {
        p->running = true;
        p->since = e->from == PROC_UNDETERMINED ? b->sync : b->now;
        p->m = e->m;
    } else if (e->to == PROC_IDLE) {
        return lose_processor(b, p, f);
    }
    return 0;
}
