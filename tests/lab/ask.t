#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The whole slice on a real cluster: a question wakes a job through SSH and Slurm, and the answer comes back as file content.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install

# A stand-in for llama-server, which takes its options and is strict about them.
cat > "$LAB_HOME/bin/llama-server" <<- 'END'
	#!/bin/bash
	words=()
	while [ $# -gt 0 ]; do
		case $1 in
		--host | --port | --api-key-file) words+=("$1" "$2") ;;
		-m) [ -r "$2" ] || exit 3 ;;
		-np) [ "$2" = 2 ] || exit 4 ;;
		--threads-http) [ "$2" = 34 ] || exit 6 ;;
		*) exit 5 ;;
		esac
		shift 2
	done
	exec ~/bin/slullamafs parrot "${words[@]}"
	END
cat > "$LAB_HOME/bin/chatter" <<- 'END'
	#!/bin/bash
	echo 'a line on standard output'
	echo 'a line on standard error' >&2
	exec ~/bin/slullamafs parrot --host "$1" --port "$2" --api-key-file "$3"
	END
chmod 755 "$LAB_HOME/bin/llama-server" "$LAB_HOME/bin/chatter"
: > "$LAB_HOME/tiny.gguf"

lab_mount <<- END || bail 'no mount'
	$(phases_models)
	[model.tomorrow]
	engine = "parrot"
	extra_args = ["--begin=now+1hour"]
	[model.llama]
	engine = "llamacpp"
	model = "~/tiny.gguf"
	slots = 2
	gres = "gpu:1"
	[model.chatter]
	engine = "command"
	command = ["~/bin/chatter", "{host}", "{port}", "{key_file}"]
	[model.taken]
	engine = "parrot"
	setup = ['echo "\$(hostname) \$SFS_PORT" >> ~/port; while [ ! -e ~/go ]; do sleep 0.1; done']
	[model.short]
	engine = "parrot"
	idle_timeout = "4s"
	engine_args = ["--gate", "/home/alice/short"]
	END

states_of() {
	jq -r --arg model "$1" 'select(.event == "model" and .model == $model) | .from, .to' "$M/events" | uniq | xargs
}

# Every argument of every process of the laptop and of the hosts, whose processes can be seen from here, as long as this runs.
watch_arguments() {
	while :; do
		cat /proc/[0-9]*/cmdline
		sleep 0.05
	done > "$T/arguments" 2> /dev/null
}

# --- asleep until somebody asks ---

is 'a mount alone opens no connection' "$(jq -r .state "$M/clusters/lab/status") $(our_ssh)" 'idle '
find "$M" -type f ! -name reply -exec cat {} + > /dev/null 2>&1
is 'neither does reading all of it' "$(jq -r .state "$M/clusters/lab/status") $(status_of ready state)" 'idle asleep'

# Slow enough to be seen while it submits.
fault command-slow on sbatch 1
watch_arguments &
watcher=$!
asks cold ready 'a cold question'
answered 'cold: the answer' cold 'a cold question'
asks warm ready 'a warm question'
answered 'warm: the answer' warm 'a warm question'
kill "$watcher"
fault command-slow off sbatch
is 'the states, in order' "$(states_of ready)" 'asleep queued starting ready'

# --- what can be seen of a job ---

job=$(job_of ready)
like 'the job in the status of its model' "$(jq -c '.jobs[0] | [.id, .state, .node, .port > 1024, .ready]' "$M/ready/status")" \
	"^\[\"$job\",\"RUNNING\",\"n[12]\",true,true\]\$"
is 'it runs where Slurm says' "$(status_of ready 'jobs[0].node')" "$(node_of "$job")"
is 'its directory' "$(ls "$M/jobs/lab.$job" | xargs)" 'ctl endpoint log models script status'
is 'it leads to its model' "$(readlink "$M/jobs/lab.$job/models/ready")" '../../../ready'
is 'its status' "$(jq -c '[.state, .phase, .models, .ready, .last_error]' "$M/jobs/lab.$job/status")" '["RUNNING","healthy",["ready"],true,null]'
is 'its script is for its owner alone' "$(stat -c %a "$M/jobs/lab.$job/script")" 400
like 'it is the script that was submitted' "$(cat "$M/jobs/lab.$job/script")" '#SBATCH --partition=gpu'
ok 'Slurm gave it no more than was asked for' eval '[ "$(slurm squeue -h -j $job -o %l)" = 20:00 ]'

# --- secrets ---

keys=("$LAB_HOME"/.slullamafs/*/*/key)
secret=$(cat "${keys[0]}")
is 'there is one key, of a job that runs' "${#keys[@]} ${#secret}" '1 64'
is 'it is for its owner alone' "$(stat -c '%a %U' "${keys[0]}" | sed 's/20001/alice/; s/UNKNOWN/alice/') $(stat -c %a "$(dirname "${keys[0]}")")" '600 alice 700'
ok 'arguments were seen' eval 'tr "\0" " " < "$T/arguments" | grep -qF "sbatch --parsable"'
not_ok 'it was in no argument of any process, on the laptop and the hosts' grep -qF "$secret" "$T/arguments"
not_ok 'it is in nothing that Slurm tells' eval 'slurm scontrol show job -dd | grep -F "$secret"'
not_ok 'it is in no file of the mount' grep -qF "$secret" "$M/jobs/lab.$job/script" "$M/jobs/lab.$job/status" "$M/log" "$M/events" "$M/config"
ok 'but it is masked in the script' grep -qF '***' "$M/jobs/lab.$job/script"
# The record of the job has it, for the next mount: a file of the owner alone.
is 'the laptop keeps it in one file' "$(grep -rlF "$secret" "$T/state" "$T/r" | sed 's/.*\/jobs\/sfs-.*/a record/')" 'a record'
is 'which is the owner'\''s alone' "$(grep -rlF "$secret" "$T/state" | xargs stat -c %a)" 600
for host in login n1 n2; do
	is "no other user finds it on $host" "$(lab_enter -u mallory "$host" grep -rslF "$secret" /home /tmp /run /var /dev/shm)" ''
done
not_ok 'another user is not let in without it' lab_enter -u mallory login \
	curl -sf "http://$(status_of ready 'jobs[0].node'):$(status_of ready 'jobs[0].port')/v1/models"

# --- one connection, many askers ---

ssh_before=$(our_ssh) logins_before=$(logins)
is 'one ssh process' "$(wc -w <<< "$ssh_before")" 1
for i in {1..20}; do
	asks "many$i" ready "question $i of twenty"
done
for i in {1..20}; do
	our_ssh
	wait_for 120 ended "many$i"
done > "$T/ssh"
is 'twenty askers at once each get their own answer' "$(for i in {1..20}; do cat "$T/many$i.out"; echo; done)" \
	"$(printf 'question %s of twenty\n' {1..20})"
is 'through the one ssh process' "$(sort -u "$T/ssh")" "$ssh_before"
is 'without another login' "$(logins)" "$logins_before"
is 'and one job' "$(jobs_since "$job")" 0

# --- the gateway ---

# said: the text of a stream of events.
said() {
	sed -n 's/^data: {/{/p' | jq -j '.choices[0].delta.content // empty'
}
body='{"messages":[{"role":"user","content":"asked by curl"}],"stream":true}'
is 'curl, at the endpoint of the model' "$(curl -sN --max-time 60 "$(cat "$M/ready/endpoint")/v1/chat/completions" -d "$body" | said)" 'asked by curl'
is 'curl, at the endpoint of the job' "$(curl -sN --max-time 60 "$(cat "$M/jobs/lab.$job/endpoint")/v1/chat/completions" -d "$body" | said)" 'asked by curl'
is 'a request wakes as a question does, and is held' \
	"$(curl -sN --max-time 120 "$(cat "$M/endpoint")/v1/chat/completions" -d "${body/\{/\{\"model\":\"llama\",}" | said)" 'asked by curl'
is 'the engine llamacpp is woken once' "$(states_of llama)" 'asleep queued starting ready'
asks llama llama 'asked by file'
answered 'and answers files as well' llama 'asked by file'
is 'its job has the GPU that was asked for' "$(slurm squeue -h -j "$(job_of llama)" -o %b)" 'gres:gpu:1'

# --- the engine's words ---

asks chatter chatter 'who are you'
answered 'any command can be the engine' chatter 'who are you'
for stream in output error; do
	file=$M/chatter/log/std${stream/output/out}
	ok "its standard $stream follows" wait_for 40 grep -qx "a line on standard $stream" "${file/stderror/stderr}"
	ok "and is in the directory of its job" grep -qx "a line on standard $stream" "$M/chatter/job/log/$(basename "${file/stderror/stderr}")"
done

# --- waiting in the queue ---

slurm scontrol update PartitionName=later State=DOWN
asks tomorrow tomorrow 'later'
asks queued queued 'in the queue'
expected() {
	[ "$(status_of tomorrow reason)" = BeginTime ] && [ "$(status_of tomorrow expected_start)" != null ]
}
ok 'a job with a start to come has its reason and its time' wait_for 30 expected
like 'it is in an hour' "$(($(date -d "$(status_of tomorrow expected_start)" +%s) - $(date +%s)))" '^3[56][0-9][0-9]$'
reason_is() {
	[ "$(status_of queued reason)" = PartitionDown ]
}
ok 'a job that waits for its partition has its reason' wait_for 30 reason_is
is 'and it is pending' "$(status_of queued state) $(status_of queued 'jobs[0].state') $(status_of queued 'jobs[0].node')" 'queued PENDING null'
not_ok 'nobody is answered meanwhile' ended queued
slurm scontrol update PartitionName=later State=UP
answered 'when it may run it answers' queued 'in the queue'
job=$(job_of tomorrow)
echo cancel all > "$M/tomorrow/ctl"
fails 'cancelled in the queue' tomorrow 'Operation canceled' 'cancel'
is 'the job that was begun goes on' "$(job_of tomorrow) $(lab_job_state "$job")" "$job PENDING"
echo stop > "$M/tomorrow/ctl"
ok 'stop cancels a job in the queue' wait_for 20 lab_job_is "$job" CANCELLED

# --- stop, and the idle clock ---

job=$(job_of ready)
echo stop > "$M/ready/ctl"
ok 'stop cancels the job in Slurm' wait_for 20 lab_job_is "$job" CANCELLED
ok 'and the model falls asleep' wait_for 30 state_is ready asleep
not_ok 'the link to the job goes' test -L "$M/ready/job"
is 'the job can be looked at for a while' "$(jq -r .phase "$M/jobs/lab.$job/status")" ended

uptime_ms() {
	local up
	read -r up _ < /proc/uptime
	echo "$((10#${up/./} * 10))"
}
printf x > "$LAB_HOME/short"
asks short short 'a question of several words'
wait_for 60 begun short
job=$(job_of short)
began=$(uptime_ms)
wait_for 30 eval '[ $(($(uptime_ms) - began)) -gt 6000 ]'
is 'an answer that takes longer than idle_timeout is not cut' "$(status_of short state) $(status_of short idle_since)" 'ready null'
printf '%0999d' 0 > "$LAB_HOME/short"
answered 'it comes to its end' short 'a question of several words'
ended=$(uptime_ms)
ok 'the idle clock ends the job' wait_for 30 lab_job_is "$job" CANCELLED
ok 'it counts from the end of the answer' test $(($(uptime_ms) - ended)) -gt 3900

# --- somebody else on our port ---

rm -f "$LAB_HOME/go"
asks taken taken 'who has my port'
wait_for 60 test -s "$LAB_HOME/port"
read -r node port < "$LAB_HOME/port"
install -m 755 "$SLULLAMAFS" "$LAB_DIR/home/mallory/bin/slullamafs"
lab_enter -u mallory "$node" bin/slullamafs parrot --host 0.0.0.0 --port "$port" --fail always-200 > "$T/mallory" 2>&1 &
wait_for 30 grep -q listening "$T/mallory"
: > "$LAB_HOME/go"
answered 'another user took our port: the engine gets another' taken 'who has my port'
is 'on the same node' "$(tail -n 1 "$LAB_HOME/port" | cut -d ' ' -f 1)" "$node"
not_ok 'on another port' test "$(status_of taken 'jobs[0].port')" = "$port"
lab_enter "$node" pkill -KILL -u mallory

# --- the end ---

asks last ready 'once more'
answered 'asked again, it is woken again' last 'once more'
no_complaints || fail 'nothing of ours complained' "$(grep 'error: ' "$M/log")"
ok 'unmount' unmount
ok 'cancels all jobs' wait_for 15 lab_no_jobs
ok 'and leaves no ssh process' wait_for 5 no_ssh
is 'no socket' "$(find "$T/r" -type s)" ''
ok 'no process on a node' wait_for 20 eval '! lab_enter n1 pgrep -u alice && ! lab_enter n2 pgrep -u alice'
is 'and no key' "$(find "$LAB_HOME/.slullamafs" -name key)" ''
done_testing
