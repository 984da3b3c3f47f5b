/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_BATCH_LINE_H
#define BACKEND_BATCH_LINE_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "backend/base/buf.h"
#include "backend/pair.h"
/* The lines of a batch: what one of in.jsonl asks, and what stands in out.jsonl and errors.jsonl for it. Pure, and for any
 * thread. Source of the shapes: OpenAI API reference, "Batch", the request input and output objects. */

struct batch_request {
    char *custom_id;  /* as the line says; "line-N" where it says none */
    const char *path; /* of the engine's route; static. NULL: this cannot be asked: */
    const char *code; /* why, in a word; static */
    char *wrong;      /* and in a sentence */
    json_t *body;     /* an object; NULL where path is */
};

/* Is a file whose first line is this one JSON, or lines of text? */
bool batch_line_is_json(const char *text, size_t len);

/* text  a line without its end, not empty
 * json  of a file in OpenAI's format; false: it is a prompt
 * row   its number in the file, from 1 */
void batch_request_parse(const char *text, size_t len, bool json, uint32_t row, struct batch_request *out);

/* The same for one that cannot be asked for a reason of the file's. */
void batch_request_refuse(struct batch_request *r, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void batch_request_finish(struct batch_request *r);

/* Append the body as the engine gets it. The request stays as it is: it may be sent again. */
void batch_request_body(const struct batch_request *r, const struct request_defaults *d, struct buf *out);

/* What came of it. */
struct batch_answer {
    uint32_t number;     /* the line's, of those that are not empty, from 0 */
    uint64_t request_id; /* of the exchange; 0 = none was sent */
    int status;          /* HTTP; 0 = no answer came */
    const char *body;    /* the engine's, or NULL */
    size_t len;
    const char *code, *wrong; /* NULL: it is good */
};

/* Append one line, with its newline. */
void batch_result_write(const struct batch_request *r, const struct batch_answer *a, struct buf *out);

/* The number in a line that batch_result_write() made; -EPROTO for another text. */
int batch_result_number(const char *line, size_t len, uint32_t *number);

#endif
