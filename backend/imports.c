/* SPDX-License-Identifier: MIT */
#include "backend/imports.h"
#include "backend/base/alloc.h"
#include "backend/engine/engine.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A name or an address that means whoever reads it. */
static bool is_loopback(const char *host)
{
    struct in6_addr six;
    struct in_addr four;

    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127 || four.s_addr == 0;
    if (inet_pton(AF_INET6, host, &six) == 1)
        return IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_UNSPECIFIED(&six) || IN6_IS_ADDR_V4MAPPED(&six);
    return strcasecmp(host, "localhost") == 0 || strncasecmp(host, "localhost.", 10) == 0 ||
           strncasecmp(host, "ip6-", 4) == 0;
}

/* The second field; the caller frees it. */
static char *service_in(const char *comment)
{
    const char *begin = comment + strlen("traefik,");

    return xstrndup(begin, strcspn(begin, ","));
}

void imports_set(struct imports *im, const struct config *cfg, const struct job_info *v, size_t n)
{
    char addr[64];

    imports_free(im);
    im->v = xcalloc(n + 1, sizeof *im->v);
    for (size_t i = 0; i < n; i++) {
        struct import *one = &im->v[im->n];
        if (comment_parse(v[i].comment, one->host, &one->port, addr) < 0 || is_loopback(one->host) ||
            !nodelist_contains(v[i].nodes, one->host))
            continue;
        one->service = service_in(v[i].comment);
        if (model_name_check(one->service, NULL) == 0 && !config_model(cfg, one->service))
            im->n++;
        else
            free(one->service);
    }
}

void imports_free(struct imports *im)
{
    for (size_t i = 0; i < im->n; i++)
        free(im->v[i].service);
    free(im->v);
    *im = (struct imports){ 0 };
}

json_t *imports_json(const struct imports *im)
{
    json_t *all = json_array();

    for (size_t i = 0; i < im->n; i++)
        json_array_append_new(all, json_pack("{s:s,s:s,s:i}", "service", im->v[i].service, "host",
                                             im->v[i].host, "port", im->v[i].port));
    return all;
}
