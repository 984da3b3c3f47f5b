/* SPDX-License-Identifier: MIT */
/* A job as people see it. */
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/job/job_private.h"

#include <stdlib.h>
#include <string.h>

#define LAST_WORDS_MAX 300 /* bytes: a sentence has room for them (struct err) */

/* The node that it runs on, as far as it is one: a list of several is shown by the host that the engine told.
 */
const char *job_node(const struct job *j)
{
    return j->host[0] ? j->host : j->nodes;
}

/* What is known of the engine's start: its own answer while it loads is the newest where it has a number, then its log and
 * its script; NULL = nothing. value may be NULL. */
static const char *start_of(const struct job *j, double *value)
{
    const struct job_inner *in = inner(j);
    double probed = in->loading ? probe_progress(in->loading) : -1;
    bool logged = in->progress.text[0] && (j->state == JOB_RUNNING || j->state == JOB_FOUND);

    if (value)
        *value = probed < 0 && logged ? in->progress.value : probed;
    return probed < 0 && logged ? in->progress.text : in->loading;
}

const char *job_reason(const struct job *j)
{
    const char *loading = start_of(j, NULL);

    if (j->over && j->error)
        return j->error;
    if (inner(j)->lease_trouble && job_live(j))
        return inner(j)->lease_trouble;
    if (j->reason[0])
        return j->reason;
    if (j->sched == SCHED_SUSPENDED && job_live(j))
        return "the scheduler has suspended the job";
    if (loading)
        return loading;
    return j->cluster->reason && job_live(j) ? j->cluster->reason : NULL;
}

double job_progress(const struct job *j)
{
    double value;

    start_of(j, &value);
    return value;
}

/* Who reaches the engine without a key: what its script has seen counts, else what has to be expected. */
static json_t *exposed(const struct job *j)
{
    if (inner(j)->exposed[0])
        return json_string(inner(j)->exposed);
    if (!j->config->job.expose || engine_wants_proof(j->engine, j->config))
        return j->engine->relay && j->port ? json_string("node") : json_null();
    return json_string(job_on_loopback(j) ? "node" : "cluster");
}

void job_last_words(const struct job *j, struct buf *out)
{
    char *tail = growing_tail(j->err, 5);
    size_t len = strlen(tail);

    if (!len) {
        free(tail);
        tail = growing_tail(j->out, 5);
        len = strlen(tail);
    }
    for (char *p = tail; *p; p++)
        if (*p == '\n')
            *p = '|';
    if (len)
        buf_addf(out, "; its last lines: %s", tail + (len > LAST_WORDS_MAX ? len - LAST_WORDS_MAX : 0));
    free(tail);
}

static void add_name(void *names, struct model *m)
{
    json_array_append_new(names, json_string(model_config(m)->name));
}

json_t *job_models(const struct job *j)
{
    json_t *names = json_array();

    if (j->model)
        model_each_sharer(j->model, add_name, names);
    if (json_array_size(names) == 0)
        json_array_append_new(names, json_string(j->config->name));
    return names;
}

json_t *job_status(const struct job *j)
{
    const char *endpoint = j->cluster->house->endpoint;
    bool behind = endpoint[0] && j->name && !j->cluster->cfg->of_users; /* those are no part of the gateway */
    char *url = behind ? xasprintf("%s/jobs/%s", endpoint, j->name) : NULL;
    struct timespec start = { .tv_sec = j->expected_start }, ends = { .tv_sec = j->ends_at };
    json_t *s = json_pack(
        "{s:o,s:o,s:s,s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:o,s:o,s:o,s:b,s:i,s:o,s:o,s:o}", "id",
        json_str(j->id), "name", json_str(j->name), "cluster", j->cluster->cfg->name, "models", job_models(j),
        "state", json_str(j->word), "phase", job_state_name(j->state), "since", json_time(&j->since),
        "reason", json_str(job_reason(j)), "queue_position",
        j->queue_position > 0 ? json_integer(j->queue_position) : json_null(), "expected_start",
        json_time(&start), "node", json_str(job_node(j)), "port",
        j->port ? json_integer(j->port) : json_null(), "url", json_str(url), "workdir", j->workdir,
        "submitted", json_time(&j->submitted), "started", json_time(&j->started), "ends_at", json_time(&ends),
        "ready", j->state == JOB_HEALTHY, "active", j->n_active, "exposed", exposed(j), "exit",
        j->exit_status >= 0 ? json_integer(j->exit_status) : json_null(), "last_error", json_str(j->error));

    free(url);
    return s;
}
