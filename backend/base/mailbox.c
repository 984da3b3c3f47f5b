/* SPDX-License-Identifier: MIT */
#include "backend/base/mailbox.h"
#include "backend/base/alloc.h"
#include "backend/base/list.h"

#include <stdlib.h>

struct post {
    struct list link;
    void (*cb)(void *arg, int what);
    void *arg;
    int what;
};

struct mailbox {
    uv_idle_t idle;   /* active while there is mail, so that the loop does not wait */
    uv_check_t check; /* delivers after the loop looked at its descriptors */
    struct list posts;
    int closing;      /* handles that are still open after mailbox_destroy() */
};

static void idle_cb(uv_idle_t *h)
{
    (void)h;
}

/* Mail that a handler posts is delivered in the same round; a handler that always posts again would starve the loop, so
 * a round ends after a while. 10,000 is far above what one turn of a healthy loop posts. */
#define ROUND 10000

static void deliver_cb(uv_check_t *h)
{
    struct mailbox *m = h->data;

    for (int i = 0; i < ROUND && !list_empty(&m->posts); i++) {
        struct post *p = list_first(&m->posts, struct post, link);
        struct post copy = *p;
        list_remove(&p->link);
        free(p);
        copy.cb(copy.arg, copy.what);
    }
    if (list_empty(&m->posts)) {
        uv_idle_stop(&m->idle);
        uv_check_stop(&m->check);
    }
}

struct mailbox *mailbox_create(uv_loop_t *loop)
{
    struct mailbox *m = NEW(struct mailbox);

    list_init(&m->posts);
    uv_idle_init(loop, &m->idle);
    uv_check_init(loop, &m->check);
    m->idle.data = m->check.data = m;
    return m;
}

void mailbox_post(struct mailbox *m, void (*cb)(void *arg, int what), void *arg, int what)
{
    struct post *p = NEW(struct post);

    *p = (struct post){ .cb = cb, .arg = arg, .what = what };
    if (list_empty(&m->posts)) {
        uv_idle_start(&m->idle, idle_cb);
        uv_check_start(&m->check, deliver_cb);
    }
    list_append(&m->posts, &p->link);
}

void mailbox_forget(struct mailbox *m, const void *arg)
{
    list_for_each(p, &m->posts, struct post, link)
    {
        if (p->arg == arg) {
            list_remove(&p->link);
            free(p);
        }
    }
}

static void closed_cb(uv_handle_t *h)
{
    struct mailbox *m = h->data;

    if (--m->closing == 0)
        free(m);
}

void mailbox_destroy(struct mailbox *m)
{
    if (!m)
        return;
    list_for_each(p, &m->posts, struct post, link)
    {
        list_remove(&p->link);
        free(p);
    }
    m->closing = 2;
    uv_close((uv_handle_t *)&m->idle, closed_cb);
    uv_close((uv_handle_t *)&m->check, closed_cb);
}
