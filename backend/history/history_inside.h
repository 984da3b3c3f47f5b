/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_HISTORY_INSIDE_H
#define BACKEND_HISTORY_INSIDE_H
#include "backend/base/boot_linux.h"
#include "backend/base/list.h"
#include "backend/base/timer.h"
#include "backend/history/history.h"
/* What history.c (the index), history_store.c (opening, and what is wrong with the disk) and history_clean.c
 * share. */

#define SHELVES 1024 /* buckets; a shelf is a user's exchanges with one model */

struct shelf {
    struct shelf *next;
    char *model;
    uid_t uid;
    struct history_entry *v; /* by id */
    size_t n, cap, first;    /* v[first] to v[n - 1]: the oldest go in front */
};

struct history {
    struct store *store;
    struct shelf *shelves[SHELVES];
    int64_t last_id;
    int64_t bytes; /* of all that is not live, as history_max counts them */
    int failing;   /* the disk's errno; 0 = it takes what we write */
    char failing_text[480];
    struct timer *clean;
    char boot[BOOT_ID_LEN + 1];
    bool cleaning;
};

int64_t history_bytes(const struct history_entry *e);
void history_remove(struct house *h, const char *model, uid_t uid, int64_t id);

void history_clean_start(struct house *h);
void history_clean_mind(struct house *h); /* something came: is it too much? */

#endif
