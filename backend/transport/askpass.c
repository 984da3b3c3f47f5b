/* SPDX-License-Identifier: MIT */
/* The daemon's side of askpass.h. A packet of the helper is "TOKEN KIND PROMPT", one of ours 'A' and the
 * answer; a connection that is closed says that there is none. The sockets keep packets apart (SEQPACKET). */
#include "backend/transport/askpass.h"
#include "backend/base/alloc.h"
#include "backend/base/list.h"
#include "backend/base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TOKEN_LEN 32

/* A descriptor that the loop watches; it outlives its owner's interest until the handle is closed. */
struct watched {
    uv_poll_t poll;
    struct askpass *owner;
    int fd;
};

struct askpass {
    uv_loop_t *loop;
    askpass_f cb;
    void *arg;
    char *path, *environment;
    char token[TOKEN_LEN + 1];
    struct watched *listener;
    struct watched *helper; /* NULL: nobody asks. The next one waits in the listener's queue */
    bool asked;             /* its packet came */
    bool answerable;
    struct err prompt;
};

static void closed_cb(uv_handle_t *h)
{
    free(container_of((uv_poll_t *)h, struct watched, poll));
}

static void unwatch(struct watched **w)
{
    if (!*w)
        return;
    uv_close((uv_handle_t *)&(*w)->poll, closed_cb);
    close((*w)->fd);
    *w = NULL;
}

static struct watched *watch(struct askpass *a, int fd, uv_poll_cb cb)
{
    struct watched *w = NEW(struct watched);

    w->fd = fd;
    w->owner = a;
    uv_poll_init(a->loop, &w->poll, fd);
    uv_poll_start(&w->poll, UV_READABLE, cb);
    return w;
}

static struct askpass *owner(uv_poll_t *h)
{
    return container_of(h, struct watched, poll)->owner;
}

/* ---- Who asks. */

static void listener_cb(uv_poll_t *h, int status, int events);

/* It is gone, or has what it wanted. */
static void forget_helper(struct askpass *a)
{
    bool asked = a->asked;

    unwatch(&a->helper);
    a->asked = false;
    uv_poll_start(&a->listener->poll, UV_READABLE, listener_cb);
    if (asked)
        a->cb(a->arg);
}

static bool take_question(struct askpass *a, const char *packet)
{
    if (strncmp(packet, a->token, TOKEN_LEN) != 0 || packet[TOKEN_LEN] != ' ')
        return false;
    packet += TOKEN_LEN + 1;
    a->answerable = strncmp(packet, "ask ", 4) == 0;
    if (!a->answerable && strncmp(packet, "tell ", 5) != 0)
        return false;
    err_set(&a->prompt, 0, "%s", strchr(packet, ' ') + 1); /* makes one line of UTF-8 of it */
    return true;
}

static void helper_cb(uv_poll_t *h, int status, int events)
{
    struct askpass *a = owner(h);
    char packet[4096];
    ssize_t n = recv(a->helper->fd, packet, sizeof packet - 1, MSG_DONTWAIT);

    (void)status;
    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0 && !a->asked) {
        packet[n] = '\0';
        a->asked = take_question(a, packet);
        if (a->asked) {
            a->cb(a->arg);
            return;
        }
    }
    forget_helper(a);
}

static void listener_cb(uv_poll_t *h, int status, int events)
{
    struct askpass *a = owner(h);
    struct ucred peer;
    socklen_t size = sizeof peer;
    int fd = accept4(a->listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)status;
    (void)events;
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid()) {
        close(fd);
        return;
    }
    uv_poll_stop(&a->listener->poll); /* one at a time */
    a->helper = watch(a, fd, helper_cb);
}

/* ---- */

const char *askpass_environment(const struct askpass *a)
{
    return a->environment;
}

const char *askpass_prompt(const struct askpass *a, bool *answerable)
{
    *answerable = a->asked && a->answerable;
    return a->asked ? a->prompt.text : NULL;
}

int askpass_answer(struct askpass *a, const char *answer, size_t len, struct err *e)
{
    char packet[ASKPASS_ANSWER_MAX + 1] = "A";

    if (!a->asked || !a->answerable || len > ASKPASS_ANSWER_MAX)
        return err_set(e, -EINVAL, "nothing is asked that this could be the answer to");
    memcpy(packet + 1, answer, len);
    ssize_t sent = send(a->helper->fd, packet, len + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    explicit_bzero(packet, sizeof packet);
    forget_helper(a);
    return sent < 0 ? err_set(e, -EINVAL, "who asked has gone: %s", strerror(errno)) : 0;
}

int askpass_open(struct askpass **out, uv_loop_t *loop, const char *path, askpass_f cb, void *arg,
                 struct err *e)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && strlen(path) < sizeof addr.sun_path) {
        strcpy(addr.sun_path, path);
        unlink(path);
        if (bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0 && chmod(path, 0600) == 0 &&
            listen(fd, 4) == 0) {
            struct askpass *a = NEW(struct askpass);
            a->loop = loop;
            a->cb = cb;
            a->arg = arg;
            a->path = xstrdup(path);
            random_hex(a->token, TOKEN_LEN);
            a->environment = xasprintf("%s=%s %s", ASKPASS_VARIABLE, a->token, path);
            a->listener = watch(a, fd, listener_cb);
            *out = a;
            return 0;
        }
    }
    int rc = err_set(e, -EIO, "no socket for ssh's questions at %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

void askpass_close(struct askpass *a)
{
    if (!a)
        return;
    unwatch(&a->helper);
    unwatch(&a->listener);
    unlink(a->path);
    explicit_bzero(a->token, sizeof a->token);
    free(a->path);
    free(a->environment);
    free(a);
}
