/* SPDX-License-Identifier: MIT */
/* What a text or a name of the configuration may look like. */
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/config/config_table.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* ---- Texts: the message goes on after "KEY in [TABLE] " */

int check_line(const char *text, struct err *e)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            return err_set(e, -EINVAL, "must be one line without control characters");
    return 0;
}

int check_word(const char *text, struct err *e)
{
    if (!*text || strchr(text, ' '))
        return err_set(e, -EINVAL, "must not be empty or hold blanks: \"%.80s\"", text);
    return check_line(text, e);
}

/* ssh would read a destination with a dash in front as an option, and -oProxyCommand= runs programs. */
int check_host(const char *text, struct err *e)
{
    if (*text == '-')
        return err_set(e, -EINVAL, "must not begin with '-', ssh would take it for an option: \"%.80s\"",
                       text);
    return *text ? check_word(text, e) : 0;
}

int check_workdir(const char *text, struct err *e)
{
    if (*text != '/' && strncmp(text, "~/", 2))
        return err_set(e, -EINVAL, "must begin with / or ~/: \"%.80s\"", text);
    return check_line(text, e);
}

int check_discover(const char *text, struct err *e)
{
    return *text ? check_workdir(text, e) : 0;
}

int check_url_path(const char *text, struct err *e)
{
    if (!*text)
        return 0;
    if (*text != '/')
        return err_set(e, -EINVAL, "must begin with /: \"%.80s\"", text);
    return check_word(text, e);
}

int check_option(const char *text, struct err *e)
{
    if (text[0] != '-' || !text[1])
        return err_set(e, -EINVAL, "must hold options as \"--constraint=a100\", not \"%.80s\"", text);
    return check_line(text, e);
}

/* The node puts it between double quotes for its shell. */
int check_log_file(const char *text, struct err *e)
{
    if (!*text || strpbrk(text, "\"\\`") || strstr(text, "$("))
        return err_set(e, -EINVAL, "must hold paths, with $NAME or ${NAME} at most: \"%.80s\"", text);
    return check_line(text, e);
}

int check_origin(const char *text, struct err *e)
{
    const char *host = strstr(text, "://");

    if (!host || host == text || !host[3] || strchr(host + 3, '/'))
        return err_set(e, -EINVAL, "must hold origins as \"https://chat.example.org\", not \"%.80s\"", text);
    return check_word(text, e);
}

static bool is_loopback(const char *host, size_t len)
{
    struct in6_addr six;
    struct in_addr four;
    char copy[64];

    if (len >= sizeof copy)
        return false;
    bool brackets = len >= 2 && host[0] == '[' && host[len - 1] == ']';
    snprintf(copy, sizeof copy, "%.*s", (int)(brackets ? len - 2 : len), host + brackets);
    if (brackets)
        return inet_pton(AF_INET6, copy, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
    if (inet_pton(AF_INET, copy, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return !strcmp(copy, "localhost");
}

bool listen_is_local(const char *text)
{
    const char *colon = strrchr(text, ':');

    return !strncmp(text, "unix:", 5) || (colon && is_loopback(text, (size_t)(colon - text)));
}

bool listen_is_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    struct in6_addr any;
    char host[64];

    if (listen_is_local(text))
        return true;
    bool brackets = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(colon - text) - 2 * brackets, text + brackets);
    return inet_pton(brackets ? AF_INET6 : AF_INET, host, &any) == 1;
}

int check_listen(const char *text, struct err *e)
{
    const char *colon = strrchr(text, ':');
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;

    if (!strncmp(text, "unix:", 5)) {
        if (text[5] != '/')
            return err_set(
                e, -EINVAL,
                "must give a socket an absolute path, as \"unix:/run/user/1000/llm\", not \"%.80s\"", text);
        if (strlen(text + 5) >= sizeof((struct sockaddr_un *)0)->sun_path)
            return err_set(e, -EINVAL, "has a longer path than a socket can have, %zu bytes: \"%.80s\"",
                           sizeof((struct sockaddr_un *)0)->sun_path - 1, text);
        return check_line(text, e);
    }
    if (!colon || colon == text || digits == 0 || digits > 5 || colon[1 + digits] || atoi(colon + 1) > 65535)
        return err_set(e, -EINVAL, "must be HOST:PORT or unix:PATH, not \"%.80s\"", text);
    return 0;
}

int check_own_listen(const char *text, struct err *e)
{
    return *text ? check_listen(text, e) : 0;
}

/* It is sent in a field of HTTP, where blanks end it and other bytes are read differently by everybody. */
int check_token(const char *text, struct err *e)
{
    for (const char *p = text; *p; p++)
        if (*p <= 0x20 || *p >= 0x7F)
            return err_set(e, -EINVAL, "must be ASCII without blanks");
    return 0;
}

int check_alias(const char *text, struct err *e)
{
    struct err why;

    if (model_name_check(text, &why) == 0)
        return 0;
    return err_set(e, -EINVAL, "holds a name that cannot be used: %s", why.text);
}

/* ---- Names */

/* The root of the tree, the gateway's own routes: a model of such a name could not be reached. */
static const char *const reserved[] = {
    "README",  "clusters", "config", "ctl", "endpoint", "env", "events",   "jobs",    "log",
    "metrics", "status",   "v1",     "api", "health",   "gpu", "slullama", "traefik", "ui",
};

#define LONGEST_NAME 64 /* bytes */

static int name_check(const char *what, const char *name, const char *punctuation, struct err *e)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (!strcmp(name, reserved[i]))
            return err_set(e, -EINVAL,
                           "a %s cannot be called \"%s\": that is a name of the tree or the gateway", what,
                           name);
    bool good = len >= 1 && len <= LONGEST_NAME && isalnum((unsigned char)name[0]);
    for (size_t i = 1; good && i < len; i++)
        good = isalnum((unsigned char)name[i]) || strchr(punctuation, name[i]);
    if (good)
        return 0;
    return err_set(e, -EINVAL,
                   "a %s cannot be called \"%.80s\": 1 to 64 letters, digits or %s, a letter or digit first",
                   what, name, punctuation);
}

int model_name_check(const char *name, struct err *e)
{
    return name_check("model", name, "._+-", e);
}

/* One '-' for each character that a name cannot have, however many bytes it has. */
static void keep_what_fits(const char *original, struct buf *out)
{
    for (const char *p = original; *p; p++) {
        bool fits = isalnum((unsigned char)*p) || strchr("._+-", *p);
        if (((unsigned char)*p & 0xC0) != 0x80) /* the first byte of a character of UTF-8 */
            buf_add(out, fits ? p : "-", 1);
    }
}

char *name_for_found(const char *original, const json_t *taken)
{
    struct buf base = { 0 };
    char suffix[24] = "";
    char *name;

    keep_what_fits(original, &base);
    name = xasprintf("%.*s", LONGEST_NAME, buf_str(&base));
    if (model_name_check(name, NULL) < 0) {
        free(name);
        name = xasprintf("m-%.*s", LONGEST_NAME - 2, buf_str(&base));
    }
    buf_free(&base);
    for (unsigned i = 2; json_object_get(taken, name); i++) {
        int len = (int)(strlen(name) - strlen(suffix));
        snprintf(suffix, sizeof suffix, "-%u", i);
        int most = LONGEST_NAME - (int)strlen(suffix);
        char *next = xasprintf("%.*s%s", len < most ? len : most, name, suffix);
        free(name);
        name = next;
    }
    return name;
}

/* Without the dot that stands between cluster and job number in jobs/. */
int cluster_name_check(const char *name, struct err *e)
{
    return name_check("cluster", name, "_+-", e);
}
