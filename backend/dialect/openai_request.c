/* SPDX-License-Identifier: MIT */
/* OpenAI's own requests, for an engine that does not know them: they are the pivot, and are only looked at for
 * what the writer of the answer has to know. */
#include "backend/dialect/dialect_inside.h"
#include "backend/dialect/json_parts.h"

#include <errno.h>
#include <string.h>

static int take(struct dialect *d, enum pivot pivot, const json_t *asked, struct err *e)
{
    const json_t *n = part(asked, "n");

    d->pivot = pivot;
    d->stream = pivot != PIVOT_EMBED && json_is_true(part(asked, "stream"));
    d->want_usage = json_is_true(part(part(asked, "stream_options"), "include_usage"));
    if (n && json_integer_value(n) != 1)
        return err_set(e, -EINVAL, "\"n\" must be 1: the engine gives one answer to a question");
    d->request = json_copy((json_t *)asked);
    return 0;
}

int openai_chat_request(struct dialect *d, const json_t *asked, struct err *e)
{
    if (json_array_size(part(asked, "messages")) == 0)
        return wrong_type(e, "\"messages\"", "an array of at least one message");
    return take(d, PIVOT_CHAT, asked, e);
}

int openai_text_request(struct dialect *d, const json_t *asked, struct err *e)
{
    const json_t *prompt = part(asked, "prompt");

    if (json_array_size(prompt) == 1)
        prompt = json_array_get(prompt, 0);
    if (!json_is_string(prompt))
        return wrong_type(e, "\"prompt\"", "a string, or an array of one");
    int rc = take(d, PIVOT_TEXT, asked, e);
    if (rc == 0)
        json_object_set(d->request, "prompt", (json_t *)prompt);
    return rc;
}

int openai_embed_request(struct dialect *d, const json_t *asked, struct err *e)
{
    const json_t *input = part(asked, "input");
    const char *encoding = part_text(asked, "encoding_format");

    if (!json_is_string(input) && !json_is_string(json_array_get(input, 0)))
        return wrong_type(e, "\"input\"", "a string or an array of strings");
    d->base64 = encoding && strcmp(encoding, "base64") == 0;
    return take(d, PIVOT_EMBED, asked, e);
}
