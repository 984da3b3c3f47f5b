/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOG_H
#define BASE_LOG_H
#include "backend/base/growing.h"
/* The daemon's own log: the file `log` at the root of the mount, and stderr in the foreground. One of the
 * two globals (the other is the configuration). An error is logged once, by the place that decides what to
 * do about it. Lines are "2026-11-21T00:10:03Z warning: text\n". Secrets never go in. */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_start(enum log_level level, bool to_stderr); /* may be called again to change both */
void log_stop(void);                                  /* frees the text; logging after it goes to stderr alone */
struct growing *log_text(void);                       /* borrowed; NULL before log_start() */
enum log_level log_level_parse(const char *word);     /* "error" "warning" "info" "debug"; info for another word */

void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...)   log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
