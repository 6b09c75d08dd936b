/* tests/unit/ring_kill_test.c - a program that records as fast as it can is killed at a random
 * moment; the file that it leaves never holds a wrong record.
 *
 * PARKVIEW_KILLS (default 12) times. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/ring_workload.h"

static void record_for_ever(const char *path, int ready, bool marks) {
    struct pv_options o = {.path = path, .ring_bytes = 1 << 20};
    if (pv_start(&o) < 0) _exit(1);
    work_begin(WORK_THREADS, marks);
    if (write(ready, "!", 1) != 1) _exit(1);
    for (;;) pause();
}

/* false: the program could not be started. */
static bool kill_one(const char *path, uint64_t *x, bool marks) {
    int ends[2];
    char byte;
    if (pipe(ends) < 0) return false;
    pid_t pid = fork();
    if (pid == 0) record_for_ever(path, ends[1], marks);
    close(ends[1]);
    bool ready = pid > 0 && read(ends[0], &byte, 1) == 1;
    close(ends[0]);
    if (pid < 0) return false;
    long ns = (long)(work_random(x) % 60000000);
    nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return ready;
}

int main(void) {
    const char *folder = getenv("TMPDIR"), *kills = getenv("PARKVIEW_KILLS");
    int n = kills ? (int)strtol(kills, NULL, 10) : 12, n_failed = 0, n_with_events = 0;
    char path[512];
    uint64_t x = (uint64_t)time(NULL) << 16 | (unsigned)getpid();
    uint64_t seed = x, events = 0;
    snprintf(path, sizeof path, "%s/kill.ring", folder ? folder : "/tmp");
    for (int i = 0; i < n; i++) {
        struct work_seen seen;
        struct fault f;
        bool ran = kill_one(path, &x, i % 2);
        work_check(path, &seen, &f);
        events += seen.events;
        n_with_events += seen.transitions > 100;
        if (ran && !seen.wrong[0] && f.code == 0 && seen.gaps == 0) continue;
        printf("failed: kill %d of seed %llu: ran %d, %s; fault %d \"%s\", %llu gaps\n", i,
               (unsigned long long)seed, ran, seen.wrong, f.code, f.text,
               (unsigned long long)seen.gaps);
        n_failed++;
    }
    if (n_with_events < n / 2) {
        printf("failed: only %d of %d files held events\n", n_with_events, n);
        n_failed++;
    }
    printf("%d kills, %llu events\n%d passed, %d failed\n", n, (unsigned long long)events,
           n + 1 - n_failed, n_failed);
    unlink(path);
    return n_failed != 0;
}
