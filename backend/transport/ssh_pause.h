/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_SSH_PAUSE_H
#define BACKEND_TRANSPORT_SSH_PAUSE_H
#include <stdint.h>
/* How long a login node is left alone between two attempts. */

#define SSH_FINAL_MS  10000 /* the least time between two attempts that fail for good */
#define SSH_STEADY_MS 10000 /* a link that was up for so long begins again with the first pause */

/* The pause after the nth failure in a row, from 1 s doubled to 1 min, and a quarter to either side of that by chance:
 * many daemons, one login node. */
uint64_t ssh_pause_ms(int failures);

#endif
