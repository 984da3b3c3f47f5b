/* SPDX-License-Identifier: MIT */
#ifndef BASE_GROWING_H
#define BASE_GROWING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include "backend/base/list.h"
/* A text that only grows: the daemon's log, the events, a job's stdout. What people see of it is a file
 * whose offset 0 is the first byte that is still kept. Memory is bounded: past its cap the oldest half is
 * let go, but never while somebody holds the file open, so that an offset means the same byte for as long
 * as it is open (tail -f). With a reader that never leaves, it may grow to 4 caps; then the oldest bytes
 * read as line feeds. */

struct growing;

/* cap  bytes, > 0; at least cap/2 of the newest bytes are always kept */
struct growing *growing_create(size_t cap);
void growing_destroy(struct growing *g); /* NULL is allowed. Watchers are forgotten; while files hold it open, its text stays */
void growing_add(struct growing *g, const void *data, size_t len);

uint64_t growing_size(const struct growing *g);                  /* what st_size shows */
struct timespec growing_mtime(const struct growing *g);          /* when it last grew; at creation before that */
size_t growing_read(const struct growing *g, uint64_t off, char *out, size_t size); /* 0 at and behind the end */
void growing_hold(struct growing *g);                            /* one more open file */
void growing_unhold(struct growing *g);

/* Called, in the call that added, for each watcher; it must not add to g itself. */
struct growing_watch {
    struct list link;
    void (*grew)(struct growing_watch *w);
};
void growing_watch(struct growing *g, struct growing_watch *w);
void growing_unwatch(struct growing_watch *w);

/* The last whole lines, at most max of them, as one allocated string (the caller frees it). */
char *growing_tail(const struct growing *g, int max_lines);

#endif
