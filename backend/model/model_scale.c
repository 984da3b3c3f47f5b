/* SPDX-License-Identifier: MIT */
/* How many jobs a model should have. A wake begins `replicas`, or `min` where that is more. One more comes, up to
 * `max`, when questions wait for slots although every job is ready; one goes, down to `min` (or `replicas`), when
 * for idle_timeout one fewer would have been enough. When nobody asks for idle_timeout, all above `min` go. */
#include "backend/model/model_private.h"

#include <errno.h>
#include <stdio.h>

/* A burst that the jobs at hand answer within seconds is not worth a job that takes minutes to start. */
#define UP_MS 5000

int model_floor(const struct model *m)
{
    return m->stopped ? 0 : m->cfg->min;
}

int model_most(const struct model *m)
{
    return m->cfg->max > m->replicas ? m->cfg->max : m->replicas;
}

/* What it does not go below while somebody asks now and then. */
static int fewest(const struct model *m)
{
    return model_floor(m) > 0 ? model_floor(m) : m->replicas;
}

void model_wake_target(struct model *m)
{
    m->target = m->replicas > m->cfg->min ? m->replicas : m->cfg->min;
    m->same_node = false;
    m->full_since = m->window_since = 0;
}

static bool all_ready(const struct model *m)
{
    int n = 0;

    list_for_each(j, &m->house->jobs, struct job, link)
    {
        n += model_lets_in(m, j) && !j->ageing && j->state == JOB_HEALTHY;
    }
    return n >= m->target;
}

static void set_target(struct model *m, int n, const char *why)
{
    char text[120];

    snprintf(text, sizeof text, "%d jobs instead of %d: %s", n, m->target, why);
    m->target = n;
    model_event(m, m->state, text);
}

static uint64_t up(struct model *m, uint64_t now)
{
    if (m->n_waiting == m->n_held || model_has_slot(m) || !all_ready(m) || m->target >= model_most(m)) {
        m->full_since = 0;
        return NEVER_MS;
    }
    if (m->full_since == 0)
        m->full_since = now;
    if (now - m->full_since < UP_MS)
        return m->full_since + UP_MS - now;
    m->full_since = 0;
    set_target(m, m->target + 1, "questions wait for slots");
    return NEVER_MS;
}

static uint64_t down(struct model *m, uint64_t now)
{
    uint64_t window = (uint64_t)m->cfg->job.idle_timeout_s * 1000;
    int asked = m->n_waiting - m->n_held + m->n_active;

    if (m->target <= fewest(m) || window == 0 || model_is_pinned(m)) {
        m->window_since = 0;
        return NEVER_MS;
    }
    if (m->window_since == 0 || now - m->window_since >= window) {
        if (m->window_since && m->most_asked <= m->cfg->slots * (m->target - 1))
            set_target(m, m->target - 1, "that is enough for those who ask");
        m->window_since = now;
        m->most_asked = asked;
    }
    if (asked > m->most_asked)
        m->most_asked = asked;
    return m->window_since + window - now;
}

uint64_t model_scale(struct model *m)
{
    uint64_t now = mono_ms(), a, b, pin = model_pinned_ms(m);

    if (pin == 0 && m->pinned_until.tv_sec) {
        m->pinned_until.tv_sec = 0;
        house_changed(m->house);
    }
    if (m->state != MODEL_READY) {
        m->full_since = m->window_since = 0;
        return pin ? pin : NEVER_MS;
    }
    a = up(m, now);
    b = down(m, now);
    a = a < b ? a : b;
    return pin && pin < a ? pin : a;
}

int model_set_replicas(struct model *m, int n, struct err *e)
{
    m = m->pool;
    if (m->remote)
        return err_set(e, -EINVAL, "the gateway decides how many jobs %s has", m->cfg->name);
    if (n < 1 || n > m->cfg->cluster->max_jobs)
        return err_set(e, -EINVAL,
                       "replicas %d: from 1 to %d jobs can be had (max_jobs of cluster %s); `stop` ends all",
                       n, m->cfg->cluster->max_jobs, m->cfg->cluster->name);
    if (n < m->cfg->min)
        return err_set(e, -EINVAL, "replicas %d: the configuration keeps %d up (min)", n, m->cfg->min);
    m->replicas = n;
    if (m->state == MODEL_ASLEEP || m->state == MODEL_FAILED || m->state == MODEL_DRAINING) {
        model_wake(m);
    } else {
        m->target = n;
        m->may_begin_ms = 0;
    }
    house_changed(m->house);
    model_mind(m);
    return 0;
}

/* ---- The pin */

bool model_is_pinned(const struct model *m)
{
    return model_pinned_ms(m) > 0;
}

uint64_t model_pinned_ms(const struct model *m)
{
    uint64_t now = mono_ms();

    return m->pinned_until.tv_sec && m->pinned_ms > now ? m->pinned_ms - now : 0;
}

void model_pin(struct model *m, int64_t seconds)
{
    m = m->pool;
    m->pinned_until = (struct timespec){ 0 };
    if (seconds > 0) {
        m->pinned_until.tv_sec = wall_now().tv_sec + seconds;
        m->pinned_ms = mono_ms() + (uint64_t)seconds * 1000;
    }
    house_changed(m->house);
    model_rewind_idle(m);
    model_mind(m);
}
