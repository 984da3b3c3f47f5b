/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_DIALECT_H
#define BACKEND_DIALECT_H
#include <stdbool.h>
#include <stddef.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* A question in the words of one API, for an engine that understands another one. A request is translated
 * whole, its answer piece by piece as it comes: JSON in, JSON out; nothing here knows sockets or doors.
 *
 * Every request becomes a chat completion, a completion or an embedding as OpenAI writes them (the pivot),
 * and from there Ollama's where the engine speaks that alone. An answer is read into what it says (text,
 * thinking, tool calls, vectors, figures) and written by the API that was called. */

/* APIs, as bits of a set. Sources, all as of late 2025: OpenAI API reference, "Chat", "Completions",
 * "Embeddings" and "Responses"; ollama/ollama docs/api.md; Anthropic API reference, "Messages". */
enum dialect_api {
    DIALECT_OPENAI = 1,
    DIALECT_OLLAMA = 2,
    DIALECT_ANTHROPIC = 4, /* /v1/messages */
    DIALECT_RESPONSES = 8, /* /v1/responses */
};

/* Which API a request path is of, query and prefixes like /<model> or /jobs/<name> included; DIALECT_OPENAI
 * for all that is none of the others. */
enum dialect_api dialect_api_of(const char *path);

/* Append the JSON of an error in the shape of the API. status is HTTP's. */
void dialect_error(struct buf *out, enum dialect_api api, int status, const char *text);

struct dialect; /* one question and its answer */

/* Bytes of a request that is translated: it is built in memory, at several times its size. Beside it goes
 * max_body, which holds for all requests. */
#define DIALECT_REQUEST_MAX (64 << 20)

/* Bytes of an answer that is one object, or of all that a streamed one says. */
#define DIALECT_ANSWER_MAX (64 << 20)

/* path    as the engine would see it
 * speaks  the APIs of the engine, bits of enum dialect_api
 * *out    NULL where nothing has to be translated: the engine speaks the API, or the path is no question
 * Returns 0; -EINVAL with a sentence for a request that cannot be translated; -EFBIG beyond
 * DIALECT_REQUEST_MAX. */
int dialect_create(struct dialect **out, const char *path, unsigned speaks, const char *body, size_t len,
                   struct err *e);
bool dialect_translates(const char *path, unsigned speaks); /* it would not be NULL for a question */
/* A question that names no model was asked of this one: its answer says so. */
void dialect_asks(struct dialect *d, const char *model);
void dialect_destroy(struct dialect *d); /* NULL is allowed */

/* ---- The request, for the engine. */

const char *dialect_path(const struct dialect *d);
void dialect_take_body(struct dialect *d, struct buf *out); /* once; out was empty */

/* Ollama's programs send a request without a question to have a model loaded (or, with keep_alive 0,
 * unloaded). Such a one has no path and no body for an engine: dialect_loaded() writes its answer. */
bool dialect_only_loads(const struct dialect *d);
bool dialect_unloads(const struct dialect *d);
void dialect_loaded(struct dialect *d, struct buf *out);

/* ---- The answer, for the client. */

bool dialect_streams(const struct dialect *d);     /* events or lines were asked for, else one object */
const char *dialect_type(const struct dialect *d); /* its Content-Type */

/* It is sent now, again after a loss: what was read so far of an answer is forgotten. */
void dialect_sent(struct dialect *d);

/* The answer begins, with status 200. type: its Content-Type, may be NULL. */
void dialect_head(struct dialect *d, const char *type);

/* A piece of the engine's body; what the client gets for it is appended to out: nothing before the first
 * text of an answer, and for an answer that is one object nothing before dialect_end(). After an error
 * nothing more is fed: -EIO with the engine's own message for an error in the stream, -EPROTO for what is no
 * answer, among it an event of more than 1 MiB, -EFBIG beyond DIALECT_ANSWER_MAX. */
int dialect_feed(struct dialect *d, const char *data, size_t len, struct buf *out, struct err *e);

/* The engine's body is over. -ECONNRESET for an answer that stops short, else as above. */
int dialect_end(struct dialect *d, struct buf *out, struct err *e);

/* A stream of which the client has a part ends with an error: append it as the API says it. */
void dialect_fail(struct dialect *d, int status, const char *text, struct buf *out);

#endif
