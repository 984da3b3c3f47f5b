/* SPDX-License-Identifier: MIT */
/* Opening of the sockets that the gateway listens on. Blocking calls, all of them local and short. */
#include "fs/door_http/listener.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Who knocks while so many wait sends its SYN again after a second. The kernel cuts it at net.core.somaxconn. */
#define BACKLOG 4096

#define PORTS_NEXT 100 /* how many ports above a taken one are tried before the kernel may choose */

/* ---- TCP */

static int parse_address(const char *where, struct sockaddr_storage *out, socklen_t *len, struct err *e)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    const char *colon = strrchr(where, ':');
    char host[64], *end = NULL;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;

    if (!colon || colon[1] < '0' || colon[1] > '9' || *end || port > 65535 ||
        (size_t)(colon - where) >= sizeof host)
        return err_set(e, -EINVAL, "listen \"%s\" is not HOST:PORT or unix:PATH", where);
    memcpy(host, where, (size_t)(colon - where));
    host[colon - where] = '\0';
    memset(out, 0, sizeof *out);
    size_t n = strlen(host);
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        six->sin6_family = AF_INET6;
        six->sin6_port = htons((uint16_t)port);
        *len = sizeof *six;
        if (inet_pton(AF_INET6, host + 1, &six->sin6_addr) == 1)
            return 0;
    } else {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        *len = sizeof *four;
        if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &four->sin_addr) == 1)
            return 0;
    }
    return err_set(e, -EINVAL, "listen \"%s\": the host is no IP address", where);
}

static uint16_t *port_of(struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)a)->sin6_port
                                    : &((struct sockaddr_in *)a)->sin_port;
}

/* Returns the descriptor or a negative errno. */
static int try_address(const struct sockaddr_storage *a, socklen_t len)
{
    int one = 1;
    int fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    /* Only for ports in TIME-WAIT: on Linux two listeners never share one by it. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (a->ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)a, len) < 0 || listen(fd, BACKLOG) < 0) {
        int rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

/* "All addresses" is none that a program connects to. */
static void become_reachable(struct sockaddr_storage *a)
{
    struct sockaddr_in *four = (struct sockaddr_in *)a;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)a;

    if (a->ss_family == AF_INET && four->sin_addr.s_addr == htonl(INADDR_ANY))
        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else if (a->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
        six->sin6_addr = in6addr_loopback;
}

static char *tcp_url(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    char host[INET6_ADDRSTRLEN];

    if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        return NULL;
    become_reachable(&a);
    if (a.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&a)->sin6_addr, host, sizeof host);
    else
        inet_ntop(AF_INET, &((struct sockaddr_in *)&a)->sin_addr, host, sizeof host);
    return xasprintf(a.ss_family == AF_INET6 ? "http://[%s]:%u" : "http://%s:%u", host,
                     (unsigned)ntohs(*port_of(&a)));
}

static int open_tcp(const char *where, bool asked, struct listen_socket *out, struct err *e)
{
    struct sockaddr_storage a;
    socklen_t len = 0; /* parse_address() sets it where it succeeds, which gcc 12 does not see */
    int rc = parse_address(where, &a, &len, e);

    if (rc < 0)
        return rc;
    unsigned first = ntohs(*port_of(&a));
    int fd = try_address(&a, len);
    for (unsigned i = 1; fd == -EADDRINUSE && !asked && first > 0 && i <= PORTS_NEXT; i++) {
        *port_of(&a) = htons(first + i <= 65535 && i < PORTS_NEXT ? (uint16_t)(first + i) : 0);
        fd = try_address(&a, len);
    }
    if (fd == -EADDRINUSE)
        return err_set(e, fd,
                       "%s is taken by another program; "
                       "give `listen` in [gateway] another port, or none",
                       where);
    if (fd < 0)
        return err_set(e, fd, "cannot listen on %s: %s", where, strerror(-fd));
    *out = (struct listen_socket){ .fd = fd, .url = tcp_url(fd) };
    return 0;
}

/* ---- Unix */

/* A file that is there already: 0 where it is a dead socket and was removed. */
static int clear_way(const struct sockaddr_un *a, struct err *e)
{
    struct stat st;
    int rc = 0;

    if (lstat(a->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : err_set(e, -errno, "%s: %s", a->sun_path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, -EEXIST, "%s is there already and is no socket; move it away, or change `listen`",
                       a->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(e, -errno, "no socket to try %s with: %s", a->sun_path, strerror(errno));
    if (connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 || errno != ECONNREFUSED)
        rc = err_set(e, -EADDRINUSE, "%s is taken by another program; change `listen` in [gateway]",
                     a->sun_path);
    else if (unlink(a->sun_path) < 0)
        rc = err_set(e, -errno, "cannot replace the dead socket %s: %s", a->sun_path, strerror(errno));
    close(fd);
    return rc;
}

static char *unix_url(const char *path)
{
    struct buf url = { 0 };

    buf_adds(&url, "http+unix://");
    for (const char *p = path; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                     strchr("-._~", *p);
        if (plain)
            buf_add(&url, p, 1);
        else
            buf_addf(&url, "%%%02X", (unsigned)(unsigned char)*p);
    }
    return buf_take(&url);
}

static int open_unix(const char *path, struct listen_socket *out, struct err *e)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    struct stat st = { 0 };

    if (path[0] != '/')
        return err_set(e, -EINVAL, "listen \"unix:%s\" needs an absolute path", path);
    if (strlen(path) >= sizeof a.sun_path)
        return err_set(e, -ENAMETOOLONG, "listen \"unix:%s\": a socket's path has at most %zu bytes", path,
                       sizeof a.sun_path - 1);
    memcpy(a.sun_path, path, strlen(path));
    int rc = clear_way(&a, e);
    if (rc < 0)
        return rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* bind() makes the file with the mode of the descriptor: there is no moment in which others may connect.
     */
    if (fd < 0 || fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) < 0 ||
        lstat(path, &st) < 0 || listen(fd, BACKLOG) < 0) {
        rc = err_set(e, -errno, "cannot listen on unix:%s: %s", path, strerror(errno));
        if (st.st_ino)
            unlink(path);
        if (fd >= 0)
            close(fd);
        return rc;
    }
    *out = (struct listen_socket){
        .fd = fd, .path = xstrdup(path), .dev = st.st_dev, .ino = st.st_ino, .url = unix_url(path)
    };
    return 0;
}

/* ---- Inherited */

static bool is_far(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    const struct sockaddr_in *four = (const struct sockaddr_in *)&a;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)&a)->sin6_addr;

    if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
        return true;
    if (a.ss_family == AF_INET)
        return ntohl(four->sin_addr.s_addr) >> 24 != 127;
    if (a.ss_family == AF_INET6)
        return !IN6_IS_ADDR_LOOPBACK(six) && !(IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
    return a.ss_family != AF_UNIX;
}

/* A socket that systemd listens on for us (sd_listen_fds(3)). Its file, if it has one, is systemd's too. */
static int open_inherited(const char *number, struct listen_socket *out, struct err *e)
{
    int fd = atoi(number), listening = 0;
    struct sockaddr_un a = { 0 };
    socklen_t len = sizeof listening;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
        return err_set(e, -EINVAL, "descriptor %d, which was to be listened on, is no socket that listens",
                       fd);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    *out = (struct listen_socket){ .fd = fd, .far = is_far(fd) };
    len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) == 0 && a.sun_family == AF_UNIX) {
        out->path = xstrndup(a.sun_path, sizeof a.sun_path);
        out->url = unix_url(out->path);
    } else {
        out->url = tcp_url(fd);
    }
    return 0;
}

int listen_open(const char *where, bool asked, struct listen_socket *out, struct err *e)
{
    if (strncmp(where, "unix:", 5) == 0)
        return open_unix(where + 5, out, e);
    if (strncmp(where, "fd:", 3) == 0)
        return open_inherited(where + 3, out, e);
    return open_tcp(where, asked, out, e);
}

void listen_close(struct listen_socket *s)
{
    struct stat st;

    if (s->path && lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
        unlink(s->path);
    if (s->fd >= 0)
        close(s->fd);
    free(s->path);
    free(s->url);
    *s = (struct listen_socket){ .fd = -1 };
}
