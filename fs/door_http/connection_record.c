/* SPDX-License-Identifier: MIT */
/* What is kept of each request: its id, whose it is, what it cost. At its end it goes to the figures, the usage of
 * its key and the access log. The status is read off the head of the answer as it goes by, so that whoever answers
 * need not tell. */
#include "fs/door_http/connection_inside.h"
#include "backend/base/alloc.h"
#include "backend/model/model.h"
#include "fs/door_http/access_log.h"
#include "fs/door_http/cors.h"
#include "fs/door_http/figures.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT_LEFT   499 /* nginx's word for an answer that nobody heard */
#define RETRY_USUAL_S 5

/* A client's own id is taken if it is a word that can stand in any log. */
static bool is_id(const char *s)
{
    size_t len = s ? strlen(s) : 0;

    return len > 0 && len <= REQUEST_ID_MAX &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+:/=") == len;
}

void record_begin(struct connection *c)
{
    const struct http_head *h = c->request.head;
    const char *given = h ? http_field_get(h, "X-Request-Id") : NULL;

    record_end(c);
    c->record = NEW(struct record);
    c->record->begun_ms = mono_ms();
    c->record->id =
        is_id(given) ? xstrdup(given) : xasprintf("%s%016" PRIx64, c->gate->id_base, ++c->gate->n_ids);
    c->request.id = c->record->id;
}

void record_head(struct connection *c, struct buf *out)
{
    const char *name = c->record->model;
    const struct model *m = name && connection_may_see(c, name) ? house_model(c->house, name) : NULL;

    http_write_field(out, "X-Request-Id", c->record->id);
    if (m)
        http_write_field(out, "X-Slullama-State", model_state_name(model_state(m)));
    if (c->request.head)
        cors_fields(out, c->house->cfg, c->request.head);
}

/* "HTTP/1.1 200 ..." */
static int status_of(const char *head, size_t len)
{
    return len >= 12 && memcmp(head, "HTTP/1.", 7) == 0 ? atoi((char[4]){ head[9], head[10], head[11], '\0' })
                                                        : 0;
}

void record_answer(struct connection *c, const char *data, size_t len)
{
    struct record *r = c->record;

    if (!r)
        return;
    if (!r->first_ms) {
        r->first_ms = mono_ms();
        r->status = status_of(data, len);
    }
    r->bytes += len;
}

/* ---- Whose it is */

uint64_t connection_asker(const struct connection *c)
{
    return c->holder ? holder_asker(c->holder) : c->house->uid;
}

bool connection_may_see(const struct connection *c, const char *model)
{
    return !c->holder || holder_may_use(c->holder, model);
}

bool connection_admit(struct connection *c, const char *model, bool asks)
{
    struct record *r = c->record;
    struct err e = { 0 };
    int rc = 0;

    free(r->model);
    r->model = xstrdup(model);
    if (!c->holder || r->counted)
        return true;
    if (asks)
        rc = holder_begin(c->gate->guard, c->holder, model, &c->retry_after_s, &e);
    else if (!holder_may_use(c->holder, model))
        rc = err_set(&e, -EACCES, "this key may not use the model \"%s\"", model);
    r->counted = asks && rc == 0;
    if (rc < 0)
        connection_error(c, err_http_status(rc), e.text);
    return rc == 0;
}

bool connection_is_known(const struct connection *c)
{
    return c->holder != NULL;
}

bool connection_still_known(const struct connection *c)
{
    struct holder *now = NULL;
    struct err e;

    return guard_identify(c->gate->guard, c->request.head, &now, &e) == 0 && now == c->holder;
}

bool connection_governs(const struct connection *c)
{
    return c->holder && holder_governs(c->holder);
}

bool connection_has_login(const struct connection *c)
{
    return guard_has_login(c->gate->guard);
}

/* A cookie that was given through TLS is never sent in clear. */
int connection_login(struct connection *c, const char *secret, char **cookie, struct err *e)
{
    int rc = guard_login(c->gate->guard, secret, cookie, e);

    if (rc == 0 && c->tls) {
        char *plain = *cookie;
        *cookie = xasprintf("%s; Secure", plain);
        free(plain);
    }
    return rc;
}

char *connection_logout(struct connection *c)
{
    return guard_logout(c->gate->guard, c->request.head);
}

json_t *connection_usage(const struct connection *c)
{
    return guard_usage(c->gate->guard, connection_governs(c) ? NULL : c->holder);
}

void connection_figures(const struct connection *c, struct buf *out)
{
    const char *own = c->holder ? holder_name(c->holder) : "";

    figures_text(c->gate->figures, connection_governs(c) ? NULL : own, out);
}

void connection_tokens(struct connection *c, int64_t prompt, int64_t completion)
{
    c->record->prompt_tokens = prompt;
    c->record->completion_tokens = completion;
}

void connection_retry_after(struct connection *c, int64_t seconds)
{
    c->retry_after_s = seconds;
}

int64_t connection_retry_after_s(const struct connection *c)
{
    return c->retry_after_s > 0 ? c->retry_after_s : RETRY_USUAL_S;
}

/* ---- The end */

static void log_record(const struct connection *c, const struct figures_request *f)
{
    const struct http_head *h = c->request.head;
    const char *path = c->request.path ? c->request.path : "";
    char *shown = xstrndup(path, strcspn(path, "?"));

    access_log_write(c->gate->log, &(struct access_entry){ .id = c->record->id,
                                                           .key = f->key,
                                                           .method = h ? h->method : "",
                                                           .path = shown,
                                                           .model = f->model,
                                                           .status = f->status,
                                                           .bytes = c->record->bytes,
                                                           .first_ms = f->first_ms,
                                                           .total_ms = f->total_ms });
    free(shown);
}

void record_end(struct connection *c)
{
    struct record *r = c->record;

    if (!r)
        return;
    uint64_t now = mono_ms();
    const struct figures_request f = { .model = r->model ? r->model : "",
                                       .key = c->holder ? holder_name(c->holder) : "",
                                       .asked = r->counted,
                                       .status = r->status ? r->status : CLIENT_LEFT,
                                       .first_ms = r->first_ms ? (int64_t)(r->first_ms - r->begun_ms) : -1,
                                       .total_ms = (int64_t)(now - r->begun_ms),
                                       .prompt_tokens = r->prompt_tokens,
                                       .completion_tokens = r->completion_tokens };
    if (r->counted)
        holder_end(c->gate->guard, c->holder, r->prompt_tokens, r->completion_tokens);
    figures_add(c->gate->figures, &f);
    if (c->gate->log)
        log_record(c, &f);
    free(r->model);
    free(r->id);
    free(r);
    c->record = NULL;
    c->holder = NULL;
}
