#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Batches through real jobs: one whose job reaches its time limit in the middle, and one under which the engine dies, an administrator
# cancels every job, a node loses power, and the daemon is killed. Each line has one result.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install

lab_mount 'idle_timeout = "10m"' <<- END || bail 'no mount'
	[model.timed]
	engine = "parrot"
	engine_args = ["--delay", "1"]
	time = "1m"
	extra_args = ["--nodelist=n2"]
	[model.b]
	engine = "parrot"
	engine_args = ["--delay", "0.2"]
	replicas = 2
	END
T1=$M/timed/batch/run B1=$M/b/batch/run

done_is() { # BATCH N: at least
	[ "$(jq .done "$1/status")" -ge "$2" ]
}
is_done() {
	[ "$(jq -r .state "$1/status")" = done ]
}
contents() {
	jq -rs 'sort_by(.id | ltrimstr("batch_req_") | tonumber)[].response.body.choices[0].message.content' "$1/out.jsonl"
}
further() { # N: so many more lines are done
	local n
	n=$(jq .done "$B1/status")
	wait_for 90 done_is "$B1" $((n + $1))
}

mkdir "$T1" "$B1"
seq -f 'timed %.0f' 420 > "$T1/in.jsonl"
seq -f 'line %.0f' 500 > "$B1/in.jsonl"
ok 'both run' wait_for 90 done_is "$B1" 20
ok 'one has a job' wait_for 90 done_is "$T1" 1
limited=$(job_of timed)
is 'as many are in flight as there are slots' "$(wait_for 30 eval '[ "$(jq .in_flight "$B1/status")" = 8 ]' && echo 8)" 8

fault engine-killed on 'parrot .*--delay 0.2'
ok 'engines killed: it goes on' further 20
kill -KILL "$(daemon_pid)"
wait_for 20 not_mounted
mount_again || bail 'no mount after the kill'
ok 'daemon killed: it goes on' further 20
fault node-crash on n1
ok 'node crash: it goes on' further 20
fault node-crash off n1
echo pause > "$B1/ctl"
ok 'paused: nothing is in flight' wait_for 60 eval '[ "$(jq .in_flight "$B1/status")" = 0 ]'
echo resume > "$B1/ctl"
ok 'all is done' wait_for 120 is_done "$B1"
is 'each line has one result' "$(contents "$B1" | cksum)" "$(seq -f 'line %.0f' 500 | cksum)"
is 'and none an error' "$(cat "$B1/errors.jsonl")" ''
ok 'the one whose job had a limit is done too' wait_for 180 is_done "$T1"
is 'each line has one result' "$(contents "$T1" | cksum)" "$(seq -f 'timed %.0f' 420 | cksum)"
is 'and none an error' "$(cat "$T1/errors.jsonl")" ''
ok 'its first job has reached its limit' wait_for 30 lab_job_is "$limited" TIMEOUT
done_testing
