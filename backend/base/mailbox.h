/* SPDX-License-Identifier: MIT */
#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H
#include <uv.h>
/* The queue of events: whoever notices something posts it here, and it is acted upon later in the same turn
 * of the loop, never inside the call that noticed. State machines therefore never re-enter themselves, and
 * an object may be destroyed by the handling of an event without pulling the floor from under its caller. */

struct mailbox;

struct mailbox *mailbox_create(uv_loop_t *loop);

/* Call cb(arg, what) from the loop, after the posts before it. */
void mailbox_post(struct mailbox *m, void (*cb)(void *arg, int what), void *arg, int what);

/* Forget every post for arg; called by the destructor of whatever arg is. */
void mailbox_forget(struct mailbox *m, const void *arg);

/* Undelivered posts are dropped. NULL is allowed. */
void mailbox_destroy(struct mailbox *m);

#endif
