/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_CLUSTER_H
#define BACKEND_CLUSTER_H
#include <jansson.h>
#include "backend/imports.h"
#include "backend/scheduler/scheduler.h"
#include "backend/transport/remote_files.h"
#include "backend/transport/transport.h"
/* One cluster of the configuration: its way in, its scheduler, and the one query per tick that covers all
 * jobs on it. The interval adapts: 2 s while a job is restless and somebody waits for it, 10 s while a job is
 * restless, 60 s while jobs run and for import = true, none without jobs. Never more than one query in flight; after a failed one
 * the next comes later (up to 60 s). */

struct house;
struct cluster_inner;
struct cluster_lease;
struct discovery;
struct remote;

#define JOB_PREFIX "sfs-%.8s-" /* of the names of all our jobs, with the house's identity */

enum cluster_state { CLUSTER_IDLE, CLUSTER_CONNECTING, CLUSTER_AUTH, CLUSTER_UP, CLUSTER_DOWN };

struct cluster {
    struct house *house;
    const struct cluster_config *cfg;
    struct transport *transport;
    struct scheduler *sched;
    struct remote_files *files;
    enum cluster_state state;
    char *reason; /* one sentence, NULL = none */
    char *last_error;
    struct timespec since;
    unsigned queries;
    unsigned connects;           /* times that it came up */
    char *prefix;                /* of the names of our jobs there */
    struct cluster_lease *lease; /* cluster_lease.c's own */
    struct imports imports;      /* with import = true: what the last whole query showed */
    struct discovery *discovery; /* discover.c's own */
    struct growing *user_events; /* users.c's own */
    struct remote *remote;       /* kind "gateway": what is known of it; NULL for every other */
    struct cluster_inner *priv;
};

int cluster_create(struct house *h, const struct cluster_config *cfg, struct cluster **out, struct err *e);
void cluster_destroy(struct cluster *c);         /* jobs of it are destroyed before; NULL is allowed */
json_t *cluster_status(const struct cluster *c); /* CONTRACT.md section 5; a new reference */
/* It is so now, for this reason (NULL = none), which is an error but for a question of the login. */
void cluster_is(struct cluster *c, enum cluster_state state, const char *reason);
void cluster_greet(struct cluster *c); /* models are there: a gateway is looked at from now on */
const char *cluster_state_name(enum cluster_state s);

void cluster_look(struct cluster *c); /* something changed: think about when the next query is due */

/* ---- cluster_lease.c */
struct cluster_lease *cluster_lease_create(struct cluster *c);
void cluster_lease_destroy(struct cluster_lease *l); /* after the scheduler; NULL is allowed */
void cluster_lease_look(struct cluster *c);          /* think again about when leases are due by signal */

#endif
