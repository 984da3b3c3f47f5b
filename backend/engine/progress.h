/* SPDX-License-Identifier: MIT */
#ifndef ENGINE_PROGRESS_H
#define ENGINE_PROGRESS_H
#include <stdbool.h>
#include <stddef.h>
/* How far an engine's start is, read from the lines of its own log. */

#define PROGRESS_TEXT 400 /* bytes of what it does, for people: a notice of the job (engine.h) fits */

struct progress {
    double value;             /* of what it does now, 0 to 1; -1 = it tells no number */
    char text[PROGRESS_TEXT]; /* "loading weights"; "" = nothing is known, or it is over */
};

/* The line of a log that is being read. Zero it to begin. */
struct progress_line {
    char text
        [512]; /* its beginning: bars of progress stand at the end of short lines, and a longer one says other things */
    size_t len;
};

/* Take the next bytes of a log of this engine. Lines end at \n or \r, since bars are drawn over themselves. True if *p
 * was changed by it. Pure.
 * engine  its name; "command" may be a wrapper around any of those that are known */
bool progress_feed(const char *engine, struct progress_line *line, const char *data, size_t len,
                   struct progress *p);

/* Set *p from one whole line; false, and *p as it was, if the line tells nothing. */
bool progress_of_line(const char *engine, const char *line, struct progress *p);

#endif
