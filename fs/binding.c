/* SPDX-License-Identifier: MIT */
#include "fs/binding.h"

#include <inttypes.h>
#include <stdio.h>

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
 * every daemonised process, whatever their sessions: what lies below it meets there only where init itself asks or reads. */
static bool meets(const struct ancestor *common, const struct ancestor *asker, const struct ancestor *reader)
{
    if (common->pid == 1 && common->sid == 0 && asker->pid != 1 && reader->pid != 1)
        return false;
    return common->sid == asker->sid || common->sid == reader->sid;
}

size_t binding_depth(const struct ancestry *asker, const struct ancestry *reader)
{
    if (asker->n == 0 || reader->n == 0)
        return 0;
    for (size_t i = 0; i < reader->n; i++)
        if (ancestry_has(asker, &reader->chain[i]))
            return meets(&reader->chain[i], &asker->chain[0], &reader->chain[0]) ? reader->n - i : 0;
    return 0;
}

void binding_write(const struct ancestry *chain, struct buf *out)
{
    for (size_t i = 0; i < chain->n; i++)
        buf_addf(out, "%d/%d/%" PRIu64 " ", (int)chain->chain[i].pid, (int)chain->chain[i].sid,
                 chain->chain[i].start);
}

void binding_read(const char *text, struct ancestry *out)
{
    int pid, sid, used;
    uint64_t start;

    for (out->n = 0; out->n < ANCESTRY_MAX; text += used) {
        if (sscanf(text, "%d/%d/%" SCNu64 " %n", &pid, &sid, &start, &used) != 3)
            return;
        out->chain[out->n++] = (struct ancestor){ .pid = pid, .sid = sid, .start = start };
    }
}
