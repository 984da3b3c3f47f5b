/* SPDX-License-Identifier: MIT */
/* slullamafs status: GET /slullama/status of a server, and nothing else: every other path wakes a job of slullama's own
 * server, /api/tags too. Exit status 0 means that it answered with a status. */
#include "fs/server_status.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/timer.h"
#include "backend/http/http_client.h"
#include "fs/exit_status.h"
#include "fs/process.h"
#include "fs/server_way.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 60000 /* a login through several hosts, with a second factor, takes its time */
#define ANSWER_MAX  ((size_t)1 << 20) /* bytes */

struct question {
    uv_loop_t loop;
    struct server_way way;
    struct http_client *client;
    struct http_request *request;
    struct dial *dial;
    void *ticket;
    struct timer *late;
    struct buf body;
    int http_status, rc;
    struct err why;
};

/* ---- The connection */

static void dialled_cb(void *arg, int fd, const char *err)
{
    struct question *q = arg;

    q->dial = NULL;
    http_client_opened(q->client, q->ticket, fd, err);
}

static void open_cb(void *arg, struct http_client *c, void *ticket)
{
    struct question *q = arg;

    (void)c;
    q->ticket = ticket;
    q->dial = transport_dial(q->way.transport, "127.0.0.1", q->way.port, PATIENCE_MS, dialled_cb, q);
}

/* ---- The answer */

static void end(struct question *q, int rc, const char *text)
{
    q->rc = rc;
    if (rc < 0)
        err_set(&q->why, rc, "%s", text);
    q->request = NULL;
    timer_stop(q->late);
    uv_stop(&q->loop);
}

static void head_cb(void *arg, const struct http_head *h)
{
    ((struct question *)arg)->http_status = h->status;
}

static void body_cb(void *arg, const char *data, size_t len)
{
    struct question *q = arg;

    if (q->body.len + len <= ANSWER_MAX)
        buf_add(&q->body, data, len);
}

static void end_cb(void *arg, int rc, bool got_byte, const char *err)
{
    (void)got_byte;
    end(arg, rc, err ? err : strerror(-rc));
}

static void late_cb(void *arg)
{
    struct question *q = arg;
    const char *reason = transport_reason(q->way.transport);

    http_request_cancel(q->request);
    end(q, -ETIMEDOUT, *reason ? reason : "no answer came");
}

/* ssh has given up once, and has said why. A server that is to be there is not waited for. */
static void state_cb(void *arg, enum transport_state state)
{
    struct question *q = arg;

    const char *reason = q->way.transport ? transport_reason(q->way.transport) : "";
    bool gave_up = state == TRANSPORT_DOWN || state == TRANSPORT_CONNECTING;

    if (!gave_up || !*reason || !q->request)
        return;
    http_request_cancel(q->request);
    end(q, -EHOSTUNREACH, reason);
}

static const struct http_handler handler = { .head = head_cb, .body = body_cb, .end = end_cb };

static void ask(struct question *q)
{
    struct buf head = { 0 }, value = { 0 };

    http_write_request(&head, "GET", "/slullama/status");
    http_write_field(&head, "Host", "localhost");
    http_write_field(&head, "Accept", "application/json");
    buf_addf(&value, "Bearer %s", q->way.token);
    if (*q->way.token)
        http_write_field(&head, "Authorization", buf_str(&value));
    http_write_end(&head);
    q->request = http_client_send(q->client, head.data, head.len, NULL, 0, &handler, q);
    timer_start_ms(q->late, PATIENCE_MS);
    buf_free(&value);
    buf_free(&head);
}

/* ---- What it means */

static int complain(const struct question *q, const char *text)
{
    return status_failed("the server at port %d of %s: %s", q->way.port,
                         *q->way.host ? q->way.host : "this machine", text);
}

static int judge(const struct question *q)
{
    json_t *status;
    char text[64];

    if (q->rc == -ECONNREFUSED)
        return complain(q, "nobody listens there; `slullamafs serve` starts one");
    if (q->rc < 0)
        return complain(q, q->why.text);
    if (q->http_status == 401)
        return complain(q, *q->way.token ? "it refuses this token" : "it wants a token: --token-file FILE");
    snprintf(text, sizeof text, "it answers %d, so it is no slullama server", q->http_status);
    if (q->http_status != 200)
        return complain(q, text);
    status = json_loadb(buf_str(&q->body), q->body.len, 0, NULL);
    if (!json_is_object(json_object_get(status, "job"))) {
        json_decref(status);
        return complain(q, "its answer is no status of slullama");
    }
    char *shown = json_dumps(status, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    puts(shown ? shown : "{}");
    free(shown);
    json_decref(status);
    return 0;
}

static int question(struct question *q)
{
    const struct http_dialer dialer = { open_cb, q };

    q->client = http_client_create(&q->loop, &dialer);
    q->late = timer_create_on(&q->loop, late_cb, q);
    ask(q);
    uv_run(&q->loop, UV_RUN_DEFAULT);
    int status = judge(q);
    dial_cancel(q->dial);
    http_client_destroy(q->client);
    timer_destroy(q->late);
    server_way_close(&q->way);
    buf_free(&q->body);
    return status;
}

int status_main(int argc, char **argv)
{
    struct question q = { 0 };
    struct slullama_args args;
    struct err e = { 0 };
    int status = slullama_args_parse(argc, argv, VERB_STATUS, &args);

    if (status < 0) {
        process_prepare();
        uv_loop_init(&q.loop);
        status = server_way_open(&q.way, &q.loop, &args, state_cb, &q, &e) < 0 ? status_failed("%s", e.text)
                                                                               : question(&q);
        uv_run(&q.loop, UV_RUN_DEFAULT); /* the transport's end */
        server_way_free(&q.way);
        uv_loop_close(&q.loop);
    }
    slullama_args_finish(&args);
    return status;
}
