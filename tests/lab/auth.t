#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A login that asks: a password and a one-time password, one after the other. The question is in clusters/lab/auth, the answer goes
# there, the prompt of a model waits meanwhile, and no word of an answer is anywhere afterwards.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install
fault second-factor on

lab_mount <<- 'END' || bail 'no mount'
	[model.parrot]
	engine = "parrot"
	END
auth=$M/clusters/lab/auth

asked() {
	cluster_is auth && [[ $(cat "$auth") == *"$1"* ]]
}

not_asked() {
	[ -z "$(cat "$auth")" ]
}

# --- nothing is asked before something is needed ---

is 'auth: of the owner alone' "$(stat -c '%a %s' "$auth")" '600 0'
is 'auth: empty while nothing is asked' "$(cat "$auth")" ''
like 'auth: an answer to no question is refused' "$({ cat <<< x > "$auth"; } 2>&1)" 'Invalid argument'
is 'auth: looking at it opens nothing' "$(jq -r .state "$M/clusters/lab/status")" idle

# --- two questions, the first answered wrongly at first ---

asks q parrot 'let me in'
ok 'the password is asked for' wait_for 60 asked 'Password:'
like 'the status says it' "$(jq -r '.reason' "$M/clusters/lab/status")" 'Password:'
is 'the size is exact' "$(stat -c %s "$auth")" "$(wc -c < "$auth")"
: > "$auth"
ok 'a write of nothing is no answer' asked 'Password:'
printf 'one\ntwo\n' 2> "$T/two" > "$auth"
like 'two lines are no answer' "$(cat "$T/two")" 'Invalid argument'
echo 'not the password' > "$auth"
ok 'a wrong one is asked for again' wait_for 60 eval '[ "$(grep -c "\"to\":\"auth\"" "$M/events")" -ge 2 ] && asked Password:'
echo 'open sesame' > "$auth"
ok 'then the one-time password' wait_for 60 asked 'One-time password'
not_ok 'the question waits' ended q
grep -r . "$M/clusters" > /dev/null
ok 'reading around answers nothing' asked 'One-time password'
printf 755224 > "$auth"
answered 'the answer comes' q 'let me in'
ok 'the cluster is up' cluster_is up
ok 'nothing is asked any more' not_asked
like 'events name the state' "$(grep -c '"to":"auth"' "$M/events")" '^[1-9]'
is 'no answer is in any file' "$(cat "$M"/{log,events,status,config,clusters/lab/status} | grep -acE 'open sesame|755224|not the password')" 0
is 'nor in what is kept on disk' "$(grep -rlE 'open sesame|755224|not the password' "$T/state" "$T/r" 2> /dev/null)" ''
echo stop > "$M/parrot/ctl"
wait_for 30 lab_no_jobs

# --- the end while it asks ---

ok 'unmounted' unmount
mount_again || bail 'no mount'
asks q parrot 'again'
ok 'a new mount asks anew' wait_for 60 asked 'Password:'
pid=$(daemon_pid)
kill -TERM "$pid" # the reader of the answer keeps the mount busy
ok 'the daemon ends while it asks' wait_for 20 process_gone "$pid"
ok 'its reader is told' wait_for 20 ended q
ok 'no ssh is left' wait_for 10 no_ssh
is 'nor a socket' "$(find "$T/r" -type s)" ''

# --- the link is cut while it asks ---

mount_again || bail 'no mount'
asks q parrot 'a third time'
ok 'cut: it asks' wait_for 60 asked 'Password:'
fault sshd-restarted on
ok 'cut: the answer comes too late' eval 'echo "open sesame" > "$auth"'
ok 'cut: which is said' wait_for 60 eval '[[ $(jq -r .state "$M/clusters/lab/status") == @(connecting|down|idle) ]]'
fault sshd-restarted off
ok 'cut: it is asked again when somebody listens again' wait_for 60 asked 'Password:'
echo 'open sesame' > "$auth"
ok 'cut: and goes on' wait_for 60 asked 'One-time password'
echo 287082 > "$auth"
answered 'cut: the answer comes' q 'a third time'
done_testing
