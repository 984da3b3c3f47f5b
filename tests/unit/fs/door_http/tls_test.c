/* SPDX-License-Identifier: MIT */
#include "fs/door_http/tls.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

static char dir[64], *cert, *key;

/* A certificate for itself that is valid from `from` to `to` seconds from now. */
static void make(const char *cert_path, const char *key_path, long from, long to)
{
    EVP_PKEY *k = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    FILE *f;

    X509_gmtime_adj(X509_getm_notBefore(x), from);
    X509_gmtime_adj(X509_getm_notAfter(x), to);
    X509_set_pubkey(x, k);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"x", -1,
                               -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    assert_true(X509_sign(x, k, EVP_sha256()) > 0);
    assert_non_null(f = fopen(cert_path, "w"));
    PEM_write_X509(f, x);
    fclose(f);
    assert_non_null(f = fopen(key_path, "w"));
    PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(k);
}

static int begin(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/slullamafs-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    cert = xasprintf("%s/cert", dir);
    key = xasprintf("%s/key", dir);
    make(cert, key, -60, 3600);
    log_start(LOG_LEVEL_INFO, false);
    return 0;
}

static int finish(void **state)
{
    char *line = xasprintf("rm -rf -- %s", dir);

    (void)state;
    log_stop();
    assert_int_equal(system(line), 0);
    free(line);
    free(cert);
    free(key);
    return 0;
}

static bool was_logged(const char *text)
{
    char *tail = growing_tail(log_text(), 20);
    bool found = strstr(tail, text) != NULL;

    free(tail);
    return found;
}

/* A client over memory, and what each side has read. */
struct talk {
    struct tls_session *server;
    SSL_CTX *ctx;
    SSL *client;
    struct buf at_server, at_client;
    int rc; /* of the last tls_read() */
};

static void to_client(struct talk *t, struct buf *sealed)
{
    char piece[4096];
    int n;

    if (sealed->len > 0)
        BIO_write(SSL_get_rbio(t->client), sealed->data, (int)sealed->len);
    buf_free(sealed);
    while ((n = SSL_read(t->client, piece, sizeof piece)) > 0)
        buf_add(&t->at_client, piece, (size_t)n);
    ERR_clear_error();
}

/* Until nobody has more to say. */
static void move(struct talk *t)
{
    for (;;) {
        char piece[100]; /* a record comes in pieces */
        struct buf sealed = { 0 };
        int n = BIO_read(SSL_get_wbio(t->client), piece, sizeof piece);
        if (n <= 0)
            return;
        t->rc = tls_read(t->server, piece, (size_t)n, &t->at_server, &sealed);
        to_client(t, &sealed);
    }
}

static void connect_to(struct talk *t, struct tls_server *s, int max_version)
{
    struct buf none = { 0 };

    *t = (struct talk){ .server = tls_session_create(s), .ctx = SSL_CTX_new(TLS_client_method()) };
    SSL_CTX_set_max_proto_version(t->ctx, max_version);
    SSL_CTX_set_security_level(t->ctx, 0);
    t->client = SSL_new(t->ctx);
    SSL_set_bio(t->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(t->client);
    SSL_set_alpn_protos(t->client, (const unsigned char *)"\x02h2\x08http/1.1", 12);
    to_client(t, &none);
    move(t);
}

static void hang_up(struct talk *t)
{
    tls_session_destroy(t->server);
    SSL_free(t->client);
    SSL_CTX_free(t->ctx);
    buf_free(&t->at_server);
    buf_free(&t->at_client);
}

static void bytes_go_both_ways(void **state)
{
    static char large[300000];
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    struct tls_server *s;
    struct talk t;
    const unsigned char *chosen;
    unsigned len;

    (void)state;
    memset(large, 'x', sizeof large);
    assert_int_equal(tls_server_create(&s, cert, key, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        struct buf sealed = { 0 };
        connect_to(&t, s, versions[i]);
        assert_int_equal(SSL_version(t.client), versions[i]);
        SSL_get0_alpn_selected(t.client, &chosen, &len);
        assert_int_equal(len, 8);
        assert_memory_equal(chosen, "http/1.1", 8);
        SSL_write(t.client, "hello", 5);
        move(&t);
        assert_int_equal(t.rc, 0);
        assert_string_equal(buf_str(&t.at_server), "hello");
        SSL_write(t.client, large, sizeof large);
        move(&t);
        assert_int_equal(t.at_server.len, 5 + sizeof large);
        tls_write(t.server, large, sizeof large, &sealed);
        assert_true(sealed.len > sizeof large);
        to_client(&t, &sealed);
        assert_int_equal(t.at_client.len, sizeof large);
        tls_shutdown(t.server, &sealed);
        to_client(&t, &sealed);
        assert_true(SSL_get_shutdown(t.client) & SSL_RECEIVED_SHUTDOWN);
        SSL_shutdown(t.client);
        move(&t);
        assert_int_equal(t.rc, TLS_ENDED);
        hang_up(&t);
    }
    tls_server_destroy(s);
}

static void old_versions_are_refused(void **state)
{
    struct tls_server *s;
    struct talk t;

    (void)state;
    assert_int_equal(tls_server_create(&s, cert, key, NULL), 0);
    connect_to(&t, s, TLS1_1_VERSION);
    assert_int_equal(t.rc, -EPROTO);
    assert_false(SSL_is_init_finished(t.client));
    hang_up(&t);
    tls_server_destroy(s);
}

static void what_is_no_tls_is_refused(void **state)
{
    static const struct {
        const char *bytes, *answer;
    } rows[] = { { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "https://" },
                 { "\x16\x03\x01\x00\x05hello", NULL },
                 { "garbage, and more of it", NULL } };
    struct tls_server *s;

    (void)state;
    assert_int_equal(tls_server_create(&s, cert, key, NULL), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tls_session *t = tls_session_create(s);
        struct buf plain = { 0 }, sealed = { 0 };
        size_t len = i == 1 ? 10 : strlen(rows[i].bytes);
        assert_int_equal(tls_read(t, rows[i].bytes, len, &plain, &sealed), -EPROTO);
        assert_int_equal(plain.len, 0);
        if (rows[i].answer)
            assert_non_null(strstr(buf_str(&sealed), rows[i].answer));
        buf_reset(&sealed);
        tls_write(t, "secret", 6, &sealed); /* nothing goes in clear */
        assert_int_equal(sealed.len, 0);
        buf_free(&plain);
        buf_free(&sealed);
        tls_session_destroy(t);
    }
    tls_server_destroy(s);
}

static void what_is_out_of_date_is_a_warning(void **state)
{
    struct tls_server *s;

    (void)state;
    make(cert, key, -3600, -60);
    assert_int_equal(tls_server_create(&s, cert, key, NULL), 0);
    assert_true(was_logged("has expired"));
    tls_server_destroy(s);
    make(cert, key, 3600, 7200);
    assert_int_equal(tls_server_create(&s, cert, key, NULL), 0);
    assert_true(was_logged("is not valid yet"));
    tls_server_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_go_both_ways, begin, finish),
        cmocka_unit_test_setup_teardown(old_versions_are_refused, begin, finish),
        cmocka_unit_test_setup_teardown(what_is_no_tls_is_refused, begin, finish),
        cmocka_unit_test_setup_teardown(what_is_out_of_date_is_a_warning, begin, finish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
