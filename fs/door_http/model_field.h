/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_MODEL_FIELD_H
#define FS_DOOR_HTTP_MODEL_FIELD_H
#include <stdbool.h>
#include <stddef.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* What routing needs to know of a JSON body, found by one scan that builds nothing. RFC 8259; depth is
 * limited to 512. multipart.h finds the same in a form. */

struct body_facts {
    struct buf model; /* the top-level "model", unescaped; freed by the caller */
    bool has_model;
    bool empty; /* no field at all */
    /* Where its literal stands in the body, quotes included; without a model: where the first field, or part, may stand,
     * and 0. */
    size_t model_at, model_len;
    bool stream;       /* the top-level "stream" is true */
    char boundary[71]; /* of a form's parts; "" = it is JSON */
};

/* -EINVAL with a sentence: not a JSON object, "model" twice, or no string. */
int model_field_scan(const char *body, size_t len, struct body_facts *out, struct err *e);

#endif
