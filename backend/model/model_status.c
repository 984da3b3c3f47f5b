/* SPDX-License-Identifier: MIT */
/* A model as people see it. */
#include "backend/base/alloc.h"
#include "backend/cluster/cluster.h"
#include "backend/model/model_private.h"
#include "backend/remote/remote.h"

#include <stdlib.h>

static json_t *live_jobs(const struct model *m)
{
    json_t *all = json_array();

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        if (!model_has_job(m, j) || !job_live(j))
            continue;
        struct timespec ends = { .tv_sec = j->ends_at };
        json_array_append_new(
            all, json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:b}", "id", json_str(j->id), "name", json_str(j->name),
                           "state", json_str(j->word[0] ? j->word : "SUBMITTING"), "node",
                           json_str(job_node(j)), "port", j->port ? json_integer(j->port) : json_null(),
                           "ends_at", json_time(&ends), "ready", j->state == JOB_HEALTHY));
    }
    return all;
}

/* The job that its state follows from, which says why it is there. */
static const struct job *shown(const struct model *m)
{
    const struct job *best = model_best(m);

    return best && m->state != MODEL_DRAINING && m->state != MODEL_FAILED ? best : model_job(m);
}

/* What the gateway says of a model of its, and none of the ways there, which are no jobs. */
static void show_far(const struct model *m, json_t *s)
{
    static const char *const keys[] = { "reason", "queue_position", "expected_start", "progress" };
    const json_t *card = remote_card(m->remote, m->cfg->model);
    enum model_state state = model_state(m);
    const char *why = state == MODEL_FAILED      ? m->last_error
                      : !remote_is_up(m->remote) ? house_cluster(m->house, m->cfg->cluster->name)->reason
                      : card                     ? NULL
                                                 : "the gateway has no model of this name";

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_t *said = remote_is_up(m->remote) ? json_object_get(card, keys[i]) : NULL;
        json_object_set_new(s, keys[i], said ? json_incref(said) : json_null());
    }
    if (why)
        json_object_set_new(s, "reason", json_str(why));
    json_object_set_new(s, "state", json_string(model_state_name(state)));
    json_object_set_new(s, "idle_since", json_null());
    json_object_set_new(s, "jobs", json_array());
}

json_t *model_status(const struct model *own)
{
    const struct model *m = own->pool;
    const struct job *j = shown(m);
    struct timespec start = { .tv_sec = j ? j->expected_start : 0 };
    char *endpoint = m->house->endpoint[0] ? xasprintf("%s/%s", m->house->endpoint, own->cfg->name) : NULL;
    double progress = j ? job_progress(j) : -1;
    const char *reason = m->state == MODEL_FAILED ? m->last_error : j ? job_reason(j) : NULL;
    struct buf served = { 0 };
    engine_served_name(own->cfg, &served);
    json_t *s = json_pack(
        "{s:s,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:s,s:o,s:s,s:o,s:o,s:I,s:o}", "model", own->cfg->name,
        "description", json_str(own->cfg->description), "state", model_state_name(m->state), "since",
        json_time(&m->since), "reason", json_str(reason), "queue_position",
        j && j->queue_position > 0 ? json_integer(j->queue_position) : json_null(), "expected_start",
        json_time(&start), "progress", progress >= 0 ? json_real(progress) : json_null(), "engine",
        own->cfg->engine, "served_model", json_str(buf_str(&served)), "cluster", own->cfg->cluster->name,
        "endpoint", json_str(endpoint), "idle_since", json_time(&m->idle_since), "idle_timeout_s",
        (json_int_t)m->cfg->job.idle_timeout_s, "pinned_until", json_time(&m->pinned_until));

    json_object_set_new(s, "requests",
                        json_pack("{s:i,s:i,s:I,s:I}", "waiting", own->own_waiting, "active", own->own_active,
                                  "done", (json_int_t)own->done, "failed", (json_int_t)own->failed));
    json_object_set_new(s, "tokens",
                        json_pack("{s:I,s:I,s:o}", "prompt", (json_int_t)own->prompt_tokens, "completion",
                                  (json_int_t)own->completion_tokens, "per_s",
                                  own->per_s > 0 ? json_real(own->per_s) : json_null()));
    json_object_set_new(s, "jobs", live_jobs(m));
    json_object_set_new(s, "last_error", json_str(m->last_error));
    if (own->remote)
        show_far(own, s);
    free(endpoint);
    buf_free(&served);
    return s;
}

int64_t model_figure(const struct model *m, enum model_figure which)
{
    const int64_t all[] = {
        [MODEL_WAITING] = m->own_waiting,         [MODEL_ACTIVE] = m->own_active,
        [MODEL_DONE] = (int64_t)m->done,          [MODEL_FAILED_REQUESTS] = (int64_t)m->failed,
        [MODEL_PROMPT_TOKENS] = m->prompt_tokens, [MODEL_COMPLETION_TOKENS] = m->completion_tokens,
    };

    return all[which];
}

/* Slurm's own guess of the start, which is often too late, and what the model's last jobs took from there. */
int64_t model_wait_s(const struct model *m)
{
    const struct job *j = shown(m);
    time_t now = wall_now().tv_sec;

    if (!j || m->state != MODEL_QUEUED || j->expected_start <= now)
        return 0;
    return (int64_t)(j->expected_start - now) + (int64_t)m->start_s;
}

void model_each_sharer(const struct model *m, void (*each)(void *arg, struct model *one), void *arg)
{
    list_for_each(one, &m->pool->sharers, struct model, sharer) each(arg, one->front ? one->front : one);
}
