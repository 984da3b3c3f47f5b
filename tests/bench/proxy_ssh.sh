#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The gateway with its engine behind SSH beside `ssh -L` to the same engine, in ROUNDS rounds that take turns: requests per second, the age of
# a streamed token, a large body. The login node is an sshd of this script's own, with a stand-in for Slurm.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
ROUNDS=${ROUNDS:-3} SECONDS_EACH=${SECONDS_EACH:-1} CLIENTS=${CLIENTS:-1 50} TOKENS=${TOKENS:-400} MB=${MB:-100}
# shellcheck source=peers.sh
. "$here/peers.sh"
# shellcheck source=sshd.sh
. "$here/sshd.sh"
# shellcheck source=slurm_here.sh
. "$here/slurm_here.sh"

sshd_start -o "SetEnv=PATH=$PATH"
ssh_config aes128-gcm@openssh.com
{
	printf '[mount]\nlog_level = "error"\n[gateway]\nlisten = "127.0.0.1:0"\n'
	printf '[cluster.box]\nkind = "slurm"\nhost = "box"\nssh_config = "%s/ssh_config"\ntunnel = "login"\nworkdir = "%s/work"\n' "$T" "$T"
	upstream_lines
	printf 'expose = true\n' # a machine that has no address but the loopback's
} | mount_with || bail 'no mount'
wake m
read -r host port key < "$T/at"
local=$(free_port)
forward "$local" "$host" "$port"
ours=$(cat "$M/endpoint")
url=([ssh]=http://127.0.0.1:$local [ours]=$ours)
place ssh "$local" "$key"
place ours "${ours##*:}"
post_lua

echo "# proxy_ssh: through SSH beside ssh -L, medians of $ROUNDS rounds of $SECONDS_EACH s; aim: >= 1 (rates), <= 1.1 (ages)"
printf '%-34s %9s %9s %7s\n' '' 'ssh -L' ours ratio
row() { # NAME
	echo "$(median < "$T/figure.ssh") $(median < "$T/figure.ours")" |
		awk -v name="$1" '{ printf "%-34s %9.0f %9.0f %7.2f\n", name, $1, $2, $1 ? $2 / $1 : 0 }'
	rm -f "$T"/figure.*
}
for n in $CLIENTS; do
	for ((round = 0; round < ROUNDS; round++)); do
		for who in ssh ours; do
			rate "$n" "${url[$who]}/v1/chat/completions" -s "$T/post.lua" -H "Authorization: Bearer $key" >> "$T/figure.$who"
		done
	done
	row "requests/s, $n clients"
done
for ((round = 0; round < ROUNDS; round++)); do
	for who in ssh ours; do
		on_load "$BUILD/tests/bench-streams" load "$T/place.$who" /v1/chat/completions 1 "$TOKENS" 2000 0 > "$T/stream"
		cut -d ' ' -f 2 "$T/stream" >> "$T/figure.$who"
		cut -d ' ' -f 3 "$T/stream" >> "$T/p99.$who"
	done
done
row "age of a token, p50, us"
mv "$T/p99.ssh" "$T/figure.ssh"
mv "$T/p99.ours" "$T/figure.ours"
row "age of a token, p99, us"
for ((round = 0; round < ROUNDS; round++)); do
	on_load curl -s -o /dev/null -w '%{speed_download}\n' -H "Authorization: Bearer $key" "${url[ssh]}/big/$((MB * 1000000))" >> "$T/figure.ssh"
	on_load curl -s -o /dev/null -w '%{speed_download}\n' "${url[ours]}/m/big/$((MB * 1000000))" >> "$T/figure.ours"
done
row "download of $MB MB, bytes/s"
