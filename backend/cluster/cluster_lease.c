/* SPDX-License-Identifier: MIT */
/* Leases by signal: jobs whose nodes do not see our files ask in their Comment for signs of life through the
 * scheduler. Such a sign costs its controller a little for each job, so all jobs of a cluster share one command,
 * and it comes no oftener than the shortest lease needs. */
#include "backend/cluster/cluster.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/timer.h"
#include "backend/house.h"
#include "backend/job/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PER_LEASE 3   /* so that two in a row may fail */
#define AT_A_TIME 100 /* ids on one command line; more come with the next */

struct cluster_lease {
    struct cluster *cluster;
    struct timer *timer;
    uint64_t renewed_ms; /* mono_ms() of the last command; 0 = never */
    bool asking;         /* it is under way */
};

static void signed_cb(void *arg, int rc, const char *err)
{
    struct cluster_lease *l = arg;

    l->asking = false;
    /* One of them that has ended meanwhile is no trouble: the next query tells. */
    if (rc < 0 && rc != -ENOENT)
        log_warning("cluster %s: leases could not be renewed by signal: %s", l->cluster->cfg->name, err);
}

static void renew(struct cluster_lease *l, const char *const *ids, size_t n)
{
    struct cluster *c = l->cluster;
    char text[100];

    snprintf(text, sizeof text, "the lease of %zu job%s is renewed by signal: no file of ours reaches %s", n,
             n == 1 ? "" : "s", n == 1 ? "its node" : "their nodes");
    house_event(c->house, "cluster", NULL, NULL, c->cfg->name, cluster_state_name(c->state),
                cluster_state_name(c->state), text);
    l->renewed_ms = mono_ms();
    l->asking = true;
    c->sched->ops->sign(c->sched, ids, n, "USR1", signed_cb, l);
}

static void timer_cb(void *arg)
{
    struct cluster_lease *l = arg;
    const char *ids[AT_A_TIME];
    size_t n = 0;

    list_for_each(j, &l->cluster->house->jobs, struct job, link)
    {
        if (j->cluster == l->cluster && job_by_signal(j) && n < AT_A_TIME)
            ids[n++] = j->id;
    }
    if (n > 0 && !l->asking)
        renew(l, ids, n);
    cluster_lease_look(l->cluster);
}

void cluster_lease_look(struct cluster *c)
{
    struct cluster_lease *l = c->lease;
    uint64_t every = 0, now = mono_ms();

    list_for_each(j, &c->house->jobs, struct job, link)
    {
        uint64_t ms = (uint64_t)j->config->job.lease_s * 1000 / PER_LEASE;
        if (j->cluster == c && job_by_signal(j) && ms > 0 && (every == 0 || ms < every))
            every = ms;
    }
    if (every == 0 || c->house->stopping) {
        timer_stop(l->timer);
        return;
    }
    uint64_t due = l->renewed_ms ? l->renewed_ms + every : now;
    timer_start_ms(l->timer, due > now ? due - now : 0);
}

struct cluster_lease *cluster_lease_create(struct cluster *c)
{
    struct cluster_lease *l = NEW(struct cluster_lease);

    l->cluster = c;
    l->timer = timer_create_on(c->house->loop, timer_cb, l);
    return l;
}

void cluster_lease_destroy(struct cluster_lease *l)
{
    if (l)
        timer_destroy(l->timer);
    free(l);
}
