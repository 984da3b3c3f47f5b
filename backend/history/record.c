/* SPDX-License-Identifier: MIT */
/* The life of one question as the store sees it: each step writes the row as it is then. */
#include "backend/base/alloc.h"
#include "backend/chat/chat.h"
#include "backend/history/record_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* CONTRACT.md 3.2: a FLUSH is answered within 2 s. */
#define FLUSH_MS 2000

/* Text that streams is stored as often: what of it a crash may lose, at the cost of a small write each time. */
#define PIECE_MS 1000

static const struct history_entry nothing;

struct record *record_create(struct house *h, const char *model, uid_t uid, const struct pair *pair,
                             const char *asker)
{
    struct record *r = NEW(struct record);

    r->refs = 1;
    r->house = h;
    r->model = xstrdup(model);
    r->asker = xstrdup(asker);
    r->uid = uid;
    r->pair = pair;
    r->id = history_new_id(h);
    r->asked = wall_now();
    return r;
}

void record_set_chat(struct record *r, int64_t chat)
{
    r->chat = chat;
}

struct record *record_ref(struct record *r)
{
    r->refs++;
    return r;
}

void record_unref(struct record *r)
{
    if (!r || --r->refs > 0)
        return;
    timer_destroy(r->pieces);
    free(r->model);
    free(r->asker);
    free(r);
}

struct prompt *record_prompt_of(const struct record *r)
{
    return r->prompt;
}

/* ---- A step that is on disk */

struct step {
    struct record *record;
    unsigned number;
    struct history_entry over; /* of the last one */
    enum { STEP_STORED, STEP_BEGUN, STEP_ENDED } kind;
};

/* What a person reads who did not get rid of a prompt. */
static const char *sentence(const struct record *r, int rc, struct err *e)
{
    if (rc == -ETIMEDOUT)
        err_set(e, rc, "the prompt was not on disk within %d s; look at the state directory",
                FLUSH_MS / 1000);
    else if (rc < 0 && history_takes(r->house, e) == 0)
        err_set(e, rc, "the prompt could not be kept: %s", strerror(-rc));
    return e->text;
}

/* CONTRACT.md 6 has these two for a store that takes nothing. */
static int shown(int rc)
{
    return rc == 0 || rc == -ENOSPC ? rc : -EIO;
}

static void stored(struct record *r, const struct step *s, int rc)
{
    void (*cb)(void *arg, int rc, const char *why) = r->stored;
    struct err e = { "" };

    if (!cb || s->number != r->step)
        return;
    r->stored = NULL;
    cb(r->arg, shown(rc), sentence(r, rc, &e));
}

static void begun(struct record *r, int rc)
{
    struct err e = { "" };

    if (r->prompt)
        prompt_stored(r->prompt, shown(rc), sentence(r, rc, &e));
}

static void step_cb(void *arg, int rc, const struct store_rows *rows)
{
    struct step *s = arg;
    struct record *r = s->record;

    (void)rows;
    if (s->kind == STEP_STORED)
        stored(r, s, rc);
    else if (s->kind == STEP_BEGUN)
        begun(r, rc);
    else
        history_settle(r->house, r->model, r->uid, &s->over);
    record_unref(r);
    free(s);
}

static struct store_op *begin_step(struct record *r, int kind, const struct history_entry *over)
{
    struct step *s = NEW(struct step);

    s->record = record_ref(r);
    s->kind = kind;
    if (kind == STEP_STORED)
        r->step++;
    s->number = r->step;
    s->over = *over;
    return store_op_create(step_cb, s);
}

static void post(struct record *r, struct store_op *op, enum store_when when, uint64_t limit_ms)
{
    store_post(history_store(r->house), op, when, limit_ms);
}

/* The row as it is now, with nobody who waits for it. */
static void put_soon(struct record *r)
{
    struct store_op *op = store_op_create(NULL, NULL);

    record_add_row(r, op, &nothing, "", "");
    post(r, op, STORE_SOON, 0);
}

/* ---- A draft */

void record_draft(struct record *r, const struct buf *text,
                  void (*stored_cb)(void *arg, int rc, const char *why), void *arg)
{
    struct store_op *op = begin_step(r, STEP_STORED, &nothing);

    r->state = RECORD_DRAFT;
    r->stored = stored_cb;
    r->arg = arg;
    record_add_row(r, op, &nothing, "", "");
    record_add_text(r, op, text->data, text->len, "");
    post(r, op, STORE_NOW, FLUSH_MS);
}

void record_forget(struct record *r, const void *arg)
{
    if (r && r->arg == arg)
        r->stored = NULL;
}

void record_written(struct record *r)
{
    if (r->state != RECORD_DRAFT || !r->in_store)
        return;
    r->state = RECORD_WRITING;
    r->text_stored = false;
    put_soon(r);
}

void record_drop(struct record *r)
{
    if (!r->in_store)
        return;
    struct store_op *op = store_op_create(NULL, NULL);
    record_add_delete(op, r->id);
    post(r, op, STORE_SOON, 0);
    r->in_store = r->text_stored = false;
}

/* ---- A prompt */

static void piece_cb(void *arg)
{
    struct record *r = arg;

    if (!r->prompt || r->state != RECORD_BEGUN)
        return;
    if (r->prompt->reply.len > r->reply_stored) {
        struct store_op *op = store_op_create(NULL, NULL);
        record_add_reply(r, op);
        post(r, op, STORE_SOON, 0);
    }
    timer_start_ms(r->pieces, PIECE_MS);
}

static int64_t ms_of(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

/* At the end of a mount what is not begun stays as it is: the next mount sends it. */
static bool stays(const struct record *r)
{
    return r->house->cfg->durable && r->house->stopping && r->prompt->x.state == EXCHANGE_CANCELLED &&
           r->state < RECORD_BEGUN;
}

static char *status_text(const struct record *r)
{
    json_t *status = record_status(r, true);
    char *text = json_dumps(status, JSON_COMPACT);
    char *line = xasprintf("%s\n", text ? text : "{}");

    free(text);
    json_decref(status);
    return line;
}

static void end(struct record *r)
{
    struct prompt *p = r->prompt;
    char *status = status_text(r), *error = p->x.error ? xasprintf("%s\n", p->x.error) : xstrdup("");
    struct history_entry over = { .id = r->id,
                                  .ended_ms = ms_of(&p->x.ended),
                                  .prompt_len = (uint32_t)p->text.len + 1,
                                  .reply_len = (uint32_t)p->reply.len,
                                  .error_len = (uint32_t)strlen(error),
                                  .status_len = (uint32_t)strlen(status) };
    r->state = p->x.state == EXCHANGE_DONE     ? RECORD_DONE
               : p->x.state == EXCHANGE_FAILED ? RECORD_FAILED
                                               : RECORD_CANCELLED;
    timer_stop(r->pieces);
    struct store_op *op = begin_step(r, STEP_ENDED, &over);
    record_add_row(r, op, &over, error, status);
    if (!r->text_stored)
        record_add_text(r, op, p->text.data, p->text.len, "\n");
    record_add_reply(r, op);
    if (p->chat)
        chat_add_end(p->chat, p, op);
    post(r, op, STORE_NOW, 0);
    free(status);
    free(error);
}

void record_moved(struct record *r)
{
    if (!r->prompt || r->state >= RECORD_DONE)
        return;
    if (exchange_ended(&r->prompt->x)) {
        if (!stays(r))
            end(r);
    } else if (r->prompt->x.losses != r->losses) {
        r->losses = r->prompt->x.losses;
        put_soon(r);
    }
}

void record_prompt(struct record *r, struct prompt *p, void (*stored_cb)(void *arg, int rc, const char *why),
                   void *arg)
{
    bool clean = r->in_store && r->text_stored; /* the next mount would send it as it is */

    r->prompt = p;
    p->record = record_ref(r);
    history_add(r->house, r->model, r->uid, r->id, r);
    if (exchange_ended(&p->x)) {
        record_moved(r);
        return;
    }
    r->state = RECORD_WAITING;
    if (clean && !stored_cb)
        return;
    if (stored_cb) {
        r->stored = stored_cb;
        r->arg = arg;
    }
    struct store_op *op = begin_step(r, STEP_STORED, &nothing);
    record_add_row(r, op, &nothing, "", "");
    if (!r->text_stored)
        record_add_text(r, op, p->text.data, p->text.len, "\n");
    post(r, op, STORE_NOW, stored_cb ? FLUSH_MS : 0);
}

/* The first text goes with it: of an answer that anybody saw a beginning of, the next mount has a beginning too. */
bool record_begun(struct record *r)
{
    if (r->state >= RECORD_BEGUN)
        return false;
    r->state = RECORD_BEGUN;
    bool waits = r->house->cfg->durable;
    struct store_op *op = waits ? begin_step(r, STEP_BEGUN, &nothing) : store_op_create(NULL, NULL);
    record_add_row(r, op, &nothing, "", "");
    record_add_reply(r, op);
    post(r, op, waits ? STORE_NOW : STORE_SOON, 0);
    r->pieces = timer_create_on(r->house->loop, piece_cb, r);
    timer_start_ms(r->pieces, PIECE_MS);
    return waits;
}

void record_detach(struct record *r)
{
    r->prompt = NULL;
    timer_stop(r->pieces);
    record_unref(r);
}
