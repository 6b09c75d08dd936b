/* tracer/runtime/src/netpoll.h - the poller, for those who read and write (net.c). */
#ifndef PARKVIEW_TRACER_RUNTIME_NETPOLL_H
#define PARKVIEW_TRACER_RUNTIME_NETPOLL_H

#include "tracer/runtime/src/rt.h"

enum poll_dir { POLL_READ, POLL_WRITE };

/* pv__poll_wait - g, the caller, waits until fd may be ready.  0 try again, -ECANCELED closed
 * meanwhile, -EBUSY somebody else waits for the same. */
int pv__poll_wait(struct g *g, int fd, enum poll_dir dir);
bool pv__poll_knows(int fd);
void pv__poll_forget(int fd); /* before it is closed: who waits gets -ECANCELED */

#endif
