/* SPDX-License-Identifier: MIT */
/* The two queues between the loop and the thread, and the thread's loop around poll(2).
 *
 * The mutex guards the two lists and nothing else. An eventfd wakes the thread, a uv_async_t the loop. The link is freed by
 * the loop, after the thread said ENDED, which is the last thing that it does. */
#include "backend/transport/ssh2_inside.h"
#include "backend/transport/transport_private.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEEPALIVE_S  15
#define LOGIN_MS     60000 /* as ssh_master.c's */
#define ROUNDS       16    /* of moving bytes before the descriptors are looked at again */
#define FIRST_POLLED 2     /* the eventfd and the socket */

struct ssh2_link {
    ssh2_link_f cb; /* NULL: nobody listens */
    void *arg;
    struct ssh2_goal *goal;
    uv_thread_t thread;
    uv_async_t async;
    int wake; /* eventfd */
    uv_mutex_t mutex;
    struct list orders, events; /* guarded by mutex */
};

struct ssh2_message *ssh2_message(enum ssh2_word word, unsigned id, int rc, const char *text)
{
    struct ssh2_message *m = NEW(struct ssh2_message);

    m->word = word;
    m->id = id;
    m->rc = rc;
    m->text = xstrdup(text);
    m->fds[0] = m->fds[1] = m->fds[2] = -1;
    return m;
}

/* Answers are wiped; descriptors that nobody took are closed. */
static void message_free(struct ssh2_message *m)
{
    if (m->text && m->word == SSH2_ANSWER)
        explicit_bzero(m->text, strlen(m->text));
    for (int i = 0; i < 3; i++)
        close_fd(&m->fds[i]);
    free(m->text);
    free(m->host);
    free(m);
}

static void put(struct ssh2_link *l, struct list *queue, struct ssh2_message *m)
{
    uv_mutex_lock(&l->mutex);
    list_append(queue, &m->link);
    uv_mutex_unlock(&l->mutex);
}

static struct ssh2_message *take(struct ssh2_link *l, struct list *queue)
{
    uv_mutex_lock(&l->mutex);
    struct ssh2_message *m = list_first(queue, struct ssh2_message, link);
    if (m)
        list_remove(&m->link);
    uv_mutex_unlock(&l->mutex);
    return m;
}

/* ---- The loop's side. */

static void closed_cb(uv_handle_t *h)
{
    struct ssh2_link *l = container_of((uv_async_t *)h, struct ssh2_link, async);
    struct ssh2_message *m;

    while ((m = take(l, &l->orders)) || (m = take(l, &l->events)))
        message_free(m);
    uv_mutex_destroy(&l->mutex);
    close(l->wake);
    ssh2_goal_destroy(l->goal);
    free(l);
}

static void async_cb(uv_async_t *h)
{
    struct ssh2_link *l = container_of(h, struct ssh2_link, async);
    struct ssh2_message *m;

    while ((m = take(l, &l->events))) {
        bool ended = m->word == SSH2_ENDED;
        if (l->cb)
            l->cb(l->arg, m);
        message_free(m);
        if (!ended)
            continue;
        uv_thread_join(&l->thread); /* it does nothing any more */
        uv_close((uv_handle_t *)h, closed_cb);
        return;
    }
}

void ssh2_link_tell(struct ssh2_link *l, struct ssh2_message *m)
{
    put(l, &l->orders, m);
    eventfd_write(l->wake, 1);
}

void ssh2_link_leave(struct ssh2_link *l)
{
    if (!l)
        return;
    l->cb = NULL;
    ssh2_link_tell(l, ssh2_message(SSH2_QUIT, 0, 0, NULL));
}

static void thread_main(void *arg);

int ssh2_link_start(struct ssh2_link **out, uv_loop_t *loop, struct ssh2_goal *goal, ssh2_link_f cb,
                    void *arg, struct err *e)
{
    struct ssh2_link *l = NEW(struct ssh2_link);

    l->cb = cb;
    l->arg = arg;
    l->goal = goal;
    list_init(&l->orders);
    list_init(&l->events);
    uv_mutex_init(&l->mutex);
    uv_async_init(loop, &l->async, async_cb);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->wake < 0 || uv_thread_create(&l->thread, thread_main, l) != 0) {
        uv_close((uv_handle_t *)&l->async, closed_cb);
        return err_set(e, -EIO, "no thread for a connection to %s", goal->name);
    }
    *out = l;
    return 0;
}

/* ---- The thread's side. */

void ssh2_post(struct ssh2_thread *t, enum ssh2_word word, unsigned id, int rc, const char *text)
{
    put(t->link, &t->link->events, ssh2_message(word, id, rc, text));
    uv_async_send(&t->link->async);
}

static void ended(struct ssh2_thread *t, int rc, const char *fmt, va_list ap)
{
    if (t->why.len > 0)
        return;
    t->rc = rc;
    buf_vaddf(&t->why, fmt, ap);
}

int ssh2_end_said(struct ssh2_thread *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    ended(t, 0, fmt, ap);
    va_end(ap);
    return -1;
}

int ssh2_end_with(struct ssh2_thread *t, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    ended(t, rc, fmt, ap);
    va_end(ap);
    return -1;
}

bool ssh2_flush(struct ssh2_thread *t)
{
    while (t->out.len > 0 && !t->lost) {
        ssize_t n = send(t->socket, t->out.data, t->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0)
            buf_consume(&t->out, (size_t)n);
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            t->lost = errno;
    }
    return !t->lost;
}

static void take_orders(struct ssh2_thread *t)
{
    struct ssh2_message *m;
    eventfd_t n;

    eventfd_read(t->link->wake, &n);
    while ((m = take(t->link, &t->link->orders))) {
        if (m->word == SSH2_OPEN) {
            ssh2_channel_open(t, m);
            m->fds[0] = m->fds[1] = m->fds[2] = -1;
        } else if (m->word == SSH2_STOP) {
            ssh2_channel_stop(t, m->id);
        } else if (m->word == SSH2_ANSWER && !t->answer) {
            t->answer = m->text;
            m->text = NULL;
        } else if (m->word == SSH2_QUIT) {
            t->quit = true;
        }
        message_free(m);
    }
}

/* libssh2 takes these ways to the agent as well, whose socket is a blocking one: it may ask a person before it signs. */
static ssize_t agent_says(struct ssh2_thread *t, int fd, void *data, size_t len)
{
    struct pollfd p[2] = { { .fd = t->link->wake, .events = POLLIN }, { .fd = fd, .events = POLLIN } };

    for (uint64_t now; !t->quit && (now = mono_ms()) < t->deadline;) {
        poll(p, 2, (int)(t->deadline - now));
        if (p[1].revents) {
            ssize_t n = recv(fd, data, len, 0);
            return n < 0 ? -errno : n;
        }
        take_orders(t);
    }
    return -ETIMEDOUT;
}

static ssize_t send_cb(libssh2_socket_t fd, const void *data, size_t len, int flags, void **abstract)
{
    struct ssh2_thread *t = *abstract;

    if (t->lost) /* first: the number of a socket that is closed may be somebody else's */
        return -t->lost;
    if (fd != t->socket)
        return send(fd, data, len, flags | MSG_NOSIGNAL) < 0 ? -errno : (ssize_t)len;
    buf_add(&t->out, data, len);
    return ssh2_flush(t) ? (ssize_t)len : -t->lost;
}

static ssize_t recv_cb(libssh2_socket_t fd, void *data, size_t len, int flags, void **abstract)
{
    struct ssh2_thread *t = *abstract;

    (void)flags;
    if (t->lost)
        return -t->lost;
    if (fd != t->socket)
        return agent_says(t, fd, data, len);
    if (t->give_up) {
        t->give_up = false;
        return -ETIMEDOUT;
    }
    ssize_t n = recv(fd, data, len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return -EAGAIN;
    if (n < 0)
        t->lost = errno;
    t->closed |= n == 0;
    t->received |= n > 0;
    return n < 0 ? -t->lost : n;
}

int ssh2_poll(struct ssh2_thread *t, int events, uint64_t until)
{
    uint64_t now = mono_ms();

    if (t->quit || now >= until)
        return -1;
    struct pollfd p[2] = { { .fd = t->link->wake, .events = POLLIN },
                           { .fd = t->socket, .events = (short)events } };
    poll(p, 2, until - now > 60000 ? 60000 : (int)(until - now));
    if (p[0].revents)
        take_orders(t);
    return t->quit ? -1 : p[1].revents;
}

int ssh2_wait(struct ssh2_thread *t)
{
    if (!ssh2_flush(t) || t->closed)
        return -1;
    return ssh2_poll(t, t->out.len ? POLLIN | POLLOUT : POLLIN, t->deadline) < 0 ? -1 : 0;
}

/* Channels pass each other's packets on: who reads the socket reads for all, so that all look again. */
static bool move(struct ssh2_thread *t)
{
    char nothing[1];
    bool more = true;

    for (int i = 0; i < ROUNDS && more; i++) {
        t->received = false;
        ssize_t rc = libssh2_channel_read_ex(t->spare, 0, nothing, sizeof nothing);
        if (rc < 0 && rc != LIBSSH2_ERROR_EAGAIN && !t->lost)
            t->lost = ECONNRESET;
        more = ssh2_channels_move(t) || t->received;
        if (t->lost || t->closed || t->quit)
            return false;
    }
    return more;
}

static void wait_for_more(struct ssh2_thread *t, bool at_once)
{
    int seconds = KEEPALIVE_S, left_ms = 0;

    if (t->out.len < SSH2_OUT_LIMIT)
        libssh2_keepalive_send(t->session, &seconds);
    int ms = at_once ? 0 : seconds * 1000;
    if (ssh2_channels_deadline(t, &left_ms) && left_ms < ms)
        ms = left_ms;
    size_t n = ssh2_channels_poll(t, FIRST_POLLED);
    t->polled[0] = (struct pollfd){ .fd = t->link->wake, .events = POLLIN };
    t->polled[1] =
        (struct pollfd){ .fd = t->socket, .events = (short)(t->out.len ? POLLIN | POLLOUT : POLLIN) };
    if (poll(t->polled, n, ms) > 0)
        ssh2_channels_polled(t);
    take_orders(t);
    ssh2_flush(t);
}

static void serve(struct ssh2_thread *t)
{
    /* No answers are asked for: libssh2 1.10 would keep each of them for ever. That the far side is gone is TCP's to
     * notice, whose limit is the socket's TCP_USER_TIMEOUT. */
    libssh2_keepalive_config(t->session, 0, KEEPALIVE_S);
    ssh2_post(t, SSH2_UP, 0, 0, NULL);
    while (!t->quit && !t->lost && !t->closed)
        wait_for_more(t, move(t));
    if (t->lost == ETIMEDOUT)
        ssh2_end_said(t, "Timeout, server %s not responding.", t->goal->name);
    else if (t->lost && t->lost != ECONNRESET)
        ssh2_end_said(t, "Connection to %s was lost: %s", t->goal->name, strerror(t->lost));
    else
        ssh2_end_said(t, "Connection to %s closed by remote host.", t->goal->name);
}

/* Some sentence stands there in any case. */
static void why_not(struct ssh2_thread *t)
{
    if (t->lost)
        ssh2_end_said(t, "the connection to %s was lost during the login: %s", t->goal->hostname,
                      strerror(t->lost));
    else if (t->closed)
        ssh2_end_said(t, "Connection closed by %s port %s", t->goal->hostname, t->goal->port);
    else
        ssh2_end_said(t, "Connection to %s timed out during the login", t->goal->hostname);
}

static void thread_main(void *arg)
{
    struct ssh2_link *l = arg;
    struct ssh2_thread t = { .link = l, .goal = l->goal, .socket = -1, .deadline = mono_ms() + LOGIN_MS };

    list_init(&t.channels);
    t.session = libssh2_session_init_ex(NULL, NULL, NULL, &t);
    libssh2_session_set_blocking(t.session, 0);
    libssh2_session_callback_set(t.session, LIBSSH2_CALLBACK_SEND, (void *)send_cb);
    libssh2_session_callback_set(t.session, LIBSSH2_CALLBACK_RECV, (void *)recv_cb);
    if (ssh2_login(&t) == 0)
        serve(&t);
    else
        why_not(&t);
    ssh2_channels_end(&t);
    if (!t.lost && !t.closed && t.socket >= 0) {
        libssh2_session_disconnect(t.session, "");
        ssh2_flush(&t);
    }
    close_fd(&t.socket);
    t.lost = EPIPE; /* what is freed below has nobody to talk to */
    libssh2_session_free(t.session);
    buf_free(&t.out);
    free(t.polled);
    if (t.answer)
        explicit_bzero(t.answer, strlen(t.answer));
    free(t.answer);
    struct ssh2_message *m = ssh2_message(SSH2_ENDED, 0, t.rc, buf_str(&t.why));
    buf_free(&t.why);
    uv_mutex_lock(&l->mutex);
    list_append(&l->events, &m->link);
    uv_async_send(&l->async);
    uv_mutex_unlock(&l->mutex);
}
