/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_SSH_PAUSE_H
#define BACKEND_TRANSPORT_SSH_PAUSE_H
#include <stdint.h>
#include "backend/transport/ssh_explain.h"
/* How long a login node is left alone between two attempts. */

/* The pause after the nth failure in a row, from 1 s doubled to 1 min, and a quarter to either side of that by chance:
 * many daemons, one login node. */
uint64_t ssh_pause_ms(int failures);

/* The attempts to get one link. */
struct ssh_tries {
    uint64_t not_before; /* mono_ms() of the next one */
    int failures;        /* in a row */
    struct ssh_failure last;
};

/* One failed, as `last` says: when may the next be? up_since is mono_ms(), 0 where it never was up. */
void ssh_tries_failed(struct ssh_tries *t, uint64_t up_since);

#endif
