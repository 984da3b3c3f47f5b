/* SPDX-License-Identifier: MIT */
/* See ssh_said.h. */
#include "backend/transport/ssh_said.h"
#include "backend/transport/transport_private.h"
#include "backend/base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT 8192 /* bytes that are kept: a banner, and the reason behind it */

/* Control characters could play tricks with the terminal that shows a reason. */
static void hear(struct ssh_said *s, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = (p[i] != '\n' && (unsigned char)p[i] < ' ') || p[i] == 127 ? ' ' : p[i];
        buf_add(&s->text, &c, 1);
    }
    if (s->text.len > LIMIT)
        buf_consume(&s->text, s->text.len - LIMIT / 2);
}

/* What it said before it answered or ended, but the loop did not look at yet. */
static void hear_now(struct ssh_said *s)
{
    uv_os_fd_t fd;
    ssize_t n;

    if (!s->pipe || uv_fileno((uv_handle_t *)s->pipe, &fd) < 0)
        return;
    while ((n = read(fd, s->chunk, sizeof s->chunk)) > 0)
        hear(s, s->chunk, (size_t)n);
}

static void closed_cb(uv_handle_t *h)
{
    free(h);
}

static void let_go(struct ssh_said *s)
{
    if (s->pipe)
        uv_close((uv_handle_t *)s->pipe, closed_cb);
    s->pipe = NULL;
}

static void alloc_cb(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
    struct ssh_said *s = h->data;

    (void)hint;
    *b = uv_buf_init(s->chunk, sizeof s->chunk);
}

static void read_cb(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct ssh_said *s = stream->data;

    if (n > 0)
        hear(s, b->base, (size_t)n);
    else if (n < 0)
        let_go(s);
}

int ssh_said_listen(struct ssh_said *s, uv_loop_t *loop)
{
    int fds[2];

    if (pipe_pair(fds) < 0)
        return -1;
    s->pipe = NEW(uv_pipe_t);
    uv_pipe_init(loop, s->pipe, 0);
    s->pipe->data = s;
    uv_pipe_open(s->pipe, fds[0]);
    uv_read_start((uv_stream_t *)s->pipe, alloc_cb, read_cb);
    return fds[1];
}

void ssh_said_stop(struct ssh_said *s)
{
    hear_now(s);
    let_go(s);
}

void ssh_said_reset(struct ssh_said *s)
{
    buf_reset(&s->text);
}

void ssh_said_finish(struct ssh_said *s)
{
    let_go(s);
    buf_free(&s->text);
}

const char *ssh_said_text(struct ssh_said *s)
{
    hear_now(s);
    return buf_str(&s->text);
}

char *ssh_said_take_open_failure(struct ssh_said *s)
{
    hear_now(s);
    char *hit = s->text.len ? strstr(s->text.data, ": open failed: ") : NULL;

    if (!hit)
        return NULL;
    char *line = xstrndup(hit + 2, strcspn(hit + 2, "\n"));
    buf_consume(&s->text, (size_t)(hit - s->text.data) + 2 + strlen(line));
    return line;
}
