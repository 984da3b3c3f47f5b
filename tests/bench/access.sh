#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What access by keys, their limits, the access log and the figures cost: two gateways, one that lets everybody in and writes nothing down,
# and one with all of it and KEYS keys, in ROUNDS rounds that take turns. Both count for /metrics, which nothing turns off.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
ROUNDS=${ROUNDS:-5} SECONDS_EACH=${SECONDS_EACH:-1} CLIENTS=${CLIENTS:-1 50 300} KEYS=${KEYS:-20}
# shellcheck source=peers.sh
. "$here/peers.sh"

{
	printf '[mount]\nlog_level = "error"\n[gateway]\nlisten = "127.0.0.1:0"\naccess = "open"\n[cluster.local]\nkind = "local"\n'
	upstream_lines
} | mount_with || bail 'no mount'
wake m
url[without]=$(cat "$M/endpoint")
pid_of[without]=$(daemon_pid)

M=$T/llm2
mkdir "$M"
{
	printf '[mount]\nlog_level = "error"\nstate_dir = "%s/state2"\n' "$T"
	printf '[gateway]\nlisten = "127.0.0.1:0"\naccess = "token"\ntoken_file = "%s/token"\naccess_log = "%s/access.log"\n' "$T" "$T"
	printf '[cluster.local]\nkind = "local"\n'
	upstream_lines 2
} > "$T/config.toml"
mkdir -m 700 "$T/state2"
(umask 077 && head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$T/token")
for ((i = 0; i < KEYS; i++)); do
	key=$("$SLULLAMAFS" key generate --name "k$i" --concurrent 4096 --requests-per-minute 100000000 --requests-per-day 1000000000 \
		--tokens-per-minute 100000000000 --tokens-per-day 100000000000 -c "$T/config.toml" 2> /dev/null) || bail 'no key'
done
mount_again || bail 'no second mount'
wake m
url[with]=$(cat "$M/endpoint")
pid_of[with]=$(daemon_pid "$M")
for pid in "${pid_of[@]}"; do
	taskset -a -c -p 0 "$pid" > /dev/null
done
for pid in $(pgrep -f "bench-upstream .*$T/at"); do
	taskset -a -c -p 1 "$pid" > /dev/null
done
post_lua

echo "# access: requests/s with keys ($KEYS), limits and access log beside none of them, medians of $ROUNDS rounds; aim: >= 0.9"
printf '%8s %9s %9s %9s %14s\n' clients without with ratio 'CPU us of each'
for n in $CLIENTS; do
	rm -f "$T"/rates.* "$T"/cpu.*
	for ((round = 0; round < ROUNDS; round++)); do
		for who in without with; do
			before=$(cpu_us "${pid_of[$who]}")
			r=$(rate "$n" "${url[$who]}/v1/chat/completions" -s "$T/post.lua" -H "Authorization: Bearer $key")
			echo "$r" >> "$T/rates.$who"
			echo "$(($(cpu_us "${pid_of[$who]}") - before)) $r" | awk -v s="$SECONDS_EACH" '{ print $2 ? $1 / $2 / s : 0 }' >> "$T/cpu.$who"
		done
	done
	for file in rates.without rates.with cpu.without cpu.with; do
		median < "$T/$file"
	done | xargs | awk -v n="$n" '{ printf "%8d %9.0f %9.0f %9.2f %7.1f %6.1f\n", n, $1, $2, $1 ? $2 / $1 : 0, $3, $4 }'
done
