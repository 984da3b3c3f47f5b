/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_USERS_H
#define BACKEND_USERS_H
#include <stdbool.h>
#include <sys/types.h>
#include "backend/house.h"
/* Users whose questions are answered on a cluster of their own ([user.NAME]): which that is, and who sees what of it. What
 * happens there, its jobs, states and events, is shown to the users who have it and to the owner of the mount (and root),
 * and to nobody else. Loop thread. */

/* NULL: the model's own. */
const struct cluster_config *users_cluster(const struct house *h, uid_t uid);

bool users_may_see(const struct house *h, const struct cluster_config *k, uid_t uid);

/* One uid for all who see the same: the owner's, that of the first user of a cluster, or USERS_STRANGER. */
#define USERS_STRANGER ((uid_t)-1)
uid_t users_view(const struct house *h, uid_t uid);

/* The events that he may see. */
struct growing *users_events(const struct house *h, uid_t uid);

/* Each of these gets a line that is about a cluster, or about none (NULL). */
void users_tell(struct house *h, const char *cluster, const char *line, size_t len);

/* The house's clusters are there. -EINVAL where its owner is among the users, with the sentence. */
int users_begin(struct house *h, struct err *e);
void users_end(struct house *h);

#endif
