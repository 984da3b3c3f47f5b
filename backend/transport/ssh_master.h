/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_SSH_MASTER_H
#define BACKEND_TRANSPORT_SSH_MASTER_H
#include <stdbool.h>
#include <uv.h>
#include "backend/transport/transport.h"
/* The one `ssh -M -N` of a login node: started by need, watched, started again after a growing pause; or the
 * one that a killed daemon left behind, taken over; or the user's own (ControlPath of his configuration), where
 * it answers: that one is used and never ended. */

struct ssh_master;

struct ssh_master_events {
    /* A login is being tried, or waited for with text (why the last one failed). */
    void (*connecting)(void *arg, int rc, const char *text);
    /* It asks the user something, and the login waits for ssh_master_answer(); connecting() or down() says that
     * it does not any more. answerable is false for a notice. */
    void (*asking)(void *arg, const char *prompt, bool answerable);
    /* ssh_master_path() answers. */
    void (*up)(void *arg);
    /* It is not up (any more). final: another attempt alone cannot help, and none is made before somebody
     * asks for it again. Else the next one follows by itself if needed() says so, now and again before
     * each. */
    void (*down)(void *arg, int rc, bool final, const char *text);
    bool (*needed)(void *arg);
};

/* events are borrowed for its life. They come from the loop, or inside ssh_master_want() and
 * ssh_master_answer(). */
struct ssh_master *ssh_master_create(const struct transport_params *p, const struct ssh_master_events *events,
                                     void *arg);
void ssh_master_destroy(struct ssh_master *m); /* NULL is allowed */

void ssh_master_want(struct ssh_master *m); /* it is needed */

/* As transport_answer(). */
int ssh_master_answer(struct ssh_master *m, const char *answer, size_t len, struct err *e);

const char *ssh_master_path(const struct ssh_master *m); /* the control socket; valid while up */

/* Take the oldest line that ssh said about a channel that it could not open; the caller frees it. NULL if
 * there is none. */
char *ssh_master_take_open_failure(struct ssh_master *m);

#endif
