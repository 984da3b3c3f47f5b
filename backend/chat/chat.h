/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_CHAT_H
#define BACKEND_CHAT_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include <jansson.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
#include "backend/base/list.h"
#include "backend/chat/chat_messages.h"
#include "backend/pair.h"
/* Conversations: the directories of a model's chats/, each of one user. A chat has messages, which each of its questions
 * brings along, and a queue of questions, of which one at a time is the engine's; so each sees the answers before it. A
 * question and its answer become messages together, when the answer is whole and was given to the store, and before its readers are told
 * of its end. What a chat is stands in the store and in memory alike. Loop thread. */

struct house;
struct model;
struct prompt;
struct settings;
struct store_op;

enum chat_state { CHAT_IDLE, CHAT_WAITING, CHAT_STREAMING, CHAT_FAILED };

struct chat {
    struct list link;                     /* in its shelf, by age */
    struct chat *next_name, *next_number; /* chats.c's own */
    struct chat_shelf *shelf;             /* likewise */
    struct house *house;
    struct model *model;
    uid_t uid;
    int64_t id; /* in the store; never used again */
    char *name;
    struct settings *settings; /* NULL while the model's count: chat_settings() */
    struct messages messages;
    size_t given;      /* messages that it began with, and not by asking */
    struct list queue; /* struct prompt.chat_link: asked and not over, first asked first */
    enum chat_state state;
    struct timespec since;                    /* of the state */
    struct timespec changed;                  /* of the messages */
    int64_t prompt_tokens, completion_tokens; /* of all its turns */
    /* Of the last turn: tokens of its request and answer, and bytes of the same; 0 = not known. */
    int64_t used, used_bytes;
    int64_t limit;   /* tokens, as an engine's refusal told it; 0 = it has not */
    char *limit_job; /* whose engine that was, "<cluster>.<id>": for another it says nothing. NULL = none */
    char *error;   /* why the last question failed, or what was last refused; NULL = nothing */
    char *failed;  /* the question that failed last, unless one came after it; NULL else */
};

/* ---- The set of them: chats.c */

void chats_load(struct house *h);  /* those of earlier mounts; before history_start() */
void chats_close(struct house *h); /* when no question is left; they stay in the store */

struct chat *chat_find(struct house *h, const struct model *m, uid_t uid, const char *name); /* or NULL */
struct chat *chat_numbered(struct house *h, int64_t id);                                     /* or NULL */
void chat_each(struct house *h, const struct model *m, uid_t uid, void (*each)(void *arg, struct chat *c),
               void *arg);
uint64_t chats_stored(struct house *h, uid_t uid); /* bytes of all of this user's: chat_stored() */
void chat_each_of_all(struct house *h, void (*each)(void *arg, struct chat *c), void *arg);

/* The name is free. -EDQUOT: the user has too many; -ENOSPC, ..: the disk takes nothing. */
int chat_create(struct house *h, struct model *m, uid_t uid, const char *name, struct chat **out,
                struct err *e);
int chat_fork(struct chat *c, const char *name, struct err *e); /* likewise, with the messages so far */
void chat_rename(struct chat *c, const char *name);             /* likewise */
int chat_destroy(struct chat *c);                               /* -EBUSY while a question is not over */

/* ---- Asking */

/* Can this be its next question? 0; -EINVAL: never; -ENODATA: not yet, it stops short; with the sentence. Where the last answer
 * called tools, an object is to be what they said (messages_results()). */
int chat_check(const struct chat *c, const char *text, size_t len, struct err *e);

/* p is its next question, and is about to be submitted. -EBUSY: too many wait; -EFBIG: its context is full; -EINVAL: see
 * chat_check(); with the sentence. */
int chat_take(struct chat *c, struct prompt *p, struct err *e);
void chat_leave(struct chat *c, struct prompt *p); /* it was not submitted after all */

/* ---- for prompt.c and record.c */

/* What the request of p has beside its text. before is appended to; d borrows from it and from the chat. */
void chat_request(struct chat *c, struct prompt *p, struct request_defaults *d, struct buf *before);
void chat_moved(struct chat *c);                  /* a question of it changed its state */
void chat_over(struct chat *c, struct prompt *p); /* nothing of p comes any more, and it may be seen */
/* p has ended: what the store is to know of it goes into the operation that stores its end. */
void chat_add_end(struct chat *c, struct prompt *p, struct store_op *op);

/* ---- Its files */

struct settings *chat_settings(struct chat *c);
uint64_t chat_copied(const struct chat *c); /* bytes that a fork has: its messages, and its own system and params */
uint64_t chat_stored(const struct chat *c); /* these, and the questions that wait or have failed */
json_t *chat_status(const struct chat *c); /* a new reference */

/* Something was refused, whose sentence `error` is to show. */
void chat_complain(struct chat *c, const char *text);

/* May transcript.json be written? 0, or -EBUSY, -EPERM with the sentence. */
int chat_may_begin(const struct chat *c, struct err *e);
/* Begin it with these messages (messages_parse()). */
int chat_begin(struct chat *c, const char *text, size_t len, struct err *e);

/* The last question, taken back to be asked again. -EBUSY, -ENOENT. */
int chat_again(struct chat *c, struct buf *text, struct err *e);
/* Take back the last turn; or, where the last question failed, no more than that. -EBUSY, -ENOENT. */
int chat_undo(struct chat *c, struct err *e);

/* ---- chat_context.c: tokens, as far as they can be guessed. Pure but for what it reads of the chat. */

int64_t chat_limit(const struct chat *c); /* of the context, in tokens; 0 = not known */
/* -EFBIG with the figures: a question of so many bytes has no room, and nothing may be dropped. */
int chat_fits(const struct chat *c, size_t bytes, struct err *e);
/* The first message that goes along with a question of so many bytes; one of the system in front goes along always. */
size_t chat_first(const struct chat *c, size_t bytes);
/* The first message that goes along with p, a question of it. */
size_t chat_goes_from(const struct chat *c, const struct prompt *p);
/* The engine of this job has refused with this text: true where it named its limit. */
bool chat_learn_limit(struct chat *c, const char *job_name, const char *text);
/* The same of p, which has its messages there: is it to be asked again, with fewer of them? */
bool chat_shortens(struct chat *c, struct prompt *p, const char *text);

#endif
