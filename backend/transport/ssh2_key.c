/* SPDX-License-Identifier: MIT */
/* Files of keys, as far as one has to know them before libssh2 opens them: whether a passphrase is needed, and which public
 * key it is. Source: PROTOCOL.key of OpenSSH 9.2; for the older forms the lines of PEM (RFC 7468, RFC 1421). */
#include "backend/transport/ssh2_inside.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_LIMIT (1u << 20)

char *ssh2_file_text(const char *path)
{
    FILE *f = fopen(path, "re");
    struct buf b = { 0 };
    size_t n;

    if (!f)
        return NULL;
    buf_adds(&b, "");
    while (b.len < TEXT_LIMIT && (n = fread(buf_reserve(&b, 8192), 1, 8192, f)) > 0)
        b.len += n;
    fclose(f);
    buf_add(&b, "", 0);
    if (b.data)
        b.data[b.len] = '\0';
    return buf_take(&b);
}

char *ssh2_key_base64(const unsigned char *blob, size_t len)
{
    char *text = xcalloc(1, len / 3 * 4 + 8);

    EVP_EncodeBlock((unsigned char *)text, blob, (int)len);
    return text;
}

/* The base64 text between p and end; the number of bytes, or -EINVAL. */
static int decode(const char *p, const char *end, unsigned char **out)
{
    char *packed = xcalloc(1, (size_t)(end - p) + 1);
    size_t n = 0;

    for (; p < end; p++)
        if (*p != '\n' && *p != '\r' && *p != ' ')
            packed[n++] = *p;
    *out = xcalloc(1, n + 4);
    int got = EVP_DecodeBlock(*out, (unsigned char *)packed, (int)n);
    for (size_t i = n; got > 0 && i > 0 && i > n - 2 && packed[i - 1] == '='; i--)
        got--;
    explicit_bzero(packed, n);
    free(packed);
    if (got > 0)
        return got;
    free(*out);
    *out = NULL;
    return -EINVAL;
}

/* A string of SSH: four bytes of length, and the bytes (RFC 4251, section 5). */
struct reader {
    const unsigned char *p, *end;
};

static bool read_number(struct reader *r, uint32_t *n)
{
    if (r->end - r->p < 4)
        return false;
    *n = (uint32_t)r->p[0] << 24 | (uint32_t)r->p[1] << 16 | (uint32_t)r->p[2] << 8 | r->p[3];
    r->p += 4;
    return true;
}

static bool read_string(struct reader *r, const unsigned char **s, uint32_t *len)
{
    if (!read_number(r, len) || *len > (size_t)(r->end - r->p))
        return false;
    *s = r->p;
    r->p += *len;
    return true;
}

static int take_blob(struct ssh2_key *k, const unsigned char *blob, size_t len)
{
    struct reader r = { blob, blob + len };
    const unsigned char *type;
    uint32_t n;

    if (!read_string(&r, &type, &n) || n >= sizeof k->type)
        return -EINVAL;
    memcpy(k->type, type, n);
    k->type[n] = '\0';
    k->blob = xcalloc(1, len);
    memcpy(k->blob, blob, len);
    k->blob_len = len;
    return 0;
}

static int read_openssh(struct ssh2_key *k, const unsigned char *p, size_t len)
{
    static const char magic[] = "openssh-key-v1"; /* with its NUL */
    struct reader r = { p + sizeof magic, p + len };
    const unsigned char *cipher, *s;
    uint32_t cipher_len, n;

    if (len < sizeof magic || memcmp(p, magic, sizeof magic) != 0 || !read_string(&r, &cipher, &cipher_len) ||
        !read_string(&r, &s, &n) || !read_string(&r, &s, &n) || !read_number(&r, &n) || n != 1 ||
        !read_string(&r, &s, &n))
        return -EINVAL;
    k->encrypted = cipher_len != 4 || memcmp(cipher, "none", 4) != 0;
    return take_blob(k, s, n);
}

/* One line, TYPE BASE64 COMMENT (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
static void read_public_text(struct ssh2_key *k, const char *text)
{
    const char *key = strchr(text, ' ');
    unsigned char *blob;

    if (!key)
        return;
    key += strspn(key, " ");
    int n = decode(key, key + strcspn(key, " \r\n"), &blob);
    if (n > 0) {
        take_blob(k, blob, (size_t)n);
        free(blob);
    }
}

/* The public key lies beside one in an older form, or it is not known. */
static void read_public(struct ssh2_key *k, const char *path)
{
    char *beside = xasprintf("%s.pub", path), *text = ssh2_file_text(beside);

    if (text)
        read_public_text(k, text);
    free(beside);
    free(text);
}

int ssh2_key_read(struct ssh2_key *k, const char *path)
{
    static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
    char *text = ssh2_file_text(path);
    int rc = 0;

    *k = (struct ssh2_key){ 0 };
    if (!text)
        return -ENOENT;
    char *at = strstr(text, begin);
    if (at) {
        unsigned char *all;
        char *from = at + strlen(begin), *to = strstr(from, "-----END");
        int n = to ? decode(from, to, &all) : -EINVAL;
        rc = n;
        if (n > 0) {
            rc = read_openssh(k, all, (size_t)n);
            explicit_bzero(all, (size_t)n);
            free(all);
        }
    } else if (strstr(text, "PRIVATE KEY-----")) {
        k->encrypted = strstr(text, "ENCRYPTED") != NULL;
        read_public(k, path);
        if (!k->type[0] && strstr(text, "BEGIN RSA PRIVATE KEY"))
            strcpy(k->type, "ssh-rsa");
    } else {
        read_public_text(k, text);
        rc = k->blob ? 0 : -EINVAL;
        k->public_only = true;
    }
    explicit_bzero(text, strlen(text));
    free(text);
    return rc;
}

void ssh2_key_finish(struct ssh2_key *k)
{
    free(k->blob);
    *k = (struct ssh2_key){ 0 };
}
