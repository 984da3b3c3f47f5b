/* SPDX-License-Identifier: MIT */
/* Files on the cluster through one shell that stays. The channel's standard input is a shell script that
 * never ends: first two functions, then a line for each request that calls one of them. So the shell's own
 * parser takes the words apart, quotes hold every byte but NUL, and what is written travels as a format of
 * the builtin printf, never in an argument vector.
 *
 * An answer is
 *     LF MARK blank STATUS blank SIZE LF data LF MARK blank end LF
 * with a random MARK that noise (banners, start-up files) cannot hold; what comes before it is skipped. There
 * is one request under way at a time, so the end mark is simply the end of what came, and a file that shrinks
 * while it is read does no harm. STATUS is 0, 2 (no such file) or 5.
 *
 * Not here: watching files. NFS has no inotify that sees other machines, so callers look again. */
#include "backend/transport/remote_files.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/list.h"
#include "backend/base/mailbox.h"
#include "backend/base/timer.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define REQUEST_MS  20000 /* a file system that is slower is down for us; the channel is opened anew */
#define READ_LIMIT  (256u << 10)
#define WRITE_LIMIT (64u << 10)
#define FRAME_LIMIT 1024u /* marks and numbers around the data */

/* A shell whose link was torn hears of it when its sshd does, which may take hours. So it has an hour to live, and we take
 * another one before. */
#define SHELL_LIFE "3600" /* seconds */
#define RENEW_MS   ((uint64_t)3000 * 1000)

/* For any login shell; bash where there is one, because it is the same at every site, and sh is not. Some programs named
 * timeout are called otherwise. */
static const char shell_line[] =
    "exec sh -c 'if command -v bash >/dev/null 2>&1; then set -- bash --noprofile --norc -s; else set -- sh "
    "-s; fi; "
    "if timeout " SHELL_LIFE " true >/dev/null 2>&1 </dev/null; then set -- timeout " SHELL_LIFE
    " \"$@\"; fi; "
    "exec \"$@\"'";

extern const char text_remote_files[]; /* remote_files.sh */

struct request {
    struct list link;
    struct buf line;
    size_t max; /* of a read */
    remote_read_f read_cb;
    remote_write_f write_cb;
    void *arg;

    int rc;
    uint64_t size;
    struct buf data;
};

struct channel;

struct remote_files {
    struct transport *t;
    uv_loop_t *loop;
    struct mailbox *mail;
    struct timer *deadline;
    struct list asked;    /* in order; the first is under way where `busy` */
    struct list answered; /* the callback is in the mail */
    bool busy;
    bool dying;              /* inside remote_files_destroy() */
    struct dial *dial;       /* the channel is being opened */
    struct channel *channel; /* it is open */
};

/* Its own object, because its handle outlives it in the loop. */
struct channel {
    uv_pipe_t pipe;
    uint64_t begun_ms;
    struct remote_files *f; /* NULL: dropped */
    char mark[33];
    struct buf in;
    char chunk[16384];
};

/* ---- Answers. */

static void request_free(struct request *r)
{
    buf_free(&r->line);
    buf_free(&r->data);
    free(r);
}

static void answer(struct request *r)
{
    list_remove(&r->link);
    if (r->read_cb)
        r->read_cb(r->arg, r->rc, r->size, buf_str(&r->data), r->data.len);
    else if (r->write_cb)
        r->write_cb(r->arg, r->rc);
    request_free(r);
}

/* One post, one answer. The callback may destroy f, so f is not looked at after it. */
static void answer_cb(void *arg, int what)
{
    struct remote_files *f = arg;
    struct request *r = list_first(&f->answered, struct request, link);

    (void)what;
    if (r)
        answer(r);
}

static void finish(struct remote_files *f, struct request *r, int rc)
{
    r->rc = rc;
    list_remove(&r->link);
    list_append(&f->answered, &r->link);
    mailbox_post(f->mail, answer_cb, f, 0);
}

/* ---- The channel. */

static void channel_closed_cb(uv_handle_t *h)
{
    struct channel *ch = h->data;

    buf_free(&ch->in);
    free(ch);
}

static void drop_channel(struct remote_files *f)
{
    timer_stop(f->deadline);
    f->busy = false;
    dial_cancel(f->dial);
    f->dial = NULL;
    if (f->channel) {
        f->channel->f = NULL;
        uv_close((uv_handle_t *)&f->channel->pipe, channel_closed_cb);
    }
    f->channel = NULL;
}

/* All that was asked is answered with rc; the next request opens a new channel. */
static void lose_channel(struct remote_files *f, int rc)
{
    drop_channel(f);
    list_for_each(r, &f->asked, struct request, link) finish(f, r, rc);
}

struct sending {
    uv_write_t w;
    char *text;
};

static void sent_cb(uv_write_t *w, int status)
{
    struct sending *s = (struct sending *)w;

    (void)status; /* a channel that takes nothing is noticed by its end or by the deadline */
    free(s->text);
    free(s);
}

static void send_text(struct channel *ch, char *text, size_t len)
{
    struct sending *s = NEW(struct sending);
    uv_buf_t b = uv_buf_init(text, (unsigned)len);

    s->text = text;
    if (uv_write(&s->w, (uv_stream_t *)&ch->pipe, &b, 1, sent_cb) < 0)
        sent_cb(&s->w, 0);
}

static void proceed(struct remote_files *f);

/* Commands cannot have a session: the shell gives up its own while nobody needs it. */
static void make_room(void *arg)
{
    struct remote_files *f = arg;

    if (f->channel && list_empty(&f->asked))
        drop_channel(f);
}

/* STATUS and SIZE stand in head, the data between. */
static void take_answer(struct remote_files *f, int status, uint64_t size, const char *data, size_t len)
{
    struct request *r = list_first(&f->asked, struct request, link);

    timer_stop(f->deadline);
    f->busy = false;
    if (len > r->max) { /* not our script's doing */
        lose_channel(f, -EIO);
        return;
    }
    r->size = size;
    buf_add(&r->data, data, len);
    finish(f, r, status == 0 ? 0 : status == 2 ? -ENOENT : -EIO);
    if (transport_crowded(f->t))
        make_room(f);
    proceed(f);
}

/* Is there a whole answer in what came? Nothing follows it, so it is whole when the end mark is the end. */
static void look_for_answer(struct channel *ch)
{
    struct buf *in = &ch->in;
    char head[40], tail[48];
    int head_len = snprintf(head, sizeof head, "\n%s ", ch->mark);
    int tail_len = snprintf(tail, sizeof tail, "\n%s end\n", ch->mark);
    char *begin = in->len ? memmem(in->data, in->len, head, (size_t)head_len) : NULL;

    if (!begin) {
        /* Noise, but the begin of the mark may be among it. */
        if (in->len > sizeof head)
            buf_consume(in, in->len - sizeof head);
        return;
    }
    buf_consume(in, (size_t)(begin - in->data));
    char *line_end = memchr(in->data + 1, '\n', in->len - 1);
    int status;
    uint64_t size;
    if (!line_end)
        return;
    size_t used = (size_t)(line_end + 1 - in->data);
    if (in->len < used + (size_t)tail_len ||
        memcmp(in->data + in->len - tail_len, tail, (size_t)tail_len) != 0)
        return;
    if (sscanf(in->data + head_len, "%d %" SCNu64, &status, &size) != 2)
        status = 5, size = 0;
    struct buf whole = *in;
    *in = (struct buf){ 0 };
    take_answer(ch->f, status, size, whole.data + used, whole.len - used - (size_t)tail_len);
    buf_free(&whole);
}

static void alloc_cb(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
    struct channel *ch = h->data;

    (void)hint;
    *b = uv_buf_init(ch->chunk, sizeof ch->chunk);
}

static void read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct channel *ch = s->data;

    if (!ch->f || n == 0)
        return;
    if (n < 0) {
        lose_channel(ch->f, -EHOSTUNREACH);
        return;
    }
    if (!ch->f->busy)
        return; /* nobody asked: noise */
    buf_add(&ch->in, b->base, (size_t)n);
    if (ch->in.len > READ_LIMIT + FRAME_LIMIT)
        lose_channel(ch->f, -EIO);
    else
        look_for_answer(ch);
}

/* The script with the marks in its place. */
static char *make_script(const char *mark)
{
    struct buf b = { 0 };

    buf_adds(&b, TRANSPORT_ANSWERS);
    for (const char *p = text_remote_files; *p;) {
        if (strncmp(p, "MARK1", 5) == 0 || strncmp(p, "MARK2", 5) == 0) {
            buf_add(&b, p[4] == '1' ? mark : mark + 16, 16);
            p += 5;
        } else {
            buf_add(&b, p++, 1);
        }
    }
    return buf_take(&b);
}

static void opened_cb(void *arg, int fd, const char *err)
{
    struct remote_files *f = arg;
    unsigned char random[16];

    (void)err;
    f->dial = NULL;
    if (fd < 0) {
        lose_channel(f, -EHOSTUNREACH);
        return;
    }
    if (getrandom(random, sizeof random, 0) != sizeof random) {
        close(fd);
        lose_channel(f, -EIO);
        return;
    }
    struct channel *ch = NEW(struct channel);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(ch->mark + 2 * i, 3, "%02x", random[i]);
    ch->f = f;
    ch->begun_ms = mono_ms();
    f->channel = ch;
    uv_pipe_init(f->loop, &ch->pipe, 0);
    ch->pipe.data = ch;
    uv_pipe_open(&ch->pipe, fd);
    uv_read_start((uv_stream_t *)&ch->pipe, alloc_cb, read_cb);
    char *text = make_script(ch->mark);
    send_text(ch, text, strlen(text));
    proceed(f);
}

/* ---- Requests. */

static void late_cb(void *arg)
{
    lose_channel(arg, -EHOSTUNREACH);
}

/* Send the next request, or open the channel for it. */
static void proceed(struct remote_files *f)
{
    struct request *r = list_first(&f->asked, struct request, link);

    if (!r || f->busy || f->dial)
        return;
    if (f->channel && mono_ms() - f->channel->begun_ms > RENEW_MS)
        drop_channel(f);
    if (!f->channel) {
        f->dial = transport_pipe(f->t, shell_line, REQUEST_MS, opened_cb, f);
        if (!f->dial) /* the transport is being destroyed */
            lose_channel(f, -EHOSTUNREACH);
        return;
    }
    size_t len = r->line.len;
    f->busy = true;
    send_text(f->channel, buf_take(&r->line), len);
    timer_start_ms(f->deadline, REQUEST_MS);
}

/* A path as a word of the shell. */
static void add_path(struct buf *b, const char *path)
{
    if (strncmp(path, "~/", 2) == 0) {
        buf_adds(b, "\"$HOME\"");
        path++;
    }
    buf_adds(b, "'");
    for (; *path; path++)
        if (*path == '\'')
            buf_adds(b, "'\\''");
        else
            buf_add(b, path, 1);
    buf_adds(b, "'");
}

static bool path_is_good(const char *path)
{
    return (path[0] == '/' || strncmp(path, "~/", 2) == 0) && !strchr(path, '\n');
}

static void submit(struct remote_files *f, struct request *r, bool good)
{
    if (f->dying) {
        request_free(r);
        return;
    }
    list_append(&f->asked, &r->link);
    if (!good)
        finish(f, r, -EIO);
    else
        proceed(f);
}

void remote_files_read(struct remote_files *f, const char *path, uint64_t off, size_t max, remote_read_f cb,
                       void *arg)
{
    struct request *r = NEW(struct request);

    r->max = max;
    r->read_cb = cb;
    r->arg = arg;
    buf_adds(&r->line, "sl_read ");
    add_path(&r->line, path);
    buf_addf(&r->line, " %" PRIu64 " %zu\n", off, max);
    submit(f, r, path_is_good(path) && max <= READ_LIMIT);
}

/* Letters and digits stand for themselves, all else is octal: no byte means anything to printf or to the
 * shell. A digit after an octal is safe, because that has all its three digits. */
static void add_format(struct buf *b, const unsigned char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (isalnum(p[i]) && p[i] < 128)
            buf_add(b, p + i, 1);
        else
            buf_addf(b, "\\%03o", p[i]);
}

void remote_files_write(struct remote_files *f, const char *path, const void *data, size_t len,
                        remote_write_f cb, void *arg)
{
    struct request *r = NEW(struct request);

    r->write_cb = cb;
    r->arg = arg;
    if (len <= WRITE_LIMIT) {
        buf_adds(&r->line, "sl_write ");
        add_path(&r->line, path);
        buf_adds(&r->line, " '");
        add_format(&r->line, data, len);
        buf_adds(&r->line, "'\n");
    }
    submit(f, r, path_is_good(path) && len <= WRITE_LIMIT);
}

void remote_files_sweep(struct remote_files *f, const char *dir, int days, const char *keep, remote_read_f cb,
                        void *arg)
{
    struct request *r = NEW(struct request);

    r->read_cb = cb;
    r->arg = arg;
    buf_adds(&r->line, "sl_sweep ");
    add_path(&r->line, dir);
    buf_addf(&r->line, " %d '%s'\n", days, keep);
    submit(f, r, path_is_good(dir) && !strpbrk(keep, "'\n"));
}

static void forget_in(struct list *requests, const void *arg)
{
    list_for_each(r, requests, struct request, link)
    {
        if (r->arg == arg) {
            r->read_cb = NULL;
            r->write_cb = NULL;
        }
    }
}

void remote_files_forget(struct remote_files *f, const void *arg)
{
    forget_in(&f->asked, arg);
    forget_in(&f->answered, arg);
}

struct remote_files *remote_files_create(uv_loop_t *loop, struct transport *t)
{
    struct remote_files *f = NEW(struct remote_files);

    f->t = t;
    f->loop = loop;
    f->mail = mailbox_create(loop);
    f->deadline = timer_create_on(loop, late_cb, f);
    list_init(&f->asked);
    list_init(&f->answered);
    transport_when_crowded(t, make_room, f);
    return f;
}

void remote_files_destroy(struct remote_files *f)
{
    struct request *r;

    if (!f)
        return;
    f->dying = true;
    transport_when_crowded(f->t, NULL, NULL);
    lose_channel(f, -ECANCELED);
    while ((r = list_first(&f->answered, struct request, link)))
        answer(r);
    mailbox_destroy(f->mail);
    timer_destroy(f->deadline);
    free(f);
}
