/* SPDX-License-Identifier: MIT */
#include "backend/images/read_as_inside.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/transport/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct read_as {
    char *path;
    size_t max;
    struct proc *proc;
    struct timer *limit;
    int out; /* what the child has read: a file in memory */
    read_as_f *done;
    void *arg;
};

void read_as_cancel(struct read_as *r)
{
    if (!r)
        return;
    proc_forget(r->proc);
    timer_destroy(r->limit);
    if (r->out >= 0)
        close(r->out);
    free(r->path);
    free(r);
}

static void end(struct read_as *r, int rc, const struct err *e, struct buf *data)
{
    read_as_f *done = r->done;
    void *arg = r->arg;

    read_as_cancel(r);
    done(arg, rc, e->text, data);
    buf_free(data);
}

static int explain(const struct read_as *r, int rc, struct err *e)
{
    switch (rc) {
    case -EFBIG:
        return err_set(e, rc, "%s is too large: a question has max_prompt bytes in all ([mount])", r->path);
    case -EINVAL:
        return err_set(e, rc, "%s is empty, or no regular file", r->path);
    default:
        return err_set(e, rc, "%s cannot be read: %s", r->path, strerror(-rc));
    }
}

/* It is in memory already: nothing of this waits. */
static int take(struct read_as *r, struct buf *data)
{
    struct stat st;

    if (fstat(r->out, &st) < 0)
        return -errno;
    if (st.st_size == 0 || (uint64_t)st.st_size > r->max)
        return st.st_size ? -EFBIG : -EINVAL;
    char *room = buf_reserve(data, (size_t)st.st_size);
    ssize_t n = pread(r->out, room, (size_t)st.st_size, 0);
    if (n != st.st_size)
        return -EIO;
    data->len += (size_t)n;
    return 0;
}

static void exited_cb(void *arg, int status, int signal)
{
    struct read_as *r = arg;
    struct buf data = { 0 };
    struct err e = { 0 };
    int rc = signal ? -EIO : status ? -status : take(r, &data);

    end(r, rc, rc < 0 ? (explain(r, rc, &e), &e) : &e, &data);
}

static void too_slow_cb(void *arg)
{
    struct read_as *r = arg;
    struct buf none = { 0 };
    struct err e;

    err_set(&e, 0, "%s cannot be read: its disk does not answer", r->path);
    end(r, -ETIMEDOUT, &e, &none);
}

int read_as_possible(const struct rights *who, const char *path, struct err *e)
{
    if (geteuid() == 0 || geteuid() == who->uid)
        return 0;
    return err_set(
        e, -EACCES,
        "%s: files are read only for the owner of this mount, whose daemon cannot become you; give the "
        "image as a data URL",
        path);
}

/* A file in memory with the wish, or -1. */
static int write_wish(const struct rights *who, const char *path, size_t max)
{
    struct read_as_wish wish = { .who = *who, .max = max };
    int fd = memfd_create("wish", MFD_CLOEXEC);
    size_t len = strlen(path) + 1;

    if (fd >= 0 && (write(fd, &wish, sizeof wish) != sizeof wish || write(fd, path, len) != (ssize_t)len ||
                    lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The environment is left behind: what is in it is not that user's. */
static int start_child(struct read_as *r, uv_loop_t *loop, int wish, struct err *e)
{
    static const char *const argv[] = { "/proc/self/exe", NULL };
    static char variable[] = READ_AS_VARIABLE "=1";
    char *env[] = { variable, NULL };
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int rc = null < 0 || wish < 0 || r->out < 0
                 ? err_set(e, -EMFILE, "%s cannot be read: no descriptors are left", r->path)
                 : proc_spawn(&r->proc, loop, argv, env, (int[]){ wish, r->out, null }, exited_cb, r, e);

    if (null >= 0)
        close(null);
    if (wish >= 0)
        close(wish);
    return rc;
}

int read_as_start(struct read_as **out, uv_loop_t *loop, const struct rights *who, const char *path,
                  size_t max, uint64_t limit_ms, read_as_f *done, void *arg, struct err *e)
{
    struct read_as *r = NEW(struct read_as);

    r->path = xstrdup(path);
    r->max = max;
    r->done = done;
    r->arg = arg;
    r->out = memfd_create("read", MFD_CLOEXEC);
    int rc = start_child(r, loop, write_wish(who, path, max), e);
    if (rc < 0) {
        read_as_cancel(r);
        return rc;
    }
    r->limit = timer_create_on(loop, too_slow_cb, r);
    timer_start_ms(r->limit, limit_ms);
    *out = r;
    return 0;
}
