/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_SESSIONS_H
#define FS_DOOR_HTTP_SESSIONS_H
#include "backend/http/http.h"
/* Who has logged in by the page. A browser gets a cookie with random digits and not the token or key itself, since it sends its cookies
 * to every port of the same host. A session ends after 12 hours, at logout, and with the daemon; beyond 64 the oldest one ends. Loop
 * thread. */

struct sessions;
struct holder;

#define SESSION_ID 64 /* hex digits */

/* name  of the cookie; borrowed */
struct sessions *sessions_create(const char *name);
void sessions_destroy(struct sessions *s); /* NULL is allowed */

/* The id of a new session of the holder, who lives longer; borrowed until the next call. */
const char *sessions_begin(struct sessions *s, struct holder *h);

/* Whose the session is that the head's cookies name; NULL if there is none. */
struct holder *sessions_find(struct sessions *s, const struct http_head *h);
void sessions_end(struct sessions *s, const struct http_head *h); /* harmless without one */

#endif
