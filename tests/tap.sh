# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# TAP for tests written in bash: each check prints a line, done_testing prints the plan.

tap_count=0 tap_failed=0 tap_done=

pass() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

fail() {
	tap_count=$((tap_count + 1))
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
	[ -z "${2:-}" ] || diag "$2"
}

# diag TEXT: TEXT as TAP comments, for people.
diag() {
	printf '%s\n' "$1" | head -n 50 | cut -b 1-600 | sed 's/^/# /'
}

# ok NAME COMMAND...: the command succeeds. What it printed is shown only if not.
ok() {
	local name=$1 output status=0
	shift
	output=$("$@" 2>&1) || status=$?
	if [ "$status" = 0 ]; then
		pass "$name"
	else
		fail "$name" "$* -> exit status $status"$'\n'"$output"
	fi
}

# not_ok NAME COMMAND...: the command fails.
not_ok() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		fail "$name" "$* -> succeeded"$'\n'"$output"
	else
		pass "$name"
	fi
}

# is NAME GOT WANT: two texts are the same.
is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "got:"$'\n'"$2"$'\n'"want:"$'\n'"$3"
	fi
}

# like NAME GOT REGEX: a text matches an extended regular expression.
like() {
	if [[ $2 =~ $3 ]]; then
		pass "$1"
	else
		fail "$1" "got:"$'\n'"$2"$'\n'"want a match of: $3"
	fi
}

skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

bail() {
	echo "Bail out! $1"
	exit 1
}

# wait_for SECONDS COMMAND...: run the command every 0.1 s until it succeeds; fail at the deadline. What it prints is dropped.
# Time is read from the kernel's uptime, which nobody can set back.
wait_for() {
	local up now limit=$(($1 * 100))
	shift
	read -r up _ < /proc/uptime
	up=$((10#${up/./}))
	until "$@" > /dev/null 2>&1; do
		read -r now _ < /proc/uptime
		[ $((10#${now/./} - up)) -lt "$limit" ] || return 1
		sleep 0.1
	done
}

# done_testing: the plan, and the end of the script with the right status.
done_testing() {
	echo "1..$tap_count"
	tap_done=1
	[ "$tap_failed" = 0 ] || exit 1
	exit 0
}
