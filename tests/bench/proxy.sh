#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The gateway beside nginx and HAProxy in front of the same trivial engine: requests per second at several numbers of clients, and large
# bodies both ways, in ROUNDS rounds that take turns. Each proxy has one worker, on one core; the load and the engine share the other one.
# The last column asks as programs do: a POST that is found by its "model", goes through the model's line and is counted.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
ROUNDS=${ROUNDS:-3} SECONDS_EACH=${SECONDS_EACH:-1} CLIENTS=${CLIENTS:-1 50 300 1000} MB=${MB:-200}
# shellcheck source=peers.sh
. "$here/peers.sh"

peers_mount

post_lua
declare -A target=([nginx]=${url[nginx]}/x [haproxy]=${url[haproxy]}/x [ours]=${url[ours]}/m/x [asked]=${url[ours]}/v1/chat/completions)
echo "# proxy: requests/s, 256 bytes, keep-alive, medians of $ROUNDS rounds of $SECONDS_EACH s; aims: >= the better of both, 1.5 times it at 300"
printf '%8s %9s %9s %9s %9s   %s\n' clients nginx haproxy ours asked 'ours and asked over the better'
for n in $CLIENTS; do
	rm -f "$T"/rates.*
	for ((round = 0; round < ROUNDS; round++)); do
		for who in nginx haproxy ours asked; do
			options=()
			[ "$who" != asked ] || options=(-s "$T/post.lua")
			rate "$n" "${target[$who]}" "${options[@]}" >> "$T/rates.$who"
		done
	done
	for who in nginx haproxy ours asked; do
		median < "$T/rates.$who"
	done | xargs | awk -v n="$n" '{ b = $1 > $2 ? $1 : $2; printf "%8d %9.0f %9.0f %9.0f %9.0f   %.2f %.2f\n", n, $1, $2, $3, $4, $3 / b, $4 / b }'
done

echo "# proxy: MB/s of one large body, medians of $ROUNDS; aim: >= 0.9 of HAProxy"
head -c "$((MB / 2))M" /dev/zero > "$T/body"
down() {
	on_load curl -s -o /dev/null -w '%{speed_download}\n' "${target[$1]}/big/$((MB * 1000000))"
}
up() {
	on_load curl -s -o /dev/null -w '%{speed_upload}\n' -H 'Expect:' --data-binary "@$T/body" "${target[$1]}"
}
for way in down up; do
	rm -f "$T"/rates.*
	for ((round = 0; round < ROUNDS; round++)); do
		for who in nginx haproxy ours; do
			"$way" "$who" >> "$T/rates.$who"
		done
	done
	for who in nginx haproxy ours; do
		median < "$T/rates.$who"
	done | xargs | awk -v way="$way" '{ printf "%-4s nginx %.0f, haproxy %.0f, ours %.0f: %.2f\n", way, $1 / 1e6, $2 / 1e6, $3 / 1e6, $3 / $2 }'
done
