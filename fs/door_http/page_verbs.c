/* SPDX-License-Identifier: MIT */
/* What the buttons of the page do: POST /ui/models/<model>/<verb>, the argument as the body; and GET /ui/models/<model>/log. */
#include "backend/base/alloc.h"
#include "backend/base/units.h"
#include "backend/job/job.h"
#include "fs/door_http/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LINES 200

static int wake(struct model *m, const char *argument, struct err *e)
{
    (void)argument, (void)e;
    model_wake(m);
    return 0;
}

static int stop(struct model *m, const char *argument, struct err *e)
{
    (void)argument, (void)e;
    model_stop(m, "stopped through the page");
    return 0;
}

static int pin(struct model *m, const char *argument, struct err *e)
{
    int64_t seconds;
    int rc = parse_duration(argument, 1, &seconds, e);

    if (rc == 0)
        model_pin(m, seconds);
    return rc;
}

static int unpin(struct model *m, const char *argument, struct err *e)
{
    (void)argument, (void)e;
    model_pin(m, 0);
    return 0;
}

static const struct {
    const char *name;
    int (*act)(struct model *m, const char *argument, struct err *e);
} verbs[] = { { "wake", wake }, { "stop", stop }, { "pin", pin }, { "unpin", unpin } };

static void act(const struct request *r, struct model *m, const char *verb)
{
    struct err e = { 0 };

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, verb) != 0)
            continue;
        char *argument = xstrndup(r->body, r->body_len < 64 ? r->body_len : 64);
        int rc = verbs[i].act(m, argument, &e);
        free(argument);
        if (rc < 0)
            connection_error(r->conn, err_http_status(rc), e.text);
        else
            connection_answer(r->conn, 200, "application/json", "{}\n", 3);
        return;
    }
    connection_error(r->conn, 404, "there is no such verb; there are wake, stop, pin and unpin");
}

static void add_log(struct buf *out, const struct growing *g)
{
    char *text = g ? growing_tail(g, LOG_LINES) : NULL;

    buf_adds(out, text ? text : "");
    free(text);
}

static void answer_log(const struct request *r, const struct model *m)
{
    const struct job *j = model_job(m);
    struct buf text = { 0 };

    if (j) {
        add_log(&text, j->out);
        add_log(&text, j->err);
    } else {
        buf_adds(&text, "There is no job.\n");
    }
    connection_answer(r->conn, 200, "text/plain; charset=utf-8", buf_str(&text), text.len);
    buf_free(&text);
}

/* "/ui/models/NAME/VERB" at p. */
static void answer_verb(const struct request *r, const char *p)
{
    size_t len = strcspn(p, "/");
    const char *verb = p[len] ? p + len + 1 : "";
    struct buf name = { 0 };
    struct model *m = route_unescape(&name, p, len) ? house_model(r->house, buf_str(&name)) : NULL;

    if (!m)
        answer_no_model(r, buf_str(&name));
    else if (strcmp(r->head->method, "POST") == 0)
        act(r, m, verb);
    else if (strcmp(verb, "log") == 0)
        answer_log(r, m);
    else
        connection_wrong_method(r->conn, "POST");
    buf_free(&name);
}

void answer_ui_model(const struct request *r, const struct route_at *at)
{
    if (connection_governs(r->conn))
        answer_verb(r, at->path + strlen("/ui/models/"));
    else
        connection_error(r->conn, 403,
                         "only the owner, or who has the token, may wake and stop models or read their logs");
}
