#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Tunnels of ours beside those of `ssh -L`, through an sshd of this script's own, with each of two ciphers: N are opened, then MIB go each
# way. No mount and no cluster is needed.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
N=${N:-50} MIB=${MIB:-64}

# shellcheck source=sshd.sh
. "$here/sshd.sh"
mkdir -p "$T/r"
sshd_start
"$BUILD/tests/bench-tunnel" serve "$T/port" &
background+=($!)
wait_for 20 test -s "$T/port" || bail 'no server'
echo "# tunnel: $N tunnels, $MIB MiB each way, the best of five in turn; aim: open <= 2 ms, throughput >= 0.9 of ssh -L"
for cipher in chacha20-poly1305@openssh.com aes128-gcm@openssh.com; do
	ssh_config "$cipher"
	local=$(free_port)
	forward "$local" 127.0.0.1 "$(cat "$T/port")"
	echo "$cipher"
	"$BUILD/tests/bench-tunnel" measure "$T/ssh_config" "$T/r" "$(cat "$T/port")" "$local" "$N" "$MIB" || bail 'no figures'
	kill "$forward"
	wait "$forward" 2> /dev/null
done
exit 0
