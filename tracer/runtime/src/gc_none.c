/* tracer/runtime/src/gc_none.c - the build without a collector: collected memory is not to be had.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/runtime/src/rt.h"

#ifndef PARKVIEW_GC
int pv__gc_open(void) {
    return -ENOSYS;
}
void pv__gc_close(void) {}
void pv__gc_m_enter(struct m *m) {
    (void)m;
}
void pv__gc_m_leave(struct m *m) {
    (void)m;
}
void *pv_alloc(size_t bytes) {
    return (void)bytes, NULL;
}
void *pv_alloc_atomic(size_t bytes) {
    return (void)bytes, NULL;
}
void pv_gc(void) {}
void *pv__scanned_alloc(size_t bytes, bool *collected) {
    *collected = false;
    return calloc(1, bytes);
}
void pv__scanned_free(void *memory, bool collected) {
    (void)collected;
    free(memory);
}

void pv_gc_stats(struct pv_gc_stats *stats) {
    memset(stats, 0, sizeof *stats);
}

int pv__gc_thread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
                         void *arg) {
    return pthread_create(thread, attr, fn, arg);
}
#endif
