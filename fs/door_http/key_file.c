/* SPDX-License-Identifier: MIT */
#include "fs/door_http/key_file.h"
#include "backend/base/alloc.h"
#include "backend/base/hex.h"
#include "backend/base/private_dir.h"
#include "backend/base/private_file.h"
#include "backend/base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>
#include <jansson.h>
#include <openssl/evp.h>

#define FILE_MAX     (4 * 1024 * 1024) /* bytes: some ten thousand keys; each request is compared with all */
#define NAME_MAX_LEN 64

const struct key_limit_field key_limit_fields[] = {
    { "concurrent", offsetof(struct key_limits, concurrent), "requests at the same time" },
    { "requests_per_minute", offsetof(struct key_limits, requests_per_minute), "requests a minute" },
    { "requests_per_day", offsetof(struct key_limits, requests_per_day), "requests a day (UTC)" },
    { "tokens_per_minute", offsetof(struct key_limits, tokens_per_minute), "tokens a minute" },
    { "tokens_per_day", offsetof(struct key_limits, tokens_per_day), "tokens a day (UTC)" },
    { 0 },
};

int64_t *key_limit(struct key_limits *l, const struct key_limit_field *f)
{
    return (int64_t *)(void *)((char *)l + f->offset);
}

void secret_hash(const char *text, unsigned char out[KEY_HASH])
{
    EVP_Digest(text, strlen(text), out, NULL, EVP_sha256(), NULL);
}

int key_name_check(const char *name, struct err *e)
{
    static const char *const taken[] = { "owner", "token", "anonymous" };
    size_t len = strlen(name);

    if (len < 1 || len > NAME_MAX_LEN ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-") != len)
        return err_set(e, -EINVAL, "a key cannot be called \"%.80s\": 1 to 64 letters, digits or ._@+-",
                       name);
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (strcmp(name, taken[i]) == 0)
            return err_set(e, -EINVAL, "a key cannot be called \"%s\": the gateway names others so", name);
    return 0;
}

/* ---- Memory */

static struct strings copy_strings(const struct strings *from)
{
    struct strings to = { xcalloc(from->n + 1, sizeof *to.v), from->n };

    for (size_t i = 0; i < from->n; i++)
        to.v[i] = xstrdup(from->v[i]);
    return to;
}

struct key key_copy(const struct key *k)
{
    struct key copy = *k;

    copy.name = xstrdup(k->name);
    copy.email = xstrdup(k->email);
    copy.models = copy_strings(&k->models);
    return copy;
}

void key_free(struct key *k)
{
    for (size_t i = 0; i < k->models.n; i++)
        free(k->models.v[i]);
    free(k->models.v);
    free(k->name);
    free(k->email);
    *k = (struct key){ 0 };
}

void key_list_free(struct key_list *keys)
{
    for (size_t i = 0; i < keys->n; i++)
        key_free(&keys->v[i]);
    free(keys->v);
    *keys = (struct key_list){ 0 };
}

/* ---- Reading */

static bool read_hex(const char *s, unsigned char *out, size_t n)
{
    if (!s || strlen(s) != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(s[2 * i]), low = hex_value(s[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool read_time(const json_t *v, time_t *out)
{
    struct tm tm = { 0 };
    const char *end;

    if (!v || json_is_null(v))
        return true;
    if (!json_is_string(v) || !(end = strptime(json_string_value(v), "%Y-%m-%dT%H:%M:%SZ", &tm)) || *end)
        return false;
    *out = timegm(&tm);
    return true;
}

static bool read_models(const json_t *v, struct strings *out)
{
    size_t i;
    const json_t *name;

    if (v && !json_is_array(v) && !json_is_null(v))
        return false;
    out->v = xcalloc(json_array_size(v) + 1, sizeof *out->v);
    json_array_foreach(v, i, name)
    {
        if (!json_is_string(name))
            return false;
        out->v[out->n++] = xstrdup(json_string_value(name));
    }
    return true;
}

static bool read_limits(const json_t *j, struct key_limits *out)
{
    for (const struct key_limit_field *f = key_limit_fields; f->name; f++) {
        const json_t *v = json_object_get(j, f->name);
        if (v && !json_is_null(v) && (!json_is_integer(v) || json_integer_value(v) < 0))
            return false;
        *key_limit(out, f) = json_integer_value(v);
    }
    return true;
}

/* What one entry lacks, or NULL. A key whose limits cannot be read is no key without limits. */
static const char *read_key(const json_t *j, struct key *k)
{
    const char *id = json_string_value(json_object_get(j, "id"));
    const char *name = json_string_value(json_object_get(j, "name"));
    const char *email = json_string_value(json_object_get(j, "email"));
    unsigned char raw[4];

    if (!read_hex(id, raw, sizeof raw))
        return "id";
    memcpy(k->id, id, sizeof k->id);
    if (!name || key_name_check(name, NULL) < 0)
        return "name";
    k->name = xstrdup(name);
    k->email = xstrdup(email ? email : "");
    if (!read_hex(json_string_value(json_object_get(j, "sha256")), k->hash, sizeof k->hash))
        return "sha256";
    if (!read_models(json_object_get(j, "models"), &k->models))
        return "models";
    if (!read_limits(j, &k->limits))
        return "limits";
    if (!read_time(json_object_get(j, "created"), &k->created))
        return "created";
    return read_time(json_object_get(j, "expires"), &k->expires) ? NULL : "expires";
}

static int read_keys(const char *path, const json_t *all, struct key_list *keys, struct err *e)
{
    size_t i;
    const json_t *entry;

    keys->v = xcalloc(json_array_size(all) + 1, sizeof *keys->v);
    json_array_foreach(all, i, entry)
    {
        const char *wrong = read_key(entry, &keys->v[keys->n++]);
        if (wrong)
            return err_set(e, -EINVAL, "%s is damaged: the key number %zu has no usable \"%s\"", path, i + 1,
                           wrong);
    }
    return 0;
}

int key_file_read(const char *path, struct key_list *out, struct err *e)
{
    struct key_list keys = { 0 };
    struct buf text = { 0 };
    json_error_t why;
    int rc = private_file_read(path, FILE_MAX, &text, e);

    if (rc == -ENOENT) {
        *out = keys;
        return 0;
    }
    if (rc < 0)
        return rc;
    json_t *doc = json_loadb(buf_str(&text), text.len, JSON_REJECT_DUPLICATES, &why);
    const json_t *all = json_object_get(doc, "keys");
    if (!doc)
        rc = err_set(e, -EINVAL, "%s is damaged: line %d: %s", path, why.line, why.text);
    else if (!json_is_array(all))
        rc = err_set(e, -EINVAL, "%s is damaged: it has no array \"keys\"", path);
    else
        rc = read_keys(path, all, &keys, e);
    if (rc == 0)
        *out = keys;
    else
        key_list_free(&keys);
    json_decref(doc);
    buf_free(&text);
    return rc;
}

/* ---- Writing */

static json_t *time_json(time_t t)
{
    char text[TIME_TEXT];

    return t ? json_string(format_time(t, text)) : json_null();
}

static json_t *key_json(const struct key *k)
{
    char hash[2 * KEY_HASH + 1];
    json_t *models = json_array(), *j;

    for (size_t i = 0; i < KEY_HASH; i++)
        snprintf(hash + 2 * i, 3, "%02x", k->hash[i]);
    for (size_t i = 0; i < k->models.n; i++)
        json_array_append_new(models, json_string(k->models.v[i]));
    j = json_pack("{s:s,s:s,s:s,s:s,s:o,s:o,s:o}", "id", k->id, "name", k->name, "email", k->email, "sha256",
                  hash, "models", models, "created", time_json(k->created), "expires", time_json(k->expires));
    for (const struct key_limit_field *f = key_limit_fields; f->name; f++)
        json_object_set_new(j, f->name, json_integer(*key_limit((struct key_limits *)&k->limits, f)));
    return j;
}

/* The directory of path, made if it is missing. */
static int make_folder(const char *path, struct err *e)
{
    char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    int rc = private_dir_make(folder, e);

    free(folder);
    return rc;
}

int key_file_write(const char *path, const struct key_list *keys, struct err *e)
{
    json_t *all = json_array();

    for (size_t i = 0; i < keys->n; i++)
        json_array_append_new(all, key_json(&keys->v[i]));
    json_t *doc = json_pack("{s:i,s:o}", "version", 1, "keys", all);
    char *text = json_dumps(doc, JSON_INDENT(1));
    int rc = make_folder(path, e);
    if (rc == 0)
        rc = private_file_write(path, text, strlen(text), e);
    free(text);
    json_decref(doc);
    return rc;
}

int key_file_lock(const char *path, struct err *e)
{
    char *name = xasprintf("%s.lock", path);
    int rc = make_folder(path, e), fd = -1;

    if (rc == 0) {
        fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
            rc = err_set(e, -errno, "%s cannot be locked: %s", name, strerror(errno));
    }
    if (rc < 0 && fd >= 0)
        close(fd);
    free(name);
    return rc < 0 ? rc : fd;
}

char *key_file_path(const struct config *cfg)
{
    return xasprintf("%s/keys.json", cfg->state_dir);
}
