# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# An sshd of the script's own on this machine, for a user key of its own.

if [ ! -x /usr/sbin/sshd ]; then
	echo "# ${0##*/}: /usr/sbin/sshd is not installed"
	exit 0
fi
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
listens() {
	(: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null
}

# sshd_start [SSHD OPTIONS]: $sshd_port is its port.
sshd_start() {
	ssh-keygen -q -t ed25519 -N '' -f "$T/host"
	ssh-keygen -q -t ed25519 -N '' -f "$T/user"
	cp "$T/user.pub" "$T/authorized"
	sshd_port=$(free_port)
	/usr/sbin/sshd -D -f /dev/null -E "$T/sshd.log" -o ListenAddress=127.0.0.1:"$sshd_port" -o HostKey="$T/host" \
		-o AuthorizedKeysFile="$T/authorized" -o StrictModes=no -o PidFile=none -o UsePAM=no -o PermitRootLogin=yes -o MaxStartups=100 "$@" &
	background+=($!)
	wait_for 20 listens "$sshd_port" || bail 'no sshd'
	echo "[127.0.0.1]:$sshd_port $(cut -d ' ' -f 1,2 "$T/host.pub")" > "$T/known"
}

# ssh_config CIPHER: $T/ssh_config, whose host `box` is that sshd.
ssh_config() {
	cat > "$T/ssh_config" <<- END
		Host box
			HostName 127.0.0.1
			Port $sshd_port
			User $(id -un)
			IdentityFile "$T/user"
			IdentitiesOnly yes
			IdentityAgent none
			UserKnownHostsFile "$T/known"
			GlobalKnownHostsFile /dev/null
			Ciphers $1
	END
	chmod 600 "$T/ssh_config"
}

# forward LOCAL HOST PORT: an `ssh -L` of its own connection, whose pid is $forward.
forward() {
	ssh -F "$T/ssh_config" -N -o BatchMode=yes -o ExitOnForwardFailure=yes -L "127.0.0.1:$1:$2:$3" box &
	forward=$!
	background+=("$forward")
	wait_for 20 listens "$1" || bail 'no ssh -L'
}
