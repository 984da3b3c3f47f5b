# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For the benchmarks of this folder: a private directory and mounts that go when the script ends, as the system tests have them. Each script
# prints a table; it asserts nothing, because machines are shared. tests/run sets SLULLAMAFS and BUILD. By default a script takes some
# seconds; its own variables (they stand at its beginning) make it longer, ROUNDS among them.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=$(realpath "${BUILD:-$here/../../build}")
SLULLAMAFS=${SLULLAMAFS:-$BUILD/slullamafs}
# shellcheck source=../tap.sh
. "$here/../tap.sh"
# shellcheck source=../mount.sh
. "$here/../mount.sh"
[ -x "$BUILD/tests/bench-metadata" ] || bail "$BUILD/tests has no bench-metadata: build with SLULLAMAFS_TESTS"
exec 2>&1

background=() # processes of the script's own that end with it

end_bench() {
	local status=$? pid
	trap - EXIT
	for pid in "${background[@]}"; do
		kill "$pid" 2> /dev/null
	done
	mounts_end || status=1
	exit "$status"
}
trap end_bench EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# engine_lines NAME [ARGS]: the lines of a model's table whose engine is stamp_engine.c; $T/NAME.at then says where it listens, $T/NAME.log
# what it saw, and letters into the FIFO $T/NAME.ctl, where there is one, send its tokens.
engine_lines() {
	local name=$1 arg
	shift
	printf '[model.%s]\nengine = "command"\ncommand = ["%s"' "$name" "$BUILD/tests/bench-stamp-engine"
	for arg in --host '{host}' --port '{port}' --api-key-file '{key_file}' --at "$T/$name.at" --log "$T/$name.log" "$@"; do
		printf ', "%s"' "$arg"
	done
	printf ']\nslots = 1024\n'
}

settled() {
	state_is "$1" ready || state_is "$1" failed
}

# wake MODEL...: until they are ready.
wake() {
	local model
	for model; do
		echo wake > "$M/$model/ctl"
	done
	for model; do
		wait_for 60 settled "$model"
		state_is "$model" ready || bail "$model is not ready: $(cat "$M/$model/status")"
	done
}
