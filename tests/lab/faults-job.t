#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Jobs, engines and nodes die while one model is queued, one starting, one ready and one in the middle of an answer: questions that had
# not begun are answered by the next job, an answer that had begun ends with what there was of it.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install

# The engine of `unbegun` has taken a question and does not say a word until ~/word has a byte.
lab_mount <<- END || bail 'no mount'
	$(phases_models)
	[model.unbegun]
	engine = "parrot"
	engine_args = ["--gate", "/home/alice/word"]
	END

sent() {
	[ "$(jq -r '.requests.active' "$M/$1/status")" = 1 ]
}

# begin NAME: the four phases, and a question that is sent and has no word of an answer.
begin() {
	rm -f "$LAB_HOME/word"
	phases_begin "$1"
	asks unbegun unbegun 'not begun'
	ok "$1: a question is sent" wait_for 60 sent unbegun
	jobs[unbegun]=$(job_of unbegun)
}

# recovers NAME MODEL...: the questions of these models are answered by new jobs.
recovers() {
	local name=$1 m
	shift
	fails "$name: the answer under way" streaming 'Connection reset by peer' 'lost in the middle of the answer' 'one two'
	phases_release
	printf '%099d' 0 > "$LAB_HOME/word"
	for m; do
		if [ "$m" = unbegun ]; then
			answered "$name: unbegun: the question is answered" unbegun 'not begun'
		else
			answered "$name: $m: the question is answered" "$m" "one two three four, says $m"
		fi
		not_ok "$name: $m: by a new job" job_of_is "$m" "${jobs[$m]}"
	done
	asks again ready 'and again'
	answered "$name: ready: the next question is answered" again 'and again'
	asks again streaming 'and again'
	answered "$name: streaming: the next question is answered" again 'and again'
}

# --- the administrator cancels every job ---

begin 'jobs killed'
fault job-killed on all
recovers 'jobs killed' queued starting unbegun
is 'jobs killed: each was replaced once' "$(jobs_since "$last")" 10
echo stop > "$M/unbegun/ctl"
phases_end

# --- engines die ---

begin 'engines killed'
fault engine-killed on 'slullamafs parrot'
recovers 'engines killed' unbegun
answered 'engines killed: queued: it had no engine yet' queued 'one two three four, says queued'
answered 'engines killed: starting: neither had that' starting 'one two three four, says starting'
same_jobs 'engines killed: by the jobs that they had' queued starting
for m in ready streaming unbegun; do
	ok "engines killed: $m: the job has ended itself" wait_for 20 lab_job_is "${jobs[$m]}" FAILED
done
like 'engines killed: how it ended is in the status of the job' "$(jq -r .last_error "$M/jobs/lab.${jobs[ready]}/status")" 'ended|lost'
echo stop > "$M/unbegun/ctl"
phases_end

# --- the batch shell dies, and the engine must not outlive it ---

asks again ready 'once more'
answered 'an engine for the next fault' again 'once more'
job=$(job_of ready)
node=$(node_of "$job")
# The oldest of that name: the watcher of the job, a subshell, has it as well, and is what has to notice.
lab_enter "$node" pkill -KILL -o -u alice -f slurm_script
ok 'batch shell killed: nothing of the job is left on the node' wait_for 30 no_job_processes "$node" "$job"
asks again ready 'is anybody there'
answered 'batch shell killed: the next question is answered' again 'is anybody there'
not_ok 'batch shell killed: by a new job' job_of_is ready "$job"
phases_end

# --- the node loses power ---

begin 'node crash'
for m in starting ready streaming unbegun; do
	is "node crash: $m runs on n1" "$(node_of "${jobs[$m]}")" n1
done
fault node-crash on n1
printf '%0999d' 0 > "$LAB_HOME/gate"
printf '%099d' 0 > "$LAB_HOME/word"
recovers 'node crash'
answered 'node crash: unbegun: the question is answered' unbegun 'not begun'
answered 'node crash: queued: the question is answered' queued 'one two three four, says queued'
answered 'node crash: starting: the question is answered' starting 'one two three four, says starting'
for m in $phases unbegun; do
	is "node crash: $m runs on n2" "$(node_of "$(job_of "$m")")" n2
done
fault node-crash off n1
done_testing
