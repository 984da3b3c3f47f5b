/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_SSE_H
#define BACKEND_SSE_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
/* Server-Sent Events, read as they come (WHATWG HTML, section 9.2.6 "Interpreting an event stream"): fields
 * data and event, comments, a byte order mark, lines that end in CR, LF or CRLF, split at any byte. The
 * fields id and retry, which are for connecting anew, are not shown: a generation cannot be resumed. A
 * field `error`, as older llama-servers send it, is data of an event of type error. Loop thread only. */

/* Bytes of one event or of one line: beyond every token and tool call that engines send. */
#define SSE_EVENT_MAX 1048576

struct sse_event {
    const char *type; /* the event field, or "message" */
    const char *data; /* the data lines, joined by line feeds; NUL-terminated, may hold NUL bytes too */
    size_t len;       /* bytes of data */
};

/* An event has come; it is borrowed for the call. Events without a data line are not events and are not
 * shown. Return 0 to go on. Non-zero stops at once, and only then may the call have destroyed the reader. */
typedef int (*sse_event_f)(void *arg, const struct sse_event *e);

struct sse_reader;

struct sse_reader *sse_reader_create(sse_event_f cb, void *arg);
void sse_reader_destroy(struct sse_reader *r); /* NULL is allowed */

/* Returns the bytes eaten, less than len only where cb stopped; or -EFBIG for an event or line beyond
 * SSE_EVENT_MAX, and again at each later call. At the end of the stream nothing is fed: an event without its
 * empty line is dropped. */
ssize_t sse_reader_feed(struct sse_reader *r, const char *data, size_t len);

#endif
