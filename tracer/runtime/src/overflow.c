/* tracer/runtime/src/overflow.c - a goroutine that ran into its guard page is named before the
 * program ends; without this it would be a bare "Segmentation fault".
 *
 * Only where nobody else handles SIGSEGV (a sanitizer, the program itself).  The handler needs a
 * stack of its own, as the goroutine's is what is full. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tracer/runtime/src/rt.h"

enum { SIGNAL_STACK = 32 << 10 };

static void on_fault(int sig, siginfo_t *info, void *context) {
    struct m *m = pv__this_m;
    struct g *g = m ? m_g(m) : NULL;
    const char *at = info->si_addr;
    char text[160];
    (void)context;
    if (g && at < g->fiber.lo && at >= pv__g_guard(g)) {
        int n = snprintf(text, sizeof text,
                         "goroutine %" PRIu64
                         ": its stack of %zu bytes is full (pv_run_options.stack_bytes)\n",
                         g->rec.id, (size_t)(pv__g_end(g) - pv__g_guard(g)));
        if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0) return;
    }
    signal(sig, SIG_DFL); /* the instruction is tried again, and ends the program */
}

void pv__overflow_open(void) {
    struct sigaction now, ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    if (sigaction(SIGSEGV, NULL, &now) < 0 || (now.sa_flags & SA_SIGINFO) ||
        now.sa_handler != SIG_DFL)
        return;
    sigaction(SIGSEGV, &ours, NULL);
}

void pv__overflow_close(void) {
    struct sigaction now;
    if (sigaction(SIGSEGV, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
        now.sa_sigaction == on_fault)
        signal(SIGSEGV, SIG_DFL);
}

void pv__overflow_m_enter(struct m *m) {
    stack_t before;
    if (sigaltstack(NULL, &before) < 0 || !(before.ss_flags & SS_DISABLE)) return;
    m->signal_stack = malloc(SIGNAL_STACK);
    stack_t ours = {.ss_sp = m->signal_stack, .ss_size = SIGNAL_STACK};
    if (m->signal_stack) sigaltstack(&ours, NULL);
}

void pv__overflow_m_leave(struct m *m) {
    stack_t none = {.ss_flags = SS_DISABLE};
    if (!m->signal_stack) return;
    sigaltstack(&none, NULL);
    free(m->signal_stack);
    m->signal_stack = NULL;
}
