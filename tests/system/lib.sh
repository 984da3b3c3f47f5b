# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For the tests of this folder: each gets a private directory and mounts of its own, which go when it ends, however it ends.
#
#   . "$(dirname "$0")/lib.sh"
#   mount_with <<< "$config"        # or mount_parrot
#   is 'an answer' "$(echo hi > "$M/parrot/ask"; cat "$M/parrot/reply")" hi
#   done_testing

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../tap.sh
. "$here/../tap.sh"

# shellcheck source=../mount.sh
. "$here/../mount.sh"

children=() # processes that a test began, by pid; they end with it

finish() {
	local status=$? pid
	trap - EXIT
	if declare -F cleanup > /dev/null; then
		cleanup
	fi
	for pid in "${children[@]}"; do
		kill "$pid" 2> /dev/null
	done
	for pid in "${children[@]}"; do
		wait_for 20 process_gone "$pid" || kill -KILL "$pid"
	done
	mounts_end || status=1
	if [ -z "$tap_done" ]; then
		echo "# the test ended early, with status $status"
		[ "$status" != 0 ] || status=1
	fi
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
