/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_PARROT_SERVER_H
#define BACKEND_PARROT_SERVER_H
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "backend/base/list.h"
#include "backend/base/err.h"
#include "backend/http/http.h"
#include "backend/parrot/answer.h"
#include "backend/parrot/options.h"
/* The parrot's server: server.c listens and knows the routes, connection.c moves bytes. */

#define PARROT_BODY_MAX (256u << 20) /* bytes of a request's body */
#define PARROT_SPACE    65536        /* bytes of the one read buffer */

struct parrot_server {
    uv_loop_t *loop;
    const struct parrot_options *o;
    uv_poll_t listener;
    int fd;
    bool full; /* out of descriptors: does not accept until a connection closes */
    bool stopping;
    uint64_t begun_ms;
    uint64_t completions; /* asked for so far */
    uint64_t answered;
    struct list connections;
    char *space;
};

/* Bind and listen; *port is the one that was taken. -EADDRINUSE etc. with a sentence. */
int parrot_server_start(struct parrot_server *s, uv_loop_t *loop, const struct parrot_options *o, int *port,
                        struct err *e);

/* Closes everything; memory goes with the loop's next turn. */
void parrot_server_stop(struct parrot_server *s);

struct parrot_connection;
void parrot_connection_create(struct parrot_server *s, int fd);
void parrot_connection_close(struct parrot_connection *c);
void parrot_connections_close(struct parrot_server *s); /* all of them */

/* A whole request has come: choose a route and call one of the functions below, once. head and body are
 * borrowed until then. */
void parrot_server_handle(struct parrot_server *s, struct parrot_connection *c, const struct http_head *head,
                          const struct buf *body);

void parrot_respond_json(struct parrot_connection *c, int status, const char *fields, const char *json);
void parrot_respond_error(struct parrot_connection *c, int status, const char *fields, const char *message);
void parrot_respond_answer(struct parrot_connection *c,
                           struct parrot_answer *a); /* a becomes the connection's */
void parrot_respond_garbage(struct parrot_connection *c);
void parrot_respond_never(struct parrot_connection *c);

void parrot_server_connection_gone(struct parrot_server *s); /* a descriptor is free again */
bool parrot_server_answered(
    struct parrot_server *s);           /* a completion was made; true: the process ends behind it */
_Noreturn void parrot_server_die(void); /* as a crash would end it: at once, with status 1 */

#endif
