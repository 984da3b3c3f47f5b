/* SPDX-License-Identifier: MIT */
#ifndef FS_CONNECT_LINK_H
#define FS_CONNECT_LINK_H
#include <stdbool.h>
#include <uv.h>
#include "backend/base/list.h"
#include "backend/transport/transport.h"
/* One connection that `connect` relays: bytes as they are, or, with a token to add, its requests with an Authorization
 * field of ours. At most 256 KiB wait on each side. Loop thread. */

struct connect_links {
    uv_loop_t *loop;
    struct transport *transport;
    int port;          /* of the server on its machine */
    const char *token; /* to be added; NULL = requests pass as they are */
    struct list all;   /* list_init() by the owner */
    /* A connection to the server was had (rc 0) or not: each time, with the sentence. */
    void (*dialled)(void *arg, int rc, const char *text);
    void *arg;
};

void connect_link_start(struct connect_links *l, int fd); /* fd is non-blocking and becomes the link's */
/* To be told no, as slullama's server would: JSON with "error". */
void connect_link_refuse(struct connect_links *l, int fd, int status, const char *text);
void connect_link_close_all(struct connect_links *l);

#endif
