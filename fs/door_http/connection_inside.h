/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_CONNECTION_INSIDE_H
#define FS_DOOR_HTTP_CONNECTION_INSIDE_H
#include "backend/base/timer.h"
#include "fs/door_http/connection.h"
#include "fs/door_http/gate.h"
#include "fs/door_http/guard.h"
#include "fs/door_http/tls.h"
/* Private to connection.c (reading, closing), connection_body.c (bodies), connection_write.c (writing, the ends of
 * answers) and connection_record.c (what is kept of each request). */

#define WRITE_HIGH (256 * 1024)     /* bytes waiting for the client: who answers stops */
#define WRITE_LOW  (64 * 1024)      /* and goes on */
#define IDLE_MS    (10 * 60 * 1000) /* between requests; also for the last bytes of an answer to be taken */
#define BODY_MS    60000            /* no byte of a body for as long */
#define GONE_LOOK_MS 50 /* FIN may arrive a moment before the kernel lets go of the client's socket */

#define REQUEST_ID_MAX 128 /* of one that a client gave; as long as any tracing system's */

/* One request, from its head (or from its refusal) to the end of its answer. A connection has none in between: most are
 * idle. */
struct record {
    char *id; /* owned */
    uint64_t begun_ms, first_ms; /* mono_ms(); first_ms 0 = nothing was answered yet */
    uint64_t bytes;
    int status;   /* of the answer, read off its head; 0 = none yet */
    bool counted; /* holder_begin() let it pass */
    char *model;  /* that was asked, NULL = none; owned */
    int64_t prompt_tokens, completion_tokens;
};

struct connection {
    struct list link;
    uv_stream_t *stream;
    struct gate *gate;
    struct model *own; /* see connection_start() */
    struct house *house;
    struct http_reader *reader;
    struct tls_session *tls; /* NULL: in clear */
    struct timer *timer; /* what is waited for: see the times above; while answering: looks for the client */
    struct buf body, stash;
    struct request request;
    struct record *record; /* NULL: there is no request */
    struct holder *holder; /* whose that is; NULL = not recognised */
    const struct answerer *answerer;
    void *arg;
    struct model_scan *scan; /* of a long body that has to be JSON; NULL else */
    uint64_t body_got;       /* bytes */
    uint64_t held;           /* bytes of them that count in gate->held */
    uint64_t body_ms;        /* when the body began, without the time in which we did not read it */
    uint64_t stuffed_ms;     /* since when we do not read; valid with stuffed */
    int64_t retry_after_s; /* for the next error; 0 = the usual */
    bool answering;        /* from the last byte of a request, or its showing, to connection_done() */
    bool due;              /* there is a request to be answered, or one to be shown */
    bool shown;            /* the routes saw the beginning of the body */
    bool awaits;           /* and it was not enough for them */
    bool coming;           /* it was, and the rest of the body comes */
    bool refused;          /* the request was refused before it was whole */
    bool preflight;        /* of CORS: answered without any route */
    bool half_closed;      /* the client sends no more */
    bool stuffed;          /* the stash, or who gets what the client says, is full: we do not read */
    bool upgraded;         /* what comes and goes is no HTTP any more; while answering */
    unsigned looks;        /* whether the client is there, of this request: see knock() */
    bool said_all;         /* and the answerer knows that the client is half closed */
    bool wants_drain;
    bool keep;    /* the client would */
    bool closing; /* the last answer was given */
    bool closed;
};

/* connection.c */
/* An error of the request itself: nothing that follows it on this connection can be trusted. */
void connection_reject(struct connection *c, int status, const char *text);
void connection_stop_reading(struct connection *c); /* until connection_take_more() */
void connection_linger(struct connection *c); /* all is written, and nothing more will be */
void connection_next(struct connection *c);   /* serve what the stash has, from the loop */

/* connection_body.c */
void body_begin(struct connection *c); /* its head was read */
int body_piece(void *arg, const char *data, size_t len);
int body_complete(void *arg);
void body_show(struct connection *c);    /* to the routes */
bool body_goes_on(struct connection *c); /* it may take its time, but not for ever by a byte now and then */
void body_forget(struct connection *c);

/* connection_write.c: bytes as they are, past the look for the head of an answer (a 100, TLS's own). */
void connection_put(struct connection *c, const void *data, size_t len);
void connection_put_sealed(struct connection *c, const struct buf *sealed);

/* connection_record.c */
void record_begin(struct connection *c);                                /* ends an open one */
void record_end(struct connection *c);                                  /* harmless where there is none */
void record_head(struct connection *c, struct buf *out);                /* the fields that each answer gets */
void record_answer(struct connection *c, const char *data, size_t len); /* bytes that go by */

#endif
