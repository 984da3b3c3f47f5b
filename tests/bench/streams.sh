#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Streamed answers through the gateway beside nginx and HAProxy, in ROUNDS rounds that take turns: what a token gains in age on its way, of one
# stream and of STREAMS at 50 tokens a second each, and the memory of a stream; how soon the engine's connection ends when a client leaves in
# mid-stream.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
ROUNDS=${ROUNDS:-3} TOKENS=${TOKENS:-400} STREAMS=${STREAMS:-1000} EACH=${EACH:-250} LEAVING=${LEAVING:-200}
# shellcheck source=peers.sh
. "$here/peers.sh"

peers_mount
path=/v1/chat/completions
streams() { # VERB WHO ARGS...
	local verb=$1 who=$2
	shift 2
	on_load "$BUILD/tests/bench-streams" "$verb" "$T/place.$who" "$path" "$@"
}

echo "# streams: microseconds from a token's sending to its arrival, one stream, $TOKENS tokens, medians of $ROUNDS rounds; aim: <= 1.1 of the better peer"
for ((round = 0; round < ROUNDS; round++)); do
	for who in direct nginx haproxy ours; do
		streams load "$who" 1 "$TOKENS" 2000 0 >> "$T/one.$who"
	done
done
printf '%10s %9s %9s\n' '' p50 p99
for who in direct nginx haproxy ours; do
	echo "$who $(cut -d ' ' -f 2 "$T/one.$who" | median) $(cut -d ' ' -f 3 "$T/one.$who" | median)"
done | awk '{ printf "%10s %9d %9d\n", $1, $2, $3; p50[$1] = $2; p99[$1] = $3 }
	function less(a, b) { return a < b ? a : b }
	END {
		printf "ours over the better: p50 %.2f, p99 %.2f; what each adds to direct: p50 %.2f\n", p50["ours"] / less(p50["nginx"], p50["haproxy"]),
			p99["ours"] / less(p99["nginx"], p99["haproxy"]), (p50["ours"] - p50["direct"]) / (less(p50["nginx"], p50["haproxy"]) - p50["direct"])
	}'

echo "# streams: $STREAMS of 50 tokens/s, $EACH tokens each; aims: all of them, p99 <= 20 ms, <= 16 KiB a stream"
printf '%10s %9s %9s %9s %9s %12s %14s %9s\n' '' 'lost' 'p50 ms' 'p99 ms' 'most ms' 'KiB each' 'CPU us a token' 'begun ms'
for who in direct nginx haproxy ours; do
	pid=${pid_of[$who]:-$upstream}
	before=$(cpu_us "$pid")
	result=$(streams load "$who" "$STREAMS" "$EACH" 20000 "$pid")
	echo "$result $(($(cpu_us "$pid") - before))" | awk -v who="$who" -v all="$((STREAMS * EACH))" '{
		printf "%10s %9d %9.1f %9.1f %9.1f %12.1f %14.1f %9d\n", who, all - $1, $2 / 1000, $3 / 1000, $4 / 1000, $5, $7 / all, $6 }'
done

echo "# streams: $LEAVING clients leave in mid-stream -> the engine's connection ends, milliseconds; aim: p99 <= 100"
printf '%10s %9s %9s %9s\n' '' p50 p99 'never'
for who in nginx haproxy ours; do
	: > "$T/gone"
	streams gone "$who" "$LEAVING" 100000 20000 > "$T/left"
	wait_for 10 awk -v n="$LEAVING" 'END { exit NR < n }' "$T/gone"
	join <(sort "$T/left") <(sort "$T/gone") | awk '{ print ($3 - $2) / 1e6 }' | sort -n |
		awk -v who="$who" -v n="$LEAVING" '{ v[NR] = $1 } END { printf "%10s %9.2f %9.2f %9d\n", who, v[int((NR + 1) / 2)], v[int(NR * 0.99)], n - NR }'
done
