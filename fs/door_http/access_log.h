/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_ACCESS_LOG_H
#define FS_DOOR_HTTP_ACCESS_LOG_H
#include <stdint.h>
#include "backend/base/err.h"
/* The file of the key `access_log`: one JSON object a request. No secret and no query goes in. Loop thread; a
 * write goes to the page cache, the lines of one turn of the loop together. */

struct access_log;
struct mailbox;

/* Opened for appending, made with mode 0600. A sentence where that fails. mail is borrowed. */
int access_log_create(struct access_log **out, const char *path, struct mailbox *mail, struct err *e);
void access_log_destroy(struct access_log *l); /* NULL is allowed */
void access_log_reopen(struct access_log *l);  /* NULL is allowed; at SIGHUP */

struct access_entry {
    const char *id, *key, *method, *path, *model; /* path without query; "" where there is none */
    int status;
    uint64_t bytes;             /* of the answer, its head included */
    int64_t first_ms, total_ms; /* first_ms -1: null */
};

/* Opens it anew first where it was moved away, which is looked at once a second. */
void access_log_write(struct access_log *l, const struct access_entry *a);

#endif
