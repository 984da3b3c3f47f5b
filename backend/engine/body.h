/* SPDX-License-Identifier: MIT */
#ifndef ENGINE_BODY_H
#define ENGINE_BODY_H
#include "backend/pair.h"
/* Bodies of requests: what is written into a file, as the engine gets it. The functions are those of struct pair. */

/* RFC 8259 section 7: what must be escaped, and nothing else. */
void body_add_string(struct buf *b, const char *s, size_t len);

/* request_body.c: JSON that somebody writes. 0 and a new reference; -EINVAL: it is none; -ENODATA: it stops short. what
 * it is begins the sentence. */
int body_parse(const char *text, size_t len, const char *what, json_t **out, struct err *e);

/* chat_request.c: a text, asked in OpenAI's chat dialect; streamed, with usage asked for. */
void prompt_body(const char *text, size_t len, const struct request_defaults *d, struct buf *out);

/* request_body.c: a chat request that somebody wrote. The model is set; what the defaults have and it has not is added. */
int request_check(const char *text, size_t len, struct err *e);
void request_body(const char *text, size_t len, const struct request_defaults *d, struct buf *out);
void request_add_defaults(json_t *v, const struct request_defaults *d); /* to a request that is a JSON object */
void body_dump(const json_t *v, struct buf *out);

/* embed_body.c: a text, or a JSON array of texts; and the vectors, in the same shape, on one line. */
int embed_check(const char *text, size_t len, struct err *e);
void embed_body(const char *text, size_t len, const struct request_defaults *d, struct buf *out);
int embed_answer(const struct buf *text, const json_t *object, struct buf *out);

#endif
