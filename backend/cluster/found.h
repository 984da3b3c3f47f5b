/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_FOUND_H
#define BACKEND_FOUND_H
#include <jansson.h>
#include "backend/cluster/cluster.h"
#include "backend/house.h"
/* Models that are found rather than configured: in a directory of a cluster (key discover), or by asking an engine that
 * is awake. What was found is kept in the state directory, so that the next mount shows it before it has connected to
 * anything. One that is there no more stays until the next mount: somebody may be using it. Loop thread. */

/* At the beginning, before the models of h are made: those of earlier mounts go into its configuration. */
void found_load(struct house *h);

/* All that was found in one place: each that is new is a model of h from now on, and the list takes the place of the one
 * before.
 * place  "discover", "engine" or "gateway"
 * list   array of {"name": where it was found, "table": as config_add_found() takes it}; taken over
 * What cannot be used is told in the log. */
void found_take(struct house *h, const char *cluster, const char *place, json_t *list);
bool found_known(const struct house *h, const char *cluster, const char *place); /* it was looked at before */

/* ---- discover.c */

/* Look at the directory that c->cfg->discover names, in the background, connecting if need be; at once or never more than
 * one time. Nothing where there is none. */
void discover_start(struct cluster *c);
void discover_stop(struct cluster *c);
void discover_connected(struct cluster *c); /* it came up: the first time is a reason to look */

/* What the far side said: an array as found_take() takes it, the caller's. Lines that are not ours mean nothing.
 * -ENOENT: there is no such directory; -EPROTO: it does not end; with a sentence. Pure. */
int discover_parse(const char *text, json_t **list, struct err *e);

/* How long a context vLLM is given where nobody says it: by the size in the name, as alvis-vllm has it, and no more than
 * the model has (0 = not known). Pure. */
int discover_context(const char *name, long most);

/* ---- found_tags.c: the engine of j is healthy. One that gets names which nobody has is asked which it has. */
void found_ask(struct job *j);

#endif
