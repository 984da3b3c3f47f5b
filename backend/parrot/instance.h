/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_PARROT_INSTANCE_H
#define BACKEND_PARROT_INSTANCE_H
#include <jansson.h>
/* A small value that fits a JSON schema, with text wherever a string may be anything: what the parrot says
 * when it is asked for JSON, and the arguments of the tools it calls. Known: type, properties, items, enum,
 * const, minimum, minItems, anyOf, oneOf, allOf (the first of each) and $ref to "#/...". A new reference. */
json_t *parrot_instance(const json_t *schema, const json_t *text);

#endif
