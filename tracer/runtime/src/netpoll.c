/* tracer/runtime/src/netpoll.c - who waits for which descriptor: epoll, edge-triggered.
 *
 * A call is tried first; only where it would block the goroutine waits.  An edge that comes between
 * the two is kept in ready[], so it is not lost.
 * Invariants  1. an entry for a descriptor's number is made once and kept: an event that comes
 *                late, for a number that was closed and given out again, makes somebody try once
 *                more, no harm.
 *             2. n_waiting counts goroutines in entries; who takes one out of its entry counts it
 *                down. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tracer/runtime/src/netpoll.h"

enum { CHUNK = 1024, N_CHUNKS = 1024, EVENTS = 128 };

struct entry {
    _Atomic uint32_t lock;
    bool open, ready[2];
    struct g *waiter[2]; /* by enum poll_dir */
};

static struct {
    int epoll, wake;
    _Atomic uint32_t n_waiting, waking;
    _Atomic(struct entry *) chunk[N_CHUNKS];
} poller = {.epoll = -1, .wake = -1};

static struct entry *entry_of(int fd) {
    if (fd < 0 || fd >= CHUNK * N_CHUNKS) return NULL;
    struct entry *chunk = atomic_load_explicit(&poller.chunk[fd / CHUNK], memory_order_acquire);
    return chunk ? &chunk[fd % CHUNK] : NULL;
}

static struct entry *make_entry(int fd) {
    if (fd < 0 || fd >= CHUNK * N_CHUNKS) return NULL;
    struct entry *none = NULL, *chunk;
    if (entry_of(fd)) return entry_of(fd);
    chunk = calloc(CHUNK, sizeof *chunk);
    if (chunk &&
        !atomic_compare_exchange_strong_explicit(&poller.chunk[fd / CHUNK], &none, chunk,
                                                 memory_order_acq_rel, memory_order_acquire))
        free(chunk);
    return entry_of(fd);
}

int pv__poll_open(void) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = -1};
    atomic_store_explicit(&poller.n_waiting, 0, memory_order_relaxed);
    atomic_store_explicit(&poller.waking, 0, memory_order_relaxed);
    poller.epoll = epoll_create1(EPOLL_CLOEXEC);
    poller.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (poller.epoll >= 0 && poller.wake >= 0 &&
        epoll_ctl(poller.epoll, EPOLL_CTL_ADD, poller.wake, &event) == 0)
        return 0;
    int error = errno;
    pv__poll_close();
    return -error;
}

/* Descriptors that are still open are the program's; nobody waits for them any more. */
void pv__poll_close(void) {
    if (poller.epoll >= 0) close(poller.epoll);
    if (poller.wake >= 0) close(poller.wake);
    poller.epoll = poller.wake = -1;
    for (int i = 0; i < N_CHUNKS; i++) {
        free(atomic_load_explicit(&poller.chunk[i], memory_order_relaxed));
        atomic_store_explicit(&poller.chunk[i], NULL, memory_order_relaxed);
    }
}

uint32_t pv__poll_waiters(void) {
    return atomic_load_explicit(&poller.n_waiting, memory_order_seq_cst);
}

void pv__poll_break(void) {
    uint64_t one = 1;
    if (atomic_exchange_explicit(&poller.waking, 1, memory_order_seq_cst)) return;
    while (write(poller.wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void pv__poll_notice(int64_t when_ns) {
    struct sched *s = &pv__sched;
    /* Partner: wait_in_poller, which takes the poller's place before it reads the timers. */
    if (when_ns == 0 || atomic_load_explicit(&s->last_poll_ns, memory_order_seq_cst) != 0) return;
    int64_t until = atomic_load_explicit(&s->poll_until_ns, memory_order_seq_cst);
    if (until <= 0 || until > when_ns) pv__poll_break();
}

static void take(struct entry *entry, enum poll_dir dir, struct g_list *ready) {
    struct g *g = entry->waiter[dir];
    entry->ready[dir] = !g;
    if (!g) return;
    entry->waiter[dir] = NULL;
    atomic_fetch_sub_explicit(&poller.n_waiting, 1, memory_order_seq_cst);
    g_list_push(ready, g);
}

/* Who only looks leaves the wake to the one who waits, whom it is for: it comes again to whoever
 * asks next.  (Else the end of a program, or an earlier timer, is not heard.) */
static void handle(const struct epoll_event *event, bool waits, struct g_list *ready) {
    if (event->data.fd < 0) {
        uint64_t n;
        if (!waits) return;
        while (read(poller.wake, &n, sizeof n) < 0 && errno == EINTR)
            ;
        atomic_store_explicit(&poller.waking, 0, memory_order_seq_cst);
        return;
    }
    struct entry *entry = entry_of(event->data.fd);
    pv__lock(&entry->lock);
    if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) take(entry, POLL_READ, ready);
    if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) take(entry, POLL_WRITE, ready);
    pv__unlock(&entry->lock);
}

void pv__poll(int64_t timeout_ns, struct g_list *ready) {
    struct epoll_event events[EVENTS];
    struct timespec t = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    int n = epoll_pwait2(poller.epoll, events, EVENTS, timeout_ns < 0 ? NULL : &t, NULL);
    if (n < 0 && errno == ENOSYS) /* before Linux 5.11 */
        n = epoll_wait(poller.epoll, events, EVENTS,
                       timeout_ns < 0                ? -1
                       : timeout_ns > 86400000000000 ? 86400000
                                                     : (int)((timeout_ns + 999999) / 1000000));
    for (int i = 0; i < n; i++) handle(&events[i], timeout_ns != 0, ready);
}

int pv_poll_add(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    if (poller.epoll < 0) return -EPERM;
    if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    struct entry *entry = make_entry(fd);
    if (!entry) return -ENOMEM;
    pv__lock(&entry->lock);
    entry->open = true;
    entry->ready[POLL_READ] = entry->ready[POLL_WRITE] = false;
    pv__unlock(&entry->lock);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd};
    if (epoll_ctl(poller.epoll, EPOLL_CTL_ADD, fd, &event) == 0) return 0;
    int error = errno;
    pv__lock(&entry->lock);
    entry->open = false;
    pv__unlock(&entry->lock);
    return -error;
}

bool pv__poll_knows(int fd) {
    struct entry *entry = entry_of(fd);
    if (!entry) return false;
    pv__lock(&entry->lock);
    bool open = entry->open;
    pv__unlock(&entry->lock);
    return open;
}

int pv__poll_wait(struct g *g, int fd, enum poll_dir dir) {
    struct entry *entry = entry_of(fd);
    if (!entry) return -EBADF;
    pv__lock(&entry->lock);
    int rc = !entry->open ? -ECANCELED : entry->waiter[dir] ? -EBUSY : 0;
    if (rc < 0 || entry->ready[dir]) {
        entry->ready[dir] = false;
        pv__unlock(&entry->lock);
        return rc;
    }
    entry->waiter[dir] = g;
    atomic_fetch_add_explicit(&poller.n_waiting, 1, memory_order_seq_cst);
    pv__park(g, R_IO_WAIT, (const void *)(uintptr_t)fd, 0, &entry->lock);
    pv__lock(&entry->lock);
    rc = entry->open ? 0 : -ECANCELED;
    pv__unlock(&entry->lock);
    return rc;
}

void pv__poll_forget(int fd) {
    struct entry *entry = entry_of(fd);
    struct g_list ready = {0};
    if (!entry) return;
    pv__lock(&entry->lock);
    if (entry->open) {
        entry->open = false;
        take(entry, POLL_READ, &ready);
        take(entry, POLL_WRITE, &ready);
    }
    pv__unlock(&entry->lock);
    pv__ready_list(&ready);
}
