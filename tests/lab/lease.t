#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A job lives as long as somebody wants it: its lease is renewed through the one connection. Of a daemon that was killed, and of a
# laptop that is cut off, nothing is left on the nodes once the lease has run out.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install

# Two mounts: that of $M is cut off, that of $T/llm2 loses its daemon.
mkdir "$T/llm2"
for name in '' 2; do
	lab_config 'lease = "6s"' <<- END | sed "s|^runtime_dir.*|runtime_dir = \"$T/r$name\"|" > "$T/config$name.toml"
		[model.lab$name]
		engine = "parrot"
		engine_args = ["--gate", "/home/alice/gate"]
	END
	"$SLULLAMAFS" mount "$T/llm$name" -c "$T/config$name.toml" || bail 'no mount'
done
printf '%0999d' 0 > "$LAB_HOME/gate"
asks one lab 'one'
answered 'a job of the first mount' one 'one'
M=$T/llm2
asks two lab2 'two'
answered 'a job of the second mount' two 'two'
job2=$(job_of lab2) node2=$(node_of "$job2") daemon2=$(daemon_pid "$M")
M=$T/llm
job=$(job_of lab) node=$(node_of "$job")

# --- it is kept ---

lease_content() {
	cat "$LAB_HOME"/.slullamafs/*/*/lease
}
before=$(lease_content)
gone_early() {
	! lab_job_is "$job" RUNNING || ! lab_job_is "$job2" RUNNING
}
not_ok 'with a living daemon a job outlives its lease three times' wait_for 19 gone_early
not_ok 'because it is renewed' test "$(lease_content)" = "$before"

# --- nobody is left who could renew it ---

printf xx > "$LAB_HOME/gate"
asks under lab 'one two three four'
wait_for 30 begun under
fault link-cut on drop
kill -KILL "$daemon2"
ok 'the mount of a daemon that was killed goes' wait_for 10 not_mounted "$T/llm2"
not_ok 'the jobs do not end at once' gone_early
ok 'daemon killed: the engine is gone from the node after the lease' wait_for 30 no_job_processes "$node2" "$job2"
ok 'link cut: the engine is gone from the node after the lease' wait_for 30 no_job_processes "$node" "$job"
ok 'and Slurm has its nodes back' wait_for 10 lab_no_jobs
is 'no process of the user is left on the nodes' "$(lab_enter n1 pgrep -u alice; lab_enter n2 pgrep -u alice)" ''
is 'no key is left' "$(find "$LAB_HOME/.slullamafs" -name key)" ''

# --- the laptop is back: the cut lasted so long that the connection is given up meanwhile ---

asks again lab 'is anybody there'
ok 'the connection is given up' wait_for 90 eval '! cluster_is up'
fails 'the answer under way ends' under 'Connection reset by peer' 'lost in the middle of the answer' 'one two'
not_ok 'the question that had not begun waits' ended again
printf '%0999d' 0 > "$LAB_HOME/gate"
fault link-cut off
answered 'it is answered when the laptop is back' again 'is anybody there'
not_ok 'by a new job' job_of_is lab "$job"
like 'of the old one it is known why it ended' "$(jq -r .last_error "$M/jobs/lab.$job/status")" 'lease|engine'

# --- and so is the other daemon ---

lab_started_before=$(last_job)
"$SLULLAMAFS" mount "$T/llm2" -c "$T/config2.toml" || bail 'no second mount'
M=$T/llm2
asks two lab2 'back again'
answered 'a daemon that was killed can be started again' two 'back again'
is 'with one ssh process' "$(pgrep -fc -- "^ssh .*ControlPath=$T/r2/")" 1
is 'and one job' "$(jobs_since "$lab_started_before")" 1
done_testing
