/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_CHAT_MESSAGES_H
#define BACKEND_CHAT_MESSAGES_H
#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* The messages of a conversation, each as the JSON object that engines get (OpenAI API reference, "Create chat
 * completion", messages), and the two forms in which people read them. Pure. */

enum role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL };

struct message {
    char *json;
    enum role role;
    bool calls;                /* it calls tools */
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
void messages_add_object(struct messages *m, const json_t *message);

/* What an assistant said, and the tools that it calls with it; calls may be NULL. */
void messages_add_answer(struct messages *m, const char *text, size_t len, const json_t *calls);

/* The role that a message names; NULL: none that there is. `developer` is the system's too. */
struct role_name {
    const char *word, *heading;
    enum role role;
};
const struct role_name *messages_role(const json_t *message);

/* ---- chat_check.c: messages that somebody wrote. m and out may be NULL: then they are only looked at. */

/* A JSON array, added. 0; -EINVAL: it is none; -ENODATA: it stops short; with the sentence. */
int messages_parse(struct messages *m, const char *text, size_t len, struct err *e);

/* Where the last message calls tools: is this what all of them said, as one object, an array, or an object a line? 1: it is, and is
 * added to out; 0: it is a text as any; -EINVAL: it is to be that and is not; -ENODATA: it stops short; with the sentence. */
int messages_results(const struct messages *m, const char *text, size_t len, struct messages *out,
                     struct err *e);

/* ---- What there is */

/* The first message of the last turn: the user's last one. n where there is none. */
size_t messages_last_turn(const struct messages *m);
size_t messages_turns(const struct messages *m); /* answers that are texts */

/* Appends what a message says, and the tools that it calls as `reply` has them; nothing where that is no text. */
void messages_text(const struct messages *m, size_t at, struct buf *out);

/* ", " between them, from the one at first on. */
void messages_join(const struct messages *m, size_t first, struct buf *out);
/* One JSON array, a message a line, and so many bytes. */
void messages_array(const struct messages *m, struct buf *out);
size_t messages_array_len(const struct messages *m);
/* Markdown: a heading for each, text_len bytes in all. */
void messages_markdown(const struct messages *m, struct buf *out);

#endif
