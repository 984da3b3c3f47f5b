/* SPDX-License-Identifier: MIT */
#include "fs/door_http/credentials.h"
#include "backend/base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <openssl/evp.h>

/* What stands behind "SCHEME " in value, or NULL. */
static const char *behind_scheme(const char *value, const char *scheme)
{
    size_t n = strlen(scheme);

    if (strncasecmp(value, scheme, n) != 0 || value[n] != ' ')
        return NULL;
    return value + n + strspn(value + n, " ");
}

static void add(struct credentials *out, const char *secret)
{
    if (secret && *secret && out->n < CREDENTIALS_MAX)
        out->v[out->n++] = xstrdup(secret);
}

/* base64("user:password"). The decoder gives a NUL for each "=", which ends the text where it should. */
static void add_basic(struct credentials *out, const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || len % 4 != 0)
        return;
    char *plain = xcalloc(1, len + 1);
    int n = EVP_DecodeBlock((unsigned char *)plain, (const unsigned char *)text, (int)len);
    const char *colon = n > 0 ? strchr(plain, ':') : NULL;
    if (colon)
        add(out, colon + 1);
    explicit_bzero(plain, len + 1);
    free(plain);
}

void credentials_read(struct credentials *out, const struct http_head *h)
{
    const char *value = http_field_get(h, "Authorization"), *text;

    *out = (struct credentials){ 0 };
    if (value && (text = behind_scheme(value, "Bearer")))
        add(out, text);
    else if (value && (text = behind_scheme(value, "Basic")))
        add_basic(out, text);
    add(out, http_field_get(h, "x-api-key"));
    add(out, http_field_get(h, "api-key"));
}

void credentials_wipe(struct credentials *c)
{
    for (size_t i = 0; i < c->n; i++) {
        explicit_bzero(c->v[i], strlen(c->v[i]));
        free(c->v[i]);
    }
    c->n = 0;
}
