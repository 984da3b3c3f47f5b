/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_SSH_QUERY_H
#define BACKEND_TRANSPORT_SSH_QUERY_H
#include <uv.h>
#include "backend/config/config.h"
/* What ssh(1) would do for a host, asked by `ssh -G`: lines "key value", keys in lower case, everything
 * expanded (ssh_config(5) of OpenSSH 9.2). */

struct ssh_query;

/* settings is borrowed for the call; NULL where ssh is not there, fails, or takes longer than 10 s. Called once,
 * from the loop. */
typedef void (*ssh_query_f)(void *arg, const char *settings);

/* NULL where ssh cannot be started: cb is not called then. */
struct ssh_query *ssh_query_start(uv_loop_t *loop, const struct cluster_config *cluster, ssh_query_f cb,
                                  void *arg);
void ssh_query_cancel(struct ssh_query *q); /* cb is not called any more; NULL is allowed */

/* The value of the nth line (from 0) with that key, which the caller frees; NULL if there is none. */
char *ssh_setting(const char *settings, const char *key, int nth);

#endif
