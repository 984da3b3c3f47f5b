# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For tests that mount, after tap.sh: a private directory $T with the home, state and runtime directories and the mounts of one test,
# of which $M is the first. mounts_end() takes it all away; the folder's lib.sh calls it however the test ends.

tests_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SLULLAMAFS=${SLULLAMAFS:-$tests_here/../build/slullamafs}
unset SLULLAMAFS_CONFIG

[ -x "$SLULLAMAFS" ] || bail "$SLULLAMAFS is not built"
[ -r /dev/fuse ] && [ -w /dev/fuse ] || {
	echo '1..0 # SKIP /dev/fuse cannot be opened here'
	exit 0
}

T=$(mktemp -d "${TMPDIR:-/tmp}/slullamafs.XXXXXX")
M=$T/llm
mkdir "$M" "$T/home"
export HOME=$T/home XDG_RUNTIME_DIR=$T/run XDG_STATE_HOME=$T/state XDG_CONFIG_HOME=$T/config
mkdir -m 700 "$XDG_RUNTIME_DIR" "$XDG_STATE_HOME" "$XDG_CONFIG_HOME"
# A daemon has no standard error: what a sanitizer says goes to files, which mounts_end() looks at. Leaks are looked for by the unit
# tests; here the daemon ends in too many ways, by signals too.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:abort_on_error=1:log_path=$T/sanitizer}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:log_path=$T/sanitizer}

# The daemon of the mount at $1 (default $M): the oldest process whose arguments name it. A child that it is about to make into another
# program has them too, and may have a lower number.
daemon_pid() {
	pgrep -o -f -- "slullamafs mount ${1:-$M}( |\$)"
}

# A zombie counts as gone: whether it is ever reaped depends on the machine's pid 1.
process_gone() {
	local state
	state=$(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2> /dev/null)
	[ -z "$state" ] || [ "$state" = Z ] || [ "$state" = X ]
}

# mount_with [ARGS]: the configuration comes on standard input.
mount_with() {
	cat > "$T/config.toml"
	mount_again "$@"
}

mount_again() {
	local out
	out=$("$SLULLAMAFS" mount "$M" -c "$T/config.toml" "$@" 2>&1) || {
		diag "$out"
		return 1
	}
	[ -z "$out" ] || diag "$out"
}

is_mounted() {
	grep -q " ${1:-$M} fuse.slullamafs " /proc/self/mounts
}

not_mounted() {
	! is_mounted "$@"
}

no_daemon() {
	[ -z "$(daemon_pid "$@")" ]
}

unmount() {
	local pid
	pid=$(daemon_pid)
	fusermount3 -u "$M" || return 1
	[ -z "$pid" ] || wait_for 20 process_gone "$pid"
}

# status_of MODEL FIELD: one value of its status, as jq prints it.
status_of() {
	jq -r ".$2" < "$M/$1/status"
}

state_is() {
	[ "$(status_of "$1" state)" = "$2" ]
}

# What a test has to look at before it ends: sanitizers and surprises speak in the log.
no_complaints() {
	! grep -E 'error: ' "$M/log"
}

# mounts_end: every mount under $T ends and its daemon with it. Fails, with a line that says why, if one does not, or if a
# sanitizer has spoken.
mounts_end() {
	local m pid status=0 report
	for m in "$T"/llm*; do
		pid=$(daemon_pid "$m")
		fusermount3 -uzq "$m" 2> /dev/null
		if [ -n "$pid" ] && ! wait_for 20 process_gone "$pid"; then
			echo "# the daemon $pid did not end"
			kill -KILL "$pid"
			status=1
		fi
	done
	# A job on this machine outlives a daemon that was killed by its lease; not this test.
	for pid in $(pgrep -f -- "--api-key-file $T/"); do
		kill "$pid"
	done
	for report in "$T"/sanitizer.*; do
		[ -e "$report" ] || continue
		diag "$(cat "$report")"
		status=1
	done
	rm -rf --one-file-system "$T"
	return "$status"
}
