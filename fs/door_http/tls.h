/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_TLS_H
#define FS_DOOR_HTTP_TLS_H
#include <stddef.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
/* The server's side of TLS 1.2 and 1.3 by OpenSSL, over memory: the connection moves the bytes, so that its
 * backpressure is one for both. Loop thread. */

struct tls_server;
struct tls_session;

/* PEM files: the certificate with its chain, and its key. -EINVAL, -ENOENT, -EACCES with a sentence where they
 * cannot be read, have a passphrase, or do not belong together; one that has expired is a warning in the log. */
int tls_server_create(struct tls_server **out, const char *cert, const char *key, struct err *e);
void tls_server_destroy(struct tls_server *s); /* sessions may outlive it; NULL is allowed */

/* A new connection. The files are looked at once a second; new ones that cannot be used are a warning, and the
 * old ones go on. */
struct tls_session *tls_session_create(struct tls_server *s);
void tls_session_destroy(struct tls_session *t); /* NULL is allowed */

#define TLS_ENDED 1 /* the client has said that nothing more comes from it */

/* Bytes from the client: what they say is appended to plain, what has to be answered to sealed. 0, TLS_ENDED, or
 * -EPROTO: the connection is of no more use (sealed may still have the alert that says why). */
int tls_read(struct tls_session *t, const char *data, size_t len, struct buf *plain, struct buf *sealed);

/* Append data to sealed as it goes over the wire; nothing before the handshake is done. */
void tls_write(struct tls_session *t, const void *data, size_t len, struct buf *sealed);
void tls_shutdown(struct tls_session *t, struct buf *sealed); /* no more from us */

#endif
