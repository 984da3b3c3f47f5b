/* SPDX-License-Identifier: MIT */
/* The askings of a directory: which one a caller is bound to, and their end. They hang below the subject of the directory, in the
 * order of their first write. */
#include "fs/asking_inside.h"
#include "backend/chat/chat.h"
#include "fs/binding.h"
#include "fs/tree_inside.h"

#include <errno.h>

struct list *askings_of(struct subject *home)
{
    if (!home->askings.next)
        list_init(&home->askings);
    return &home->askings;
}

struct asking *asking_bound(struct subject *home, const struct pair *pair, const struct caller *c,
                            struct ancestry *who)
{
    struct ancestry own;
    struct asking *best = NULL;
    struct list *askings = askings_of(home);
    size_t best_depth = 0; /* unrelated */

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

static struct asking *under_way(struct subject *home, const struct caller *c)
{
    for (size_t i = 0; all_pairs[i]; i++) {
        struct asking *a = asking_bound(home, all_pairs[i], c, NULL);
        if (a && !asking_over(a))
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

int asking_cancel(struct subject *home, const struct caller *c, struct err *e)
{
    struct asking *a = under_way(home, c);

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
        if (asking_over(a))
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
        if (!asking_over(a))
            return -EBUSY;
    }
    list_for_each(a, &home->askings, struct asking, link)
    {
        if (a->opens || a->awaited_by)
            asking_unlist(a);
        else
            asking_free(a);
    }
    return 0;
}

static void free_all(struct subject *home)
{
    list_for_each(a, askings_of(home), struct asking, link) asking_free(a);
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
