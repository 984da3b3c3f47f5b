/* SPDX-License-Identifier: MIT */
/* See mux.h. What is sent is one row of bytes (hello and request), then the descriptors, each with one byte
 * of its own: the master reads exactly one packet, then one byte and one descriptor at a time, and waits for
 * them without looking after anything else (mux.c, mm_receive_fd). So nothing may come between, and nothing
 * is sent before all of it is ready. */
#include "backend/transport/mux.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- Packets. */

static void put_u32(struct buf *b, uint32_t v)
{
    v = htonl(v);
    buf_add(b, &v, sizeof v);
}

static void put_string(struct buf *b, const char *s)
{
    put_u32(b, (uint32_t)strlen(s));
    buf_adds(b, s);
}

static void put_packet(struct buf *b, struct buf *body)
{
    put_u32(b, (uint32_t)body->len);
    buf_add(b, body->data, body->len);
    buf_free(body);
}

void mux_put_hello(struct buf *b)
{
    struct buf p = { 0 };

    put_u32(&p, MUX_HELLO);
    put_u32(&p, MUX_VERSION);
    put_packet(b, &p);
}

void mux_put_alive_check(struct buf *b, uint32_t id)
{
    struct buf p = { 0 };

    put_u32(&p, MUX_C_ALIVE_CHECK);
    put_u32(&p, id);
    put_packet(b, &p);
}

void mux_put_new_session(struct buf *b, uint32_t id, const char *command)
{
    struct buf p = { 0 };

    put_u32(&p, MUX_C_NEW_SESSION);
    put_u32(&p, id);
    put_string(&p, "");      /* reserved */
    put_u32(&p, 0);          /* terminal */
    put_u32(&p, 0);          /* X11 */
    put_u32(&p, 0);          /* agent */
    put_u32(&p, 0);          /* subsystem */
    put_u32(&p, UINT32_MAX); /* no escape character */
    put_string(&p, "");      /* terminal type */
    put_string(&p, command);
    put_packet(b, &p);
}

void mux_put_stdio_forward(struct buf *b, uint32_t id, const char *host, uint32_t port)
{
    struct buf p = { 0 };

    put_u32(&p, MUX_C_NEW_STDIO_FWD);
    put_u32(&p, id);
    put_string(&p, ""); /* reserved */
    put_string(&p, host);
    put_u32(&p, port); /* PROTOCOL.mux says string; mux.c reads a number */
    put_packet(b, &p);
}

/* What is left of a packet; ok turns false where it was too short, and stays so. */
struct rest {
    const char *p;
    size_t len;
    bool ok;
};

static uint32_t take_u32(struct rest *r)
{
    uint32_t v;

    if (r->len < sizeof v) {
        r->ok = false;
        return 0;
    }
    memcpy(&v, r->p, sizeof v);
    r->p += sizeof v;
    r->len -= sizeof v;
    return ntohl(v);
}

static const char *take_string(struct rest *r, size_t *len)
{
    const char *s;
    size_t n = take_u32(r);

    if (!r->ok || r->len < n) {
        r->ok = false;
        return NULL;
    }
    s = r->p;
    r->p += n;
    r->len -= n;
    *len = n;
    return s;
}

int mux_get(const char *data, size_t len, struct mux_packet *out, size_t *used, struct err *e)
{
    struct rest r = { data, len, true };
    struct mux_packet p = { 0 };
    size_t skipped;
    size_t body;

    if (len < 4)
        return -EAGAIN;
    body = take_u32(&r);
    if (body < 4 || body > MUX_PACKET_MAX)
        return err_set(e, -EPROTO, "ssh's control socket sent a packet of %zu bytes", body);
    if (len - 4 < body)
        return -EAGAIN;
    r.len = body;
    p.type = take_u32(&r);
    switch (p.type) {
    case MUX_HELLO:
        p.value = take_u32(&r);
        while (r.ok && r.len > 0) { /* extensions: name and value */
            take_string(&r, &skipped);
            take_string(&r, &skipped);
        }
        break;
    case MUX_S_PERMISSION_DENIED:
    case MUX_S_FAILURE:
        p.id = take_u32(&r);
        p.text = take_string(&r, &p.text_len);
        break;
    case MUX_S_EXIT_MESSAGE:
    case MUX_S_ALIVE:
    case MUX_S_SESSION_OPENED:
        p.id = take_u32(&r);
        p.value = take_u32(&r);
        break;
    case MUX_S_TTY_ALLOC_FAIL:
        p.id = take_u32(&r);
        break;
    default:
        return err_set(e, -EPROTO, "ssh's control socket sent a packet of the unknown type 0x%08x", p.type);
    }
    if (!r.ok)
        return err_set(e, -EPROTO, "ssh's control socket sent a malformed packet of type 0x%08x", p.type);
    *used = 4 + body;
    *out = p;
    return 0;
}

/* ---- A connection. */

#define BUSY_RETRY_MS 20 /* the master's queue of connections, 64 long, is full */

struct mux {
    uv_loop_t *loop;
    uv_poll_t poll;
    struct timer *timer; /* the next attempt to connect, or the report of an error that was there at once */
    struct sockaddr_un addr;
    int fd;
    bool polling; /* poll is initialised */
    bool closed;  /* mux_close() was called; the memory goes when the handles are closed */
    bool greeted; /* its hello came */
    mux_f cb;
    void *arg;

    uint32_t id;    /* of the last request */
    struct buf out; /* to be sent, then the descriptors */
    int fds[3];
    int n_fds, sent_fds;
    struct buf in;

    int rc; /* an error that is to be told */
    struct err why;
};

static void forget_fds(struct mux *m)
{
    for (int i = m->sent_fds; i < m->n_fds; i++)
        close(m->fds[i]);
    m->n_fds = m->sent_fds = 0;
}

static void release(struct mux *m)
{
    buf_free(&m->out);
    buf_free(&m->in);
    free(m);
}

static void poll_closed_cb(uv_handle_t *h)
{
    release(h->data);
}

void mux_close(struct mux *m)
{
    if (!m || m->closed)
        return;
    m->closed = true;
    forget_fds(m);
    timer_destroy(m->timer);
    if (m->polling)
        uv_close((uv_handle_t *)&m->poll, poll_closed_cb);
    if (m->fd >= 0)
        close(m->fd);
    if (!m->polling)
        release(m);
}

static void tell(struct mux *m, struct mux_event ev)
{
    if (!ev.text)
        ev.text = "";
    m->cb(m->arg, &ev);
}

/* The end, by rc. Nothing is heard of the connection after it. */
static void end(struct mux *m, int rc)
{
    uv_poll_stop(&m->poll);
    tell(m, (struct mux_event){ .kind = MUX_CLOSED, .rc = rc, .text = m->why.text });
}

static ssize_t send_fd(int sock, int fd)
{
    char byte = 0;
    struct iovec iov = { &byte, 1 };
    union {
        struct cmsghdr h;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    return sendmsg(sock, &msg, MSG_NOSIGNAL);
}

/* 0, or a negative errno; what the socket does not take stays for the next time. */
static int send_some(struct mux *m)
{
    while (m->out.len > 0) {
        ssize_t n = send(m->fd, m->out.data, m->out.len, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        buf_consume(&m->out, (size_t)n);
    }
    while (m->sent_fds < m->n_fds) {
        if (send_fd(m->fd, m->fds[m->sent_fds]) < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        close(m->fds[m->sent_fds++]);
    }
    return 0;
}

static int take_packet(struct mux *m, const struct mux_packet *p)
{
    struct ucred peer = { 0 };
    socklen_t size = sizeof peer;
    struct err text;

    if (!m->greeted) {
        if (p->type != MUX_HELLO || p->value != MUX_VERSION)
            return err_set(&m->why, -EPROTO,
                           "ssh's control socket speaks another protocol (type 0x%08x, version %u)", p->type,
                           p->value);
        m->greeted = true;
        return 0;
    }
    switch (p->type) {
    case MUX_S_ALIVE:
        getsockopt(m->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
        tell(m, (struct mux_event){ .kind = MUX_ALIVE, .pid = peer.pid == (pid_t)p->value ? peer.pid : 0 });
        return 0;
    case MUX_S_EXIT_MESSAGE:
        tell(m, (struct mux_event){ .kind = MUX_EXITED, .status = (int)(p->value & 255) });
        return 0;
    case MUX_S_TTY_ALLOC_FAIL: /* none was asked for */
        return 0;
    case MUX_S_SESSION_OPENED:
    case MUX_S_PERMISSION_DENIED:
    case MUX_S_FAILURE:
        if (p->id != m->id)
            return err_set(&m->why, -EPROTO, "ssh's control socket answered request %u, asked was %u", p->id,
                           m->id);
        err_set(&text, 0, "%.*s", (int)p->text_len, p->text ? p->text : "");
        tell(m, (struct mux_event){ .kind = p->type == MUX_S_SESSION_OPENED ? MUX_OPENED : MUX_REFUSED,
                                    .denied = p->type == MUX_S_PERMISSION_DENIED,
                                    .text = text.text });
        return 0;
    default:
        return err_set(&m->why, -EPROTO, "ssh's control socket sent an unexpected packet of type 0x%08x",
                       p->type);
    }
}

/* 1 where the master closed it, 0, or a negative errno. The owner may have closed m when it returns. */
static int receive(struct mux *m)
{
    char chunk[4096];

    while (!m->closed) {
        ssize_t n = recv(m->fd, chunk, sizeof chunk, 0);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR
                       ? 0
                       : err_set(&m->why, -errno, "ssh's control socket: %s", strerror(errno));
        if (n == 0)
            return 1;
        buf_add(&m->in, chunk, (size_t)n);
        while (!m->closed) {
            struct mux_packet p;
            size_t used;
            int rc = mux_get(buf_str(&m->in), m->in.len, &p, &used, &m->why);
            if (rc == -EAGAIN)
                break;
            if (rc == 0)
                rc = take_packet(m, &p);
            if (rc < 0)
                return rc;
            buf_consume(&m->in, used);
        }
    }
    return 0;
}

static void poll_cb(uv_poll_t *h, int status, int events);

static void poll_again(struct mux *m)
{
    bool more = m->out.len > 0 || m->sent_fds < m->n_fds;

    uv_poll_start(&m->poll, UV_READABLE | (more ? UV_WRITABLE : 0), poll_cb);
}

static void poll_cb(uv_poll_t *h, int status, int events)
{
    struct mux *m = h->data;
    int sent = 0;

    (void)status; /* an error shows in recv() */
    if (events & UV_WRITABLE)
        sent = send_some(m);
    /* What it said before it closed comes first, so reading goes on after a failed write. */
    int rc = receive(m);
    if (m->closed)
        return;
    if (rc == 0 && sent < 0)
        rc = err_set(&m->why, sent, "ssh's control socket: %s", strerror(-sent));
    if (rc != 0)
        end(m, rc < 0 ? rc : 0);
    else
        poll_again(m);
}

static void fail_soon(struct mux *m, int rc, const char *text)
{
    m->rc = err_set(&m->why, rc, "%s: %s", text, strerror(-rc));
    timer_start_ms(m->timer, 0);
}

static void try_connect(struct mux *m)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (connect(m->fd, (struct sockaddr *)&m->addr, sizeof m->addr) < 0) {
        if (errno == EAGAIN || errno == EINTR)
            timer_start_ms(m->timer, BUSY_RETRY_MS);
        else
            fail_soon(m, -errno, "ssh's control socket");
        return;
    }
    if (getsockopt(m->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid()) {
        fail_soon(m, -EACCES, "ssh's control socket belongs to another user");
        return;
    }
    uv_poll_init(m->loop, &m->poll, m->fd);
    m->poll.data = m;
    m->polling = true;
    poll_again(m);
}

static void timer_cb(void *arg)
{
    struct mux *m = arg;

    if (m->rc < 0)
        tell(m, (struct mux_event){ .kind = MUX_CLOSED, .rc = m->rc, .text = m->why.text });
    else
        try_connect(m);
}

struct mux *mux_open(uv_loop_t *loop, const char *path, mux_f cb, void *arg)
{
    struct mux *m = NEW(struct mux);

    m->loop = loop;
    m->cb = cb;
    m->arg = arg;
    m->timer = timer_create_on(loop, timer_cb, m);
    m->addr.sun_family = AF_UNIX;
    snprintf(m->addr.sun_path, sizeof m->addr.sun_path, "%s", path);
    mux_put_hello(&m->out);
    m->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (m->fd < 0)
        fail_soon(m, -errno, "a socket for ssh's control socket");
    else
        try_connect(m);
    return m;
}

static void take_fds(struct mux *m, const int *fds, int n)
{
    memcpy(m->fds, fds, (size_t)n * sizeof *fds);
    m->n_fds = n;
    if (m->polling)
        poll_again(m);
}

void mux_alive(struct mux *m)
{
    mux_put_alive_check(&m->out, ++m->id);
    if (m->polling)
        poll_again(m);
}

void mux_session(struct mux *m, const char *command, const int fds[3])
{
    mux_put_new_session(&m->out, ++m->id, command);
    take_fds(m, fds, 3);
}

void mux_forward(struct mux *m, const char *host, int port, const int fds[2])
{
    mux_put_stdio_forward(&m->out, ++m->id, host, (uint32_t)port);
    take_fds(m, fds, 2);
}
