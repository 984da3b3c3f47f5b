/* SPDX-License-Identifier: MIT */
/* The statements that write a question's row and texts. */
#include "backend/history/record_inside.h"

#include <string.h>

static int64_t ms_of(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

void record_add_row(struct record *r, struct store_op *op, const struct history_entry *over,
                    const char *error, const char *status)
{
    static const char put[] =
        "INSERT INTO prompts(id, uid, model, state, asked, ended, losses, boot, asker, rc, error, status,"
        " prompt_len, reply_len, error_len, status_len, pair, chat)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
        " ON CONFLICT(id) DO UPDATE SET state = ?4, ended = ?6, losses = ?7, rc = ?10, error = ?11, status = "
        "?12,"
        " prompt_len = ?13, reply_len = ?14, error_len = ?15, status_len = ?16";

    store_op_add(op, put,
                 (struct store_value[]){
                     STORE_ARG_INT(r->id),
                     STORE_ARG_INT(r->uid),
                     STORE_ARG_TEXT(r->model),
                     STORE_ARG_INT(r->state),
                     STORE_ARG_INT(ms_of(&r->asked)),
                     STORE_ARG_INT(over->ended_ms),
                     STORE_ARG_INT(r->losses),
                     STORE_ARG_TEXT(history_boot(r->house)),
                     STORE_ARG_TEXT(r->asker),
                     STORE_ARG_INT(r->prompt ? r->prompt->x.rc : 0),
                     STORE_ARG_TEXT(error),
                     STORE_ARG_TEXT(status),
                     STORE_ARG_INT(over->prompt_len),
                     STORE_ARG_INT(over->reply_len),
                     STORE_ARG_INT(over->error_len),
                     STORE_ARG_INT(over->status_len),
                     STORE_ARG_INT(r->pair->number),
                     STORE_ARG_INT(r->chat),
                 },
                 18);
    r->in_store = true;
}

static void add_part(struct record *r, struct store_op *op, unsigned part, const char *data, size_t len)
{
    static const char put[] =
        "INSERT INTO texts(at, data) VALUES(?1, ?2) ON CONFLICT(at) DO UPDATE SET data = ?2";

    store_op_add(
        op, put,
        (struct store_value[]){ STORE_ARG_INT(r->id * RECORD_PARTS + part), STORE_ARG_BLOB(data, len) }, 2);
}

void record_add_text(struct record *r, struct store_op *op, const char *text, size_t len, const char *end)
{
    struct buf all = { 0 };

    buf_add(&all, text, len);
    buf_adds(&all, end);
    add_part(r, op, 0, all.data, all.len);
    buf_free(&all);
    r->text_stored = true;
}

void record_add_reply(struct record *r, struct store_op *op)
{
    const struct buf *reply = &r->prompt->reply;

    if (reply->len == r->reply_stored || r->parts == RECORD_PARTS - 1)
        return;
    add_part(r, op, ++r->parts, reply->data + r->reply_stored, reply->len - r->reply_stored);
    r->reply_stored = reply->len;
}

void record_add_delete(struct store_op *op, int64_t id)
{
    static const char row[] = "DELETE FROM prompts WHERE id = ?",
                      texts[] = "DELETE FROM texts WHERE at BETWEEN ? AND ?";

    store_op_add(op, row, (struct store_value[]){ STORE_ARG_INT(id) }, 1);
    store_op_add(op, texts,
                 (struct store_value[]){ STORE_ARG_INT(id * RECORD_PARTS),
                                         STORE_ARG_INT(id * RECORD_PARTS + RECORD_PARTS - 1) },
                 2);
}
