/* SPDX-License-Identifier: MIT */
#include "fs/door_http/target.h"
#include "backend/base/buf.h"
#include "backend/base/hex.h"
#include "backend/base/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char *behind_authority(const char *target)
{
    size_t scheme = strncasecmp(target, "http://", 7) == 0    ? 7
                    : strncasecmp(target, "https://", 8) == 0 ? 8
                                                              : 0;

    if (!scheme)
        return target;
    target += scheme + strcspn(target + scheme, "/?");
    return *target == '/' ? target : "/";
}

static bool is_plain(const char *target)
{
    for (const unsigned char *p = (const unsigned char *)target; *p; p++)
        if (*p <= ' ' || *p >= 0x7f || *p == '\\' || *p == '#')
            return false;
    return true;
}

/* %XX once, as an engine does it. */
static bool decode(const char *s, size_t len, struct buf *out)
{
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_value(s[i + 1]) : -1, low = high >= 0 ? hex_value(s[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        buf_add(out, &c, 1);
    }
    return true;
}

static bool has_control(const struct buf *b)
{
    for (size_t i = 0; i < b->len; i++)
        if ((unsigned char)b->data[i] < 0x20 || b->data[i] == 0x7f)
            return true;
    return false;
}

/* What is wrong with the segments of a decoded path, which begins with a slash. A slash at its very end is
 * nothing. */
static const char *check_segments(const char *path)
{
    while (*path) {
        size_t n = strcspn(++path, "/\\");
        if (n == 0 && path[0])
            return "the path has an empty segment (//)";
        if ((n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.'))
            return "the path has a segment \".\" or \"..\"";
        path += n;
    }
    return NULL;
}

int target_path(const char *target, const char **path, struct err *e)
{
    const char *p = behind_authority(target), *wrong = NULL;
    struct buf plain = { 0 };

    if (*p != '/' || !is_plain(p))
        return err_set(e, -EINVAL, "the request target is no plain path");
    if (!decode(p, strcspn(p, "?"), &plain))
        wrong = "the path has a malformed %XX";
    else if (has_control(&plain))
        wrong = "the path has a control character";
    else if (utf8_valid_len(plain.data, plain.len) != plain.len)
        wrong = "the path is not UTF-8";
    else
        wrong = check_segments(plain.data);
    buf_free(&plain);
    if (wrong)
        return err_set(e, -EINVAL, "%s", wrong);
    *path = p;
    return 0;
}
