/* SPDX-License-Identifier: MIT */
#include "fs/door_http/sessions.h"
#include "backend/base/alloc.h"
#include "backend/base/list.h"
#include "backend/base/random.h"
#include "backend/base/timer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <openssl/crypto.h>

#define SESSIONS_MAX 64
#define SESSION_MS   ((uint64_t)12 * 3600 * 1000)

struct session {
    struct list link;
    char id[SESSION_ID + 1];
    struct holder *holder;
    uint64_t begun_ms;
};

struct sessions {
    const char *name;
    struct list all; /* oldest first */
    size_t n;
};

struct sessions *sessions_create(const char *name)
{
    struct sessions *s = NEW(struct sessions);

    s->name = name;
    list_init(&s->all);
    return s;
}

static void end(struct sessions *s, struct session *one)
{
    list_remove(&one->link);
    s->n--;
    explicit_bzero(one->id, sizeof one->id);
    free(one);
}

void sessions_destroy(struct sessions *s)
{
    if (!s)
        return;
    list_for_each(one, &s->all, struct session, link) end(s, one);
    free(s);
}

const char *sessions_begin(struct sessions *s, struct holder *h)
{
    struct session *one = NEW(struct session);

    if (s->n == SESSIONS_MAX)
        end(s, list_first(&s->all, struct session, link));
    random_hex(one->id, SESSION_ID);
    one->holder = h;
    one->begun_ms = mono_ms();
    list_append(&s->all, &one->link);
    s->n++;
    return one->id;
}

/* Every session is compared with what is shown, in the same time. */
static struct session *match(struct sessions *s, const char *shown)
{
    struct session *found = NULL;

    list_for_each(one, &s->all, struct session, link)
    {
        if (mono_ms() - one->begun_ms > SESSION_MS)
            end(s, one);
        else if (CRYPTO_memcmp(one->id, shown, SESSION_ID) == 0)
            found = one;
    }
    return found;
}

/* "a=1; NAME=digits; b=2": RFC 6265 4.2.1. */
static struct session *in_cookies(struct sessions *s, const char *cookies)
{
    size_t n = strlen(s->name);
    struct session *found = NULL;

    for (const char *p = cookies; *p && !found; p += strcspn(p, ";"), p += *p == ';') {
        p += strspn(p, " \t");
        if (strncmp(p, s->name, n) == 0 && p[n] == '=' && strcspn(p + n + 1, "; \t") == SESSION_ID)
            found = match(s, p + n + 1);
    }
    return found;
}

static struct session *find(struct sessions *s, const struct http_head *h)
{
    struct session *found = NULL;

    for (size_t i = 0; i < h->n_fields && !found; i++)
        if (strcasecmp(h->fields[i].name, "Cookie") == 0)
            found = in_cookies(s, h->fields[i].value);
    return found;
}

struct holder *sessions_find(struct sessions *s, const struct http_head *h)
{
    const struct session *one = find(s, h);

    return one ? one->holder : NULL;
}

void sessions_end(struct sessions *s, const struct http_head *h)
{
    struct session *one = find(s, h);

    if (one)
        end(s, one);
}
