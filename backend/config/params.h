/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_PARAMS_H
#define BACKEND_PARAMS_H
#include <jansson.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* Parameters of a request that a model gives to each: one object, checked against one table of names, types and ranges.
 * Pure. */

/* 0, or -EINVAL with a sentence that names the key, what it must be and what it is. */
int params_check(const json_t *v, struct err *e);

/* Names that the table does not have, ", " between them, with the nearest one that it has. They are passed on as they
 * are: engines know more than the table. Appends nothing where there are none. */
void params_unknown(const json_t *v, struct buf *out);

#endif
