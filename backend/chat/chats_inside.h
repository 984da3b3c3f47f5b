/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_CHATS_INSIDE_H
#define BACKEND_CHATS_INSIDE_H
#include "backend/chat/chat.h"
#include "backend/store/store.h"
/* What chat.c (the life of one), chats.c (the set of them) and chat_store.c (their rows) share. */

struct chat *chats_new(struct house *h, struct model *m, uid_t uid, const char *name, int64_t id);

/* chat_store.c: the row as it is now. */
void chat_put(const struct chat *c, struct store_op *op);
/* The messages from the one at `at` on are those of m from its `first` on, and no others. */
void chat_put_messages(const struct chat *c, struct store_op *op, size_t at, const struct messages *m,
                       size_t first);
void chat_put_copies(const struct chat *c, struct store_op *op, const struct chat *of, size_t n);
void chat_delete(const struct chat *c, struct store_op *op);
void chats_read(struct house *h); /* all that the store has */

/* The store keeps what its settings are; chat is a struct chat. */
void chat_settings_changed(void *chat);

#endif
