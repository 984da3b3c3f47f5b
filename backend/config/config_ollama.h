/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_CONFIG_OLLAMA_H
#define BACKEND_CONFIG_OLLAMA_H
#include <stdbool.h>
#include "backend/base/buf.h"
/* The Ollama that the user runs on this machine, for a mount that has no configuration. */

/* Its models as a configuration: one share on this machine, to be appended. It is asked at $OLLAMA_HOST, if that is
 * loopback, else at 127.0.0.1:11434, and only where it is ours: the kernel says who listens. A gateway of slullamafs is
 * none. Waits for a second at most, so that it is asked before there is a loop. False and nothing where there is none, or
 * it has no models. */
bool ollama_here(struct buf *out);

/* The same from its list (GET /api/tags). Pure. */
bool ollama_config(const char *tags, const char *models_dir, struct buf *out);

/* "", ":1234", "HOST", "http://HOST:PORT" as $OLLAMA_HOST may be; port 0 where that is not loopback. Pure. */
int ollama_port(const char *host);

#endif
