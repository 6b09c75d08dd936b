/* tests/lib/ring_workload.h - a small scheduler that records itself with libparkview, and a check
 * of what a reader says about it.
 *
 * Real threads take processors and run goroutines that do what a number says: yield, wait, wake
 * others, sit in system calls (others steal their processors), end, begin new ones.  What is
 * recorded can be checked without knowing the order in which it happened: the object of a
 * goroutine's n-th wait is 16 * id + n % 12, its reason and holder follow from that, and so does
 * each message.  (Objects of goroutines that live at the same time are near one another.) */
#ifndef PARKVIEW_TESTS_RING_WORKLOAD_H
#define PARKVIEW_TESTS_RING_WORKLOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/src/buffer.h"
#include "storage/src/idmap.h"
#include "storage/src/reader.h"
#include "tracer/parkview.h"

enum { WORK_GS = 512, WORK_PS = 4, WORK_THREADS = 6, WORK_REASONS = 4, WORK_WAITS = 12 };

static const char *const work_reasons[WORK_REASONS] = {"chan receive", "chan send", "select",
                                                       "sync.Mutex.Lock"};

struct work_g {
    struct pv_g pv;
    uint64_t n_waits;
};

struct work_p {
    int holder; /* thread that is in a system call with it, -1 */
};

static struct {
    pthread_mutex_t lock;
    struct work_g *runnable[WORK_GS], *waiting[WORK_GS], *dead[WORK_GS];
    int n_runnable, n_waiting, n_dead;
    int idle_ps[WORK_PS], n_idle_ps;
    struct work_p ps[WORK_PS];
    struct work_g gs[WORK_GS];
    struct pv_m *ms[WORK_THREADS];
    pthread_barrier_t
        end; /* a thread whose P may still be stolen stays open until all have ended */
    uint64_t next_id;
    uint32_t reasons[WORK_REASONS], entry, gc_kind, task_name, category;
    _Atomic bool stop;
    _Atomic uint64_t n_events;
    bool user_marks;
} work;

static inline uint64_t work_random(uint64_t *x) {
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static inline uint64_t work_object(uint64_t id, uint64_t n) {
    return id << 4 | n % WORK_WAITS;
}

static void work_entry(void) {}

/* Takes any of a list; NULL: it is empty. */
static struct work_g *work_pop(struct work_g **list, int *n, uint64_t *x) {
    struct work_g *g = NULL;
    pthread_mutex_lock(&work.lock);
    if (*n) {
        int i = (int)(work_random(x) % (uint64_t)*n);
        g = list[i];
        list[i] = list[--*n];
    }
    pthread_mutex_unlock(&work.lock);
    return g;
}

static void work_push(struct work_g **list, int *n, struct work_g *g) {
    pthread_mutex_lock(&work.lock);
    list[(*n)++] = g;
    pthread_mutex_unlock(&work.lock);
}

static int work_take_p(void) {
    int p = -1;
    pthread_mutex_lock(&work.lock);
    if (work.n_idle_ps) p = work.idle_ps[--work.n_idle_ps];
    pthread_mutex_unlock(&work.lock);
    return p;
}

static void work_put_p(int p) {
    pthread_mutex_lock(&work.lock);
    work.idle_ps[work.n_idle_ps++] = p;
    pthread_mutex_unlock(&work.lock);
}

static void work_create(struct pv_m *m, uint64_t *x) {
    struct work_g *g = work_pop(work.dead, &work.n_dead, x);
    if (!g) return;
    pthread_mutex_lock(&work.lock);
    memset(g, 0, sizeof *g);
    g->pv.id = ++work.next_id;
    pthread_mutex_unlock(&work.lock);
    pv_go_create(m, &g->pv, work.entry, 0);
    work_push(work.runnable, &work.n_runnable, g);
}

static void work_wake(struct pv_m *m, uint64_t *x, uint32_t stack) {
    struct work_g *g = work_pop(work.waiting, &work.n_waiting, x);
    if (!g) return;
    pv_go_unpark(m, &g->pv, stack);
    work_push(work.runnable, &work.n_runnable, g);
}

/* Takes the processor of a thread in a system call, as sysmon does. */
static void work_steal(struct pv_m *m) {
    int p = -1, from = -1;
    pthread_mutex_lock(&work.lock);
    for (int i = 0; i < WORK_PS && p < 0; i++)
        if (work.ps[i].holder >= 0) {
            p = i;
            from = work.ps[i].holder;
            work.ps[i].holder = -1;
        }
    pthread_mutex_unlock(&work.lock);
    if (p < 0) return;
    pv_proc_steal(m, p, work.ms[from]);
    work_put_p(p);
}

/* false: the processor is gone, and the goroutine is no longer ours. */
static bool work_syscall(struct pv_m *m, int me, struct work_g *g, int p, uint64_t *x,
                         uint32_t stack) {
    pv_go_syscall(m, &g->pv, stack);
    pthread_mutex_lock(&work.lock);
    work.ps[p].holder = me;
    pthread_mutex_unlock(&work.lock);
    for (uint64_t i = work_random(x) % 200; i; i--) __asm__ volatile("");
    pthread_mutex_lock(&work.lock);
    bool mine = work.ps[p].holder == me;
    if (mine) work.ps[p].holder = -1;
    pthread_mutex_unlock(&work.lock);
    if (mine) {
        pv_go_syscall_end(m, &g->pv);
        return true;
    }
    pv_go_syscall_end_blocked(m, &g->pv);
    work_push(work.runnable, &work.n_runnable, g);
    return false;
}

static void work_marks(struct pv_m *m, struct work_g *g, uint64_t *x) {
    uint64_t task = g->pv.id;
    char text[64];
    switch (work_random(x) % 8) {
    case 0:
        pv_task_begin(m, &g->pv, task, 0, work.task_name);
        pv_task_end(m, &g->pv, task);
        break;
    case 1:
        pv_region_begin(m, &g->pv, 0, work.task_name);
        pv_region_end(m, &g->pv, 0, work.task_name);
        break;
    case 2:
        pv_log(m, &g->pv, 0, work.category, text,
               (size_t)snprintf(text, sizeof text, "g=%llu", (unsigned long long)g->pv.id));
        break;
    case 3:
        pv_heap(m, g->pv.id << 10);
        break;
    case 4:
        pv_stw_begin(m, &g->pv, work.gc_kind);
        pv_stw_end(m, &g->pv);
        break;
    case 5:
        pv_assist_begin(m, &g->pv);
        pv_assist_end(m, &g->pv);
        break;
    case 6:
        pv_sweep_begin(m);
        pv_sweep_end(m, 8192, 4096);
        break;
    default:
        pv_counter(m, work.category, g->pv.id);
    }
}

/* g waits, and who is returned runs at once; NULL: nobody does. */
static struct work_g *work_wait(struct pv_m *m, struct work_g *g, uint64_t *x, uint32_t stack) {
    uint64_t n = ++g->n_waits % WORK_WAITS, holder = n % 3 ? 0 : g->pv.id + n;
    uint32_t reason = work.reasons[n % WORK_REASONS];
    struct work_g *next = NULL;
    if (work_random(x) % 2) next = work_pop(work.runnable, &work.n_runnable, x);
    if (next)
        pv_go_park_next(m, &g->pv, reason, work_object(g->pv.id, n), holder, stack, &next->pv);
    else
        pv_go_park(m, &g->pv, reason, work_object(g->pv.id, n), holder, stack);
    work_push(work.waiting, &work.n_waiting, g);
    return next;
}

/* Runs g, and who follows it, until one leaves the thread; false: so did the processor. */
static bool work_run(struct pv_m *m, int me, struct work_g *g, int p, uint64_t *x) {
    uint32_t stack = 0;
    if (work_random(x) % 2) {
        uintptr_t pcs[] = {(uintptr_t)work_entry + 1, (uintptr_t)pv_start + 1 + work_random(x) % 8};
        stack = pv_stack(pcs, 2);
    }
    pv_go_start(m, &g->pv);
    for (;;) {
        atomic_fetch_add_explicit(&work.n_events, 1, memory_order_relaxed);
        if (work.user_marks) work_marks(m, g, x);
        switch (work_random(x) % 8) {
        case 0:
            pv_go_stop(m, &g->pv, work.reasons[0], stack);
            work_push(work.runnable, &work.n_runnable, g);
            return true;
        case 1:
        case 2:
            g = work_wait(m, g, x, stack);
            if (!g) return true;
            break;
        case 3:
            pv_go_exit(m, &g->pv);
            work_push(work.dead, &work.n_dead, g);
            return true;
        case 4:
            if (!work_syscall(m, me, g, p, x, stack)) return false;
            break;
        case 5:
            work_create(m, x);
            break;
        default:
            work_wake(m, x, stack);
        }
    }
}

static void *work_thread(void *arg) {
    int me = (int)(intptr_t)arg, p = -1;
    uint64_t x = 0x9e3779b97f4a7c15u * (unsigned)(me + 1);
    struct pv_m *m = work.ms[me];
    while (!atomic_load_explicit(&work.stop, memory_order_relaxed)) {
        if (p < 0) {
            p = work_take_p();
            if (p >= 0) pv_proc_start(m, p);
        }
        if (p < 0) {
            work_steal(m);
            continue;
        }
        struct work_g *g = work_pop(work.runnable, &work.n_runnable, &x);
        if (g && !work_run(m, me, g, p, &x)) p = -1;
        if (!g) {
            work_wake(m, &x, 0);
            work_create(m, &x);
        }
        if (p >= 0 && work_random(&x) % 64 == 0) {
            pv_proc_stop(m);
            work_put_p(p);
            p = -1;
        }
    }
    pthread_barrier_wait(&work.end);
    pv_m_close(m);
    return NULL;
}

static pthread_t work_threads[WORK_THREADS];

/* Everything is made anew: a work may begin after one that has ended. */
static inline void work_begin(int n_threads, bool user_marks) {
    memset(&work, 0, sizeof work);
    pthread_mutex_init(&work.lock, NULL);
    pthread_barrier_init(&work.end, NULL, (unsigned)n_threads);
    work.user_marks = user_marks;
    for (int i = 0; i < WORK_REASONS; i++) work.reasons[i] = pv_string(work_reasons[i]);
    work.entry = pv_stack_entry((const void *)(uintptr_t)work_entry);
    work.gc_kind = pv_string("GC mark termination");
    work.task_name = pv_string("task");
    work.category = pv_string("category");
    for (int i = 0; i < WORK_PS; i++) {
        work.idle_ps[work.n_idle_ps++] = i;
        work.ps[i].holder = -1;
    }
    for (int i = 0; i < WORK_GS; i++) work.dead[work.n_dead++] = &work.gs[i];
    for (int i = 0; i < n_threads; i++) work.ms[i] = pv_m_open("worker");
    for (int i = 0; i < n_threads; i++)
        pthread_create(&work_threads[i], NULL, work_thread, (void *)(intptr_t)i);
}

static inline void work_end(int n_threads) {
    atomic_store_explicit(&work.stop, true, memory_order_relaxed);
    for (int i = 0; i < n_threads; i++) pthread_join(work_threads[i], NULL);
}

/* ---- the check ---- */

struct work_seen {
    uint64_t events, transitions, waits, gaps, syncs;
    char wrong[512]; /* empty: nothing was */
};

struct work_life { /* of one goroutine, in the present window */
    uint8_t state;
    uint64_t n_waits; /* of its last known wait */
    bool counted;
};

#define WORK_WRONG(...)                                                                            \
    do {                                                                                           \
        if (!seen->wrong[0]) snprintf(seen->wrong, sizeof seen->wrong, __VA_ARGS__);               \
    } while (0)

static void work_check_wait(const struct ev *e, const uint64_t *args, const struct dict *d,
                            struct work_life *life, struct work_seen *seen) {
    uint64_t n = e->aux & 15;
    struct text reason = dict_string(d, e->str);
    const char *expected = work_reasons[n % WORK_REASONS];
    seen->waits++;
    if (e->from == GO_UNDETERMINED && !e->aux) return; /* a short wait that began before */
    if (e->aux >> 4 != e->id || n >= WORK_WAITS)
        WORK_WRONG("go %llu waits for an object of go %llu", (unsigned long long)e->id,
                   (unsigned long long)(e->aux >> 4));
    if (reason.n != strlen(expected) || memcmp(reason.data, expected, reason.n) != 0)
        WORK_WRONG("go %llu waits for the wrong reason", (unsigned long long)e->id);
    if (e->n_args != 1 || args[0] != (n % 3 ? 0 : e->id + n))
        WORK_WRONG("go %llu: wrong holder", (unsigned long long)e->id);
    if (life->counted && n != (life->n_waits + 1) % WORK_WAITS)
        WORK_WRONG("go %llu: wait %llu follows %llu", (unsigned long long)e->id,
                   (unsigned long long)n, (unsigned long long)life->n_waits);
    life->n_waits = n;
    life->counted = true;
}

static void work_check_event(const struct ev *e, const uint64_t *args, const struct dict *d,
                             struct work_life *life, struct work_seen *seen) {
    char text[64];
    struct text message;
    switch (e->kind) {
    case EV_GO_TRANSITION:
        seen->transitions++;
        if (e->from != life->state && !(e->from == GO_NOTEXIST && life->state == GO_UNDETERMINED))
            WORK_WRONG("go %llu goes from state %d, but was in %d", (unsigned long long)e->id,
                       e->from, life->state);
        life->state = e->to == GO_NOTEXIST ? (uint8_t)GO_UNDETERMINED : e->to;
        if (e->from == GO_NOTEXIST) *life = (struct work_life){.state = e->to, .counted = true};
        if (e->to == GO_WAITING) work_check_wait(e, args, d, life, seen);
        break;
    case EV_LOG:
        message = dict_string(d, (uint32_t)e->aux);
        snprintf(text, sizeof text, "g=%lld", (long long)e->g);
        if (message.n != strlen(text) || memcmp(message.data, text, message.n) != 0)
            WORK_WRONG("the message of go %lld is \"%.*s\"", (long long)e->g, (int)message.n,
                       message.data);
        break;
    case EV_METRIC:
        if (e->g >= 0 && e->id != (uint64_t)e->g && e->id != (uint64_t)e->g << 10)
            WORK_WRONG("go %lld counts %llu", (long long)e->g, (unsigned long long)e->id);
        break;
    default:
        break;
    }
}

/* Reads the ring and checks every event; the reader's fault goes to f (code 0: none). */
static inline void work_check(const char *path, struct work_seen *seen, struct fault *f) {
    struct input *in = NULL;
    struct reader *r = NULL;
    struct ev_batch *b = malloc(sizeof *b);
    struct idmap lives_of = {0};
    struct work_life *lives = calloc(1 << 20, sizeof *lives);
    uint32_t n_lives = 1;
    int64_t last = INT64_MIN;
    *seen = (struct work_seen){0};
    *f = (struct fault){0};
    int rc = input_open(path, &in, f);
    if (rc == 0) rc = reader_open(in, &(struct reader_options){.resume = true}, &r, f);
    while (rc >= 0 && b && lives && (rc = reader_next(r, b, f)) == 1) {
        const uint64_t *args = b->args;
        for (uint32_t i = 0; i < b->n; args += b->ev[i++].n_args) {
            const struct ev *e = &b->ev[i];
            seen->events++;
            if (e->time_ns <= last) WORK_WRONG("time goes back");
            last = e->time_ns;
            if (e->kind == EV_SYNC) seen->syncs++;
            if (e->kind == EV_GAP) {
                seen->gaps++;
                idmap_clear(&lives_of);
                memset(lives, 0, sizeof *lives * n_lives);
                n_lives = 1;
                continue;
            }
            uint32_t life = idmap_get(&lives_of, e->id);
            if (!life && n_lives < 1 << 20 && idmap_put(&lives_of, e->id, n_lives) == 0)
                life = n_lives++;
            work_check_event(e, args, reader_dict(r), &lives[life], seen);
        }
    }
    if (rc >= 0 && r) *f = *reader_first_fault(r);
    idmap_free(&lives_of);
    free(lives);
    free(b);
    reader_close(r);
    input_close(in);
}

#endif
