/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_PARROT_TOKENS_H
#define BACKEND_PARROT_TOKENS_H
#include <stddef.h>
#include <stdint.h>
#include "backend/base/buf.h"
/* What the parrot takes for a token, and text as JSON. Tokens put together are the text, byte for byte. */

#define PARROT_TOKEN_MAX 48 /* bytes */

/* The length of the token at the beginning of s: up to 24 blanks and up to 24 bytes of a word behind them, or
 * blanks and one other character. s is UTF-8 and no sequence of it is ever cut; len > 0, and so is the
 * result. */
size_t parrot_token(const char *s, size_t len);

uint64_t parrot_count_tokens(const char *s, size_t len);

/* The inside of a JSON string, without its quotes. */
size_t parrot_json_length(const char *s, size_t len); /* bytes that parrot_json_add() will add */
void parrot_json_add(struct buf *b, const char *s, size_t len);

#endif
