/* SPDX-License-Identifier: MIT */
/* Looks at a team's gateway. One look is a request or two: GET /slullama/status tells by a header whether the server is
 * ours; then GET /v1/models lists what it has. As long as looks succeed the first is left out. */
#include "backend/remote/remote.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/private_file.h"
#include "backend/base/timer.h"
#include "backend/config/config_slullama.h"
#include "backend/config/config_table.h"
#include "backend/engine/message.h"
#include "backend/cluster/found.h"
#include "backend/house.h"
#include "backend/job/job.h"
#include "backend/remote/remote_dial.h"
#include "backend/remote/remote_private.h"
#include "backend/remote/remote_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CALM_MS   30000 /* between two looks; somebody else's wakes show so soon */
#define WANTED_MS 2000  /* while somebody waits */
#define SOON_MS   50    /* what happens together is one reason to look */
#define PATIENCE_MS                                                                                          \
    20000 /* for an answer of a server that is busy, beyond the login, which has limits of its own */
/* A server that is begun anew is back within this; who asked before waits so long. */
#define GRACE_MS   30000
#define ANSWER_MAX ((size_t)4 << 20) /* bytes */
#define TOKEN_MAX  4096              /* bytes of its file */

/* ---- The token */

static int read_token(struct remote *r, struct err *e)
{
    const struct cluster_config *cfg = r->cluster->cfg;
    struct buf text = { 0 };
    int rc = 0;

    if (*cfg->token_file)
        rc = private_file_read(cfg->token_file, TOKEN_MAX, &text, e);
    else if (r->cluster->house->cfg->slullama)
        buf_adds(&text, slullama_text(r->cluster->house->cfg->slullama, "client.token"));
    if (rc == 0) {
        free(r->token);
        r->token = xstrndup(buf_str(&text), strcspn(buf_str(&text), "\r\n"));
        if (check_token(r->token, NULL) < 0)
            rc = err_set(e, -EINVAL, "%s: a token is ASCII without blanks, in one line", cfg->token_file);
    }
    if (text.len)
        explicit_bzero(text.data, text.len);
    buf_free(&text);
    return rc;
}

/* ---- Who waits */

static bool is_ours(const struct remote *r, const struct model *m)
{
    return model_config(m)->cluster == r->cluster->cfg;
}

/* Each model of it; cb must not change the list. */
#define for_each_model(r, m)                                                                                 \
    for (size_t i_ = 0; i_ < (r)->cluster->house->cfg->n_models; i_++)                                       \
        for (struct model *m = (r)->cluster->house->models[i_]; m && is_ours(r, m); m = NULL)

static bool somebody_waits(const struct remote *r)
{
    if (!list_empty(&r->wakes))
        return true;
    for_each_model(r, m)
    {
        if (model_is_wanted(m) && (!r->up || remote_state(r, model_config(m)->model) != MODEL_READY))
            return true;
    }
    return false;
}

/* ---- What a look has shown */

static void tell_models(struct remote *r)
{
    for_each_model(r, m)
    {
        model_far_changed(m);
    }
}

/* A directory for each that is new. */
static void take_found(struct remote *r, const json_t *names)
{
    json_t *list = json_array(), *one;
    size_t i;

    json_array_foreach((json_t *)names, i, one)
    {
        json_array_append_new(
            list, json_pack("{s:O,s:{s:s,s:O}}", "name", one, "table", "engine", "gateway", "model", one));
    }
    if (r->found && json_equal(r->found, list)) {
        json_decref(list);
        return;
    }
    json_decref(r->found);
    r->found = json_incref(list);
    found_take(r->cluster->house, r->cluster->cfg->name, "gateway", list);
}

static void take_models(struct remote *r, json_t *models)
{
    json_t *names = json_array(), *card;
    const char *name;

    json_object_foreach(models, name, card)
    {
        json_array_append_new(names, json_string(name));
    }
    r->changed |= !json_equal(r->models, models);
    json_decref(r->models);
    r->models = models;
    take_found(r, names);
    json_decref(names);
}

static void look_later(struct remote *r)
{
    r->looked_ms = mono_ms();
    remote_look(r);
}

static void good(struct remote *r)
{
    bool came_up = !r->up;

    r->up = true;
    r->good_ms = mono_ms();
    r->bad_ms = 0;
    cluster_is(r->cluster, CLUSTER_UP, NULL);
    list_for_each(j, &r->cluster->house->jobs, struct job, link)
    {
        if (j->cluster != r->cluster)
            continue;
        job_reached(j);
        if (came_up)
            model_job_news(j->model, j); /* questions may wait for that */
    }
    tell_models(r);
    if (r->changed)
        house_changed(r->cluster->house);
    r->changed = false;
    remote_wakes_go(r);
    look_later(r);
}

/* What it is called in sentences. */
static void name_it(const struct remote *r, struct err *e, int rc, const char *text)
{
    const struct cluster_config *c = r->cluster->cfg;

    err_set(e, rc, "gateway %s%s%s: %s", c->url, *c->host ? " of " : "", c->host, text);
}

/* As those who wait are told it: whatever keeps us from a gateway, it cannot be reached. */
static int errno_of(int rc)
{
    return rc == -EACCES || rc == -EKEYREJECTED || rc == -EPROTO ? rc : -EHOSTUNREACH;
}

static bool is_over(const struct remote *r, int rc)
{
    return errno_of(rc) != -EHOSTUNREACH || !r->good_ms || mono_ms() - r->bad_ms >= GRACE_MS;
}

/* What is under way there has a connection of its own, which tells: a gateway may be too busy to say how it is. */
static void give_up(struct job *j, int rc, const char *why)
{
    if (j->n_active > 0)
        model_far_failed(j->model, rc, why);
    else
        job_unreached(j, rc, why);
}

static void bad(struct remote *r, int rc, const char *text)
{
    struct err e;

    r->up = false;
    r->server = SERVER_UNKNOWN;
    if (!r->bad_ms)
        r->bad_ms = mono_ms();
    if (rc == -EACCES)
        r->token_refused = true;
    rc = rc == -EPROTO ? -EIO : errno_of(rc);
    name_it(r, &e, rc, text);
    cluster_is(r->cluster, CLUSTER_DOWN, e.text);
    if (is_over(r, rc) && !r->cluster->house->stopping) {
        remote_wakes_fail(r, rc, e.text);
        list_for_each(j, &r->cluster->house->jobs, struct job, link)
        {
            if (j->cluster == r->cluster && j->model && model_is_wanted(j->model))
                give_up(j, rc, e.text);
        }
    }
    tell_models(r);
    look_later(r);
}

/* ---- The looks */

static void send_look(struct remote *r, const char *path);

void remote_head(const struct remote *r, struct buf *head, const char *method, const char *path)
{
    const struct url_parts *u = &r->where;
    struct buf value = { 0 };

    http_write_request(head, method, path);
    buf_addf(&value, strchr(u->host, ':') ? "[%s]:%d" : "%s:%d", u->host, u->port);
    http_write_field(head, "Host", buf_str(&value));
    http_write_field(head, "Accept", "application/json");
    buf_reset(&value);
    buf_addf(&value, "Bearer %s", r->token);
    if (*r->token)
        http_write_field(head, "Authorization", buf_str(&value));
    explicit_bzero(value.data, value.len);
    buf_free(&value);
}

static void refused(struct remote *r, int status)
{
    struct buf said = { 0 };
    struct err e;
    int rc = -EHOSTUNREACH;

    message_of_body(buf_str(&r->body), r->body.len, &said);
    if (status == 401 || status == 403)
        rc = err_set(&e, -EACCES, "%s: %s",
                     *r->token ? "it refuses this token" : "it wants a token: give its file as token_file",
                     said.len ? said.data : http_reason(status));
    else if (status == 404)
        rc = err_set(&e, -EPROTO, "it is no server of slullamafs or slullama: it answers %d", status);
    else
        rc = err_set(&e, -EHOSTUNREACH, "it answers %d %s%s%s", status, http_reason(status),
                     said.len ? ": " : "", buf_str(&said));
    buf_free(&said);
    bad(r, rc, e.text);
}

/* slullama's own server: all its models live in one job. Its list wakes that: it is asked once for each job that runs
 * anyway. */
static void take_status(struct remote *r, const json_t *v)
{
    json_t *card = remote_read_status(v);
    const char *job = json_string_value(json_object_get(json_object_get(v, "job"), "id"));
    bool runs;

    if (!card) {
        bad(r, -EPROTO, "its answer is no status of slullama");
        return;
    }
    r->changed |= !json_equal(r->all, card);
    json_decref(r->all);
    r->all = card;
    runs = !strcmp(json_string_value(json_object_get(card, "state")), "ready") && job;
    if (runs && strcmp(job, r->listed ? r->listed : "")) {
        free(r->listed);
        r->listed = xstrdup(job);
        send_look(r, "/api/tags");
        return;
    }
    good(r);
}

static void take_tags(struct remote *r, const json_t *v)
{
    json_t *names = remote_read_tags(v);

    take_found(r, names);
    json_decref(names);
    good(r);
}

static void take_list(struct remote *r, const json_t *v)
{
    json_t *models = remote_read_models(v);

    if (!models) {
        bad(r, -EPROTO, "its answer to GET /v1/models is no list of models");
        return;
    }
    take_models(r, models);
    good(r);
}

static void answered(struct remote *r)
{
    json_t *v = r->status == 200 ? json_loadb(buf_str(&r->body), r->body.len, 0, NULL) : NULL;

    if (r->status != 200 && !strcmp(r->path, "/api/tags"))
        good(r); /* its status was: the job may just have ended */
    else if (r->status != 200)
        refused(r, r->status);
    else if (!strcmp(r->path, "/v1/models"))
        take_list(r, v);
    else if (!strcmp(r->path, "/api/tags"))
        take_tags(r, v);
    else if (r->server == SERVER_OURS)
        send_look(r, "/v1/models");
    else
        take_status(r, v);
    json_decref(v);
}

static void head_cb(void *arg, const struct http_head *h)
{
    struct remote *r = arg;

    r->status = h->status;
    if (!strcmp(r->path, "/slullama/status"))
        r->server = http_field_get(h, "X-Slullamafs") ? SERVER_OURS : SERVER_SLULLAMA;
}

static void body_cb(void *arg, const char *data, size_t len)
{
    struct remote *r = arg;

    if (r->body.len + len <= ANSWER_MAX)
        buf_add(&r->body, data, len);
}

static void end_cb(void *arg, int rc, bool got_byte, const char *err)
{
    struct remote *r = arg;

    (void)got_byte;
    r->request = NULL;
    timer_stop(r->late);
    if (rc == -ECONNREFUSED)
        bad(r, rc, "nobody listens there");
    else if (rc < 0)
        bad(r, rc, err ? err : strerror(-rc));
    else
        answered(r);
}

static void late_cb(void *arg)
{
    struct remote *r = arg;

    /* Somebody is typing a password, or the link is being made. */
    if (r->status == 0 && transport_state(r->cluster->transport) != TRANSPORT_UP) {
        timer_start_ms(r->late, PATIENCE_MS);
        return;
    }
    http_request_cancel(r->request);
    r->request = NULL;
    bad(r, -ETIMEDOUT, "no answer came");
}

static void send_look(struct remote *r, const char *path)
{
    static const struct http_handler handler = { .head = head_cb, .body = body_cb, .end = end_cb };
    struct buf head = { 0 };

    r->path = path;
    r->status = 0;
    buf_reset(&r->body);
    remote_head(r, &head, "GET", path);
    http_write_end(&head);
    r->request = http_client_send(remote_way_client(r->way), head.data, head.len, NULL, 0, &handler, r);
    timer_start_ms(r->late, PATIENCE_MS);
    explicit_bzero(head.data, head.len);
    buf_free(&head);
}

static void tick_cb(void *arg)
{
    struct remote *r = arg;
    struct err e;

    if (r->request || r->cluster->house->stopping)
        return;
    if (r->cluster->state == CLUSTER_IDLE)
        cluster_is(r->cluster, CLUSTER_CONNECTING, NULL);
    if (r->token_refused && read_token(r, &e) < 0)
        log_warning("cluster %s: %s", r->cluster->cfg->name, e.text);
    r->token_refused = false;
    send_look(r, r->server == SERVER_OURS ? "/v1/models" : "/slullama/status");
}

void remote_look(struct remote *r)
{
    uint64_t now = mono_ms(), due = r->looked_ms + (somebody_waits(r) ? WANTED_MS : CALM_MS);

    if (r->request)
        return;
    if (!r->looked_ms || due < now + SOON_MS)
        due = now + SOON_MS;
    if (timer_active(r->tick) && r->due_ms <= due)
        return;
    r->due_ms = due;
    timer_start_ms(r->tick, due - now);
}

void remote_look_now(struct remote *r)
{
    r->looked_ms = 0;
    remote_look(r);
}

/* ---- What is known */

bool remote_is_up(const struct remote *r)
{
    return r->up;
}

const json_t *remote_card(const struct remote *r, const char *model)
{
    return r->server == SERVER_SLULLAMA ? r->all : json_object_get(r->models, model);
}

enum model_state remote_state(const struct remote *r, const char *model)
{
    const char *word = json_string_value(json_object_get(remote_card(r, model), "state"));

    for (int s = MODEL_ASLEEP; word && s <= MODEL_FAILED; s++)
        if (!strcmp(word, model_state_name((enum model_state)s)))
            return (enum model_state)s;
    return MODEL_ASLEEP;
}

bool remote_holds(const struct remote *r, const char *model)
{
    return r->up && remote_state(r, model) != MODEL_READY;
}

struct http_client *remote_client(const struct remote *r)
{
    return remote_way_client(r->way);
}

const struct url_parts *remote_where(const struct remote *r)
{
    return &r->where;
}

const char *remote_token(const struct remote *r)
{
    return r->token;
}

json_t *remote_status(const struct remote *r)
{
    static const char *const servers[] = { [SERVER_OURS] = "slullamafs", [SERVER_SLULLAMA] = "slullama" };

    return json_pack("{s:s,s:o}", "url", r->cluster->cfg->url, "server",
                     r->server == SERVER_UNKNOWN ? json_null() : json_string(servers[r->server]));
}

/* ---- Beginning and end */

static void warn_of_clear_text(const struct remote *r)
{
    const struct cluster_config *c = r->cluster->cfg;
    char *where = xasprintf(strchr(r->where.host, ':') ? "[%s]:%d" : "%s:%d", r->where.host, r->where.port);
    char *about = xasprintf("gateway %s", c->name);
    char *text = xasprintf(
        "cluster %s: the token crosses the network in clear; use an https URL, or SSH to its host", c->name);

    if (*r->token && !r->where.tls && !*c->host && !listen_is_local(where))
        house_warn(r->cluster->house, about, text);
    free(text);
    free(about);
    free(where);
}

int remote_create(struct remote **out, struct cluster *c, struct err *e)
{
    struct remote *r = NEW(struct remote);
    int rc;

    r->cluster = c;
    list_init(&r->wakes);
    rc = url_parse(c->cfg->url, &r->where, e);
    if (rc == 0)
        rc = read_token(r, e);
    if (rc < 0) {
        free(r->token);
        free(r);
        return rc;
    }
    r->way = remote_way_create(c->house->loop, c->transport, &r->where);
    r->tick = timer_create_on(c->house->loop, tick_cb, r);
    r->late = timer_create_on(c->house->loop, late_cb, r);
    warn_of_clear_text(r);
    *out = r;
    return 0;
}

void remote_destroy(struct remote *r)
{
    if (!r)
        return;
    if (r->request)
        http_request_cancel(r->request);
    remote_wakes_end(r);
    remote_way_destroy(r->way);
    timer_destroy(r->tick);
    timer_destroy(r->late);
    json_decref(r->models);
    json_decref(r->all);
    json_decref(r->found);
    buf_free(&r->body);
    explicit_bzero(r->token, strlen(r->token));
    free(r->token);
    free(r->listed);
    free(r);
}
