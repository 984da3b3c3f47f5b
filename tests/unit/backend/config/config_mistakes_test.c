/* SPDX-License-Identifier: MIT */
/* What a configuration is refused for: the whole sentence of each. */
#include "backend/config/config.h"
#include "backend/base/alloc.h"
#include "backend/config/config_table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define LOCAL "[cluster.here]\nkind = \"local\"\n"
#define MODEL "[model.m]\nengine = \"parrot\"\n"

static const struct {
    const char *toml;
    const char *message; /* the whole of it, or its beginning where it ends in "..." */
} wrong[] = {
    /* TOML itself */
    { "\na = ", "f.toml:2: a value is missing at the end of the text" },
    { "[mount]\n[mount]", "f.toml:2: this table is defined twice: \"[mount]\"" },

    /* tables */
    { "[clutser.alvis]", "f.toml:1: unknown table [clutser]; did you mean [cluster]?" },
    { "[models.x]", "f.toml:1: unknown table [models]; did you mean [model]?" },
    { "[zzzzzz]", "f.toml:1: unknown table [zzzzzz]; there are [mount], [gateway], [batch], [limits], "
                  "[cluster.NAME], [model.NAME], [user.NAME]" },
    { "listen = 1", "f.toml:1: the key \"listen\" stands in no table; ..." },
    { "\n[limits]\nwaiting = -1", "f.toml:3: waiting in [limits] must lie between 0 and 1000000, not be -1" },
    { "[server]\nport = 1\n[mount]",
      "f.toml:1: the table [server] is slullama's, and stands in a file without tables of ours" },
    { "mount = 1", "f.toml:1: \"mount\" must be a table: [mount]" },
    { "[[model]]\nengine = 'parrot'", "f.toml:1: \"model\" must be a table: [model.NAME]" },
    { "[cluster]\nhost = 'a'",
      "f.toml:2: [cluster] has no keys of its own, \"host\" must stand in a [cluster.NAME]" },
    { "[cluster.a]",
      "f.toml:1: there is no [model.NAME]: write at least one that the cluster serves, or give "
      "it a catalogue, or discover" },

    /* [batch] */
    { "[batch]\nretrys = 1", "f.toml:2: unknown key \"retrys\" in [batch]; did you mean \"retries\"?" },
    { "[batch]\nretries = -1", "f.toml:2: retries in [batch] must lie between 0 and 100, not be -1" },
    { "[batch]\nordered = 1", "f.toml:2: ordered in [batch] must be true or false, not an integer" },
    { "[batch]\nhours = '8-20'",
      "f.toml:2: hours in [batch] must be two times of the day, as \"20:00-06:00\", not \"8-20\"" },
    { "[batch.x]", "f.toml:1: ..." },

    /* unknown keys */
    { MODEL "[cluster.alvis]\npartitoin = 'gpu'",
      "f.toml:4: unknown key \"partitoin\" in [cluster.alvis]; did you mean \"partition\"?" },
    { "[model.m]\n\nengine = 'parrot'\nslot = 3",
      "f.toml:4: unknown key \"slot\" in [model.m]; did you mean \"slots\"?" },
    { "[mount]\nListen = 3", "f.toml:2: unknown key \"Listen\" in [mount]" },
    { "[gateway]\nLISTEN = 3", "f.toml:2: unknown key \"LISTEN\" in [gateway]; did you mean \"listen\"?" },
    { MODEL "host = 'x'", "f.toml:3: unknown key \"host\" in [model.m]..." },
    { MODEL "\"a\\nb\" = 1", "f.toml:3: unknown key \"a b\" in [model.m]" },

    /* known, but not in this version */
    { "[mount]\ndurable = \"yes\"", "f.toml:2: durable in [mount] must be true or false..." },
    { "[mount]\nresend_max_age = \"soon\"", "f.toml:2: resend_max_age in [mount]..." },
    { "[mount]\nhistory_max = -1", "f.toml:2: history_max in [mount]..." },
    { MODEL "[cluster.a]\ntunnel = 'vpn'", "f.toml:4: tunnel in [cluster.a] must be..." },
    { MODEL "on_full = 'drop'",
      "f.toml:3: on_full in [model.m] must be \"error\" or \"drop_oldest\", not \"drop\"" },

    /* users with a cluster of their own */
    { MODEL "[user.no-such-user]\ncluster = 'x'", "f.toml:3: this machine has no user \"no-such-user\"; "
                                                  "write a name that `getent passwd` shows, or a uid" },
    { MODEL "[user.99999999999]", "f.toml:3: this machine has no user \"99999999999\"..." },
    { MODEL "[user.4294967295]", "f.toml:3: this machine has no user \"4294967295\"..." },
    { MODEL "[user]\ncluster = 'x'",
      "f.toml:4: [user] has no keys of its own, \"cluster\" must stand in a [user.NAME]" },
    { MODEL "[user.root]\nclustre = 'x'",
      "f.toml:4: unknown key \"clustre\" in [user.root]; did you mean \"cluster\"?" },
    { MODEL "[user.root]\ncluster = 'hers'",
      "f.toml:4: cluster in [user.root] names no [cluster.NAME]: \"hers\"" },
    { MODEL "[user.root]\ncluster = 1",
      "f.toml:4: cluster in [user.root] must be the name of a cluster, not an integer" },
    { MODEL LOCAL "[user.root]\ncluster = 'here'",
      "f.toml:1: [model.m] is a model of [cluster.here], which a [user.NAME] has for its questions alone: "
      "write a second [cluster.NAME] for one of them" },
    { MODEL "cluster = 'here'\n" LOCAL "[user.root]\ncluster = 'here'",
      "f.toml:3: [model.m] is a model of [cluster.here], which..." },
    { MODEL "cluster = 'here'\n" LOCAL
            "[cluster.team]\nkind = 'gateway'\nhost = 'h'\n[user.root]\ncluster = 'team'",
      "f.toml:10: cluster in [user.root] must name one for its questions alone, and [cluster.team] is of "
      "kind "
      "\"gateway\", where nothing is submitted" },
    { MODEL "cluster = 'here'\n" LOCAL "[cluster.a]\ndiscover = '/models'\n[user.root]\ncluster = 'a'",
      "f.toml:9: cluster in [user.root] must name one for its questions alone, and [cluster.a] has models of "
      "its "
      "own, by its key \"discover\"" },
    { MODEL "cluster = 'here'\n" LOCAL "[cluster.a]\nimport = true\n[user.root]\ncluster = 'a'",
      "f.toml:9: cluster in [user.root] must name one for its questions alone, and [cluster.a] tells "
      "balancers of "
      "its jobs, by its key \"import\"" },
    { MODEL "[user.root]\n[user.0]",
      "f.toml:4: [user.0] and [user.root] are one user, uid 0: write one of them" },
    { MODEL "cluster = 'here'\nreplicas = 3\n" LOCAL "[cluster.a]\nmax_jobs = 2\n[user.root]\ncluster = 'a'",
      "f.toml:4: 3 jobs of [model.m] are more than max_jobs = 2 of [cluster.a]" },

    /* a team's gateway */
    { "[cluster.a]\nkind = 'gateway'", "f.toml:1: [cluster.a] needs the key \"url\"..." },
    { "[cluster.a]\nkind = 'gateway'\nurl = 'h:80'",
      "f.toml:3: url in [cluster.a] must be http://HOST:PORT..." },
    { MODEL "[cluster.a]\nkind = 'local'\nurl = 'http://h'",
      "f.toml:5: url in [cluster.a] is for kind \"gateway\", not \"local\"" },
    { "[cluster.a]\nkind = 'gateway'\nhost = 'h'\n" MODEL, "f.toml:5: [model.m] is a model of a gateway..." },
    { "[cluster.a]\nkind = 'gateway'\nhost = 'h'\n[model.m]\nreplicas = 2",
      "f.toml:4: [model.m] is a model of a gateway, which decides about jobs..." },
    { "[model.m]\nengine = 'gateway'",
      "f.toml:2: engine \"gateway\" in [model.m] is for models of a cluster..." },

    /* how many jobs, and what comes at their time limit */
    { MODEL "replicas = 0", "f.toml:3: replicas in [model.m] must lie between 1 and 1000, not be 0" },
    { MODEL "replicas = 3\nmax = 2", "f.toml:4: max = 2 in [model.m] is less than replicas = 3" },
    { MODEL "min = 3\nmax = 2", "f.toml:4: max = 2 in [model.m] is less than min = 3" },
    { MODEL "replicas = 9", "f.toml:3: 9 jobs of [model.m] are more than max_jobs = 8 of [cluster.local]" },
    { MODEL "keep_alive = 'for ever'",
      "f.toml:3: keep_alive in [model.m] must be \"cancel\", \"extend\" or \"relay\", not \"for ever\"" },
    { MODEL "relay_lead = 'soon'", "f.toml:3: relay_lead in [model.m] is wrong: \"soon\" is no duration: "
                                   "write \"90s\", \"30m\", \"4h\", \"30d\", "
                                   "\"4:00:00\", \"1-00:00:00\" or \"0\" for never, at most 36500 days" },
    { MODEL "max_model_len = -1",
      "f.toml:3: max_model_len in [model.m] must lie between 0 and 2147483647, not be -1" },
    { MODEL "pre_pull = ['a b']",
      "f.toml:3: pre_pull in [model.m] must not be empty or hold blanks: \"a b\"" },
    { MODEL "image = \"a\\nb\"", "f.toml:3: image in [model.m] must be one line without control characters" },
    { MODEL "copy_binary = 1", "f.toml:3: copy_binary in [model.m] must be true or false, not an integer" },
    { "[gateway]\naccess = 'tokn'", "f.toml:2: access in [gateway] must be \"owner\", \"token\" or \"open\", "
                                    "not \"tokn\"; did you mean \"token\"?" },
    { "[gateway]\naccess = 'token'\ntoken = 'a b'",
      "f.toml:3: token in [gateway] must be ASCII without blanks" },
    { "[gateway]\naccess = 'token'\ntoken = '\u00e9'", "f.toml:3: token in [gateway] must be ASCII..." },
    { "[gateway]\naccess = 'token'\ntoken = 'a'\ntoken_file = '/t'",
      "f.toml:4: token and token_file in [gateway] exclude each other" },
    { "[gateway]\ntoken = 'x'",
      "f.toml:2: a token in [gateway] is not asked for while access is \"owner\"..." },
    { "[gateway]\naccess = 'open'\ntoken_file = '/dev/null'",
      "f.toml:3: a token in [gateway] is not asked for while access is \"open\"..." },
    { "[gateway]\naccess = 'token'\ntoken_file = '/nonexistent/t'",
      "f.toml:3: token_file in [gateway]: /nonexistent/t cannot be read: No such file or directory" },
    { "[gateway]\ntoken_file = '~anna/x'",
      "f.toml:2: token_file in [gateway] must begin with / or ~/: \"~anna/x\"" },
    { MODEL "listen = '0.0.0.0:80'", "f.toml:3: listen in [model.m] must be on loopback..." },
    { MODEL "listen = 'x'", "f.toml:3: listen in [model.m] must be HOST:PORT or unix:PATH, not \"x\"" },
    { "[gateway]\ntls_cert = '/c'", "f.toml:2: tls_cert and tls_key in [gateway] need each other" },
    { "[gateway]\ntls_key = '/c'", "f.toml:2: tls_cert and tls_key in [gateway] need each other" },
    { "[gateway]\naccess = 'token'\nlisten = ['127.0.0.1:0', '0.0.0.0:80']",
      "f.toml:3: listen in [gateway] reaches beyond this machine with \"0.0.0.0:80\", and the token would "
      "cross "
      "the network in clear: give tls_cert and tls_key, or allow_plain = true" },
    { "[gateway]\naccess = 'open'\nlisten = 'gpu:80'",
      "f.toml:3: listen in [gateway] must give an IP address..." },
    { "[gateway]\naccess = 'open'\nlisten = '::1:80'",
      "f.toml:3: listen in [gateway] must give an IP address..." },
    { MODEL "cluster = 1\n[model.n]\nengine = 'ollama'",
      "f.toml:3: cluster in [model.m] must be the name of a cluster, not an integer" },
    { MODEL "[cluster.a]\nkind = 'spot'", "f.toml:4: kind in [cluster.a] cannot be \"spot\" in this version: "
                                          "write \"slurm\", \"local\", \"gateway\" or \"fake\"" },
    { MODEL "[cluster.a]\ntransport = 'ssh3'",
      "f.toml:4: transport in [cluster.a] must be \"auto\", \"openssh\", \"ssh2\" or \"local\"..." },

    /* wrong types */
    { "[mount]\nstate_dir = 3", "f.toml:2: state_dir in [mount] must be a path, not an integer" },
    { "[mount]\nmax_prompt = 1.5", "f.toml:2: max_prompt in [mount] must be a size, not a real number" },
    { "[mount]\nmax_prompt = []", "f.toml:2: max_prompt in [mount] must be a size, not an array" },
    { "[gateway]\nlisten = 3",
      "f.toml:2: listen in [gateway] must be a string or an array of strings, not an integer" },
    { "[gateway]\nlisten = [3]",
      "f.toml:2: listen in [gateway] must be an array of strings, not an integer" },
    { "[gateway]\nhosts = 'x'", "f.toml:2: hosts in [gateway] must be an array of strings, not a string" },
    { MODEL "slots = '3'", "f.toml:3: slots in [model.m] must be an integer, not a string" },
    { MODEL "slots = 3.0", "f.toml:3: slots in [model.m] must be an integer, not a real number" },
    { MODEL "expose = 1", "f.toml:3: expose in [model.m] must be true or false, not an integer" },
    { MODEL "expose = 'true'", "f.toml:3: expose in [model.m] must be true or false, not a string" },
    { MODEL "engine_args = [\n'a',\n1]",
      "f.toml:3: engine_args in [model.m] must be an array of strings, not an integer" },
    { MODEL "env = 'A=1'", "f.toml:3: env in [model.m] must be a table of strings, not a string" },
    { MODEL "params = 7", "f.toml:3: params in [model.m] must be a table, as { temperature = 0.7 }" },
    { MODEL "params = { temperature = 9 }",
      "f.toml:3: params in [model.m] is wrong: \"temperature\" must be a number between 0 and 2, not 9" },
    { MODEL "params = { messages = [] }",
      "f.toml:3: params in [model.m] is wrong: \"messages\" is no parameter..." },
    { MODEL "system = ['x']", "f.toml:3: system in [model.m] must be a string, not an array" },
    { MODEL "env = { A = 1 }", "f.toml:3: env in [model.m] must be a table of strings, not an integer" },
    { MODEL "health_status = 200",
      "f.toml:3: health_status in [model.m] must be an array of integers, at least one, not an integer" },
    { MODEL "health_status = ['200']",
      "f.toml:3: health_status in [model.m] must be an array of integers, at least one, not a string" },
    { MODEL "idle_timeout = true", "f.toml:3: idle_timeout in [model.m] must be a duration, not a boolean" },
    { "[model.m]\nengine = {}", "f.toml:2: engine in [model.m] must be a string, not a table" },

    /* ranges and forms */
    { MODEL "job_template = '/nonexistent/t'",
      "f.toml:3: the job template /nonexistent/t cannot be read: No such file or directory" },
    { MODEL "job_template = '~anna/x'",
      "f.toml:3: job_template in [model.m] must begin with / or ~/: \"~anna/x\"" },
    { MODEL "job_template_dialect = 'slulama'", "f.toml:3: job_template_dialect in [model.m] must be "
                                                "\"auto\", \"slullama\", \"alvis\" or \"plain\", ..." },
    { MODEL "log_files = ['$(id)']", "f.toml:3: log_files in [model.m] must hold paths, ..." },
    { MODEL "proof = 'none'", "f.toml:3: proof in [model.m] must be \"auto\" or \"comment\", not \"none\"" },
    { MODEL "slots = 0", "f.toml:3: slots in [model.m] must lie between 1 and 1024, not be 0" },
    { MODEL "slots = 9999999999",
      "f.toml:3: slots in [model.m] must lie between 1 and 1024, not be 9999999999" },
    { MODEL "max_queue = -1", "f.toml:3: max_queue in [model.m] must lie between 0 and 1000000, not be -1" },
    { MODEL "health_status = [200, 99]",
      "f.toml:3: health_status in [model.m] must lie between 100 and 599, not be 99" },
    { MODEL "health_status = []",
      "f.toml:3: health_status in [model.m] must be an array of integers, at least one" },
    { "[mount]\nmax_prompt = 0",
      "f.toml:2: max_prompt in [mount] must lie between 1 and 1073741824, not be 0" },
    { "[mount]\nmax_prompt = '1XB'", "f.toml:2: max_prompt in [mount] is wrong: \"1XB\" is no size: ..." },
    { "[mount]\nmax_prompt = -1", "f.toml:2: max_prompt in [mount] is wrong: \"-1\" is no size: ..." },
    { MODEL "time = 'long'", "f.toml:3: time in [model.m] is wrong: \"long\" is no duration: ..." },
    { MODEL "idle_timeout = ''", "f.toml:3: idle_timeout in [model.m] is wrong: \"\" is no duration: ..." },
    { MODEL "idle_timeout = -5", "f.toml:3: idle_timeout in [model.m] is wrong: \"-5\" is no duration: ..." },
    { "[mount]\non_unmount = 'laeve'", "f.toml:2: on_unmount in [mount] must be \"stop\" or \"leave\", not "
                                       "\"laeve\"; did you mean \"leave\"?" },
    { "[mount]\nlog_level = 'x'",
      "f.toml:2: log_level in [mount] must be \"error\", \"warning\", \"info\" or \"debug\", not \"x\"" },
    { "[mount]\nstate_dir = 'x'", "f.toml:2: state_dir in [mount] must begin with / or ~/: \"x\"" },
    { "[mount]\nstate_dir = '~anna/x'",
      "f.toml:2: state_dir in [mount] must begin with / or ~/: \"~anna/x\"" },
    { "[mount]\nstate_dir = \"/x\\ny\"",
      "f.toml:2: state_dir in [mount] must be one line without control characters" },
    { "[mount]\nstate_dir = \"/x\\u0000y\"", "f.toml:2: state_dir in [mount] has a NUL in its text" },
    { "[gateway]\nlisten = []", "f.toml:2: listen in [gateway] must not be an empty array" },
    { "[gateway]\nlisten = ''", "f.toml:2: listen in [gateway] must be HOST:PORT or unix:PATH, not \"\"" },
    { "[gateway]\nlisten = ':80'",
      "f.toml:2: listen in [gateway] must be HOST:PORT or unix:PATH, not \":80\"" },
    { "[gateway]\nlisten = '127.0.0.1'",
      "f.toml:2: listen in [gateway] must be HOST:PORT or unix:PATH, not \"127.0.0.1\"" },
    { "[gateway]\nlisten = '127.0.0.1:'", "f.toml:2: listen in [gateway] must be HOST:PORT..." },
    { "[gateway]\nlisten = '127.0.0.1:65536'", "f.toml:2: listen in [gateway] must be HOST:PORT..." },
    { "[gateway]\nlisten = '127.0.0.1:123456'", "f.toml:2: listen in [gateway] must be HOST:PORT..." },
    { "[gateway]\nlisten = '127.0.0.1:80x'", "f.toml:2: listen in [gateway] must be HOST:PORT..." },
    { "[gateway]\nlisten = '0.0.0.0:80'", "f.toml:2: listen in [gateway] must be on loopback..." },
    { "[gateway]\nlisten = '[::]:80'", "f.toml:2: listen in [gateway] must be on loopback..." },
    { "[gateway]\nlisten = '::1:80'", "f.toml:2: listen in [gateway] must be on loopback..." },
    { "[gateway]\nlisten = 'unix:x'",
      "f.toml:2: listen in [gateway] must give a socket an absolute path..." },
    { "[gateway]\nlisten = "
      "'unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaaaaaaaaaaa'",
      "f.toml:2: listen in [gateway] has a longer path than a socket can have, 107 bytes..." },
    { "[gateway]\ncors_origins = ['*']",
      "f.toml:2: cors_origins in [gateway] must hold origins as \"https://chat.example.org\", not \"*\"" },
    { "[gateway]\ncors_origins = ['https://x/']",
      "f.toml:2: cors_origins in [gateway] must hold origins..." },
    { "[gateway]\nhosts = ['a b']",
      "f.toml:2: hosts in [gateway] must not be empty or hold blanks: \"a b\"" },

    /* what must not reach ssh or a job script */
    { MODEL "[cluster.a]\nhost = '-oProxyCommand=x'",
      "f.toml:4: host in [cluster.a] must not begin with '-', ssh would take it for an option: "
      "\"-oProxyCommand=x\"" },
    { MODEL "[cluster.a]\nhost = \"a\\nb\"",
      "f.toml:4: host in [cluster.a] must be one line without control characters" },
    { MODEL "[cluster.a]\nhost = 'a b'",
      "f.toml:4: host in [cluster.a] must not be empty or hold blanks: \"a b\"" },
    { MODEL "[cluster.a]\nworkdir = 'x'", "f.toml:4: workdir in [cluster.a] must begin with / or ~/: \"x\"" },
    { MODEL "[cluster.a]\nworkdir = \"/x\\n\"",
      "f.toml:4: workdir in [cluster.a] must be one line without control characters" },
    { MODEL "[cluster.a]\ntransport = 'openssh'",
      "f.toml:4: transport \"openssh\" needs a host to connect to" },
    { MODEL "partition = \"gpu\\n#SBATCH --x\"",
      "f.toml:3: partition in [model.m] must be one line without control characters" },
    { MODEL "gres = \"a\\rb\"", "f.toml:3: gres in [model.m] must be one line without control characters" },
    { MODEL "account = \"a\\u0000b\"", "f.toml:3: account in [model.m] has a NUL in its text" },
    { MODEL "qos = \"a\\nb\"", "f.toml:3: qos in [model.m] must be one line without control characters" },
    { MODEL "mem = \"a\\nb\"", "f.toml:3: mem in [model.m] must be one line without control characters" },
    { MODEL "extra_args = [\"--x\\ny\"]",
      "f.toml:3: extra_args in [model.m] must be one line without control characters" },
    { MODEL "extra_args = [\"x\"]",
      "f.toml:3: extra_args in [model.m] must hold options as \"--constraint=a100\", not \"x\"" },
    { MODEL "setup = [\"a\\u0000\"]", "f.toml:3: setup in [model.m] has a NUL in its text" },
    { MODEL "binary = \"a\\nb\"",
      "f.toml:3: binary in [model.m] must be one line without control characters" },
    { MODEL "health = 'ok'", "f.toml:3: health in [model.m] must begin with /: \"ok\"" },
    { MODEL "env = { \"A B\" = '1' }",
      "f.toml:3: env in [model.m] has a name that no environment variable can have: \"A B\"" },
    { MODEL "env = { 1A = '1' }",
      "f.toml:3: env in [model.m] has a name that no environment variable can have: \"1A\"" },
    { MODEL "env = { A = \"\\u0000\" }", "f.toml:3: env in [model.m] has a NUL in its text" },

    /* models, engines and clusters */
    { "[model.m]\nslots = 1", "f.toml:1: [model.m] needs the key \"engine\"" },
    { "[model.m]\nengine = 'parot'",
      "f.toml:2: engine in [model.m] must be \"llamacpp\", \"ollama\", \"vllm\", \"command\", \"http\", "
      "\"parrot\" or \"gateway\", not \"parot\"; did you mean \"parrot\"?" },
    { "[model.m]\nengine = 'command'",
      "f.toml:1: [model.m] needs the key \"command\": the program that engine \"command\" runs" },
    { "[model.m]\nengine = 'command'\ncommand = ['']", "f.toml:1: [model.m] needs the key \"command\"..." },
    { "[model.m]\nengine = 'llamacpp'", "f.toml:1: [model.m] needs the key \"model\": the GGUF file or "
                                        "Hugging Face name that engine \"llamacpp\" loads" },
    { "[cluster.alvis]\n[cluster.vera]\n" MODEL,
      "f.toml:3: [model.m] needs the key \"cluster\": there are 2 clusters" },
    { "[cluster.alvis]\n[cluster.vera]\n" MODEL "cluster = 'avlis'",
      "f.toml:5: cluster in [model.m] names no [cluster.NAME]: \"avlis\"; did you mean \"alvis\"?" },
    { LOCAL MODEL "cluster = 'elsewhere'",
      "f.toml:5: cluster in [model.m] names no [cluster.NAME]: \"elsewhere\"" },
    { MODEL "cluster = 'x'", "f.toml:3: cluster in [model.m] names no [cluster.NAME]: \"x\"" },
    { "[cluster.\"a.b\"]\n" MODEL, "f.toml:1: a cluster cannot be called \"a.b\": ..." },
    { "[cluster.jobs]\n" MODEL,
      "f.toml:1: a cluster cannot be called \"jobs\": that is a name of the tree or the gateway" },
    { "[model.\"a/b\"]\nengine = 'parrot'", "f.toml:1: a model cannot be called \"a/b\": 1 to 64 letters, "
                                            "digits or ._+-, a letter or digit first" },
    { "[model.v1]\nengine = 'parrot'",
      "f.toml:1: a model cannot be called \"v1\": that is a name of the tree or the gateway" },
    { "[model.\"\"]\nengine = 'parrot'", "f.toml:1: a model cannot be called \"\": ..." },

    /* aliases */
    { MODEL "aliases = ['README']", "f.toml:3: aliases in [model.m] holds a name that cannot be used: a "
                                    "model cannot be called \"README\"..." },
    { MODEL "aliases = ['a', 'b/c']", "f.toml:3: aliases in [model.m] holds a name that cannot be used: a "
                                      "model cannot be called \"b/c\"..." },
    { MODEL "aliases = ['a', 'a']", "f.toml:3: the alias \"a\" of [model.m] is a name of [model.m] already" },
    { MODEL "aliases = ['n']\n[model.n]\nengine = 'parrot'",
      "f.toml:3: the alias \"n\" of [model.m] is a name of [model.n] already" },
    { MODEL "aliases = ['q']\n[model.n]\nengine = 'parrot'\naliases = ['p', 'q']",
      "f.toml:6: the alias \"q\" of [model.n] is a name of [model.m] already" },
};

static void each_mistake_is_told_with_file_line_and_a_way_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct config *c = NULL;
        struct err e = { "" };
        const char *m = wrong[i].message;
        size_t len = strlen(m);
        bool beginning = len > 3 && !strcmp(m + len - 3, "...");
        if (config_parse(wrong[i].toml, strlen(wrong[i].toml), "f.toml", &c, &e) != -EINVAL)
            fail_msg("row %zu was accepted: %s", i, wrong[i].toml);
        assert_null(c);
        if (beginning ? strncmp(e.text, m, len - 3) : strcmp(e.text, m))
            fail_msg("row %zu: %s\nsays: %s\nnot:  %s", i, wrong[i].toml, e.text, m);
        assert_int_equal(config_parse(wrong[i].toml, strlen(wrong[i].toml), "f.toml", &c, NULL), -EINVAL);
    }
}

static void every_reserved_name_is_refused_and_others_are_not(void **state)
{
    static const char *const reserved[] = { "README", "clusters", "config", "ctl",      "endpoint", "env",
                                            "events", "jobs",     "log",    "metrics",  "status",   "v1",
                                            "api",    "health",   "gpu",    "slullama", "traefik",  "ui" };
    static const char *const bad[] = {
        "",
        ".",
        "..",
        ".x",
        "-x",
        "_x",
        "+x",
        "a b",
        "a/b",
        "a:b",
        "\xC3\xA9",
        "a\n",
        "a123456789012345678901234567890123456789012345678901234567890123456789"
    };
    static const char *const good[] = { "a",
                                        "0",
                                        "readme",
                                        "qwen3.5-9b",
                                        "a_b+c.d-",
                                        "v1x",
                                        "a123456789012345678901234567890123456789012345678901234567890123" };
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        assert_int_equal(model_name_check(reserved[i], &e), -EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(model_name_check(bad[i], &e), -EINVAL);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(model_name_check(good[i], &e), 0);
    assert_int_equal(strlen(good[6]), 64);
    assert_int_equal(cluster_name_check("alvis-2", &e), 0);
    assert_int_equal(cluster_name_check("alvis.2", &e), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_told_with_file_line_and_a_way_out),
        cmocka_unit_test(every_reserved_name_is_refused_and_others_are_not),
    };

    setenv("HOME", "/home/a", 1);
    unsetenv("SLULLAMAFS_CONFIG");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
