#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The way to the login node breaks while one model is queued, one starting, one ready and one in the middle of an answer: no job is
# lost or made twice, no question that has not begun is lost, and one connection is made anew.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install
lab_mount <<< "$(phases_models)" || bail 'no mount'

# recovers NAME: after the fault, the questions that had not begun are answered by the jobs that they had.
recovers() {
	local name=$1
	phases_release
	answered "$name: queued: the question is answered" queued 'one two three four, says queued'
	answered "$name: starting: the question is answered" starting 'one two three four, says starting'
	asks again ready 'and again'
	answered "$name: ready: the next question is answered" again 'and again'
	asks again streaming 'after the interruption'
	answered "$name: streaming: the next question is answered" again 'after the interruption'
	same_jobs "$name: by the same jobs"
	is "$name: which are all the jobs that there were" "$(jobs_since "$last")" 4
}

reconnects() { # as /metrics counts them
	sed -n 's/^slullamafs_tunnel_reconnects_total{cluster="lab"} //p' "$M/metrics"
}

phases_begin 'cut for a moment'
logins=$(logins)
reconnects=$(reconnects)

# --- cut for a moment: nobody notices ---

fault link-cut on drop
asks during ready 'asked while the link was cut'
not_ok 'cut for a moment: a question waits' wait_for 3 ended during
fault link-cut off
answered 'cut for a moment: it is answered' during 'asked while the link was cut'
recovers 'cut for a moment'
answered 'cut for a moment: the answer under way is whole' streaming 'one two three four, says streaming'
is 'cut for a moment: no new login' "$(($(logins) - logins))" 0
is 'cut for a moment: nor is one counted' "$(reconnects)" "$reconnects"

# --- connections that end ---

broken() { # NAME: the link is down, whatever the fault is
	ok "$1: it is noticed" wait_for 30 eval '! cluster_is up'
	fails "$1: the answer under way" streaming 'Connection reset by peer' 'lost in the middle of the answer' 'one two'
	asks during ready 'asked while there was no link'
	like "$1: why, in the status of the cluster" "$(jq -r .reason "$M/clusters/lab/status")" '^lab: '
	is "$1: nothing else has ended" "$(cat "$T/queued.end" "$T/starting.end" 2>&1 | grep -c 'No such file')" 2
}

for how in 'link-cut on reset' 'sshd-restarted on'; do
	name=${how%% *}
	phases_end
	phases_begin "$name"
	logins=$(logins)
	reconnects=$(reconnects)
	# shellcheck disable=SC2086
	fault $how
	broken "$name"
	fault "$name" off
	answered "$name: the question asked meanwhile is answered" during 'asked while there was no link'
	recovers "$name"
	is "$name: one new login" "$(($(logins) - logins))" 1
	is "$name: which is counted" "$(($(reconnects) - reconnects))" 1
	is "$name: one ssh process" "$(our_ssh | wc -l)" 1
done

# --- `run` goes on through it: what its log channel says is no reason to end the job ---

phases_end
(cd "$M" && exec setsid "$SLULLAMAFS" run ready < /dev/null > "$T/run.out" 2>&1) &
session=$!
says() {
	grep -qE "$1" "$T/run.out"
}
ok 'run: it tells the URL' wait_for 60 says 'http://127'
jobs[ready]=$(job_of ready)
fault link-cut on reset
ok 'run: the link is down' wait_for 30 eval '! cluster_is up'
asks during ready 'asked of a session without a link'
fault link-cut off
answered 'run: a question asked meanwhile is answered' during 'asked of a session without a link'
ok 'run: it goes on' kill -0 "$session"
same_jobs 'run: with the job that it had' ready
kill -INT "$session"
wait "$session"
is 'run: Ctrl-C ends it in order' $? 0
ok 'run: and its job' wait_for 60 lab_job_is "${jobs[ready]}" CANCELLED

ok 'nothing of ours complained' no_complaints
done_testing
