/* SPDX-License-Identifier: MIT */
/* The type of the key `params`: a table that params.c checks. */
#include "backend/config/config_table.h"
#include "backend/config/params.h"

#include <errno.h>
#include <stdlib.h>

static int params_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                      struct err *e)
{
    struct err why;

    (void)k, (void)c;
    if (!json_is_object(v))
        return err_set(e, -EINVAL, "must be a table, as { temperature = 0.7 }");
    if (params_check(v, &why) < 0)
        return err_set(e, -EINVAL, "is wrong: %s", why.text);
    *(json_t **)field = json_deep_copy(v);
    return 0;
}

static void write_value(const json_t *v, struct buf *out);

static void write_object(const json_t *v, struct buf *out)
{
    const char *name, *before = "{ ";
    json_t *one;

    if (json_object_size(v) == 0) {
        buf_adds(out, "{}");
        return;
    }
    json_object_foreach((json_t *)v, name, one)
    {
        buf_adds(out, before);
        toml_write_string(out, name);
        buf_adds(out, " = ");
        write_value(one, out);
        before = ", ";
    }
    buf_adds(out, " }");
}

static void write_array(const json_t *v, struct buf *out)
{
    buf_adds(out, "[");
    for (size_t i = 0; i < json_array_size(v); i++) {
        buf_adds(out, i ? ", " : "");
        write_value(json_array_get(v, i), out);
    }
    buf_adds(out, "]");
}

static void write_value(const json_t *v, struct buf *out)
{
    if (json_is_object(v)) {
        write_object(v, out);
    } else if (json_is_array(v)) {
        write_array(v, out);
    } else if (json_is_string(v)) {
        toml_write_string(out, json_string_value(v));
    } else { /* numbers and booleans are written alike in both */
        char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        buf_adds(out, text ? text : "0");
        free(text);
    }
}

static void params_write(const void *field, bool mask, struct buf *out)
{
    (void)mask;
    write_value(*(json_t *const *)field, out);
}

static void params_clear(void *field)
{
    json_decref(*(json_t **)field);
    *(json_t **)field = NULL;
}

const struct key_type type_params = { "a table of parameters", params_set, params_write, params_clear };
