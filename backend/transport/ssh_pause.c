/* SPDX-License-Identifier: MIT */
/* See ssh_pause.h. */
#include "backend/transport/ssh_pause.h"

#include "backend/base/timer.h"

#define PAUSE_MS  1000
#define PAUSE_MAX 60000
#define FINAL_MS  10000 /* the least time between two attempts that fail for good */
#define STEADY_MS 10000 /* a link that was up for so long begins again with the first pause */

uint64_t ssh_pause_ms(int failures)
{
    uint64_t ms = PAUSE_MS;

    for (int i = 1; i < failures && ms < PAUSE_MAX; i++)
        ms *= 2;
    if (ms > PAUSE_MAX)
        ms = PAUSE_MAX;
    return ms - ms / 4 + uv_hrtime() / 1000 % (ms / 2);
}

void ssh_tries_failed(struct ssh_tries *t, uint64_t up_since)
{
    uint64_t now = mono_ms();

    if (up_since && now - up_since >= STEADY_MS)
        t->failures = 0;
    t->failures++;
    t->not_before = now + (t->last.final ? FINAL_MS : ssh_pause_ms(t->failures));
}
