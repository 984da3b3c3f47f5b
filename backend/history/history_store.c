/* SPDX-License-Identifier: MIT */
/* The store of one house: where it is, what is read at the beginning, and what people are told when the disk
 * takes nothing. */
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/history/history_inside.h"
#include "backend/house.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void failing_cb(void *arg, int rc, const char *text)
{
    struct house *h = arg;
    struct history *y = h->history;
    struct err e = { "" };

    y->failing = rc;
    if (rc < 0)
        err_set(&e, rc, "prompts are refused, because they cannot be kept: %s", text);
    memcpy(y->failing_text, e.text, sizeof y->failing_text);
    house_warn(h, "store", rc < 0 ? e.text : NULL);
    if (rc == 0)
        log_info("prompts can be kept again");
}

static void set_aside_cb(void *arg, const char *text)
{
    house_warn(arg, "store set aside", text);
}

static int index_row(void *arg, const struct store_value *v, size_t columns)
{
    struct house *h = arg;

    (void)columns;
    history_settle(h, v[2].data, (uid_t)v[1].i,
                   &(struct history_entry){ .id = v[0].i,
                                            .ended_ms = v[3].i,
                                            .prompt_len = (uint32_t)v[4].i,
                                            .reply_len = (uint32_t)v[5].i,
                                            .error_len = (uint32_t)v[6].i,
                                            .status_len = (uint32_t)v[7].i });
    return 0;
}

static int last_id_row(void *arg, const struct store_value *v, size_t columns)
{
    (void)columns;
    *(int64_t *)arg = v[0].type == STORE_INT ? v[0].i : 0;
    return 0;
}

static void read_index(struct house *h)
{
    static const char all[] = "SELECT id, uid, model, ended, prompt_len, reply_len, error_len, status_len"
                              " FROM prompts INDEXED BY ended_prompts WHERE state >= 4 ORDER BY id";
    static const char last[] = "SELECT max(coalesce((SELECT max(id) FROM prompts), 0),"
                               " coalesce((SELECT max(id) FROM chats), 0))";
    struct history *y = h->history;
    struct err e = { "" };

    if (y->failing)
        return;
    if (store_query(y->store, last, NULL, 0, last_id_row, &y->last_id, &e) < 0 ||
        store_query(y->store, all, NULL, 0, index_row, h, &e) < 0)
        house_warn(h, "history", e.text);
}

void history_open(struct house *h)
{
    static const struct store_events events = { .failing = failing_cb, .set_aside = set_aside_cb };
    struct history *y = h->history = NEW(struct history);
    char *path = h->cfg->durable ? xasprintf("%s/store.sqlite", h->state_dir) : NULL;

    boot_id(y->boot);
    y->cleaning = true; /* not before the thread is there */
    y->store = store_open(h->loop, path, &events, h);
    free(path);
    read_index(h);
}

void history_start(struct house *h)
{
    h->history->cleaning = false;
    store_start(h->history->store);
    history_clean_start(h);
}

void history_close(struct house *h)
{
    struct history *y = h->history;

    if (!y)
        return;
    store_close(y->store);
    timer_destroy(y->clean);
    for (size_t i = 0; i < SHELVES; i++) {
        for (struct shelf *f = y->shelves[i], *next; f; f = next) {
            next = f->next;
            free(f->model);
            free(f->v);
            free(f);
        }
    }
    free(y);
    h->history = NULL;
}

struct store *history_store(const struct house *h)
{
    return h->history->store;
}

const char *history_boot(const struct house *h)
{
    return h->history->boot;
}

bool history_is_durable(const struct house *h)
{
    return h->cfg->durable && h->history->failing == 0;
}

int history_takes(const struct house *h, struct err *e)
{
    const struct history *y = h->history;

    if (!h->cfg->durable || y->failing == 0)
        return 0;
    return err_set(e, y->failing == -EROFS || y->failing == -EACCES ? -EIO : y->failing, "%s",
                   y->failing_text);
}
