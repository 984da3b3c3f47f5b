/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_ROUTES_H
#define FS_DOOR_HTTP_ROUTES_H
#include "backend/engine/engine.h"
#include "backend/model/model.h"
#include "fs/door_http/connection.h"

/* Answer a request, now or later: THE table of routes, CONTRACT.md section 7. */
void route_request(const struct request *r);

/* Is this request to an engine one that wakes a model and counts as activity? path is the engine's own, query
 * included. Pure. */
bool is_inference(const char *method, const char *path);

/* May somebody who shows no token ask for this path of the root: the page, which then is a form to log in, and the login? Pure. */
bool route_is_open(const char *path);

/* ---- For the functions of the table */

/* How far a request's path has been followed. */
struct route_at {
    struct model *model; /* whose prefix was read; NULL at the root */
    struct job *job;     /* likewise */
    const char *path;    /* what is left of the path, query included; as the engine sees it */
};

/* By key, alias or the engine's own name; NULL if there is none. */
struct model *route_find_model(struct house *h, const char *name);

/* routes_known.c: answers from what is known; they wake nothing. */
void answer_health(const struct request *r, const struct route_at *at);
void answer_metrics(const struct request *r, const struct route_at *at); /* Prometheus' text format */
void answer_models(const struct request *r, const struct route_at *at);
void answer_model(const struct request *r, const struct route_at *at); /* /v1/models/<id> */
void answer_traefik(const struct request *r, const struct route_at *at);
void answer_slullama_status(const struct request *r, const struct route_at *at); /* slullama_status.c */

/* page.c: the page for people, and what it asks for. */
void answer_page(const struct request *r, const struct route_at *at);
void answer_login(const struct request *r, const struct route_at *at);
void answer_logout(const struct request *r, const struct route_at *at);
void answer_ui_model(const struct request *r, const struct route_at *at);  /* page_verbs.c */
void answer_ui_events(const struct request *r, const struct route_at *at); /* page_events.c */

/* routes_body.c */
/* Is all there of a long body that has to be known before it goes to an engine? Else it is routed anew with more of it,
 * and nothing is to be answered.
 * m      may be NULL
 * facts  of a question; NULL for any other request */
bool route_knows_enough(const struct request *r, const struct model *m, const struct engine *en,
                        const char *path, const struct body_facts *facts);

/* Where there is no body, the address may name the model: /v1/realtime?model=NAME, of OpenAI's Realtime API. Pure.
 * facts  of an empty body; what is added is the caller's */
void route_scan_query(const char *path, struct body_facts *facts);

void answer_no_model(const struct request *r, const char *name); /* 404 with the near name */

/* Append the first len bytes of s with %XX decoded. False: a malformed escape, or NUL. */
bool route_unescape(struct buf *out, const char *s, size_t len);

#endif
