/* SPDX-License-Identifier: MIT */
/* Commands: the queue of at most COMMANDS_AT_ONCE running ones, their three streams, deadlines and outcome.
 * The same for all kinds; a kind only connects the streams to a program and reports its end.
 *
 * A command is WAITING (for the link, or for its turn), STARTED, or ENDED (its result is in the mail). Its
 * memory lives until the callback was called and the loop has closed its handles, whichever is later. */
#include "backend/transport/transport_private.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_LIMIT (64u << 10) /* a Linux argument ends at 128 KiB, a mux packet at 256 KiB */
#define OUT_LIMIT  (4u << 20)
#define ERR_LIMIT  (64u << 10)

/* Between two tries where no session is to be had; the end of a command is a try at once. */
#define HOLD_MS 500

static void maybe_free(struct command *c)
{
    if (!c->released || c->handles > 0)
        return;
    free(c->line);
    free(c->input);
    buf_free(&c->outbuf);
    buf_free(&c->errbuf);
    free(c);
}

static void closed_cb(uv_handle_t *h)
{
    struct command *c = h->data;

    c->handles--;
    if (c->handles == 0 && c->phase == WAITING && !c->released)
        command_pump(c->t); /* refused before; may be started anew now */
    maybe_free(c);
}

static void close_pipe(uv_pipe_t *p, bool *open)
{
    if (*open)
        uv_close((uv_handle_t *)p, closed_cb);
    *open = false;
}

/* Nothing of it runs any more after this; the result is still there. */
static void let_go(struct command *c)
{
    if (c->phase == STARTED) {
        c->t->ops->command_stop(c);
        c->t->n_running--;
        timer_stop(c->t->hold); /* a session is free now */
        command_pump(c->t);
    }
    close_pipe(&c->in, &c->in_open);
    close_pipe(&c->out, &c->out_open);
    close_pipe(&c->err, &c->err_open);
    list_remove(&c->link);
}

static void deliver(struct command *c)
{
    struct command_result r = {
        .rc = c->rc,
        .exit_status = c->exit_status,
        .out = buf_str(&c->outbuf),
        .out_len = c->outbuf.len,
        .errout = buf_str(&c->errbuf),
        .errout_len = c->errbuf.len,
        .err = c->why.text,
    };

    list_remove(&c->link);
    c->cb(c->arg, &r);
    c->released = true;
    maybe_free(c);
}

static void deliver_cb(void *arg, int what)
{
    (void)what;
    deliver(arg);
}

void command_finish(struct command *c, int rc, const char *text)
{
    err_set(&c->why, rc, "%s", text ? text : ""); /* first: the text may be of what is let go */
    let_go(c);
    timer_destroy(c->timer);
    c->timer = NULL;
    c->phase = ENDED;
    c->rc = rc;
    if (c->errbuf.len > ERR_LIMIT)
        buf_consume(&c->errbuf, c->errbuf.len - ERR_LIMIT);
    list_append(&c->t->ended, &c->link);
    mailbox_post(c->t->mail, deliver_cb, c, 0);
}

void command_cancel(struct command *c)
{
    if (!c)
        return;
    mailbox_forget(c->t->mail, c);
    let_go(c);
    timer_destroy(c->timer);
    c->released = true;
    maybe_free(c);
}

void command_end_all(struct transport *t, bool waiting_too, int rc, const char *text)
{
    list_for_each(c, &t->running, struct command, link) command_finish(c, rc, text);
    if (waiting_too)
        list_for_each(c, &t->waiting, struct command, link) command_finish(c, rc, text);
}

void command_deliver_all(struct transport *t)
{
    struct command *c;

    while ((c = list_first(&t->ended, struct command, link))) {
        mailbox_forget(t->mail, c);
        deliver(c);
    }
}

/* ---- The streams. */

static void check_end(struct command *c)
{
    if (c->exited && !c->out_open && !c->err_open)
        command_finish(c, 0, "");
}

void command_exited(struct command *c, int exit_status)
{
    c->exited = true;
    c->exit_status = exit_status;
    check_end(c);
}

static void alloc_cb(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
    struct command *c = h->data;

    (void)hint;
    *b = uv_buf_init(c->t->chunk, sizeof c->t->chunk);
}

static void read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct command *c = s->data;
    bool is_out = s == (uv_stream_t *)&c->out;

    if (n < 0) {
        if (is_out)
            close_pipe(&c->out, &c->out_open);
        else
            close_pipe(&c->err, &c->err_open);
        check_end(c);
    } else if (is_out) {
        size_t room = OUT_LIMIT - c->outbuf.len;
        buf_add(&c->outbuf, b->base, (size_t)n < room ? (size_t)n : room);
        if ((size_t)n > room)
            command_finish(c, -EFBIG, "the command printed more than 4 MiB");
    } else {
        buf_add(&c->errbuf, b->base, (size_t)n);
        if (c->errbuf.len > 2 * ERR_LIMIT)
            buf_consume(&c->errbuf, c->errbuf.len - ERR_LIMIT);
    }
}

/* A program that does not read its input is no error: whatever became of the write, its end is closed. */
static void written_cb(uv_write_t *w, int status)
{
    struct command *c = w->data;

    (void)status;
    close_pipe(&c->in, &c->in_open);
}

/* fd is taken, and set to -1, where it succeeds. */
static int open_pipe(struct command *c, uv_pipe_t *p, bool *open, int *fd)
{
    int rc = uv_pipe_init(c->t->loop, p, 0);

    if (rc < 0)
        return rc;
    p->data = c;
    c->handles++;
    *open = true;
    rc = uv_pipe_open(p, *fd);
    if (rc == 0)
        *fd = -1;
    return rc;
}

static int open_output(struct command *c, uv_pipe_t *p, bool *open, int *fd)
{
    int rc = open_pipe(c, p, open, fd);

    return rc < 0 ? rc : uv_read_start((uv_stream_t *)p, alloc_cb, read_cb);
}

static int open_input(struct command *c, int *fd)
{
    uv_buf_t b = uv_buf_init(c->input, (unsigned)c->input_len);
    int rc = c->input ? open_pipe(c, &c->in, &c->in_open, fd) : 0;

    c->write.data = c;
    return rc < 0 || !c->input ? rc : uv_write(&c->write, (uv_stream_t *)&c->in, &b, 1, written_cb);
}

/* Make the three streams; theirs gets the program's ends. What a failure leaves open of ours goes with the
 * command. */
static int open_streams(struct command *c, int theirs[3])
{
    int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
    int rc;

    if ((c->input ? pipe_pair(in) : (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC))) < 0 ||
        pipe_pair(out) < 0 || pipe_pair(err) < 0)
        rc = -errno;
    else if ((rc = open_output(c, &c->out, &c->out_open, &out[0])) == 0 &&
             (rc = open_output(c, &c->err, &c->err_open, &err[0])) == 0 &&
             (rc = open_input(c, &in[1])) == 0) {
        theirs[0] = in[0];
        theirs[1] = out[1];
        theirs[2] = err[1];
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        close_fd(&in[i]);
        close_fd(&out[i]);
        close_fd(&err[i]);
    }
    return rc;
}

/* ---- The queue. */

static void late_cb(void *arg)
{
    struct command *c = arg;
    struct err e;

    if (c->phase == WAITING && c->t->state == TRANSPORT_AUTH) {
        timer_start_ms(c->timer, c->connect_ms); /* a question has a limit of its own */
    } else if (c->phase == STARTED) {
        err_set(&e, 0, "the command did not end within %g s", (double)c->timeout_ms / 1000);
        command_finish(c, -ETIMEDOUT, e.text);
    } else if (c->t->reason.text[0]) {
        command_finish(c, c->t->rc ? c->t->rc : -EHOSTUNREACH, c->t->reason.text);
    } else {
        err_set(&e, 0, "%s: no connection within %g s", c->t->cluster->host, (double)c->connect_ms / 1000);
        command_finish(c, -EHOSTUNREACH, e.text);
    }
}

static void start(struct command *c)
{
    struct transport *t = c->t;
    struct err e = { "" };
    int fds[3];
    int rc = open_streams(c, fds);

    if (rc < 0) {
        err_set(&e, 0, "no streams for a command: %s", strerror(-rc));
        command_finish(c, -EIO, e.text);
        return;
    }
    list_remove(&c->link);
    list_append(&t->running, &c->link);
    c->phase = STARTED;
    t->n_running++;
    timer_start_ms(c->timer, c->timeout_ms);
    rc = t->ops->command_start(c, fds, &e);
    if (rc < 0)
        command_finish(c, rc, e.text);
}

static void pump_cb(void *arg, int what)
{
    struct transport *t = arg;
    struct command *c;

    (void)what;
    t->pumping = false;
    while (t->state == TRANSPORT_UP && t->n_running < COMMANDS_AT_ONCE && !timer_active(t->hold) &&
           (c = list_first(&t->waiting, struct command, link)) && c->handles == 0)
        start(c);
}

void command_pump(struct transport *t)
{
    if (t->pumping || t->dying)
        return;
    t->pumping = true;
    mailbox_post(t->mail, pump_cb, t, 0);
}

void command_link_changed(struct transport *t, bool up)
{
    list_for_each(c, &t->waiting, struct command, link)
    {
        if (up)
            timer_stop(c->timer);
        else
            timer_start_ms(c->timer, c->connect_ms);
    }
    if (up)
        command_pump(t);
}

static void crowded_cb(void *arg, int what)
{
    struct transport *t = arg;

    (void)what;
    if (t->crowded_cb)
        t->crowded_cb(t->crowded_arg);
}

void command_refused(struct command *c, const char *text)
{
    struct transport *t = c->t;
    struct err e;

    t->crowded = true;
    mailbox_post(t->mail, crowded_cb, t, 0);
    if (!c->give_up_at)
        c->give_up_at = mono_ms() + c->connect_ms;
    if (mono_ms() >= c->give_up_at) {
        err_set(&e, 0, "%s opens no further session (%s; its MaxSessions may be used up)", t->cluster->host,
                text);
        command_finish(c, -EHOSTUNREACH, e.text);
        return;
    }
    let_go(c);
    timer_stop(c->timer);
    c->phase = WAITING;
    c->exited = false;
    buf_reset(&c->outbuf);
    buf_reset(&c->errbuf);
    list_prepend(&t->waiting, &c->link);
    timer_start_ms(t->hold, HOLD_MS);
}

struct command *transport_run(struct transport *t, const char *line, const void *input, size_t input_len,
                              uint64_t connect_ms, uint64_t timeout_ms, command_f cb, void *arg)
{
    if (t->dying)
        return NULL;
    struct command *c = NEW(struct command);

    c->t = t;
    c->line = xstrdup(line);
    if (input_len > 0) {
        c->input = xcalloc(1, input_len);
        memcpy(c->input, input, input_len);
        c->input_len = input_len;
    }
    c->connect_ms = connect_ms;
    c->timeout_ms = timeout_ms;
    c->cb = cb;
    c->arg = arg;
    c->timer = timer_create_on(t->loop, late_cb, c);
    list_append(&t->waiting, &c->link);
    if (strlen(line) > LINE_LIMIT) {
        command_finish(c, -EFBIG, "the command line is longer than 64 KiB");
    } else if (t->state == TRANSPORT_UP) {
        command_pump(t);
    } else if (connect_ms == 0) {
        struct err e;
        err_set(&e, 0, "not connected to %s", t->cluster->host);
        command_finish(c, t->rc ? t->rc : -EHOSTUNREACH, t->reason.text[0] ? t->reason.text : e.text);
    } else {
        timer_start_ms(c->timer, connect_ms);
        t->ops->connect(t);
    }
    return c;
}
