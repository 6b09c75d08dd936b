/* tracer/src/session.c - a recording: its file, its mapping, its threads; start and stop.
 *
 * Invariants  1. pv_session is the number of the running recording, 0 = none; numbers never return.
 *             2. A thread that records is attached to one recording and counted in its refs; a
 *                mapping goes only when none is attached.  So whoever is in the middle of a record
 *                when the recording stops ends it in memory that is still there.
 *             3. Who attaches counts itself first and looks afterwards whether the recording is
 *                still the running one; who stops clears pv__current first and looks at refs
 *                afterwards (both sequentially consistent).
 *             4. All blocks of the file are allocated at the start: a full disk is an error of
 *                pv_start, not a SIGBUS in the middle of an event. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracer/src/names.h"
#include "tracer/src/recorder.h"

enum {
    DEFAULT_RING_BYTES = 16 << 20,
    DEFAULT_GOROUTINES = 131072,
    DEFAULT_THREADS = 1024,
    MIN_BATCHES = 4,
    MAX_BATCHES = 1 << 20,
    PAGE = 4096,
    CALIBRATE_NS = 1000000
};

uint32_t pv_session;
_Atomic(struct session *) pv__current;

static pthread_mutex_t control = PTHREAD_MUTEX_INITIALIZER; /* pv_start, pv_stop, pv_snapshot */
static struct session *sessions; /* all there ever were, newest first; control */
static uint32_t n_sessions;      /* control */

static uint64_t clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t round_up(uint64_t n) {
    return (n + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

/* ---- the file ---- */

static uint64_t lay_out_table(struct pv_ring_table *t, enum names_kind kind, uint64_t at) {
    t->capacity = pv__names_capacity(kind);
    t->bytes = pv__names_bytes(kind);
    t->n = 1;
    t->index_at = at;
    t->bytes_at = round_up(at + t->capacity * sizeof(uint64_t));
    return round_up(t->bytes_at + t->bytes);
}

/* Where everything lies; returns the file's size. */
static uint64_t lay_out(struct pv_ring_header *h, const struct pv_options *o) {
    uint64_t ring = o->ring_bytes ? o->ring_bytes : DEFAULT_RING_BYTES;
    uint64_t n = ring / PV_BATCH_BYTES + (ring % PV_BATCH_BYTES != 0);
    memcpy(h->magic, PV_RING_MAGIC, sizeof h->magic);
    h->version = PV_RING_VERSION;
    h->header_bytes = sizeof *h;
    h->batch_bytes = PV_BATCH_BYTES;
    h->n_batches = n < MIN_BATCHES ? MIN_BATCHES : n > MAX_BATCHES ? MAX_BATCHES : (uint32_t)n;
    h->n_slots = o->max_goroutines ? o->max_goroutines : DEFAULT_GOROUTINES;
    if (h->n_slots < UINT32_MAX) h->n_slots++; /* entry 0 is nobody's */
    h->n_threads = o->max_threads ? o->max_threads : DEFAULT_THREADS;
    h->slots_used = 1;
    h->slots_at = PAGE;
    h->batches_at = round_up(h->slots_at + (uint64_t)h->n_slots * sizeof(struct pv_ring_slot));
    h->threads_at = h->batches_at + (uint64_t)h->n_batches * PV_BATCH_BYTES;
    uint64_t at = round_up(h->threads_at + (uint64_t)h->n_threads * sizeof(struct pv_ring_thread));
    at = lay_out_table(&h->strings, NAMES_STRINGS, at);
    at = lay_out_table(&h->frames, NAMES_FRAMES, at);
    return lay_out_table(&h->stacks, NAMES_STACKS, at);
}

static void read_boot_id(uint8_t out[16]) {
    char text[64] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    int digits = 0;
    for (ssize_t i = 0; i < n && digits < 32; i++) {
        char c = text[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (v < 0) continue;
        out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | v);
        digits++;
    }
}

static void set_clock(struct pv_ring_header *h) {
    uint64_t mono = clock_ns(CLOCK_MONOTONIC), ticks = pv_ticks();
    nanosleep(&(struct timespec){.tv_nsec = CALIBRATE_NS}, NULL);
    uint64_t mono2 = clock_ns(CLOCK_MONOTONIC), ticks2 = pv_ticks();
    h->ticks_per_s = (uint64_t)((double)(ticks2 - ticks) * 1e9 / (double)(mono2 - mono));
    h->start_ticks = ticks2;
    h->start_mono_ns = mono2;
    h->start_wall_ns = clock_ns(CLOCK_REALTIME);
    h->tick_shift = PV_TICK_SHIFT;
    h->pid = (uint32_t)getpid();
    read_boot_id(h->boot_id);
}

static int make_file(const char *path, uint64_t bytes, int *out) {
    struct stat st;
    /* A new file and not the old one cut to nothing: who still has that mapped keeps it. */
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && unlink(path) < 0) return -errno;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    int rc = posix_fallocate(fd, 0, (off_t)bytes);
    if (rc != 0) {
        close(fd);
        unlink(path);
        return -rc;
    }
    *out = fd;
    return 0;
}

static int map_file(struct session *s, const struct pv_options *o) {
    struct pv_ring_header h = {0};
    uint64_t bytes = lay_out(&h, o);
    int fd = -1;
    int rc = make_file(o->path, bytes, &fd);
    if (rc < 0) return rc;
    s->map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    rc = s->map == MAP_FAILED ? -errno : 0;
    close(fd);
    if (rc < 0) {
        s->map = NULL;
        unlink(o->path);
        return rc;
    }
    s->map_bytes = bytes;
    s->header = (void *)s->map;
    s->slots = (void *)(s->map + h.slots_at);
    s->batches = s->map + h.batches_at;
    s->threads = (void *)(s->map + h.threads_at);
#ifdef MADV_POPULATE_WRITE
    /* No page faults while recording.  Where the kernel cannot do it they come one by one. */
    (void)madvise(s->batches, (size_t)h.n_batches * PV_BATCH_BYTES, MADV_POPULATE_WRITE);
#endif
    set_clock(&h);
    h.flags = o->stop_when_full ? PV_RING_STOP_WHEN_FULL : 0;
    h.state = PV_RING_RECORDING;
    /* The magic last: a file that has one is a ring file in all its parts. */
    memcpy(s->map + sizeof h.magic, (char *)&h + sizeof h.magic, sizeof h - sizeof h.magic);
    uint64_t magic[sizeof h.magic / 8];
    memcpy(magic, h.magic, sizeof magic);
    store64((uint64_t *)(void *)s->map + 1, magic[1]);
    store64((uint64_t *)(void *)s->map, magic[0]);
    return 0;
}

/* ---- start, stop ---- */

static void free_memory(struct session *s) {
    if (s->map) munmap(s->map, s->map_bytes);
    if (s->copy) munmap(s->copy, s->map_bytes);
    free(s->cells);
    free(s->last_ticks);
    free(s->path);
    s->map = s->copy = NULL;
    s->cells = NULL;
    s->last_ticks = NULL;
    s->path = NULL;
}

/* Unmaps stopped recordings that no thread is attached to. */
static void reap(void) {
    struct session *running = atomic_load_explicit(&pv__current, memory_order_seq_cst);
    for (struct session *s = sessions; s; s = s->next)
        if (s != running && s->map && atomic_load_explicit(&s->refs, memory_order_seq_cst) == 0)
            free_memory(s);
}

static int make_queue(struct session *s) {
    uint32_t n = s->header->n_batches;
    for (s->n_cells = 1; s->n_cells < n; s->n_cells *= 2) {
    }
    s->cells = calloc(s->n_cells, sizeof *s->cells);
    s->last_ticks = calloc(n, sizeof *s->last_ticks);
    if (!s->cells || !s->last_ticks) return -ENOMEM;
    atomic_init(&s->next_seq, 1);
    pv__ring_init(s);
    return 0;
}

static void in_child(void) {
    /* The mapping is shared with the parent, whose recording it is: nothing is written to it. */
    for (struct session *s = sessions; s; s = s->next) s->parents = true;
    __atomic_store_n(&pv_session, 0, __ATOMIC_SEQ_CST);
    atomic_store_explicit(&pv__current, NULL, memory_order_seq_cst);
    pv__names_unbind();
}

static int start(const struct pv_options *o) {
    static bool hooked;
    if (!hooked) hooked = pthread_atfork(NULL, NULL, in_child) == 0;
    int rc = pv__names_init();
    if (rc < 0) return rc;
    pv__symbols_load();
    struct session *s = calloc(1, sizeof *s);
    if (s) s->path = strdup(o->path);
    if (!s || !s->path) {
        free(s);
        return -ENOMEM;
    }
    rc = map_file(s, o);
    if (rc == 0) rc = make_queue(s);
    if (rc < 0) {
        free_memory(s);
        free(s);
        return rc;
    }
    s->late_ticks = s->header->ticks_per_s / 1000;
    s->stop_when_full = o->stop_when_full;
    s->number = ++n_sessions;
    s->next = sessions;
    sessions = s;
    atomic_store_explicit(&pv__current, s, memory_order_seq_cst);
    pv__names_bind(s);
    __atomic_store_n(&pv_session, s->number, __ATOMIC_SEQ_CST);
    return 0;
}

int pv_start(const struct pv_options *o) {
    if (!o || !o->path || !*o->path) return -EINVAL;
    pthread_mutex_lock(&control);
    int rc = atomic_load_explicit(&pv__current, memory_order_relaxed) ? -EBUSY : start(o);
    reap();
    pthread_mutex_unlock(&control);
    return rc;
}

int pv_stop(void) {
    pthread_mutex_lock(&control);
    struct session *s = atomic_load_explicit(&pv__current, memory_order_relaxed);
    if (s) {
        __atomic_store_n(&pv_session, 0, __ATOMIC_SEQ_CST);
        atomic_store_explicit(&pv__current, NULL, memory_order_seq_cst);
        pv__names_unbind();
        store64(&s->header->end_mono_ns, clock_ns(CLOCK_MONOTONIC));
        store64(&s->header->end_ticks, pv_ticks());
        store32(&s->header->state, PV_RING_STOPPED);
        reap();
    }
    pthread_mutex_unlock(&control);
    return s ? 0 : -ESRCH;
}

static int take_snapshot(void) {
    struct session *s = atomic_load_explicit(&pv__current, memory_order_relaxed);
    if (!s) return -ESRCH;
    int rc = pv__snapshot_take(s->map, s->map_bytes, &s->copy);
    s->taken = rc == 0;
    return rc;
}

static int write_snapshot(const char *path) {
    struct session *s = sessions;
    if (!path || !*path) return -EINVAL;
    return s && s->taken && s->copy ? pv__snapshot_write(s->copy, s->map_bytes, path) : -ESRCH;
}

int pv_snapshot_take(void) {
    pthread_mutex_lock(&control);
    int rc = take_snapshot();
    pthread_mutex_unlock(&control);
    return rc;
}

int pv_snapshot_write(const char *path) {
    pthread_mutex_lock(&control);
    int rc = write_snapshot(path);
    pthread_mutex_unlock(&control);
    return rc;
}

int pv_snapshot(const char *path) {
    pthread_mutex_lock(&control);
    int rc = take_snapshot();
    if (rc == 0) rc = write_snapshot(path);
    pthread_mutex_unlock(&control);
    return rc;
}

struct pv_counts pv_counts(void) {
    struct pv_counts c = {0};
    pthread_mutex_lock(&control);
    struct session *s = sessions;
    if (s && s->map) {
        uint32_t n = load32(&s->header->threads_used);
        c.batches = atomic_load_explicit(&s->next_seq, memory_order_relaxed) - 1;
        c.lost = load64(&s->header->lost_without_thread);
        for (uint32_t i = 0; i < n; i++) c.lost += load64(&s->threads[i].lost);
        c.names_lost = load64(&s->header->names_lost);
        c.unlisted = load64(&s->header->unlisted);
    }
    pthread_mutex_unlock(&control);
    return c;
}

/* ---- threads ---- */

static struct pv_ring_thread *take_row(struct session *s, uint32_t *i_row) {
    _Atomic uint32_t *used = (_Atomic uint32_t *)&s->header->threads_used;
    uint32_t i = atomic_load_explicit(used, memory_order_relaxed);
    while (i < s->header->n_threads)
        if (atomic_compare_exchange_weak_explicit(used, &i, i + 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            *i_row = i;
            return &s->threads[i];
        }
    return NULL;
}

bool pv__hold(struct session *s) {
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_seq_cst);
    if (s == atomic_load_explicit(&pv__current, memory_order_seq_cst)) return true;
    pv__release(s);
    return false;
}

void pv__release(struct session *s) {
    atomic_fetch_sub_explicit(&s->refs, 1, memory_order_seq_cst);
}

bool pv__attach(struct pv_m *m) {
    struct session *s = atomic_load_explicit(&pv__current, memory_order_seq_cst);
    if (!s || !pv__hold(s)) return false;
    m->s = s;
    m->slots = s->slots;
    m->late_ticks = s->late_ticks;
    m->g = 0;
    m->in_syscall = false;
    uint32_t i_row = UINT32_MAX; /* no thread's */
    m->row = take_row(s, &i_row);
    atomic_store_explicit(&m->i_row, i_row, memory_order_relaxed);
    m->p = -1;
    atomic_store_explicit(&m->session, s->number, memory_order_release);
    if (!m->row) return true;
    store64(&m->row->id, (uint64_t)syscall(SYS_gettid));
    store64(&m->row->opened, pv_ticks());
    for (size_t i = 0; m->name[i]; i++) put_byte((uint8_t *)&m->row->name[i], (uint8_t)m->name[i]);
    return true;
}

void pv__detach(struct pv_m *m) {
    struct session *s = m->s;
    m->s = NULL;
    atomic_store_explicit(&m->session, 0, memory_order_release);
    m->batch = m->at = m->end = NULL;
    m->row = NULL;
    m->lost = m->lost_from = 0;
    if (s) pv__release(s);
}

struct pv_m *pv_m_open(const char *name) {
    struct pv_m *m = aligned_alloc(_Alignof(struct pv_m), sizeof *m);
    if (!m) return NULL;
    memset(m, 0, sizeof *m);
    m->p = -1;
    if (name) strncpy(m->name, name, sizeof m->name - 1);
    return m;
}

void pv_m_close(struct pv_m *m) {
    if (!m) return;
    if (m->s) {
        if (!m->s->parents) pv__leave_batch(m);
        if (m->row && !m->s->parents) store64(&m->row->closed, pv_ticks());
        pv__detach(m);
    }
    free(m);
}

static pthread_key_t self_key;
static pthread_once_t self_once = PTHREAD_ONCE_INIT;
static _Thread_local struct pv_m *self;

static void close_self(void *m) {
    self = NULL;
    pv_m_close(m);
}

static void make_key(void) {
    pthread_key_create(&self_key, close_self);
}

struct pv_m *pv_m_self(void) {
    if (self) return self;
    pthread_once(&self_once, make_key);
    self = pv_m_open(NULL);
    if (self) pthread_setspecific(self_key, self);
    return self;
}
