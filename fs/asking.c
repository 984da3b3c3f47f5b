/* SPDX-License-Identifier: MIT */
/* The life of an asking, from its draft on, and how long its answer is kept. */
#include "fs/asking_inside.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/chat/chat.h"
#include "backend/quota.h"
#include "fs/binding.h"
#include "fs/tree_inside.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Answers are kept for as long as somebody may read them, and within this: each user's script finds its own
 * last ones, and a model that is asked all day does not eat the laptop. Those that still wait, and those held
 * open, do not go. */
#define KEEP_COUNT 1000           /* askings of one model */
#define KEEP_BYTES (256ull << 20) /* their texts and answers */
#define KEEP_CHAT  1              /* of one conversation, whose transcript has them all */

struct chat *home_chat(const struct subject *home)
{
    return home->kind == SUBJECT_CHAT ? home->ptr : NULL;
}

struct model *home_model(const struct subject *home)
{
    return home->kind == SUBJECT_CHAT && home->ptr ? home_chat(home)->model : home->ptr;
}

bool asking_over(const struct asking *a)
{
    return a->prompt && prompt_over(a->prompt);
}

/* Its texts have grown. The sum is kept, because a walk over all askings at each new one is what a busy
 * model's users would wait for. */
static void weigh(struct asking *a)
{
    size_t now = a->prompt->text.cap + a->prompt->reply.cap;

    if (!list_linked(&a->link))
        return;
    a->home->askings_bytes += now - a->weighs;
    a->weighs = now;
}

static void hold(struct asking *a, size_t now)
{
    if (now != a->holds)
        quota_holds(tree_house(a->tree), a->uid, (int64_t)now - (int64_t)a->holds);
    a->holds = now;
}

void asking_mind_held(struct asking *a)
{
    size_t draft = a->draft.len + a->whole.len;

    hold(a, asking_over(a) ? 0 : a->prompt ? a->prompt->text.len : draft);
}

static void enlist(struct asking *a)
{
    list_append(askings_of(a->home), &a->link);
    a->home->n_askings++;
}

void asking_unlist(struct asking *a)
{
    struct subject *s = a->home;

    if (!list_linked(&a->link))
        return;
    s->n_askings--;
    s->askings_bytes -= a->weighs;
    list_remove(&a->link);
}

/* ---- What the store keeps */

struct record *asking_record(struct asking *a)
{
    struct buf chain = { 0 };

    if (a->record)
        return a->record;
    binding_write(a->asker, &chain);
    a->record =
        record_create(tree_house(a->tree), model_config(a->model)->name, a->uid, a->pair, buf_str(&chain));
    record_set_chat(a->record, a->chat ? a->chat->id : 0);
    buf_free(&chain);
    return a->record;
}

static void let_record_go(struct asking *a)
{
    record_forget(a->record, a);
    record_unref(a->record);
    a->record = NULL;
}

void asking_saved_cb(void *arg, int rc, const char *why)
{
    struct asking *a = arg;
    struct open_file *f = a->awaited_by;

    a->awaited_by = NULL;
    if (f)
        ask_saved(f, a, rc, why);
}

void asking_free(struct asking *a)
{
    let_record_go(a);
    asking_forget_images(a);
    asking_unlist(a);
    hold(a, 0);
    if (a->prompt) {
        a->prompt->changed = NULL;
        exchange_unref(&a->prompt->x);
    }
    subject_retire(a->tree, a->subject);
    subject_unref(a->tree, a->home, 1);
    buf_free(&a->draft);
    free(a->rights);
    free(a->asker);
    free(a);
}

static void let_old_ones_go(const struct subject *home)
{
    size_t most = home->kind == SUBJECT_CHAT ? KEEP_CHAT : KEEP_COUNT;

    list_for_each(a, &home->askings, struct asking, link)
    {
        if (home->n_askings <= most && home->askings_bytes <= KEEP_BYTES)
            return;
        if (asking_over(a) && !a->opens && !a->awaited_by)
            asking_free(a);
    }
}

struct asking *asking_begin(struct tree *t, struct subject *home, const struct pair *pair,
                            const struct caller *c, const struct ancestry *who)
{
    struct asking *a = NEW(struct asking);
    size_t used = offsetof(struct ancestry, chain) + who->n * sizeof who->chain[0];

    a->tree = t;
    a->home = home;
    subject_ref(home);
    a->model = home_model(home);
    a->chat = home_chat(home);
    a->pair = pair;
    a->uid = c->uid;
    a->asker = xcalloc(1, used); /* as long as the chain is: most are far shorter than the longest */
    memcpy(a->asker, who, used);
    a->created = wall_now();
    a->subject = subject_create(t, SUBJECT_ASKING, a);
    a->subject->uid = a->uid;
    waitq_init(&a->waiters, t);
    enlist(a);
    let_old_ones_go(home);
    return a;
}

static void prompt_changed_cb(void *arg)
{
    struct asking *a = arg;

    weigh(a);
    asking_mind_held(a);
    waitq_wake(&a->waiters);
}

static void begin_prompt(struct asking *a, struct prompt *p)
{
    p->changed = prompt_changed_cb;
    p->arg = a;
    a->prompt = p;
    a->writer = NULL;
    weigh(a);
    asking_mind_held(a);
}

/* The prompt has the asking's record from here on. One that was refused before a byte of it was written leaves no
 * trace: a loop that runs against a full queue would fill history with nothing. */
static void keep_prompt(struct asking *a, bool saved)
{
    if (!a->taken_back && a->prompt->text.len > 0)
        record_prompt(asking_record(a), a->prompt, saved ? asking_saved_cb : NULL, a);
}

void asking_take_prompt(struct asking *a, struct prompt *p, bool saved)
{
    begin_prompt(a, p);
    keep_prompt(a, saved);
    waitq_wake(&a->waiters);
}

void asking_end(struct asking *a, int rc, const char *why)
{
    bool reading = a->images != NULL;

    if (a->prompt)
        return;
    asking_forget_images(a);
    struct prompt *p = prompt_ended(tree_house(a->tree), a->uid, a->pair, &a->draft, rc, why);
    p->chat = a->taken_back ? NULL : a->chat;
    asking_take_prompt(a, p, false);
    prompt_settle(p);
    if (reading) /* it was cancelled under who waits for them */
        asking_saved_cb(a, rc, why);
}

void asking_drop(struct asking *a)
{
    a->taken_back = true;
    if (a->record)
        record_drop(a->record);
    let_record_go(a);
    /* Whoever waits for this draft must not wait for ever; whoever opens `reply` next is not bound to it. */
    if (a->opens) {
        asking_end(a, 0, "what was written was taken back before it was sent");
        asking_unlist(a);
        return;
    }
    asking_free(a);
}

void asking_open(struct asking *a)
{
    a->opens++;
}

void asking_close(struct asking *a)
{
    if (--a->opens == 0 && !list_linked(&a->link))
        asking_free(a);
}

bool asking_readable(const struct asking *a, uint64_t off)
{
    return asking_over(a) || (a->prompt && prompt_shown(a->prompt) > off);
}

int asking_read(struct asking *a, uint64_t off, size_t size, int flags, struct answer *out)
{
    const struct buf *reply = a->prompt ? &a->prompt->reply : &a->draft;
    size_t shown = a->prompt ? prompt_shown(a->prompt) : 0;

    if (!asking_readable(a, off)) {
        if (flags & O_NONBLOCK)
            return -EAGAIN;
        out->parked_on = &a->waiters;
        return 0;
    }
    if (off >= shown)
        return a->prompt->x.rc;
    out->data = reply->data + off;
    out->len = shown - off < size ? shown - off : size;
    return 0;
}
