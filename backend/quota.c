/* SPDX-License-Identifier: MIT */
#include "backend/quota.h"
#include "backend/base/alloc.h"
#include "backend/base/list.h"
#include "backend/base/timer.h"
#include "backend/batch/batch.h"
#include "backend/chat/chat.h"
#include "backend/house.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define MINUTE_MS 60000

struct user {
    struct list link;
    uid_t uid;
    int waiting;
    int64_t held;       /* bytes of questions that are not answered */
    uint64_t minute_ms; /* mono_ms() when the running minute began; 0 = none yet */
    int64_t asked;      /* in that minute */
};

struct quotas {
    struct list users; /* those that have done anything; a mount has few */
};

struct quotas *quotas_create(void)
{
    struct quotas *q = NEW(struct quotas);

    list_init(&q->users);
    return q;
}

void quotas_destroy(struct quotas *q)
{
    if (!q)
        return;
    list_for_each(u, &q->users, struct user, link) free(u);
    free(q);
}

static struct user *find(const struct house *h, uid_t uid)
{
    list_for_each(u, &h->quotas->users, struct user, link) if (u->uid == uid) return u;
    return NULL;
}

static struct user *get(struct house *h, uid_t uid)
{
    struct user *u = find(h, uid);

    if (!u) {
        u = NEW(struct user);
        u->uid = uid;
        list_append(&h->quotas->users, &u->link);
    }
    return u;
}

static bool is_this_minute(const struct user *u)
{
    return u->minute_ms && mono_ms() - u->minute_ms < MINUTE_MS;
}

void quota_waits(struct house *h, uid_t uid, int more)
{
    get(h, uid)->waiting += more;
}

int quota_may_ask(const struct house *h, uid_t uid, struct err *e)
{
    const struct user *u = find(h, uid);
    const struct config *cfg = h->cfg;

    if (!u)
        return 0;
    if (cfg->limit_waiting && u->waiting >= cfg->limit_waiting)
        return err_set(e, -EBUSY, "%d questions of yours wait already (waiting in [limits]); try again later",
                       u->waiting);
    if (cfg->limit_requests_per_minute && is_this_minute(u) && u->asked >= cfg->limit_requests_per_minute)
        return err_set(e, -EDQUOT,
                       "you have asked %" PRId64
                       " questions in this minute (requests_per_minute in [limits]); try again in %" PRIu64
                       " s",
                       u->asked, (MINUTE_MS - (mono_ms() - u->minute_ms)) / 1000 + 1);
    return 0;
}

uint64_t quota_asked(struct house *h, uid_t uid)
{
    struct user *u = get(h, uid);

    if (!is_this_minute(u)) {
        u->minute_ms = mono_ms();
        u->asked = 0;
    }
    u->asked++;
    return u->minute_ms;
}

void quota_not_asked(struct house *h, uid_t uid, uint64_t minute)
{
    struct user *u = find(h, uid);

    if (u && u->minute_ms == minute && u->asked > 0)
        u->asked--;
}

uint64_t quota_batch_wait_ms(const struct house *h, uid_t uid)
{
    const struct user *u = find(h, uid);
    int limit = h->cfg->limit_requests_per_minute;
    int own = limit > 1 ? (limit + 3) / 4 : 0; /* a quarter; one a minute cannot be parted */

    if (!limit || !u || !is_this_minute(u) || u->asked < limit - own)
        return 0;
    return u->minute_ms + MINUTE_MS - mono_ms();
}

void quota_holds(struct house *h, uid_t uid, int64_t more)
{
    get(h, uid)->held += more;
}

int quota_may_hold(const struct house *h, uid_t uid, int64_t more, struct err *e)
{
    const struct user *u = find(h, uid);
    int64_t most = h->cfg->limit_stored, have = u ? u->held : 0;

    if (!most || more <= 0 || have + more <= most)
        return 0;
    return err_set(e, -EDQUOT,
                   "your questions that are not answered hold %" PRId64 " bytes, and %" PRId64
                   " more are beyond stored (%" PRId64 ") in [limits]; try again later",
                   have, more, most);
}

int quota_may_store(struct house *h, uid_t uid, int64_t more, struct err *e)
{
    int64_t most = h->cfg->limit_stored;

    if (!most || more <= 0)
        return 0;
    int64_t have = (int64_t)(chats_stored(h, uid) + batches_stored(h, uid));
    if (have + more <= most)
        return 0;
    return err_set(e, -EDQUOT,
                   "your conversations and batches hold %" PRId64 " bytes, and %" PRId64
                   " more are beyond stored (%" PRId64 ") in [limits]; remove some",
                   have, more, most);
}
