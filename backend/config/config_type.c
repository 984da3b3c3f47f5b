/* SPDX-License-Identifier: MIT */
/* The types of configuration keys: how a value is checked and stored, written and freed. */
#include "backend/base/alloc.h"
#include "backend/base/units.h"
#include "backend/config/config_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *kind_of(const json_t *v)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "a table",     [JSON_ARRAY] = "an array",     [JSON_STRING] = "a string",
        [JSON_INTEGER] = "an integer", [JSON_REAL] = "a real number", [JSON_TRUE] = "a boolean",
        [JSON_FALSE] = "a boolean",    [JSON_NULL] = "nothing",
    };

    return names[json_typeof(v)];
}

static int wrong_type(const json_t *v, const char *wanted, struct err *e)
{
    return err_set(e, -EINVAL, "must be %s, not %s", wanted, kind_of(v));
}

/* v as a C string that passed the row's check; borrowed. */
static int checked_text(const struct config_key *k, const json_t *v, const char *wanted, const char **out,
                        struct err *e)
{
    if (!json_is_string(v))
        return wrong_type(v, wanted, e);
    if (strlen(json_string_value(v)) != json_string_length(v))
        return err_set(e, -EINVAL, "has a NUL in its text");
    *out = json_string_value(v);
    return k->check ? k->check(*out, e) : 0;
}

/* ---- string */

static int string_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                      struct err *e)
{
    const char *text;
    int rc = checked_text(k, v, "a string", &text, e);

    (void)c;
    if (rc == 0)
        *(char **)field = xstrdup(text);
    return rc;
}

static void string_write(const void *field, bool mask, struct buf *out)
{
    const char *text = *(char *const *)field;

    toml_write_string(out, mask && *text ? CONFIG_MASK : text);
}

static void string_clear(void *field)
{
    free(*(char **)field);
    *(char **)field = NULL;
}

const struct key_type type_string = { "a string", string_set, string_write, string_clear };

/* ---- path on this machine: absolute, because a daemon's working directory is / */

static int path_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                    struct err *e)
{
    const char *text;
    int rc = checked_text(k, v, "a path", &text, e);

    (void)c;
    if (rc == 0)
        rc = check_line(text, e);
    if (rc < 0)
        return rc;
    if (*text && *text != '/' && strcmp(text, "~") && strncmp(text, "~/", 2))
        return err_set(e, -EINVAL, "must begin with / or ~/: \"%.80s\"", text);
    if (*text != '~') {
        *(char **)field = xstrdup(text);
        return 0;
    }
    char *home = config_home();
    if (!home)
        return err_set(e, -EINVAL, "begins with ~, but there is no home directory; set HOME");
    *(char **)field = xasprintf("%s%s", home, text + 1);
    free(home);
    return 0;
}

const struct key_type type_path = { "a path, absolute or with ~/", path_set, string_write, string_clear };

/* ---- path on this machine, absolute in the end too, that may be written from the directory of the configuration's file */

static int file_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                    struct err *e)
{
    const char *text;
    int rc = checked_text(k, v, "a path", &text, e);

    if (rc < 0 || !*text || *text == '/' || *text == '~')
        return rc < 0 ? rc : path_set(k, field, v, c, e);
    rc = check_line(text, e);
    if (rc == 0)
        *(char **)field = config_beside(c->file, text);
    return rc;
}

const struct key_type type_file = { "a path", file_set, string_write, string_clear };

/* ---- one of several words */

static bool in_words(const char *word, const char *const *words)
{
    for (; words && *words; words++)
        if (!strcmp(word, *words))
            return true;
    return false;
}

static int word_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                    struct err *e)
{
    struct buf all = { 0 };
    const char *text;
    size_t n = 0;
    int rc = checked_text(k, v, "a string", &text, e);

    (void)c;
    if (rc < 0)
        return rc;
    if (in_words(text, k->words)) {
        *(char **)field = xstrdup(text);
        return 0;
    }
    while (k->words[n])
        n++;
    for (size_t i = 0; i < n; i++)
        buf_addf(&all, "%s\"%s\"", i == 0 ? "" : i + 1 == n ? " or " : ", ", k->words[i]);
    const char *near = nearest_name(text, k->words, n);
    if (in_words(text, k->later))
        err_set(e, -EINVAL, "cannot be \"%s\" in this version: write %s", text, buf_str(&all));
    else if (near)
        err_set(e, -EINVAL, "must be %s, not \"%.60s\"; did you mean \"%s\"?", buf_str(&all), text, near);
    else
        err_set(e, -EINVAL, "must be %s, not \"%.60s\"", buf_str(&all), text);
    buf_free(&all);
    return -EINVAL;
}

const struct key_type type_word = { "a word", word_set, string_write, string_clear };

/* ---- boolean */

static int bool_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                    struct err *e)
{
    (void)k, (void)c;
    if (!json_is_boolean(v))
        return wrong_type(v, "true or false", e);
    *(bool *)field = json_is_true(v);
    return 0;
}

static void bool_write(const void *field, bool mask, struct buf *out)
{
    (void)mask;
    buf_adds(out, *(const bool *)field ? "true" : "false");
}

const struct key_type type_bool = { "true or false", bool_set, bool_write, NULL };

/* ---- integers, durations, sizes */

static int in_range(const struct config_key *k, int64_t v, struct err *e)
{
    if ((k->min || k->max) && (v < k->min || v > k->max))
        return err_set(e, -EINVAL, "must lie between %lld and %lld, not be %lld", (long long)k->min,
                       (long long)k->max, (long long)v);
    return 0;
}

static int int_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                   struct err *e)
{
    int rc;

    (void)c;
    if (!json_is_integer(v))
        return wrong_type(v, "an integer", e);
    rc = in_range(k, json_integer_value(v), e);
    if (rc == 0)
        *(int *)field = (int)json_integer_value(v);
    return rc;
}

static void int_write(const void *field, bool mask, struct buf *out)
{
    (void)mask;
    buf_addf(out, "%d", *(const int *)field);
}

const struct key_type type_int = { "an integer", int_set, int_write, NULL };

/* An integer is read as the same digits in a string, so that both have one rule and one range. */
static int number_text(const struct config_key *k, const json_t *v, const char *wanted, char digits[24],
                       const char **out, struct err *e)
{
    if (!json_is_integer(v))
        return checked_text(k, v, wanted, out, e);
    snprintf(digits, 24, "%lld", (long long)json_integer_value(v));
    *out = digits;
    return 0;
}

static int duration_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                        struct err *e)
{
    char digits[24];
    const char *text;
    struct err why;
    int rc = number_text(k, v, "a duration", digits, &text, e);

    (void)c;
    if (rc < 0)
        return rc;
    if (!*text && k->empty_is_0)
        text = "0";
    rc = parse_duration(text, 1, field, &why);
    return rc < 0 ? err_set(e, rc, "is wrong: %s", why.text) : 0;
}

static void duration_write(const void *field, bool mask, struct buf *out)
{
    static const struct {
        int64_t s;
        char unit;
    } units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
    int64_t s = *(const int64_t *)field;
    size_t i = 0;

    (void)mask;
    if (s == 0) {
        buf_adds(out, "\"0\"");
        return;
    }
    while (s % units[i].s)
        i++;
    buf_addf(out, "\"%lld%c\"", (long long)(s / units[i].s), units[i].unit);
}

const struct key_type type_duration = { "a duration", duration_set, duration_write, NULL };

/* "auto" is -1. */
static int auto_duration_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                             struct err *e)
{
    if (!json_is_string(v) || strcmp(json_string_value(v), "auto") != 0)
        return duration_set(k, field, v, c, e);
    *(int64_t *)field = -1;
    return 0;
}

static void auto_duration_write(const void *field, bool mask, struct buf *out)
{
    if (*(const int64_t *)field < 0)
        buf_adds(out, "\"auto\"");
    else
        duration_write(field, mask, out);
}

const struct key_type type_auto_duration = { "\"auto\" or a duration", auto_duration_set, auto_duration_write,
                                             NULL };

static int size_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                    struct err *e)
{
    char digits[24];
    const char *text;
    struct err why;
    int64_t bytes;
    int rc = number_text(k, v, "a size", digits, &text, e);

    (void)c;
    if (rc < 0)
        return rc;
    rc = parse_size(text, &bytes, &why);
    if (rc < 0)
        return err_set(e, rc, "is wrong: %s", why.text);
    rc = in_range(k, bytes, e);
    if (rc == 0)
        *(int64_t *)field = bytes;
    return rc;
}

static void size_write(const void *field, bool mask, struct buf *out)
{
    static const char *const units[] = { "", "KiB", "MiB", "GiB", "TiB" };
    int64_t v = *(const int64_t *)field;
    size_t i = 0;

    (void)mask;
    while (i < 4 && v && v % 1024 == 0) {
        v /= 1024;
        i++;
    }
    if (i == 0)
        buf_addf(out, "%lld", (long long)v);
    else
        buf_addf(out, "\"%lld%s\"", (long long)v, units[i]);
}

const struct key_type type_size = { "a size", size_set, size_write, NULL };

/* ---- arrays of strings */

static void strings_clear(void *field)
{
    struct strings *s = field;

    for (size_t i = 0; i < s->n; i++)
        free(s->v[i]);
    free(s->v);
    *s = (struct strings){ 0 };
}

static int strings_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                       struct err *e)
{
    struct strings s = { 0 };
    int rc = 0;

    (void)c;
    if (!json_is_array(v))
        return wrong_type(v, "an array of strings", e);
    s.v = xcalloc(json_array_size(v) + 1, sizeof *s.v);
    for (size_t i = 0; i < json_array_size(v) && rc == 0; i++) {
        const char *text;
        rc = checked_text(k, json_array_get(v, i), "an array of strings", &text, e);
        if (rc == 0)
            s.v[s.n++] = xstrdup(text);
    }
    if (rc < 0)
        strings_clear(&s);
    else
        *(struct strings *)field = s;
    return rc;
}

static void strings_write(const void *field, bool mask, struct buf *out)
{
    const struct strings *s = field;

    buf_adds(out, "[");
    for (size_t i = 0; i < s->n; i++) {
        buf_adds(out, i ? ", " : "");
        toml_write_string(out, mask ? CONFIG_MASK : s->v[i]);
    }
    buf_adds(out, "]");
}

const struct key_type type_strings = { "an array of strings", strings_set, strings_write, strings_clear };

static int string_or_strings_set(const struct config_key *k, void *field, const json_t *v,
                                 const struct config *c, struct err *e)
{
    json_t *array;
    int rc;

    if (json_is_array(v) && json_array_size(v) == 0)
        return err_set(e, -EINVAL, "must not be an empty array");
    if (!json_is_string(v))
        return json_is_array(v) ? strings_set(k, field, v, c, e)
                                : wrong_type(v, "a string or an array of strings", e);
    array = json_pack("[O]", v);
    rc = strings_set(k, field, array, c, e);
    json_decref(array);
    return rc;
}

const struct key_type type_string_or_strings = { "a string or an array of strings", string_or_strings_set,
                                                 strings_write, strings_clear };

/* ---- values that stay in jansson's form */

static void json_clear(void *field)
{
    json_decref(*(json_t **)field);
    *(json_t **)field = NULL;
}

static int ints_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                    struct err *e)
{
    const char *wanted = "an array of integers, at least one";

    (void)c;
    if (!json_is_array(v))
        return wrong_type(v, wanted, e);
    if (json_array_size(v) == 0)
        return err_set(e, -EINVAL, "must be %s", wanted);
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *one = json_array_get(v, i);
        if (!json_is_integer(one))
            return wrong_type(one, wanted, e);
        if (in_range(k, json_integer_value(one), e) < 0)
            return -EINVAL;
    }
    *(json_t **)field = json_deep_copy(v);
    return 0;
}

static void ints_write(const void *field, bool mask, struct buf *out)
{
    const json_t *v = *(json_t *const *)field;

    (void)mask;
    buf_adds(out, "[");
    for (size_t i = 0; i < json_array_size(v); i++)
        buf_addf(out, "%s%lld", i ? ", " : "", (long long)json_integer_value(json_array_get(v, i)));
    buf_adds(out, "]");
}

const struct key_type type_ints = { "an array of integers", ints_set, ints_write, json_clear };

/* A name that a shell can export: XBD 8.1 of POSIX. */
static bool is_variable(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

    return *name && !strchr("0123456789", *name) && strspn(name, letters) == strlen(name);
}

static int env_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                   struct err *e)
{
    const char *name, *text;
    json_t *one;

    (void)c;
    if (!json_is_object(v))
        return wrong_type(v, "a table of strings", e);
    json_object_foreach((json_t *)v, name, one)
    {
        if (!is_variable(name))
            return err_set(e, -EINVAL, "has a name that no environment variable can have: \"%.60s\"", name);
        if (checked_text(k, one, "a table of strings", &text, e) < 0)
            return -EINVAL;
    }
    *(json_t **)field = json_deep_copy(v);
    return 0;
}

static void env_write(const void *field, bool mask, struct buf *out)
{
    const char *name, *before = "{ ";
    json_t *one;

    if (json_object_size(*(json_t *const *)field) == 0) {
        buf_adds(out, "{}");
        return;
    }
    json_object_foreach(*(json_t *const *)field, name, one)
    {
        buf_addf(out, "%s%s = ", before, name);
        toml_write_string(out, mask ? CONFIG_MASK : json_string_value(one));
        before = ", ";
    }
    buf_adds(out, " }");
}

const struct key_type type_env = { "a table of strings", env_set, env_write, json_clear };

/* ---- the name of a [cluster.NAME] */

static int cluster_set(const struct config_key *k, void *field, const json_t *v, const struct config *c,
                       struct err *e)
{
    const char **names = xcalloc(c->n_clusters + 1, sizeof *names), *text, *near;
    int rc = checked_text(k, v, "the name of a cluster", &text, e);

    for (size_t i = 0; rc == 0 && i < c->n_clusters; i++) {
        names[i] = c->clusters[i]->name;
        if (!strcmp(text, names[i]))
            *(struct cluster_config **)field = c->clusters[i];
    }
    if (rc == 0 && !*text && k->standard) /* none */
        goto out;
    if (rc == 0 && !*(struct cluster_config **)field) {
        near = nearest_name(text, names, c->n_clusters);
        rc = near
                 ? err_set(e, -EINVAL, "names no [cluster.NAME]: \"%.60s\"; did you mean \"%s\"?", text, near)
                 : err_set(e, -EINVAL, "names no [cluster.NAME]: \"%.60s\"", text);
    }
out:
    free(names);
    return rc;
}

static void cluster_write(const void *field, bool mask, struct buf *out)
{
    const struct cluster_config *c = *(struct cluster_config *const *)field;

    (void)mask;
    toml_write_string(out, c ? c->name : "");
}

static void cluster_clear(void *field)
{
    *(struct cluster_config **)field = NULL; /* borrowed */
}

const struct key_type type_cluster = { "the name of a cluster", cluster_set, cluster_write, cluster_clear };
