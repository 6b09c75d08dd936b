/* storage/src/crew.c - who does what next.
 *
 * Invariants  1. everything in a line but its work is read and written under the lock.
 *             2. a helper sleeps only while no line is ready; who makes one ready, or takes one and
 *                leaves another, wakes a helper. */
#include "storage/src/crew.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_HELPERS = 7 };

struct crew {
    pthread_mutex_t lock;
    pthread_cond_t work, done; /* for helpers, for the owner */
    struct crew_line *lines;
    uint32_t n_helpers, n_asleep; /* n_asleep: helpers */
    bool owner_asleep, stop;
    pthread_t helpers[MAX_HELPERS];
};

static bool is_ready(const struct crew_line *l, bool for_owner) {
    return !l->busy && !l->over && l->given > l->done &&
           !(for_owner && l->waits && l->waits(l->arg));
}

static struct crew_line *find_ready(const struct crew *c, bool for_owner) {
    struct crew_line *l = c->lines;
    while (l && !is_ready(l, for_owner)) l = l->next;
    return l;
}

static void wake_helper(struct crew *c) {
    if (c->n_asleep && find_ready(c, false)) pthread_cond_signal(&c->work);
}

/* With the lock, which it gives away meanwhile. */
static void do_unit(struct crew *c, struct crew_line *l) {
    l->busy = true;
    wake_helper(c);
    pthread_mutex_unlock(&c->lock);
    bool did = l->work(l->arg);
    pthread_mutex_lock(&c->lock);
    l->busy = false;
    if (did)
        l->done++;
    else
        l->over = true;
    if (c->owner_asleep) pthread_cond_signal(&c->done);
}

static void *help(void *arg) {
    struct crew *c = arg;
    pthread_mutex_lock(&c->lock);
    while (!c->stop) {
        struct crew_line *l = find_ready(c, false);
        if (l) {
            do_unit(c, l);
            continue;
        }
        c->n_asleep++;
        pthread_cond_wait(&c->work, &c->lock);
        c->n_asleep--;
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* The owner is one; and one helper there is always, as the owner does not do everything. */
static uint32_t helpers_wanted(void) {
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 2;
    return n < 2 ? 1 : n > MAX_HELPERS ? MAX_HELPERS : (uint32_t)n - 1;
}

struct crew *crew_new(void) {
    struct crew *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->work, NULL);
    pthread_cond_init(&c->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (uint32_t want = helpers_wanted(); c->n_helpers < want; c->n_helpers++)
        if (pthread_create(&c->helpers[c->n_helpers], NULL, help, c)) break;
    if (c->n_helpers) return c;
    crew_free(c);
    return NULL;
}

void crew_free(struct crew *c) {
    if (!c) return;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->lock);
    for (uint32_t i = 0; i < c->n_helpers; i++) pthread_join(c->helpers[i], NULL);
    pthread_cond_destroy(&c->work);
    pthread_cond_destroy(&c->done);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void crew_add(struct crew *c, struct crew_line *line) {
    pthread_mutex_lock(&c->lock);
    struct crew_line **at = &c->lines;
    while (*at) at = &(*at)->next;
    *at = line;
    pthread_mutex_unlock(&c->lock);
}

void crew_remove(struct crew *c, struct crew_line *line) {
    if (!c) return;
    pthread_mutex_lock(&c->lock);
    line->over = true;
    c->owner_asleep = true;
    while (line->busy) pthread_cond_wait(&c->done, &c->lock);
    c->owner_asleep = false;
    struct crew_line **at = &c->lines;
    while (*at && *at != line) at = &(*at)->next;
    if (*at) *at = line->next;
    pthread_mutex_unlock(&c->lock);
}

void crew_give(struct crew *c, struct crew_line *line, uint64_t n) {
    pthread_mutex_lock(&c->lock);
    line->given += n;
    wake_helper(c);
    pthread_mutex_unlock(&c->lock);
}

static bool is_late(int64_t until_ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 >= until_ms;
}

static void sleep_until(struct crew *c, int64_t until_ms) {
    struct timespec t = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    c->owner_asleep = true;
    if (until_ms < 0)
        pthread_cond_wait(&c->done, &c->lock);
    else
        pthread_cond_timedwait(&c->done, &c->lock, &t);
    c->owner_asleep = false;
}

enum crew_answer crew_wait(struct crew *c, struct crew_line *line, uint64_t done,
                           int64_t until_ms) {
    enum crew_answer answer = CREW_LATE;
    pthread_mutex_lock(&c->lock);
    for (;;) {
        if (line->done >= done)
            answer = CREW_DONE;
        else if (line->over)
            answer = CREW_OVER;
        else if (until_ms >= 0 && is_late(until_ms))
            answer = CREW_LATE;
        else {
            struct crew_line *l = is_ready(line, true) ? line : find_ready(c, true);
            if (l)
                do_unit(c, l);
            else
                sleep_until(c, until_ms);
            continue;
        }
        break;
    }
    wake_helper(c);
    pthread_mutex_unlock(&c->lock);
    return answer;
}
