/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_ENGINE_H
#define BACKEND_ENGINE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backend/base/buf.h"
#include "backend/base/err.h"
#include "backend/config/config.h"
#include "backend/http/http_client.h"
/* What runs inside a job and answers: how it is started, when it is healthy, how it proves that it is ours. A
 * new engine is a row in engines[] (engine.c) and a text file with its shell lines beside it. */

/* The dialects of HTTP requests. What an engine does not speak by itself the gateway has to translate. */
enum engine_api {
    API_OPENAI = 1,    /* /v1/chat/completions, /v1/completions, /v1/embeddings */
    API_OLLAMA = 2,    /* /api/chat, /api/generate, /api/embed */
    API_ANTHROPIC = 4, /* /v1/messages */
    API_RESPONSES = 8, /* /v1/responses */
};

struct engine {
    const char *name;
    const char *script; /* shell lines that define `engine()`: see job.sh for what is set when it is called */
    const char *binary; /* default of the key `binary`; "" = the first word of `command` */
    const char *health_path;       /* default of the key `health` */
    bool has_key;                  /* it refuses requests without our secret, or the relay before it does */
    bool key_optional;             /* with expose = true it may serve without a key */
    bool needs_model;              /* it cannot start without `model` (or engine_args that name one) */
    bool needs_command;            /* it cannot start without `command` */
    bool is_ours;                  /* it is in our own binary, which need not be looked for on this machine */
    bool relay;                    /* it knows no key: relay.py asks for it, where there is a Python */
    bool image;                    /* it can run in a container */
    bool needs_name;               /* a request has to name the model as the engine knows it */
    bool any_request_is_inference; /* CONTRACT.md 7: all but the one for its health path */
    unsigned apis;                 /* of enum engine_api: those that every version of it speaks by itself */
    const char *proof_method, *proof_path, *proof_body; /* a request that needs the key and costs nothing */
    int proof_status; /* what our key gets there; 0 = an engine's complaint about an empty request */
    const char *context_path; /* GET it with the key: engine_context() reads the answer. NULL: it tells nowhere */
};

const struct engine *engine_find(const char *name); /* NULL if there is none */

/* Must the engine of this model prove that it is ours (probe_start's want_proof)? Always, but where a program
 * that knows no key was exposed on purpose, or the model says proof = "comment". Pure. */
bool engine_wants_proof(const struct engine *en, const struct model_config *m);

/* The name by which the engine serves it: that of a path in a Hugging Face cache (.../models--ORG--NAME/...) is ORG/NAME,
 * any other is the key `model`. Appended; nothing where there is none. Pure. */
void engine_served_name(const struct model_config *m, struct buf *out);

/* How many tokens question and answer may have together, as its context_path tells; 0: it does not. Pure.
 * Sources: llama-server b10587, GET /props, what one slot has; vLLM 0.9.2, GET /v1/models. */
int64_t engine_context(const json_t *v);

/* Does a request have to name the model as the engine knows it? Those of a share are told apart by that. Pure. */
bool engine_is_told(const struct model_config *m);

/* ---- The job script: our prologue (job.sh) with the engine's lines in it. */

struct script_params {
    const struct engine *engine;
    const struct model_config *model;
    const char *job_name;
    const char *workdir; /* on the cluster, absolute or ~/...: <cluster workdir>/<identity>/<job name> */
    const char *secret;  /* 64 hex digits */
    const char *service; /* for the Comment: the model's name */
    bool loopback;       /* the engine listens on 127.0.0.1 alone (kind local) */
    const char *program; /* our own binary where the job runs on this machine, for an engine that is_ours;
                            NULL or "": looked for there */
    bool masked; /* "***" stands for the secret and the values of `env`: what jobs/<name>/script shows */
};

/* Returns 0, or -EINVAL with a sentence (a value that cannot go into a script). out is appended to. The
 * script holds the secret: it travels on standard input or lies in a file of mode 0600. Run by bash, it ends
 * with the engine's exit status; TERM (also to the shell alone) ends the engine within 4 s. The daemon shows
 * that it lives by changing the content of the file `lease` in the workdir more often than lease_s; the words
 * " lease=N" at its end give the job N seconds from then on instead (0: for ever), until it changes again. The
 * engine's output is in `stdout` and `stderr` there. */
int engine_script(const struct script_params *p, struct buf *out, struct err *e);

/* ---- What the job tells. It appends lines to the file `state` in its workdir, each "word key=value ..."; a
 * requeued job truncates it and begins anew:
 *
 *   job node=NODE pid=N run=N            the batch script began; the line differs from run to run
 *   listening host=NODE port=N addr=IP   the engine's own socket listens (checked in /proc); no addr: on all
 *   signal number=N                      the scheduler, or a person, ends the job: what comes is its doing
 *   exit status=N                        the engine ended, and the job with it
 *   lease                                the lease ran out, the job ends itself
 *   error text=...                       to the end of the line: what is wrong, for people
 *   progress [value=0.43] text=...       likewise: what the engine does until it is ready
 *   exposed to=node|cluster              who else can reach the engine without a key
 *
 * and sets its Comment to traefik,<service>,http://<node>:<port>,sfs,<addr> where scontrol is there. A further
 * field lease=signal says that it sees no lease file: USR1 to its shell then renews the lease, and USR2 makes it
 * the model's idle_timeout. A job that is not published yet may say sfs,lease=signal alone. */

struct job_notice {
    enum {
        NOTICE_JOB,
        NOTICE_LISTENING,
        NOTICE_SIGNAL,
        NOTICE_EXIT,
        NOTICE_LEASE,
        NOTICE_ERROR,
        NOTICE_PROGRESS,
        NOTICE_EXPOSED
    } kind;
    char host[256], addr[64]; /* JOB: host; LISTENING: both, addr "" where it was not told */
    int port;                 /* LISTENING: 1..65535 */
    int status;               /* EXIT: 0..255; SIGNAL: its number */
    double value;             /* PROGRESS: 0 to 1, or -1 where it was not told */
    char text[400];           /* ERROR, PROGRESS: one line of UTF-8; EXPOSED: "node" or "cluster" */
};

/* Parse one line (no newline). 0, or -EINVAL for one that is none of ours: skip it. */
int job_notice_parse(const char *line, struct job_notice *out);

/* The address in a Comment. Further comma fields are allowed; addr is "" where there is none. 0 or -EINVAL.
 */
int comment_parse(const char *comment, char host[256], int *port, char addr[64]);

/* Did our script write it, or complete what a template had written? It does once it has seen that the socket there is of
 * the job's own processes. */
bool comment_is_verified(const char *comment);

bool comment_has(const char *comment, const char *field); /* between commas, after ours: "sfs" */

/* ---- Is it healthy, and is it ours? */

enum probe_result {
    PROBE_HEALTHY,  /* healthy and proven */
    PROBE_LOADING,  /* it answers but is not ready: 503, or nobody listens yet */
    PROBE_IMPOSTOR, /* it accepts any key, or refuses ours: not our engine; text says which */
    PROBE_LOST,     /* the connection could not be had or broke: the errno and sentence say why */
};

struct probe; /* valid until its callback */
typedef void (*probe_f)(void *arg, enum probe_result r, int rc, const char *text);

/* One round: the health path; when that is good and proof is wanted, the proof: a random key must be refused
 * with 401 or 403 before ours is shown, and ours must get the answer of an engine (a complaint about the
 * empty request). Nothing secret is sent to a server that failed the first step. timeout_ms is for the whole
 * round; when it is over: PROBE_LOST with -ETIMEDOUT. cb is called once, on the loop, after which p is gone;
 * text is borrowed for that call; rc is 0 for HEALTHY. */
struct probe *probe_start(uv_loop_t *loop, struct http_client *c, const struct engine *en,
                          const struct model_config *m, const char *secret, bool want_proof,
                          uint64_t timeout_ms, probe_f cb, void *arg);
void probe_cancel(struct probe *p); /* NULL is allowed */

/* How far the loading is, 0 to 1, where the text of a PROBE_LOADING tells it ("Loading model, 43 %"); else
 * -1. Pure. */
double probe_progress(const char *text);

/* ---- OpenAI's dialect, as `ask` and the other pairs use it. */

/* The head of a request whose body is JSON (body.h); appended.
 * host  for the Host field
 * key   "" sends none */
void engine_post(struct buf *head, const char *path, const char *host, const char *key, size_t body_len);

/* Reads one response: SSE, or one JSON object (at most 64 MiB) from an engine that does not stream, told
 * apart by Content-Type. The callbacks may not destroy the reader. */
struct chat_reader;

struct chat_events {
    void (*text)(void *arg, const char *s, size_t len); /* a piece of the answer (content) */
    void (*begun)(void *arg); /* first content, reasoning or tool call; before its text; once */
    /* Of an answer that is no chat: its object, instead of the text in its choices. -EPROTO: it is no answer. */
    int (*object)(void *arg, const json_t *v);
};
struct chat_reader *chat_reader_create(const struct chat_events *ev, void *arg);
void chat_reader_destroy(struct chat_reader *r); /* NULL is allowed */
void chat_reader_head(struct chat_reader *r, const struct http_head *h);
void chat_reader_body(struct chat_reader *r, const char *data, size_t len);

/* At the end of the response: 0 when the answer is whole; -EIO with the engine's own message for an error
 * status or an error event; -ECONNRESET for one that stops short (no finish_reason and no [DONE]); -EPROTO
 * for what is no answer (garbage, an event of more than 1 MiB). May be asked at any time; an error is final.
 */
int chat_reader_result(struct chat_reader *r, struct err *e);
int64_t chat_reader_tokens(const struct chat_reader *r,
                           int64_t *prompt_tokens);          /* completion tokens; 0 where not told */
/* The HTTP status of a refusal, also where a stream ended in an error that tells one; 0 = there is none. */
int chat_reader_status(const struct chat_reader *r);
const char *chat_reader_finish(const struct chat_reader *r); /* finish_reason or "" */

/* The tools that it calls (tool_calls.h), where the events have `text`: a new reference; NULL: none. */
json_t *chat_reader_calls(const struct chat_reader *r);

/* The object in which the engine said no, on one line; NULL where it said no in other words, or did not. The caller
 * frees it. */
char *chat_reader_refusal(const struct chat_reader *r);

#endif
