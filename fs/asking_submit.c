/* SPDX-License-Identifier: MIT */
/* How a draft becomes a prompt: its images are read, it is looked at, and it is given to the model. */
#include "fs/asking_inside.h"
#include "backend/base/utf8.h"
#include "backend/chat/chat.h"
#include "fs/tree_inside.h"

#include <errno.h>
#include <string.h>

/* ---- The prompt */

static int end_with(struct asking *a, int rc, struct err *e)
{
    asking_end(a, rc, e->text);
    return rc;
}

bool asking_blank(const struct buf *b)
{
    return b->len == strspn(buf_str(b), " \t\r\n\v\f");
}

static void take_whole(struct asking *a)
{
    if (a->whole.len == 0)
        return;
    buf_free(&a->draft);
    a->draft = a->whole;
    a->whole = (struct buf){ 0 };
}

static int look_at(const struct pair *pair, const struct buf *draft, struct err *e)
{
    size_t good = utf8_valid_len(draft->data, draft->len);

    if (good < draft->len)
        return err_set(e, -EINVAL,
                       "the prompt is not UTF-8: byte %zu cannot be read; convert it, for example with iconv",
                       good + 1);
    return pair->check && pair->check(draft->data, draft->len, e) < 0 ? -EINVAL : 0;
}

static int give(struct asking *a, struct prompt *p, struct err *e)
{
    /* What a close(2) has taken is taken, although the queue may have filled up while the disk was busy. */
    bool taken = a->resumed || a->saved;
    int rc = a->chat ? chat_take(a->chat, p, e) : 0;

    if (rc == 0)
        rc = taken ? model_resume(a->model, &p->x, e) : model_submit(a->model, &p->x, e);
    if (rc < 0 && p->chat)
        chat_leave(p->chat, p);
    return rc;
}

static int submit_now(struct asking *a, bool saved, struct err *e)
{
    struct buf *draft = &a->draft;

    if (a->prompt)
        return a->prompt->x.rc;
    take_whole(a);
    if (asking_blank(draft)) {
        err_set(e, 0, "the prompt was empty: nothing was asked, and the answer is empty");
        return end_with(a, 0, e);
    }
    if (draft->data[draft->len - 1] == '\n')
        draft->data[--draft->len] = '\0';
    int rc = look_at(a->pair, draft, e);
    if (rc < 0)
        return end_with(a, rc, e);
    struct prompt *p = prompt_create(tree_house(a->tree), a->uid, a->pair, draft);
    if ((rc = give(a, p, e)) < 0) {
        *draft = p->text;
        p->text = (struct buf){ 0 };
        exchange_unref(&p->x);
        return end_with(a, rc, e);
    }
    asking_take_prompt(a, p, saved);
    return 0;
}

/* ---- Images that a request names by paths. They are read before close(2) returns, as the asker may; what is stored and
 * sent has them in it. */

void asking_forget_images(struct asking *a)
{
    images_cancel(a->images);
    a->images = NULL;
    a->gathered = false;
    buf_free(&a->whole);
}

/* Who waits for its images and for the disk is answered by asking_saved_cb(), or here. */
static void submit_gathered(struct asking *a, int rc, const char *why)
{
    bool waited_for = a->awaited_by != NULL;
    bool saved = tree_house(a->tree)->cfg->durable && (a->submits_saved || waited_for);
    struct err e;

    err_set(&e, rc, "%s", why);
    if (rc < 0)
        asking_end(a, rc, why);
    else
        rc = submit_now(a, saved, &e);
    if (waited_for && (rc < 0 || !saved))
        asking_saved_cb(a, rc, e.text);
}

static void images_cb(void *arg, int rc, const char *why, struct buf *text)
{
    struct asking *a = arg;
    struct open_file *f = a->awaited_by;

    a->images = NULL;
    if (rc == 0) {
        a->gathered = true;
        a->whole = *text;
        *text = (struct buf){ 0 };
        asking_mind_held(a);
    }
    if (a->submits) {
        submit_gathered(a, rc, why);
    } else if (f) {
        a->awaited_by = NULL;
        ask_gathered(f, a, rc, why);
    }
}

int asking_gather(struct asking *a, struct err *e)
{
    struct house *h = tree_house(a->tree);

    if (a->images)
        return FILE_LATER;
    if (!a->rights || a->gathered || a->prompt)
        return 0;
    int rc =
        images_start(&a->images, h->loop, a->rights, &a->draft, (size_t)h->cfg->max_prompt, images_cb, a, e);
    a->gathered = rc == 0;
    return rc > 0 ? FILE_LATER : rc;
}

/* ---- Drafts */

void asking_save(struct asking *a)
{
    a->saved = true;
    record_draft(asking_record(a), a->whole.len ? &a->whole : &a->draft, asking_saved_cb, a);
}

void asking_written(struct asking *a)
{
    if (a->record && a->saved)
        record_written(a->record);
    a->saved = false;
    asking_forget_images(a);
    asking_mind_held(a);
}

static int submit(struct asking *a, bool saved, struct err *e)
{
    int rc = asking_gather(a, e);

    if (rc == 0)
        return submit_now(a, saved, e);
    if (rc < 0)
        return end_with(a, rc, e);
    a->submits = true;
    a->submits_saved |= saved;
    a->writer = NULL;
    return 0;
}

int asking_submit(struct asking *a, struct err *e)
{
    return submit(a, false, e);
}

int asking_submit_saved(struct asking *a, struct err *e)
{
    return submit(a, true, e);
}
