/* SPDX-License-Identifier: MIT */
/* Every key of the configuration. Source of the keys and defaults: CONTRACT.md section 9. */
#include "backend/config/config_table.h"
#include "backend/config/batch_hours.h"

#include <limits.h>

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* A bare number is in seconds for every duration: one rule for the whole file. */

const struct config_key config_keys[] = {
    /* ---- [mount] */
    { ROWS_MOUNT, "state_dir", &type_path, offsetof(struct config, state_dir),
      .shown = "$XDG_STATE_HOME/slullamafs",
      .help = "Where the identity of the mount, its prompts and its history are kept between mounts; "
              "~/.local/state stands in for $XDG_STATE_HOME. A local disk serves it best." },
    { ROWS_MOUNT, "runtime_dir", &type_path, offsetof(struct config, runtime_dir),
      .shown = "$XDG_RUNTIME_DIR/slullamafs, else run in state_dir",
      .help = "Where sockets and what lives as long as the mount are kept." },
    { ROWS_MOUNT, "durable", &type_bool, offsetof(struct config, durable), "true",
      .help = "A prompt is on disk when close(2) returns, and survives a crash and a loss of power: the next "
              "mount "
              "sends what waits. With false all is in memory and ends with the mount, history too." },
    { ROWS_MOUNT, "resend_max_age", &type_duration, offsetof(struct config, resend_max_age_s), "\"1h\"",
      .help =
          "The next mount sends prompts that wait since no longer than this; older ones end with ECANCELED. "
          "With 0 none is sent again." },
    { ROWS_MOUNT, "history", &type_duration, offsetof(struct config, history_s), "\"30d\"",
      .help = "How long exchanges stay in history/; 0 keeps none." },
    { ROWS_MOUNT, "history_max", &type_size, offsetof(struct config, history_max), "\"1GiB\"",
      .help = "What they may take together; the oldest go first. In memory (durable = false) it is 64 MiB at "
              "most." },
    { ROWS_MOUNT, "max_prompt", &type_size, offsetof(struct config, max_prompt), "\"16MiB\"", .min = 1,
      .max = 1 << 30, .help = "The largest prompt; a write beyond it fails with EFBIG." },
    { ROWS_MOUNT, "on_unmount", &type_word, offsetof(struct config, on_unmount), "\"stop\"",
      .words = WORDS("stop", "leave"),
      .help =
          "What becomes of the jobs at unmount: cancelled, or left. The next mount takes up what was left; "
          "if none comes, a job ends itself after its idle_timeout." },
    { ROWS_MOUNT, "log_level", &type_word, offsetof(struct config, log_level), "\"info\"",
      .words = WORDS("error", "warning", "info", "debug"),
      .help = "The least important lines that the file log gets." },

    /* ---- [gateway] */
    { ROWS_GATEWAY, "listen", &type_string_or_strings, offsetof(struct config, listen), "\"127.0.0.1:11434\"",
      .check = check_listen,
      .help =
          "Where the gateway listens: ADDRESS:PORT or unix:PATH, or several of them. Beyond loopback only "
          "with access token or open. If the port of the "
          "default is taken, the next free one serves; one that is written here must be free." },
    { ROWS_GATEWAY, "access", &type_word, offsetof(struct config, access), "\"owner\"",
      .words = WORDS("owner", "token", "open"),
      .help = "Who may connect: owner is the user of the mount, on this machine; token is whoever shows the "
              "token or a key of slullamafs key; open is everybody who reaches it." },
    { ROWS_GATEWAY, "token", &type_string, offsetof(struct config, token), "\"\"", .check = check_token,
      .secret = true,
      .help = "With access token: what a request shows as Authorization: Bearer, as x-api-key or as the "
              "password of Basic. Masked where the configuration is shown." },
    { ROWS_GATEWAY, "token_file", &type_file, offsetof(struct config, token_file), "\"\"",
      .help = "A file with the token in one line, in place of token. It must be yours, with mode 0600." },
    { ROWS_GATEWAY, "tls_cert", &type_file, offsetof(struct config, tls_cert), "\"\"",
      .help = "The certificate, with its chain, in PEM form: TCP is then served by TLS (1.2 or later) alone. "
              "It is read again when it changes." },
    { ROWS_GATEWAY, "tls_key", &type_file, offsetof(struct config, tls_key), "\"\"",
      .help = "The private key of tls_cert, in PEM form without a passphrase." },
    { ROWS_GATEWAY, "allow_plain", &type_bool, offsetof(struct config, allow_plain), "false",
      .help =
          "Let access token be served beyond loopback without TLS: the network can then read the token." },
    { ROWS_GATEWAY, "access_log", &type_file, offsetof(struct config, access_log), "\"\"",
      .help = "A file that gets one line of JSON for each request. It is opened anew at SIGHUP and when it "
              "was moved away." },
    { ROWS_GATEWAY, "max_body", &type_size, offsetof(struct config, max_body), "\"256MiB\"", .min = 1,
      .max = INT64_C(1) << 34, .help = "The largest request body; a larger one is answered 413." },
    { ROWS_GATEWAY, "wake_timeout", &type_duration, offsetof(struct config, wake_timeout_s), "\"5m\"",
      .help = "How long a request for a sleeping model is held before it is answered 503." },
    { ROWS_GATEWAY, "while_waking", &type_word, offsetof(struct config, while_waking), "\"hold\"",
      .words = WORDS("hold", "refuse"),
      .help =
          "What a request gets whose model is not ready: it is held until the model is, or refused at once "
          "with 503 and Retry-After. It wakes the model in both cases." },
    { ROWS_GATEWAY, "hold_progress", &type_bool, offsetof(struct config, hold_progress), "false",
      .help =
          "A streamed chat completion that is held for more than 10 s is told in the field of its reasoning "
          "how far the model is, where it would get comments that no program shows." },
    { ROWS_GATEWAY, "cors_origins", &type_strings, offsetof(struct config, cors_origins), "[]",
      .check = check_origin, .help = "Web pages of these origins may use the gateway." },
    { ROWS_GATEWAY, "hosts", &type_strings, offsetof(struct config, hosts), "[]", .check = check_word,
      .help = "Further names of this gateway that a request's Host may have." },

    { ROWS_GATEWAY, "pass_unknown", &type_string, offsetof(struct config, pass_unknown), "\"\"",
      .help =
          "A model, or a share, that gets the requests for names which no model has, with their own name: an "
          "Ollama that has more models than are written here." },

    /* ---- [cluster.NAME] */
    { ROWS_CLUSTER, "kind", &type_word, offsetof(struct cluster_config, kind), "\"slurm\"",
      .words = WORDS("slurm", "local", "gateway", "fake"), .later = WORDS("spot", "surf"),
      .help = "What runs the jobs: Slurm, or processes of this machine. gateway is a team's gateway, whose "
              "models "
              "are used where they are: see A TEAM'S GATEWAY. fake is for tests." },
    { ROWS_CLUSTER, "host", &type_string, offsetof(struct cluster_config, host), "\"\"", .check = check_host,
      .help =
          "The SSH destination of the login node, resolved through ~/.ssh/config; empty for this machine." },
    { ROWS_CLUSTER, "ssh_config", &type_file, offsetof(struct cluster_config, ssh_config), "\"\"",
      .help = "A file for ssh -F in place of ~/.ssh/config." },
    { ROWS_CLUSTER, "transport", &type_word, offsetof(struct cluster_config, transport), "\"auto\"",
      .words = WORDS("auto", "openssh", "ssh2", "local"),
      .help =
          "How the login node is reached; auto is openssh where there is a host and local where there is "
          "none. ssh2 is the library libssh2 in place of the program's connections: it has no ProxyJump or "
          "ProxyCommand, no certificates, no security keys and no RSA keys with SHA-2; `ssh -G` still says "
          "where "
          "the host is." },
    { ROWS_CLUSTER, "tunnel", &type_word, offsetof(struct cluster_config, tunnel), "\"auto\"",
      .words = WORDS("auto", "login", "node", "exec"),
      .help =
          "How an engine on a compute node is reached: login has sshd on the login node forward, exec runs a "
          "program there that connects, or as a step of the job (srun) where the login node reaches no node, "
          "node goes on to sshd on the compute node, where the engine then "
          "listens on loopback alone. auto tries login, exec and node, and remembers what the site allows." },
    { ROWS_CLUSTER, "accept_new_host_keys", &type_bool, offsetof(struct cluster_config, accept_new_host_keys),
      "false",
      .help = "Trust the key of a host that is seen for the first time; a changed key is refused always." },
    { ROWS_CLUSTER, "workdir", &type_string, offsetof(struct cluster_config, workdir), "\"~/.slullamafs\"",
      .check = check_workdir,
      .help =
          "The directory on the cluster for scripts and logs of jobs; nodes and login node must share it." },
    { ROWS_CLUSTER, "max_jobs", &type_int, offsetof(struct cluster_config, max_jobs), "8", .min = 1,
      .max = 1000, .help = "The most jobs of this mount at a time." },
    { ROWS_CLUSTER, "import", &type_bool, offsetof(struct cluster_config, import), "false",
      .help = "Take the services of your other jobs there, whose Comment is "
              "traefik,SERVICE,http://HOST:PORT, "
              "into what balancers get; for kind slurm. The cluster is asked once a minute then." },
    { ROWS_CLUSTER, "catalogue", &type_string, offsetof(struct cluster_config, catalogue), "\"\"",
      .check = check_line,
      .help = "A JSON file on this machine, {\"NAME\": {\"path\": .., \"max_model_len\": .., "
              "\"description\": ..}}: each entry "
              "is a model of engine vllm; see CATALOGUES. A relative path counts from this file." },
    { ROWS_CLUSTER, "discover", &type_string, offsetof(struct cluster_config, discover), "\"\"",
      .check = check_discover,
      .help =
          "A directory on the cluster: the cache of Hugging Face, as ~/.cache/huggingface/hub, whose models "
          "become ones of engine vllm, or that of an Ollama, as ~/.ollama/models. It is looked at when the "
          "cluster is first connected to, and at `reload`; see CATALOGUES." },
    { ROWS_CLUSTER, "url", &type_string, offsetof(struct cluster_config, url), "\"\"", .check = check_url,
      .help =
          "For kind gateway: http://HOST:PORT or https://HOST:PORT, as this machine sees it, or with a host "
          "as "
          "that one does; empty with a host is http://127.0.0.1:11435. A certificate is verified with the "
          "system's authorities." },
    { ROWS_CLUSTER, "token_file", &type_file, offsetof(struct cluster_config, token_file), "\"\"",
      .help = "For kind gateway: a file with the token or key that it asks for, in one line. It must be "
              "yours, with "
              "mode 0600, and is read again once the gateway refuses it." },
    { ROWS_CLUSTER, "fake", &type_strings, offsetof(struct cluster_config, fake), "[]", .check = check_line,
      .help = "For kind fake: the failures that a test wants to see." },

    /* ---- [cluster.NAME] or [model.NAME] */
    { ROWS_JOB, "partition", &type_string, offsetof(struct job_config, partition), "\"\"",
      .check = check_line,
      .help =
          "#SBATCH --partition; this and the next four put no line into the script where they are empty." },
    { ROWS_JOB, "gres", &type_string, offsetof(struct job_config, gres), "\"\"", .check = check_line,
      .help = "#SBATCH --gres, as \"gpu:1\"." },
    { ROWS_JOB, "account", &type_string, offsetof(struct job_config, account), "\"\"", .check = check_line,
      .help = "#SBATCH --account." },
    { ROWS_JOB, "qos", &type_string, offsetof(struct job_config, qos), "\"\"", .check = check_line,
      .help = "#SBATCH --qos." },
    { ROWS_JOB, "mem", &type_string, offsetof(struct job_config, mem), "\"\"", .check = check_line,
      .help = "#SBATCH --mem." },
    { ROWS_JOB, "time", &type_duration, offsetof(struct job_config, time_s), "\"4:00:00\"",
      .empty_is_0 = true, .help = "#SBATCH --time; 0 or an empty text puts no line into the script." },
    { ROWS_JOB, "extra_args", &type_strings, offsetof(struct job_config, extra_args), "[]",
      .check = check_option, .help = "Further #SBATCH options, one each." },
    { ROWS_JOB, "setup", &type_strings, offsetof(struct job_config, setup), "[]",
      .help = "Shell lines that run before the engine, as \"module load CUDA\"." },
    { ROWS_JOB, "job_template", &type_file, offsetof(struct job_config, job_template), "\"\"",
      .help =
          "A job script of your own on this machine, in place of the built-in one; a relative path begins at "
          "the configuration's directory. See JOB TEMPLATES." },
    { ROWS_JOB, "job_template_dialect", &type_word, offsetof(struct job_config, job_template_dialect),
      "\"auto\"", .words = WORDS("auto", "slullama", "alvis", "plain"),
      .help = "Whose placeholders the template has; auto looks at them." },
    { ROWS_JOB, "keep_alive", &type_word, offsetof(struct job_config, keep_alive), "\"cancel\"",
      .words = WORDS("cancel", "extend", "relay"),
      .help = "What comes at a job's time limit while the model is used: cancel lets it end, extend asks "
              "Slurm for more time and acts as relay once that is refused, relay begins a successor in time, "
              "which takes over when it is healthy." },
    { ROWS_JOB, "relay_lead", &type_auto_duration, offsetof(struct job_config, relay_lead_s), "\"auto\"",
      .help = "How long before the time limit a successor is submitted, at most half of the time that the "
              "job has; auto is twice what this model's jobs took to queue and to start, and the time of an "
              "answer." },
    { ROWS_JOB, "idle_timeout", &type_duration, offsetof(struct job_config, idle_timeout_s), "\"30m\"",
      .help =
          "A job without requests for this long is cancelled. A bare number counts in seconds here too." },
    { ROWS_JOB, "start_timeout", &type_duration, offsetof(struct job_config, start_timeout_s), "\"0\"",
      .help = "How long a job may queue; 0 for as long as it takes." },
    { ROWS_JOB, "ready_timeout", &type_duration, offsetof(struct job_config, ready_timeout_s), "\"10m\"",
      .help =
          "How long a running job's engine may take until it is healthy, or show no progress where it tells "
          "how far it is." },
    { ROWS_JOB, "stall_timeout", &type_duration, offsetof(struct job_config, stall_timeout_s), "\"5m\"",
      .help = "How long an engine that owes an answer may say nothing." },
    { ROWS_JOB, "lease", &type_duration, offsetof(struct job_config, lease_s), "\"10m\"",
      .help = "A job that has no sign of life from its mount for this long ends itself." },
    { ROWS_JOB, "expose", &type_bool, offsetof(struct job_config, expose), "false",
      .help = "Let an engine that knows no key listen where other users of the cluster can reach it." },

    /* ---- [model.NAME] */
    { ROWS_MODEL, "cluster", &type_cluster, offsetof(struct model_config, cluster), .shown = "the only one",
      .help = "The cluster that serves it; needed where there are several." },
    { ROWS_MODEL, "engine", &type_word, offsetof(struct model_config, engine),
      .words = WORDS("llamacpp", "ollama", "vllm", "command", "http", "parrot", "gateway"),
      .help = "What answers: llama.cpp's server, Ollama, vLLM, a command of yours that serves the OpenAI "
              "API, any web "
              "service, or the built-in parrot that repeats what it is asked. gateway is for models of a "
              "cluster of "
              "that kind, and need not be written." },
    { ROWS_MODEL, "model", &type_string, offsetof(struct model_config, model), "\"\"", .check = check_line,
      .help = "What the engine loads: for llamacpp a GGUF file on the cluster or a Hugging Face name, for "
              "vllm a Hugging "
              "Face name or a path on the cluster, for ollama a name of its library, which is pulled where "
              "it is missing." },
    { ROWS_MODEL, "aliases", &type_strings, offsetof(struct model_config, aliases), "[]",
      .check = check_alias, .help = "Other names of the model." },
    { ROWS_MODEL, "description", &type_string, offsetof(struct model_config, description), "\"\"",
      .check = check_line, .help = "A line for people." },
    { ROWS_MODEL, "share", &type_string, offsetof(struct model_config, share), "\"\"", .check = check_line,
      .help =
          "Models with the same share live in one job, whose engine loads and unloads what requests name: "
          "ollama, parrot, or a command that can. What one of them says of the job counts for all; see "
          "SHARED JOBS." },
    { ROWS_MODEL, "system", &type_string, offsetof(struct model_config, system), "\"\"",
      .help = "The system prompt, until another is written to the file system: it goes before each ask, and "
              "before "
              "each request that has none." },
    { ROWS_MODEL, "params", &type_params, offsetof(struct model_config, params), "{}",
      .help =
          "Parameters, as { temperature = 0.7 }, until others are written to the file params: they count for "
          "each ask, and for each request that does not give them." },
    { ROWS_MODEL, "on_full", &type_word, offsetof(struct model_config, on_full), "\"error\"",
      .words = WORDS("error", "drop_oldest"),
      .help =
          "What comes when a conversation has no room for its next question in the context that "
          "max_model_len or the engine says: error fails it with EFBIG, drop_oldest leaves the oldest turns "
          "out of the request." },
    { ROWS_MODEL, "replicas", &type_int, offsetof(struct model_config, replicas), "1", .min = 1, .max = 1000,
      .help = "Jobs that the first question or `wake` begins, on different nodes where that can be had." },
    { ROWS_MODEL, "min", &type_int, offsetof(struct model_config, min), "0", .min = 0, .max = 1000,
      .help = "Jobs that are up from the mount on, whether anybody asks or not; idle_timeout is for those "
              "above." },
    { ROWS_MODEL, "max", &type_int, offsetof(struct model_config, max),
      .shown = "replicas, or min where that is more", .min = 1, .max = 1000,
      .help = "The most jobs: one more is begun when questions have waited 5 s for slots of jobs that are "
              "all ready, and one is let go when for idle_timeout one fewer would have been enough, down to "
              "min, or to replicas where there is no min." },
    { ROWS_MODEL, "slots", &type_int, offsetof(struct model_config, slots), "4", .min = 1, .max = 1024,
      .help = "Requests that one job answers at the same time." },
    { ROWS_MODEL, "max_queue", &type_int, offsetof(struct model_config, max_queue), "1024", .min = 0,
      .max = 1000000,
      .help =
          "Requests that may wait; more fail with EBUSY, 429. Among them each user, or key of the gateway, "
          "takes turns with the others." },
    { ROWS_MODEL, "priority", &type_int, offsetof(struct model_config, priority), "0", .min = -1000,
      .max = 1000,
      .help = "Where max_jobs of the cluster keeps jobs waiting, those of a model with a higher priority are "
              "submitted first." },
    { ROWS_MODEL, "binary", &type_string, offsetof(struct model_config, binary), "\"\"", .check = check_line,
      .help = "The engine's program on the cluster; empty for its usual name." },
    { ROWS_MODEL, "engine_args", &type_strings, offsetof(struct model_config, engine_args), "[]",
      .help = "Further arguments of the engine." },
    { ROWS_MODEL, "env", &type_env, offsetof(struct model_config, env), "{}", .secret = true,
      .help = "The engine's environment. Values are masked where the configuration is shown." },
    { ROWS_MODEL, "command", &type_strings, offsetof(struct model_config, command), "[]",
      .help = "For the engines command and http, which need it: the program and its arguments, with {host}, "
              "{port}, "
              "{key_file} and {model} replaced." },
    { ROWS_MODEL, "listen", &type_string, offsetof(struct model_config, listen), "\"\"",
      .check = check_own_listen,
      .help = "An address of the gateway for this model alone, as listen in [gateway]: paths have no prefix "
              "there, and the field model of a request is not asked for." },
    { ROWS_MODEL, "health", &type_string, offsetof(struct model_config, health), "\"\"",
      .check = check_url_path,
      .help = "The path that tells whether the engine is healthy; empty for the engine's own." },
    { ROWS_MODEL, "health_status", &type_ints, offsetof(struct model_config, health_status), "[200]",
      .min = 100, .max = 599,
      .help = "The HTTP status that a healthy engine answers with there; one of them is enough." },
    { ROWS_MODEL, "image", &type_string, offsetof(struct model_config, image), "\"\"", .check = check_line,
      .help =
          "Run vllm, llamacpp or ollama in this container with Apptainer: a file on the cluster, or a URI." },
    { ROWS_MODEL, "max_model_len", &type_int, offsetof(struct model_config, max_model_len), "0", .min = 0,
      .max = INT_MAX,
      .help = "The longest context in tokens: vllm is started with it, and conversations count on it; 0 for "
              "the model's own." },
    { ROWS_MODEL, "models_dir", &type_string, offsetof(struct model_config, models_dir), "\"\"",
      .check = check_line, .help = "For ollama: the directory of its models on the cluster, OLLAMA_MODELS." },
    { ROWS_MODEL, "copy_binary", &type_bool, offsetof(struct model_config, copy_binary), "false",
      .help = "For ollama: copy the program to the node's own disk first." },
    { ROWS_MODEL, "copy_source", &type_string, offsetof(struct model_config, copy_source), "\"\"",
      .check = check_line, .help = "For ollama: what copy_binary copies; empty for binary." },
    { ROWS_MODEL, "cleanup_binary", &type_bool, offsetof(struct model_config, cleanup_binary), "false",
      .help = "For ollama: remove that copy when the job ends." },
    { ROWS_MODEL, "pre_pull", &type_strings, offsetof(struct model_config, pre_pull), "[]",
      .check = check_word, .help = "For ollama: further models that are pulled before it counts as ready." },
    { ROWS_MODEL, "proof", &type_word, offsetof(struct model_config, proof), "\"auto\"",
      .words = WORDS("auto", "comment"),
      .help =
          "How an engine proves that it is ours: auto by refusing every key but its own, comment by nothing "
          "but the address that its job tells, for a template whose engine knows no key." },
    { ROWS_MODEL, "log_files", &type_strings, offsetof(struct model_config, log_files), "[]",
      .check = check_log_file,
      .help = "Further files that the engine writes, as \"$TMPDIR/vllm.err\"; they are followed on the node. "
              "What "
              "ends in err goes to the log stderr, all else to stdout. A relative path is looked for in the "
              "job's "
              "directory and in $TMPDIR." },

    /* ---- [batch] */
    { ROWS_BATCH, "retries", &type_int, offsetof(struct config, batch_retries), "3", .min = 0, .max = 100,
      .help =
          "How often a line of a batch that failed is sent again before it goes to errors.jsonl. What the "
          "engine refuses for good (400, 404, ..) is not sent again." },
    { ROWS_BATCH, "ordered", &type_bool, offsetof(struct config, batch_ordered), "false",
      .help = "Write results in the order of the lines of in.jsonl, instead of as they come." },
    { ROWS_BATCH, "in_flight", &type_int, offsetof(struct config, batch_in_flight), "0", .min = 0,
      .max = 100000,
      .help = "The most lines of one batch that are sent and not answered; 0 for all slots of the "
              "model's jobs." },
    { ROWS_BATCH, "hours", &type_string, offsetof(struct config, batch_hours), "\"\"",
      .check = batch_hours_check,
      .help =
          "The hours of the day in which lines are sent, by the local clock, as \"20:00-06:00\"; empty for "
          "all." },
    /* ---- [limits] */
    { ROWS_LIMITS, "waiting", &type_int, offsetof(struct config, limit_waiting), "1024", .min = 0,
      .max = 1000000,
      .help = "The most questions of one user that wait, of all models together; a further one fails with "
              "EBUSY. 0 for no limit." },
    { ROWS_LIMITS, "stored", &type_size, offsetof(struct config, limit_stored), "\"1GiB\"", .min = 0,
      .help = "The most bytes that one user keeps in conversations and batches, and once more in questions "
              "that are not answered; a write beyond fails with EDQUOT. 0 for no limit." },
    { ROWS_LIMITS, "requests_per_minute", &type_int, offsetof(struct config, limit_requests_per_minute), "0",
      .min = 0, .max = 1000000,
      .help =
          "The most questions of one user in a minute; a further one fails with EDQUOT. Lines of his batches "
          "count, wait for the next minute, and leave a quarter of each to himself. 0 for no limit." },

    /* ---- [user.NAME] */
    { ROWS_USER, "cluster", &type_cluster, offsetof(struct user_config, cluster), "\"\"",
      .help =
          "The cluster whose jobs answer what this user of the mount asks by its files, whatever the model's "
          "own is; empty for that. See USERS WITH A CLUSTER OF THEIR OWN." },
    { 0 },
};

const struct config_section config_sections[] = {
    { "mount", false, ROWS_MOUNT, NULL },
    { "gateway", false, ROWS_GATEWAY, NULL },
    { "batch", false, ROWS_BATCH, NULL },
    { "limits", false, ROWS_LIMITS, NULL },
    { "cluster", true, ROWS_CLUSTER | ROWS_JOB, cluster_name_check },
    { "model", true, ROWS_MODEL | ROWS_JOB, model_name_check },
    { "user", true, ROWS_USER, user_name_check },
    { 0 },
};
