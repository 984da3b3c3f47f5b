/* SPDX-License-Identifier: MIT */
/* Reads and polls that wait. A read that cannot be answered yet is a small struct in the list of what it
 * waits for: ten thousand of them cost no thread. Each can be interrupted, because a killed reader would else
 * stay until its answer comes (FACTS.md A.5). Nothing but READ is ever parked. */
#include "fs/door_fuse_inside.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct park {
    struct list link; /* in the waitq's parked */
    struct list all;  /* in the door's parks */
    fuse_req_t req;
    struct open_file *file;
    size_t size;
    off_t off;
    uint64_t since_ms;
    bool being_parked, interrupted;
};

static void unpark(struct park *p)
{
    list_remove(&p->link);
    list_remove(&p->all);
    free(p);
}

static void reply(fuse_req_t req, int rc, const struct answer *a)
{
    if (rc < 0)
        fuse_reply_err(req, -rc);
    else
        fuse_reply_buf(req, a->data, a->len);
}

static void interrupted_cb(fuse_req_t req, void *arg)
{
    struct park *p = arg;

    p->interrupted = true;
    if (p->being_parked)
        return; /* libfuse holds a lock in the request: park() answers */
    unpark(p);
    fuse_reply_err(req, EINTR);
}

/* ---- The kernel may abort a whole mount when one request is not answered in time (FACTS.md A.5). Where that
 * is set, parked reads are answered with EINTR long before: coreutils, bash and Python then read again. */

static void limit_cb(void *arg)
{
    struct door_fuse *d = arg;
    uint64_t now = mono_ms();

    list_for_each(p, &d->parks, struct park, all)
    {
        if (now - p->since_ms < d->park_limit_ms)
            break;
        fuse_req_t req = p->req;
        unpark(p);
        fuse_reply_err(req, EINTR);
    }
    struct park *oldest = list_first(&d->parks, struct park, all);
    if (oldest)
        timer_start_ms(d->park_timer, d->park_limit_ms - (now - oldest->since_ms) + 1);
}

static uint64_t read_limit_s(const char *path)
{
    FILE *f = fopen(path, "re");
    unsigned long s = 0;

    if (!f)
        return 0; /* a kernel that has no such limit */
    if (fscanf(f, "%lu", &s) != 1)
        s = 0;
    fclose(f);
    return s;
}

static void retry(struct list *link);
static void poll_changed(struct open_file *f);

void door_park_start(struct door_fuse *d)
{
    uint64_t a = read_limit_s("/proc/sys/fs/fuse/default_request_timeout");
    uint64_t b = read_limit_s("/proc/sys/fs/fuse/max_request_timeout");
    uint64_t s = a && (a < b || !b) ? a : b;

    list_init(&d->parks);
    tree_set_hooks(d->p.tree, &(struct tree_hooks){ .retry = retry,
                                                    .poll_changed = poll_changed,
                                                    .answered = door_answered,
                                                    .wrote = door_wrote });
    if (!s)
        return;
    d->park_limit_ms = s * 1000 / 3;
    d->park_timer = timer_create_on(d->p.loop, limit_cb, d);
}

/* ---- Parking */

static void park(fuse_req_t req, struct open_file *f, size_t size, off_t off, struct waitq *q)
{
    struct door_fuse *d = fuse_req_userdata(req);
    struct park *p = NEW(struct park);

    *p = (struct park){ .req = req, .file = f, .size = size, .off = off, .being_parked = true };
    fuse_req_interrupt_func(req, interrupted_cb, p);
    if (p->interrupted || d->draining) {
        int rc = p->interrupted ? EINTR : ECANCELED;
        free(p);
        fuse_reply_err(req, rc);
        return;
    }
    p->being_parked = false;
    list_append(&q->parked, &p->link);
    list_append(&d->parks, &p->all);
    if (!d->park_timer)
        return;
    p->since_ms = mono_ms();
    if (!timer_active(d->park_timer))
        timer_start_ms(d->park_timer, d->park_limit_ms);
}

void door_serve_read(fuse_req_t req, struct open_file *f, size_t size, off_t off)
{
    struct answer a;
    int rc = file_read(f, (uint64_t)off, size, &a);

    if (rc == 0 && a.parked_on)
        park(req, f, size, off, a.parked_on);
    else
        reply(req, rc, &a);
}

/* Called by waitq_wake(), which has taken it out of the list. */
static void retry(struct list *link)
{
    struct park *p = container_of(link, struct park, link);
    struct answer a;
    int rc = file_read(p->file, (uint64_t)p->off, p->size, &a);

    if (rc == 0 && a.parked_on) {
        list_append(&a.parked_on->parked, &p->link);
        return;
    }
    fuse_req_t req = p->req;
    unpark(p);
    reply(req, rc, &a);
}

void door_drain(struct door_fuse *d, int rc)
{
    d->draining = true;
    list_for_each(p, &d->parks, struct park, all)
    {
        fuse_req_t req = p->req;
        unpark(p);
        fuse_reply_err(req, -rc);
    }
}

/* ---- poll(2): one handle per open file; it serves once. */

void door_forget_poll(struct open_file *f)
{
    list_remove(&f->poll_link);
    if (f->door)
        fuse_pollhandle_destroy(f->door);
    f->door = NULL;
}

static void poll_changed(struct open_file *f)
{
    if (f->door)
        fuse_lowlevel_notify_poll(f->door);
    door_forget_poll(f);
}

void door_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
    struct open_file *f = (struct open_file *)(uintptr_t)fi->fh;
    struct waitq *q = NULL;
    short events = file_poll(f, &q);

    (void)ino;
    if (ph) {
        door_forget_poll(f);
        f->door = ph;
        if (q)
            list_append(&q->pollers, &f->poll_link);
    }
    fuse_reply_poll(req, (unsigned)events);
}
