/* SPDX-License-Identifier: MIT */
#ifndef FS_TERMINAL_TREE_FILES_H
#define FS_TERMINAL_TREE_FILES_H
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>
#include "backend/base/err.h"
/* The files of a mount as a program at a terminal uses them. Blocking; each call opens and closes. */

json_t *tree_status(const char *mount,
                    const char *model); /* model NULL: the mount's own. NULL where it cannot be read */

/* One line into a model's ctl. 0, or the negative errno with a sentence. */
int tree_ctl(const char *mount, const char *model, const char *line, struct err *e);

/* <mount>/events, from its end on. It is not kept open: who watches a mount must not keep it from being unmounted. */
struct tree_events {
    char *path;
    off_t at;
};

int tree_events_open(struct tree_events *ev, const char *mount); /* 0 or a negative errno */
void tree_events_close(struct tree_events *ev);

/* Wait for ms, or a signal; then call line, which may be NULL, for each event since the last call. Returns false when the
 * mount has ended. */
bool tree_events_wait(struct tree_events *ev, int ms, void (*line)(void *arg, const json_t *event),
                      void *arg);

#endif
