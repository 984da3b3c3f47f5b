/* SPDX-License-Identifier: MIT */
/* A stream in clear beside one that is sealed. Once it was handed out it lives by itself, until one of both ends: then
 * what the server said last is passed on, and both are closed. Each direction holds one piece, and reads the next when
 * that is gone. */
#include "backend/http/tls_stream.h"
#include "backend/base/alloc.h"
#include "backend/base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 16384 /* bytes: what one record of TLS holds */

struct piece {
    size_t from, to; /* what is not passed on yet */
    char data[PIECE];
};

struct tls_stream {
    SSL_CTX *ctx;
    SSL *ssl;
    int net, pair;
    uv_poll_t net_poll, pair_poll;
    int handles; /* open ones: the memory goes with the last */
    tls_stream_f cb;
    void *arg;
    bool opened;    /* cb was called with a descriptor */
    bool net_ended; /* the server says no more */
    bool closed;
    bool wants_write; /* OpenSSL has something to send before it goes on */
    struct piece up, down;
};

static void step(struct tls_stream *s);

/* ---- Ends */

static void closed_cb(uv_handle_t *h)
{
    struct tls_stream *s = h->data;

    if (--s->handles > 0)
        return;
    SSL_free(s->ssl);
    SSL_CTX_free(s->ctx);
    free(s);
}

static void end(struct tls_stream *s)
{
    if (s->closed)
        return;
    s->closed = true;
    if (s->opened) {
        SSL_shutdown(s->ssl); /* a word of farewell, if it goes out at once */
        uv_close((uv_handle_t *)&s->pair_poll, closed_cb);
        close(s->pair);
    }
    ERR_clear_error();
    uv_close((uv_handle_t *)&s->net_poll, closed_cb);
    close(s->net);
}

static void fail(struct tls_stream *s, int rc, const char *text)
{
    struct err e;

    err_set(&e, rc, "%s", text);
    end(s);
    s->cb(s->arg, rc, e.text);
}

void tls_stream_cancel(struct tls_stream *s)
{
    if (s)
        end(s);
}

/* ---- The handshake */

/* Why OpenSSL stopped, as what is waited for; -1 where the connection is over. */
static int want(struct tls_stream *s, int n)
{
    int why = SSL_get_error(s->ssl, n);

    s->wants_write = why == SSL_ERROR_WANT_WRITE;
    return why == SSL_ERROR_WANT_READ || s->wants_write ? 0 : -1;
}

static void refuse(struct tls_stream *s)
{
    long verdict = SSL_get_verify_result(s->ssl);
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    struct err e;
    int rc;

    if (verdict != X509_V_OK)
        rc = err_set(&e, -EKEYREJECTED, "its certificate is not trusted: %s",
                     X509_verify_cert_error_string(verdict));
    else if (!why)
        rc = err_set(&e, -ECONNRESET, "it closed the connection before TLS was agreed on");
    else
        rc = err_set(&e, -EPROTO, "TLS could not be agreed on: %s", why);
    ERR_clear_error();
    fail(s, rc, e.text);
}

static void pair_cb(uv_poll_t *p, int status, int events)
{
    (void)status;
    if (events & UV_DISCONNECT) /* before its request was passed on: it is not wanted any more */
        end(p->data);
    else
        step(p->data);
}

static void hand_out(struct tls_stream *s, uv_loop_t *loop)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
        fail(s, -errno, strerror(errno));
        return;
    }
    s->pair = fds[0];
    uv_poll_init(loop, &s->pair_poll, s->pair);
    s->pair_poll.data = s;
    s->handles++;
    s->opened = true;
    s->cb(s->arg, fds[1], "");
}

static bool agree(struct tls_stream *s)
{
    int n;

    ERR_clear_error();
    n = SSL_do_handshake(s->ssl);
    if (n == 1)
        hand_out(s, s->net_poll.loop);
    else if (want(s, n) < 0)
        refuse(s);
    return s->opened && !s->closed;
}

/* ---- Passing on */

/* True while something moved. */
static bool pass_down(struct tls_stream *s)
{
    struct piece *d = &s->down;
    bool moved = false;

    if (d->from == d->to && !s->net_ended) {
        int n = SSL_read(s->ssl, d->data, sizeof d->data);
        d->from = 0;
        d->to = n > 0 ? (size_t)n : 0;
        moved = n > 0;
        s->net_ended = n <= 0 && want(s, n) < 0;
    }
    if (d->from < d->to) {
        ssize_t n = send(s->pair, d->data + d->from, d->to - d->from, MSG_NOSIGNAL);
        if (n > 0)
            d->from += (size_t)n;
        else if (errno != EAGAIN && errno != EINTR)
            end(s);
        moved |= n > 0;
    }
    return moved;
}

static bool pass_up(struct tls_stream *s)
{
    struct piece *u = &s->up;
    bool moved = false;

    if (u->from == u->to) {
        ssize_t n = recv(s->pair, u->data, sizeof u->data, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            end(s); /* who has the other end is done with the answer too */
            return false;
        }
        u->from = 0;
        u->to = n > 0 ? (size_t)n : 0;
    }
    if (u->from < u->to) {
        int n = SSL_write(s->ssl, u->data + u->from, (int)(u->to - u->from));
        if (n > 0)
            u->from += (size_t)n;
        else if (want(s, n) < 0) { /* it may have answered all the same */
            s->net_ended = true;
            u->from = u->to;
        }
        moved = n > 0;
    }
    return moved;
}

static void net_cb(uv_poll_t *p, int status, int events)
{
    (void)status, (void)events;
    step(p->data);
}

static void watch(struct tls_stream *s)
{
    bool down = s->down.from < s->down.to, up = s->up.from < s->up.to;
    int net = (down || s->net_ended ? 0 : UV_READABLE) | (s->wants_write ? UV_WRITABLE : 0);

    if (net)
        uv_poll_start(&s->net_poll, net, net_cb);
    else
        uv_poll_stop(&s->net_poll);
    if (s->opened)
        uv_poll_start(&s->pair_poll, (up ? UV_DISCONNECT : UV_READABLE) | (down ? UV_WRITABLE : 0), pair_cb);
}

static void step(struct tls_stream *s)
{
    if (s->closed || (!s->opened && !agree(s))) {
        if (!s->closed)
            watch(s);
        return;
    }
    ERR_clear_error();
    s->wants_write = false;
    for (bool moved = true; moved && !s->closed;) {
        moved = pass_down(s);
        moved |= !s->closed && pass_up(s);
    }
    ERR_clear_error();
    if (!s->closed && s->net_ended && s->down.from == s->down.to)
        end(s);
    if (!s->closed)
        watch(s);
}

/* ---- Beginning */

/* A name is asked for by name, so that a server with several certificates finds it; an address is none. */
static void expect(SSL *ssl, const char *host)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
        return;
    }
    SSL_set_tlsext_host_name(ssl, host);
    SSL_set1_host(ssl, host);
}

struct tls_stream *tls_stream_open(uv_loop_t *loop, int fd, const char *host, tls_stream_f cb, void *arg)
{
    struct tls_stream *s = NEW(struct tls_stream);

    s->net = fd;
    s->cb = cb;
    s->arg = arg;
    s->ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(s->ctx, TLS1_2_VERSION);
    SSL_CTX_set_default_verify_paths(s->ctx);
    SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(s->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    s->ssl = SSL_new(s->ctx);
    if (!s->ssl || SSL_set_fd(s->ssl, fd) != 1)
        abort(); /* as xcalloc() does */
    expect(s->ssl, host);
    SSL_set_connect_state(s->ssl);
    uv_poll_init(loop, &s->net_poll, fd);
    s->net_poll.data = s;
    s->handles = 1;
    s->wants_write = true; /* the first word is ours */
    watch(s);
    return s;
}
