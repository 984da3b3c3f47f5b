/* SPDX-License-Identifier: MIT */
/* The house: what one mount owns, made in order and ended in order. */
#include "backend/house.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/log.h"
#include "backend/base/private_dir.h"
#include "backend/base/timer.h"
#include "backend/base/units.h"
#include "backend/base/utf8.h"
#include "backend/batch/batch.h"
#include "backend/chat/chat.h"
#include "backend/cluster/cluster.h"
#include "backend/cluster/found.h"
#include "backend/engine/engine.h"
#include "backend/history/history.h"
#include "backend/identity.h"
#include "backend/job/job.h"
#include "backend/model/model.h"
#include "backend/quota.h"
#include "backend/history/record.h"
#include "backend/job/recover.h"
#include "backend/users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STOP_MS 8000 /* CONTRACT.md 8: all in order within 10 s even without a network */

struct stopping {
    struct timer *look; /* runs to the deadline; at once when a job ended */
    uint64_t deadline;
    void (*cb)(void *arg); /* NULL once it was called */
    void *arg;
};

/* ---- Making */

static char *own_program(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    if (n < 0)
        return xstrdup("slullamafs");
    path[n] = '\0';
    return xstrdup(path);
}

static int make_dirs(struct house *h, const char *mountpoint, struct err *e)
{
    char folder[17];
    int rc;

    identity_folder(h->cfg->file, mountpoint, folder);
    h->state_dir = xasprintf("%s/%s", h->cfg->state_dir, folder);
    h->jobs_dir = xasprintf("%s/jobs", h->state_dir);
    h->run_dir = xasprintf("%s/%s", h->cfg->runtime_dir, folder);
    if ((rc = private_dir_make(h->cfg->state_dir, e)) < 0 || (rc = private_dir_make(h->state_dir, e)) < 0 ||
        (rc = private_dir_make(h->jobs_dir, e)) < 0 || (rc = private_dir_make(h->cfg->runtime_dir, e)) < 0 ||
        (rc = private_dir_make(h->run_dir, e)) < 0)
        return rc;
    if ((h->lock_fd = identity_lock(h->run_dir, e)) < 0)
        return h->lock_fd;
    return identity_load(h->state_dir, h->identity, e);
}

static int make_clusters(struct house *h, struct err *e)
{
    int rc = 0;

    h->clusters = xcalloc(h->cfg->n_clusters, sizeof *h->clusters);
    for (size_t i = 0; rc == 0 && i < h->cfg->n_clusters; i++)
        rc = cluster_create(h, h->cfg->clusters[i], &h->clusters[i], e);
    return rc;
}

static void destroy_clusters(struct house *h)
{
    users_end(h);
    for (size_t i = 0; h->clusters && i < h->cfg->n_clusters; i++)
        cluster_destroy(h->clusters[i]);
    free(h->clusters);
    h->clusters = NULL;
}

int house_create(struct house **out, uv_loop_t *loop, struct config *cfg, const char *mountpoint,
                 struct err *e)
{
    struct house *h = NEW(struct house);

    h->loop = loop;
    h->cfg = cfg;
    h->uid = geteuid();
    h->lock_fd = -1;
    h->started = h->changed = wall_now();
    h->endpoint = xstrdup("");
    h->program = own_program();
    h->mail = mailbox_create(loop);
    h->events = growing_create(EVENTS_KEEP);
    h->warnings = json_object();
    h->quotas = quotas_create();
    list_init(&h->jobs);
    list_init(&h->unwanted);
    list_init(&h->recovered);
    list_init(&h->batches);
    int rc = make_dirs(h, mountpoint, e);
    if (rc == 0)
        rc = make_clusters(h, e);
    if (rc == 0)
        rc = users_begin(h, e);
    if (rc < 0) {
        destroy_clusters(h);
        h->cfg = NULL; /* still the caller's */
        house_destroy(h);
        return rc;
    }
    found_load(h);
    h->models = xcalloc(cfg->n_models + 1, sizeof *h->models);
    for (size_t i = 0; i < cfg->n_models; i++)
        h->models[i] = model_create(h, cfg->models[i]);
    history_open(h);
    record_load(h, &h->recovered);
    chats_load(h);
    history_start(h);
    recover_jobs(h);
    batches_load(h);
    for (size_t i = 0; i < cfg->n_clusters; i++) {
        struct cluster *c = h->clusters[i];
        /* Nothing is known of it yet, or there is no way to go. */
        if (!found_known(h, c->cfg->name, "discover") || c->state == CLUSTER_UP)
            discover_start(c);
        cluster_greet(c);
    }
    *out = h;
    return 0;
}

static void free_stopping(struct stopping *s)
{
    if (s)
        timer_destroy(s->look);
    free(s);
}

void house_destroy(struct house *h)
{
    if (!h)
        return;
    batches_close(h);
    for (size_t i = h->models ? h->cfg->n_models : 0; i-- > 0;) /* the first of a share goes last */
        model_destroy(h->models[i]);
    list_for_each(j, &h->jobs, struct job, link) job_destroy(j);
    recover_finish(h);
    destroy_clusters(h);
    list_for_each(v, &h->recovered, struct recovered, link) recovered_free(v);
    chats_close(h);
    history_close(h);
    free_stopping(h->stop);
    mailbox_destroy(h->mail);
    growing_destroy(h->events);
    if (h->lock_fd >= 0)
        close(h->lock_fd);
    json_decref(h->warnings);
    json_decref(h->found);
    json_decref(h->served);
    quotas_destroy(h->quotas);
    free(h->models);
    free(h->endpoint);
    free(h->program);
    free(h->run_dir);
    free(h->jobs_dir);
    free(h->state_dir);
    config_free(h->cfg);
    free(h);
}

/* ---- Ending */

static bool all_over(const struct house *h)
{
    list_for_each(j, &h->jobs, struct job, link) if (job_live(j) && !job_is_left(j)) return false;
    return true;
}

static void look_cb(void *arg)
{
    struct house *h = arg;
    void (*cb)(void *arg) = h->stop->cb;
    uint64_t now = mono_ms();

    if (!cb)
        return;
    if (!all_over(h) && now < h->stop->deadline) {
        timer_start_ms(h->stop->look, h->stop->deadline - now);
        return;
    }
    if (!all_over(h))
        log_warning(h->stop_jobs ? "not every job's end was confirmed in time; their leases end them"
                                 : "not every job was told in time that it is left; their leases end them");
    h->stop->cb = NULL;
    cb(h->stop->arg);
}

void house_job_ended(struct house *h)
{
    if (h->stop)
        timer_start_ms(h->stop->look, 0);
}

void house_stop(struct house *h, void (*cb)(void *arg), void *arg)
{
    if (h->stopping)
        return; /* the first call's cb tells of the end */
    h->stopping = true;
    h->stop = NEW(struct stopping);
    h->stop->cb = cb;
    h->stop->arg = arg;
    h->stop->deadline = mono_ms() + STOP_MS;
    h->stop->look = timer_create_on(h->loop, look_cb, h);
    h->stop_jobs = strcmp(h->cfg->on_unmount, "stop") == 0;
    for (size_t i = 0; i < h->cfg->n_models; i++) {
        if (h->stop_jobs)
            model_stop_all(h->models[i], "the mount ended");
        else
            model_cancel_all(h->models[i], (uid_t)-1);
    }
    list_for_each(j, &h->jobs, struct job, link)
    {
        if (job_live(j) && h->stop_jobs)
            job_cancel(j, "the mount ended");
        else if (job_live(j))
            job_leave(j);
    }
    for (size_t i = 0; i < h->cfg->n_clusters; i++)
        cluster_look(h->clusters[i]);
    timer_start_ms(h->stop->look, 0);
}

/* ---- Looking up */

static void name_served(json_t *served, const struct model_config *m, size_t at)
{
    struct buf name = { 0 };

    engine_served_name(m, &name);
    const char *all[] = { m->model, buf_str(&name), m->found_as };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] && *all[i] && !json_object_get(served, all[i]))
            json_object_set_new(served, all[i], json_integer((json_int_t)at));
    buf_free(&name);
}

struct model *house_model(struct house *h, const char *name)
{
    int at = config_index(h->cfg, name);

    return at < 0 ? NULL : h->models[at];
}

/* Its object is made by the first question, and grows by the models that came since. */
struct model *house_served(struct house *h, const char *name)
{
    if (!h->served)
        h->served = json_object();
    for (; h->n_served < h->cfg->n_models; h->n_served++)
        name_served(h->served, h->cfg->models[h->n_served], h->n_served);
    const json_t *at = json_object_get(h->served, name);
    return at ? h->models[json_integer_value(at)] : NULL;
}

struct cluster *house_cluster(struct house *h, const char *name)
{
    for (size_t i = 0; i < h->cfg->n_clusters; i++)
        if (strcmp(h->cfg->clusters[i]->name, name) == 0)
            return h->clusters[i];
    return NULL;
}

struct job *house_job(struct house *h, const char *name)
{
    list_for_each(j, &h->jobs, struct job, link) if (j->name && strcmp(j->name, name) == 0) return j;
    return NULL;
}

/* ---- Telling */

json_t *json_time(const struct timespec *ts)
{
    char text[TIME_TEXT];

    return ts->tv_sec ? json_string(format_time(ts->tv_sec, text)) : json_null();
}

json_t *json_str(const char *s)
{
    struct buf good = { 0 };

    if (!s || !s[0])
        return json_null();
    /* Words of a scheduler or an engine may be anything; a status is JSON all the same. */
    for (size_t n; s[n = utf8_valid_len(s, strlen(s))]; s += n + 1) {
        buf_add(&good, s, n);
        buf_adds(&good, "?");
    }
    buf_adds(&good, s);
    json_t *v = json_string(buf_str(&good));
    buf_free(&good);
    return v;
}

void house_changed(struct house *h)
{
    h->changes++;
    h->changed = wall_now();
}

void house_event(struct house *h, const char *event, const char *model, const char *job, const char *cluster,
                 const char *from, const char *to, const char *reason)
{
    struct timespec now = wall_now();
    json_t *line = json_pack("{s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "time", json_time(&now), "event", event,
                             "model", json_str(model), "job", json_str(job), "cluster", json_str(cluster),
                             "from", json_str(from), "to", json_str(to), "reason", json_str(reason));
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

    if (text) {
        char *whole = xasprintf("%s\n", text);
        users_tell(h, cluster, whole, strlen(whole));
        free(whole);
    }
    const char *name = strcmp(event, "cluster") == 0 ? cluster : strcmp(event, "model") == 0 ? model : job;
    bool named = name && *name; /* a job is, once the scheduler has it */
    log_info("%s %s%s: %s -> %s%s%s", event, named ? "" : "of ",
             named   ? name
             : model ? model
                     : "",
             from ? from : "-", to ? to : "-", reason && reason[0] ? ": " : "", reason ? reason : "");
    free(text);
    json_decref(line);
    house_changed(h);
}

json_t *house_status(struct house *h, uid_t uid)
{
    json_t *models = json_object(), *jobs = json_object(), *clusters = json_object();
    int waiting, active;

    for (size_t i = 0; i < h->cfg->n_models; i++) {
        const struct model *m = model_seen_by(h->models[i], uid);
        model_counts(m, &waiting, &active);
        json_object_set_new(models, h->cfg->models[i]->name,
                            json_pack("{s:s,s:o,s:i,s:i}", "state", model_state_name(model_state(m)), "since",
                                      model_since(m), "waiting", waiting, "active", active));
    }
    list_for_each(j, &h->jobs, struct job, link)
    {
        if (j->name && users_may_see(h, j->cluster->cfg, uid))
            json_object_set_new(jobs, j->name,
                                json_pack("{s:o,s:o,s:o}", "models", job_models(j), "state",
                                          json_str(j->word), "node", json_str(job_node(j))));
    }
    for (size_t i = 0; i < h->cfg->n_clusters; i++) {
        if (!users_may_see(h, h->cfg->clusters[i], uid))
            continue;
        json_object_set_new(clusters, h->cfg->clusters[i]->name,
                            json_pack("{s:s}", "state", cluster_state_name(h->clusters[i]->state)));
    }
    return json_pack("{s:s,s:o,s:o,s:b,s:o,s:o,s:o,s:o}", "version", SLULLAMAFS_VERSION, "started",
                     json_time(&h->started), "endpoint", json_str(h->endpoint), "durable",
                     history_is_durable(h), "models", models, "jobs", jobs, "clusters", clusters, "warnings",
                     house_warnings(h));
}
