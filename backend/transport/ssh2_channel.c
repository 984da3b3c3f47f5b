/* SPDX-License-Identifier: MIT */
/* The life of a channel: it is opened, its bytes go (ssh2_bytes.c), and it ends.
 *
 * QUEUED    libssh2 opens one at a time
 * OPENING   the far side is asked
 * STARTING  it has a session, and is told the command
 * OPEN      bytes go
 * CLOSING   nobody here has it any more; the far side is to agree */
#include "backend/transport/ssh2_channel.h"
#include "backend/transport/transport_private.h"
#include "backend/base/alloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WINDOW  (256u << 10) /* bytes that may be on the way for one channel, and wait in libssh2's memory */
#define OPEN_MS 10000        /* an unanswered open, while others wait for their turn */

static void close_all(struct channel *c)
{
    close_fd(&c->in);
    close_fd(&c->out[0]);
    close_fd(&c->out[1]);
}

static void release(struct channel *c)
{
    close_all(c);
    list_remove(&c->link);
    free(c->text);
    free(c->host);
    buf_free(&c->up);
    buf_free(&c->down[0]);
    buf_free(&c->down[1]);
    free(c);
}

static void unblock(int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void ssh2_channel_open(struct ssh2_thread *t, const struct ssh2_message *m)
{
    struct channel *c = NEW(struct channel);

    c->id = m->id;
    c->command = m->command;
    c->text = xstrdup(m->text);
    c->host = xstrdup(m->host);
    c->port = m->port;
    c->in = m->fds[0];
    c->out[0] = m->fds[1];
    c->out[1] = m->fds[2];
    unblock(c->in);
    unblock(c->out[0]);
    unblock(c->out[1]);
    list_append(&t->channels, &c->link);
}

static void let_go(struct channel *c)
{
    close_all(c);
    buf_reset(&c->up);
    if (c->channel)
        c->phase = CLOSING;
    else if (c->phase != OPENING)
        release(c);
}

void ssh2_channel_stop(struct ssh2_thread *t, unsigned id)
{
    list_for_each(c, &t->channels, struct channel, link)
    {
        if (c->id == id && c->phase == OPENING)
            c->give_up_at = 0; /* libssh2 is in the middle of it */
        if (c->id == id) {
            c->id = 0;
            let_go(c);
        }
    }
}

/* ---- Opening. */

static LIBSSH2_CHANNEL *open_direct(struct ssh2_thread *t, const struct channel *c)
{
    /* RFC 4254, section 7.2. */
    const char *from = "127.0.0.1";
    size_t host_len = strlen(c->host), from_len = strlen(from);
    struct buf b = { 0 };
    uint32_t numbers[] = { htonl((uint32_t)host_len), htonl((uint32_t)c->port), htonl((uint32_t)from_len),
                           htonl(22) };

    buf_add(&b, &numbers[0], 4);
    buf_add(&b, c->host, host_len);
    buf_add(&b, &numbers[1], 4);
    buf_add(&b, &numbers[2], 4);
    buf_add(&b, from, from_len);
    buf_add(&b, &numbers[3], 4);
    LIBSSH2_CHANNEL *channel =
        libssh2_channel_open_ex(t->session, "direct-tcpip", 12, WINDOW, SSH2_CHUNK, b.data, (unsigned)b.len);
    buf_free(&b);
    return channel;
}

static void refuse(struct ssh2_thread *t, struct channel *c, int rc, const char *text)
{
    if (c->id)
        ssh2_post(t, SSH2_REFUSED, c->id, rc, text);
    c->id = 0;
    let_go(c);
}

/* libssh2 1.10 keeps the number of the reason to itself, and has the words (RFC 4254, section 5.1): "Channel open failure
 * (connect failed)", "(administratively prohibited)", "(resource shortage)". */
static void open_failed(struct ssh2_thread *t, struct channel *c, bool late)
{
    char *words = NULL;

    libssh2_session_last_error(t->session, &words, NULL, 0);
    int rc = late                                   ? -ETIMEDOUT
             : c->text                              ? -EUSERS
             : words && strstr(words, "prohibited") ? -EACCES
                                                    : -ECONNREFUSED;
    c->phase = QUEUED; /* libssh2 is out of it */
    refuse(t, c, rc, late ? "there was no answer" : words ? words : "refused");
}

static bool others_wait(struct ssh2_thread *t)
{
    list_for_each(c, &t->channels, struct channel, link)
    {
        if (c->phase == QUEUED)
            return true;
    }
    return false;
}

/* The way out of an open without an answer: libssh2 takes up no other meanwhile, and drops this one where the next look for
 * input fails. An answer that comes later belongs to a number that is used no more. */
static bool opening(struct ssh2_thread *t, struct channel *c)
{
    bool late = c->phase == OPENING && mono_ms() >= c->give_up_at && (!c->id || others_wait(t));

    if (c->phase == QUEUED)
        c->give_up_at = mono_ms() + OPEN_MS;
    c->phase = OPENING;
    t->give_up = late;
    c->channel = c->text ? libssh2_channel_open_ex(t->session, "session", 7, WINDOW, SSH2_CHUNK, NULL, 0)
                         : open_direct(t, c);
    t->give_up = false;
    if (!c->channel && libssh2_session_last_errno(t->session) == LIBSSH2_ERROR_EAGAIN)
        return false;
    if (!c->channel) {
        open_failed(t, c, late);
    } else if (!c->id) {
        let_go(c);
    } else if (c->text) {
        c->phase = STARTING;
    } else {
        c->phase = OPEN;
        ssh2_post(t, SSH2_OPENED, c->id, 0, NULL);
    }
    return true;
}

static bool starting(struct ssh2_thread *t, struct channel *c)
{
    int rc = libssh2_channel_process_startup(c->channel, "exec", 4, c->text, (unsigned)strlen(c->text));

    if (rc == LIBSSH2_ERROR_EAGAIN)
        return false;
    if (rc < 0) {
        refuse(t, c, -EUSERS, "the request for a command was refused");
        return true;
    }
    c->phase = OPEN;
    ssh2_post(t, SSH2_OPENED, c->id, 0, NULL);
    return true;
}

/* ---- The end. */

static int signal_number(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = { { "HUP", 1 },   { "INT", 2 },   { "QUIT", 3 },  { "ILL", 4 },   { "ABRT", 6 },
                    { "FPE", 8 },   { "KILL", 9 },  { "USR1", 10 }, { "SEGV", 11 }, { "USR2", 12 },
                    { "PIPE", 13 }, { "ALRM", 14 }, { "TERM", 15 } };

    for (size_t i = 0; name && i < sizeof signals / sizeof signals[0]; i++)
        if (strcmp(signals[i].name, name) == 0)
            return signals[i].number;
    return 127; /* one without a name in RFC 4254, section 6.10: 255 */
}

static int exit_status(struct channel *c)
{
    char *name = NULL;

    libssh2_channel_get_exit_signal(c->channel, &name, NULL, NULL, NULL, NULL, NULL);
    int status = name ? 128 + signal_number(name) : libssh2_channel_get_exit_status(c->channel);
    free(name);
    return status;
}

static bool see_end(struct ssh2_thread *t, struct channel *c)
{
    bool moved = false;

    if (!c->heard_eof && c->down[0].len == 0 && c->down[1].len == 0 && libssh2_channel_eof(c->channel) == 1) {
        c->heard_eof = moved = true;
        if (!c->command && c->out[0] >= 0)
            shutdown(c->out[0], SHUT_WR);
        close_fd(&c->out[0]);
        close_fd(&c->out[1]);
    }
    if (!c->command && c->said_eof && (c->heard_eof || c->gone)) {
        let_go(c);
        return true;
    }
    if (!c->heard_eof || libssh2_channel_wait_closed(c->channel) != 0)
        return moved;
    if (c->command)
        ssh2_post(t, SSH2_EXITED, c->id, exit_status(c), NULL);
    c->id = 0;
    let_go(c);
    return true;
}

static bool closing(struct channel *c)
{
    if (libssh2_channel_free(c->channel) == LIBSSH2_ERROR_EAGAIN)
        return false;
    c->channel = NULL;
    release(c);
    return true;
}

static bool move_one(struct ssh2_thread *t, struct channel *c)
{
    bool moved = false;

    switch (c->phase) {
    case QUEUED:
    case OPENING:
        return false; /* one after the other */
    case STARTING:
        return starting(t, c);
    case CLOSING:
        return closing(c);
    case OPEN:
        moved |= ssh2_send_input(t, c);
        moved |= ssh2_receive(c, 0);
        moved |= ssh2_receive(c, 1);
        return see_end(t, c) || moved;
    }
    return false;
}

static struct channel *next_to_open(struct ssh2_thread *t)
{
    struct channel *first = NULL;

    list_for_each(c, &t->channels, struct channel, link)
    {
        if (c->phase == OPENING)
            return c;
        if (c->phase == QUEUED && !first)
            first = c;
    }
    return first;
}

bool ssh2_channels_move(struct ssh2_thread *t)
{
    bool moved = false;
    struct channel *next = next_to_open(t);

    if (next)
        moved |= opening(t, next);
    list_for_each(c, &t->channels, struct channel, link) moved |= move_one(t, c);
    return moved;
}

bool ssh2_channels_deadline(struct ssh2_thread *t, int *left_ms)
{
    struct channel *c = next_to_open(t);
    uint64_t now = mono_ms();

    if (!c || c->phase != OPENING || !others_wait(t))
        return false;
    *left_ms = c->give_up_at > now ? (int)(c->give_up_at - now) : 0;
    return true;
}

void ssh2_channels_end(struct ssh2_thread *t)
{
    list_for_each(c, &t->channels, struct channel, link) release(c);
}
