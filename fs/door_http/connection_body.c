/* SPDX-License-Identifier: MIT */
/* The body of a request as it comes. One of up to BODY_WINDOW is whole before it is routed, so that it can be sent
 * again. Of a longer one the routes are shown the beginning, and once more whenever more is known of it; as soon as
 * that is enough for them, the rest goes by piece by piece, as fast as whoever answers takes it. It is looked at all
 * the same where it has to be JSON: what names two models is refused although half of it is with an engine.
 *
 * What has to be whole first (for a translation, or because the model is named at its end) may be as long as max_body, and
 * stays while its model wakes: there is one measure for all of them. Who would pass it is refused, and its memory goes to
 * the others: so one of them always gets on. */
#include "fs/door_http/connection_inside.h"
#include "backend/base/alloc.h"
#include "fs/door_http/multipart.h"
#include "fs/door_http/routes.h"

#include <errno.h>
#include <stdlib.h>

/* Bytes: a long conversation, or a picture or two. More is not kept of a body that goes by. */
#define BODY_WINDOW (1 << 20)
/* Bytes a second that a body has at the least, beyond its first BODY_MS; and one longer than BODY_WINDOW, which keeps an
 * engine's slot, or the room of other long ones. */
#define BODY_RATE 1024
#define LONG_RATE (32 << 10)

/* Bytes of all bodies together: two of the longest, so that one can come while another waits; or some dozens of pictures,
 * where max_body is small. Ordinary questions have some room of their own behind that: a hundred of a MiB, or thousands. */
#define HELD_LONGEST 2
#define HELD_LEAST   (64 << 20)
#define HELD_SPARE   (128 << 20)

void body_begin(struct connection *c)
{
    c->body_ms = mono_ms();
    timer_start_ms(c->timer, BODY_MS);
}

void body_forget(struct connection *c)
{
    buf_free(&c->body);
    if (c->scan)
        model_scan_finish(c->scan);
    free(c->scan);
    c->scan = NULL;
    c->body_got = 0;
    c->due = c->shown = c->coming = false;
}

bool body_goes_on(struct connection *c)
{
    uint64_t ms = mono_ms() - c->body_ms;
    uint64_t rate = c->coming || c->body_got > BODY_WINDOW ? LONG_RATE : BODY_RATE;

    timer_start_ms(c->timer, BODY_MS);
    return ms <= BODY_MS || c->body_got / rate >= (ms - BODY_MS) / 1000;
}

/* ---- What all of them hold */

static bool has_room(const struct connection *c, size_t len)
{
    uint64_t most = HELD_LONGEST * (uint64_t)c->house->cfg->max_body;

    most = most > HELD_LEAST ? most : HELD_LEAST;
    most += c->body.len + len <= BODY_WINDOW ? HELD_SPARE : 0;
    return c->gate->held + len <= most;
}

static void hold(struct connection *c, const char *data, size_t len)
{
    buf_add(&c->body, data, len);
    c->held += len;
    c->gate->held += len;
}

void connection_body_sent(struct connection *c)
{
    c->gate->held -= c->held;
    c->held = 0;
}

/* ---- Looking at it */

static int n_known(const struct body_facts *f)
{
    return f->has_model + f->has_stream;
}

/* More than before is known behind this piece: 1, else 0; or -EINVAL. */
static int scan_piece(struct connection *c, const char *data, size_t len, struct err *e)
{
    if (!c->scan)
        return 0;
    int before = n_known(&c->scan->facts);
    int rc = model_scan_feed(c->scan, data, len, e);
    return rc < 0 ? rc : n_known(&c->scan->facts) > before;
}

static int begin_scan(struct connection *c, struct err *e)
{
    c->scan = NEW(struct model_scan);
    model_scan_init(c->scan);
    return scan_piece(c, c->request.body, c->request.body_len, e);
}

int connection_scan(struct connection *c, struct body_facts *out, struct err *e)
{
    const struct request *r = &c->request;
    const char *type = http_field_get(r->head, "Content-Type");
    int rc = 0;

    *out = (struct body_facts){ 0 };
    if (!c->scan && !r->partial)
        return body_scan(type, r->body, r->body_len, out, e);
    if (multipart_is(type))
        return 0;
    if (!c->scan)
        rc = begin_scan(c, e);
    if (rc >= 0 && !r->partial)
        rc = model_scan_end(c->scan, e);
    if (rc < 0)
        return rc;
    *out = c->scan->facts;
    out->model = (struct buf){ 0 };
    if (out->has_model)
        buf_add(&out->model, c->scan->facts.model.data, c->scan->facts.model.len);
    return 0;
}

/* ---- Reading it */

static int pass_on(struct connection *c, const char *data, size_t len)
{
    if (!c->answerer->body(c->arg, data, len))
        connection_stop_reading(c);
    return c->stuffed || c->closed;
}

int body_piece(void *arg, const char *data, size_t len)
{
    struct connection *c = arg;
    struct err e;

    if (c->refused)
        return 1;
    c->body_got += len;
    if (c->body_got > (uint64_t)c->house->cfg->max_body) {
        connection_reject(c, 413, "the request body is larger than max_body in [gateway]");
        return 1;
    }
    int news = scan_piece(c, data, len, &e);
    if (news < 0) {
        connection_reject(c, 400, e.text);
        return 1;
    }
    if (c->coming)
        return pass_on(c, data, len);
    if (!has_room(c, len)) {
        connection_reject(c, 503, "too many long requests are held in memory just now; send it again later");
        return 1;
    }
    hold(c, data, len);
    c->due = c->body.len > BODY_WINDOW && (!c->shown || news);
    return c->due;
}

/* The last of one that went by. */
static void end_coming(struct connection *c)
{
    struct err e;

    if (c->scan && model_scan_end(c->scan, &e) < 0) {
        connection_reject(c, 400, e.text);
        return;
    }
    c->coming = false;
    if (c->half_closed)
        timer_start_ms(c->timer, GONE_LOOK_MS);
    else if (!c->stuffed)
        timer_start_ms(c->timer, IDLE_MS);
    c->answerer->body(c->arg, NULL, 0);
}

int body_complete(void *arg)
{
    struct connection *c = arg;

    if (c->refused)
        return 1;
    if (c->coming) {
        end_coming(c);
        return 1;
    }
    c->answering = c->due = true;
    c->request.body = buf_str(&c->body);
    c->request.body_len = c->body.len;
    timer_start_ms(c->timer, IDLE_MS);
    return 1; /* what follows stays in the stash until this one is answered */
}

/* ---- Showing its beginning */

void connection_await_body(struct connection *c)
{
    c->awaits = true;
}

void body_show(struct connection *c)
{
    c->request.body = buf_str(&c->body);
    c->request.body_len = c->body.len;
    c->shown = c->answering = c->coming = c->request.partial = true;
    c->awaits = false;
    connection_stop_reading(c); /* until who answers takes more */
    route_request(&c->request);
    if (!c->awaits)
        return;
    connection_take_more(c);
    c->answering = c->coming = c->request.partial = false;
}
