/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_GATEWAY_H
#define FS_DOOR_HTTP_GATEWAY_H
#include "backend/base/err.h"
#include "backend/house.h"
/* The door for OpenAI programs: one HTTP/1.1 listener that wakes a sleeping model, holds the request
 * meanwhile, and relays both ways. CONTRACT.md section 7. */

struct gateway;

/* Listen on each of house->cfg->listen and set house->endpoint to the first one's URL. A TCP port that is
 * taken and was not asked for by name (cfg->listen_asked false) gives way to the next free one; -EADDRINUSE
 * with a sentence else. A Unix socket
 * ("unix:PATH") is made with mode 0600; a dead one of an earlier run is replaced, one that answers is
 * -EADDRINUSE. */
int gateway_create(struct gateway **out, struct house *h, struct err *e);

void gateway_reopen(struct gateway *g); /* the access log, at SIGHUP; NULL is allowed */

/* No new connections; requests in flight end as their exchanges do. */
void gateway_stop(struct gateway *g);
void gateway_destroy(struct gateway *g); /* closes every connection; NULL is allowed */

#endif
