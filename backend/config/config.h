/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_CONFIG_H
#define BACKEND_CONFIG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <jansson.h>
#include "backend/base/err.h"
#include "backend/base/nearest.h"
/* What the configuration file says, read once into plain structs with every default filled in. Keys, types, defaults,
 * units and help stand in one table (config_table.c); CONTRACT.md section 9 is their list. All strings are owned by the
 * struct config that they hang below, never NULL ("" where a key is empty), and live until config_free(). */

struct strings {
    char **v; /* v[n] is NULL, so that it can be an argv */
    size_t n;
};

/* Keys that a [cluster.X] may give for all its models, and a [model.X] for itself. */
struct job_config {
    char *partition, *gres, *account, *qos, *mem; /* "" puts no line into the script */
    int64_t time_s;                               /* 0 = no line */
    bool time_asked;                              /* it is written in the file */
    struct strings extra_args;                    /* any #SBATCH options, one each */
    struct strings setup;                         /* shell lines before the engine */
    int64_t idle_timeout_s;                       /* 0 = never ends by itself */
    int64_t start_timeout_s;                      /* 0 = queues as long as it takes */
    int64_t ready_timeout_s;                      /* RUNNING to healthy */
    int64_t stall_timeout_s;                      /* an engine that owes an answer says nothing */
    int64_t lease_s;                              /* no sign of life from a daemon: the job ends itself */
    char *job_template;                           /* a script on this machine, absolute; "" = our own */
    char *job_template_dialect;                   /* "auto" "slullama" "alvis" "plain" */
    char *keep_alive;                             /* "cancel" "extend" "relay": at the time limit */
    int64_t relay_lead_s;                         /* before it a successor is submitted; -1 = learnt */
    bool expose;                                  /* an engine without a key may be reachable by others */
};

struct cluster_config {
    char *name;
    char *kind;       /* "slurm" "local" "gateway" "fake" */
    char *host;       /* SSH destination; "" = this machine */
    char *ssh_config; /* file for ssh -F; "" = ssh's own */
    char *transport;  /* "auto" "openssh" "local" */
    char *tunnel;     /* "auto" "login" "node" "exec"; NULL is "auto" */
    bool accept_new_host_keys;
    char *workdir;    /* on the cluster; a leading ~/ is the cluster's home */
    int max_jobs;
    bool import;     /* services of the user's other jobs are told to balancers */
    char *catalogue; /* a file of this machine, absolute; its models are among the configuration's; "" = none */
    char *discover;  /* a directory there, of models of Hugging Face or of an Ollama; "" = none is looked at */
    char *url;       /* kind "gateway": http[s]://HOST[:PORT]; "" = none */
    char *token_file; /* likewise; "" = none */
    json_t *said;    /* its table, for models that are found later */
    bool of_users;   /* a [user.NAME] names it: it answers these alone, and is shown to nobody else but the owner */
    struct strings fake; /* kind "fake": words for the tests, see backend/scheduler/fake.c */
    struct job_config job; /* what its models get where they say nothing themselves */
};

struct model_config {
    char *name;
    char *found_as;                 /* its name in the catalogue, or where it was found; NULL where it was configured */
    json_t *said;                   /* its table, for models that are found later and share its job */
    struct cluster_config *cluster; /* borrowed */
    char *engine;                   /* a row of engines[] in backend/engine/engine.c */
    char *model;                    /* what the engine loads */
    struct strings aliases;         /* without the model's own name */
    char *share;                    /* models with the same one live in one job; "" = it has its own */
    char *description;
    char *system;                   /* the system prompt until another is written; "" = none */
    json_t *params;                 /* object: parameters of requests, likewise */
    int replicas;                   /* jobs that a wake begins, >= 1 */
    int min;                        /* jobs that stay up, idle or not */
    int max;                        /* the most jobs, >= replicas and min once it is read */
    int slots;                      /* requests in flight per job, >= 1 */
    int max_queue;                  /* waiting requests, >= 0 */
    int priority;                   /* of its jobs, where not all may be submitted: the higher goes first */
    char *binary;                   /* "" = the engine's usual name */
    struct strings engine_args;
    json_t *env;                    /* object of strings: the engine's environment; names that a shell can export */
    struct strings command;         /* engine "command": argv */
    char *listen;                   /* "" or an address of the gateway for it alone */
    char *health;                   /* path; "" = the engine's own */
    json_t *health_status;          /* array of integers */
    char *image;                    /* container; "" = none */
    int max_model_len;              /* tokens; 0 = the engine's own */
    char *on_full;                  /* "error", "drop_oldest": a conversation without room */
    char *models_dir;               /* ollama, on the cluster; "" = its own */
    bool copy_binary, cleanup_binary;
    char *copy_source;              /* "" = binary */
    struct strings pre_pull;
    bool takes_unknown;             /* [gateway] pass_unknown names it */
    char *proof;                    /* "auto": by its key; "comment": by what its job alone can tell */
    struct strings log_files;       /* on the node, beside stdout and stderr; with variables of the shell */
    struct job_config job;          /* the cluster's, overridden by the model's */
};

/* A user of this machine who is not the mount's owner. */
struct user_config {
    char *name;
    uid_t uid;
    struct cluster_config *cluster; /* whose jobs answer what he asks, borrowed; NULL = each model's own */
};

struct config {
    char *file; /* where it was read from, absolute; "" = built-in defaults */
    /* [mount] */
    char *state_dir, *runtime_dir; /* expanded; not made here */
    bool durable;                  /* prompts outlive the daemon */
    int64_t resend_max_age_s;      /* older ones that wait are not sent by the next mount; 0 = none is */
    int64_t history_s;             /* how long exchanges are kept; 0 = not at all */
    int64_t history_max;           /* bytes, of all of them */
    int64_t max_prompt;            /* bytes */
    char *on_unmount;              /* "stop" "leave" */
    char *log_level;
    /* [gateway] */
    struct strings listen;         /* "ADDRESS:PORT" or "unix:/PATH" each; at least one */
    bool listen_asked;             /* written by the user: a taken port is then an error */
    char *access;                  /* "owner" "token" "open" */
    char *token, *token_file;      /* "" = none; not both */
    char *tls_cert, *tls_key;      /* both or none */
    bool allow_plain;
    char *access_log;              /* "" = none */
    int64_t max_body;              /* bytes */
    int64_t wake_timeout_s;
    char *while_waking;            /* "hold" "refuse" */
    bool hold_progress;            /* held streams are told of it as reasoning */
    struct strings cors_origins, hosts;
    /* [batch] */
    int batch_retries, batch_in_flight; /* 0 in flight: as many as there are slots */
    bool batch_ordered;
    char *batch_hours;             /* "" = all, or HH:MM-HH:MM */

    /* [limits], of each user; 0 = none */
    int limit_waiting, limit_requests_per_minute;
    int64_t limit_stored; /* bytes */

    char *pass_unknown;            /* a model or share that gets requests for names that nobody has; "" = none */
    json_t *slullama;              /* settings of slullama's own file ("section.key"); NULL = the file is ours */

    struct cluster_config **clusters;
    size_t n_clusters;
    struct model_config **models;  /* in the file's order */
    size_t n_models;
    json_t *names;                 /* keys and aliases -> index in models: config_index() */
    struct user_config **users;    /* no two of one uid */
    size_t n_users;
    struct model_config **moved;   /* models on clusters of users, as they were made */
    size_t n_moved;
};

/* Read and check a configuration. One without any [cluster.X] has a cluster `local` of kind "local"; one without any
 * [model.X] too has one model `parrot`. Where there is no file at all, the models of the user's own Ollama here come
 * before that: it is asked, for a second at most.
 * path  a file; NULL looks where CONTRACT.md section 9 says and ends with built-in defaults: an empty configuration
 * Returns 0, or a negative errno (-ENOENT for a named file that is missing) with "FILE:LINE: what, and the way out".
 * Owner of *out is the caller. Environment variables are read here (HOME, XDG_*, SLULLAMAFS_CONFIG). */
int config_load(const char *path, struct config **out, struct err *e);

/* The same for `serve`, with what its options give. Without any file slullama's defaults count. */
struct slullama_given;
int config_load_given(const char *path, const struct slullama_given *given, struct config **out, struct err *e);

/* slullama's settings for connect and status, which read no file of ours: "section.key", a new reference. */
int config_load_slullama(const char *path, const struct slullama_given *given, json_t **out, struct err *e);

/* The same from text; file is only for messages. */
int config_parse(const char *text, size_t len, const char *file, struct config **out, struct err *e);

void config_free(struct config *c); /* NULL is allowed */

/* The effective configuration as TOML, secrets (the values of env) masked, as the file `config` shows it: reading it back
 * gives the same struct but for what is masked. The caller frees it. */
char *config_to_toml(const struct config *c);

/* The reference of all keys, made from the table (name, type, default, help), for the man page and --help. */
char *config_reference(void);

/* Make HOME in our environment what config_load() takes for it, for the programs that we start: cron and systemd may
 * start us without one. Before there are threads. */
void config_export_home(void);

/* Where a gateway is. The host has no brackets. */
struct url_parts {
    bool tls;
    char host[256];
    int port;
};
int url_parse(const char *text, struct url_parts *out, struct err *e); /* 0, or -EINVAL as a key's check says it */

/* A cluster whose models are those of a gateway, where nothing is submitted. */
bool cluster_is_gateway(const struct cluster_config *c);

/* Is this a valid key of a [model.X]: CONTRACT.md section 2 (pattern, reserved names). -EINVAL with a sentence. */
int model_name_check(const char *name, struct err *e);

/* The key of a model that was found rather than configured: what fits of its name, "-" for each other character, "m-"
 * before what no model can be called, "-2", "-3" .. where it is a key of taken (may be NULL). Pure; the caller frees it. */
char *name_for_found(const char *original, const json_t *taken);

/* The first model of a share, whose job it is; NULL if there is none. */
struct model_config *config_share(const struct config *c, const char *share);

/* A further model behind the others, while the configuration is in use: pointers to its structs stay as they are.
 * original  its name where it was found; it gets a name by name_for_found() that nobody has
 * table     what a [model.NAME] of it would hold, with engine and model; one with a share that is there gets what that
 *           says of the job
 * -EEXIST where a model of that cluster loads the same, or the user has written one of that name; -EINVAL with a
 * sentence. */
int config_add_found(struct config *c, const char *cluster, const char *original, const json_t *table,
                     struct err *e);

/* m as it runs on a cluster of a user: its table, with that cluster's keys where it has none, and without min. It is kept
 * behind the others. -ENOENT: a gateway decides where m runs; -EINVAL with a sentence. */
int config_model_on(struct config *c, const struct model_config *m, const struct cluster_config *k,
                    struct model_config **out, struct err *e);

/* The table of that user; NULL if there is none. */
const struct user_config *config_user(const struct config *c, uid_t uid);

/* Model by key or alias; NULL if there is none. And its index in models, or -1. */
struct model_config *config_model(const struct config *c, const char *name);
int config_index(const struct config *c, const char *name);

#endif
