# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For the tests of this folder (bash, TAP on standard output) and for its faults.  A test looks like
#
#   #!/bin/bash
#   # SPDX-License-Identifier: MIT
#   . "$(dirname "$0")/lib.sh"
#   lab_start
#   lab_install
#   ok 'a job runs' lab_ssh sbatch --wait --wrap true
#   done_testing
#
# lab_start uses the lab in LAB_DIR if one runs there.  Otherwise it brings one up and ends it when the
# test is over, however the test ends.  Tests that share a lab run one after the other.  A test may
# define cleanup(), which runs first when it ends.

lab_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab_given=${LAB_DIR:-}
# hosts.sh brings tap.sh as well.
# shellcheck source=hosts.sh
. "$lab_here/hosts.sh"

# --- the lab of a test ---

lab_own=

lab_start() {
	local status=0 log
	if ! lab_alive; then
		# A directory nobody named is of this process alone, so that tests can run side by side.
		[ -n "$lab_given" ] || LAB_DIR=$LAB_DIR.$$
		lab_own=$LAB_DIR
		log=$("$lab_here/cluster" up "$LAB_DIR" 2>&1 < /dev/null) || status=$?
		if [ "$status" = 77 ]; then
			echo "1..0 # SKIP $log"
			exit 0
		fi
		if [ "$status" != 0 ]; then
			diag "$log"
			bail 'the lab did not come up'
		fi
		# SIGKILL runs no trap, so somebody else has to see it and clear up.
		setsid bash -c '
			tail --pid="$1" -f /dev/null
			[ ! -d "$2" ] || "$3/cluster" down "$2"
			[ -n "$4" ] || rm -rf --one-file-system "$2"' - $$ "$LAB_DIR" "$lab_here" "$lab_given" \
			< /dev/null > /dev/null 2>&1 &
		lab_watcher=$!
	fi
	trap lab_finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	# shellcheck source=/dev/null
	. "$LAB_DIR/env"
	# What an earlier test of this lab has left: a fault or a job if it was killed, and files.
	lab_faults_off
	lab_cancel_all || bail 'jobs of an earlier test do not end'
	lab_make_homes || bail 'the homes cannot be emptied'
}

lab_finish() {
	local status=$?
	trap - EXIT
	if declare -F cleanup > /dev/null; then
		cleanup
	fi
	if [ "$status" != 0 ]; then
		echo '# the logs of the lab end thus:'
		"$lab_here/cluster" logs "$LAB_DIR" | sed 's/^/# /'
	fi
	# A mount can end in order only with its cluster as it should be.
	lab_faults_off
	if declare -F mounts_end > /dev/null && ! mounts_end && [ "$status" = 0 ]; then
		status=1
	fi
	if [ -n "$lab_own" ]; then
		kill -- "-$lab_watcher" 2> /dev/null
		"$lab_here/cluster" down "$lab_own" < /dev/null
		[ -n "$lab_given" ] || rm -rf --one-file-system "$lab_own"
	else
		lab_cancel_all || echo '# jobs of this test do not end'
	fi
	if [ -z "$tap_done" ]; then
		echo "# the test ended early, with status $status"
		[ "$status" != 0 ] || status=1
	fi
	exit "$status"
}

# lab_ssh COMMAND...: what a user's `ssh lab COMMAND...` does.  It never asks, and gives up on a login
# that takes longer than ten seconds.
lab_ssh() {
	ssh -F "$LAB_DIR/ssh_config" -o BatchMode=yes -o ConnectTimeout=10 lab "$@"
}

lab_ssh_other() {
	ssh -F "$LAB_DIR/ssh_config" -o BatchMode=yes -o ConnectTimeout=10 lab-mallory "$@"
}

# lab_install [FILE]: put the program where the cluster's hosts find it, as ~alice/bin/slullamafs.
# The hosts have the machine's /usr, so that its libraries are there too.
lab_install() {
	local file=${1:-${SLULLAMAFS:-$lab_here/../../build/slullamafs}}
	[ -x "$file" ] || bail "$file is not built"
	install -o 20001 -g 20001 -m 755 "$file" "$LAB_DIR/home/alice/bin/slullamafs"
}

# lab_job_state ID: the state Slurm gives, in its long form, as long as it remembers the job.
lab_job_state() {
	lab_enter login squeue -h -t all -j "$1" -o %T
}

lab_job_is() {
	[ "$(lab_job_state "$1")" = "$2" ]
}

lab_no_jobs() {
	local jobs
	jobs=$(lab_enter login squeue -h -u alice,mallory) && [ -z "$jobs" ]
}

# lab_cancel_all: no job of a user is left, nor any of their processes on the compute nodes.
lab_cancel_all() {
	local host
	lab_no_jobs || lab_enter login scancel -u alice 2> /dev/null || :
	lab_no_jobs || lab_enter login scancel -u mallory 2> /dev/null || :
	wait_for 30 lab_no_jobs || return 1
	for host in n1 n2; do
		lab_enter "$host" pkill -KILL -u alice,mallory || :
	done
}

# fault NAME on|off [ARGUMENT...]: see faults/NAME.  Returns when the effect is there.
fault() {
	local name=$1
	shift
	LAB_DIR=$LAB_DIR "$lab_here/faults/$name" "$@" < /dev/null
}

# lab_faults_off: undo every fault that is on.  The controller comes first, because others ask it
# whether they are undone.
lab_faults_off() {
	local file
	for file in "$LAB_DIR"/run/fault.{slurmctld-away,*}; do
		[ ! -e "$file" ] || fault "${file##*/fault.}" off || :
	done
}

# --- for the files in faults/ ---

# fault_main on|off [ARGUMENT...]: the last line of a fault, which defines functions of these names.
# Turning a fault off that is not on does nothing and succeeds.  What is on is noted in the lab, for
# lab_faults_off; the note is made first, so that a half-made fault is undone too.
fault_main() {
	local name=${0##*/} verb=${1:-}
	if ! lab_alive; then
		echo "$name: no lab runs in $LAB_DIR" >&2
		exit 1
	fi
	case $verb in
	on)
		: > "$LAB_DIR/run/fault.$name"
		"$@"
		;;
	off)
		"$@"
		[ $# -gt 1 ] || rm -f "$LAB_DIR/run/fault.$name"
		;;
	*)
		sed -n '/^# *SPDX/d; /^#!/d; /^#/!q; s/^# \{0,1\}//p' "$0" >&2
		exit 2
		;;
	esac
}

# command_replace COMMAND [HOST]: the script on standard input takes the place of /usr/bin/COMMAND on
# HOST, the login node by default; with nothing on standard input the command is not there at all.
# /lab/usr/bin/COMMAND remains the real one.  The first time, /usr/bin becomes a directory of links to
# the real programs; a file bound over the one program could not make it vanish.
command_replace() {
	lab_enter "${2:-login}" bash -c '
		set -e
		real=/lab/usr/bin/$1
		if [ ! -x "$real" ]; then
			echo "lab: there is no /usr/bin/$1" >&2
			exit 1
		fi
		if [ ! -d /lab/replaced ]; then
			rm -rf /lab/bin
			cp -rs /lab/usr/bin /lab/bin
			mkdir /lab/replaced
			mount --bind /lab/bin /usr/bin
		fi
		: > "/lab/replaced/$1"
		cat > /lab/new
		if [ -s /lab/new ]; then
			chmod 755 /lab/new
			mv -fT /lab/new "/lab/bin/$1"
		else
			rm -f "/lab/bin/$1" /lab/new
		fi' - "$1"
}

# command_restore [COMMAND]: COMMAND, or every command, is as Debian made it again on all hosts.
# Stand-ins that still hang there are ended.
command_restore() {
	local host
	for host in "${LAB_HOSTS[@]}"; do
		lab_enter "$host" bash -c '
			[ -d /lab/replaced ] || exit 0
			set -e
			cd /lab/replaced
			shopt -s nullglob
			[ -n "$1" ] || set -- *
			for name in "$@"; do
				[ -e "$name" ] || continue
				ln -s "/lab/usr/bin/$name" /lab/link
				mv -fT /lab/link "/lab/bin/$name"
				pkill -KILL -f "^lab-hanging-$name" || :
				rm "$name"
			done
			cd /
			if rmdir /lab/replaced 2> /dev/null; then
				umount -l /usr/bin
				rm -rf /lab/bin
			fi' - "${1:-}"
	done
}

# sshd_restart: the listener ends and comes back with its configuration as it is now.  Connections
# that exist go on, with the old configuration, as after any reload.
sshd_restart() {
	service_stop login sshd && service_start login sshd
}
