/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_USAGE_SCAN_H
#define FS_DOOR_HTTP_USAGE_SCAN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* The token counts that an answer tells while it goes by: usage of OpenAI's and Anthropic's APIs, counts of
 * Ollama's, timings of llama.cpp. What an answer's text says cannot be taken for them: within a JSON string the
 * quotes around a name are escaped. Pure; a zeroed struct is a beginning. */

struct usage_scan {
    char name[24]; /* of the string that is read, as far as it matters */
    size_t len;
    int state;
    int which; /* row of the table whose number is read */
    int64_t number;
    int rank[3];       /* of what was found; 0 = nothing */
    int64_t tokens[3]; /* prompt, completion, of the prompt what the engine had in its cache */
    int64_t events;    /* lines "data:" */
    unsigned line;     /* bytes of "data:" that the line began with */
};

void usage_scan_feed(struct usage_scan *u, const char *data, size_t len);

/* What was found. A stream of events that tells nothing is taken for one token an event, as engines send them. */
void usage_scan_result(const struct usage_scan *u, int64_t *prompt, int64_t *completion);

#endif
