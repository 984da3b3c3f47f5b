#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The daemon dies, or leaves its jobs, and the next mount takes them up: the same jobs, proven again, and none beside them.
. "$(dirname "$0")/lib.sh"

config() { # [LINE...]: the lines are the mount's
	cat <<- END
		[mount]
		$(printf '%s\n' "$@")
		[gateway]
		listen = "127.0.0.1:0"
		[cluster.local]
		kind = "local"
		workdir = "$T/work"
		[model.ready]
		engine = "parrot"
		[model.starting]
		engine = "parrot"
		setup = ["while [ ! -e $T/go ]; do sleep 0.1; done"]
		[model.streaming]
		engine = "parrot"
		engine_args = ["--gate", "$T/gate"]
	END
}

# job_of MODEL: the shell of its current job.
job_of() {
	local link
	link=$(readlink "$M/$1/job") && echo "${link##*.}"
}

job_is() {
	[ "$(job_of "$1")" = "$2" ]
}

records() {
	find "$XDG_STATE_HOME" -path '*/jobs/*' -type f ! -name '*.bad' | wc -l
}

records_are() {
	[ "$(records)" = "$1" ]
}

engines() {
	pgrep -fc -- "--api-key-file $T/[w]ork"
}

kill_daemon() {
	local pid
	pid=$(daemon_pid)
	kill -KILL "$pid"
	wait_for 20 process_gone "$pid" && wait_for 20 not_mounted
}

# ask MODEL TEXT: the answer.
ask() {
	echo "$2" > "$M/$1/ask"
	timeout 60 cat "$M/$1/reply"
}

# --- killed while one model is starting, one ready, one in the middle of an answer ---

printf xx > "$T/gate"
config | mount_with || bail 'no mount'
is 'an answer' "$(ask ready 'before')" before
(cd / && echo 'one two three' > "$M/streaming/ask" && exec setsid cat "$M/streaming/reply") > "$T/streamed" 2> /dev/null < /dev/null &
echo wake > "$M/starting/ctl"
ok 'one is in the middle of an answer' wait_for 60 test -s "$T/streamed"
ok 'one is starting' wait_for 60 state_is starting starting
declare -A jobs
for m in ready starting streaming; do
	jobs[$m]=$(job_of "$m")
done
is 'there is a record of each job' "$(records)" 3
is 'for nobody else to read' "$(find "$XDG_STATE_HOME" -path '*/jobs/*' -perm /077)" ''
ok 'the daemon is killed' kill_daemon
not_ok 'its jobs live' process_gone "${jobs[ready]}"
mount_again || bail 'no mount'
ok 'ready: it is ready again' wait_for 60 state_is ready ready
[ "$tap_failed" = 0 ] || bail "nothing is taken up: $(tail -n 20 "$M/log")"
for m in ready starting streaming; do
	ok "$m: it has the same job" wait_for 30 job_is "$m" "${jobs[$m]}"
done
is 'ready: the job answers' "$(ask ready 'after')" after
is 'script is shown as it was' "$(grep -c "SFS_SECRET='[*]*'" "$M/ready/job/script")" 1
printf '%099d' 0 > "$T/gate"
is 'streaming: the job answers' "$(ask streaming 'after this')" 'after this'
like 'the one that started is not ready yet' "$(status_of starting state)" 'starting'
: > "$T/go"
is 'starting: the job answers' "$(ask starting 'at last')" 'at last'
is 'there are no further engines' "$(engines)" 3
is 'and no further records' "$(records)" 3
like 'events tell it' "$(jq -r 'select(.event == "job" and .from == null) | .reason' "$M/events")" 'taken up again'

# --- killed again; one job ends while no daemon looks, one model is taken out of the configuration ---

ok 'the daemon is killed again' kill_daemon
kill -TERM "${jobs[streaming]}"
ok 'a job ends meanwhile' wait_for 30 process_gone "${jobs[streaming]}"
config | sed '/^.model.starting/,/^setup/d' > "$T/config.toml"
printf 'not a record' > "$(find "$XDG_STATE_HOME" -name jobs)/odd"
mount_again || bail 'no mount'
ok 'ready: it is ready again' wait_for 60 state_is ready ready
ok 'ready: it has the same job' job_is ready "${jobs[ready]}"
ok 'the job of a model that is gone ends' wait_for 60 process_gone "${jobs[starting]}"
ok 'the model whose job ended is asleep' wait_for 60 state_is streaming asleep
like 'and says why' "$(status_of streaming last_error)" 'ended|does not know'
ok 'of both the record goes' wait_for 60 records_are 1
ok 'what is no record is set aside' compgen -G "$XDG_STATE_HOME/*/*/jobs/odd.bad"
like 'and named in the log' "$(cat "$M/log")" 'jobs/odd is passed over'
is 'the other engines are gone' "$(engines)" 1
is 'it is woken as ever' "$(ask streaming 'once more')" 'once more'
ok 'it unmounts' unmount
ok 'and no job is left' wait_for 30 eval '[ "$(engines)" = 0 ]'
is 'nor a record' "$(records)" 0

# --- left at unmount, and taken up ---

config 'on_unmount = "leave"' | mount_with || bail 'no mount'
is 'an answer' "$(ask ready 'before')" before
jobs[ready]=$(job_of ready)
workdir=$(jq -r .workdir "$M/ready/job/status")
ok 'it unmounts' unmount
not_ok 'on_unmount = "leave": the job lives' process_gone "${jobs[ready]}"
like 'with its idle_timeout as the lease' "$(cat "$workdir/lease")" ' lease=1800$'
mount_again || bail 'no mount'
ok 'the next mount is ready' wait_for 60 state_is ready ready
ok 'by the same job' job_is ready "${jobs[ready]}"
is 'which answers' "$(ask ready 'after')" after
not_ok 'and has its own lease again' grep -q 'lease=' "$workdir/lease"
is 'nothing of ours complained' "$(no_complaints 2>&1)" ''
ok 'it unmounts' unmount

# --- left, and nobody comes back ---

sed -i 's/^\[model.ready\]/&\nidle_timeout = "3s"/' "$T/config.toml"
mount_again || bail 'no mount'
ok 'the next mount is ready' wait_for 60 eval 'state_is ready ready || state_is ready asleep'
is 'it answers' "$(ask ready 'last')" last
jobs[ready]=$(job_of ready)
ok 'it unmounts' unmount
not_ok 'the job lives' process_gone "${jobs[ready]}"
ok 'until nobody has come for idle_timeout' wait_for 30 process_gone "${jobs[ready]}"
ok 'with its engine' wait_for 30 eval '[ "$(engines)" = 0 ]'
done_testing
