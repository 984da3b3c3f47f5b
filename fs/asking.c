/* SPDX-License-Identifier: MIT */
/* The askings of each model and conversation: which one a caller is bound to, how a draft becomes a prompt, and how long
 * an answer is kept. They hang below the subject of its directory, in the order of their first write. */
#include "fs/asking_inside.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/base/utf8.h"
#include "backend/chat/chat.h"
#include "backend/quota.h"
#include "fs/binding.h"
#include "fs/tree_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Answers are kept for as long as somebody may read them, and within this: each user's script finds its own
 * last ones, and a model that is asked all day does not eat the laptop. Those that still wait, and those held
 * open, do not go. */
#define KEEP_COUNT 1000           /* askings of one model */
#define KEEP_BYTES (256ull << 20) /* their texts and answers */
#define KEEP_CHAT  1              /* of one conversation, whose transcript has them all */

static struct list *askings_of(struct subject *home)
{
    if (!home->askings.next)
        list_init(&home->askings);
    return &home->askings;
}

struct chat *home_chat(const struct subject *home)
{
    return home->kind == SUBJECT_CHAT ? home->ptr : NULL;
}

struct model *home_model(const struct subject *home)
{
    return home->kind == SUBJECT_CHAT && home->ptr ? home_chat(home)->model : home->ptr;
}

static bool ended(const struct asking *a)
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

/* Its question is another, or is answered. */
static void mind_held(struct asking *a)
{
    size_t draft = a->draft.len + a->whole.len;

    hold(a, ended(a) ? 0 : a->prompt ? a->prompt->text.len : draft);
}

static void enlist(struct asking *a)
{
    list_append(askings_of(a->home), &a->link);
    a->home->n_askings++;
}

static void unlist(struct asking *a)
{
    struct subject *s = a->home;

    if (!list_linked(&a->link))
        return;
    s->n_askings--;
    s->askings_bytes -= a->weighs;
    list_remove(&a->link);
}

/* ---- What the store keeps */

static struct record *record_of(struct asking *a)
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

static void saved_cb(void *arg, int rc, const char *why)
{
    struct asking *a = arg;
    struct open_file *f = a->awaited_by;

    a->awaited_by = NULL;
    if (f)
        ask_saved(f, a, rc, why);
}

/* ---- Images that a request names by paths. They are read before close(2) returns, as the asker may; what is stored and
 * sent has them in it. */

static void forget_images(struct asking *a)
{
    images_cancel(a->images);
    a->images = NULL;
    a->gathered = false;
    buf_free(&a->whole);
}

static int submit_now(struct asking *a, bool saved, struct err *e);

/* Who waits for its images and for the disk is answered by saved_cb(), or here. */
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
        saved_cb(a, rc, e.text);
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
        mind_held(a);
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

void asking_save(struct asking *a)
{
    a->saved = true;
    record_draft(record_of(a), a->whole.len ? &a->whole : &a->draft, saved_cb, a);
}

void asking_written(struct asking *a)
{
    if (a->record && a->saved)
        record_written(a->record);
    a->saved = false;
    forget_images(a);
    mind_held(a);
}

static void free_asking(struct asking *a)
{
    let_record_go(a);
    forget_images(a);
    unlist(a);
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
        if (ended(a) && !a->opens && !a->awaited_by)
            free_asking(a);
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
    mind_held(a);
    waitq_wake(&a->waiters);
}

static void begin_prompt(struct asking *a, struct prompt *p)
{
    p->changed = prompt_changed_cb;
    p->arg = a;
    a->prompt = p;
    a->writer = NULL;
    weigh(a);
    mind_held(a);
}

/* The prompt has the asking's record from here on. One that was refused before a byte of it was written leaves no
 * trace: a loop that runs against a full queue would fill history with nothing. */
static void keep_prompt(struct asking *a, bool saved)
{
    if (!a->taken_back && a->prompt->text.len > 0)
        record_prompt(record_of(a), a->prompt, saved ? saved_cb : NULL, a);
}

void asking_take_prompt(struct asking *a, struct prompt *p)
{
    begin_prompt(a, p);
    keep_prompt(a, false);
    waitq_wake(&a->waiters);
}

void asking_end(struct asking *a, int rc, const char *why)
{
    bool reading = a->images != NULL;

    if (a->prompt)
        return;
    forget_images(a);
    struct prompt *p = prompt_ended(tree_house(a->tree), a->uid, a->pair, &a->draft, rc, why);
    p->chat = a->taken_back ? NULL : a->chat;
    asking_take_prompt(a, p);
    prompt_settle(p);
    if (reading) /* it was cancelled under who waits for them */
        saved_cb(a, rc, why);
}

static int end_with(struct asking *a, int rc, struct err *e)
{
    asking_end(a, rc, e->text);
    return rc;
}

static int refuse_bytes(struct asking *a, size_t good, struct err *e)
{
    err_set(e, 0, "the prompt is not UTF-8: byte %zu cannot be read; convert it, for example with iconv",
            good + 1);
    return end_with(a, -EINVAL, e);
}

static bool blank(const struct buf *b)
{
    return b->len == strspn(buf_str(b), " \t\r\n\v\f");
}

static int submit_now(struct asking *a, bool saved, struct err *e)
{
    struct buf *draft = &a->draft;

    if (a->prompt)
        return a->prompt->x.rc;
    if (a->whole.len) {
        buf_free(draft);
        *draft = a->whole;
        a->whole = (struct buf){ 0 };
    }
    if (blank(draft)) {
        err_set(e, 0, "the prompt was empty: nothing was asked, and the answer is empty");
        return end_with(a, 0, e);
    }
    if (draft->data[draft->len - 1] == '\n')
        draft->data[--draft->len] = '\0';
    size_t good = utf8_valid_len(draft->data, draft->len);
    if (good < draft->len)
        return refuse_bytes(a, good, e);
    if (a->pair->check && a->pair->check(draft->data, draft->len, e) < 0)
        return end_with(a, -EINVAL, e);

    struct prompt *p = prompt_create(tree_house(a->tree), a->uid, a->pair, draft);
    /* What a close(2) has taken is taken, although the queue may have filled up while the disk was busy. */
    bool taken = a->resumed || a->saved;
    int rc = a->chat ? chat_take(a->chat, p, e) : 0;
    if (rc == 0)
        rc = taken ? model_resume(a->model, &p->x, e) : model_submit(a->model, &p->x, e);
    if (rc < 0) {
        if (p->chat)
            chat_leave(p->chat, p);
        a->draft = p->text;
        p->text = (struct buf){ 0 };
        exchange_unref(&p->x);
        return end_with(a, rc, e);
    }
    begin_prompt(a, p);
    keep_prompt(a, saved);
    waitq_wake(&a->waiters);
    return 0;
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

void asking_drop(struct asking *a)
{
    a->taken_back = true;
    if (a->record)
        record_drop(a->record);
    let_record_go(a);
    /* Whoever waits for this draft must not wait for ever; whoever opens `reply` next is not bound to it. */
    if (a->opens) {
        asking_end(a, 0, "what was written was taken back before it was sent");
        unlist(a);
        return;
    }
    free_asking(a);
}

void asking_open(struct asking *a)
{
    a->opens++;
}

void asking_close(struct asking *a)
{
    if (--a->opens == 0 && !list_linked(&a->link))
        free_asking(a);
}

bool asking_readable(const struct asking *a, uint64_t off)
{
    return ended(a) || (a->prompt && prompt_shown(a->prompt) > off);
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

struct asking *asking_bound(struct tree *t, struct subject *home, const struct pair *pair,
                            const struct caller *c, struct ancestry *who)
{
    struct ancestry own;
    struct asking *best = NULL;
    struct list *askings = askings_of(home);
    size_t best_depth = 0; /* unrelated */

    (void)t;
    if (!who)
        who = &own;
    ancestry_read(c->pid, who);
    if (home->kind == SUBJECT_CHAT)
        return list_empty(askings) ? NULL : container_of(askings->prev, struct asking, link);
    /* From the latest on: of those equally near it is the one that counts, and none is nearer than the reader
     * itself. */
    for (struct list *at = askings->prev; at != askings && best_depth < who->n; at = at->prev) {
        struct asking *a = container_of(at, struct asking, link);
        bool fits = a->uid == c->uid && (!pair || a->pair == pair);
        size_t depth = fits ? binding_depth(a->asker, who) : 0;
        if (depth > best_depth) {
            best = a;
            best_depth = depth;
        }
    }
    return best;
}

/* ---- Ending them from outside */

static struct asking *under_way(struct tree *t, struct subject *home, const struct caller *c)
{
    for (size_t i = 0; all_pairs[i]; i++) {
        struct asking *a = asking_bound(t, home, all_pairs[i], c, NULL);
        if (a && !ended(a))
            return a;
    }
    return NULL;
}

static void cancel(struct asking *a)
{
    static const char why[] = "cancelled through `ctl`";

    if (a->prompt)
        exchange_cancel(&a->prompt->x, why);
    else
        asking_end(a, -ECANCELED, why);
}

int asking_cancel(struct tree *t, struct subject *home, const struct caller *c, struct err *e)
{
    struct asking *a = under_way(t, home, c);

    if (!a)
        return err_set(e, -ENOENT,
                       "nothing that you asked is under way here; "
                       "`cancel all` ends all that your user has asked");
    cancel(a);
    return 0;
}

/* The last one first: the others then find nobody behind them whose turn it would be. */
int askings_cancel(struct subject *home, struct err *e)
{
    struct list *askings = askings_of(home);
    int n = 0;

    for (struct list *at = askings->prev, *before; at != askings; at = before) {
        struct asking *a = container_of(at, struct asking, link);
        before = at->prev;
        if (ended(a))
            continue;
        cancel(a);
        n++;
    }
    return n ? 0 : err_set(e, -ENOENT, "nothing is under way in this conversation");
}

int askings_let_go(struct subject *home)
{
    list_for_each(a, askings_of(home), struct asking, link)
    {
        if (!ended(a))
            return -EBUSY;
    }
    list_for_each(a, &home->askings, struct asking, link)
    {
        if (a->opens || a->awaited_by)
            unlist(a);
        else
            free_asking(a);
    }
    return 0;
}

static void free_all(struct subject *home)
{
    list_for_each(a, askings_of(home), struct asking, link) free_asking(a);
}

static void free_of_chat(void *arg, struct chat *c)
{
    free_all(subject_owned(arg, SUBJECT_CHAT, c, c->uid));
}

void askings_destroy(struct tree *t)
{
    struct house *h = tree_house(t);

    for (size_t i = 0; i < h->cfg->n_models; i++)
        free_all(subject_of(t, SUBJECT_MODEL, h->models[i]));
    chat_each_of_all(h, free_of_chat, t);
}
