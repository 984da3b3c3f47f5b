/* SPDX-License-Identifier: MIT */
/* Backends for HAProxy. Source: HAProxy 2.6, Configuration Manual, sections 2.2 (quoting) and 4.2. */
#include "backend/balance.h"

#include <string.h>

/* Streams of a slow model are silent for minutes; the engine's own stall_timeout ends those that hang. */
static const char every_backend[] = "    mode http\n"
                                    "    balance leastconn\n"
                                    "    retries 3\n"
                                    "    option redispatch\n"
                                    "    timeout connect 5s\n"
                                    "    timeout server 1h\n";

static void add_quoted(struct buf *out, const char *word)
{
    for (; *word; word++) {
        if (strchr("\\ #\"'", *word))
            buf_adds(out, "\\");
        buf_add(out, word, 1);
    }
}

static const char *address_of(const char *url)
{
    return url + strlen("http://");
}

/* Engines of this machine listen at IPv4's loopback alone, and of a name's addresses HAProxy takes the first. */
static const char *family_of(const char *url)
{
    return strncmp(address_of(url), "localhost:", strlen("localhost:")) == 0 ? "ipv4@" : "";
}

static void add_health(const struct balance_service *s, struct buf *out)
{
    buf_adds(out, "    option httpchk\n    http-check send meth GET uri ");
    add_quoted(out, s->health_path);
    buf_addf(out, " ver HTTP/1.1 hdr Host %s\n    http-check expect status %d\n", address_of(s->urls.v[0]),
             s->health_status);
}

static void add_backend(const struct balance_service *s, struct buf *out)
{
    buf_adds(out, "\nbackend ");
    for (const char *p = s->name; *p; p++)
        buf_add(out, *p == '+' ? ":" : p, 1);
    buf_addf(out, "\n%s", every_backend);
    if (s->health_path)
        add_health(s, out);
    if (s->through_gateway) /* it admits only names of its own */
        buf_addf(out, "    http-request set-header Host %s\n", address_of(s->urls.v[0]));
    else
        buf_adds(out, "    http-request set-path %[path,regsub(^/[^/]*/?,/)]\n");
    /* A name that is not known yet keeps HAProxy from nothing. Without a path a check is that the port listens. */
    for (size_t i = 0; i < s->urls.n; i++)
        buf_addf(out, "    server %zu %s%s check inter 5s init-addr last,libc,none\n", i + 1,
                 family_of(s->urls.v[i]), address_of(s->urls.v[i]));
}

void balance_haproxy(const struct balance *b, struct buf *out)
{
    buf_adds(out, "# Written by `slullamafs haproxy`, which writes it anew. In a frontend of yours:\n"
                  "#     use_backend %[path,field(2,/)]\n");
    for (size_t i = 0; i < b->n; i++)
        add_backend(&b->v[i], out);
}
