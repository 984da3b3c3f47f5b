/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_QUOTA_H
#define BACKEND_QUOTA_H
#include <stdint.h>
#include <sys/types.h>
#include "backend/base/err.h"
/* What each user of a mount may take of it: [limits] in the configuration, by the uid that the kernel tells. What
 * comes through the gateway is the business of its keys. Loop thread. */

struct house;
struct quotas;

struct quotas *quotas_create(void);
void quotas_destroy(struct quotas *q); /* NULL is allowed */

/* A question of theirs waits, or (more = -1) does so no more. */
void quota_waits(struct house *h, uid_t uid, int more);

/* Would a further question be refused? 0; -EBUSY: too many wait; -EDQUOT: too many this minute; with the sentence. */
int quota_may_ask(const struct house *h, uid_t uid, struct err *e);
/* It was taken, and counts for this minute, whose mark this returns. */
uint64_t quota_asked(struct house *h, uid_t uid);
void quota_not_asked(struct house *h, uid_t uid, uint64_t minute); /* it was not sent: it does not count after all */

/* How long a line of a batch of theirs has to wait, in ms; 0: it may be sent. A part of each minute is left to what they ask
 * themselves, so that a batch does not get them refused. */
uint64_t quota_batch_wait_ms(const struct house *h, uid_t uid);

/* Bytes of questions of theirs, drafts among them, that are not answered: so many more (or less) are there. May there be? 0 or
 * -EDQUOT, with the sentence: they have the room of `stored` once more, so that whoever has filled that can ask. */
void quota_holds(struct house *h, uid_t uid, int64_t more);
int quota_may_hold(const struct house *h, uid_t uid, int64_t more, struct err *e);

/* May they keep so many bytes more in conversations and batches? What they have is counted now: nothing is to be kept in step.
 * 0 or -EDQUOT, with the sentence. Answers that come to what was asked are taken, and count from then on. */
int quota_may_store(struct house *h, uid_t uid, int64_t more, struct err *e);

#endif
