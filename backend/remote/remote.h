/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_REMOTE_H
#define BACKEND_REMOTE_H
#include <jansson.h>
#include <stdbool.h>
#include "backend/cluster/cluster.h"
#include "backend/http/http_client.h"
#include "backend/model/model.h"
/* The gateway of a team, behind a cluster of kind "gateway": a server of ours, or slullama's own. Questions go there as they
 * are, and are held there; what is kept here is which models it has and how they are. It is looked at every 30 s, every 2 s
 * while somebody waits, and at once when there is a reason; nothing of that wakes a model. slullama's own server wakes its
 * job by whatever it is asked but GET /slullama/status: that alone is asked, and for its models only while the job of
 * somebody else runs. Loop thread. */

struct remote;

/* -EACCES and the like with a sentence where the token cannot be read. Nothing is opened before remote_look(). */
int remote_create(struct remote **out, struct cluster *c, struct err *e);
void remote_destroy(struct remote *r); /* requests of its client end; NULL is allowed */

void remote_look(struct remote *r); /* something is needed, or changed: look as soon as that deserves */
void remote_look_now(struct remote *r);

/* It answered well when it was looked at last. */
bool remote_is_up(const struct remote *r);

/* For the jobs, which are no more than the way there: connections, and what a request shows. Borrowed. */
struct http_client *remote_client(const struct remote *r);
const struct url_parts *remote_where(const struct remote *r);
const char *remote_token(const struct remote *r); /* "" = none */

/* Ask for a model to be woken: by a pull, which is what ours has for that; with slullama's own server, by its list. What
 * comes of it is seen in the model's state, and a refusal in its last_error. */
void remote_wake(struct remote *r, struct model *m);

/* How a model is there, as far as is known; borrowed until the next turn of the loop. Names count as the gateway has them. */
enum model_state remote_state(const struct remote *r, const char *model);
const json_t *remote_card(const struct remote *r,
                          const char *model); /* remote_read.h; NULL = it has none of that name */

/* A model there is not ready: that a question gets no answer yet is no silence of an engine. */
bool remote_holds(const struct remote *r, const char *model);

json_t *remote_status(const struct remote *r); /* what it is, for the cluster's status; a new reference */

#endif
