/* SPDX-License-Identifier: MIT */
/* See ssh_pause.h. */
#include "backend/transport/ssh_pause.h"

#include <uv.h>

#define PAUSE_MS  1000
#define PAUSE_MAX 60000

uint64_t ssh_pause_ms(int failures)
{
    uint64_t ms = PAUSE_MS;

    for (int i = 1; i < failures && ms < PAUSE_MAX; i++)
        ms *= 2;
    if (ms > PAUSE_MAX)
        ms = PAUSE_MAX;
    return ms - ms / 4 + uv_hrtime() / 1000 % (ms / 2);
}
