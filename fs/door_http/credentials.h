/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_CREDENTIALS_H
#define FS_DOOR_HTTP_CREDENTIALS_H
#include "backend/http/http.h"
/* The secrets that a request shows: Authorization: Bearer (OpenAI's clients), the password of Authorization: Basic
 * (browsers, URLs with user:password@), x-api-key (Anthropic's), api-key (Azure's). Pure. RFC 6750, RFC 7617. */

#define CREDENTIALS_MAX 4

struct credentials {
    char *v[CREDENTIALS_MAX]; /* owned, never "" */
    size_t n;
};

void credentials_read(struct credentials *out, const struct http_head *h);
void credentials_wipe(struct credentials *c);

#endif
