/* SPDX-License-Identifier: MIT */
/* The rows of conversations (schema.c), written and read back. */
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/chat/chats_inside.h"
#include "backend/history/history.h"
#include "backend/house.h"
#include "backend/model/model.h"
#include "backend/settings.h"

#include <string.h>

static int64_t ms_of(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

static struct timespec time_of(int64_t ms)
{
    return (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
}

static struct store_value text_or_null(const char *text)
{
    if (!text)
        return (struct store_value){ .type = STORE_NULL };
    return (struct store_value)STORE_ARG_TEXT(text);
}

void chat_put(const struct chat *c, struct store_op *op)
{
    static const char put[] =
        "INSERT INTO chats(id, uid, model, name, changed, given, prompt_tokens, completion_tokens, used,"
        " used_bytes, context, error, failed, system, params, context_job)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
        " ON CONFLICT(id) DO UPDATE SET name = ?4, changed = ?5, given = ?6, prompt_tokens = ?7,"
        " completion_tokens = ?8, used = ?9, used_bytes = ?10, context = ?11, error = ?12, failed = ?13,"
        " system = ?14, params = ?15, context_job = ?16";
    const struct settings *s = c->settings;

    store_op_add(op, put,
                 (struct store_value[]){
                     STORE_ARG_INT(c->id),
                     STORE_ARG_INT(c->uid),
                     STORE_ARG_TEXT(model_config(c->model)->name),
                     STORE_ARG_TEXT(c->name),
                     STORE_ARG_INT(ms_of(&c->changed)),
                     STORE_ARG_INT(c->given),
                     STORE_ARG_INT(c->prompt_tokens),
                     STORE_ARG_INT(c->completion_tokens),
                     STORE_ARG_INT(c->used),
                     STORE_ARG_INT(c->used_bytes),
                     STORE_ARG_INT(c->limit),
                     text_or_null(c->error),
                     text_or_null(c->failed),
                     text_or_null(s ? settings_own_text(s, SETTING_SYSTEM) : NULL),
                     text_or_null(s ? settings_own_text(s, SETTING_PARAMS) : NULL),
                     text_or_null(c->limit_job),
                 },
                 16);
}

void chat_put_messages(const struct chat *c, struct store_op *op, size_t at, const struct messages *m,
                       size_t first)
{
    static const char cut[] = "DELETE FROM messages WHERE chat = ? AND at >= ?",
                      put[] = "INSERT INTO messages(chat, at, data) VALUES(?, ?, ?)";

    store_op_add(op, cut, (struct store_value[]){ STORE_ARG_INT(c->id), STORE_ARG_INT(at) }, 2);
    for (size_t i = first; i < m->n; i++)
        store_op_add(op, put,
                     (struct store_value[]){ STORE_ARG_INT(c->id), STORE_ARG_INT(at + i - first),
                                             STORE_ARG_TEXT(m->v[i].json) },
                     3);
}

void chat_put_copies(const struct chat *c, struct store_op *op, const struct chat *of, size_t n)
{
    static const char copy[] = "INSERT INTO messages(chat, at, data)"
                               " SELECT ?, at, data FROM messages WHERE chat = ? AND at < ?";

    store_op_add(op, copy,
                 (struct store_value[]){ STORE_ARG_INT(c->id), STORE_ARG_INT(of->id), STORE_ARG_INT(n) }, 3);
}

void chat_delete(const struct chat *c, struct store_op *op)
{
    static const char row[] = "DELETE FROM chats WHERE id = ?", all[] = "DELETE FROM messages WHERE chat = ?";
    struct store_value id[] = { STORE_ARG_INT(c->id) };

    store_op_add(op, row, id, 1);
    store_op_add(op, all, id, 1);
}

/* ---- Reading */

static const char chats_sql[] =
    "SELECT id, uid, model, name, changed, given, prompt_tokens, completion_tokens,"
    " used, used_bytes, context, error, failed, system, params, context_job FROM chats ORDER BY id";
enum {
    ID,
    UID,
    MODEL,
    NAME,
    CHANGED,
    GIVEN,
    PROMPT,
    COMPLETION,
    USED,
    USED_BYTES,
    CONTEXT,
    ERROR,
    FAILED,
    SYSTEM,
    PARAMS,
    CONTEXT_JOB
};

static char *text_of(const struct store_value *v)
{
    return v->type == STORE_NULL ? NULL : xstrdup(v->data);
}

static void take_setting(struct chat *c, enum setting which, const struct store_value *v)
{
    if (v->type != STORE_NULL)
        settings_load_text(chat_settings(c), which, v->data, v->len);
}

/* Those of a model that is not configured stay where they are, and are there again when it is. */
static int chat_row(void *arg, const struct store_value *v, size_t columns)
{
    struct house *h = arg;
    struct model *m = house_model(h, v[MODEL].data);

    (void)columns;
    if (!m || strcmp(model_config(m)->name, v[MODEL].data) != 0)
        return 0;
    struct chat *c = chats_new(h, m, (uid_t)v[UID].i, v[NAME].data, v[ID].i);
    c->since = c->changed = time_of(v[CHANGED].i);
    c->given = (size_t)v[GIVEN].i;
    c->prompt_tokens = v[PROMPT].i;
    c->completion_tokens = v[COMPLETION].i;
    c->used = v[USED].i;
    c->used_bytes = v[USED_BYTES].i;
    c->limit = v[CONTEXT].i;
    c->limit_job = text_of(&v[CONTEXT_JOB]);
    c->error = text_of(&v[ERROR]);
    c->failed = text_of(&v[FAILED]);
    c->state = c->failed ? CHAT_FAILED : CHAT_IDLE;
    take_setting(c, SETTING_SYSTEM, &v[SYSTEM]);
    take_setting(c, SETTING_PARAMS, &v[PARAMS]);
    return 0;
}

static int message_row(void *arg, const struct store_value *v, size_t columns)
{
    struct chat *c = chat_numbered(arg, v[0].i);

    (void)columns;
    if (c && messages_add_json(&c->messages, v[1].data) < 0)
        log_warning("a message of a conversation cannot be read, and is left out");
    return 0;
}

void chats_read(struct house *h)
{
    static const char messages_sql[] = "SELECT chat, data FROM messages ORDER BY chat, at";
    struct store *s = history_store(h);
    struct err e = { "" };

    if (store_query(s, chats_sql, NULL, 0, chat_row, h, &e) < 0 ||
        store_query(s, messages_sql, NULL, 0, message_row, h, &e) < 0)
        house_warn(h, "chats", e.text);
}
