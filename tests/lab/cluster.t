#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The lab itself is right: it is a cluster seen from outside, and each fault does what it says and is
# undone.  Other tests lean on all of this without looking.
. "$(dirname "$0")/lib.sh"
lab_start

# A shell expression on the login node as alice, over SSH.  Its two outputs are joined there, since
# SSH carries them apart and they may arrive in another order.
run() {
	lab_ssh "exec 2>&1; $1" 2>&1
}

# reached ADDRESS PORT: a connection can be made from here within a second.
reached() {
	timeout 1 bash -c ': < "/dev/tcp/$1/$2"' - "$1" "$2" 2> /dev/null
}

submit() {
	printf '#!/bin/bash\n%s\n' "$1" | lab_ssh sbatch --parsable --output=/dev/null "${@:2}"
}

seconds_since() {
	local now
	read -r now _ < /proc/uptime
	echo $(( (10#${now/./} - $1) / 100 ))
}

now() {
	local up
	read -r up _ < /proc/uptime
	echo $(( 10#${up/./} ))
}

# --- a cluster, and we are outside ---

is 'ssh reaches the login node as the user' "$(run 'id -un; hostname')" $'alice\nlogin'
is 'both nodes are idle' "$(run 'sinfo -h -N -p gpu -o "%N %T"')" $'n1 idle\nn2 idle'
is 'a job submitted from here on standard input runs on a node' \
	"$(printf '#!/bin/bash\nhostname > where\nid -un >> where\necho "$CUDA_VISIBLE_DEVICES" >> where\n' |
		lab_ssh 'sbatch --parsable --wait --gres=gpu:1 -w n2 > /dev/null; cat where')" \
	$'n2\nalice\n0'
not_ok 'the laptop reaches no port of n1' reached "$LAB_N1_ADDR" 6818
not_ok 'the laptop reaches no port of n2' reached "$LAB_N2_ADDR" 6818
not_ok 'the laptop does not know the name n1' getent hosts n1
not_ok 'the laptop does not know the name n2' getent hosts n2
ok 'the login node reaches n1' run ': < /dev/tcp/n1/6818'
ok 'the login node reaches n2' run ': < /dev/tcp/n2/6818'
not_ok 'a node does not reach the laptop' \
	lab_enter n1 timeout 1 bash -c ': < /dev/tcp/${1%.2}.1/22' - "$LAB_LOGIN_ADDR"

sleep infinity &
mine=$!
mark=$(mktemp /tmp/slullamafs-lab-mark.XXXXXX)
for host in login n1 n2; do
	lab_enter "$host" touch "/tmp/of-$host" "/run/of-$host"
done
is '/tmp is not shared between hosts' \
	"$(for host in login n1 n2; do lab_enter "$host" sh -c 'cd /tmp && ls; cd /run && ls -d of-*'; done)" \
	$'of-login\nof-login\nof-n1\nof-n1\nof-n2\nof-n2'
not_ok 'the laptop does not see /tmp of the login node' test -e /tmp/of-login
not_ok 'the login node does not see /tmp of the laptop' lab_enter login test -e "$mark"
not_ok 'the login node does not see the source tree' lab_enter login test -e "$(readlink -f "$0")"
not_ok 'the login node does not see processes of the laptop' lab_enter login pgrep -x "sleep"
kill "$mine"
rm -f "$mark"
lab_as_user sh -c 'echo shared > ~/note'
is 'the nodes share /home with the login node' "$(lab_enter -u alice n2 cat note)" shared
not_ok 'the laptop does not see /home of the cluster' test -e /home/alice/note
not_ok 'another user cannot look into the home' lab_enter -u mallory login ls /home/alice
ok 'a user may open /dev/fuse' lab_as_user sh -c ': <> /dev/fuse'
not_ok '/usr cannot be written' lab_enter login touch /usr/bin/x

job=$(lab_enter -u mallory login sbatch --parsable --output=/dev/null --wrap 'sleep 600')
ok 'a job of another user runs' wait_for 10 lab_job_is "$job" RUNNING
not_ok 'it cannot be cancelled by alice' run "scancel $job"
is 'it still runs' "$(lab_job_state "$job")" RUNNING
lab_enter login scancel "$job"

jobs=()
for _ in 1 2 3 4; do
	jobs+=("$(submit 'sleep 600' --gres=gpu:1 -w n1)")
done
several() {
	[ "$(lab_enter login squeue -h -t R -w n1 -o %i | wc -l)" = 4 ]
}
ok 'several jobs run on one node' wait_for 15 several
like 'a partition that is closed refuses' "$(run 'sbatch -p closed --wrap true')" 'not available'
like 'a limit refuses' "$(run 'sbatch -p short -t 10 --wrap true')" 'time limit'
like 'an account refuses' "$(run 'sbatch -p physics --wrap true')" 'account'
ok 'all jobs can be ended' lab_cancel_all

# --- faults ---

fault link-cut on
not_ok 'link-cut: the login node is not reached' reached "$LAB_LOGIN_ADDR" 22
fault link-cut off
ok 'link-cut: undone' run true

lab_ssh 'echo there; sleep 30' > "$LAB_DIR/run/out" 2> /dev/null &
session=$!
wait_for 10 grep -q there "$LAB_DIR/run/out"
fault link-cut on reset
session_over() {
	! kill -0 "$session" 2> /dev/null
}
ok 'link-cut reset: a connection that exists ends at once' wait_for 5 session_over
is 'link-cut reset: a new one is refused at once' \
	"$(timeout 5 bash -c ': < "/dev/tcp/$1/22"' - "$LAB_LOGIN_ADDR" 2>&1 | grep -o -m 1 refused)" refused
fault link-cut off
ok 'link-cut reset: undone' run true

job=$(submit 'sleep 600')
wait_for 10 lab_job_is "$job" RUNNING
for how in away killed; do
	fault slurmctld-away on "$how"
	like "slurmctld-away $how: squeue fails" "$(run 'timeout 20 squeue; echo "status $?"')" \
		'Unable to contact.*status 1$'
	fault slurmctld-away off
	is "slurmctld-away $how: undone, and the job runs on" "$(lab_job_state "$job")" RUNNING
done
fault slurmctld-away on hung
is 'slurmctld-away hung: squeue waits' "$(run 'timeout 2 squeue; echo "status $?"')" 'status 124'
fault slurmctld-away off
is 'slurmctld-away hung: undone, and the job runs on' "$(lab_job_state "$job")" RUNNING

fault noisy-shell on
like 'noisy-shell: the output of a command is preceded by noise' "$(lab_ssh 'echo true' 2> /dev/null)" 'Welcome.*true$'
like 'noisy-shell: the errors too' "$(lab_ssh true 2>&1 > /dev/null)" 'deprecated'
like 'noisy-shell: login shells too' "$(lab_as_user bash -lc true 2> /dev/null)" 'Welcome'
fault noisy-shell on
fault noisy-shell off
is 'noisy-shell: undone' "$(run 'echo true')" true

fault command-missing on sbatch
is 'command-missing: the shell does not find it' "$(run 'sbatch --version 2> /dev/null; echo $?')" 127
like 'command-missing: the others are there' "$(run 'squeue --version')" slurm-wlm
fault command-missing off sbatch
like 'command-missing: undone' "$(run 'sbatch --version')" slurm-wlm

fault command-failing on squeue 3 'out of order'
is 'command-failing: status and text' "$(run 'squeue; echo $?')" $'out of order\n3'
fault command-slow on sbatch 1
fault command-failing off squeue
is 'command-failing: undone while another is on' "$(run 'squeue -h -j '"$job"' -o %i')" "$job"
start=$(now)
like 'command-slow: it works' "$(run 'sbatch --version')" slurm-wlm
ok 'command-slow: late' test "$(( $(now) - start ))" -ge 100
fault command-slow off
not_ok 'command-slow: undone, /usr/bin is as it was' lab_enter login test -e /lab/bin

for how in '' deaf; do
	# shellcheck disable=SC2086
	fault command-hanging on scancel $how
	is "command-hanging $how: it does not end" \
		"$(lab_ssh 'timeout -s KILL 1 scancel 1; echo $?' 2> /dev/null)" 137
	(lab_as_user scancel 1) 2> /dev/null &
	hung=$!
	hangs() {
		lab_enter login pgrep -f '^lab-hanging-scancel'
	}
	wait_for 5 hangs
	fault command-hanging off
	not_ok "command-hanging $how: undone, and none hangs on" hangs
	wait "$hung"
done

fault command-lying on squeue
like 'command-lying garbage: nonsense and success' "$(run 'squeue && echo well' | LC_ALL=C tr -cd 'A-Za-z')" 'WHAT.*well$'
fault command-lying on squeue empty
is 'command-lying empty: nothing and success' "$(run 'squeue && echo well')" well
fault command-lying on squeue cut
is 'command-lying cut: half' "$(run "squeue -h -j $job -o %ixx$job")" "${job}x"
fault command-lying on squeue says "7|it's \"so\"|"
is 'command-lying says' "$(run squeue)" "7|it's \"so\"|"
fault command-lying off
is 'command-lying: undone' "$(run "squeue -h -j $job -o %i")" "$job"

fault auth-refused on
like 'auth-refused: no way in' "$(run true)" 'Permission denied'
fault auth-refused off
ok 'auth-refused: undone' run true

fault hostkey-changed on
like 'hostkey-changed: ssh refuses' "$(run true)" 'REMOTE HOST IDENTIFICATION HAS CHANGED'
fault hostkey-changed off
ok 'hostkey-changed: undone' run true

fault hostkey-unknown on
like 'hostkey-unknown: ssh refuses' "$(run true)" 'Host key verification failed'
fault hostkey-unknown off
ok 'hostkey-unknown: undone' run true

# forwarded: the first bytes of a program on n1, through a forward; Slurm's port says nothing by itself.
forwarded() {
	lab_ssh -W n1:6818 < /dev/null
}
ok 'a connection is forwarded to a node' forwarded
fault forward-refused on
like 'forward-refused: it is refused' "$(forwarded 2>&1)" 'administratively prohibited|open failed|forwarding failed'
ok 'forward-refused: commands run' run true
fault forward-refused off
ok 'forward-refused: undone' forwarded

lab_ssh 'echo there; sleep 30' > "$LAB_DIR/run/out" 2> /dev/null &
session=$!
wait_for 10 grep -q there "$LAB_DIR/run/out"
fault sshd-restarted on
ok 'sshd-restarted: the connection ends' wait_for 5 session_over
not_ok 'sshd-restarted: nobody listens' reached "$LAB_LOGIN_ADDR" 22
fault sshd-restarted off
ok 'sshd-restarted: undone' run true
fault sshd-restarted now
ok 'sshd-restarted now: it is back' run true

job=$(submit 'sleep 600')
wait_for 10 lab_job_is "$job" RUNNING
fault job-killed on "$job"
ok 'job-killed: the job is cancelled' wait_for 15 lab_job_is "$job" CANCELLED

job=$(submit 'bash -c "exec -a lab-engine sleep 600" & wait $!; exit 5')
engine() {
	lab_enter n1 pgrep -f ^lab-engine || lab_enter n2 pgrep -f ^lab-engine
}
wait_for 15 engine
fault engine-killed on ^lab-engine
ok 'engine-killed: the job notices' wait_for 15 lab_job_is "$job" FAILED
not_ok 'engine-killed: fails when there is none' fault engine-killed on ^lab-engine
lab_cancel_all

job=$(submit 'sleep 600' -w n1)
other=$(submit 'sleep 600' -w n2)
wait_for 10 lab_job_is "$job" RUNNING
fault node-crash on n1
start=$(now)
not_ok 'node-crash: the node is not reached' lab_enter login timeout 1 bash -c ': < /dev/tcp/n1/6818'
not_ok 'node-crash: no process of the job is left' lab_enter n1 pgrep -u alice
ok 'node-crash: the job is requeued' wait_for 60 lab_job_is "$job" PENDING
diag "noticed after $(seconds_since "$start") s"
is 'node-crash: a job on the other node runs on' "$(lab_job_state "$other")" RUNNING
start=$(now)
ok 'node-crash: undone' fault node-crash off
diag "the node was back after $(seconds_since "$start") s"
ok 'node-crash: the job runs again under its number' wait_for 60 lab_job_is "$job" RUNNING
diag "it ran again after $(seconds_since "$start") s"

fault slurmctld-away on hung
fault command-missing on sbatch
lab_faults_off
ok 'faults that were left on can all be undone' run 'squeue && sbatch --version'
not_ok 'no fault is on' compgen -G "$LAB_DIR/run/fault.*"
done_testing
