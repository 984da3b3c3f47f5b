/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TLS_STREAM_H
#define BACKEND_TLS_STREAM_H
#include <uv.h>
/* TLS (1.2 or later) to a server, for who speaks to a descriptor: one end of a socketpair stands for the connection in
 * clear. The certificate has to be of the host, by one of the system's authorities ($SSL_CERT_FILE and $SSL_CERT_DIR in
 * their place). Loop thread. */

struct tls_stream; /* valid until its callback was called */

/* fd   -> a connected, non-blocking stream socket in clear, that the callee owns: closing it ends the connection; or
 *         -EKEYREJECTED (the certificate), -EPROTO (no TLS), -ECONNRESET, with the sentence in err
 * Never called inside tls_stream_open(). */
typedef void (*tls_stream_f)(void *arg, int fd, const char *err);

/* fd    connected and non-blocking; taken over
 * host  name or address that the certificate is for; copied */
struct tls_stream *tls_stream_open(uv_loop_t *loop, int fd, const char *host, tls_stream_f cb, void *arg);
void tls_stream_cancel(struct tls_stream *s); /* cb is not called any more; NULL is allowed */

#endif
