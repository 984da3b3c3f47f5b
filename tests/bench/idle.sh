#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What a daemon does that has one ready job and nothing to do, on a stand-in for Slurm. SECONDS_IDLE of it are watched, and the figures
# also given for 60 s. The daemon is left alone for SETTLE seconds first.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=slurm_here.sh
. "$here/slurm_here.sh"
SECONDS_IDLE=${SECONDS_IDLE:-60} SETTLE=${SETTLE:-3}

{
	printf '[gateway]\nlisten = ["unix:%s/gateway"]\n[cluster.here]\nkind = "slurm"\n' "$T"
	engine_lines one
	printf 'expose = true\n'
} | mount_with || bail 'no mount'
wake one
echo hi > "$M/one/ask"
cat "$M/one/reply" > /dev/null
daemon=$(daemon_pid)
sleep "$SETTLE"

switches() {
	awk '/ctxt_switches/ { n += $2 } END { print n }' /proc/"$daemon"/task/*/status
}
ticks() { # of CPU, the children's not counted
	sed 's/.*) //' "/proc/$daemon/stat" | awk '{ print $12 + $13 }'
}
queries() {
	grep -c squeue "$T/slurm/calls"
}

s=$(switches) t=$(ticks) q=$(queries)
sleep "$SECONDS_IDLE"
s=$(($(switches) - s)) t=$(($(ticks) - t)) q=$(($(queries) - q))
echo "# idle: one ready job, $SECONDS_IDLE s; aim for 60 s: <= 1 query, <= 60 wake-ups, <= 1 clock tick"
awk -v s="$s" -v t="$t" -v q="$q" -v n="$SECONDS_IDLE" 'BEGIN {
	printf "context switches %4d   in 60 s: %5.1f\n", s, s * 60 / n
	printf "clock ticks      %4d   in 60 s: %5.1f\n", t, t * 60 / n
	printf "squeue           %4d   in 60 s: %5.1f\n", q, q * 60 / n
}'
