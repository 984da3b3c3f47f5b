/* SPDX-License-Identifier: MIT */
/* Values for schemas; see instance.h. */
#include "backend/parrot/instance.h"

#include <string.h>

#define DEPTH 16 /* levels: a schema may refer to itself */

static json_t *instance(const json_t *root, const json_t *schema, const json_t *text, int depth);

/* "#/$defs/name"; names with escapes are not looked for. */
static const json_t *refer(const json_t *root, const char *ref)
{
    const json_t *at = root;

    if (strncmp(ref, "#/", 2) != 0)
        return NULL;
    for (const char *p = ref + 2; at && *p; p += *p == '/') {
        size_t len = strcspn(p, "/");
        char name[128];
        if (len >= sizeof name)
            return NULL;
        memcpy(name, p, len);
        name[len] = '\0';
        at = json_object_get(at, name);
        p += len;
    }
    return at;
}

static json_t *object_of(const json_t *root, const json_t *schema, const json_t *text, int depth)
{
    json_t *out = json_object(), *property;
    const char *name;

    json_object_foreach(json_object_get(schema, "properties"), name, property)
        json_object_set_new(out, name, instance(root, property, text, depth));
    return out;
}

static json_t *array_of(const json_t *root, const json_t *schema, const json_t *text, int depth)
{
    json_int_t n = json_integer_value(json_object_get(schema, "minItems"));
    json_t *out = json_array();

    for (json_int_t i = 0; i < (n > 1 && n <= 64 ? n : 1); i++)
        json_array_append_new(out, instance(root, json_object_get(schema, "items"), text, depth));
    return out;
}

static json_t *of_type(const json_t *root, const json_t *schema, const json_t *text, int depth)
{
    const json_t *type = json_object_get(schema, "type"), *least = json_object_get(schema, "minimum");
    const char *word = json_string_value(json_is_array(type) ? json_array_get(type, 0) : type);

    if (!word)
        word = json_object_get(schema, "properties") ? "object" : "string";
    if (strcmp(word, "object") == 0)
        return object_of(root, schema, text, depth);
    if (strcmp(word, "array") == 0)
        return array_of(root, schema, text, depth);
    if (strcmp(word, "boolean") == 0)
        return json_true();
    if (strcmp(word, "null") == 0)
        return json_null();
    if (strcmp(word, "string") != 0)
        return least ? json_incref((json_t *)least) : json_integer(0);
    return json_incref((json_t *)text);
}

static json_t *instance(const json_t *root, const json_t *schema, const json_t *text, int depth)
{
    static const char *const choices[] = { "anyOf", "oneOf", "allOf" };
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    json_t *value = json_object_get(schema, "const");

    if (depth == DEPTH)
        return json_null();
    if (ref)
        return instance(root, refer(root, ref), text, depth + 1);
    if (!value)
        value = json_array_get(json_object_get(schema, "enum"), 0);
    if (value)
        return json_incref(value);
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        const json_t *first = json_array_get(json_object_get(schema, choices[i]), 0);
        if (first)
            return instance(root, first, text, depth + 1);
    }
    return of_type(root, schema, text, depth + 1);
}

json_t *parrot_instance(const json_t *schema, const json_t *text)
{
    return instance(schema, schema, text, 0);
}
