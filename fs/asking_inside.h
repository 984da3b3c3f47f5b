/* SPDX-License-Identifier: MIT */
#ifndef FS_ASKING_INSIDE_H
#define FS_ASKING_INSIDE_H
#include "fs/asking.h"
/* What asking.c, asking_submit.c, askings.c and recover.c share. */

/* The asking becomes p's; it is kept, unless it is taken_back. saved: and ask_saved() is called when that is on disk. */
void asking_take_prompt(struct asking *a, struct prompt *p, bool saved);

bool asking_over(const struct asking *a); /* it has its whole answer */
void asking_free(struct asking *a);
void asking_unlist(struct asking *a); /* nobody is bound to it any more; it is freed at its last close */

/* Its question is another, or is answered: what it holds of its user's quota changes. */
void asking_mind_held(struct asking *a);

/* What the store has of it, made at the first call; and the answer to whoever waits for the store: ask_saved(). */
struct record *asking_record(struct asking *a);
void asking_saved_cb(void *arg, int rc, const char *why);

/* asking_submit.c: those that are being read, and those that were, are none of it any more. */
void asking_forget_images(struct asking *a);

/* askings.c: those of a directory, oldest first; a list also where there never was one. */
struct list *askings_of(struct subject *home);

#endif
