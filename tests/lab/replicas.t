#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A model with several jobs on a real cluster: on different nodes, replaced when one is lost, and relieved before a time limit, which a
# user may not extend.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install

install -o 20001 -g 20001 -m 755 "$lab_here/../stand-ins/ollama" "$LAB_HOME/bin/"
lab_enter -u alice login mkdir -p private

lab_mount 'idle_timeout = "10m"' <<- END || bail 'no mount'
	[model.two]
	engine = "parrot"
	replicas = 2
	[model.three]
	engine = "parrot"
	replicas = 3
	[model.alone]
	engine = "parrot"
	replicas = 2
	extra_args = ["--nodelist=n1"]
	[model.timed]
	engine = "parrot"
	partition = "short"
	time = "2m"
	keep_alive = "extend"
	engine_args = ["--rate", "20"]
	[model.qwen]
	engine = "ollama"
	share = "gpu"
	replicas = 2
	model = "qwen3.5:9b"
	binary = "~/bin/ollama"
	models_dir = "~/private/models"
	[model.llama]
	share = "gpu"
	model = "llama3:8b"
END

ready_jobs() {
	jq '[.jobs[] | select(.ready)] | length' "$M/$1/status"
}
ready_jobs_are() {
	[ "$(ready_jobs "$1")" = "$2" ]
}
nodes_of() {
	jq -r '.jobs[] | select(.ready) | .node' "$M/$1/status" | sort | xargs
}

# Its limit of two minutes runs from here on.
asks first timed 'first'
answered 'a job in a partition with a short limit' first first
timed=$(job_of timed)

# --- different nodes ---

for m in two three alone; do
	echo wake > "$M/$m/ctl"
done
ok 'two jobs are ready' wait_for 90 ready_jobs_are two 2
is 'on different nodes' "$(nodes_of two)" 'n1 n2'
ok 'three jobs on two nodes are ready' wait_for 90 ready_jobs_are three 3
like 'on both nodes' "$(nodes_of three)" 'n1.* n2'
ok 'two jobs that are bound to one node are ready' wait_for 90 ready_jobs_are alone 2
is 'on that one' "$(nodes_of alone)" 'n1 n1'

# --- one is lost ---

gone=$(jq -r '.jobs[0].id' "$M/two/status")
is_replaced() {
	ready_jobs_are two 2 && [ "$(jq -r '.jobs[0].id' "$M/two/status")" != "$gone" ]
}
asks before two 'before'
answered 'a question to the two' before before
slurm scancel "$gone"
asks during two 'while one is lost'
answered 'a question while one is lost' during 'while one is lost'
# The slow look at a calm cluster sees it within a minute; somebody who waits makes it sooner.
ok 'a lost job is replaced' wait_for 100 is_replaced
is 'on the node that it left' "$(nodes_of two)" 'n1 n2'
for m in two three alone; do
	echo stop > "$M/$m/ctl"
done

# --- a time limit ---

asked=0 wrong=
over_the_limit() {
	! lab_job_is "$timed" RUNNING && ! lab_job_is "$timed" COMPLETING && [ "$(job_of timed)" != "$timed" ] && state_is timed ready
}
end=$((SECONDS + 150))
until over_the_limit || [ "$SECONDS" -ge "$end" ]; do
	asked=$((asked + 1))
	got=$(echo "one two three $asked" > "$M/timed/ask"; cat "$M/timed/reply" 2>&1)
	[ "$got" = "one two three $asked" ] || wrong+=" $asked: $got"
	sleep 0.2
done
ok 'a successor took over before the limit' over_the_limit
is 'the old job was not ended by its limit' "$(lab_job_state "$timed")" CANCELLED
is "of $asked questions meanwhile none was lost or cut" "$wrong" ''
like 'a user may not extend: it was said once' "$(grep -c 'was not extended: .*denied' "$M/events")" '^1$'
like 'the limit was told before it' "$(jq -c 'select(.event == "limit")' "$M/events" | head -n 1)" "\"job\":\"lab.$timed\".*time limit is in"

# --- asked for by hand ---

ok '`ctl extend` is taken' sh -c "echo extend 1m > '$M/timed/ctl'"
refused_twice() {
	[ "$(grep -c 'was not extended' "$M/events")" = 2 ]
}
ok 'and refused by Slurm, as an event' wait_for 30 refused_twice
like 'and in last_error' "$(status_of timed last_error)" 'not extended'
echo stop > "$M/timed/ctl"
ok 'every job ends' wait_for 60 lab_no_jobs

# --- a model that is loaded on demand: by the replica that has it ---

by_job() { # by_job MODEL: the job that answers a question
	(cd "$M/$1" && echo "who has $1" > ask && cat reply > /dev/null && jq -r .job history/latest/status)
}
echo wake > "$M/qwen/ctl"
ok 'two Ollamas are ready' wait_for 90 ready_jobs_are qwen 2
read -r first second < <(jq -r '.jobs[].name' "$M/qwen/status" | xargs)
curl -sS --noproxy '*' -m 60 "$(< "$M/endpoint")/jobs/$second/api/chat" \
	-d '{"model":"llama3:8b","stream":false,"messages":[{"role":"user","content":"x"}]}' > "$T/chat"
is 'the second one has loaded a model' "$(jq -r .model "$T/chat")" llama3:8b
is 'its questions go there' "$(by_job llama) $(by_job llama)" "$second $second"
is 'those of the other to the first' "$(by_job qwen)" "$first"
pid=$(daemon_pid)
kill -KILL "$pid"
wait_for 20 process_gone "$pid"
fusermount3 -uzq "$M"
mount_again || bail 'no mount'
ok 'after kill -9 both are taken up' wait_for 90 ready_jobs_are qwen 2
is 'and asked what they have loaded' "$(by_job llama)" "$second"
like 'the gateway says who is awake' "$(curl -sS --noproxy '*' -m 60 "$(< "$M/endpoint")/api/ps" | jq -r '.models[].name' | sort | xargs)" 'llama.*qwen'
echo stop > "$M/qwen/ctl"
ok 'every job ends once more' wait_for 60 lab_no_jobs
done_testing
