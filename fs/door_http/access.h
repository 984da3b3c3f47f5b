/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_ACCESS_H
#define FS_DOOR_HTTP_ACCESS_H
#include <stdbool.h>
#include "backend/base/err.h"
#include "backend/config/config.h"
#include "backend/http/http.h"
/* Who may send a request: the rules on Host and Origin that keep web pages of strangers away (CONTRACT.md
 * section 7; a page can post text/plain to 127.0.0.1 without asking, and the browser is then the owner's own
 * process). Pure, save that it reads this machine's name and addresses. */

/* 0, or -EACCES with a sentence that says what to configure. */
int access_check(const struct config *cfg, const struct http_head *h, struct err *e);

/* The request's Origin if it is one of `cors_origins`, else NULL; borrowed. */
const char *access_cors_origin(const struct config *cfg, const struct http_head *h);

/* The host of a Host field or of an Origin ("http://h:1"), lower case, without port and brackets. False: it
 * is none. */
bool access_host_of(const char *value, char *out, size_t size);

#endif
