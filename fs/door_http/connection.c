/* SPDX-License-Identifier: MIT */
/* The server's side of one connection. States: a request is being read; or one is being answered, while what
 * the client sends beyond it stays in a stash, read up to a limit, so that its leaving is seen; or the last
 * answer was given, and what the client still sends is thrown away until it closes (closing at once would
 * make the kernel send a reset, which can overtake the answer). HTTP is RFC 9112. */
#include "fs/door_http/connection_inside.h"
#include "backend/base/alloc.h"
#include "fs/door_http/access.h"
#include "fs/door_http/cors.h"
#include "backend/base/peer.h"
#include "fs/door_http/routes.h"
#include "fs/door_http/target.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define READ_SIZE    65536 /* bytes: one buffer for all connections, since what was read is used at once */
#define STASH_MAX    65536 /* bytes of pipelined requests that are read ahead */
#define HEAD_MS      30000 /* a head that takes longer than this is not sent by a program */
#define LINGER_MS    2000  /* after the last answer, for a client that goes on talking */
#define GONE_NEXT_MS 1000
#define GONE_DEAF_MS 50 /* of one that we do not read from, no FIN is heard */

static void serve_stash(struct connection *c);
static void alloc_cb(uv_handle_t *h, size_t suggested, uv_buf_t *out);
static void read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *b);

/* ---- Closing */

/* The memory goes from the loop, never under a callback of the reader or a function of ours. */
static void stream_closed_cb(uv_handle_t *h)
{
    struct connection *c = h->data;

    http_reader_destroy(c->reader);
    tls_session_destroy(c->tls);
    body_forget(c);
    buf_free(&c->stash);
    free(c);
    free(h);
}

void connection_close(struct connection *c)
{
    if (c->closed)
        return;
    c->closed = true;
    timer_destroy(c->timer);
    c->timer = NULL;
    list_remove(&c->link);
    mailbox_forget(c->house->mail, c);
    uv_close((uv_handle_t *)c->stream, stream_closed_cb);
    if (c->answering && c->answerer && c->answerer->gone)
        c->answerer->gone(c->arg);
    record_end(c);
    connection_body_sent(c); /* its memory goes with the rest: by then the gate may be gone */
    c->answerer = NULL;
}

void connection_close_all(struct list *connections)
{
    list_for_each(c, connections, struct connection, link) connection_close(c);
}

void connection_linger(struct connection *c)
{
    uv_os_fd_t fd;

    if (c->half_closed || uv_fileno((uv_handle_t *)c->stream, &fd) < 0 || shutdown(fd, SHUT_WR) < 0)
        connection_close(c);
    else
        timer_start_ms(c->timer, LINGER_MS);
}

/* ---- Reading */

void connection_reject(struct connection *c, int status, const char *text)
{
    const struct answerer *told = c->answering ? c->answerer : NULL;

    if (!c->record)
        record_begin(c);
    c->answerer = NULL;
    if (told && told->gone) /* what it has of the body is to be forgotten */
        told->gone(c->arg);
    c->answering = true;
    c->refused = true;
    c->keep = false;
    if (c->record->first_ms)
        connection_close(c);
    else
        connection_error(c, status, text);
}

/* What can be said of a request by its head alone, in the order in which it is said: its form, the page and the
 * name that it comes by, then whose it is. 0, or a negative errno. */
static int judge(struct connection *c, const struct http_head *h, struct err *e)
{
    int rc = target_path(h->target, &c->request.path, e);

    if (rc == 0)
        rc = access_check(c->house->cfg, h, e);
    c->preflight = rc == 0 && cors_is_preflight(c->house->cfg, h);
    if (rc == 0 && !c->preflight)
        rc = guard_identify(c->gate->guard, h, &c->holder, e);
    return rc == -ENOKEY && !c->own && route_is_open(c->request.path) ? 0 : rc;
}

static int head_cb(void *arg, const struct http_head *h)
{
    struct connection *c = arg;
    struct err e = { 0 };

    c->request = (struct request){ .conn = c, .house = c->house, .head = h, .own = c->own };
    c->keep = h->keep_alive;
    body_begin(c);
    record_begin(c);
    int rc = judge(c, h, &e);
    if (rc < 0)
        connection_reject(c, err_http_status(rc), e.text);
    else if (strcmp(h->method, "TRACE") == 0) /* its answer would tell what we say to engines */
        connection_reject(c, 501, "TRACE is no method of this gateway");
    else if (strcmp(h->method, "CONNECT") == 0) /* an engine's 200 would begin a tunnel (RFC 9110 9.3.6) */
        connection_reject(c, 501, "CONNECT is no method of this gateway");
    else if (h->content_length > c->house->cfg->max_body)
        connection_reject(c, 413, "the request body is larger than max_body in [gateway]");
    else if (h->expect_continue && h->has_body && h->minor >= 1)
        connection_put(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    return c->refused;
}

static void answer_request(struct connection *c)
{
    c->due = false;
    if (c->preflight) {
        c->coming = !c->answering; /* nobody reads the rest of its body, so that the connection ends */
        connection_answer(c, 200, "text/plain", "", 0);
    } else if (c->answering) {
        route_request(&c->request);
    } else {
        body_show(c);
    }
}

/* What is sent is read now: a request, or the rest of one that is being answered. */
static bool reads_on(const struct connection *c)
{
    return !c->due && !c->closing && !c->closed && (c->coming ? !c->stuffed : !c->answering);
}

/* Give bytes to the reader until there is a request to answer. How many it took. */
static size_t eat(struct connection *c, const char *data, size_t len)
{
    const char *why = NULL;
    size_t at = 0;

    while (at < len && reads_on(c)) {
        if (!http_reader_in_message(c->reader))
            timer_start_ms(c->timer, HEAD_MS);
        ssize_t n = http_reader_feed(c->reader, data + at, len - at, &why);
        if (c->refused || c->closed)
            return len;
        if (n < 0) {
            if (!c->coming)
                c->request = (struct request){ .conn = c, .house = c->house };
            connection_reject(c, 400, why);
            return len;
        }
        at += (size_t)n;
        if (reads_on(c) && http_reader_in_message(c->reader) && c->request.head && !body_goes_on(c)) {
            connection_reject(c, 408, "the request body comes too slowly");
            return len;
        }
    }
    return at;
}

static void serve_stash(struct connection *c)
{
    size_t eaten = c->stash.len > 0 ? eat(c, c->stash.data, c->stash.len) : 0;

    if (c->refused || c->closed)
        return;
    if (eaten > 0)
        buf_consume(&c->stash, eaten);
    if (c->stash.len == 0)
        buf_free(&c->stash);
    if (c->due)
        answer_request(c);
    else if (c->half_closed && c->stash.len == 0 && reads_on(c))
        connection_close(c); /* it stopped in the middle of a request, or between two */
}

/* Is the client still there that has closed its writing side, or whom we do not read from? Of one on this
 * machine the kernel knows whether a process holds its socket; another one's kernel answers what we write. */
static bool client_is_gone(struct connection *c, bool *silent)
{
    uv_os_fd_t fd;
    uid_t uid;
    struct pollfd p = { .events = POLLOUT | POLLRDHUP };

    *silent = c->half_closed;
    if (uv_fileno((uv_handle_t *)c->stream, &fd) < 0)
        return true;
    p.fd = fd;
    if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)))
        return true;
    *silent |= (p.revents & POLLRDHUP) != 0;
    return c->stream->type == UV_TCP && peer_is_here(fd) && peer_uid(fd, &uid) == -ENOTCONN;
}

/* One that will say no more may have only closed its writing side, or be gone behind a network or a proxy, and the
 * two look alike until something is written: then the kernel of one that is gone refuses it. A second 100 is no harm
 * to anybody (RFC 9110 15.2). */
static void knock(struct connection *c)
{
    if (c->record->first_ms && c->answerer && c->answerer->silent)
        c->answerer->silent(c->arg);
    else if (!c->record->first_ms && c->request.head && c->request.head->minor >= 1)
        connection_put(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

/* Once where it has closed its writing side. From one that is not read from that cannot be heard: after 1, 10 and 100 s, since there are
 * clients that take no more than five such answers. */
static bool is_time_to_knock(struct connection *c, bool silent)
{
    c->looks++;
    if (!c->stuffed)
        return silent && c->looks == 1;
    return c->looks == 1000 / GONE_DEAF_MS || c->looks == 10000 / GONE_DEAF_MS ||
           c->looks == 100000 / GONE_DEAF_MS;
}

static void look_for_client(struct connection *c)
{
    bool silent;

    if (client_is_gone(c, &silent)) {
        connection_close(c);
        return;
    }
    bool knocks = is_time_to_knock(c, silent);
    if (knocks)
        knock(c);
    if (!c->closed)
        timer_start_ms(c->timer, c->stuffed || knocks ? GONE_DEAF_MS : silent ? GONE_NEXT_MS : IDLE_MS);
}

static void timer_cb(void *arg)
{
    struct connection *c = arg;

    if (c->answering && (!c->coming || c->stuffed))
        look_for_client(c);
    else if (!c->closing && http_reader_in_message(c->reader))
        connection_reject(c, 408,
                          c->request.head ? "the request body did not come in time"
                                          : "the head of the request did not come in time");
    else
        connection_close(c);
}

static void client_ended(struct connection *c)
{
    uv_read_stop(c->stream);
    c->half_closed = true;
    if (c->upgraded)
        connection_next(c);
    if (c->answering && !(c->coming && c->stash.len == 0))
        timer_start_ms(c->timer, GONE_LOOK_MS);
    else if (c->closing ? uv_stream_get_write_queue_size(c->stream) == 0 : c->stash.len == 0)
        connection_close(c);
}

static void alloc_cb(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    static char shared[READ_SIZE];

    (void)h, (void)suggested;
    *out = uv_buf_init(shared, sizeof shared);
}

/* Bytes into the stash. False: the connection is of no more use. */
static bool take_in(struct connection *c, const char *data, size_t len)
{
    struct buf sealed = { 0 };

    if (!c->tls) {
        buf_add(&c->stash, data, len);
        return true;
    }
    int rc = tls_read(c->tls, data, len, &c->stash, &sealed);
    connection_put_sealed(c, &sealed);
    buf_free(&sealed);
    if (rc == TLS_ENDED)
        client_ended(c);
    return rc >= 0;
}

void connection_stop_reading(struct connection *c)
{
    c->stuffed = true;
    c->stuffed_ms = mono_ms();
    uv_read_stop(c->stream);
    timer_start_ms(c->timer, GONE_DEAF_MS);
}

void connection_take_more(struct connection *c)
{
    if (!c->stuffed || c->closed)
        return;
    c->stuffed = false;
    if (!c->half_closed)
        uv_read_start(c->stream, alloc_cb, read_cb);
    if (!c->coming)
        return;
    c->body_ms += mono_ms() - c->stuffed_ms;
    timer_start_ms(c->timer, BODY_MS);
    connection_next(c);
}

/* What the client of an upgraded connection has said goes on as it is, and its end behind it. */
static void pass_stash(struct connection *c)
{
    struct buf said = c->stash;
    bool more = true;

    c->stash = (struct buf){ 0 };
    if (said.len > 0)
        more = c->answerer->data(c->arg, said.data, said.len);
    buf_free(&said);
    if (!more && c->upgraded && !c->half_closed && !c->closed) {
        connection_stop_reading(c);
    } else if (c->half_closed && c->upgraded && !c->said_all) {
        c->said_all = true;
        c->answerer->data(c->arg, NULL, 0);
    }
}

static void use_stash(struct connection *c)
{
    if (c->upgraded)
        pass_stash(c);
    else if (c->due || reads_on(c))
        serve_stash(c);
    else if (c->stash.len >= STASH_MAX && !c->half_closed)
        connection_stop_reading(c);
}

static void read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct connection *c = s->data;

    if (c->closed || n == 0)
        return;
    if (n > 0 && !c->tls && c->stash.len == 0 && reads_on(c)) { /* mostly nothing has to be kept */
        size_t eaten = eat(c, b->base, (size_t)n);
        if (!c->closing && !c->closed && eaten < (size_t)n)
            buf_add(&c->stash, b->base + eaten, (size_t)n - eaten);
        if (!c->closing && !c->closed)
            use_stash(c);
        return;
    }
    if (n == UV_EOF)
        client_ended(c);
    else if (n < 0 || (!c->closing && !take_in(c, b->base, (size_t)n)))
        connection_close(c);
    else if (!c->closing && !c->closed)
        use_stash(c);
}

static void next_request_cb(void *arg, int what)
{
    (void)what;
    use_stash(arg);
}

void connection_next(struct connection *c)
{
    mailbox_post(c->house->mail, next_request_cb, c, 0);
}

void connection_upgrade(struct connection *c)
{
    c->upgraded = true;
    connection_next(c);
}

static const struct http_reader_callbacks callbacks = { .head = head_cb,
                                                        .body = body_piece,
                                                        .complete = body_complete };

static struct connection *adopt(uv_stream_t *stream, struct gate *g)
{
    struct connection *c = NEW(struct connection);

    c->stream = stream;
    c->gate = g;
    c->house = g->house;
    c->reader = http_reader_create(false, &callbacks, c);
    c->request = (struct request){ .conn = c, .house = g->house };
    c->timer = timer_create_on(g->house->loop, timer_cb, c);
    timer_start_ms(c->timer, HEAD_MS);
    stream->data = c;
    list_append(&g->connections, &c->link);
    return c;
}

void connection_start(uv_stream_t *stream, struct gate *g, struct model *own)
{
    struct connection *c = adopt(stream, g);

    c->own = own;
    if (g->tls && stream->type == UV_TCP)
        c->tls = tls_session_create(g->tls);
    if (uv_read_start(stream, alloc_cb, read_cb) < 0)
        connection_close(c);
}

void connection_refuse(uv_stream_t *stream, struct gate *g, int status, const char *text)
{
    struct connection *c = adopt(stream, g);

    if (g->tls && stream->type == UV_TCP) { /* it could not read what we say */
        connection_close(c);
        return;
    }
    connection_reject(c, status, text);
    if (!c->closed && uv_read_start(stream, alloc_cb, read_cb) < 0)
        connection_close(c);
}
