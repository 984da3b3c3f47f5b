/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_MODEL_FIELD_H
#define FS_DOOR_HTTP_MODEL_FIELD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* What routing needs to know of a JSON body, found by one scan that builds nothing and takes it in pieces. RFC 8259;
 * depth is limited to 512, a model's name to 1 KiB. multipart.h finds the same in a form. */

struct body_facts {
    struct buf model; /* the top-level "model", unescaped; freed by the caller */
    bool has_model;
    bool empty; /* no field at all */
    /* Where its literal stands in the body, quotes included; without a model: where the first field, or part, may stand,
     * and 0. */
    size_t model_at, model_len;
    bool stream;       /* the top-level "stream" is true */
    bool has_stream;   /* there is one */
    char boundary[71]; /* of a form's parts; "" = it is JSON */
};

#define MODEL_SCAN_DEPTH 512
#define MODEL_NAME_MAX   1024 /* bytes, in a form too: it is kept while the rest of the body goes by */

/* In the memory of its user; all fields but facts are model_field.c's. */
struct model_scan {
    struct body_facts facts; /* as far as the body is known */
    size_t eaten;            /* bytes */
    int depth;
    uint8_t objects[MODEL_SCAN_DEPTH / 8]; /* which of the open levels are objects, a bit each */
    uint8_t state, text, field;
    const char *word; /* what is left of true, false or null */
    uint16_t digits;  /* of \uXXXX, as far as it was read; their number */
    uint8_t n_digits;
    uint16_t high; /* the first half of a pair of surrogates; 0 = none */
    char key[8];
    uint8_t key_len; /* more than key has: a name that is none of ours */
};

void model_scan_init(struct model_scan *s);
void model_scan_finish(struct model_scan *s); /* frees */

/* A piece more. -EINVAL with a sentence: this begins no JSON object, or has "model" twice, or one that is no string;
 * nothing is fed then any more. */
int model_scan_feed(struct model_scan *s, const char *data, size_t len, struct err *e);
int model_scan_end(const struct model_scan *s, struct err *e); /* likewise: the body is over */

/* The same of a whole body. */
int model_field_scan(const char *body, size_t len, struct body_facts *out, struct err *e);

#endif
