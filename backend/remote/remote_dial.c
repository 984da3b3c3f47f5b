/* SPDX-License-Identifier: MIT */
#include "backend/remote/remote_dial.h"
#include "backend/base/alloc.h"
#include "backend/base/list.h"
#include "backend/http/tls_stream.h"

#include <stdlib.h>

#define DIAL_MS 15000 /* as for an engine: a forward through a login node far away */

struct remote_way {
    uv_loop_t *loop;
    struct transport *transport;
    const struct url_parts *where;
    struct http_client *client;
    struct list dials;
};

struct dialling {
    struct list link;
    struct remote_way *way;
    void *ticket;
    struct dial *dial;      /* or .. */
    struct tls_stream *tls; /* .. then this; one of both is there */
};

static void done(struct dialling *d, int fd, const char *err)
{
    struct http_client *client = d->way->client;
    void *ticket = d->ticket;

    list_remove(&d->link);
    free(d);
    http_client_opened(client, ticket, fd, err);
}

static void sealed_cb(void *arg, int fd, const char *err)
{
    done(arg, fd, err);
}

static void dialled_cb(void *arg, int fd, const char *err)
{
    struct dialling *d = arg;

    d->dial = NULL;
    if (fd >= 0 && d->way->where->tls)
        d->tls = tls_stream_open(d->way->loop, fd, d->way->where->host, sealed_cb, d);
    else
        done(d, fd, err);
}

static void open_cb(void *arg, struct http_client *c, void *ticket)
{
    struct remote_way *w = arg;
    struct dialling *d = NEW(struct dialling);

    (void)c;
    d->way = w;
    d->ticket = ticket;
    list_append(&w->dials, &d->link);
    d->dial = transport_dial(w->transport, w->where->host, w->where->port, DIAL_MS, dialled_cb, d);
}

struct remote_way *remote_way_create(uv_loop_t *loop, struct transport *t, const struct url_parts *where)
{
    struct remote_way *w = NEW(struct remote_way);
    struct http_dialer dialer = { .open = open_cb, .arg = w };

    w->loop = loop;
    w->transport = t;
    w->where = where;
    list_init(&w->dials);
    w->client = http_client_create(loop, &dialer);
    return w;
}

void remote_way_destroy(struct remote_way *w)
{
    if (!w)
        return;
    list_for_each(d, &w->dials, struct dialling, link)
    {
        dial_cancel(d->dial);
        tls_stream_cancel(d->tls);
        list_remove(&d->link);
        free(d);
    }
    http_client_destroy(w->client);
    free(w);
}

struct http_client *remote_way_client(const struct remote_way *w)
{
    return w->client;
}
