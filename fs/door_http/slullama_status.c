/* SPDX-License-Identifier: MIT */
/* GET /slullama/status, as slullama's server answers it: its clients, the litellm provider and `slullama status` read it.
 * It tells of the model that was used last, and wakes nothing.
 * Source: slullama 0.1.3, server/proxy.py and server/slurm.py, seen in a run. Where that has a defect (time_left is never
 * told, node is "(null)" while a job waits) the fields hold what they are meant to. */
#include "fs/door_http/slullama_status.h"
#include "backend/base/timer.h"
#include "backend/job/job.h"
#include "fs/door_http/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION     "0.1.0" /* in every release of slullama */
#define OLLAMA_PORT 11434

const char *slullama_state(const char *word)
{
    static const char *const known[] = { "PENDING", "RUNNING",   "COMPLETING", "COMPLETED",
                                         "FAILED",  "CANCELLED", "TIMEOUT" };
    static const char *const said[] = { "pending", "running",   "completing", "completed",
                                        "failed",  "cancelled", "timeout" };
    size_t n = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"); /* "CANCELLED by 1000" */

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strlen(known[i]) == n && !strncmp(known[i], word, n))
            return said[i];
    return "unknown";
}

void slullama_time_left(int64_t seconds, char out[32])
{
    long long s = seconds > 0 ? seconds : 0;

    if (s >= 86400)
        snprintf(out, 32, "%lld-%02lld:%02lld:%02lld", s / 86400, s / 3600 % 24, s / 60 % 60, s % 60);
    else if (s >= 3600)
        snprintf(out, 32, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, 32, "%lld:%02lld", s / 60, s % 60);
}

static json_t *job_part(const struct job *j)
{
    char left[32] = "";

    if (!j || !j->id)
        return json_pack("{s:n,s:s,s:n,s:n}", "id", "state", "none", "node", "time_left");
    if (j->ends_ms)
        slullama_time_left(job_left_s(j), left);
    return json_pack("{s:s,s:s,s:o,s:s}", "id", j->id, "state",
                     slullama_state(j->word && j->word[0] ? j->word : "PENDING"), "node",
                     json_str(job_node(j)), "time_left", left);
}

/* m may be NULL. */
static json_t *config_part(const struct config *cfg, const struct model_config *m)
{
    const json_t *port = json_object_get(cfg->slullama, "ollama.port");

    return json_pack("{s:s,s:s,s:I,s:s}", "partition", m ? m->job.partition : "", "gres",
                     m ? m->job.gres : "", "ollama_port",
                     port ? json_integer_value(port) : (json_int_t)OLLAMA_PORT, "keep_alive",
                     m ? m->job.keep_alive : "cancel");
}

json_t *slullama_status(const struct house *h)
{
    const struct model *m = h->used.model ? h->used.model : h->cfg->n_models ? h->models[0] : NULL;
    const struct job *j = m ? model_job(m) : NULL;
    const struct model_config *cfg = m ? model_config(m) : NULL; /* NULL: none was found yet */
    int waiting, active = 0;

    if (m)
        model_counts(m, &waiting, &active);
    json_int_t idle = !h->used.count ? -1 : active ? 0 : (json_int_t)((mono_ms() - h->used.ms) / 1000);
    return json_pack("{s:s,s:I,s:I,s:I,s:I,s:b,s:o,s:o}", "version", VERSION, "uptime_seconds",
                     (json_int_t)(wall_now().tv_sec - h->started.tv_sec), "request_count",
                     (json_int_t)h->used.count, "idle_seconds", idle, "idle_timeout_minutes",
                     (json_int_t)(cfg ? cfg->job.idle_timeout_s / 60 : 0), "tunnel_alive",
                     j && j->state == JOB_HEALTHY, "job", job_part(j), "config", config_part(h->cfg, cfg));
}

void answer_slullama_status(const struct request *r, const struct route_at *at)
{
    json_t *status = slullama_status(r->house);
    char *text = status ? json_dumps(status, 0) : NULL;

    (void)at;
    if (text)
        connection_answer(r->conn, 200, "application/json; charset=utf-8", text, strlen(text));
    else
        connection_error(r->conn, 500, "the status cannot be written");
    free(text);
    json_decref(status);
}
