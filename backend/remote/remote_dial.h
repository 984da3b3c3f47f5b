/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_REMOTE_DIAL_H
#define BACKEND_REMOTE_DIAL_H
#include "backend/config/config.h"
#include "backend/http/http_client.h"
#include "backend/transport/transport.h"
/* Connections to a team's gateway: a stream through the cluster's transport, sealed where its URL is https. Loop thread. */

/* A client whose connections go there; t and where outlive it. */
struct remote_way;
struct remote_way *remote_way_create(uv_loop_t *loop, struct transport *t, const struct url_parts *where);
void remote_way_destroy(struct remote_way *w); /* requests end with -ECANCELED; NULL is allowed */
struct http_client *remote_way_client(const struct remote_way *w);

#endif
