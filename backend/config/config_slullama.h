/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_CONFIG_SLULLAMA_H
#define BACKEND_CONFIG_SLULLAMA_H
#include <stdbool.h>
#include <jansson.h>
#include "backend/base/err.h"
#include "backend/base/toml.h"
/* slullama's own configuration: [server], [slurm], [ollama], [client], its defaults, its SLULLAMA_* variables and the
 * options of serve, connect and status. It is read into settings, one flat object "section.key" -> value, and for a
 * mount or `serve` translated into tables of ours. Pure, save that the environment is read and warnings are logged.
 * Source: slullama 0.1.3, config.py. */

/* What a command line gives; it wins over the environment, which wins over the file. */
enum slullama_option {
    GIVEN_PORT,
    GIVEN_TOKEN,
    GIVEN_TOKEN_FILE,
    GIVEN_PARTITION,
    GIVEN_GRES,
    GIVEN_IDLE_TIMEOUT, /* minutes */
    GIVEN_HOST,
    GIVEN_LOCAL_PORT,
    GIVEN_OPTIONS,
};

struct slullama_given {
    const char *v[GIVEN_OPTIONS]; /* NULL = not given */
    bool serving;                 /* the gateway is to be as slullama's server: its port, its token */
};

bool slullama_has_table(const char *name);

/* Does a file consist of slullama's tables alone, and of at least one of them? */
bool slullama_owns(const json_t *doc);

/* Every setting with its default filled in. An unknown key is a warning.
 * doc    NULL = no file
 * file   for messages
 * given  NULL = no options
 * Returns 0, or -EINVAL with a sentence. */
int slullama_settings(const json_t *doc, const struct toml_lines *lines, const char *file,
                      const struct slullama_given *given, json_t **out, struct err *e);

/* key is "section.key"; the value of the type that the table gives it. Borrowed. */
const char *slullama_text(const json_t *settings, const char *key);
int slullama_number(const json_t *settings, const char *key);

/* The settings as tables of ours: one cluster `slurm`, one model for the one Ollama. A new reference. */
/* The same for a file with [client] alone: its server is a cluster of kind gateway. A new reference. */
json_t *slullama_gateway(const json_t *settings);

json_t *slullama_translate(const json_t *settings, const struct slullama_given *given);

/* Put the options, and the variables that concern a server, into a file of ours. -EINVAL for a value that is no number. */
int slullama_override(json_t *doc, const struct slullama_given *given, struct err *e);

#endif
