/* SPDX-License-Identifier: MIT */
/* See ssh_query.h. */
#include "backend/transport/ssh_query.h"
#include "backend/transport/proc.h"
#include "backend/transport/transport_private.h"
#include "backend/base/alloc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUERY_MS  10000      /* some configurations ask the network (Match exec, canonical names) */
#define OUT_LIMIT (64 << 10) /* a whole configuration is some 5 KiB */

struct ssh_query {
    ssh_query_f cb;
    void *arg;
    struct proc *proc;
    struct timer *timer;
    uv_pipe_t pipe;
    bool exited, failed, closed;
    struct buf out;
    char chunk[4096];
};

static void closed_cb(uv_handle_t *h)
{
    struct ssh_query *q = h->data;

    buf_free(&q->out);
    free(q);
}

static void let_go(struct ssh_query *q)
{
    timer_destroy(q->timer);
    proc_forget(q->proc);
    uv_close((uv_handle_t *)&q->pipe, closed_cb);
}

static void end(struct ssh_query *q, const char *settings)
{
    q->cb(q->arg, settings);
    let_go(q);
}

static void check_end(struct ssh_query *q)
{
    if (q->exited && q->closed)
        end(q, q->failed ? NULL : buf_str(&q->out));
}

static void exit_cb(void *arg, int status, int signal)
{
    struct ssh_query *q = arg;

    q->exited = true;
    q->failed = status != 0 || signal != 0;
    check_end(q);
}

static void alloc_cb(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
    struct ssh_query *q = h->data;

    (void)hint;
    *b = uv_buf_init(q->chunk, sizeof q->chunk);
}

static void read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct ssh_query *q = s->data;

    if (n > 0 && q->out.len < OUT_LIMIT) {
        buf_add(&q->out, b->base, (size_t)n);
    } else if (n < 0) {
        uv_read_stop(s);
        q->closed = true;
        check_end(q);
    }
}

static void late_cb(void *arg)
{
    end(arg, NULL);
}

struct ssh_query *ssh_query_start(uv_loop_t *loop, const struct cluster_config *c, ssh_query_f cb, void *arg)
{
    /* -N: without a command, ForkAfterAuthentication is an error else. */
    const char *with[] = { "ssh", "-G", "-N", "-F", c->ssh_config, "--", c->host, NULL };
    const char *without[] = { "ssh", "-G", "-N", "--", c->host, NULL };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[2] = { -1, -1 };
    struct ssh_query *q = NEW(struct ssh_query);

    if (null < 0 || pipe_pair(fds) < 0 ||
        proc_spawn(&q->proc, loop, c->ssh_config[0] ? with : without, NULL, (int[]){ null, fds[1], null },
                   exit_cb, q, NULL) < 0) {
        close_fd(&null);
        close_fd(&fds[0]);
        close_fd(&fds[1]);
        free(q);
        return NULL;
    }
    close(null);
    close(fds[1]);
    q->cb = cb;
    q->arg = arg;
    q->timer = timer_create_on(loop, late_cb, q);
    timer_start_ms(q->timer, QUERY_MS);
    uv_pipe_init(loop, &q->pipe, 0);
    q->pipe.data = q;
    uv_pipe_open(&q->pipe, fds[0]);
    uv_read_start((uv_stream_t *)&q->pipe, alloc_cb, read_cb);
    return q;
}

void ssh_query_cancel(struct ssh_query *q)
{
    if (q)
        let_go(q);
}

char *ssh_setting(const char *settings, const char *key, int nth)
{
    size_t len = strlen(key);

    for (const char *line = settings; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, key, len) == 0 && line[len] == ' ' && nth-- == 0)
            return xstrndup(line + len + 1, strcspn(line + len + 1, "\r\n"));
    }
    return NULL;
}
