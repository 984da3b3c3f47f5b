/* SPDX-License-Identifier: MIT */
#include "backend/scheduler/replies.h"
#include "backend/base/alloc.h"
#include "backend/base/list.h"
#include "backend/base/mailbox.h"

#include <stdlib.h>

struct reply {
    struct list link;
    sched_submit_f submit; /* one of the four is set */
    sched_query_f query;
    sched_done_f done;
    void (*work)(void *arg);
    void *arg;
    int rc;
    char *id, *err;
};

struct replies {
    struct mailbox *mailbox;
    struct list waiting;
};

struct replies *replies_create(uv_loop_t *loop)
{
    struct replies *r = NEW(struct replies);

    r->mailbox = mailbox_create(loop);
    list_init(&r->waiting);
    return r;
}

static void reply_free(struct reply *p)
{
    list_remove(&p->link);
    free(p->id);
    free(p->err);
    free(p);
}

void replies_destroy(struct replies *r)
{
    if (!r)
        return;
    list_for_each(p, &r->waiting, struct reply, link)
    {
        reply_free(p);
    }
    mailbox_destroy(r->mailbox);
    free(r);
}

static void deliver_cb(void *arg, int what)
{
    struct reply *p = arg;

    /* Out of the list first, because the callback may destroy the owner. */
    (void)what;
    list_remove(&p->link);
    if (p->submit)
        p->submit(p->arg, p->rc, p->id, p->err);
    else if (p->query)
        p->query(p->arg, p->rc, NULL, 0, p->err);
    else if (p->done)
        p->done(p->arg, p->rc, p->err);
    else
        p->work(p->arg);
    reply_free(p);
}

static struct reply *post(struct replies *r, void *arg, int rc, const char *id, const char *err)
{
    struct reply *p = NEW(struct reply);

    p->arg = arg;
    p->rc = rc;
    p->id = xstrdup(id ? id : "");
    p->err = xstrdup(err ? err : "");
    list_append(&r->waiting, &p->link);
    mailbox_post(r->mailbox, deliver_cb, p, 0);
    return p;
}

void reply_submit(struct replies *r, sched_submit_f cb, void *arg, int rc, const char *id, const char *err)
{
    post(r, arg, rc, id, err)->submit = cb;
}

void reply_query(struct replies *r, sched_query_f cb, void *arg, int rc, const char *err)
{
    post(r, arg, rc, NULL, err)->query = cb;
}

void reply_done(struct replies *r, sched_done_f cb, void *arg, int rc, const char *err)
{
    post(r, arg, rc, NULL, err)->done = cb;
}

void reply_later(struct replies *r, void (*work)(void *arg), void *arg)
{
    post(r, arg, 0, NULL, NULL)->work = work;
}
