/* SPDX-License-Identifier: MIT */
#include "fs/door_http/access_log.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/log.h"
#include "backend/base/mailbox.h"
#include "backend/base/timer.h"
#include "backend/base/units.h"
#include "backend/engine/body.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_MS    1000
#define LINE_USUAL 500      /* bytes: what is longer grows */
#define TOGETHER   PIPE_BUF /* bytes of one write(2): a pipe takes them whole, or none (pipe(7)) */
#define COMPLAIN   60000    /* milliseconds between two log lines about the same lack */

struct access_log {
    char *path;
    struct mailbox *mail;
    int fd;
    struct buf lines; /* of this turn of the loop, at whose end they are written */
    uint64_t looked_ms, complained_ms;
};

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
}

int access_log_create(struct access_log **out, const char *path, struct mailbox *mail, struct err *e)
{
    int fd = open_file(path);

    if (fd < 0)
        return err_set(e, -errno, "access_log in [gateway]: %s cannot be opened: %s", path, strerror(errno));
    *out = NEW(struct access_log);
    (*out)->path = xstrdup(path);
    (*out)->mail = mail;
    (*out)->fd = fd;
    (*out)->looked_ms = mono_ms();
    return 0;
}

static void complain(struct access_log *l, const char *what, int errnum)
{
    uint64_t now = mono_ms();

    if (l->complained_ms && now - l->complained_ms < COMPLAIN)
        return;
    l->complained_ms = now;
    log_warning("gateway: the access log %s cannot be %s: %s", l->path, what, strerror(errnum));
}

static void write_out(struct access_log *l)
{
    mailbox_forget(l->mail, l);
    if (l->lines.len > 0 && write(l->fd, l->lines.data, l->lines.len) < 0)
        complain(l, "written", errno);
    buf_reset(&l->lines);
}

static void turn_over_cb(void *arg, int what)
{
    (void)what;
    write_out(arg);
}

void access_log_destroy(struct access_log *l)
{
    if (!l)
        return;
    write_out(l);
    buf_free(&l->lines);
    close(l->fd);
    free(l->path);
    free(l);
}

/* The old file stays where the new one cannot be opened. */
void access_log_reopen(struct access_log *l)
{
    int fd = l ? open_file(l->path) : -1;

    if (!l)
        return;
    if (fd < 0) {
        complain(l, "opened", errno);
        return;
    }
    write_out(l);
    close(l->fd);
    l->fd = fd;
}

static bool was_moved(const struct access_log *l)
{
    struct stat there, ours;

    return stat(l->path, &there) < 0 || fstat(l->fd, &ours) < 0 || there.st_ino != ours.st_ino ||
           there.st_dev != ours.st_dev;
}

static void add_text(struct buf *line, const char *name, const char *value)
{
    buf_adds(line, name);
    body_add_string(line, value, strlen(value));
}

static void add_seconds(struct buf *line, int64_t ms)
{
    if (ms < 0)
        buf_adds(line, "null");
    else
        buf_addf(line, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
}

static void add_line(struct buf *line, const struct access_entry *a)
{
    char time[TIME_TEXT];

    add_text(line, "{\"time\":", format_time(wall_now().tv_sec, time));
    add_text(line, ",\"id\":", a->id);
    add_text(line, ",\"key\":", a->key);
    add_text(line, ",\"method\":", a->method);
    add_text(line, ",\"path\":", a->path);
    add_text(line, ",\"model\":", a->model);
    buf_addf(line, ",\"status\":%d,\"bytes\":%" PRIu64 ",\"first_byte_s\":", a->status, a->bytes);
    add_seconds(line, a->first_ms);
    buf_adds(line, ",\"duration_s\":");
    add_seconds(line, a->total_ms);
    buf_adds(line, "}\n");
}

void access_log_write(struct access_log *l, const struct access_entry *a)
{
    uint64_t now = mono_ms();
    struct buf line = { 0 };

    if (now - l->looked_ms >= LOOK_MS) {
        l->looked_ms = now;
        if (was_moved(l))
            access_log_reopen(l);
    }
    buf_reserve(&line, LINE_USUAL);
    add_line(&line, a);
    if (l->lines.len + line.len > TOGETHER)
        write_out(l);
    if (l->lines.len == 0)
        mailbox_post(l->mail, turn_over_cb, l, 0);
    buf_add(&l->lines, line.data, line.len);
    buf_free(&line);
}
