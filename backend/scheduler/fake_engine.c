/* SPDX-License-Identifier: MIT */
/* The engine must not outlive a daemon that is killed, or tests would leave processes behind. So it is
 * started by a shell that leaves a watcher in its group: the watcher reads from a pipe that only we hold
 * open, and kills the engine at its end. */
#include "backend/scheduler/fake_engine.h"
#include "backend/scheduler/child.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char start_sh[] = "exec 3<&0 </dev/null; { read -r line <&3; kill -KILL $$; } >/dev/null 2>&1 & "
                               "exec \"$@\" 3<&-";

#define LINE_MAX_LEN 1024 /* of its output; a longer line is cut into several */

struct fake_engine {
    struct child *child;
    uv_pipe_t output; /* freed with the struct by its close callback */
    int watch_fd;     /* the pipe that the watcher reads from */
    struct buf line;
    char *last_line;
    char chunk[4096];
    void (*listening_cb)(void *arg, const char *address);
    void (*exited_cb)(void *arg, int status, const char *last_line);
    void *arg;
};

static void take_line(struct fake_engine *f)
{
    static const char word[] = "listening http://";
    const char *s = buf_str(&f->line);

    if (strncmp(s, word, sizeof(word) - 1) == 0 && f->listening_cb) {
        void (*cb)(void *, const char *) = f->listening_cb;
        char *address = xstrndup(s + sizeof(word) - 1, strcspn(s + sizeof(word) - 1, "/ \r"));
        f->listening_cb = NULL;
        cb(f->arg, address);
        free(address);
    }
    if (f->line.len > 0) {
        free(f->last_line);
        f->last_line = xstrdup(s);
    }
    buf_reset(&f->line);
}

static void alloc_cb(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    struct fake_engine *f = h->data;

    (void)suggested;
    *out = uv_buf_init(f->chunk, sizeof(f->chunk));
}

static void read_cb(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
    struct fake_engine *f = stream->data;

    if (n < 0)
        uv_read_stop(stream);
    for (ssize_t i = 0; i < n; i++) {
        if (chunk->base[i] == '\n' || f->line.len >= LINE_MAX_LEN)
            take_line(f);
        if (chunk->base[i] != '\n')
            buf_add(&f->line, chunk->base + i, 1);
    }
}

static void exited_cb(void *arg, int status)
{
    struct fake_engine *f = arg;
    ssize_t n;

    child_kill_session(f->child);
    child_release(f->child);
    f->child = NULL;
    /* Its last words may still be in the pipe: the exit is not ordered after what it wrote. */
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&f->output, &fd) == 0)
        while ((n = read(fd, f->chunk, sizeof(f->chunk))) > 0)
            read_cb((uv_stream_t *)&f->output, n, &(uv_buf_t){ .base = f->chunk, .len = (size_t)n });
    take_line(f);
    f->exited_cb(f->arg, status, f->last_line ? f->last_line : "");
}

static void closed_cb(uv_handle_t *h)
{
    struct fake_engine *f = h->data;

    buf_free(&f->line);
    free(f->last_line);
    free(f);
}

void fake_engine_destroy(struct fake_engine *f)
{
    if (!f)
        return;
    child_kill(f->child);
    close(f->watch_fd);
    f->child = NULL;
    uv_close((uv_handle_t *)&f->output, closed_cb);
}

void fake_engine_signal(struct fake_engine *f, int signal)
{
    if (f->child)
        child_signal(f->child, signal);
}

static int spawn(struct fake_engine *f, const struct fake_engine_params *p, int in, int out, struct err *e)
{
    const char *first[] = { "/bin/sh", "-c", start_sh, "sh", p->program, "parrot", "--port", "0" };
    size_t n = sizeof(first) / sizeof(first[0]);
    const char **argv = xcalloc(n + p->n_args + 1, sizeof(*argv));
    char *key = xasprintf("LLAMA_API_KEY=%s", p->secret);
    char **env = child_env((const char *const[]){ NULL }, (const char *const[]){ key, NULL });
    int fds[] = { in, out, out };
    struct child_params c = { .loop = p->loop,
                              .argv = argv,
                              .env = env,
                              .cwd = "/",
                              .fds = fds,
                              .n_fds = 3,
                              .exited_cb = exited_cb,
                              .arg = f };

    memcpy(argv, first, sizeof(first));
    if (p->n_args > 0)
        memcpy(argv + n, p->args, p->n_args * sizeof(*argv));
    int rc = child_start(&f->child, &c, e);
    free(argv);
    free(env);
    free(key);
    return rc;
}

int fake_engine_start(struct fake_engine **out, const struct fake_engine_params *p, struct err *e)
{
    int in[2] = { -1, -1 }, from[2] = { -1, -1 }, rc = 0;

    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0) {
        rc = -errno;
        if (in[0] >= 0)
            close(in[0]), close(in[1]);
        return err_set(e, rc, "no pipe for %s parrot: %s", p->program, strerror(-rc));
    }
    struct fake_engine *f = NEW(struct fake_engine);
    f->watch_fd = in[1];
    f->listening_cb = p->listening_cb;
    f->exited_cb = p->exited_cb;
    f->arg = p->arg;
    uv_pipe_init(p->loop, &f->output, 0);
    f->output.data = f;
    rc = spawn(f, p, in[0], from[1], e);
    close(in[0]);
    close(from[1]);
    if (rc == 0) {
        uv_pipe_open(&f->output, from[0]);
        uv_read_start((uv_stream_t *)&f->output, alloc_cb, read_cb);
        *out = f;
        return 0;
    }
    close(from[0]);
    fake_engine_destroy(f);
    return rc;
}
