/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_RELAY_INSIDE_H
#define FS_DOOR_HTTP_RELAY_INSIDE_H
#include "backend/base/timer.h"
#include "backend/exchange.h"
#include "fs/door_http/byte_pipe.h"
#include "fs/door_http/relay.h"
#include "fs/door_http/relay_head.h"
#include "fs/door_http/usage_scan.h"
/* Private to relay_ask.c (how one begins), relay.c (the way to the engine and back), relay_body.c (of a body that is
 * long), relay_out.c (the answer on its way out), relay_hold.c (what a client hears while there is no answer yet, and
 * where none comes) and relay_upgrade.c (what is no HTTP any more). */

struct relay {
    struct exchange x; /* first: a relay is an exchange; unused by one that is passed beside the queue */
    bool queued;
    struct house *house;
    struct connection *conn; /* NULL once its answer is complete, or it left */
    struct model *model;     /* queued; for wake_timeout. Models live as long as the house */
    char *path;
    struct buf body;         /* or its beginning; kept until the answer began, so that it can be sent again */
    bool coming;             /* more of it comes from the client: relay_body.c */
    bool chunked;            /* it is of unknown length; valid with coming */
    int64_t rest;            /* bytes that come, else; 0 where all is there */
    bool stream;             /* events were asked for */
    struct dialect *dialect; /* the engine speaks another API than the client: translate.c; else NULL */
    char job_name[96];
    const struct engine *engine; /* of the job that it was sent to; NULL before */

    struct http_request *request;   /* under way; NULL else */
    const struct http_head *answer; /* its head, once there; borrowed until its end */
    int status;                     /* of the answer */
    struct http_head our_head;      /* stands for the engine's where that was translated */
    struct http_field our_field;
    struct byte_pipe *pipe; /* to the engine, once both changed to another protocol: there is no request then */
    bool paused;            /* the client takes less than the engine gives */
    bool gathers;           /* what is for the client waits in `out`: more of it has been read already */
    struct buf out;

    enum relay_framing framing; /* valid with held or begun */
    bool held;                  /* the client got a head and comments before any answer */
    bool begun;                 /* it got bytes of the engine's answer */
    bool event_stream;          /* what it gets are events; valid with held or begun */
    bool spoiled;               /* held, but the engine answers something else: that goes to `odd` */
    bool in_comment;            /* of a gateway's stream, before its answer */
    bool late;                  /* wake_timeout is over */
    struct buf odd;             /* also the body of an error status, for its message */
    struct usage_scan usage;    /* queued: what the answer says that it cost */
    unsigned line_feeds;        /* at the end of what was sent: an event is over after two */
    /* queued: for the model to be ready; else, or with a pipe, for the next byte; 0 = for ever */
    uint64_t patience_ms;
    struct timer *hold, *limit;
    bool tells;      /* a held client hears in words how far the model is */
    struct buf told; /* what it heard last */
    uint64_t told_ms;
};

/* relay.c */
extern const struct exchange_ops relay_ops;
extern const struct answerer relay_answerer;

void relay_send(struct relay *r, struct job *j); /* the whole request, from its beginning */
void relay_release(struct relay *r);             /* our own hold on it goes: the client is done with */
void relay_stir(struct relay *r);                /* something moves between the two: neither is silent */

/* There is no answer, or no whole one, and sending it again is no way out. */
void relay_fail(struct relay *r, int rc, const char *text);

/* A piece of the answer's body for the client, behind its head if it is the first. */
void relay_pass_on(struct relay *r, const char *data, size_t len);

/* The client gets no more; conn is NULL behind it. whole: and the body's own end. */
void relay_end_answer(struct relay *r, bool whole, bool keep);

/* relay_out.c */
/* A head (NULL: none) as it is and a piece of body, framed. Pauses the engine where the client is slow. Where it
 * comes from an engine it is sent with all that was read at once. */
void relay_write(struct relay *r, const struct buf *head, const void *data, size_t len);
void relay_flush(struct relay *r); /* what was gathered goes out */

/* relay_body.c */
void relay_body_begin(struct relay *r, const struct request *q); /* before its body is taken */
int64_t relay_body_len(const struct relay *r);                   /* as the engine hears it; -1: chunked */
struct http_request *relay_body_send(struct relay *r, struct http_client *c, struct buf *head,
                                     const struct http_handler *h); /* all that is there */
void relay_body_wanted(void *arg);                                  /* for struct http_handler */
bool relay_body_comes(void *arg, const char *data, size_t len);     /* for struct answerer */

/* relay_upgrade.c: for struct http_handler and struct answerer, and harmless where there is no pipe. */
void relay_upgraded(void *arg, const struct http_head *h, int fd, const char *rest, size_t len);
bool relay_client_says(void *arg, const char *data, size_t len);
void relay_pipe_close(struct relay *r);

/* relay_hold.c */
/* The model is not ready, and such requests are refused: it is woken, and the client told so. */
bool relay_refuses(const struct request *q, struct model *m);

void relay_hold_start(struct relay *r);
void relay_hold_knock(void *arg); /* a comment at once, where the client gets any: for struct answerer */
void relay_hold_stop(struct relay *r);

/* The client is told that there is no answer, or no whole one: as a status while nothing was sent, as an
 * error event in a stream of events, else by the connection's early end. conn is NULL behind it. */
void relay_fail_client(struct relay *r, int status, const char *text);

#endif
