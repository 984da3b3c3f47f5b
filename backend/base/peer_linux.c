/* SPDX-License-Identifier: MIT */
#include "backend/base/peer.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct question {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
};

/* A v4 address in v6 clothes is a v4 connection for the kernel's tables. */
static bool is_mapped(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

static void put_address(const struct sockaddr_storage *a, __be32 out[4], __be16 *port)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
    const struct sockaddr_in *four = (const struct sockaddr_in *)a;

    if (a->ss_family == AF_INET) {
        memcpy(out, &four->sin_addr, 4);
        *port = four->sin_port;
    } else {
        if (is_mapped(a))
            memcpy(out, six->sin6_addr.s6_addr + 12, 4);
        else
            memcpy(out, &six->sin6_addr, 16);
        *port = six->sin6_port;
    }
}

/* Seen from the client's side: its source is our peer. */
static void compose(struct question *q, const struct sockaddr_storage *client,
                    const struct sockaddr_storage *ours)
{
    *q = (struct question){
        .header = { .nlmsg_len = sizeof *q, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST },
        .body = { .sdiag_protocol = IPPROTO_TCP,
                  .idiag_states = ~0u,
                  .id.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } },
    };
    q->body.sdiag_family = client->ss_family == AF_INET || is_mapped(client) ? AF_INET : AF_INET6;
    put_address(client, q->body.id.idiag_src, &q->body.id.idiag_sport);
    put_address(ours, q->body.id.idiag_dst, &q->body.id.idiag_dport);
}

/* The kernel answers a question about one socket within send(2): the answer is there, or none will come, and
 * the loop does not wait for one. */
static int read_answer(int nl, bool listener, uid_t *uid)
{
    union {
        struct nlmsghdr header;
        char bytes[8192];
    } in;
    ssize_t n = recv(nl, &in, sizeof in, MSG_DONTWAIT);

    if (n < 0)
        return -errno;
    if (!NLMSG_OK(&in.header, (size_t)n))
        return -EPROTO;
    if (in.header.nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *err = NLMSG_DATA(&in.header);
        return err->error == -ENOENT ? -ENOTCONN : err->error ? err->error : -EPROTO;
    }
    if (in.header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        in.header.nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
        return -EPROTO;
    const struct inet_diag_msg *m = NLMSG_DATA(&in.header);
    /* Where no connection has this pair of addresses any more, the kernel names who listens at the client's
     * address, if somebody does. */
    if ((m->idiag_state == TCP_LISTEN) != listener)
        return -ENOTCONN;
    if (m->idiag_inode == 0)
        return -ENOTCONN; /* closed already: its uid reads 0, which is nobody's proof of being root */
    *uid = m->idiag_uid;
    return 0;
}

static int ask(const struct sockaddr_storage *whose, const struct sockaddr_storage *other, bool listener,
               uid_t *uid)
{
    struct question q;

    int nl = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (nl < 0)
        return -errno;
    compose(&q, whose, other);
    int rc = send(nl, &q, sizeof q, 0) < 0 ? -errno : read_answer(nl, listener, uid);
    close(nl);
    return rc;
}

static int tcp_uid(int fd, const struct sockaddr_storage *client, uid_t *uid)
{
    struct sockaddr_storage ours;
    socklen_t len = sizeof ours;

    if (getsockname(fd, (struct sockaddr *)&ours, &len) < 0)
        return -errno;
    return ask(client, &ours, false, uid);
}

int listener_uid(const struct sockaddr_storage *where, uid_t *uid)
{
    const struct sockaddr_storage nobody = { .ss_family = where->ss_family };

    return ask(where, &nobody, true, uid);
}

int peer_uid(int fd, uid_t *uid)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    struct ucred cred;
    socklen_t cred_len = sizeof cred;

    if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
        return -errno;
    if (peer.ss_family != AF_UNIX)
        return tcp_uid(fd, &peer, uid);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) < 0)
        return -errno;
    *uid = cred.uid;
    return 0;
}

/* Whoever connects to an address of his own machine has that address himself, or one of loopback. */
bool peer_is_here(int fd)
{
    struct sockaddr_storage peer, ours;
    socklen_t len = sizeof peer, ours_len = sizeof ours;
    __be32 a[4] = { 0 }, b[4] = { 0 };
    __be16 port;

    if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 ||
        getsockname(fd, (struct sockaddr *)&ours, &ours_len) < 0)
        return false;
    if (peer.ss_family != AF_INET && peer.ss_family != AF_INET6)
        return true;
    put_address(&peer, a, &port);
    put_address(&ours, b, &port);
    bool four = peer.ss_family == AF_INET || is_mapped(&peer);
    return memcmp(a, b, four ? 4 : 16) == 0 || (four && ntohl(a[0]) >> 24 == 127);
}
