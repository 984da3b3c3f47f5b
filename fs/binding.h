/* SPDX-License-Identifier: MIT */
#ifndef FS_BINDING_H
#define FS_BINDING_H
#include "backend/base/buf.h"
#include "fs/caller.h"
/* Which of several askers a reader belongs to, decided from two chains of parents alone (CONTRACT.md 4.1).
 * Pure. */

/* How near two callers are: 0 = not related, else the larger the closer (the number of ancestors that lie
 * above the deepest common one, itself included). A common ancestor counts only if it belongs to the
 * asker's or the reader's session, so that two terminals never meet in the program that started both. */
size_t binding_depth(const struct ancestry *asker, const struct ancestry *reader);

/* Is p (by pid and start time) in the chain? */
bool ancestry_has(const struct ancestry *chain, const struct ancestor *p);

/* The chain as one line of text, which the store keeps; and back: what is none is an empty chain, which binds
 * nobody. */
void binding_write(const struct ancestry *chain, struct buf *out);
void binding_read(const char *text, struct ancestry *out);

#endif
