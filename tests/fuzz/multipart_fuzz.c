/* SPDX-License-Identifier: MIT */
/* Any bytes are a form or are not; what is found of one stands where it is said to stand, and nothing is found in
 * what is none. */
#include "fs/door_http/multipart.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *body = (const char *)data;
    struct body_facts facts;
    struct err e = { "" };
    int rc = multipart_scan("multipart/form-data; boundary=b1", body, size, &facts, &e);

    if ((rc < 0) != (e.text[0] != '\0') || (rc < 0 && (facts.model.data || facts.has_model)))
        abort();
    if (facts.model_at + facts.model_len > size || (!facts.has_model && facts.model_len > 0))
        abort();
    if (facts.has_model &&
        (facts.model.len != facts.model_len ||
         (facts.model_len && memcmp(body + facts.model_at, facts.model.data, facts.model_len) != 0)))
        abort();
    buf_free(&facts.model);
    return 0;
}
