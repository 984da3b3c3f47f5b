/* SPDX-License-Identifier: MIT */
/* Wakes of models of a team's gateway. The request stays open until the model is ready there; nobody reads what it tells
 * meanwhile, since the looks show the same. */
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/engine/message.h"
#include "backend/house.h"
#include "backend/model/model_private.h"
#include "backend/remote/remote_private.h"
#include "backend/remote/remote_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LAST_MAX ((size_t)16 << 10) /* bytes: the last line of a pull says how it ended */

struct wake {
    struct list link;
    struct remote *remote;
    struct model *model;
    struct http_request *request; /* NULL: the gateway has to be reached first */
    char *body;                   /* its, NULL = none */
    int status;
    struct buf last;
};

static void drop(struct wake *w)
{
    if (w->request)
        http_request_cancel(w->request);
    list_remove(&w->link);
    buf_free(&w->last);
    free(w->body);
    free(w);
}

static void fail(struct wake *w, int rc, const char *text)
{
    struct model *m = w->model;
    struct err e;

    err_set(&e, rc, "it could not be woken: %s", text);
    drop(w);
    model_set_error(m, rc, e.text);
    house_changed(m->house);
}

static void head_cb(void *arg, const struct http_head *h)
{
    ((struct wake *)arg)->status = h->status;
}

/* Of lines the last one is kept. */
static void body_cb(void *arg, const char *data, size_t len)
{
    struct wake *w = arg;

    for (size_t i = 0; i < len; i++) {
        if (w->last.len && w->last.data[w->last.len - 1] == '\n')
            buf_reset(&w->last);
        if (w->last.len < LAST_MAX)
            buf_add(&w->last, data + i, 1);
    }
}

static void end_cb(void *arg, int rc, bool got_byte, const char *err)
{
    struct wake *w = arg;
    struct remote *r = w->remote;
    struct buf said = { 0 };
    json_t *v = json_loadb(buf_str(&w->last), w->last.len, 0, NULL);

    (void)got_byte;
    w->request = NULL;
    if (rc == 0 && (w->status >= 400 || json_object_get(v, "error"))) {
        message_of_body(buf_str(&w->last), w->last.len, &said);
        fail(w, remote_errno(w->status >= 400 ? w->status : 503, buf_str(&said)),
             said.len ? said.data : http_reason(w->status));
    } else if (rc < 0) {
        fail(w, -EHOSTUNREACH, err ? err : strerror(-rc));
    } else {
        drop(w);
    }
    json_decref(v);
    buf_free(&said);
    remote_look_now(r);
}

static void go(struct wake *w)
{
    static const struct http_handler handler = { .head = head_cb, .body = body_cb, .end = end_cb };
    bool ours = w->remote->server == SERVER_OURS;
    json_t *v = json_pack("{s:s,s:b}", "model", model_config(w->model)->model, "stream", 1);
    char length[32];
    struct buf head = { 0 };

    free(w->body);
    w->body = ours ? json_dumps(v, JSON_COMPACT) : NULL;
    remote_head(w->remote, &head, ours ? "POST" : "GET", ours ? "/api/pull" : "/api/tags");
    if (w->body) {
        snprintf(length, sizeof length, "%zu", strlen(w->body));
        http_write_field(&head, "Content-Type", "application/json");
        http_write_field(&head, "Content-Length", length);
    }
    http_write_end(&head);
    w->request = http_client_send(remote_client(w->remote), head.data, head.len, w->body,
                                  w->body ? strlen(w->body) : 0, &handler, w);
    explicit_bzero(head.data, head.len);
    buf_free(&head);
    json_decref(v);
}

void remote_wake(struct remote *r, struct model *m)
{
    struct wake *w;

    list_for_each(other, &r->wakes, struct wake, link) if (other->model == m) return;
    w = NEW(struct wake);
    w->remote = r;
    w->model = m;
    list_append(&r->wakes, &w->link);
    if (r->up)
        go(w);
    remote_look_now(r);
}

void remote_wakes_go(struct remote *r)
{
    list_for_each(w, &r->wakes, struct wake, link) if (!w->request) go(w);
}

void remote_wakes_fail(struct remote *r, int rc, const char *text)
{
    list_for_each(w, &r->wakes, struct wake, link) if (!w->request) fail(w, rc, text);
}

void remote_wakes_end(struct remote *r)
{
    list_for_each(w, &r->wakes, struct wake, link) drop(w);
}
