#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The login node cannot be used, or not as usual: each is told in a sentence that says what to do, and ends by itself when its cause
# does. Nothing hangs on a question that nobody hears.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install

lab_mount <<- 'END' || bail 'no mount'
	[model.parrot]
	engine = "parrot"
	END

# refused NAME ERRNO SENTENCE: the question ends with it, and the cluster says it too.
refused() {
	asks q parrot 'let me in'
	fails "$1" q "$2" "$3"
	like "$1: in the status of the cluster" "$(jq -r '.state + " " + .reason' "$M/clusters/lab/status")" "^down $3"
	ok "$1: no ssh hangs" wait_for 10 no_ssh
}

answers_again() {
	asks again parrot 'again'
	wait_for 60 ended again
	[ "$(cat "$T/again.out")" = again ]
}

# Everything that stands between the sessions must go: what is refused is the login.
afresh() {
	next && mount_again
}

# --- no way in ---

fault auth-refused on
refused auth-refused 'Key was rejected by service' 'lab refuses the login: .*Permission denied.*ssh -F [^ ]+ lab'
# Whoever refuses for good is not asked again at once, so this takes some seconds.
fault auth-refused off
ok 'auth-refused: the same mount answers once the login works again' wait_for 60 answers_again
afresh
fault hostkey-unknown on
refused hostkey-unknown 'Key was rejected by service' 'the host key of lab is not known; run .ssh -F [^ ]+ lab. once'
fault hostkey-unknown off
afresh
fault hostkey-changed on
refused hostkey-changed 'Key was rejected by service' 'lab shows another host key than before.*ssh-keygen -f'
fault hostkey-changed off
afresh

fault sshd-restarted on
asks q parrot 'let me in'
ok 'nobody listens: it is tried again and again' wait_for 20 eval '[[ $(jq -r .reason "$M/clusters/lab/status") == *"Connection refused"* ]]'
not_ok 'nobody listens: the question waits' ended q
fault sshd-restarted off
answered 'nobody listens: it is answered when somebody does' q 'let me in'
afresh

# --- a login, and no forward (tunnels.t has more) ---

fault forward-refused on
asks q parrot 'through the wall'
answered 'forward refused: a program on the login node connects' q 'through the wall'
is 'forward refused: the status says it' "$(jq -r .tunnel "$M/clusters/lab/status")" exec
fault forward-refused off
afresh

# --- a login shell that talks ---

fault noisy-shell on
asks q parrot 'can you hear me'
answered 'a noisy shell: the answer' q 'can you hear me'
job=$(job_of parrot)
is 'a noisy shell: the job is the one that Slurm knows' "$(slurm squeue -h -u alice -o '%i %T')" "$job RUNNING"
is 'a noisy shell: its lines are in no status' "$(grep -c 'Welcome\|4242' "$M/parrot/status" "$M/clusters/lab/status" | cut -d : -f 2 | xargs)" '0 0'
echo stop > "$M/parrot/ctl"
ok 'a noisy shell: the job is cancelled' wait_for 20 lab_job_is "$job" CANCELLED
fault noisy-shell off
done_testing
