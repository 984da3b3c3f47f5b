/* SPDX-License-Identifier: MIT */
/* One connection to an engine: what is read goes through the codec to the request's handler, what is written
 * comes from the request's buffer. Called by http_client.c and by the loop.
 *
 * A handler may do anything, destroy the client included, so after each call of one `conn->closed` is looked
 * at before anything else; the client is held for as long as a call runs, because its read buffer is in
 * use. */
#include "backend/http/http_conn.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* 1xx responses to one request: 103 comes once or twice, 102 every 20 s at the most. */
#define INTERIMS_MAX 32

/* Bytes written in one turn of the loop, so that a large body lets others live. */
#define TURN_MAX (1 << 20)

static void poll_cb(uv_poll_t *h, int status, int events);

void http_conn_watch(struct http_conn *conn)
{
    const struct http_request *r = conn->request;
    int events = UV_READABLE;

    if (conn->closed)
        return;
    if (r && (r->paused || conn->stash.len))
        events = 0;
    if (r && !conn->write_dead && (http_request_waiting(r) > 0 || r->wants_drain))
        events |= UV_WRITABLE;
    if (events == conn->events)
        return;
    conn->events = events;
    if (events)
        uv_poll_start(&conn->poll, events, poll_cb);
    else
        uv_poll_stop(&conn->poll);
}

/* ---- The codec's callbacks. */

static int head_cb(void *arg, const struct http_head *head)
{
    struct http_conn *conn = arg;
    struct http_request *r = conn->request;

    if (conn->closed)
        return 1;
    if (head->status == 101) {
        conn->upgraded = true;
        return 1;
    }
    if (head->status < 200)
        return ++conn->interims > INTERIMS_MAX;
    conn->keep = head->keep_alive;
    if (r->h->head)
        r->h->head(r->arg, head);
    return conn->closed || r->paused;
}

static int body_cb(void *arg, const char *data, size_t len)
{
    struct http_conn *conn = arg;
    struct http_request *r = conn->request;

    if (conn->closed)
        return 1;
    if (r->h->body)
        r->h->body(r->arg, data, len);
    return conn->closed || r->paused;
}

static int complete_cb(void *arg)
{
    struct http_conn *conn = arg;

    conn->complete = true;
    return 1;
}

static const struct http_reader_callbacks callbacks = {
    .head = head_cb,
    .body = body_cb,
    .complete = complete_cb,
};

/* ---- Reading. */

static struct http_request *detach(struct http_conn *conn)
{
    struct http_request *r = conn->request;

    conn->request = NULL;
    r->conn = NULL;
    return r;
}

static void lose(struct http_conn *conn, const char *why)
{
    struct http_request *r = detach(conn);
    bool reused = conn->reused;

    http_conn_close(conn);
    http_request_lost(r, reused, why);
}

static void finish(struct http_conn *conn, bool clean)
{
    struct http_request *r = detach(conn);

    /* The connection is given back before `end` is called, so that a request sent from there finds it. An
     * answer that came before the whole request was sent leaves a connection on which the rest would be taken
     * for the next one. */
    if (clean && conn->keep && !conn->write_dead && http_request_all_sent(r))
        http_client_recycle(conn);
    else
        http_conn_close(conn);
    http_request_end(r, 0, "");
}

static void refuse(struct http_conn *conn, const char *why)
{
    struct http_request *r = detach(conn);

    http_conn_close(conn);
    http_request_end(r, -EPROTO, why);
}

/* The connection is the handler's from here on, with what came behind the head. */
static void give_away(struct http_conn *conn, const char *rest, size_t len)
{
    struct http_request *r = detach(conn);
    int fd = conn->fd;

    conn->fd = -1;
    http_conn_close(conn); /* the head stays until the loop turns */
    http_request_upgraded(r, http_reader_head(conn->reader), fd, rest, len);
}

/* len 0 is end-of-file. data may be the client's read buffer or a stash that was taken out of conn. */
static void feed(struct http_conn *conn, const char *data, size_t len)
{
    struct http_client *c = conn->client;
    const char *why = "";

    http_client_hold(c);
    ssize_t eaten = http_reader_feed(conn->reader, data, len, &why);
    if (!conn->closed && !conn->complete && conn->request->h->told)
        conn->request->h->told(conn->request->arg);
    if (conn->closed)
        goto out;
    if (conn->complete) {
        finish(conn, len > 0 && eaten == (ssize_t)len);
    } else if (conn->upgraded && conn->request->h->upgraded && http_request_all_sent(conn->request)) {
        give_away(conn, data + eaten, len - (size_t)eaten);
    } else if (conn->upgraded) {
        refuse(conn, "101, a change of protocol that nobody asked for");
    } else if (eaten == -EPROTO || conn->interims > INTERIMS_MAX) {
        refuse(conn, eaten < 0 ? why : "too many 1xx responses");
    } else if (eaten < 0 || len == 0) {
        lose(conn, eaten < 0 ? why : "the connection was closed without an answer");
    } else if ((size_t)eaten < len) {
        buf_add(&conn->stash, data + eaten, len - (size_t)eaten);
    }
    http_conn_watch(conn);
out:
    http_client_release(c);
}

void http_conn_resume(struct http_conn *conn)
{
    struct buf stash = conn->stash;

    conn->stash = (struct buf){ 0 };
    if (stash.len)
        feed(conn, stash.data, stash.len);
    buf_free(&stash);
    http_conn_watch(conn); /* a no-op on a closed connection, whose memory is still there */
}

static void readable(struct http_conn *conn, bool broken)
{
    struct http_request *r = conn->request;
    ssize_t n = recv(conn->fd, conn->client->space, HTTP_SPACE, 0);

    if (n < 0 && (errno == EINTR || errno == EAGAIN) && !broken)
        return;
    if (!r) { /* idle: its end, or something that nobody asked for */
        http_conn_close(conn);
        return;
    }
    if (n < 0) {
        lose(conn, "the connection was reset");
        return;
    }
    if (n > 0 && !r->got_byte) {
        r->got_byte = true;
        /* It will not be sent again: a long prompt need not stay while it is answered. */
        if (http_request_all_sent(r)) {
            buf_free(&r->wire);
            r->body = NULL;
            r->body_len = r->sent = 0;
        }
    }
    feed(conn, conn->client->space, (size_t)n);
}

/* ---- Writing: what can be written now. Calls nobody. */

/* What is still to be sent, at most max bytes, of the head, of the body and of what was written behind it. How many
 * pieces that is. */
static size_t pieces(const struct http_request *r, size_t max, struct iovec out[3])
{
    size_t head = r->sent < r->wire.len ? r->wire.len - r->sent : 0, n = 0;
    size_t of_body = head ? 0 : r->sent - r->wire.len;
    const struct iovec all[3] = {
        { r->wire.data + (head ? r->sent : 0), head },
        { (char *)r->body + of_body, r->body_len - of_body },
        { r->more.data + r->more_sent, r->more.len - r->more_sent },
    };

    for (size_t i = 0; i < 3 && max > 0; i++) {
        if (!all[i].iov_len)
            continue;
        out[n] = all[i];
        out[n].iov_len = all[i].iov_len < max ? all[i].iov_len : max;
        max -= out[n++].iov_len;
    }
    return n;
}

static void count_sent(struct http_request *r, size_t n)
{
    size_t first = r->wire.len + r->body_len - r->sent;

    first = first < n ? first : n;
    r->sent += first;
    r->more_sent += n - first;
    if (r->more_sent == r->more.len) {
        r->more_sent = 0;
        buf_reset(&r->more);
    }
}

static void pump(struct http_conn *conn)
{
    struct http_request *r = conn->request;
    size_t quota = TURN_MAX;

    while (quota && http_request_waiting(r) > 0 && !conn->write_dead) {
        struct iovec v[3];
        const struct msghdr m = { .msg_iov = v, .msg_iovlen = pieces(r, quota, v) };
        ssize_t done = sendmsg(conn->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno == EAGAIN)
            break;
        /* An engine may refuse a long request before it has read it, and close: its answer is then still to
         * be read, and if there is none, reading says so. */
        if (done < 0)
            conn->write_dead = true;
        else
            count_sent(r, (size_t)done), quota -= (size_t)done;
    }
    http_conn_watch(conn);
}

size_t http_conn_write(struct http_conn *conn, const char *data, size_t len)
{
    ssize_t n = conn->write_dead ? (ssize_t)len : send(conn->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    conn->write_dead |= n < 0 && errno != EAGAIN && errno != EINTR;
    return conn->write_dead ? len : n > 0 ? (size_t)n : 0;
}

/* Who writes a body may go on. */
static void tell_drained(struct http_conn *conn)
{
    struct http_request *r = conn->request;

    if (!r || !r->wants_drain || conn->write_dead || http_request_waiting(r) >= HTTP_WRITE_LOW)
        return;
    r->wants_drain = false;
    if (r->h->drained)
        r->h->drained(r->arg);
}

static void poll_cb(uv_poll_t *h, int status, int events)
{
    struct http_conn *conn = h->data;
    struct http_client *c = conn->client;

    http_client_hold(c);
    if (status < 0)
        conn->events = 0; /* libuv has stopped it; reading tells what is wrong */
    if (conn->request && (events & UV_WRITABLE))
        pump(conn);
    tell_drained(conn);
    if (!conn->closed && (status < 0 || (events & UV_READABLE)) && (conn->events & UV_READABLE || status < 0))
        readable(conn, status < 0);
    http_conn_watch(conn);
    http_client_release(c);
}

/* ---- Life. */

struct http_conn *http_conn_create(struct http_client *c, int fd)
{
    struct http_conn *conn = NEW(struct http_conn);
    int one = 1;
    int rc = uv_poll_init(c->loop, &conn->poll, fd);

    if (rc < 0) {
        free(conn);
        close(fd);
        errno = -rc;
        return NULL;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails on Unix sockets: no delay there */
    conn->poll.data = conn;
    conn->fd = fd;
    conn->client = c;
    conn->reader = http_reader_create(true, &callbacks, conn);
    http_client_hold(c);
    return conn;
}

void http_conn_attach(struct http_conn *conn, struct http_request *r)
{
    conn->request = r;
    r->conn = conn;
    conn->interims = 0;
    conn->keep = conn->complete = false;
    http_reader_expect(conn->reader, r->head_request);
    pump(conn);
}

bool http_conn_is_quiet(const struct http_conn *conn)
{
    char byte;

    return recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void closed_cb(uv_handle_t *h)
{
    struct http_conn *conn = h->data;
    struct http_client *c = conn->client;

    http_reader_destroy(conn->reader);
    buf_free(&conn->stash);
    free(conn);
    http_client_release(c);
}

void http_conn_close(struct http_conn *conn)
{
    if (conn->closed)
        return;
    conn->closed = true;
    if (conn->request)
        detach(conn);
    if (list_linked(&conn->link)) {
        list_remove(&conn->link);
        conn->client->n_idle--;
    }
    uv_close((uv_handle_t *)&conn->poll, closed_cb); /* the loop forgets the descriptor at once */
    if (conn->fd >= 0)
        close(conn->fd);
    conn->fd = -1;
}
