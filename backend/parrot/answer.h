/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_PARROT_ANSWER_H
#define BACKEND_PARROT_ANSWER_H
#include <stdbool.h>
#include <stdint.h>
#include "backend/base/buf.h"
#include "backend/parrot/options.h"
#include "backend/parrot/question.h"
/* One answer, made piece by piece as its connection takes it: nothing is rendered ahead of what can be sent.
 */

struct parrot_answer;

enum parrot_step {
    STEP_MORE,  /* as much as there was room for: call again when it is sent */
    STEP_WAIT,  /* the next token's time has not come: call again after *wait_ms */
    STEP_HANG,  /* nothing comes any more */
    STEP_DONE,  /* the answer is complete */
    STEP_CLOSE, /* close the connection when it is sent */
    STEP_DIE,   /* end the process when it is sent */
};

/* q       becomes the answer's
 * o       borrowed for the answer's life
 * failure what this answer does wrong, FAIL_NONE for most
 * number  tells answers apart
 * minor, keep_alive  of the request's head; with HTTP/1.0 a stream ends with its connection */
struct parrot_answer *parrot_answer_create(struct parrot_question *q, const struct parrot_options *o,
                                           enum parrot_failure failure, uint64_t number, int minor,
                                           bool keep_alive);
void parrot_answer_destroy(struct parrot_answer *a); /* NULL is allowed */

/* Add what may be sent now to out, head included, until out is a little longer than room bytes. */
enum parrot_step parrot_answer_fill(struct parrot_answer *a, struct buf *out, size_t room, uint64_t *wait_ms);

#endif
