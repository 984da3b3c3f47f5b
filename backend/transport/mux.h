/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_MUX_H
#define BACKEND_TRANSPORT_MUX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* The client's side of OpenSSH's connection sharing, protocol version 4: one connection to the master's
 * control socket for each use, closed to end the use. Source: PROTOCOL.mux of OpenSSH 9.9, and its mux.c
 * where that is silent. */

/* ---- Packets, as bytes. */

/* Types. Plain macros, because they do not fit into an enum's int. */
#define MUX_HELLO               UINT32_C(0x00000001)
#define MUX_C_NEW_SESSION       UINT32_C(0x10000002)
#define MUX_C_ALIVE_CHECK       UINT32_C(0x10000004)
#define MUX_C_NEW_STDIO_FWD     UINT32_C(0x10000008)
#define MUX_S_PERMISSION_DENIED UINT32_C(0x80000002)
#define MUX_S_FAILURE           UINT32_C(0x80000003)
#define MUX_S_EXIT_MESSAGE      UINT32_C(0x80000004)
#define MUX_S_ALIVE             UINT32_C(0x80000005)
#define MUX_S_SESSION_OPENED    UINT32_C(0x80000006)
#define MUX_S_TTY_ALLOC_FAIL    UINT32_C(0x80000008)

#define MUX_VERSION    4
#define MUX_PACKET_MAX 65536 /* what a master answers is below a hundred bytes */

void mux_put_hello(struct buf *b);
void mux_put_alive_check(struct buf *b, uint32_t id);

/* No terminal, no X11, no agent, no subsystem, no escape character, no environment. */
void mux_put_new_session(struct buf *b, uint32_t id, const char *command);
void mux_put_stdio_forward(struct buf *b, uint32_t id, const char *host, uint32_t port);

struct mux_packet {
    uint32_t type;    /* MUX_... */
    uint32_t id;      /* request (ALIVE, OPENED, DENIED, FAILURE) or session (EXIT_MESSAGE, TTY_ALLOC_FAIL) */
    uint32_t value;   /* HELLO: version; ALIVE: process; OPENED: session; EXIT_MESSAGE: status; 0 else */
    const char *text; /* DENIED, FAILURE: the reason, not NUL-terminated, borrowed from data; NULL else */
    size_t text_len;
};

/* Read the first packet of data. 0 with *used bytes; -EAGAIN where more bytes are needed; -EPROTO with a
 * sentence for one that is malformed, too long or of a type that no master sends to us. */
int mux_get(const char *data, size_t len, struct mux_packet *out, size_t *used, struct err *e);

/* ---- A connection. */

struct mux;

enum mux_event_kind {
    MUX_ALIVE,   /* pid */
    MUX_OPENED,  /* the session runs, or the forward is connected */
    MUX_REFUSED, /* denied, text */
    MUX_EXITED,  /* status, 0..255 */
    MUX_CLOSED,  /* rc 0: the master closed it; negative errno: it failed; text. The last event */
};

struct mux_event {
    enum mux_event_kind kind;
    pid_t pid;        /* MUX_ALIVE; 0 where what it said is not what the kernel says */
    bool denied;      /* MUX_REFUSED: by the master's user rather than by the far side */
    int status;       /* MUX_EXITED */
    int rc;           /* MUX_CLOSED */
    const char *text; /* "" where there is nothing to say; borrowed */
};

/* cb may call mux_close(). */
typedef void (*mux_f)(void *arg, const struct mux_event *ev);

/* Connect to the master's socket; what is asked below is sent as soon as that is possible. Never fails
 * itself: an error is the event MUX_CLOSED, from the loop. The peer has to be of our own user. */
struct mux *mux_open(uv_loop_t *loop, const char *path, mux_f cb, void *arg);

/* One request per connection, but mux_alive() may be repeated. Descriptors are taken, whatever happens. */
void mux_alive(struct mux *m);
void mux_session(struct mux *m, const char *command, const int fds[3]);
void mux_forward(struct mux *m, const char *host, int port, const int fds[2]);

/* Ends the use; cb is not called any more. NULL is allowed. */
void mux_close(struct mux *m);

#endif
