/* SPDX-License-Identifier: MIT */
/* What an earlier mount left: each of its askings begins again where the store knows it to be. */
#include "backend/base/log.h"
#include "backend/base/timer.h"
#include "backend/chat/chat.h"
#include "fs/asking_inside.h"
#include "fs/binding.h"

#include <errno.h>
#include <string.h>

static void without_newline(struct buf *text)
{
    if (text->len && text->data[text->len - 1] == '\n')
        text->data[--text->len] = '\0';
}

static bool too_old(const struct house *h, const struct recovered *v)
{
    return wall_now().tv_sec - v->asked.tv_sec >= h->cfg->resend_max_age_s;
}

/* It was over: its asker may still read it. */
static void show(struct asking *a, struct recovered *v)
{
    static const enum exchange_state states[] = {
        [RECORD_DONE] = EXCHANGE_DONE,
        [RECORD_FAILED] = EXCHANGE_FAILED,
        [RECORD_CANCELLED] = EXCHANGE_CANCELLED,
    };

    without_newline(&v->text);
    a->taken_back = true; /* it is in the store already */
    struct prompt *p = prompt_again(tree_house(a->tree), v->uid, a->pair, &v->text, &v->reply,
                                    states[v->state], v->rc, *v->error ? v->error : NULL);
    asking_take_prompt(a, p, false);
}

static void end_begun(struct asking *a, struct recovered *v)
{
    without_newline(&v->text);
    struct prompt *p =
        prompt_again(tree_house(a->tree), v->uid, a->pair, &v->text, &v->reply, EXCHANGE_FAILED, -ECONNRESET,
                     "the daemon ended in the middle of the answer; this is what had come");
    p->chat = a->chat;
    asking_take_prompt(a, p, false);
    prompt_settle(p);
}

static void resend(struct asking *a, const struct recovered *v)
{
    struct err e = { "" };

    a->resumed = true;
    if (asking_submit(a, &e) == 0)
        a->prompt->x.losses = v->losses;
    else
        log_warning("a prompt of the last mount cannot be sent: %s", e.text);
}

static void go_on(struct asking *a, struct recovered *v)
{
    struct err e;

    a->record = record_ref(v->record);
    if (v->state == RECORD_BEGUN) {
        end_begun(a, v);
        return;
    }
    a->draft = v->text;
    v->text = (struct buf){ 0 };
    a->saved = true;
    if (v->state == RECORD_WRITING) {
        asking_end(a, -ECANCELED, "the daemon ended while the prompt was being written");
    } else if (too_old(tree_house(a->tree), v)) {
        err_set(&e, 0,
                "the prompt had waited for longer than resend_max_age (%lld s) when the mount came back",
                (long long)tree_house(a->tree)->cfg->resend_max_age_s);
        asking_end(a, -ECANCELED, e.text);
    } else {
        resend(a, v);
    }
}

/* The directory whose files it was asked through; NULL where it is gone. */
static struct subject *home_of(struct tree *t, const struct recovered *v)
{
    struct model *m = house_model(tree_house(t), v->model);
    struct chat *c = v->chat ? chat_numbered(tree_house(t), v->chat) : NULL;

    if (!m || strcmp(model_config(m)->name, v->model) != 0 || (v->chat && !c))
        return NULL;
    return c ? subject_owned(t, SUBJECT_CHAT, c, c->uid) : subject_of(t, SUBJECT_MODEL, m);
}

static void recover(struct tree *t, struct recovered *v)
{
    struct subject *home = home_of(t, v);
    const struct chat *chat = home ? home_chat(home) : NULL;
    struct caller c = { .uid = v->uid };
    struct ancestry who;

    if (!home) {
        if (v->record)
            log_warning("a prompt waits in the store for the model %s, which is not configured", v->model);
        return;
    }
    /* The answer to show is in the transcript; one that was taken back is not. */
    if (chat && !chat->error && !v->record)
        return;
    binding_read(v->asker, &who);
    struct asking *a = asking_begin(t, home, v->pair, &c, &who);
    a->created = v->asked;
    if (v->record)
        go_on(a, v);
    else
        show(a, v);
}

void askings_recover(struct tree *t)
{
    struct house *h = tree_house(t);

    list_for_each(v, &h->recovered, struct recovered, link)
    {
        recover(t, v);
        recovered_free(v);
    }
}
