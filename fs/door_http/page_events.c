/* SPDX-License-Identifier: MIT */
/* What the page shows, as server-sent events: the whole state at once, and again whenever something changed, at most once a second. */
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/users.h"
#include "fs/door_http/routes.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_MS     1000
#define SILENCE_MS  15000 /* then a comment shows proxies that somebody is there */
#define EVENTS_MOST 40    /* lines of `events` */

struct watcher {
    struct connection *conn;
    struct house *house;
    struct timer *timer;
    unsigned seen; /* house->changes of what was sent */
    uint64_t sent_ms;
    bool full; /* the client does not take what was written */
    bool chunked;
};

static json_t *last_events(const struct house *h)
{
    char *text = growing_tail(users_events(h, USERS_STRANGER), EVENTS_MOST), *rest;
    json_t *all = json_array();

    for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *event = json_loads(line, 0, NULL);
        if (event)
            json_array_append_new(all, event);
    }
    free(text);
    return all;
}

static json_t *state_of(const struct watcher *w)
{
    json_t *models = json_array();
    bool may = connection_governs(w->conn);

    for (size_t i = 0; i < w->house->cfg->n_models; i++)
        if (connection_may_see(w->conn, model_config(w->house->models[i])->name))
            json_array_append_new(models, model_status(w->house->models[i]));
    return json_pack("{s:b,s:o,s:o,s:o}", "may", may, "models", models, "events",
                     may ? last_events(w->house) : json_array(), "usage", connection_usage(w->conn));
}

static void put(struct watcher *w, const char *text, size_t len)
{
    struct buf out = { 0 };

    if (w->chunked)
        http_write_chunk(&out, text, len);
    else
        buf_add(&out, text, len);
    w->sent_ms = mono_ms();
    w->full = !connection_write(w->conn, out.data, out.len);
    buf_free(&out);
}

static void send_state(struct watcher *w)
{
    json_t *state = state_of(w);
    char *text = json_dumps(state, JSON_COMPACT);
    struct buf event = { 0 };

    w->seen = w->house->changes;
    buf_addf(&event, "data: %s\n\n", text ? text : "{}");
    put(w, event.data, event.len);
    buf_free(&event);
    free(text);
    json_decref(state);
}

static void gone(void *arg)
{
    struct watcher *w = arg;

    timer_destroy(w->timer);
    free(w);
}

static void drained(void *arg)
{
    ((struct watcher *)arg)->full = false;
}

/* The house ends, or the client is no longer let in: the stream ends, in order. */
static void finish(struct watcher *w)
{
    struct connection *c = w->conn;
    struct buf out = { 0 };

    if (w->chunked)
        http_write_last_chunk(&out);
    if (out.len)
        connection_write(c, out.data, out.len);
    buf_free(&out);
    gone(w);
    connection_done(c, false);
}

static void look_cb(void *arg)
{
    static const char comment[] = ":\n\n";
    struct watcher *w = arg;

    if (w->house->stopping || !connection_still_known(w->conn)) {
        finish(w);
        return;
    }
    timer_start_ms(w->timer, LOOK_MS);
    if (!w->full && w->seen != w->house->changes)
        send_state(w);
    else if (!w->full && mono_ms() - w->sent_ms >= SILENCE_MS)
        put(w, comment, sizeof comment - 1);
}

void answer_ui_events(const struct request *r, const struct route_at *at)
{
    static const struct answerer answerer = { .gone = gone, .drained = drained };
    struct watcher *w = NEW(struct watcher);
    struct buf head = { 0 };

    (void)at;
    *w = (struct watcher){ .conn = r->conn, .house = r->house, .chunked = r->head->minor >= 1 };
    w->timer = timer_create_on(r->house->loop, look_cb, w);
    connection_answerer(r->conn, &answerer, w);
    http_write_response(&head, 200);
    http_write_field(&head, "Content-Type", "text/event-stream");
    http_write_field(&head, "Cache-Control", "no-store");
    if (w->chunked)
        http_write_field(&head, "Transfer-Encoding", "chunked");
    http_write_field(&head, "Connection", "close");
    http_write_end(&head);
    connection_write(r->conn, head.data, head.len);
    buf_free(&head);
    timer_start_ms(w->timer, LOOK_MS);
    send_state(w);
}
