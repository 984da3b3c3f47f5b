/* SPDX-License-Identifier: MIT */
#include "fs/binding.h"

static bool same(const struct ancestor *a, const struct ancestor *b)
{
    return a->pid == b->pid && a->start == b->start;
}

bool ancestry_has(const struct ancestry *chain, const struct ancestor *p)
{
    for (size_t i = 0; i < chain->n; i++)
        if (same(&chain->chain[i], p))
            return true;
    return false;
}

/* An init that has begun no session (session 0, as in some containers and virtual machines) is the parent of
 * every daemonised process, and session 0 is nobody's terminal: only callers that are both of session 0 meet
 * there, and in init itself none but its own doings. */
static bool meets(const struct ancestor *common, const struct ancestry *asker, const struct ancestry *reader)
{
    const struct ancestor *a = &asker->chain[0], *r = &reader->chain[0];

    if (common->sid == 0)
        return a->sid == 0 && r->sid == 0 && (common->pid != 1 || a->pid == 1 || r->pid == 1);
    return common->sid == a->sid || common->sid == r->sid;
}

size_t binding_depth(const struct ancestry *asker, const struct ancestry *reader)
{
    if (asker->n == 0 || reader->n == 0)
        return 0;
    for (size_t i = 0; i < reader->n; i++)
        if (ancestry_has(asker, &reader->chain[i]))
            return meets(&reader->chain[i], asker, reader) ? reader->n - i : 0;
    return 0;
}
