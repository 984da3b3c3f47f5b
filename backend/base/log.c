/* SPDX-License-Identifier: MIT */
#include "backend/base/log.h"
#include "backend/base/buf.h"
#include "backend/base/timer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define KEEP (2u << 20) /* bytes; CONTRACT.md 4.7: at least the last MiB stays */

static struct {
    struct growing *text;
    enum log_level level;
    bool to_stderr;
    bool busy; /* a watcher of the log that logs would never end */
} the_log = { .level = LOG_LEVEL_INFO, .to_stderr = true };

static const char *const names[] = { "error", "warning", "info", "debug" };

void log_start(enum log_level level, bool to_stderr)
{
    if (!the_log.text)
        the_log.text = growing_create(KEEP);
    the_log.level = level;
    the_log.to_stderr = to_stderr;
}

void log_stop(void)
{
    growing_destroy(the_log.text);
    the_log.text = NULL;
    the_log.to_stderr = true;
}

struct growing *log_text(void)
{
    return the_log.text;
}

enum log_level log_level_parse(const char *word)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(names[i], word) == 0)
            return (enum log_level)i;
    return LOG_LEVEL_INFO;
}

void log_at(enum log_level level, const char *fmt, ...)
{
    struct buf line = { 0 };
    struct timespec now = wall_now();
    struct tm tm;
    char when[32];
    va_list ap;

    if (level > the_log.level || the_log.busy)
        return;
    gmtime_r(&now.tv_sec, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    buf_addf(&line, "%s %s: ", when, names[level]);
    size_t at = line.len;
    va_start(ap, fmt);
    buf_vaddf(&line, fmt, ap);
    va_end(ap);
    for (; at < line.len; at++)
        if ((unsigned char)line.data[at] < ' ' && line.data[at] != '\t')
            line.data[at] = ' '; /* one line each, and no terminal escapes out of an engine's mouth */
    buf_adds(&line, "\n");
    if (the_log.to_stderr)
        fwrite(line.data, 1, line.len, stderr);
    if (the_log.text) {
        the_log.busy = true;
        growing_add(the_log.text, line.data, line.len);
        the_log.busy = false;
    }
    buf_free(&line);
}
