#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Tunnels of ours beside those of `ssh -L`, through an sshd of this script's own, with each of two ciphers: N are opened, then MIB go each
# way. No mount and no cluster is needed.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
N=${N:-50} MIB=${MIB:-64}

if [ ! -x /usr/sbin/sshd ]; then
	echo '# tunnel: /usr/sbin/sshd is not installed'
	exit 0
fi
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
mkdir -p "$T/r"
ssh-keygen -q -t ed25519 -N '' -f "$T/host"
ssh-keygen -q -t ed25519 -N '' -f "$T/user"
cp "$T/user.pub" "$T/authorized"

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
listens() {
	(: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null
}

port=$(free_port)
/usr/sbin/sshd -D -f /dev/null -E "$T/sshd.log" -o ListenAddress=127.0.0.1:"$port" -o HostKey="$T/host" \
	-o AuthorizedKeysFile="$T/authorized" -o StrictModes=no -o PidFile=none -o UsePAM=no -o PermitRootLogin=yes -o MaxStartups=100 &
background+=($!)
wait_for 20 listens "$port" || bail 'no sshd'
"$BUILD/tests/bench-tunnel" serve "$T/port" &
background+=($!)
wait_for 20 test -s "$T/port" || bail 'no server'
echo "[127.0.0.1]:$port $(cut -d ' ' -f 1,2 "$T/host.pub")" > "$T/known"

echo "# tunnel: $N tunnels, $MIB MiB each way, the best of five in turn; aim: open <= 2 ms, throughput >= 0.9 of ssh -L"
for cipher in chacha20-poly1305@openssh.com aes128-gcm@openssh.com; do
	cat > "$T/ssh_config" <<- END
		Host box
			HostName 127.0.0.1
			Port $port
			User $(id -un)
			IdentityFile "$T/user"
			IdentitiesOnly yes
			IdentityAgent none
			UserKnownHostsFile "$T/known"
			GlobalKnownHostsFile /dev/null
			Ciphers $cipher
	END
	chmod 600 "$T/ssh_config"
	local=$(free_port)
	ssh -F "$T/ssh_config" -N -o BatchMode=yes -o ExitOnForwardFailure=yes -L "127.0.0.1:$local:127.0.0.1:$(cat "$T/port")" box &
	forward=$!
	background+=("$forward")
	wait_for 20 listens "$local" || bail 'no ssh -L'
	echo "$cipher"
	"$BUILD/tests/bench-tunnel" measure "$T/ssh_config" "$T/r" "$(cat "$T/port")" "$local" "$N" "$MIB" || bail 'no figures'
	kill "$forward"
	wait "$forward" 2> /dev/null
done
exit 0
