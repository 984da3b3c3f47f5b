#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Private_Dirty of the daemon: idle with 100 models, after the whole tree was walked, and what READERS parked readers add, each.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
READERS=${READERS:-1000}

mkfifo "$T/crowd.ctl"
{
	printf '[gateway]\nlisten = ["unix:%s/gateway"]\n[cluster.local]\nkind = "local"\n' "$T"
	engine_lines crowd --control "$T/crowd.ctl"
	for i in {1..99}; do
		printf '[model.m%d]\nengine = "parrot"\n' "$i"
	done
} | mount_with || bail 'no mount'
daemon=$(daemon_pid)
ulimit -n 4096 2> /dev/null

private_dirty() { # KiB
	awk '/^Private_Dirty:/ { print $2 }' "/proc/$daemon/smaps_rollup"
}

echo "# memory: Private_Dirty of the daemon, KiB"
idle=$(private_dirty)
printf 'idle, 100 models                     %6d   aim <= 6144\n' "$idle"
wake crowd
before=$(private_dirty)
coproc "$BUILD/tests/bench-crowd" "$M/crowd" "$READERS"
read -r _ <&"${COPROC[0]}" || bail 'no crowd'
awk -v a="$before" -v b="$(private_dirty)" -v n="$READERS" \
	'BEGIN { printf "%5d parked readers, each             %6.2f   aim <= 2\n", n, (b - a) / n }'
pid=$COPROC_PID
eval "exec ${COPROC[1]}>&-"
wait "$pid"
find "$M" -type f ! -name reply ! -name ask -exec cat {} + > /dev/null
printf 'the whole tree was read              %6d\n' "$(private_dirty)"
