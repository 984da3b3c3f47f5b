/* SPDX-License-Identifier: MIT */
/* The life of one conversation: its questions in their order, and what becomes of its messages. Of those in the queue the
 * first is the engine's; the others are held (exchange.h), so that the model counts, cancels and stops them as any. */
#include "backend/chat/chat.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/chat/chats_inside.h"
#include "backend/history/history.h"
#include "backend/house.h"
#include "backend/model/model.h"
#include "backend/prompt.h"
#include "backend/history/record.h"
#include "backend/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A conversation is answered one question at a time: more that wait are a script that has lost its way. */
#define QUEUE_MAX 64

/* ---- State */

static enum chat_state state_of(const struct chat *c)
{
    const struct prompt *p = list_first(&c->queue, struct prompt, chat_link);

    if (!p)
        return c->failed ? CHAT_FAILED : CHAT_IDLE;
    return p->x.state == EXCHANGE_STREAMING && !p->sealed ? CHAT_STREAMING : CHAT_WAITING;
}

void chat_moved(struct chat *c)
{
    enum chat_state now = state_of(c);

    if (now != c->state)
        c->since = wall_now();
    c->state = now;
    house_changed(c->house);
}

static void set_text(char **at, const char *text)
{
    char *copy = text && *text ? xstrdup(text) : NULL;

    free(*at);
    *at = copy;
}

static void messages_changed(struct chat *c)
{
    c->changed = wall_now();
    house_changed(c->house);
}

void chat_complain(struct chat *c, const char *text)
{
    set_text(&c->error, text);
    house_changed(c->house);
}

/* ---- Questions */

static size_t count(const struct list *l)
{
    size_t n = 0;

    list_for_each(p, l, struct prompt, chat_link) n++;
    return n;
}

int chat_check(const struct chat *c, const char *text, size_t len, struct err *e)
{
    int rc = list_empty(&c->queue) ? messages_results(&c->messages, text, len, NULL, e) : 0;

    return rc < 0 ? rc : 0;
}

/* Its turn: what it brings is to fit what was said. */
static int begin_turn(struct chat *c, struct prompt *p, struct err *e)
{
    int rc = messages_results(&c->messages, buf_str(&p->text), p->text.len, &p->results, e);

    if (rc < 0)
        return -EINVAL;
    return chat_fits(c, p->text.len, e);
}

int chat_take(struct chat *c, struct prompt *p, struct err *e)
{
    bool first = list_empty(&c->queue);
    char key[48];

    if (count(&c->queue) >= QUEUE_MAX)
        return err_set(e, -EBUSY, "%d questions of this conversation wait already; read their answers first",
                       QUEUE_MAX);
    int rc = first ? begin_turn(c, p, e) : 0;
    if (rc < 0)
        return rc;
    /* All of them go where the engine has the conversation in its cache. */
    snprintf(key, sizeof key, "chat %lld", (long long)c->id);
    exchange_set_beginning(&p->x, key, strlen(key));
    p->chat = c;
    p->x.held = !first;
    list_append(&c->queue, &p->chat_link);
    set_text(&c->error, NULL);
    set_text(&c->failed, NULL);
    chat_moved(c);
    return 0;
}

void chat_leave(struct chat *c, struct prompt *p)
{
    list_remove(&p->chat_link);
    p->chat = NULL;
    p->x.held = false;
    chat_moved(c);
}

static bool speaks_first(const struct chat *c)
{
    return c->messages.n && c->messages.v[0].role == ROLE_SYSTEM;
}

void chat_request(struct chat *c, struct prompt *p, struct request_defaults *d, struct buf *before)
{
    settings_defaults(c->settings ? c->settings : model_settings(c->model), d);
    if (speaks_first(c))
        d->system = "";
    size_t first = p->chat_first = chat_goes_from(c, p);
    if (speaks_first(c) && first > 0) {
        buf_add(before, c->messages.v[0].json, c->messages.v[0].json_len);
        buf_adds(before, first < c->messages.n ? "," : "");
    }
    messages_join(&c->messages, first, before);
    p->chat_bytes = before->len + p->text.len;
    if (p->results.n) {
        buf_adds(before, ",");
        messages_join(&p->results, 0, before);
    }
    d->before = buf_str(before);
    d->text_is_before = p->results.n > 0;
}

/* The next one's turn: it may have no room any more. */
static void let_next_go(struct chat *c)
{
    struct prompt *p = list_first(&c->queue, struct prompt, chat_link);
    struct err e = { "" };

    if (!p || !p->x.held)
        return;
    int rc = begin_turn(c, p, &e);
    if (rc < 0)
        exchange_failed(&p->x, rc, "%s", e.text); /* comes back to chat_over() */
    else if (p->x.model)
        model_release(p->x.model, &p->x);
}

/* An answer that was refused before it was asked for (an empty prompt) is none. */
static bool is_turn(const struct prompt *p)
{
    return p->x.state == EXCHANGE_DONE && !p->x.error;
}

static void note_end(struct chat *c, struct prompt *p)
{
    p->chat_noted = true;
    if (is_turn(p)) {
        c->prompt_tokens += p->x.prompt_tokens;
        c->completion_tokens += p->x.completion_tokens;
        c->used = p->x.prompt_tokens + p->x.completion_tokens;
        c->used_bytes = c->used ? (int64_t)(p->chat_bytes + p->reply.len) : 0;
        if (c->used > c->limit) /* there was room for it */
            c->limit = 0;
        set_text(&c->error, NULL);
        set_text(&c->failed, NULL);
        return;
    }
    set_text(&c->error, p->x.error);
    set_text(&c->failed, p->x.state == EXCHANGE_DONE ? NULL : buf_str(&p->text));
    if (p->x.state == EXCHANGE_FAILED)
        chat_learn_limit(c, p->x.job_name, p->x.error);
}

static void add_turn(const struct prompt *p, struct messages *to)
{
    if (p->results.n)
        messages_copy(to, &p->results, p->results.n);
    else
        messages_add_text(to, ROLE_USER, p->text.data, p->text.len);
    messages_add_answer(to, buf_str(&p->reply), p->calls ? p->said : p->reply.len, p->calls);
}

void chat_add_end(struct chat *c, struct prompt *p, struct store_op *op)
{
    note_end(c, p);
    if (is_turn(p))
        c->changed = wall_now();
    chat_put(c, op);
    if (!is_turn(p))
        return;
    struct messages turn = { 0 };
    add_turn(p, &turn);
    chat_put_messages(c, op, c->messages.n, &turn, 0);
    messages_finish(&turn);
}

void chat_over(struct chat *c, struct prompt *p)
{
    p->chat = NULL;
    list_remove(&p->chat_link);
    if (!p->chat_noted || !is_turn(p)) /* a disk may have said no to the end of an answer that was whole */
        note_end(c, p);
    if (is_turn(p)) {
        add_turn(p, &c->messages);
        messages_changed(c);
    }
    chat_moved(c);
    let_next_go(c);
}

/* ---- Verbs and files */

static int check_idle(const struct chat *c, struct err *e)
{
    if (list_empty(&c->queue))
        return 0;
    return err_set(e, -EBUSY, "an answer is under way in this conversation; wait for it, or `cancel` it");
}

int chat_may_begin(const struct chat *c, struct err *e)
{
    if (c->messages.n > c->given)
        return err_set(e, -EPERM,
                       "the conversation has begun: its transcript can be written before its first question "
                       "alone");
    return check_idle(c, e);
}

/* What is in memory from `first` on, and nothing else behind it. */
static void store_from(struct chat *c, size_t first)
{
    struct store_op *op = store_op_create(NULL, NULL);

    chat_put(c, op);
    chat_put_messages(c, op, first, &c->messages, first);
    store_post(history_store(c->house), op, STORE_NOW, 0);
    messages_changed(c);
    chat_moved(c);
}

int chat_begin(struct chat *c, const char *text, size_t len, struct err *e)
{
    struct messages begun = { 0 };
    int rc = chat_may_begin(c, e);

    if (rc == 0)
        rc = messages_parse(&begun, text, len, e);
    if (rc < 0) {
        messages_finish(&begun);
        return rc == -ENODATA ? -EINVAL : rc;
    }
    messages_finish(&c->messages);
    c->messages = begun;
    c->given = begun.n;
    c->used = c->used_bytes = 0;
    store_from(c, 0);
    return 0;
}

/* The figures of the context shrink with the messages. */
static void take_back(struct chat *c)
{
    size_t before = c->messages.json_len, at = messages_last_turn(&c->messages);

    messages_cut(&c->messages, at);
    if (c->given > at)
        c->given = at;
    if (before) {
        c->used = (int64_t)((double)c->used * (double)c->messages.json_len / (double)before);
        c->used_bytes = (int64_t)((double)c->used_bytes * (double)c->messages.json_len / (double)before);
    }
    store_from(c, at);
}

int chat_undo(struct chat *c, struct err *e)
{
    int rc = check_idle(c, e);

    if (rc < 0)
        return rc;
    if (!c->failed && messages_last_turn(&c->messages) == c->messages.n)
        return err_set(e, -ENOENT, "nothing was asked in this conversation that could be taken back");
    set_text(&c->error, NULL);
    if (!c->failed) {
        take_back(c);
        return 0;
    }
    set_text(&c->failed, NULL);
    store_from(c, c->messages.n);
    return 0;
}

int chat_again(struct chat *c, struct buf *text, struct err *e)
{
    int rc = check_idle(c, e);
    size_t last = messages_last_turn(&c->messages);

    if (rc < 0)
        return rc;
    if (c->failed) {
        buf_adds(text, c->failed);
        return 0;
    }
    if (last == c->messages.n)
        return err_set(e, -ENOENT, "nothing was asked in this conversation that could be asked again");
    messages_text(&c->messages, last, text);
    if (!text->len)
        return err_set(e, -EINVAL, "the last question is no text: it cannot be asked again");
    take_back(c);
    return 0;
}

struct settings *chat_settings(struct chat *c)
{
    if (!c->settings)
        c->settings = settings_create_under(model_settings(c->model), chat_settings_changed, c);
    return c->settings;
}

uint64_t chat_copied(const struct chat *c)
{
    uint64_t sum = c->messages.json_len;

    for (enum setting which = SETTING_SYSTEM; c->settings && which <= SETTING_PARAMS; which++)
        sum += settings_own_len(c->settings, which);
    return sum;
}

uint64_t chat_stored(const struct chat *c)
{
    uint64_t sum = chat_copied(c) + (c->failed ? strlen(c->failed) : 0);

    list_for_each(p, &c->queue, struct prompt, chat_link) sum += p->text.len;
    return sum;
}

json_t *chat_status(const struct chat *c)
{
    static const char *const words[] = {
        [CHAT_IDLE] = "idle",
        [CHAT_WAITING] = "waiting",
        [CHAT_STREAMING] = "streaming",
        [CHAT_FAILED] = "failed",
    };
    int64_t limit = chat_limit(c);

    return json_pack("{s:s,s:s,s:s,s:o,s:I,s:{s:I,s:I},s:{s:I,s:o},s:o}", "chat", c->name, "model",
                     model_config(c->model)->name, "state", words[c->state], "since", json_time(&c->since),
                     "turns", (json_int_t)messages_turns(&c->messages), "tokens", "prompt",
                     (json_int_t)c->prompt_tokens, "completion", (json_int_t)c->completion_tokens, "context",
                     "used", (json_int_t)c->used, "limit", limit ? json_integer(limit) : json_null(),
                     "last_error", json_str(c->error));
}
