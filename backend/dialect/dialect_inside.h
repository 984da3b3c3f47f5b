/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_DIALECT_INSIDE_H
#define BACKEND_DIALECT_INSIDE_H
#include <jansson.h>
#include <stdint.h>
#include "backend/dialect/answer.h"
#include "backend/dialect/dialect.h"
#include "backend/http/sse.h"
/* Private to this folder: what the translators of requests, the readers of engines' answers and the writers
 * of clients' answers share. */

/* What is asked for, in OpenAI's terms. */
enum pivot { PIVOT_CHAT, PIVOT_TEXT, PIVOT_EMBED };

/* A call that can be translated: a row of the table in dialect.c. */
struct call {
    const char *path;
    enum dialect_api api;

    /* Make d->pivot and d->request from the client's request, an object; set d->stream. */
    int (*request)(struct dialect *d, const json_t *asked, struct err *e);

    const char *stream_type;

    /* Of a stream, before everything else that is written; may be NULL. Once, with the first said() or
     * end(). */
    void (*begin)(struct dialect *d, struct buf *out);

    /* A piece of a stream; d->answer has it already. */
    int (*said)(struct dialect *d, const struct said *s, struct buf *out, struct err *e);

    int (*end)(struct dialect *d, struct buf *out, struct err *e);   /* of a stream */
    int (*whole)(struct dialect *d, struct buf *out, struct err *e); /* the one object */

    void (*fail)(struct dialect *d, int status, const char *text, struct buf *out); /* of a begun stream */
};

/* How an engine's body is cut into objects. */
enum form { FORM_NONE, FORM_EVENTS, FORM_LINES, FORM_WHOLE };

struct dialect {
    const struct call *call;
    bool from_ollama; /* the engine speaks Ollama's API alone */
    enum pivot pivot;
    bool stream;
    bool only_loads, unloads;
    bool no_thinking; /* the client asked for none: it is not shown */
    bool want_usage;  /* OpenAI's stream_options.include_usage */
    bool base64;      /* OpenAI's encoding_format of vectors */
    char *model;      /* as the client names it, or where it does not as dialect_asks() says; else "" */
    json_t *asked;    /* the client's request, where an answer repeats parts of it (Responses) */
    json_t *request;  /* the pivot; while it is made */
    struct buf body;

    /* read.c */
    enum form form;
    struct sse_reader *events;
    struct buf piece; /* FORM_LINES: the line under way; FORM_WHOLE: all of it */
    bool done;        /* the engine said that the answer is complete */
    struct buf *out;  /* while something is fed */
    int rc;           /* the first error; final */
    struct err err;

    struct answer answer;
    bool begun; /* the stream's begin() was written */

    /* Of the writers of streams. */
    size_t tools_written;        /* ollama_write.c */
    int open, n_blocks;          /* anthropic_write.c, responses_write.c: the block or item under way */
    size_t open_tool;            /* its tool */
    unsigned sequence;           /* responses_write.c */
    json_t *items;               /* likewise: those that are complete */
    size_t text_from, tool_from; /* likewise: where the open one's text begins in d->answer */
};

/* ---- dialect.c */

/* The readers say here what they find. Returns false once there was an error: stop. */
bool dialect_said(struct dialect *d, const struct said *s);

/* The same of a JSON string; of none, or of an empty one, nothing is said. kind is one of text. */
bool dialect_say(struct dialect *d, int kind, const json_t *v);
bool dialect_wrong(struct dialect *d, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---- read.c: the body of an engine's answer, in pieces. */
void read_reset(struct dialect *d);
void read_head(struct dialect *d, const char *type);
void read_feed(struct dialect *d, const char *data, size_t len); /* errors are in d->rc */
void read_end(struct dialect *d);

/* read_openai.c, read_ollama.c: one object of it. event: the type of the event, or "message". */
void read_openai(struct dialect *d, const char *event, const json_t *v);
void read_ollama(struct dialect *d, const json_t *v);

/* ---- Requests: the client's to the pivot, and the pivot to Ollama's. */
int ollama_chat_request(struct dialect *d, const json_t *asked, struct err *e);
int ollama_generate_request(struct dialect *d, const json_t *asked, struct err *e);
int ollama_embed_request(struct dialect *d, const json_t *asked, struct err *e);
int ollama_embeddings_request(struct dialect *d, const json_t *asked, struct err *e);
int anthropic_request(struct dialect *d, const json_t *asked, struct err *e);
int responses_request(struct dialect *d, const json_t *asked, struct err *e);
int openai_chat_request(struct dialect *d, const json_t *asked, struct err *e);
int openai_text_request(struct dialect *d, const json_t *asked, struct err *e);
int openai_embed_request(struct dialect *d, const json_t *asked, struct err *e);

/* The path and, in *out, a new request for an engine that speaks Ollama's API alone. */
const char *ollama_pivot_path(const struct dialect *d);
int ollama_pivot(const struct dialect *d, json_t **out, struct err *e);

/* ---- Writers, as the table of calls uses them. */
int ollama_said(struct dialect *d, const struct said *s, struct buf *out, struct err *e);
int ollama_end(struct dialect *d, struct buf *out, struct err *e);
int ollama_whole(struct dialect *d, struct buf *out, struct err *e);
int ollama_embed_whole(struct dialect *d, struct buf *out, struct err *e);
int ollama_embeddings_whole(struct dialect *d, struct buf *out, struct err *e);
void ollama_fail(struct dialect *d, int status, const char *text, struct buf *out);
void ollama_loaded(struct dialect *d, struct buf *out);

void anthropic_begin(struct dialect *d, struct buf *out);
int anthropic_said(struct dialect *d, const struct said *s, struct buf *out, struct err *e);
int anthropic_end(struct dialect *d, struct buf *out, struct err *e);
int anthropic_whole(struct dialect *d, struct buf *out, struct err *e);
void event_fail(struct dialect *d, int status, const char *text, struct buf *out);

void responses_begin(struct dialect *d, struct buf *out);
int responses_said(struct dialect *d, const struct said *s, struct buf *out, struct err *e);
int responses_end(struct dialect *d, struct buf *out, struct err *e);
int responses_whole(struct dialect *d, struct buf *out, struct err *e);
void responses_fail(struct dialect *d, int status, const char *text, struct buf *out);

void openai_begin(struct dialect *d, struct buf *out);
int openai_said(struct dialect *d, const struct said *s, struct buf *out, struct err *e);
int openai_end(struct dialect *d, struct buf *out, struct err *e);
int openai_whole(struct dialect *d, struct buf *out, struct err *e);
int openai_embed_whole(struct dialect *d, struct buf *out, struct err *e);

#endif
