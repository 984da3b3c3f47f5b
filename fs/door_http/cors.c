/* SPDX-License-Identifier: MIT */
#include "fs/door_http/cors.h"
#include "fs/door_http/access.h"

#include <string.h>

#define MAX_AGE                                                                                              \
    "600" /* seconds that a browser may remember a preflight: Chromium takes 2 hours at the most */

bool cors_is_preflight(const struct config *cfg, const struct http_head *h)
{
    return strcmp(h->method, "OPTIONS") == 0 && http_field_get(h, "Access-Control-Request-Method") &&
           access_cors_origin(cfg, h);
}

void cors_fields(struct buf *out, const struct config *cfg, const struct http_head *h)
{
    const char *origin = access_cors_origin(cfg, h);
    const char *fields = http_field_get(h, "Access-Control-Request-Headers");

    if (!origin)
        return;
    http_write_field(out, "Access-Control-Allow-Origin", origin);
    http_write_field(out, "Vary", "Origin");
    if (!cors_is_preflight(cfg, h)) {
        http_write_field(out, "Access-Control-Expose-Headers", "X-Request-Id, X-Slullama-Job, Retry-After");
        return;
    }
    http_write_field(out, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
    if (fields)
        http_write_field(out, "Access-Control-Allow-Headers", fields);
    http_write_field(out, "Access-Control-Max-Age", MAX_AGE);
}
