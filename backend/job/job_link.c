/* SPDX-License-Identifier: MIT */
/* The way to a job's engine: the address that it published is dialled through the login node, its health is
 * asked for until it is good, and it has to prove that it is ours before a question or the key goes there. */
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/exchange.h"
#include "backend/http/http_client.h"
#include "backend/job/job_private.h"
#include "backend/job/job_ask.h"
#include "backend/remote/remote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIAL_MS         15000 /* a forward through a login node far away */
#define PROBE_MS        15000 /* one round; a busy engine answers slowly */
#define PROBE_FIRST_MS  100   /* between rounds while it loads, growing by half .. */
#define PROBE_LAST_MS   1000  /* .. to this, .. */
#define PROBE_WANTED_MS 400   /* .. or to this while somebody waits for it */
#define SICK_PROBES     3 /* failed rounds in a row, while the way to the login node is up, that end a job */
#define SICK_WAIT_MS    1000 /* between those */
#define BUSY_MAX_S      600  /* where ready_timeout is no limit: longer than any model took to load */

/* ---- Dialling, for the HTTP client */

struct dialling {
    struct list link;
    struct job *job;
    void *ticket;
    struct dial *dial;
    bool by_address; /* the second try */
};

static void dialled_cb(void *arg, int fd, const char *err);

static void dial(struct dialling *d, const char *host)
{
    const struct job *j = d->job;

    d->dial = transport_dial_job(j->cluster->transport, host, j->port, j->id, DIAL_MS, dialled_cb, d);
}

static void dialled_cb(void *arg, int fd, const char *err)
{
    struct dialling *d = arg;
    struct job *j = d->job;

    d->dial = NULL;
    /* The login node may know the node's name by another of its addresses than the one where the engine
     * listens. */
    if (fd == -ECONNREFUSED && !d->by_address && j->addr[0] && strcmp(j->addr, j->host) != 0 &&
        strncmp(j->addr, "127.", 4) != 0) { /* the node's own, where another machine is nothing but another */
        d->by_address = true;
        dial(d, j->addr);
        return;
    }
    void *ticket = d->ticket;
    list_remove(&d->link);
    free(d);
    http_client_opened(j->client, ticket, fd, err);
}

static void open_cb(void *arg, struct http_client *c, void *ticket)
{
    struct job *j = arg;
    struct dialling *d = NEW(struct dialling);

    (void)c;
    d->job = j;
    d->ticket = ticket;
    list_append(&inner(j)->dials, &d->link);
    if (j->cluster->sched->ops->remote_nodes) {
        dial(d, j->host);
    } else {
        d->by_address = true; /* this machine: a name could mean another of its addresses */
        dial(d, j->addr[0] ? j->addr : j->host);
    }
}

/* ---- Probing */

static void probe(struct job *j);

static void probe_later(struct job *j, uint64_t ms)
{
    timer_start_ms(inner(j)->probe_timer, ms);
}

static void say_loading(struct job *j, const char *text)
{
    struct job_inner *in = inner(j);

    if (in->loading && strcmp(in->loading, text) == 0)
        return;
    free(in->loading);
    in->loading = xstrdup(text);
    job_tell(j);
}

static void probe_again(struct job *j)
{
    struct job_inner *in = inner(j);
    uint64_t last = j->model && model_is_wanted(j->model) ? PROBE_WANTED_MS : PROBE_LAST_MS;

    if (in->probe_ms > last)
        in->probe_ms = last;
    probe_later(j, in->probe_ms);
    in->probe_ms += in->probe_ms / 2;
}

bool job_can_be_reached(const struct job *j)
{
    enum transport_state s = transport_state(j->cluster->transport);

    if (j->cluster->remote)
        return remote_is_up(j->cluster->remote);
    return !j->cluster->sched->ops->remote_nodes || s == TRANSPORT_UP || s == TRANSPORT_IDLE;
}

/* Does this speak against the engine? A cut link or a suspended job is no fault of it, and busy is not dead:
 * one that says so lives, and while others are under way there, their own clocks tell whether it is silent.
 */
static bool speaks_against(const struct job *j, int rc)
{
    if (!job_can_be_reached(j) || j->sched == SCHED_SUSPENDED)
        return false;
    return rc != -EAGAIN && (rc != -ETIMEDOUT || j->n_active == 0);
}

/* One that was healthy and is busy for longer than it may take to load will not come back. */
static bool is_lost(const struct job *j)
{
    int64_t limit_s = j->config->job.ready_timeout_s > 0 ? j->config->job.ready_timeout_s : BUSY_MAX_S;

    return inner(j)->failures >= SICK_PROBES ||
           (j->n_active == 0 && j->sched == SCHED_RUNNING && job_can_be_reached(j) &&
            mono_ms() - inner(j)->suspect_since > (uint64_t)limit_s * 1000);
}

/* A healthy engine that did not answer well. */
static void probe_failed(struct job *j, int rc, const char *text)
{
    struct job_inner *in = inner(j);

    if (speaks_against(j, rc))
        in->failures++;
    if (is_lost(j)) {
        job_set_error(j, -ECONNRESET, "the engine of job %s answers no more: %s", j->name, text);
        in->lost = true;
        job_handle(j, JOB_EV_SICK, j->error);
    } else {
        probe_later(j, SICK_WAIT_MS);
    }
}

static void healthy(struct job *j)
{
    struct job_inner *in = inner(j);

    in->suspect = false;
    in->failures = 0;
    free(in->loading);
    in->loading = NULL;
    loaded_look(j);
    context_look(j);
    if (j->state == JOB_FOUND)
        job_handle(j, JOB_EV_HEALTHY, NULL);
    else
        job_tell(j);
}

static void probed_cb(void *arg, enum probe_result r, int rc, const char *text)
{
    struct job *j = arg;

    inner(j)->probe = NULL;
    if (r == PROBE_HEALTHY) {
        healthy(j);
    } else if (r == PROBE_IMPOSTOR) {
        job_set_error(j, -EIO, "what answers at %s:%d is not the engine of job %s: %s", j->host, j->port,
                      j->name, text);
        job_handle(j, JOB_EV_SICK, j->error);
    } else if (j->state == JOB_HEALTHY) {
        probe_failed(j, rc, text);
    } else {
        say_loading(j, text);
        probe_again(j);
    }
}

/* Behind its relay an engine can, also where the user would have let it be exposed. */
bool job_wants_proof(const struct job *j)
{
    return engine_wants_proof(j->engine, j->config) || !strcmp(inner(j)->exposed, "node");
}

static void probe(struct job *j)
{
    struct job_inner *in = inner(j);

    if (in->probe || !j->client)
        return;
    if (j->cluster->remote) {
        remote_look_now(j->cluster->remote);
        return;
    }
    in->probe = probe_start(j->cluster->house->loop, j->client, j->engine, j->config, j->secret,
                            job_wants_proof(j), PROBE_MS, probed_cb, j);
}

static void probe_cb(void *arg)
{
    probe(arg);
}

void job_suspect(struct job *j, const char *why)
{
    struct job_inner *in = inner(j);

    if (j->state != JOB_HEALTHY || in->suspect)
        return;
    log_info("job %s: %s; its health is looked at", j->name ? j->name : j->unique_name, why);
    in->suspect = true;
    in->suspect_since = mono_ms();
    in->failures = 0;
    probe_later(j, 0);
    cluster_look(j->cluster);
}

/* ---- A gateway in place of an engine */

void job_reached(struct job *j)
{
    if (j->state == JOB_FOUND || (j->state == JOB_HEALTHY && inner(j)->suspect))
        healthy(j);
}

void job_unreached(struct job *j, int rc, const char *why)
{
    if (j->state != JOB_FOUND && j->state != JOB_HEALTHY)
        return;
    job_set_error(j, rc, "%s", why);
    job_handle(j, JOB_EV_SICK, j->error);
}

const char *job_key(const struct job *j)
{
    if (j->cluster->remote)
        return remote_token(j->cluster->remote);
    return j->engine->has_key ? j->secret : "";
}

/* ---- The address */

void job_address(struct job *j, const char *host, int port, const char *addr)
{
    /* Whoever can write where a job publishes is its owner; all the same a host that the scheduler did not
     * give it is refused: it is a stale or a forged word. */
    if (j->cluster->sched->ops->remote_nodes && !nodelist_contains(j->nodes, host)) {
        log_warning("job %s published %s:%d, which is none of its nodes (%s): ignored", j->name, host, port,
                    j->nodes);
        return;
    }
    snprintf(j->host, sizeof j->host, "%s", host);
    snprintf(j->addr, sizeof j->addr, "%s", addr);
    j->port = port;
    job_handle(j, JOB_EV_ADDRESS, NULL);
}

/* ---- Beginning and end */

void link_create(struct job *j)
{
    list_init(&inner(j)->dials);
    inner(j)->probe_timer = timer_create_on(j->cluster->house->loop, probe_cb, j);
}

void link_open(struct job *j)
{
    struct http_dialer d = { .open = open_cb, .arg = j };

    j->client = j->cluster->remote ? remote_client(j->cluster->remote)
                                   : http_client_create(j->cluster->house->loop, &d);
    inner(j)->probe_ms = PROBE_FIRST_MS;
    inner(j)->suspect = false;
    inner(j)->failures = 0;
    if (j->cluster->remote && job_can_be_reached(j)) /* it was looked at a moment ago */
        healthy(j);
    else
        probe(j);
}

void link_close(struct job *j)
{
    struct job_inner *in = inner(j);
    struct http_client *client = j->client;

    timer_stop(in->probe_timer);
    probe_cancel(in->probe);
    in->probe = NULL;
    free(in->loading);
    in->loading = NULL;
    /* Each leaves the list, and may take others with it. */
    for (struct exchange *x; (x = list_first(&j->active, struct exchange, link));) {
        x->ops->drop(x);
        exchange_lost(x, j->error ? j->error : "its job ended");
    }
    list_for_each(d, &in->dials, struct dialling, link)
    {
        dial_cancel(d->dial);
        list_remove(&d->link);
        free(d);
    }
    j->client = NULL;
    if (!j->cluster->remote)
        http_client_destroy(client);
}

void link_destroy(struct job *j)
{
    link_close(j);
    timer_destroy(inner(j)->probe_timer);
}
