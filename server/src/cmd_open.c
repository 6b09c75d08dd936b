/* server/src/cmd_open.c - `parkview open`: serves traces and opens the browser.
 * Not here    the server (server.c), imports (imports.c). */
#include "server/src/commands.h"
#include "server/src/options.h"
#include "server/src/server_life.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_WORD_MS = 300 };

static atomic_int stop_serving;
/* Held while the server is woken: it does not end under the hands of who wakes it. */
static pthread_mutex_t wake_lock = PTHREAD_MUTEX_INITIALIZER;

/* The first Ctrl-C (or SIGTERM) ends the server in order, the second one at once. */
static void *wait_for_signals(void *arg) {
    struct server *s = arg;
    sigset_t set;
    int which;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    while (sigwait(&set, &which) != 0) {
    }
    pthread_mutex_lock(&wake_lock);
    if (!atomic_exchange(&stop_serving, 1)) lws_cancel_service(s->lws);
    pthread_mutex_unlock(&wake_lock);
    while (sigwait(&set, &which) != 0) {
    }
    _exit(128 + which);
}

static void block_signals(int how) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(how, &set, NULL);
}

/* Starts the first program of the list that there is; does not wait for it. */
static void open_browser(const char *url) {
    static const char *const programs[] = {"xdg-open", "sensible-browser", "x-www-browser",
                                           "firefox", "chromium"};
    if (!getenv("DISPLAY") && !getenv("WAYLAND_DISPLAY")) return;
    pid_t child = fork();
    if (child != 0) return;
    setsid();
    block_signals(SIG_UNBLOCK);
    signal(SIGPIPE, SIG_DFL);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++) dup2(null, fd);
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        execlp(programs[i], programs[i], url, (char *)NULL);
    _exit(127);
}

static int serve(struct server *s, bool browser) {
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/?token=%s", s->port, s->token);
    if (puts(url) < 0 || fflush(stdout) != 0) {
        perror("parkview: standard output");
        return EXIT_CANNOT_OPEN;
    }
    pthread_t signals;
    if (pthread_create(&signals, NULL, wait_for_signals, s) != 0) return EXIT_CANNOT_OPEN;
    pthread_detach(signals);
    signal(SIGCHLD, SIG_IGN); /* the browser's launcher is not waited for */
    if (browser) open_browser(url);
    server_run(s, &stop_serving);
    pthread_mutex_lock(&wake_lock);
    atomic_store(&stop_serving, 1);
    pthread_mutex_unlock(&wake_lock);
    return EXIT_FINE;
}

/* The worst that happened to the files: what the shell is told at the end. */
static int status_of_files(struct server *s, int n_files) {
    int status = EXIT_FINE, n_failed = 0, n = 0;
    struct trace *t;
    for (; n < n_files && (t = trace_get(s, n)); n++) {
        pthread_mutex_lock(&t->lock);
        if (t->state == TRACE_FAILED && !atomic_load(&t->stop)) n_failed++;
        if (t->state == TRACE_READY && t->fault.code) status = EXIT_DAMAGED;
        pthread_mutex_unlock(&t->lock);
    }
    return n && n_failed == n ? EXIT_CANNOT_OPEN : status;
}

static int open_files(struct server *s, int n, char **files, const struct trace_options *o) {
    for (int i = 0; i < n; i++) {
        if (!trace_add(s, files[i], o)) {
            fprintf(stderr, "parkview: open: no more than %d files\n", MAX_TRACES);
            return EXIT_USAGE;
        }
    }
    /* Of a file that cannot be opened at all nothing could be shown; the reason is told by then. */
    bool any = n == 0;
    for (int i = 0; i < n && !any; i++)
        any = trace_first_word(trace_get(s, i), FIRST_WORD_MS) != TRACE_FAILED;
    return any ? EXIT_FINE : EXIT_CANNOT_OPEN;
}

int cmd_open(int argc, char **argv) {
    int64_t port = 0;
    bool no_browser = false, strict = false;
    const char *assets_dir = NULL;
    const struct opt opts[] = {{"--port", OPT_INT, &port, NULL},
                               {"--no-browser", OPT_FLAG, &no_browser, NULL},
                               {"--strict", OPT_FLAG, &strict, NULL},
                               {"--assets", OPT_TEXT, &assets_dir, NULL},
                               {0}};
    int n = options_parse(argc, argv, opts);
    if (n < 0) return EXIT_USAGE;
    if (port > 65535) {
        fprintf(stderr, "parkview: open: there is no port %lld; ports end at 65535\n",
                (long long)port);
        return EXIT_USAGE;
    }
    block_signals(SIG_BLOCK);
    static struct server server; /* an import that waits for a pipe may outlive this call */
    int status = EXIT_CANNOT_OPEN;
    if (server_start(&server, (int)port, assets_dir) == 0) {
        status = open_files(&server, n, argv + 1, &(struct trace_options){.strict = strict});
        if (status == EXIT_FINE) status = serve(&server, !no_browser);
        if (status == EXIT_FINE) status = status_of_files(&server, n);
    }
    server_end(&server);
    return status;
}
