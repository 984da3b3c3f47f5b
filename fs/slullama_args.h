/* SPDX-License-Identifier: MIT */
#ifndef FS_SLULLAMA_ARGS_H
#define FS_SLULLAMA_ARGS_H
#include <stdbool.h>
#include "backend/config/config_slullama.h"
/* The command line of serve, connect and status, which share most of their options. */

enum slullama_verb { VERB_SERVE = 1, VERB_CONNECT = 2, VERB_STATUS = 4 };

struct slullama_args {
    struct slullama_given given;
    const char *config;
    bool verbose, add_token;
    char *token;      /* owned; given.v[GIVEN_TOKEN] */
    char *token_file; /* likewise; absolute, since it counts from where the command was given */
};

/* A token in argv is overwritten there at once. Returns -1 to go on, or the exit status: 0 after --help, STATUS_USAGE after a
 * sentence on stderr. */
int slullama_args_parse(int argc, char **argv, enum slullama_verb verb, struct slullama_args *out);
void slullama_args_finish(struct slullama_args *a);

#endif
