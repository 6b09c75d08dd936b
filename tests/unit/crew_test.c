/* tests/unit/crew_test.c - a crew does the units of a line in order and one at a time, those of
 * several lines side by side, and leaves alone what would make its owner wait. */
#include "storage/src/crew.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "tests/unit/check.h"

enum { N_LINES = 5, UNITS = 20000, ENDS_AFTER = 777 };

struct counted {
    struct crew_line line;
    atomic_int inside; /* how many do a unit of it */
    uint64_t units;    /* by whoever has it: no lock, as one at a time */
    uint64_t most;     /* after so many there are no more */
    bool out_of_order, together;
};

static bool count(void *arg) {
    struct counted *c = arg;
    if (atomic_fetch_add(&c->inside, 1) != 0) c->together = true;
    if (c->units != c->line.done) c->out_of_order = true;
    bool more = c->units < c->most;
    c->units += more;
    atomic_fetch_sub(&c->inside, 1);
    return more;
}

static void add(struct crew *crew, struct counted *c, uint64_t most) {
    memset(c, 0, sizeof *c);
    c->line = (struct crew_line){.work = count, .arg = c};
    c->most = most;
    crew_add(crew, &c->line);
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void test_lines(void) {
    struct crew *crew = crew_new();
    CHECK(crew);
    struct counted lines[N_LINES];
    for (int i = 0; i < N_LINES; i++) add(crew, &lines[i], UINT64_MAX);
    for (uint64_t given = 0; given < UNITS; given += 100)
        for (int i = 0; i < N_LINES; i++) crew_give(crew, &lines[i].line, 100);
    for (int i = N_LINES - 1; i >= 0; i--)
        CHECK(crew_wait(crew, &lines[i].line, UNITS, -1) == CREW_DONE);
    for (int i = 0; i < N_LINES; i++) {
        CHECK(lines[i].units == UNITS && !lines[i].together && !lines[i].out_of_order);
        crew_remove(crew, &lines[i].line);
        crew_remove(crew, &lines[i].line);
    }
    crew_free(crew);
}

/* Whose work says that there is no more ends the wait; what is asked for before it is done. */
static void test_end(void) {
    struct crew *crew = crew_new();
    CHECK(crew);
    struct counted c;
    add(crew, &c, ENDS_AFTER);
    crew_give(crew, &c.line, 2 * ENDS_AFTER);
    CHECK(crew_wait(crew, &c.line, 1, -1) == CREW_DONE);
    CHECK(crew_wait(crew, &c.line, ENDS_AFTER + 1, -1) == CREW_OVER);
    CHECK(crew_wait(crew, &c.line, ENDS_AFTER, -1) == CREW_DONE);
    CHECK(c.units == ENDS_AFTER);
    crew_remove(crew, &c.line);
    crew_free(crew);
}

/* A line that waits for others than the crew, until it is let go. */
struct gate {
    struct crew_line line;
    atomic_bool open;
    atomic_int by_owner;
};
static _Thread_local bool is_owner;

static bool shut(void *arg) {
    return !atomic_load(&((struct gate *)arg)->open);
}
static bool pass(void *arg) {
    struct gate *g = arg;
    if (is_owner && shut(g)) atomic_fetch_add(&g->by_owner, 1);
    while (shut(g)) nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    return true;
}

static void test_clock(void) {
    struct crew *crew = crew_new();
    CHECK(crew);
    is_owner = true;
    struct gate g = {.line = {.work = pass, .waits = shut, .arg = &g}};
    struct counted beside;
    crew_add(crew, &g.line);
    add(crew, &beside, UINT64_MAX);
    crew_give(crew, &g.line, 3);
    int64_t began = now_ms();
    CHECK(crew_wait(crew, &g.line, 1, began + 30) == CREW_LATE);
    CHECK(now_ms() >= began + 30);
    CHECK(crew_wait(crew, &g.line, 1, began) == CREW_LATE);
    crew_give(crew, &beside.line, 10); /* whoever is free: the owner, as a helper is at the gate */
    CHECK(crew_wait(crew, &beside.line, 10, -1) == CREW_DONE);
    atomic_store(&g.open, true);
    CHECK(crew_wait(crew, &g.line, 3, -1) == CREW_DONE);
    CHECK(atomic_load(&g.by_owner) == 0);
    crew_remove(crew, &g.line);
    crew_remove(crew, &beside.line);
    crew_free(crew);
}

int main(void) {
    test_lines();
    test_end();
    for (int i = 0; i < 20; i++) test_clock();
    printf("3 passed, 0 failed\n");
    return 0;
}
