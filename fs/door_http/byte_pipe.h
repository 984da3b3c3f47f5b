/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_BYTE_PIPE_H
#define FS_DOOR_HTTP_BYTE_PIPE_H
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>
/* A connected socket as bytes both ways, with backpressure: an engine's side of a connection that is no HTTP any
 * more. Loop thread. */

struct byte_pipe;

struct byte_pipe_events {
    /* len > 0, borrowed for the call; or 0: nothing more will come, once and last. */
    void (*data)(void *arg, const char *data, size_t len);
    void (*drained)(void *arg); /* less than 64 KiB wait to be written */
};

/* Takes fd, non-blocking, and reads at once; no event comes from within a call. NULL with errno where it cannot be
 * watched; fd is closed then. */
struct byte_pipe *byte_pipe_create(uv_loop_t *loop, int fd, const struct byte_pipe_events *events, void *arg);
void byte_pipe_destroy(struct byte_pipe *p); /* closes; allowed in an event; NULL is allowed */

/* False: more than 256 KiB wait, stop until `drained`. */
bool byte_pipe_write(struct byte_pipe *p, const char *data, size_t len);
void byte_pipe_end(
    struct byte_pipe *p); /* nothing more will be written: told to the far end behind what waits */
void byte_pipe_pause(struct byte_pipe *p, bool paused); /* no data, for now */

#endif
