/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_HTTP_CONN_H
#define BACKEND_HTTP_CONN_H
#include "backend/base/list.h"
#include "backend/http/http_client.h"
/* Private to http_client.c (requests, the pool) and http_conn.c (one connection: its descriptor, what is
 * read, what is written). A connection serves one request at a time; request->conn and conn->request point at
 * each other or are both NULL. Objects are told from gone ones by conn->closed: a connection's memory
 * outlives every callback of the turn. */

#define HTTP_SPACE 65536 /* bytes of the client's one read buffer */

#define HTTP_WRITE_HIGH (256 * 1024) /* bytes waiting for the engine: who writes a body stops */
#define HTTP_WRITE_LOW  (64 * 1024)  /* and goes on */

struct http_conn {
    struct list link; /* in client->idle */
    uv_poll_t poll;
    int events; /* what poll waits for */
    int fd;     /* -1 once closed */
    struct http_client *client;
    struct http_request *request;
    struct http_reader *reader;
    struct buf stash;    /* read, but not yet shown: the request is paused */
    uint64_t idle_since; /* mono_ms(); valid in the idle list */
    int interims;        /* 1xx responses to this request */
    bool reused;         /* it was idle before this request */
    bool keep;           /* the answer's head allows another request */
    bool complete;       /* the answer is complete */
    bool upgraded;       /* a 101 came */
    bool write_dead;     /* the far end reads no more; its answer may still come */
    bool closed;
};

struct http_dial { /* the ticket that a dialer gets */
    struct list link;
    struct http_request *request; /* NULL: cancelled meanwhile */
};

struct http_request {
    struct list link; /* in client->requests */
    struct http_client *client;
    const struct http_handler *h;
    void *arg;
    struct http_conn *conn; /* NULL while the dial is out */
    struct http_dial *dial;
    /* Empty, both of them, once they were sent and an answer began. */
    struct buf wire; /* the head */
    const char *body;
    size_t body_len;
    size_t sent;      /* bytes of both */
    struct buf more;  /* what was written behind them, and could not be sent at once */
    size_t more_sent; /* bytes of it */
    bool open;        /* more may be written */
    bool wants_drain;
    bool head_request;
    bool retried;
    bool paused;
    bool got_byte; /* of an answer */
    int rc;        /* with err: why there is no connection, while that is in the mailbox */
    char *err;
};

struct http_client {
    uv_loop_t *loop;
    struct http_dialer dialer;
    struct mailbox *mail;
    struct timer *expiry;
    struct list requests, dials, idle; /* idle: the last used first */
    unsigned n_idle, n_requests;
    unsigned most_requests; /* at once, since the expiry last looked */
    unsigned holds;         /* connections and running calls; the memory goes with the last once destroyed */
    bool destroyed;
    char *space;
};

/* http_client.c */
void http_client_hold(struct http_client *c);
void http_client_release(struct http_client *c);
void http_client_recycle(struct http_conn *conn); /* into the pool; conn->request is NULL */
void http_request_end(struct http_request *r, int rc, const char *err); /* r->conn is NULL; r is no more */
void http_request_upgraded(struct http_request *r, const struct http_head *h, int fd, const char *rest,
                           size_t len);                                           /* likewise */
void http_request_lost(struct http_request *r, bool was_reused, const char *err); /* or r is sent again */

static inline size_t http_request_waiting(const struct http_request *r)
{
    return r->wire.len + r->body_len - r->sent + r->more.len - r->more_sent;
}

static inline bool http_request_all_sent(const struct http_request *r)
{
    return !r->open && http_request_waiting(r) == 0;
}

/* http_conn.c */
/* Takes fd; NULL with errno where it cannot be watched. */
struct http_conn *http_conn_create(struct http_client *c, int fd);
void http_conn_attach(struct http_conn *conn, struct http_request *r);
/* What can be sent at once of a piece, behind all that was sent before. Bytes; all of them go nowhere where the far
 * end takes no more. Calls nobody. */
size_t http_conn_write(struct http_conn *conn, const char *data, size_t len);
void http_conn_watch(struct http_conn *conn); /* wait for what is due now; nothing on a closed one */
void http_conn_resume(struct http_conn *conn);
bool http_conn_is_quiet(const struct http_conn *conn); /* idle, neither closed nor talking by itself */
void http_conn_close(struct http_conn *conn);          /* detaches its request; memory goes later */

#endif
