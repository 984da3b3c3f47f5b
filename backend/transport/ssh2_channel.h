/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_SSH2_CHANNEL_H
#define BACKEND_TRANSPORT_SSH2_CHANNEL_H
#include "backend/transport/ssh2_inside.h"
/* A channel of the thread: ssh2_channel.c has its life, ssh2_bytes.c what goes through it. */

#define SSH2_CHUNK 32768 /* libssh2 cuts what is longer */

enum channel_phase { QUEUED, OPENING, STARTING, OPEN, CLOSING };

struct channel {
    struct list link;
    unsigned id;
    enum channel_phase phase;
    bool command; /* its end is told */
    char *text;   /* its command; NULL: host and port */
    char *host;
    int port;
    uint64_t give_up_at; /* OPENING */
    LIBSSH2_CHANNEL *channel;
    int in,
        out[2]; /* -1: closed. out is standard output and error; in and out[0] of a stream are one socket */
    struct buf up, down[2];
    bool in_ready; /* there is something to read */
    bool gone;     /* nobody reads out[0] */
    bool said_eof, heard_eof;
    int polled[3]; /* where in the thread's list; -1: nowhere */
};

/* One step each way while it is OPEN; true: something moved. which is 0 for output, 1 for errors. */
bool ssh2_send_input(struct ssh2_thread *t, struct channel *c);
bool ssh2_receive(struct channel *c, int which);

#endif
