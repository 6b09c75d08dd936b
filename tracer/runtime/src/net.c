/* tracer/runtime/src/net.c - reading, writing, accepting and connecting as goroutines do it. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tracer/runtime/src/netpoll.h"

static bool would_block(int error) {
    return error == EAGAIN || error == EWOULDBLOCK;
}

static int address_of(const char *address, uint16_t port, struct sockaddr_in *to) {
    memset(to, 0, sizeof *to);
    to->sin_family = AF_INET;
    to->sin_port = htons(port);
    return inet_pton(AF_INET, address, &to->sin_addr) == 1 ? 0 : -EINVAL;
}

static int give_up(int fd, int error) {
    close(fd);
    return -error;
}

int pv_listen(const char *address, uint16_t port) {
    struct sockaddr_in at;
    int one = 1;
    if (address_of(address, port, &at) < 0) return -EINVAL;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0)
        return give_up(fd, errno);
    int rc = pv_poll_add(fd);
    return rc < 0 ? give_up(fd, -rc) : fd;
}

int pv_local_port(int fd) {
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &n) < 0) return -errno;
    return ntohs(at.sin_port);
}

/* What Go does too: small answers are not held back for more. */
static int adopt(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int rc = pv_poll_add(fd);
    return rc < 0 ? give_up(fd, -rc) : fd;
}

int pv_accept(int listener) {
    struct g *g = g_self();
    if (!g) return -EPERM;
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) return adopt(fd);
        if (pv__errno() == EINTR || pv__errno() == ECONNABORTED) continue;
        if (!would_block(pv__errno())) return -pv__errno();
        int rc = pv__poll_wait(g, listener, POLL_READ);
        if (rc < 0) return rc;
    }
}

int pv_connect(const char *address, uint16_t port) {
    struct g *g = g_self();
    struct sockaddr_in to;
    if (!g) return -EPERM;
    if (address_of(address, port, &to) < 0) return -EINVAL;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -pv__errno();
    fd = adopt(fd);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
    int error = pv__errno();
    while (error == EINPROGRESS || error == EALREADY || error == EINTR) {
        struct sockaddr_in peer;
        socklen_t n = sizeof error, n_peer = sizeof peer;
        int rc = pv__poll_wait(g, fd, POLL_WRITE);
        if (rc < 0)
            error = -rc;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
            error = pv__errno();
        else if (error == 0 && getpeername(fd, (struct sockaddr *)&peer, &n_peer) == 0)
            return fd;
        else if (error == 0)
            error = EINPROGRESS; /* an edge of before the connect */
    }
    pv_close(fd);
    return -error;
}

ssize_t pv_read(int fd, void *to, size_t n) {
    struct g *g = g_self();
    if (!g) return -EPERM;
    if (!pv__poll_knows(fd)) {
        pv_syscall_begin();
        ssize_t got = read(fd, to, n);
        int error = pv__errno();
        pv_syscall_end();
        return got < 0 ? -error : got;
    }
    for (;;) {
        ssize_t got = read(fd, to, n);
        if (got >= 0) return got;
        if (pv__errno() == EINTR) continue;
        if (!would_block(pv__errno())) return -pv__errno();
        int rc = pv__poll_wait(g, fd, POLL_READ);
        if (rc < 0) return rc;
    }
}

static ssize_t write_blocking(int fd, const char *from, size_t n) {
    size_t done = 0;
    int error = 0;
    pv_syscall_begin();
    while (done < n && !error) {
        ssize_t put = write(fd, from + done, n - done);
        if (put >= 0)
            done += (size_t)put;
        else if (pv__errno() != EINTR)
            error = pv__errno();
    }
    pv_syscall_end();
    return error ? -error : (ssize_t)done;
}

/* A peer that closed is an error here, and no signal: sockets are written with MSG_NOSIGNAL. */
static ssize_t put(int fd, const void *from, size_t n) {
    ssize_t sent = send(fd, from, n, MSG_NOSIGNAL);
    return sent < 0 && pv__errno() == ENOTSOCK ? write(fd, from, n) : sent;
}

ssize_t pv_write(int fd, const void *from, size_t n) {
    struct g *g = g_self();
    size_t done = 0;
    if (!g) return -EPERM;
    if (!pv__poll_knows(fd)) return write_blocking(fd, from, n);
    while (done < n) {
        ssize_t sent = put(fd, (const char *)from + done, n - done);
        if (sent >= 0) {
            done += (size_t)sent;
        } else if (would_block(pv__errno())) {
            int rc = pv__poll_wait(g, fd, POLL_WRITE);
            if (rc < 0) return rc;
        } else if (pv__errno() != EINTR) {
            return -pv__errno();
        }
    }
    return (ssize_t)done;
}

int pv_close(int fd) {
    if (fd < 0) return -EBADF;
    pv__poll_forget(fd);
    return close(fd) < 0 ? -errno : 0;
}
