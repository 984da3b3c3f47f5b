/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_REMOTE_PRIVATE_H
#define BACKEND_REMOTE_PRIVATE_H
#include "backend/base/buf.h"
#include "backend/base/list.h"
#include "backend/config/config.h"
#include "backend/remote/remote.h"
/* What remote.c (looking) and remote_wake.c share. */

enum remote_server { SERVER_UNKNOWN, SERVER_OURS, SERVER_SLULLAMA };

struct remote {
    struct cluster *cluster;
    struct url_parts where;
    char *token; /* "" = none */
    struct remote_way *way;
    enum remote_server server; /* unknown after each look that failed: another may listen there by now */
    bool up, token_refused;
    bool changed; /* what the look that is under way has shown differs from before */
    uint64_t looked_ms, good_ms; /* mono_ms() of the last look, of the last good one; 0 = none */
    uint64_t bad_ms;             /* of the first failure since; 0 = there is none */
    json_t *models;              /* of ours: remote_read_models() */
    json_t *all;                 /* of slullama's: remote_read_status() */
    char *listed;                /* likewise: the job whose models were asked for */
    json_t *found;               /* what found_take() was given last */
    struct timer *tick, *late;
    uint64_t due_ms; /* mono_ms() of the next look, while tick runs */
    /* The look that is under way. */
    struct http_request *request;
    const char *path;
    int status;
    struct buf body;
    struct list wakes; /* remote_wake.c's own */
};

/* The head of a request there, without its end. */
void remote_head(const struct remote *r, struct buf *head, const char *method, const char *path);

/* remote_wake.c */
void remote_wakes_go(struct remote *r); /* it is up: what waited for that is sent */
void remote_wakes_fail(struct remote *r, int rc, const char *text);
void remote_wakes_end(struct remote *r);

#endif
