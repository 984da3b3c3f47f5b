/* SPDX-License-Identifier: MIT */
/* How a request becomes a relay: through the model's queue, or straight to a job, each with its limit of time. */
#include "fs/door_http/relay_inside.h"
#include "backend/base/alloc.h"
#include "fs/door_http/ollama.h"
#include "fs/door_http/translate.h"

#include <errno.h>
#include <string.h>

/* ---- Limits */

/* wake_timeout counts for a model that is not ready; in the queue of one that is, others before it are
 * answered, and stall_timeout watches them. */
static void wake_limit_cb(void *arg)
{
    struct relay *r = arg;

    if (r->x.state == EXCHANGE_WAITING && model_state(r->model) != MODEL_READY) {
        struct err e;
        err_set(&e, -ETIMEDOUT, "model \"%s\" was not ready within %lld s (wake_timeout); it is %s",
                model_config(r->model)->name, (long long)(r->patience_ms / 1000),
                model_state_name(model_state(r->model)));
        r->late = true;
        exchange_cancel(&r->x, e.text);
    } else if (!r->begun) {
        timer_start_ms(r->limit, r->patience_ms);
    }
}

static void pass_limit_cb(void *arg)
{
    struct relay *r = arg;

    http_request_cancel(r->request);
    r->request = NULL;
    relay_fail(r, -ETIMEDOUT, "the engine said nothing within stall_timeout");
}

static struct relay *create(const struct request *q, const char *path, void (*limit_cb)(void *arg),
                            int64_t limit_s)
{
    struct relay *r = NEW(struct relay);

    r->house = q->house;
    r->conn = q->conn;
    r->path = xstrdup(path);
    r->limit = timer_create_on(q->house->loop, limit_cb, r);
    r->patience_ms = limit_s > 0 ? (uint64_t)limit_s * 1000 : 0;
    if (r->patience_ms)
        timer_start_ms(r->limit, r->patience_ms);
    relay_body_begin(r, q);
    connection_take_body(q->conn, &r->body);
    connection_answerer(q->conn, &relay_answerer, r);
    return r;
}

static bool is_chat_completion(const char *path)
{
    static const char name[] = "/v1/chat/completions";

    return strcspn(path, "?") == sizeof name - 1 && memcmp(path, name, sizeof name - 1) == 0;
}

static void ask(const struct request *q, struct model *m, uint64_t only, const char *path, bool stream)
{
    struct connection *c = q->conn;
    struct dialect *d;
    struct err e = { 0 };

    if (!connection_admit(c, model_config(m)->name, true))
        return;
    if (translate_question(&d, q, engine_find(model_config(m)->engine), m, path) < 0)
        return;
    if (d && dialect_only_loads(d)) {
        ollama_load(q, m, d);
        return;
    }
    if (relay_refuses(q, m)) {
        dialect_destroy(d);
        return;
    }
    struct relay *r = create(q, path, wake_limit_cb, q->house->cfg->wake_timeout_s);
    r->queued = true;
    r->model = m;
    /* Lines of JSON, Ollama's form of a stream, know no comments. */
    r->stream = (d ? dialect_streams(d) : stream) && !is_ollama_path(path);
    r->tells = r->stream && q->house->cfg->hold_progress && is_chat_completion(path);
    if (d)
        translate_adopt(r, d);
    exchange_init(&r->x, &relay_ops, r->house->uid);
    r->x.id = ++q->house->next_exchange;
    r->x.only = only;
    r->x.asker = connection_asker(c);
    exchange_set_beginning(&r->x, r->body.data, r->body.len);
    relay_hold_start(r);
    int rc = model_submit(m, &r->x, &e);
    if (rc == 0)
        return;
    r->conn = NULL;
    relay_release(r);
    connection_error(c, err_http_status(rc), e.text);
}

void relay_ask(const struct request *q, struct model *m, const char *path, bool stream)
{
    ask(q, m, 0, path, stream);
}

void relay_ask_job(const struct request *q, struct model *m, const struct job *j, const char *path,
                   bool stream)
{
    ask(q, m, j->number, path, stream);
}

void relay_pass(const struct request *q, struct model *m, struct job *j, const char *path)
{
    struct dialect *d;

    m = m ? m : j->model;
    if (!connection_admit(q->conn, m ? model_config(m)->name : "", false))
        return;
    if (translate_question(&d, q, j->engine, m, path) < 0)
        return;
    if (d && dialect_only_loads(d)) {
        ollama_load(q, NULL, d);
        return;
    }
    struct relay *r = create(q, path, pass_limit_cb, j->config ? j->config->job.stall_timeout_s : 0);
    r->model = m;
    if (d)
        translate_adopt(r, d);
    relay_send(r, j);
}
