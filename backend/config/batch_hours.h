/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_BATCH_HOURS_H
#define BACKEND_BATCH_HOURS_H
#include <stdbool.h>
#include <time.h>
#include "backend/base/err.h"
/* The key `hours` of [batch]: when lines are sent, by the clock on the wall of this machine. Pure. */

/* "" (always) or "HH:MM-HH:MM", which may go over midnight. 0, or -EINVAL with what it must be. */
int batch_hours_check(const char *text, struct err *e);

/* text  what batch_hours_check() let pass
 * now   the local time of day */
bool batch_hours_hold(const char *text, const struct tm *now);

#endif
