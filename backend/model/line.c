/* SPDX-License-Identifier: MIT */
/* Round robin without a list for each asker: a question gets the number of a round, one more than the last one that
 * its asker has in line, and rounds go out one after the other. Whoever has none in line joins the round that goes
 * out now, behind those who are in it already.
 *
 * Each search walks the line from the end that is near to what it looks for: one step for the only asker, all of
 * max_queue at the worst. */
#include "backend/model/line.h"

void line_init(struct line *l)
{
    *l = (struct line){ 0 };
    list_init(&l->waiting);
}

static bool goes_before(const struct exchange *a, const struct exchange *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority;
    return a->round != b->round ? a->round < b->round : a->turn < b->turn;
}

/* The round that goes out now. A question that waits for one job alone, or has lost one, may stay at the head while
 * others pass: whoever asks again and again must not join its old round each time. */
static uint64_t round_of_now(const struct line *l, int priority)
{
    list_for_each(w, &l->waiting, struct exchange, link)
    {
        if (w->priority == priority && !w->only && !w->losses)
            return w->round;
    }
    return l->round;
}

static uint64_t round_for(const struct line *l, const struct exchange *x)
{
    uint64_t now = round_of_now(l, x->priority);

    for (struct list *at = l->waiting.prev; at != &l->waiting; at = at->prev) {
        const struct exchange *w = container_of(at, struct exchange, link);
        if (w->priority == x->priority && w->asker == x->asker)
            return w->round + 1 > now ? w->round + 1 : now;
    }
    return now;
}

void line_put_back(struct line *l, struct exchange *x)
{
    struct list *at = l->waiting.prev;

    while (at != &l->waiting && goes_before(x, container_of(at, struct exchange, link)))
        at = at->prev;
    list_insert_after(at, &x->link);
}

void line_add(struct line *l, struct exchange *x)
{
    x->turn = ++l->turns;
    x->round = round_for(l, x);
    line_put_back(l, x);
}

void line_take(struct line *l, struct exchange *x)
{
    list_remove(&x->link);
    if (x->round > l->round)
        l->round = x->round;
}
