/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_BALANCE_H
#define BACKEND_BALANCE_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "backend/base/buf.h"
#include "backend/config/config.h"
/* What a balancer in front has to know: which services there are, and where each is served right now. Pure, for the
 * gateway's /traefik/config and for the verbs that write files alike. A service without a healthy job is left out, so
 * that nothing is sent to a dead port. */

struct balance_service {
    char *name;           /* of a model, or an imported one */
    bool through_gateway; /* its one server is our gateway, below /<name>/ */
    char *health_path;    /* on each server; NULL = not known */
    int health_status;    /* what a healthy one answers there */
    struct strings urls;  /* sorted, none twice; "http://HOST:PORT" */
};

struct balance {
    struct balance_service *v; /* by name */
    size_t n;
};

/* Add one healthy job of a model. An engine that asks for a key, or has a relay that does, can be used through the
 * gateway alone, which knows the key; one that was exposed without a key is reached at its own address.
 * endpoint    of the gateway; where it is no http:// (a socket), what needs it is left out
 * host, port  where the engine listens; host "" or port 0: not known, the job is left out */
void balance_add(struct balance *b, const struct model_config *m, const char *endpoint, const char *host,
                 int port);

/* Add one server of a service that is none of ours; how its health is to be asked is not known. */
void balance_add_other(struct balance *b, const char *service, const char *host, int port);

void balance_free(struct balance *b);

/* Traefik's dynamic configuration (doc.traefik.io/traefik/v3.0, HTTP routers, services, middlewares; v2 reads the same), in
 * the names and the shape of forever-slurm: routers <service>-router on entry point "web", a retry middleware, the
 * prefix stripped, servers last. Without services it is {}: Traefik takes no empty routers. A new reference. */
json_t *balance_traefik(const struct balance *b);
void balance_traefik_yaml(const struct balance *b, struct buf *out);

/* Backends for HAProxy 2.2 or later (its Configuration Manual, 4.2), one a service, of its name with ':' for '+'. Frontends
 * are the site's own. */
void balance_haproxy(const struct balance *b, struct buf *out);

#endif
