/* SPDX-License-Identifier: MIT */
#ifndef FS_ASKING_INSIDE_H
#define FS_ASKING_INSIDE_H
#include "fs/asking.h"
/* What asking.c and recover.c share. */

/* The asking becomes p's, which is over; it is kept, unless it is taken_back. */
void asking_take_prompt(struct asking *a, struct prompt *p);

#endif
