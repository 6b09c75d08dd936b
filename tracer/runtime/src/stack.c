/* tracer/runtime/src/stack.c - goroutines' stacks, a thousand to an arena, and the g at the end of
 * each.
 *
 * Layout      arena = one mapping of ARENA_STACKS slots of stack_bytes:
 *             guard page | ... stack ... | g
 * Invariants  1. a slot is never unmapped before pv_run ends, so a g that died is still a g.
 *             2. a guard costs no mapping: MADV_GUARD_INSTALL (Linux 6.13) marks the page table,
 *                so a hundred thousand guarded stacks are a hundred mappings.  Where the kernel
 *                does not know it, mprotect splits the mapping, two for each stack, of
 *                vm.max_map_count (65530): then the first MAX_SPLITS (28000) stacks have guards
 *                and the others have none.
 * Memory      pages are touched as they are needed: a parked goroutine usually holds one (4 KiB).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tracer/runtime/src/rt.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
    ARENA_STACKS = 1024,
    MAX_ARENAS = 16384,
    MAX_SPLITS = 28000,
    KEEP = 64,
    MIN_STACK = 16384,
    DEFAULT_STACK = 65536
};

static struct {
    _Atomic uint32_t lock;
    size_t stack_bytes, page;
    _Atomic uint32_t n_slots; /* ever used; grows */
    uint32_t n_splits;
    bool cheap_guards;
    _Atomic(char *) arena[MAX_ARENAS];
} stacks;

/* Whether MADV_GUARD_INSTALL does what it says: emulators (qemu-user) take it and do nothing.  The
 * kernel is asked to read what is guarded, and must refuse. */
static bool guards_hold(void) {
    char *page =
        mmap(NULL, stacks.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return false;
    bool hold = madvise(page, stacks.page, MADV_GUARD_INSTALL) == 0 && access(page, F_OK) < 0 &&
                errno == EFAULT;
    munmap(page, stacks.page);
    return hold;
}

int pv__stacks_open(size_t stack_bytes) {
    size_t bytes = MIN_STACK;
    if (stack_bytes == 0) stack_bytes = DEFAULT_STACK;
#if defined(PV_ASAN) || defined(PV_TSAN)
    if (stack_bytes < 262144)
        stack_bytes = 262144; /* instrumented frames are several times as big */
#endif
    if (stack_bytes > (size_t)1 << 30) return -EINVAL;
    while (bytes < stack_bytes) bytes *= 2;
    stacks.stack_bytes = bytes;
    stacks.page = (size_t)sysconf(_SC_PAGESIZE);
    stacks.cheap_guards = guards_hold();
    stacks.n_splits = 0;
    atomic_store_explicit(&stacks.n_slots, 0, memory_order_relaxed);
    return 0;
}

void pv__stacks_close(bool unmap) {
    for (uint32_t i = 0; i < MAX_ARENAS; i++) {
        char *arena = atomic_load_explicit(&stacks.arena[i], memory_order_relaxed);
        if (!arena) break;
        if (unmap) munmap(arena, ARENA_STACKS * stacks.stack_bytes);
        atomic_store_explicit(&stacks.arena[i], NULL, memory_order_relaxed);
    }
    atomic_store_explicit(&stacks.n_slots, 0, memory_order_relaxed);
}

static void guard(char *lo) {
    if (stacks.cheap_guards && madvise(lo, stacks.page, MADV_GUARD_INSTALL) == 0) return;
    if (stacks.n_splits < MAX_SPLITS && mprotect(lo, stacks.page, PROT_NONE) == 0)
        stacks.n_splits++;
}

static struct g *slot_g(uint32_t i) {
    char *arena = atomic_load_explicit(&stacks.arena[i / ARENA_STACKS], memory_order_acquire);
    char *lo = arena + (size_t)(i % ARENA_STACKS) * stacks.stack_bytes;
    size_t room = (sizeof(struct g) + 63) & ~(size_t)63;
    return (struct g *)(void *)(lo + stacks.stack_bytes - room);
}

/* A slot nobody has used.  One at a time: this is the slow path, and system calls are made in it.
 */
static struct g *new_slot(void) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    struct g *g = NULL;
    pthread_mutex_lock(&mutex);
    uint32_t i = atomic_load_explicit(&stacks.n_slots, memory_order_relaxed);
    if (i / ARENA_STACKS >= MAX_ARENAS) goto out;
    if (i % ARENA_STACKS == 0) {
        size_t bytes = ARENA_STACKS * stacks.stack_bytes;
        char *arena = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (arena == MAP_FAILED) goto out;
        madvise(arena, bytes, MADV_NOHUGEPAGE); /* a huge page would hold 32 stacks, all touched */
        atomic_store_explicit(&stacks.arena[i / ARENA_STACKS], arena, memory_order_release);
    }
    g = slot_g(i);
    char *lo = atomic_load_explicit(&stacks.arena[i / ARENA_STACKS], memory_order_relaxed) +
               (size_t)(i % ARENA_STACKS) * stacks.stack_bytes;
    guard(lo);
    g->fiber.lo = lo + stacks.page;
    g->fiber.hi = (char *)g;
    /* Partner: pv__each_g, which looks at slots below n_slots only. */
    atomic_store_explicit(&stacks.n_slots, i + 1, memory_order_release);
out:
    pthread_mutex_unlock(&mutex);
    return g;
}

static struct g *take_free(struct p *p) {
    struct sched *s = &pv__sched;
    if (!p->free && atomic_load_explicit(&s->n_free, memory_order_relaxed) > 0) {
        pv__lock(&s->free_lock);
        while (s->free && p->n_free < KEEP / 2) {
            struct g *g = s->free;
            s->free = g->next;
            atomic_fetch_sub_explicit(&s->n_free, 1, memory_order_relaxed);
            g->next = p->free;
            p->free = g;
            p->n_free++;
        }
        pv__unlock(&s->free_lock);
    }
    struct g *g = p->free;
    if (g) {
        p->free = g->next;
        p->n_free--;
    }
    return g;
}

struct g *pv__g_new(struct p *p) {
    struct g *g = take_free(p);
    if (!g) g = new_slot();
    if (!g) return NULL;
#ifdef PV_ASAN
    __asan_unpoison_memory_region(g->fiber.lo, (size_t)(g->fiber.hi - g->fiber.lo));
    g->fiber.fake = NULL;
#endif
#ifdef PV_TSAN
    g->fiber.tsan = __tsan_create_fiber(0);
#endif
    return g;
}

void pv__g_free(struct p *p, struct g *g) {
    struct sched *s = &pv__sched;
#ifdef PV_TSAN
    __tsan_destroy_fiber(g->fiber.tsan);
    g->fiber.tsan = NULL;
#endif
    g->next = p->free;
    p->free = g;
    if (++p->n_free <= KEEP) return;
    pv__lock(&s->free_lock);
    while (p->n_free > KEEP / 2) {
        g = p->free;
        p->free = g->next;
        p->n_free--;
        g->next = s->free;
        s->free = g;
        atomic_fetch_add_explicit(&s->n_free, 1, memory_order_relaxed);
    }
    pv__unlock(&s->free_lock);
}

void pv__each_g(void (*call)(struct g *g, void *arg), void *arg) {
    uint32_t n = atomic_load_explicit(&stacks.n_slots, memory_order_acquire);
    for (uint32_t i = 0; i < n; i++) call(slot_g(i), arg);
}

char *pv__g_guard(struct g *g) {
    return g->fiber.lo - stacks.page;
}

char *pv__g_end(struct g *g) {
    return pv__g_guard(g) + stacks.stack_bytes;
}

struct g *pv__g_at(const void *sp) {
    uint32_t n = atomic_load_explicit(&stacks.n_slots, memory_order_acquire);
    for (uint32_t first = 0; first < n; first += ARENA_STACKS) {
        char *arena =
            atomic_load_explicit(&stacks.arena[first / ARENA_STACKS], memory_order_acquire);
        uintptr_t at = (uintptr_t)sp - (uintptr_t)arena;
        if (at >= ARENA_STACKS * stacks.stack_bytes) continue;
        uint32_t i = first + (uint32_t)(at / stacks.stack_bytes);
        return i < n ? slot_g(i) : NULL;
    }
    return NULL;
}
