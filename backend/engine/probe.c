/* SPDX-License-Identifier: MIT */
/* One look at an engine: is it healthy, and is it ours? Called by job_link.c from FOUND on, and again when an
 * exchange was lost.
 *
 * Three requests, each sent only if the one before went well: the health path without any key; an empty
 * request with a random key, which an engine of ours refuses; the same with our key, about which it complains
 * in another way. A server that somebody else put on the port cannot pass without knowing when to refuse, and
 * never sees the secret unless it did refuse once. */
#include "backend/engine/engine.h"
#include "backend/base/alloc.h"
#include "backend/base/random.h"
#include "backend/base/timer.h"
#include "backend/engine/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX (64 << 10) /* bytes that are looked at; what a health path says is shorter by far */

enum step { STEP_HEALTH, STEP_WRONG_KEY, STEP_OUR_KEY };

struct probe {
    struct http_client *client;
    const struct engine *engine;
    const struct model_config *model;
    char *secret;
    bool want_proof;
    uint64_t timeout_ms;
    probe_f cb;
    void *arg;
    struct timer *timer;
    enum step step;
    struct http_request *request; /* of the step, NULL between them */
    int status;                   /* of its answer, 0 while there is none */
    struct buf body;              /* at most BODY_MAX bytes of it */
};

static void probe_free(struct probe *p)
{
    timer_destroy(p->timer);
    buf_free(&p->body);
    explicit_bzero(p->secret, strlen(p->secret));
    free(p->secret);
    free(p);
}

static const char *health_path(const struct probe *p)
{
    return *p->model->health ? p->model->health : p->engine->health_path;
}

/* p is gone before cb is called, so that cb may do what it likes. */
static void finish(struct probe *p, enum probe_result r, int rc, const char *text)
{
    probe_f cb = p->cb;
    void *arg = p->arg;

    probe_free(p);
    cb(arg, r, rc, text);
}

static void __attribute__((format(printf, 4, 5)))
finishf(struct probe *p, enum probe_result r, int rc, const char *fmt, ...)
{
    struct err e;
    va_list ap;

    va_start(ap, fmt);
    err_vset(&e, rc, fmt, ap);
    va_end(ap);
    finish(p, r, rc, e.text);
}

/* ---- What the answers mean. */

static bool status_listed(const json_t *list, int status)
{
    const json_t *v;
    size_t i;

    if (!json_array_size(list))
        return status == 200;
    json_array_foreach(list, i, v) if (json_integer_value(v) == status) return true;
    return false;
}

/* "Loading model, 43 %": the engine's words, and a number from 0 to 1 or 0 to 100 if it has one in
 * `progress`. */
static void loading(struct probe *p)
{
    json_t *v = json_loadb(buf_str(&p->body), p->body.len, 0, NULL);
    const json_t *progress = json_object_get(json_object_get(v, "error"), "progress");
    struct buf text = { 0 };

    message_of_body(buf_str(&p->body), p->body.len, &text);
    if (!text.len)
        buf_addf(&text, "the engine answers %d", p->status);
    if (!progress)
        progress = json_object_get(v, "progress");
    if (json_is_number(progress)) {
        double n = json_number_value(progress);

        if (n >= 0 && n <= 100)
            buf_addf(&text, ", %.0f %%", n <= 1 ? n * 100 : n);
    }
    json_decref(v);
    finishf(p, PROBE_LOADING, -EAGAIN, "%s", text.data);
    buf_free(&text);
}

static void send_step(struct probe *p, enum step step);

static void judge_health(struct probe *p)
{
    if (!status_listed(p->model->health_status, p->status)) {
        if (p->status == 503)
            loading(p);
        else
            finishf(p, PROBE_LOADING, -EAGAIN, "%s answers %d %s, which is not in health_status",
                    health_path(p), p->status, http_reason(p->status));
    } else if (p->want_proof) {
        send_step(p, STEP_WRONG_KEY);
    } else {
        finish(p, PROBE_HEALTHY, 0, "");
    }
}

static void judge_wrong_key(struct probe *p)
{
    if (p->status == 401 || p->status == 403)
        send_step(p, STEP_OUR_KEY);
    else if (p->status == 503 || p->status == 429)
        loading(p);
    else
        finishf(p, PROBE_IMPOSTOR, -EACCES,
                "it answered %d %s to a random key, where our engine refuses: either somebody else listens "
                "there, or the "
                "engine asks for no key (then see %s)",
                p->status, http_reason(p->status),
                p->model->job.job_template && *p->model->job.job_template ? "proof = \"comment\"" : "expose");
}

/* An engine cannot like an empty request; if it does, its answer at least is a completion. */
static bool is_completion(const struct probe *p)
{
    json_t *v = json_loadb(buf_str(&p->body), p->body.len, 0, NULL);
    bool yes = json_is_array(json_object_get(v, "choices"));

    json_decref(v);
    return yes;
}

static void judge_our_key(struct probe *p)
{
    int s = p->status;

    if (s == 503 || s == 429)
        loading(p);
    else if (s == 401 || s == 403)
        finishf(p, PROBE_IMPOSTOR, -EACCES, "it refused the key that our engine was started with (%d %s)", s,
                http_reason(s));
    else if (p->engine->proof_status
                 ? s != p->engine->proof_status
                 : s == 404 || s == 405 || s < 200 || (s >= 300 && s < 400) || (s < 300 && !is_completion(p)))
        finishf(p, PROBE_IMPOSTOR, -EACCES, "it answered %d %s to %s, which is not what an engine says", s,
                http_reason(s), p->engine->proof_path);
    else
        finish(p, PROBE_HEALTHY, 0, "");
}

static void judge(struct probe *p)
{
    static void (*const judges[])(struct probe *) = {
        [STEP_HEALTH] = judge_health,
        [STEP_WRONG_KEY] = judge_wrong_key,
        [STEP_OUR_KEY] = judge_our_key,
    };

    judges[p->step](p);
}

/* ---- Requests. */

static void head_cb(void *arg, const struct http_head *h)
{
    struct probe *p = arg;

    p->status = h->status;
}

static void body_cb(void *arg, const char *data, size_t len)
{
    struct probe *p = arg;
    size_t room = BODY_MAX - p->body.len;

    buf_add(&p->body, data, len < room ? len : room);
}

static void end_cb(void *arg, int rc, bool got_byte, const char *err)
{
    struct probe *p = arg;

    (void)got_byte;
    p->request = NULL;
    if (!rc)
        judge(p);
    else if (rc == -ECONNREFUSED)
        finish(p, PROBE_LOADING, rc, "nobody listens yet");
    else if (rc == -EPROTO)
        finishf(p, PROBE_IMPOSTOR, rc, "it does not speak HTTP: %s", err ? err : "");
    else
        finishf(p, PROBE_LOST, rc, "%s", err && *err ? err : "the connection to the engine was lost");
}

static void timer_cb(void *arg)
{
    struct probe *p = arg;

    if (p->request)
        http_request_cancel(p->request);
    finishf(p, PROBE_LOST, -ETIMEDOUT, "%s was not answered within %.3g s",
            p->step == STEP_HEALTH ? health_path(p) : p->engine->proof_path, (double)p->timeout_ms / 1000);
}

static void add_key(struct buf *head, const struct probe *p, enum step step)
{
    char random[65], value[96];

    if (step == STEP_HEALTH)
        return;
    if (step == STEP_WRONG_KEY)
        random_hex(random, sizeof random - 1);
    snprintf(value, sizeof value, "Bearer %s", step == STEP_WRONG_KEY ? random : p->secret);
    http_write_field(head, "Authorization", value);
}

static void send_step(struct probe *p, enum step step)
{
    static const struct http_handler handler = { .head = head_cb, .body = body_cb, .end = end_cb };
    const char *body = step == STEP_HEALTH ? "" : p->engine->proof_body;
    struct buf head = { 0 };
    char length[24];

    p->step = step;
    p->status = 0;
    buf_reset(&p->body);
    if (step == STEP_HEALTH)
        http_write_request(&head, "GET", health_path(p));
    else
        http_write_request(&head, p->engine->proof_method, p->engine->proof_path);
    http_write_field(&head, "Host", "localhost");
    add_key(&head, p, step);
    if (*body) {
        snprintf(length, sizeof length, "%zu", strlen(body));
        http_write_field(&head, "Content-Type", "application/json");
        http_write_field(&head, "Content-Length", length);
    }
    http_write_end(&head);
    p->request = http_client_send(p->client, head.data, head.len, body, strlen(body), &handler, p);
    buf_free(&head);
}

struct probe *probe_start(uv_loop_t *loop, struct http_client *c, const struct engine *en,
                          const struct model_config *m, const char *secret, bool want_proof,
                          uint64_t timeout_ms, probe_f cb, void *arg)
{
    struct probe *p = NEW(struct probe);

    p->client = c;
    p->engine = en;
    p->model = m;
    p->secret = xstrdup(secret);
    p->want_proof = want_proof;
    p->timeout_ms = timeout_ms;
    p->cb = cb;
    p->arg = arg;
    p->timer = timer_create_on(loop, timer_cb, p);
    timer_start_ms(p->timer, timeout_ms);
    send_step(p, STEP_HEALTH);
    return p;
}

void probe_cancel(struct probe *p)
{
    if (!p)
        return;
    if (p->request)
        http_request_cancel(p->request);
    probe_free(p);
}

double probe_progress(const char *text)
{
    const char *comma = strrchr(text, ',');
    char *end;
    double n;

    if (!comma)
        return -1;
    n = strtod(comma + 1, &end);
    if (end == comma + 1 || strcmp(end, " %") || !(n >= 0 && n <= 100))
        return -1;
    return n / 100;
}
