/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_HISTORY_H
#define BACKEND_HISTORY_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "backend/base/err.h"
#include "backend/store/store.h"
/* What was asked and answered here, of each user and model, oldest first. The texts are in the store; in memory is
 * an index of 40 bytes for each exchange, which answers lookup, readdir and stat without a look at the disk.
 * It is bounded: what is older than `history`, or beyond `history_max`, is removed in small steps in the
 * background. Also opens the store. Loop thread. */

struct house;
struct history;
struct record;

struct history_entry {
    int64_t id;          /* see history_id_text() */
    struct record *live; /* while it is not over, and the store does not have its end; NULL else */
    int64_t ended_ms;    /* since 1970; valid once it is not live, like the lengths */
    uint32_t prompt_len, reply_len, error_len, status_len; /* bytes of the files */
};

/* Opens the store (state_dir/store.sqlite, or one in memory where durable = false) and reads the index. What is
 * wrong with it is told through house_warn(); it never fails. */
void history_open(struct house *h);
void history_start(struct house *h); /* after all that was read at the beginning: the writer begins */
void history_close(struct house *h); /* all is written, the store is closed */

struct store *history_store(const struct house *h);
bool history_is_durable(const struct house *h); /* what is promised is kept now: the root's status shows it */

const char *history_boot(const struct house *h); /* boot_id(), read once */

/* Does the disk take prompts? 0, or -ENOSPC, -EROFS, .. with the sentence, while durable = true. */
int history_takes(const struct house *h, struct err *e);

/* The index. model is a key of the configuration; entries are borrowed until the next call that adds or
 * removes. */
struct history_entry *history_find(struct house *h, const char *model, uid_t uid, int64_t id);
struct history_entry *history_latest(struct house *h, const char *model, uid_t uid); /* or NULL */
/* The first max of those whose ids are larger than after; the id of the last of these, or 0: there are no more behind them. */
int64_t history_some(struct house *h, const char *model, uid_t uid, int64_t after, size_t max,
                     void (*each)(void *arg, const struct history_entry *e), void *arg);

/* The name of a directory in history/: lower case letters and digits that sort by time. */
#define HISTORY_ID_TEXT 14
const char *history_id_text(int64_t id, char out[HISTORY_ID_TEXT]);
int64_t history_id_parse(const char *text); /* -1: it is none, or not as history_id_text() writes it */

/* ---- for record.c */
int64_t history_new_id(
    struct house
        *h); /* larger than all before, of conversations too; milliseconds since 1970, or a little more */
void history_add(struct house *h, const char *model, uid_t uid, int64_t id, struct record *live);
void history_settle(struct house *h, const char *model, uid_t uid, const struct history_entry *as);

#endif
