/* SPDX-License-Identifier: MIT */
#ifndef FS_SERVER_WAY_H
#define FS_SERVER_WAY_H
#include <uv.h>
#include "backend/base/err.h"
#include "backend/transport/transport.h"
#include "fs/slullama_args.h"
/* The way to a slullama server, for connect and status: what the configuration says of it, and a transport to its machine
 * (SSH where there is a host, else this one). A question of the login is asked on the terminal. */

struct server_way {
    char *host; /* "" = this machine */
    int port, local_port;
    char *token; /* "" = none */
    struct transport *transport;
    /* private */
    struct cluster_config cluster;
    char *dir, *program;
    unsigned asked;
    void (*changed)(void *arg, enum transport_state state);
    void *arg;
};

/* changed: as the transport's state_cb; may be NULL. 0 or a negative errno with a sentence; then there is nothing to end. */
int server_way_open(struct server_way *w, uv_loop_t *loop, const struct slullama_args *args,
                    void (*changed)(void *arg, enum transport_state state), void *arg, struct err *e);

/* The transport goes; run the loop to its end, then server_way_free(). */
void server_way_close(struct server_way *w);
void server_way_free(struct server_way *w);

#endif
