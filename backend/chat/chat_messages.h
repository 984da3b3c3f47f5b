/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_CHAT_MESSAGES_H
#define BACKEND_CHAT_MESSAGES_H
#include <stdbool.h>
#include <stddef.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* The messages of a conversation, each as the JSON object that engines get (OpenAI API reference, "Create chat
 * completion", messages), and the two forms in which people read them. Pure. */

enum role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL };

struct message {
    char *json;
    enum role role;
    size_t json_len, text_len; /* bytes of the object, and of its part of the Markdown */
};

struct messages {
    struct message *v;
    size_t n, cap;
    size_t json_len, text_len; /* sums of these */
};

void messages_finish(struct messages *m);        /* back to the zeroed struct */
void messages_cut(struct messages *m, size_t n); /* keep the first n */
void messages_copy(struct messages *to, const struct messages *from, size_t n); /* the first n are added */
void messages_add_text(struct messages *m, enum role role, const char *text, size_t len);
int messages_add_json(struct messages *m, const char *json); /* -EINVAL: it is no message */

/* A JSON array that somebody wrote, added. 0; -EINVAL: it is none; -ENODATA: it stops short; with the sentence. m may be
 * NULL: then it is only looked at. */
int messages_parse(struct messages *m, const char *text, size_t len, struct err *e);

/* The first message of the last turn: the user's last one. n where there is none. */
size_t messages_last_turn(const struct messages *m);
size_t messages_turns(const struct messages *m); /* answers that are texts */

/* Appends what a message says; nothing where that is no text. */
void messages_text(const struct messages *m, size_t at, struct buf *out);

/* ", " between them, from the one at first on. */
void messages_join(const struct messages *m, size_t first, struct buf *out);
/* One JSON array, a message a line, and so many bytes. */
void messages_array(const struct messages *m, struct buf *out);
size_t messages_array_len(const struct messages *m);
/* Markdown: a heading for each, text_len bytes in all. */
void messages_markdown(const struct messages *m, struct buf *out);

#endif
