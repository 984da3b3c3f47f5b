/* SPDX-License-Identifier: MIT */
/* What the last mount left: read once, at the beginning. */
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/history/record_inside.h"

#include <stdlib.h>
#include <string.h>

/* Of those that are over, so many are given back to `reply`, of all models together, and so much text: who asked
 * last before the daemon died is likely to read now. The others are in history. */
#define OVER_TEXT ((size_t)16 << 20)

struct loading {
    struct house *house;
    struct list *out;
    size_t text; /* bytes of those that are over */
};

enum { ID, UID, MODEL, STATE, ASKED, LOSSES, BOOT, ASKER, RC, ERROR, PAIR, CHAT };

void recovered_free(struct recovered *v)
{
    list_remove(&v->link);
    record_unref(v->record);
    buf_free(&v->text);
    buf_free(&v->reply);
    free(v->model);
    free(v->asker);
    free(v->error);
    free(v);
}

static int question_row(void *arg, const struct store_value *c, size_t columns)
{
    struct recovered *v = arg;

    (void)columns;
    buf_add(&v->text, c[0].data, c[0].len);
    return 0;
}

static int answer_row(void *arg, const struct store_value *c, size_t columns)
{
    struct recovered *v = arg;

    (void)columns;
    buf_add(&v->reply, c[0].data, c[0].len);
    v->pieces++;
    return 0;
}

static int read_texts(struct house *h, struct recovered *v, struct err *e)
{
    static const char sql[] = "SELECT data FROM texts WHERE at BETWEEN ? AND ? ORDER BY at";
    int64_t at = v->id * RECORD_PARTS;
    struct store_value question[] = { STORE_ARG_INT(at), STORE_ARG_INT(at) };
    struct store_value answer[] = { STORE_ARG_INT(at + 1), STORE_ARG_INT(at + RECORD_PARTS - 1) };
    struct store *s = history_store(h);
    int rc = store_query(s, sql, question, 2, question_row, v, e);

    return rc < 0 ? rc : store_query(s, sql, answer, 2, answer_row, v, e);
}

static struct recovered *from_row(const struct loading *l, const struct store_value *c)
{
    struct recovered *v = NEW(struct recovered);
    bool same_boot = strcmp(c[BOOT].data, history_boot(l->house)) == 0;

    v->id = c[ID].i;
    v->model = xstrdup(c[MODEL].data);
    v->uid = (uid_t)c[UID].i;
    v->state = (enum record_state)c[STATE].i;
    v->asked = (struct timespec){ .tv_sec = c[ASKED].i / 1000, .tv_nsec = c[ASKED].i % 1000 * 1000000 };
    v->losses = (int)c[LOSSES].i;
    v->asker = xstrdup(same_boot ? c[ASKER].data : "");
    v->rc = (int)c[RC].i;
    v->pair = pair_numbered((int)c[PAIR].i);
    v->chat = c[CHAT].i;
    v->error = xstrndup(c[ERROR].data, strcspn(c[ERROR].data, "\n"));
    return v;
}

/* One that is not over gets its record again, which goes on with the same row. */
static struct record *record_again(const struct loading *l, const struct recovered *v)
{
    struct record *r = record_create(l->house, v->model, v->uid, v->pair, v->asker);

    r->id = v->id;
    r->chat = v->chat;
    r->asked = v->asked;
    r->losses = v->losses;
    r->state = v->state;
    r->in_store = r->text_stored = true;
    r->reply_stored = v->reply.len;
    r->parts = v->pieces;
    return r;
}

static int open_row(void *arg, const struct store_value *c, size_t columns)
{
    struct loading *l = arg;
    struct recovered *v = from_row(l, c);
    struct err e = { "" };

    (void)columns;
    list_append(l->out, &v->link);
    if (read_texts(l->house, v, &e) < 0) {
        log_warning("a prompt that waited cannot be read: %s", e.text);
        recovered_free(v);
        return 0;
    }
    v->record = record_again(l, v);
    return 0;
}

/* From the latest on. Each goes before those that were asked later. */
static int over_row(void *arg, const struct store_value *c, size_t columns)
{
    struct loading *l = arg;
    struct recovered *v = from_row(l, c);
    struct list *at = l->out->prev;

    (void)columns;
    if (read_texts(l->house, v, NULL) < 0 || (l->text += v->text.len + v->reply.len) > OVER_TEXT) {
        recovered_free(v);
        return 1; /* the older ones are history */
    }
    while (at != l->out && container_of(at, struct recovered, link)->id > v->id)
        at = at->prev;
    list_insert_after(at, &v->link);
    return 0;
}

void record_load(struct house *h, struct list *out)
{
    static const char open[] =
        "SELECT id, uid, model, state, asked, losses, boot, asker, rc, error, pair, chat FROM prompts"
        " WHERE state < 4 ORDER BY id";
    static const char over[] =
        "SELECT id, uid, model, state, asked, losses, boot, asker, rc, error, pair, chat"
        " FROM (SELECT * FROM prompts WHERE state >= 4 ORDER BY id DESC LIMIT 1000)"
        " WHERE boot = ? ORDER BY id DESC";
    struct loading l = { .house = h, .out = out };
    struct err e = { "" };

    list_init(out);
    if (!h->cfg->durable)
        return;
    if (store_query(history_store(h), open, NULL, 0, open_row, &l, &e) < 0)
        log_warning("the prompts that waited cannot be read: %s", e.text);
    store_query(history_store(h), over, (struct store_value[]){ STORE_ARG_TEXT(history_boot(h)) }, 1,
                over_row, &l, &e);
}
