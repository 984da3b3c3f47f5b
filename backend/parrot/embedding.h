/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_PARROT_EMBEDDING_H
#define BACKEND_PARROT_EMBEDDING_H
#include <stddef.h>
#include "backend/base/err.h"
/* The answer to /v1/embeddings: for each text a vector that depends on its bytes alone. body: the request.
 * Returns JSON that the caller frees, or NULL with a sentence for the client. */
char *parrot_embeddings(const char *body, size_t len, struct err *e);

#endif
