#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A server for a team: `serve` on the login node with slullama's own file, a stand-in for Ollama in its job, and a laptop that
# reaches it by `connect` and `status` through SSH.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install
install -o 20001 -g 20001 -m 755 "$lab_here/../stand-ins/ollama" "$LAB_HOME/bin/"

there() {
	lab_as_user env XDG_RUNTIME_DIR=/home/alice/run XDG_STATE_HOME=/home/alice/state ASAN_OPTIONS="detect_leaks=0:log_path=/home/alice/sanitizer" "$@"
}
there bash -c 'mkdir -p -m 700 run state .config/slullama private; cat > .config/slullama/config.toml' <<- 'END'
	[server]
	token = "geheim-0815"
	log_dir = "/home/alice/slullama"

	[slurm]
	gres = "gpu:1"
	time = "20:00"
	idle_timeout = 30
	extra_args = ["--nodelist=n1"]

	[ollama]
	binary = "/home/alice/bin/ollama"
	models_dir = "/home/alice/private/models"
	pre_pull = ["qwen3.5:9b", "llama3:8b"]
	END
cleanup() {
	[ -z "$relay" ] || kill "$relay"
	lab_enter login pkill -TERM -u alice -f 'slullamafs serve'
	wait_for 20 eval '! lab_enter login pgrep -u alice -f "slullamafs serve"' || lab_enter login pkill -KILL -u alice -f 'slullamafs serve'
}
relay=
lab_enter -u alice login bash -c 'mkdir -p ~/private/models; : > ~/private/models/extra:1b'
there bin/slullamafs serve > "$T/serve.log" 2>&1 < /dev/null &
ok 'serve' wait_for 60 grep -q 'serving at http://127.0.0.1:11435' "$T/serve.log"
like 'that the token is in clear is a warning' "$(cat "$T/serve.log")" 'warning: the token crosses the network in clear'

# --- a laptop
mkdir "$T/bin"
printf '#!/bin/sh\nexec %s -F %s "$@"\n' "$(command -v ssh)" "$LAB_DIR/ssh_config" > "$T/bin/ssh"
chmod +x "$T/bin/ssh"
PATH=$T/bin:$PATH
export SLULLAMA_TOKEN=geheim-0815 SLULLAMA_HOST=lab
status() {
	"$SLULLAMAFS" status -c /dev/null < /dev/null | jq -r "$1"
}
is 'status from a laptop' "$(status '.job.state, .config.partition, .config.keep_alive' | xargs)" 'none gpu extend'
"$SLULLAMAFS" connect -c /dev/null --local-port 0 --add-token > "$T/connect.log" 2>&1 < /dev/null &
relay=$!
ok 'connect from a laptop' wait_for 60 grep -q 'connected to port 11435' "$T/connect.log"
L=$(sed -n 's/ is port .*//p' "$T/connect.log")
answers() { # MODEL TEXT: by Ollama's API
	curl -sS --noproxy '*' --max-time 240 "$L/api/chat" -d "{\"model\":\"$1\",\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":\"$2\"}]}" | jq -r .message.content
}
is 'looking woke nothing' "$(slurm squeue -h -u alice -o %i)" ''
is 'a cold question wakes the job' "$(answers qwen3.5:9b 'two words')" 'two words'
is 'another model of the same Ollama' "$(answers llama3:8b 'of the same')" 'of the same'
is 'by the name of its directory too' "$(answers llama3-8b 'by its directory')" 'by its directory'
lists() {
	curl -sS --noproxy '*' --max-time 60 "$L/api/tags" | jq -r '.models[].name' | sort | xargs
}
has() {
	[ "$(lists)" = "$1" ]
}
ok 'what the awake engine has beside them is listed too' wait_for 60 has 'extra-1b llama3-8b qwen3.5-9b' || diag "$(lists)"
is 'and answers' "$(answers extra:1b 'found')" found
is 'one job serves all' "$(slurm squeue -h -u alice -o '%T %P %N')" 'RUNNING gpu n1'
is 'status tells of it' "$(status '.request_count, .tunnel_alive, .job.state, .job.node' | xargs)" '4 true running n1'
is 'and which it is' "$(status .job.id)" "$(slurm squeue -h -u alice -o %i)"
like 'and how long it may run' "$(status .job.time_left)" '^[0-9]?[0-9]:[0-9][0-9]$'
ok 'log_dir holds what is of the job' test -d "$LAB_HOME/slullama"

# --- mounted there
printf '[client]\nhost = "lab"\n' > "$T/client.toml"
"$SLULLAMAFS" mount "$M" -c "$T/client.toml" || bail 'no mount'
ok 'the models are directories of a mount' wait_for 60 test -d "$M/qwen3.5-9b"
is 'through SSH' "$(jq -r '.kind, .host, .state, .server, .tunnel' "$M/clusters/team/status" | xargs)" 'gateway lab up slullamafs login'
ok 'awake as they are' wait_for 60 state_is llama3-8b ready
echo 'through a mount' > "$M/llama3-8b/ask"
is 'and answer' "$(timeout 120 cat "$M/llama3-8b/reply")" 'through a mount'
# shellcheck disable=SC2046 # one word each
kill $(pgrep -P "$(daemon_pid)")
echo 'once more' > "$M/extra-1b/ask"
is 'a link that breaks is made anew' "$(timeout 120 cat "$M/extra-1b/reply")" 'once more'
unmount

# --- the end
lab_enter login pkill -TERM -u alice -f 'slullamafs serve'
ok 'SIGTERM ends it, and the job' wait_for 60 lab_no_jobs
ok 'within its time' wait_for 20 eval '! lab_enter login pgrep -u alice -f "slullamafs serve"'
is 'the laptop is told' "$(curl -sS --noproxy '*' --max-time 60 -o /dev/null -w '%{http_code}' "$L/slullama/status")" 503
kill "$relay"
wait "$relay"
is 'connect ends' $? 0
relay=
not_ok 'the token is in no log' grep -q geheim "$T/serve.log" "$T/connect.log"
not_ok 'nothing unexpected in the log' grep -q 'error: ' "$T/serve.log"
is 'no sanitizer has spoken' "$(cat "$LAB_HOME"/sanitizer.* 2> /dev/null)" ''
done_testing
