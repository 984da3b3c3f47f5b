/* SPDX-License-Identifier: MIT */
/* The relay's use of backend/dialect. The client's head is ours: what the engine says of its own body does not
 * hold for what the client gets. */
#include "fs/door_http/translate.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(DIALECT_OPENAI == (int)API_OPENAI && DIALECT_OLLAMA == (int)API_OLLAMA &&
                   DIALECT_ANTHROPIC == (int)API_ANTHROPIC && DIALECT_RESPONSES == (int)API_RESPONSES,
               "an engine's APIs are told in the translators' bits");

/* llama-server and vLLM have grown /v1/messages and /v1/responses of their own; the table of engines says what
 * every version of them has. */
bool engine_speaks(const struct engine *en, enum dialect_api api)
{
    return (en->apis & (unsigned)api) != 0;
}

int translate_question(struct dialect **out, const struct request *q, const struct engine *en,
                       const struct model *m, const char *path)
{
    struct err e = { 0 };

    *out = NULL;
    if (strcmp(q->head->method, "POST") != 0)
        return 0;
    int rc = dialect_create(out, path, en->apis, q->body, q->body_len, &e);
    if (rc < 0)
        connection_error(q->conn, err_http_status(rc), e.text);
    else if (*out && m)
        dialect_asks(*out, model_config(m)->name);
    return rc;
}

void translate_adopt(struct relay *r, struct dialect *d)
{
    r->dialect = d;
    free(r->path);
    r->path = xstrdup(dialect_path(d));
    buf_free(&r->body);
    dialect_take_body(d, &r->body);
}

/* Give the client what the translation of a piece is. length: of a whole answer, else -1. */
static void pass_on(struct relay *r, const struct buf *out, int64_t length)
{
    if (out->len == 0)
        return;
    r->our_field = (struct http_field){ "Content-Type", dialect_type(r->dialect) };
    r->our_head = (struct http_head){
        .status = 200, .minor = 1, .fields = &r->our_field, .n_fields = 1, .content_length = length
    };
    r->answer = &r->our_head;
    relay_pass_on(r, out->data, out->len);
}

int translate_body(struct relay *r, const char *data, size_t len, struct err *e)
{
    struct buf out = { 0 };
    int rc = dialect_feed(r->dialect, data, len, &out, e);

    pass_on(r, &out, -1);
    buf_free(&out);
    return rc;
}

int translate_end(struct relay *r, struct err *e)
{
    struct buf out = { 0 };
    int rc = dialect_end(r->dialect, &out, e);

    pass_on(r, &out, dialect_streams(r->dialect) ? -1 : (int64_t)out.len);
    buf_free(&out);
    return rc;
}
