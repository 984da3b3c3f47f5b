/* SPDX-License-Identifier: MIT */
#include "fs/door_http/tls.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/timer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#define LOOK_MS 1000 /* between two looks at the files */

struct tls_server {
    char *cert, *key;
    SSL_CTX *ctx;
    struct stat cert_seen, key_seen;
    uint64_t looked_ms;
};

struct tls_session {
    SSL *ssl; /* owns both */
    BIO *in, *out;
};

/* ---- The files */

/* The last words of OpenSSL, which are the ones about the cause. */
static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return text ? text : "unknown";
}

/* A passphrase would be asked for on the terminal: there is none. */
static int no_passphrase_cb(char *out, int size, int writing, void *arg)
{
    (void)out, (void)size, (void)writing, (void)arg;
    return -1;
}

/* HTTP/2 is not ours: who offers it beside HTTP/1.1 gets that. */
static int alpn_cb(SSL *ssl, const unsigned char **out, unsigned char *len, const unsigned char *offered,
                   unsigned offered_len, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)ssl, (void)arg;
    if (SSL_select_next_proto(&chosen, len, ours, sizeof ours - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* OpenSSL's words for a missing file are none for people. */
static int check_readable(const char *key, const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return err_set(e, -errno, "%s in [gateway]: %s cannot be read: %s", key, path, strerror(errno));
    close(fd);
    return 0;
}

static void warn_of_expiry(const SSL_CTX *ctx, const char *path)
{
    const X509 *x = SSL_CTX_get0_certificate(ctx);

    if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0)
        log_warning("gateway: the certificate %s has expired; clients will refuse it", path);
    else if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0)
        log_warning("gateway: the certificate %s is not valid yet; clients will refuse it", path);
}

static int load(SSL_CTX *ctx, const char *cert, const char *key, struct err *e)
{
    int rc = check_readable("tls_cert", cert, e);

    if (rc == 0)
        rc = check_readable("tls_key", key, e);
    if (rc < 0)
        return rc;
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        return err_set(e, -EINVAL, "tls_cert in [gateway]: %s is no certificate in PEM form: %s", cert,
                       reason());
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH) {
            ERR_clear_error();
            return err_set(e, -EINVAL, "tls_key in [gateway]: %s does not belong to the certificate %s", key,
                           cert);
        }
        return err_set(e, -EINVAL,
                       "tls_key in [gateway]: %s is no private key in PEM form without a passphrase: %s", key,
                       reason());
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        ERR_clear_error();
        return err_set(e, -EINVAL, "tls_key in [gateway]: %s does not belong to the certificate %s", key,
                       cert);
    }
    return 0;
}

static int make_ctx(const struct tls_server *s, SSL_CTX **out, struct err *e)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS); /* an idle connection holds no buffers */
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase_cb);
    SSL_CTX_set_alpn_select_cb(ctx, alpn_cb, NULL);
    int rc = load(ctx, s->cert, s->key, e);
    if (rc < 0) {
        SSL_CTX_free(ctx);
        return rc;
    }
    warn_of_expiry(ctx, s->cert);
    *out = ctx;
    return 0;
}

static struct stat look_at(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st : (struct stat){ 0 };
}

/* ctime sees that a file may be read now. */
static bool differs(const struct stat *a, const struct stat *b)
{
    return a->st_ino != b->st_ino || a->st_dev != b->st_dev || a->st_size != b->st_size ||
           a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec ||
           a->st_ctim.tv_sec != b->st_ctim.tv_sec || a->st_ctim.tv_nsec != b->st_ctim.tv_nsec;
}

int tls_server_create(struct tls_server **out, const char *cert, const char *key, struct err *e)
{
    struct tls_server *s = NEW(struct tls_server);

    s->cert = xstrdup(cert);
    s->key = xstrdup(key);
    s->cert_seen = look_at(cert);
    s->key_seen = look_at(key);
    s->looked_ms = mono_ms();
    int rc = make_ctx(s, &s->ctx, e);
    if (rc < 0)
        tls_server_destroy(s);
    else
        *out = s;
    return rc;
}

void tls_server_destroy(struct tls_server *s)
{
    if (!s)
        return;
    SSL_CTX_free(s->ctx);
    free(s->cert);
    free(s->key);
    free(s);
}

static void reload(struct tls_server *s)
{
    SSL_CTX *ctx;
    struct err e;

    if (mono_ms() - s->looked_ms < LOOK_MS)
        return;
    struct stat cert = look_at(s->cert), key = look_at(s->key);
    s->looked_ms = mono_ms();
    if (!differs(&cert, &s->cert_seen) && !differs(&key, &s->key_seen))
        return;
    s->cert_seen = cert;
    s->key_seen = key;
    if (make_ctx(s, &ctx, &e) < 0) {
        log_warning("gateway: the old certificate is kept: %s", e.text);
        return;
    }
    SSL_CTX_free(s->ctx);
    s->ctx = ctx;
    log_info("gateway: the certificate %s was read again", s->cert);
}

/* ---- A session */

struct tls_session *tls_session_create(struct tls_server *s)
{
    struct tls_session *t = NEW(struct tls_session);

    reload(s);
    t->ssl = SSL_new(s->ctx);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (!t->ssl || !t->in || !t->out)
        abort(); /* as xcalloc() does */
    SSL_set_bio(t->ssl, t->in, t->out);
    SSL_set_accept_state(t->ssl);
    return t;
}

void tls_session_destroy(struct tls_session *t)
{
    if (!t)
        return;
    SSL_free(t->ssl);
    free(t);
}

static void drain(struct tls_session *t, struct buf *sealed)
{
    char *data;
    long n = BIO_get_mem_data(t->out, &data);

    if (n > 0)
        buf_add(sealed, data, (size_t)n);
    (void)BIO_reset(t->out);
}

/* In clear: whoever speaks HTTP to us can read nothing else. */
static void answer_plain_http(struct buf *out)
{
    static const char text[] = "this port speaks TLS: use https://\n";

    buf_addf(out,
             "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: "
             "close\r\n\r\n%s",
             sizeof text - 1, text);
}

int tls_read(struct tls_session *t, const char *data, size_t len, struct buf *plain, struct buf *sealed)
{
    int n, rc = 0;

    ERR_clear_error();
    BIO_write(t->in, data, (int)len);
    while ((n = SSL_read(t->ssl, buf_reserve(plain, 16384), 16384)) > 0)
        plain->len += (size_t)n;
    int why = SSL_get_error(t->ssl, n);
    drain(t, sealed);
    if (why == SSL_ERROR_ZERO_RETURN) {
        rc = TLS_ENDED;
    } else if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
        if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST)
            answer_plain_http(sealed);
        rc = -EPROTO;
    }
    if (plain->data)
        plain->data[plain->len] = '\0';
    ERR_clear_error();
    return rc;
}

void tls_write(struct tls_session *t, const void *data, size_t len, struct buf *sealed)
{
    if (!SSL_is_init_finished(t->ssl))
        return;
    ERR_clear_error();
    SSL_write(t->ssl, data, (int)len);
    drain(t, sealed);
    ERR_clear_error();
}

void tls_shutdown(struct tls_session *t, struct buf *sealed)
{
    if (!SSL_is_init_finished(t->ssl))
        return;
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    drain(t, sealed);
    ERR_clear_error();
}
