/* SPDX-License-Identifier: MIT */
/* The address of a gateway: http[s]://HOST[:PORT], without a path, a user or anything behind it. */
#include "backend/config/config_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_url(const char *text, struct err *e)
{
    return err_set(e, -EINVAL, "must be http://HOST:PORT or https://HOST:PORT without a path, not \"%.80s\"",
                   text);
}

int url_parse(const char *text, struct url_parts *out, struct err *e)
{
    struct url_parts u = { .tls = !strncmp(text, "https://", 8) };
    const char *host = text + (u.tls ? 8 : 7), *end, *port;

    if (!u.tls && strncmp(text, "http://", 7))
        return no_url(text, e);
    if (*host == '[') {
        host++;
        end = strchr(host, ']');
        port = end ? end + 1 : NULL;
    } else {
        port = end = host + strcspn(host, ":/");
    }
    if (!end || end == host || (size_t)(end - host) >= sizeof u.host || strpbrk(host, " \t@?#%\\\"'"))
        return no_url(text, e);
    snprintf(u.host, sizeof u.host, "%.*s", (int)(end - host), host);
    u.port = u.tls ? 443 : 80;
    if (*port == ':') {
        size_t digits = strspn(++port, "0123456789");
        u.port = digits > 0 && digits <= 5 ? atoi(port) : 0;
        port += digits;
    }
    if (u.port < 1 || u.port > 65535 || (*port && strcmp(port, "/")))
        return no_url(text, e);
    *out = u;
    return 0;
}

int check_url(const char *text, struct err *e)
{
    struct url_parts u;

    return *text ? url_parse(text, &u, e) : 0;
}
