/* tracer/runtime/src/debug.c - PV_DEBUG=schedtrace=MS,scheddetail=1,gctrace=1: lines on standard
 * error, of the shape that GODEBUG makes Go print, with those of Go's figures that exist here. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tracer/runtime/src/gc.h"
#include "tracer/runtime/src/rt.h"

static struct {
    int64_t every_ns, next_ns;
    bool detail, gc;
} debug;

/* One write for all lines of a moment. */
struct page {
    char text[1 << 16];
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct page *page, const char *format, ...) {
    va_list args;
    size_t room = sizeof page->text - page->n;
    va_start(args, format);
    int n = vsnprintf(page->text + page->n, room, format, args);
    va_end(args);
    if (n > 0) page->n += (size_t)n < room ? (size_t)n : room - 1;
}

static void print(struct page *page) {
    for (size_t at = 0; at < page->n;) {
        ssize_t n = write(STDERR_FILENO, page->text + at, page->n - at);
        if (n <= 0) break;
        at += (size_t)n;
    }
    page->n = 0;
}

static long value_of(const char *text, const char *name) {
    size_t n = strlen(name);
    while (text) {
        if (strncmp(text, name, n) == 0 && text[n] == '=') return strtol(text + n + 1, NULL, 10);
        text = strchr(text, ',');
        if (text) text++;
    }
    return 0;
}

void pv__debug_open(void) {
    const char *text = getenv("PV_DEBUG");
    long ms = value_of(text, "schedtrace");
    debug.every_ns = ms > 0 ? (int64_t)ms * 1000000 : 0;
    debug.next_ns = pv__sched.start_ns + debug.every_ns;
    debug.detail = value_of(text, "scheddetail") != 0;
    debug.gc = value_of(text, "gctrace") != 0;
}

/* ---- the scheduler ---- */

static uint32_t queued(struct p *p) {
    return atomic_load_explicit(&p->tail, memory_order_relaxed) -
           atomic_load_explicit(&p->head, memory_order_relaxed);
}

static void add_p(struct page *page, struct p *p) {
    struct m *m = atomic_load_explicit(&p->m, memory_order_relaxed);
    add(page, "  P%u: status=%u schedtick=%u syscalltick=%u m=", p->id,
        atomic_load_explicit(&p->status, memory_order_relaxed) & P_STATE,
        atomic_load_explicit(&p->tick, memory_order_relaxed),
        atomic_load_explicit(&p->sys_tick, memory_order_relaxed));
    if (m)
        add(page, "%u", m->id);
    else
        add(page, "nil");
    add(page, " runqsize=%u gfreecnt=%u timerslen=%u\n", queued(p), p->n_free, p->n_timers);
}

static void add_m(struct page *page, struct m *m) {
    struct p *p = m_p(m);
    struct g *g = m_g(m);
    add(page, "  M%u: p=", m->id);
    if (p)
        add(page, "%u curg=", p->id);
    else
        add(page, "nil curg=");
    if (g)
        add(page, "%" PRIu64, g->rec.id);
    else
        add(page, "nil");
    add(page, " spinning=%s away=%s\n", m->spinning ? "true" : "false", m->away ? "true" : "false");
}

/* Numbers as Go's: 1 runnable, 2 running, 3 in a system call, 4 waiting. */
static void add_g(struct g *g, void *arg) {
    struct page *page = arg;
    uint32_t status = atomic_load_explicit(&g->status, memory_order_relaxed);
    struct m *m = atomic_load_explicit(&g->m, memory_order_relaxed);
    uint32_t reason = atomic_load_explicit(&g->reason, memory_order_relaxed);
    if (status == G_DEAD) return;
    if (page->n > sizeof page->text / 2) print(page);
    add(page, "  G%" PRIu64 ": status=%u(%s) m=", g->rec.id, status,
        status == G_WAITING ? pv__reason_texts[reason] : "");
    if (m && (status == G_RUNNING || status == G_SYSCALL))
        add(page, "%u\n", m->id);
    else
        add(page, "nil\n");
}

static void print_sched(int64_t now_ns) {
    static struct page page; /* the monitor's only */
    struct sched *s = &pv__sched;
    page.n = 0;
    pv__lock(&s->lock);
    add(&page,
        "SCHED %" PRId64 "ms: gomaxprocs=%u idleprocs=%u threads=%u spinningthreads=%u "
        "idlethreads=%u runqueue=%u",
        (now_ns - s->start_ns) / 1000000, s->n_p,
        atomic_load_explicit(&s->n_idle_p, memory_order_relaxed),
        atomic_load_explicit(&s->n_ms, memory_order_relaxed) + 1, /* and the monitor */
        atomic_load_explicit(&s->n_spinning, memory_order_relaxed),
        atomic_load_explicit(&s->n_idle_m, memory_order_relaxed), s->global.n);
    if (!debug.detail) {
        for (uint32_t i = 0; i < s->n_p; i++) add(&page, i ? " %u" : " [%u", queued(s->p[i]));
        add(&page, "]\n");
    } else {
        add(&page, "\n");
        for (uint32_t i = 0; i < s->n_p; i++) add_p(&page, s->p[i]);
        for (struct m *m = s->all_m; m; m = m->all_next) add_m(&page, m);
    }
    pv__unlock(&s->lock);
    if (debug.detail) pv__each_g(add_g, &page);
    print(&page);
}

void pv__debug_tick(int64_t now_ns) {
    if (debug.every_ns == 0 || now_ns < debug.next_ns) return;
    debug.next_ns = now_ns + debug.every_ns;
    print_sched(now_ns);
}

/* ---- the collector ---- */

void pv__debug_gc(const struct gc_cycle *c) {
    static const double MS = 1e6;
    static struct page page; /* one collection at a time */
    if (!debug.gc) return;
    page.n = 0;
    add(&page,
        "gc %" PRIu64 " @%.3fs %d%%: %.3g+%.3g+%.3g ms clock, %" PRIu64 "->%" PRIu64 " MB, %" PRIu64
        " MB goal, %u P%s\n",
        c->n, (double)c->at_ns / 1e9, c->share_percent, (double)c->ns[GC_STOP] / MS,
        (double)c->ns[GC_MARK] / MS, (double)c->ns[GC_RESTART] / MS, c->before_bytes >> 20,
        c->after_bytes >> 20, c->goal_bytes >> 20, pv__sched.n_p, c->forced ? " (forced)" : "");
    print(&page);
}
