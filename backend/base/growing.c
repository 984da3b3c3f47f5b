/* SPDX-License-Identifier: MIT */
#include "backend/base/growing.h"
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/timer.h"

#include <stdlib.h>
#include <string.h>

struct growing {
    struct buf kept;
    size_t cap;      /* bytes */
    uint64_t gone;   /* bytes let go while somebody held the file: offsets below it read as line feeds */
    int holders;
    bool destroyed;  /* by its owner; the last holder frees it */
    struct timespec mtime;
    struct list watches;
};

struct growing *growing_create(size_t cap)
{
    struct growing *g = NEW(struct growing);

    g->cap = cap;
    g->mtime = wall_now();
    list_init(&g->watches);
    return g;
}

void growing_destroy(struct growing *g)
{
    if (!g)
        return;
    list_for_each(w, &g->watches, struct growing_watch, link) list_remove(&w->link);
    g->destroyed = true;
    if (g->holders)
        return;
    buf_free(&g->kept);
    free(g);
}

static void trim(struct growing *g)
{
    if (g->holders == 0)
        g->gone = 0;
    if (g->kept.len <= g->cap * (g->holders ? 4 : 1))
        return;
    size_t drop = g->kept.len - g->cap / 2;
    const char *nl = memchr(g->kept.data + drop, '\n', g->kept.len - drop);
    if (nl && nl + 1 < g->kept.data + g->kept.len)
        drop = (size_t)(nl + 1 - g->kept.data); /* begin at a whole line */
    buf_consume(&g->kept, drop);
    if (g->holders)
        g->gone += drop;
}

void growing_add(struct growing *g, const void *data, size_t len)
{
    if (len == 0)
        return;
    buf_add(&g->kept, data, len);
    g->mtime = wall_now();
    trim(g);
    list_for_each(w, &g->watches, struct growing_watch, link) w->grew(w);
}

uint64_t growing_size(const struct growing *g)
{
    return g->gone + g->kept.len;
}

struct timespec growing_mtime(const struct growing *g)
{
    return g->mtime;
}

size_t growing_read(const struct growing *g, uint64_t off, char *out, size_t size)
{
    if (off >= growing_size(g))
        return 0;
    if (off < g->gone) {
        size_t n = g->gone - off < size ? (size_t)(g->gone - off) : size;
        memset(out, '\n', n);
        return n;
    }
    size_t at = (size_t)(off - g->gone);
    size_t n = g->kept.len - at < size ? g->kept.len - at : size;
    memcpy(out, g->kept.data + at, n);
    return n;
}

void growing_hold(struct growing *g)
{
    g->holders++;
}

void growing_unhold(struct growing *g)
{
    if (--g->holders == 0 && g->destroyed)
        growing_destroy(g);
    else
        trim(g);
}

void growing_watch(struct growing *g, struct growing_watch *w)
{
    list_append(&g->watches, &w->link);
}

void growing_unwatch(struct growing_watch *w)
{
    list_remove(&w->link);
}

char *growing_tail(const struct growing *g, int max_lines)
{
    const char *s = buf_str(&g->kept);
    size_t end = g->kept.len, at = end;

    while (end > 0 && s[end - 1] == '\n')
        end--;
    for (at = end; at > 0; at--)
        if (s[at - 1] == '\n' && --max_lines == 0)
            break;
    return xstrndup(s + at, end - at);
}
