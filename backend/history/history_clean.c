/* SPDX-License-Identifier: MIT */
/* What is too old or too much leaves history in small steps, between which other operations of the store come. */
#include "backend/history/history_inside.h"
#include "backend/house.h"
#include "backend/history/record.h"

#define STEP     64    /* exchanges; a step costs some milliseconds */
#define LOOK_MS  60000 /* how late an old one may go */
#define FIRST_MS 5000  /* after the mount: prompts that waited go first */

/* In memory it is not the disk that history fills. */
#define MEMORY_MAX ((int64_t)64 << 20)

static int64_t bytes_max(const struct house *h)
{
    return h->cfg->durable || h->cfg->history_max < MEMORY_MAX ? h->cfg->history_max : MEMORY_MAX;
}

static bool must_go(const struct house *h, int64_t ended_ms)
{
    int64_t age_ms = (int64_t)wall_now().tv_sec * 1000 - ended_ms;

    return h->history->bytes > bytes_max(h) || age_ms >= h->cfg->history_s * 1000;
}

static void step(struct house *h);

static void delete_one(struct store_op *op, int64_t id)
{
    record_add_delete(op, id);
}

static void step_cb(void *arg, int rc, const struct store_rows *rows)
{
    struct house *h = arg;
    struct store_op *op = store_op_create(NULL, NULL);
    size_t gone = 0;

    h->history->cleaning = false;
    for (size_t i = 0; rc == 0 && i < rows->n; i++) {
        const struct store_value *v = &rows->v[i * rows->columns];
        if (!must_go(h, v[3].i))
            break;
        delete_one(op, v[0].i);
        history_remove(h, v[2].data, (uid_t)v[1].i, v[0].i);
        gone++;
    }
    store_post(h->history->store, op, STORE_SOON, 0);
    if (gone == STEP)
        step(h);
}

static void step(struct house *h)
{
    static const char oldest[] = "SELECT id, uid, model, ended FROM prompts INDEXED BY ended_prompts"
                                 " WHERE state >= 4 ORDER BY id LIMIT 64";
    struct history *y = h->history;

    if (y->cleaning)
        return;
    y->cleaning = true;
    struct store_op *op = store_op_create(step_cb, h);
    store_op_add(op, oldest, NULL, 0);
    store_post(y->store, op, STORE_SOON, 0);
}

static void look_cb(void *arg)
{
    struct house *h = arg;

    step(h);
    timer_start_ms(h->history->clean, LOOK_MS);
}

void history_clean_mind(struct house *h)
{
    if (h->history->bytes > bytes_max(h) || h->cfg->history_s == 0)
        step(h);
}

void history_clean_start(struct house *h)
{
    h->history->clean = timer_create_on(h->loop, look_cb, h);
    timer_start_ms(h->history->clean, FIRST_MS);
}
