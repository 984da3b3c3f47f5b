# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For the tests of this folder that mount: a laptop with a mount of the lab. Sourced in place of lib.sh.
#
#   . "$(dirname "$0")/mount.sh"
#   lab_start
#   lab_install
#   lab_mount 'idle_timeout = "5s"' <<- END || bail 'no mount'
#   	[model.parrot]
#   	engine = "parrot"
#   END
#   asks one parrot 'the question'
#   answered 'an answer' one 'the question'
#   done_testing

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=../mount.sh
. "$lab_here/../mount.sh"

# lab_config [LINE...]: the configuration of a laptop's mount; the lines are the cluster's, standard input is added to it. The
# runtime directory is short because the sockets in it have to be.
lab_config() {
	cat <<- END
		[mount]
		runtime_dir = "$T/r"
		[gateway]
		listen = "127.0.0.1:0"
		[cluster.lab]
		host = "lab"
		ssh_config = "$LAB_DIR/ssh_config"
		partition = "gpu"
		time = "20m"
		max_jobs = 32
	END
	[ $# = 0 ] || printf '%s\n' "$@"
	cat
}

lab_mount() {
	lab_config "$@" > "$T/config.toml"
	mount_again
}

# next: the job of the parrot and the mount are ended, for what comes after.
next() {
	echo stop > "$M/parrot/ctl"
	wait_for 30 lab_no_jobs
	unmount
}

# door_taken: the one login that MaxStartups 1 lets in at a time is on its way, by descriptor 7, which greets with $banner. To be waited
# for, since who looked whether sshd listens may not have left yet; not in a subshell, where the connection would not stay.
door_taken() {
	exec 7<> "/dev/tcp/$LAB_LOGIN_ADDR/22"
	read -r -t 20 -u 7 banner && [[ $banner == SSH-2* ]]
}

# --- asking ---

# asks NAME MODEL TEXT: ask in the background, in a session of its own. $T/NAME.out grows with the answer; $T/NAME.end comes last.
asks() {
	rm -f "$T/$1".{out,err,error,end}
	setsid bash -c '
		cd "$1" || exit
		{ printf %s "$3" > ask && cat reply; } > "$2.out" 2> "$2.err"
		cat error > "$2.error"
		: > "$2.end"' asker "$M/$2" "$T/$1" "$3" < /dev/null > /dev/null 2>&1 &
}

ended() {
	[ -e "$T/$1.end" ]
}

# begun NAME: the first text of its answer is there.
begun() {
	[ -s "$T/$1.out" ]
}

# answered TEST NAME WANT: its answer comes, whole and without a complaint.
answered() {
	wait_for 120 ended "$2" || diag "$2 has no end yet: $(cat "$M/status")"
	is "$1" "$(cat "$T/$2".{out,err,error} 2>&1)" "$3"
}

# fails TEST NAME ERRNO SENTENCE [TEXT]: it ends after TEXT, '' by default, with an error whose usual words are ERRNO, and the file
# `error` matches SENTENCE.
fails() {
	wait_for 120 ended "$2" || diag "$2 has no end yet: $(cat "$M/status")"
	is "$1: the text so far" "$(cat "$T/$2.out")" "${5:-}"
	like "$1: errno" "$(cat "$T/$2.err")" "$3"
	like "$1: error" "$(cat "$T/$2.error")" "$4"
}

# --- looking at it ---

# job_of MODEL: the scheduler's number of its current job.
job_of() {
	local link
	link=$(readlink "$M/$1/job") && echo "${link##*.}"
}

job_of_is() {
	[ "$(job_of "$1")" = "$2" ]
}

# last_job: the highest number that Slurm has given. An array's tasks have one each (%A), whatever they are called (%i).
last_job() {
	lab_enter login squeue -h -r -t all -o %A | sort -n | tail -n 1
}

# jobs_since NUMBER: how many jobs of alice's were submitted after that one.
jobs_since() {
	lab_enter login squeue -h -r -t all -u alice -o %A | awk -v last="${1:-0}" '$1 + 0 > last + 0' | wc -l
}

# logins: how often somebody has logged in to the login node as alice.
logins() {
	grep -c 'Accepted publickey for alice' "$LAB_DIR/hosts/login/log/sshd.log"
}

# our_ssh: the pids of the ssh processes of the mounts of this test.
our_ssh() {
	pgrep -f -- "^ssh .*ControlPath=$T/"
}

no_ssh() {
	[ -z "$(our_ssh)" ]
}

cluster_is() {
	[ "$(jq -r .state "$M/clusters/lab/status")" = "$1" ]
}

# node_of JOB: where it runs.
node_of() {
	lab_enter login squeue -h -t all -j "$1" -o %N
}

# job_processes NODE JOB: what runs on a node for a job, found by the number in its environment.
job_processes() {
	lab_enter "$1" bash -c '
		for env in /proc/[0-9]*/environ; do
			! grep -qzx "SLURM_JOB_ID=$1" "$env" 2> /dev/null || tr "\0" " " < "${env%environ}cmdline"
		done' - "$2"
}

no_job_processes() {
	[ -z "$(job_processes "$@")" ]
}

# slurm COMMAND...: on the login node as root.
slurm() {
	lab_enter login "$@"
}

# --- four models, each in another phase of its life ---

# Models of the lab's configuration that stay in a phase until phases_release: the job of `queued` is in a partition that is down,
# the engine of `starting` waits for ~/go, that of `streaming` sends as many words as ~/gate has bytes.
phases_models() {
	cat <<- 'END'
		[model.queued]
		engine = "parrot"
		partition = "later"
		[model.starting]
		engine = "parrot"
		setup = ["while [ ! -e ~/go ]; do sleep 0.1; done"]
		[model.ready]
		engine = "parrot"
		[model.streaming]
		engine = "parrot"
		engine_args = ["--gate", "/home/alice/gate"]
	END
}
phases='queued starting ready streaming'

# phases_begin TEST: each model has one question, and is in the phase of its name. `jobs` holds their jobs, `last` the last before
# them.
declare -A jobs
phases_begin() {
	local m
	slurm scontrol update PartitionName=later State=DOWN
	rm -f "$LAB_HOME/go"
	printf xx > "$LAB_HOME/gate"
	last=$(last_job)
	for m in $phases; do
		asks "$m" "$m" "one two three four, says $m"
	done
	ok "$1: four models, four phases" phases_are
	for m in $phases; do
		jobs[$m]=$(job_of "$m")
	done
}

phases_are() {
	wait_for 60 state_is queued queued && wait_for 60 state_is starting starting &&
		wait_for 60 ended ready && wait_for 60 begun streaming && wait_for 30 job_of queued
}

phases_release() {
	printf '%0999d' 0 > "$LAB_HOME/gate"
	: > "$LAB_HOME/go"
	slurm scontrol update PartitionName=later State=UP
}

# same_jobs TEST [MODEL...]: the models, all by default, have the jobs that they had.
same_jobs() {
	local test=$1 m got='' want=''
	shift
	# shellcheck disable=SC2086
	[ $# -gt 0 ] || set -- $phases
	for m; do
		got+=" $m ${jobs[$m]}" want+=" $m $(job_of "$m")"
	done
	is "$test" "$got" "$want"
}

# phases_end: all asleep again, or about to be.
phases_end() {
	local m
	for m in $phases; do
		echo stop > "$M/$m/ctl"
	done
	ok 'every job can be stopped' wait_for 60 lab_no_jobs
}
