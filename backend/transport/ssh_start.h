/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_SSH_START_H
#define BACKEND_TRANSPORT_SSH_START_H
#include "backend/config/config.h"
#include "backend/transport/proc.h"
#include "backend/transport/transport.h"
/* The command lines of ssh(1), and its environment. */

struct ssh_start {
    const struct cluster_config *cluster;
    const char *control_path;
    /* Who asks the user in ssh's name: the program, and the environment that leads it to the daemon. NULL: ssh
     * asks nothing, and a login that would need an answer fails. */
    const char *askpass, *askpass_environment;
    struct transport *via; /* the host is reached through its master; NULL: directly */
    /* The user's configuration has ForkAfterAuthentication, and what is in the background would be nobody's to end. */
    bool forks;
    int out; /* gets what it says; the caller's */
};

/* A master, `ssh -M -N`, to cluster->host. */
int ssh_start_master(struct proc **out, uv_loop_t *loop, const struct ssh_start *s, proc_exit_f cb, void *arg,
                     struct err *e);

#endif
