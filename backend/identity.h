/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_IDENTITY_H
#define BACKEND_IDENTITY_H
#include "backend/base/err.h"
/* Who this mount is to the cluster: a random number, kept per machine, user, configuration and mount point,
 * so that two laptops or two mounts never take each other's jobs, and the next mount of the same kind knows
 * its own. */

#define IDENTITY_LEN 32 /* hex digits */

/* The folder name of this identity below state_dir and runtime_dir: 16 hex digits. */
void identity_folder(const char *config_file, const char *mountpoint, char out[17]);

/* Read dir/identity, or make it (0600, whole or not at all). */
int identity_load(const char *dir, char out[IDENTITY_LEN + 1], struct err *e);

/* Take the lock of dir for the life of the process. -EBUSY: another daemon has it. Returns the descriptor. */
int identity_lock(const char *dir, struct err *e);

#endif
