/* storage/src/crew.h - as many threads as there are processors, and the work that they share.
 *
 * Work stands in lines.  The units of one line are done in order and one at a time, each by whoever
 * is free; those of different lines side by side.  The owner, whose thread made the crew, works
 * along while it waits.
 * Why         A thread a stage leaves the system to guess who runs where.  With eight threads that
 *             wake each other on two processors, one of these stood still for a quarter of an
 *             import while somebody waited for the other.  Who never sleeps is never misplaced. */
#ifndef PARKVIEW_STORAGE_CREW_H
#define PARKVIEW_STORAGE_CREW_H

#include <stdbool.h>
#include <stdint.h>

struct crew;

struct crew_line {
    bool (*work)(void *arg); /* does a unit; false: there was none, nor will be */
    void *arg;
    /* For the owner, who has a clock to watch: would work wait for others than the crew?  NULL: it
     * never does.  Asked while no unit is being done. */
    bool (*waits)(void *arg);
    /* The crew's, from crew_add to crew_remove: */
    uint64_t given, done; /* units.  work may look at done */
    bool busy, over;
    struct crew_line *next;
};

/* crew_new - NULL: out of memory, or of threads. */
struct crew *crew_new(void);
/* crew_free - its lines must be removed before. */
void crew_free(struct crew *c);

/* What follows is for the owner, or for a unit's work on another line than its own. */

/* crew_add - *line says what work is, and is zero otherwise.  Who may choose takes the line that
 * was added first. */
void crew_add(struct crew *c, struct crew_line *line);
/* crew_remove - waits for the unit that is being done; the others are dropped.  Harmless after the
 * line was removed, or when it never was added. */
void crew_remove(struct crew *c, struct crew_line *line);
/* crew_give - n more units to do. */
void crew_give(struct crew *c, struct crew_line *line, uint64_t n);

enum crew_answer { CREW_DONE, CREW_LATE, CREW_OVER };
/* crew_wait - for the owner: until `done` units of the line are done, or no more will be.
 * until_ms: by CLOCK_MONOTONIC, more or less; < 0 = however long it takes. */
enum crew_answer crew_wait(struct crew *c, struct crew_line *line, uint64_t done, int64_t until_ms);

#endif
