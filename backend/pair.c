/* SPDX-License-Identifier: MIT */
/* The table of pairs. */
#include "backend/pair.h"
#include "backend/engine/body.h"

const struct pair pair_ask = {
    .number = 0,
    .in = "ask",
    .out = "reply",
    .path = "/v1/chat/completions",
    .body = prompt_body,
};

const struct pair pair_request = {
    .number = 1,
    .in = "request",
    .out = "response",
    .path = "/v1/chat/completions",
    .needs_model = true,
    .verbatim = true,
    .images = true,
    .json_errors = true,
    .check = request_check,
    .body = request_body,
};

const struct pair pair_embed = {
    .number = 2,
    .in = "embed",
    .out = "vector",
    .path = "/v1/embeddings",
    .needs_model = true,
    .json_errors = true,
    .check = embed_check,
    .body = embed_body,
    .answer = embed_answer,
};

const struct pair *const all_pairs[] = { &pair_ask, &pair_request, &pair_embed, NULL };

const struct pair *pair_numbered(int number)
{
    for (size_t i = 0; all_pairs[i]; i++)
        if (all_pairs[i]->number == number)
            return all_pairs[i];
    return &pair_ask;
}
