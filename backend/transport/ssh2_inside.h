/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_SSH2_INSIDE_H
#define BACKEND_TRANSPORT_SSH2_INSIDE_H
#include <libssh2.h>
#include <poll.h>
#include "backend/base/buf.h"
#include "backend/transport/ssh2_link.h"
/* The thread of ssh2_link.h, cut into files: ssh2_thread.c has the queues and the poll loop, ssh2_login.c and
 * ssh2_known.c the way in, ssh2_channel.c and ssh2_bytes.c what runs then. Everything here is the thread's alone and is
 * called on it.
 *
 * libssh2 1.10 takes no other packet while one is sent by halves. So it never sees a full socket: its bytes go to `out`,
 * and what would send much waits while there is more in it than SSH2_OUT_LIMIT. */

#define SSH2_OUT_LIMIT (256u << 10)

struct ssh2_thread {
    struct ssh2_link *link;
    struct ssh2_goal *goal;
    LIBSSH2_SESSION *session;
    int socket;
    struct buf out;
    uint64_t deadline; /* mono_ms(): the login's */
    bool quit;
    bool closed;   /* the far side did */
    bool received; /* since it was set to false */
    bool give_up;  /* the next look for input fails: the way out of an open that gets no answer */
    int lost;      /* errno of the socket; 0: none */
    char *answer;  /* came, and was not taken */
    struct list channels;
    LIBSSH2_CHANNEL *spare; /* closed; what reads while no other does */
    struct pollfd *polled;
    size_t polled_size;

    /* why it ended */
    int rc; /* 0: `why` is ssh's words */
    struct buf why;
};

/* ---- ssh2_thread.c */
void ssh2_post(struct ssh2_thread *t, enum ssh2_word word, unsigned id, int rc, const char *text);

/* Wait for these events of the socket, or an order: what came of the socket; -1: told to quit, or `until` (mono_ms()). */
int ssh2_poll(struct ssh2_thread *t, int events, uint64_t until);

/* In the login: wait for what libssh2 waits for. Not 0: it is over (told to quit, the deadline, or the connection). */
int ssh2_wait(struct ssh2_thread *t);
bool ssh2_flush(struct ssh2_thread *t); /* false: the connection is lost */

/* A call that says LIBSSH2_ERROR_EAGAIN until it is done; rc stays so where it is over before. */
#define SSH2_RETRY(t, rc, call)                                                                              \
    do                                                                                                       \
        (rc) = (call);                                                                                       \
    while ((rc) == LIBSSH2_ERROR_EAGAIN && ssh2_wait(t) == 0)

/* The end: what ssh would say, or an errno and a sentence. Both return -1; the first reason stays. */
int ssh2_end_said(struct ssh2_thread *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int ssh2_end_with(struct ssh2_thread *t, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---- ssh2_login.c: connection, host key, user. 0, or -1 with the reason. */
int ssh2_login(struct ssh2_thread *t);

/* ---- ssh2_known.c */
struct ssh2_known;
struct ssh2_known *ssh2_known_load(struct ssh2_thread *t);
void ssh2_known_free(struct ssh2_known *k);
char *ssh2_known_preference(const struct ssh2_known *k); /* for LIBSSH2_METHOD_HOSTKEY; the caller frees it */
int ssh2_known_check(struct ssh2_known *k, struct ssh2_thread *t); /* 0, or -1 with the reason */

/* ---- ssh2_key.c: what stands in a file of a private key, or of the public one whose private half an agent holds. */
struct ssh2_key {
    char type[64]; /* as SSH calls it: "ssh-ed25519"; "" is not known */
    bool encrypted, public_only;
    unsigned char *blob; /* the public key; NULL is not known */
    size_t blob_len;
};
int ssh2_key_read(struct ssh2_key *k, const char *path); /* -ENOENT, -EINVAL */
void ssh2_key_finish(struct ssh2_key *k);
char *ssh2_key_base64(const unsigned char *blob, size_t len);
char *ssh2_file_text(const char *path); /* of at most 1 MiB; NULL: it cannot be read */

/* ---- ssh2_channel.c, and of the descriptors ssh2_bytes.c */
void ssh2_channel_open(struct ssh2_thread *t, const struct ssh2_message *m);
void ssh2_channel_stop(struct ssh2_thread *t, unsigned id);
bool ssh2_channels_move(struct ssh2_thread *t); /* whatever can be done now; true: something was */
size_t ssh2_channels_poll(struct ssh2_thread *t,
                          size_t n);              /* add descriptors behind the first n; their number */
void ssh2_channels_polled(struct ssh2_thread *t); /* what became of them */
void ssh2_channels_end(struct ssh2_thread *t);    /* the session is about to be freed */
bool ssh2_channels_deadline(struct ssh2_thread *t, int *left_ms); /* an open has one */

#endif
