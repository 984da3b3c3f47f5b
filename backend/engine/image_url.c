/* SPDX-License-Identifier: MIT */
#include "backend/engine/image_url.h"
#include "backend/base/base64.h"
#include "backend/base/hex.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define QUOTED_MAX 100 /* bytes of a URL that a message shows */

static int each_of_part(json_t *part, image_each_f *each, void *arg)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    json_t *image = json_object_get(part, "image_url");
    bool is_text = json_is_string(image); /* some programs leave the object out */
    json_t *holder = is_text ? part : image;
    const char *key = is_text ? "image_url" : "url", *url = json_string_value(json_object_get(holder, key));

    return type && strcmp(type, "image_url") == 0 && url ? each(arg, holder, key, url) : 0;
}

int image_each(json_t *request, image_each_f *each, void *arg)
{
    json_t *message, *part;
    size_t i, k;

    json_array_foreach(json_object_get(request, "messages"), i, message)
    {
        json_array_foreach(json_object_get(message, "content"), k, part)
        {
            int rc = each_of_part(part, each, arg);
            if (rc)
                return rc;
        }
    }
    return 0;
}

/* ---- Paths */

/* "%20" and the like; false for what is no such escape, or a NUL. */
static bool decode(const char *s, struct buf *out)
{
    for (; *s; s++) {
        if (*s != '%') {
            buf_add(out, s, 1);
            continue;
        }
        int high = hex_value(s[1]), low = high < 0 ? -1 : hex_value(s[2]);
        if (low < 0 || (high == 0 && low == 0))
            return false;
        buf_add(out, &(char){ (char)(high << 4 | low) }, 1);
        s += 2;
    }
    return true;
}

/* RFC 8089, section 2: no host, or this one. NULL where it is no file's URL. */
static const char *behind_file_scheme(const char *url)
{
    static const char *const beginnings[] = { "file:///", "file://localhost/", "file:/" };

    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        size_t n = strlen(beginnings[i]);
        if (strncasecmp(url, beginnings[i], n) == 0 && url[n] != '/')
            return url + n - 1;
    }
    return NULL;
}

static bool has_scheme(const char *url)
{
    size_t n = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    return n > 0 && url[n] == ':';
}

int image_path(const char *url, char **path, struct err *e)
{
    struct buf text = { 0 };
    const char *file = behind_file_scheme(url);

    if (file ? !decode(file, &text) : strncasecmp(url, "file:", 5) == 0) {
        buf_free(&text);
        return err_set(e, -EINVAL, "the image \"%.*s\" is no file of this machine: write file:///PATH",
                       QUOTED_MAX, url);
    }
    if (!file && has_scheme(url))
        return -ENOENT;
    if (!file)
        buf_adds(&text, url);
    if (*buf_str(&text) != '/' || text.len >= PATH_MAX) {
        buf_free(&text);
        return err_set(e, -EINVAL,
                       "the image \"%.*s\" is no URL and no whole path; write it as /home/you/image.png",
                       QUOTED_MAX, url);
    }
    *path = buf_take(&text);
    return 0;
}

/* ---- Types and data */

const char *image_type(const char *data, size_t len)
{
    /* The PNG Specification, 5.2; JFIF 1.02, SOI and the next marker; GIF89a, 17; RFC 9649, 2.4 */
    static const struct {
        const char *type, *at_start, *at_8;
    } known[] = {
        { "image/png", "\x89PNG\r\n\x1a\n", "" },
        { "image/jpeg", "\xff\xd8\xff", "" },
        { "image/gif", "GIF87a", "" },
        { "image/gif", "GIF89a", "" },
        { "image/webp", "RIFF", "WEBP" },
    };

    for (size_t i = 0; len >= 12 && i < sizeof known / sizeof known[0]; i++)
        if (memcmp(data, known[i].at_start, strlen(known[i].at_start)) == 0 &&
            memcmp(data + 8, known[i].at_8, strlen(known[i].at_8)) == 0)
            return known[i].type;
    return NULL;
}

size_t image_data_url_len(const char *type, size_t len)
{
    return strlen("data:;base64,") + strlen(type) + (len + 2) / 3 * 4;
}

void image_data_url(const char *type, const char *data, size_t len, struct buf *out)
{
    buf_addf(out, "data:%s;base64,", type);
    base64_add(out, data, len);
}
