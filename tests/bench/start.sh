#!/bin/bash
# SPDX-License-Identifier: MIT
#
# From the engine's health turning good to the first waiting prompt on its wire, on a stand-in for Slurm: ROUNDS jobs, each with a start-up
# time of its own, asked 0.7 s apart; and how often squeue was asked meanwhile.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=slurm_here.sh
. "$here/slurm_here.sh"
ROUNDS=${ROUNDS:-11}

{
	printf '[gateway]\nlisten = ["unix:%s/gateway"]\n[cluster.here]\nkind = "slurm"\nmax_jobs = 1000\n' "$T"
	for ((i = 1; i <= ROUNDS; i++)); do
		engine_lines "m$i" --startup "$((1 + i % 2)).$((RANDOM % 10))"
		printf 'expose = true\n' # a machine that has no address but the loopback's
	done
} | mount_with || bail 'no mount'
began=$(uptime_s)
for ((i = 1; i <= ROUNDS; i++)); do
	echo go > "$M/m$i/ask"
	sleep 0.7
done
for ((i = 1; i <= ROUNDS; i++)); do
	wait_for 60 grep -q prompt "$T/m$i.log" || bail "m$i was not asked: $(cat "$M/m$i/status")"
done
ended=$(uptime_s)
echo "# start: engine healthy -> first waiting prompt at the engine, $ROUNDS jobs; aim <= 0.5 s at <= 1 query in 2 s"
for ((i = 1; i <= ROUNDS; i++)); do
	awk '/healthy/ { h = $2 } /prompt/ && !p { p = $2 } END { print (p - h) / 1e9 }' "$T/m$i.log"
done | sort -n | awk '{ v[NR] = $1 } END { printf "median %.3f s, least %.3f, most %.3f\n", v[int((NR + 1) / 2)], v[1], v[NR] }'
awk -v n="$(calls squeue "$began" "$ended")" -v a="$began" -v b="$ended" \
	'BEGIN { printf "%d queries of the scheduler in %.1f s: one in %.2f s\n", n, b - a, n ? (b - a) / n : 0 }'
