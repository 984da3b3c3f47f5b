/* SPDX-License-Identifier: MIT */
#include "fs/door_http/access.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define HOST_MAX 256 /* RFC 1035: a name has at most 253 characters */

bool access_host_of(const char *value, char *out, size_t size)
{
    const char *scheme = strstr(value, "://");
    const char *p = scheme ? scheme + 3 : value;
    const char *end, *port;

    if (*p == '[') {
        p++;
        end = strchr(p, ']');
        if (!end)
            return false;
        port = end + 1;
    } else {
        port = end = p + strcspn(p, ":");
    }
    if (*port && (*port != ':' || port[1 + strspn(port + 1, "0123456789")]))
        return false;
    size_t len = (size_t)(end - p);
    if (len == 0 || len >= size || strcspn(p, "/@?# \t,") < len)
        return false;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)tolower((unsigned char)p[i]);
    if (out[len - 1] == '.')
        len--;
    out[len] = '\0';
    return len > 0;
}

static bool is_loopback(const char *host)
{
    struct in_addr four;
    size_t n = strlen(host);

    if (inet_pton(AF_INET, host, &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (n > 10 && strcmp(host + n - 10, ".localhost") == 0); /* RFC 6761, 6.3 */
}

static bool is_our_name(const char *host)
{
    char name[HOST_MAX];
    size_t n;

    if (gethostname(name, sizeof name) < 0)
        return false;
    name[sizeof name - 1] = '\0';
    if (strcasecmp(name, host) == 0)
        return true;
    n = strcspn(name, ".");
    return strlen(host) == n && strncasecmp(name, host, n) == 0;
}

static bool is_our_address(const char *host)
{
    unsigned char wanted[16];
    struct ifaddrs *all;
    bool found = false;
    int family = inet_pton(AF_INET, host, wanted) == 1    ? AF_INET
                 : inet_pton(AF_INET6, host, wanted) == 1 ? AF_INET6
                                                          : 0;

    if (!family || getifaddrs(&all) < 0)
        return false;
    for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != family)
            continue;
        const void *at =
            family == AF_INET
                ? (const void *)&((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr
                : (const void *)&((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr;
        found = memcmp(at, wanted, family == AF_INET ? 4 : 16) == 0;
    }
    freeifaddrs(all);
    return found;
}

static bool is_listed(const struct strings *list, const char *word)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcasecmp(list->v[i], word) == 0)
            return true;
    return false;
}

static bool is_our_host(const struct config *cfg, const char *host)
{
    return is_loopback(host) || is_listed(&cfg->hosts, host) || is_our_name(host) || is_our_address(host);
}

/* An origin is ours when its authority, port included, is what Host says. */
static bool is_same_origin(const char *origin, const char *host_field)
{
    const char *at = strstr(origin, "://");

    return at && host_field && strcasecmp(at + 3, host_field) == 0;
}

static size_t count(const struct http_head *h, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < h->n_fields; i++)
        n += strcasecmp(h->fields[i].name, name) == 0;
    return n;
}

/* The authority of an absolute target stands for the Host field (RFC 9112 3.2.2). Returns false where there is
 * none. */
static bool target_authority(const char *target, char out[HOST_MAX])
{
    const char *at = target ? strstr(target, "://") : NULL;
    size_t len = at ? strcspn(at + 3, "/?#") : 0;

    if (!at || target[0] == '/')
        return false;
    len = len < HOST_MAX ? len : HOST_MAX - 1;
    memcpy(out, at + 3, len);
    out[len] = '\0';
    return true;
}

const char *access_cors_origin(const struct config *cfg, const struct http_head *h)
{
    const char *origin = http_field_get(h, "Origin");

    return origin && count(h, "Origin") == 1 && is_listed(&cfg->cors_origins, origin) ? origin : NULL;
}

int access_check(const struct config *cfg, const struct http_head *h, struct err *e)
{
    const char *host = http_field_get(h, "Host"), *origin = http_field_get(h, "Origin");
    const char *site = http_field_get(h, "Sec-Fetch-Site");
    char name[HOST_MAX], authority[HOST_MAX];

    if (count(h, "Host") > 1 || (!host && h->minor >= 1))
        return err_set(e, -EINVAL, "a request has exactly one Host field");
    if (count(h, "Origin") > 1)
        return err_set(e, -EINVAL, "a request has at most one Origin field");
    if (target_authority(h->target, authority))
        host = authority;
    if (host && (!access_host_of(host, name, sizeof name) || !is_our_host(cfg, name)))
        return err_set(e, -EACCES,
                       "Host \"%.100s\" is no name of this gateway; add it to `hosts` in [gateway]", host);
    bool known = origin && (is_same_origin(origin, host) || access_cors_origin(cfg, h));
    if (origin && !known)
        return err_set(e, -EACCES,
                       "requests from pages of \"%.100s\" are not taken; "
                       "add it to `cors_origins` in [gateway]",
                       origin);
    if (site && strcasecmp(site, "cross-site") == 0 && !known)
        return err_set(e, -EACCES,
                       "requests from pages of other sites are not taken; see `cors_origins` in [gateway]");
    return 0;
}
