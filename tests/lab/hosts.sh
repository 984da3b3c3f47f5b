# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What is known about a running lab: its hosts, how to run a command in one, and how to start and
# stop the services there.  Sourced by `cluster` and, through lib.sh, by tests and faults.
# LAB_DIR is the lab's directory.  Every function returns non-zero on failure and says why on standard
# error only where the caller cannot know.

: "${LAB_DIR:=${TMPDIR:-/tmp}/slullamafs-lab.$(id -u)}"
LAB_HOSTS=(login n1 n2)
LAB_USERS=(alice:20001 mallory:20002)

# For wait_for.
# shellcheck source=../tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tap.sh"

# Most of what runs here is an administrator's program, and not every PATH leads to those.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# proc_start PID: print when the process started, in clock ticks since boot; fail if it is gone.
# A zombie counts as gone: whether it is ever reaped depends on the machine's pid 1.
proc_start() {
	local stat
	{ read -r stat < "/proc/$1/stat"; } 2> /dev/null || return 1
	# The second field, the name, may hold blanks and parentheses; what follows its end is regular.
	set -- ${stat##*) }
	[[ $1 != [ZX] ]] && echo "${20}"
}

# recorded_pid FILE: print the pid recorded in FILE as "PID START" if it is still that process.
recorded_pid() {
	local pid start
	{ read -r pid start < "$1"; } 2> /dev/null || return 1
	[ -n "$start" ] && [ "$(proc_start "$pid")" = "$start" ] && echo "$pid"
}

host_pid() {
	recorded_pid "$LAB_DIR/run/$1.pid"
}

lab_alive() {
	local host
	[ -e "$LAB_DIR/env" ] || return 1
	for host in "${LAB_HOSTS[@]}"; do
		host_pid "$host" > /dev/null || return 1
	done
}

# lab_enter [-u USER] HOST COMMAND...: run COMMAND on HOST, with a clean environment, in USER's home.
# Standard input, output and error are the caller's.  Returns the command's exit status, or 125 if
# the host is down.
lab_enter() {
	local user=root home=/root pid enter=() drop=()
	if [ "$1" = -u ]; then
		user=$2
		shift 2
	fi
	if ! pid=$(host_pid "$1"); then
		echo "lab: $1 is not running in $LAB_DIR" >&2
		return 125
	fi
	shift
	if [ "$user" != root ]; then
		home=/home/$user
		# Names are looked up after nsenter, in the host's own /etc/passwd.
		drop=(setpriv "--reuid=$user" "--regid=$user" --init-groups --)
	fi
	enter=(nsenter -t "$pid" -m -u -i -n -p --)
	# The lock of `cluster` is closed: a daemon that kept it would stop the next `cluster` for ever.
	"${enter[@]}" env -i -C "$home" HOME="$home" USER="$user" LOGNAME="$user" SHELL=/bin/bash \
		LANG=C.UTF-8 TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		"${drop[@]}" "$@" 9>&-
}

# lab_make_homes: the users' homes with what a new user has, and nothing else.
lab_make_homes() {
	local user uid home
	for user in "${LAB_USERS[@]}"; do
		uid=${user#*:} user=${user%:*} home=$LAB_DIR/home/${user%:*}
		mkdir -p "$home"
		find "$home" -mindepth 1 -delete
		cp -a /etc/skel/. "$home"
		mkdir "$home/.ssh" "$home/bin"
		cp "$LAB_DIR/keys/$user.pub" "$home/.ssh/authorized_keys"
		chmod 700 "$home" "$home/.ssh"
		chown -R "$uid:$uid" "$home"
	done
}

# lab_as_user COMMAND...: run COMMAND on the login node as the cluster's user, without SSH between.
lab_as_user() {
	lab_enter -u "${LAB_USER:-alice}" login "$@"
}

# Which services a host has, in the order in which they start.
host_services() {
	case $1 in
	login) echo munged sshd slurmctld ;;
	*) echo munged slurmd ;;
	esac
}

# The pid file of a service, as the host sees it.
service_pidfile() {
	case $1 in
	munged) echo /run/munge/munged.pid ;;
	*) echo "/run/$1.pid" ;;
	esac
}

# service_start HOST SERVICE: start it and return once it can be talked to (munged, sshd) or once it
# has gone to the background (slurmctld, slurmd: what they wait for is another host).
service_start() {
	case $2 in
	munged)
		lab_enter "$1" setpriv --reuid=munge --regid=munge --clear-groups munged < /dev/null
		;;
	sshd)
		lab_enter "$1" /usr/sbin/sshd -E /var/log/sshd.log < /dev/null &&
			wait_for 10 lab_enter "$1" bash -c ': < /dev/tcp/127.0.0.1/22'
		;;
	*)
		lab_enter "$1" "$2" < /dev/null
		;;
	esac
}

# service_signal HOST SERVICE SIGNAL: signal the main process of a service, found by its pid file.
# The name is compared first, since the file outlives a process that was killed.
service_signal() {
	lab_enter "$1" bash -c '
		read -r pid < "$1" && read -r name < "/proc/$pid/comm" && [ "$name" = "$2" ] &&
			kill "-$3" "$pid"' - "$(service_pidfile "$2")" "$2" "$3" 2> /dev/null
}

service_runs() {
	service_signal "$1" "$2" 0
}

service_gone() {
	! service_runs "$@"
}

# service_stop HOST SERVICE: ask the main process to end and wait until it has.  Sessions of sshd stay.
service_stop() {
	service_signal "$1" "$2" TERM || return 0
	wait_for 20 service_gone "$1" "$2"
}
